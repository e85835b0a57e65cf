//! Listing images: which of them, under which names, in which order.
//!
//! ```
//! use consign::list::{Filter, Options, list};
//! # use cap_std::ambient_authority;
//! # use cap_std::fs::Dir;
//! # use consign::sandbox::{Limits, Sandbox};
//! # use consign::store::{self, Store};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let dir = Dir::open_ambient_dir(directory.path(), ambient_authority())?;
//! let store = std::sync::Arc::new(Store::open(dir, store::Options::default())?);
//! let sandbox = Sandbox::new(Limits::default())?;
//! let options = Options { filters: vec![Filter::Dangling(true)], ..Options::default() };
//! assert!(list(&[store], &sandbox, &options)?.is_empty());
//! # Ok(())
//! # }
//! ```

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::digest::Digest;
use crate::image::{self, ImageError, Label};
use crate::sandbox::{Sandbox, SandboxError};
use crate::store::{ListedImage, ListedName, Store, StoreError};
use crate::types::ImageName;
use crate::types::references::{PatternError, Reference};

/// Which images are listed, and how.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Also images without a name that others were built on.
    pub all: bool,
    /// What an image has to fit: all of these. Of several [`Filter::Reference`]s it has to fit one, and so of
    /// several [`Filter::Id`]s and [`Filter::Digest`]s.
    pub filters: Vec<Filter>,
    /// In which order.
    pub sort: Sort,
}

/// What a listed image has to fit: docker's filters, and podman's.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Filter {
    /// It has no name, and no image was built on it; or not so.
    Dangling(bool),
    /// It has no name, and images were built on it; or not so. Lists intermediate images even without
    /// [`Options::all`].
    Intermediate(bool),
    /// Its config has this label.
    Label(Label),
    /// Its config does not have this label.
    NoLabel(Label),
    /// It was created before this moment; one that does not say when was created before any.
    Before(SystemTime),
    /// It was created after this moment.
    Since(SystemTime),
    /// A name of it fits this pattern (distribution/reference, `FamiliarMatch`); only these names are listed.
    Reference(String),
    /// Its ID starts with these hexadecimal digits.
    Id(String),
    /// A name of it points at this digest; only these names are listed.
    Digest(Digest),
}

/// The order of a list. Equal ones are by name, then ID.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// The newest first, as docker and podman list; those that do not say when they were created last.
    #[default]
    Created,
    /// By ID, ascending.
    Id,
    /// By repository, then tag, ascending; images without a name last.
    Repository,
    /// By tag, then repository, ascending; images without a name last.
    Tag,
    /// The largest first.
    Size,
}

/// One line of a list: an image under one name, or under none.
#[derive(Debug, Clone)]
pub struct Row {
    /// The repository in its familiar form. `None`: the image has no name.
    pub repository: Option<String>,
    /// The tag. `None` for a name with a digest, and without a name.
    pub tag: Option<String>,
    /// What the name points at.
    pub target: Option<Digest>,
    /// The image.
    pub image: Arc<ListedImage>,
    /// When it was created, as far as its config says.
    pub created: Option<SystemTime>,
    /// Which of the stores it is in; all but the first are additional ones.
    pub store: usize,
}

/// Why images cannot be listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// A pattern is none.
    #[error("not a pattern: `{pattern}`: wanted {}, at byte {}", error.expected, error.offset)]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// An image's labels cannot be read.
    #[error("reading the labels of `{id}`")]
    Labels {
        /// The image.
        id: Digest,
        /// Why.
        source: ImageError,
    },
    /// The store could not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component could not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

/// Lists images: one row for each name that leads to one, and one for each image without a name.
///
/// A name with a digest is left out where a tag of its repository points at the same. Names and images that an
/// earlier store has, too, are left out of the later ones.
///
/// # Errors
/// [`ListError`] as its cases say.
pub fn list(stores: &[Arc<Store>], sandbox: &Sandbox, options: &Options) -> Result<Vec<Row>, ListError> {
    let mut rows: Vec<Row> = Vec::new();
    for (position, store) in stores.iter().enumerate() {
        let mut found = list_one(store, position, sandbox, options)?;
        if position > 0 {
            let names: HashSet<_> =
                rows.iter().map(|row| (&row.repository, &row.tag, &row.image.id)).collect();
            let ids: HashSet<_> = rows.iter().map(|row| &row.image.id).collect();
            let tags: HashSet<_> = rows.iter().map(|row| (&row.repository, &row.tag)).collect();
            found.retain(|row| match (&row.repository, &row.tag) {
                (None, _) => !ids.contains(&row.image.id),
                (Some(_), None) => !names.contains(&(&row.repository, &row.tag, &row.image.id)),
                (Some(_), Some(_)) => !tags.contains(&(&row.repository, &row.tag)),
            });
        }
        rows.extend(found);
    }
    rows.sort_unstable_by(|left, right| order(options.sort, left, right));
    Ok(rows)
}

fn list_one(
    store: &Store,
    position: usize,
    sandbox: &Sandbox,
    options: &Options,
) -> Result<Vec<Row>, ListError> {
    let chosen = Chosen { store, sandbox, options, shows_intermediate: shows_intermediate(options) };
    let mut found = Found::default();
    let images = store.images().listing(|images, name| found.add(&chosen, images, name, position))?;
    if let Some(error) = found.failed {
        return Err(error);
    }
    let Found { mut rows, fits, .. } = found;
    if !chosen.names_only() {
        for (at, image) in images.iter().enumerate() {
            let created = created(image);
            if fits.get(at).is_none_or(Option::is_none) && chosen.fits(image, false, created) {
                let image = image.clone();
                rows.push(Row { repository: None, tag: None, target: None, image, created, store: position });
            }
        }
    }
    chosen.keep_labelled(&mut rows)?;
    Ok(rows)
}

/// The rows of the names so far.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    /// For each image with a name: whether it is listed.
    fits: Vec<Option<bool>>,
    /// The tags of the repository that names are of now.
    tagged: Vec<ListedName>,
    familiar: Familiar,
    failed: Option<ListError>,
}

impl Found {
    /// One more name; nothing after an error.
    fn add(&mut self, chosen: &Chosen<'_>, images: &[Arc<ListedImage>], name: ListedName, store: usize) {
        if self.failed.is_none()
            && let Err(error) = self.try_add(chosen, images, name, store)
        {
            self.failed = Some(error);
        }
    }

    fn try_add(
        &mut self,
        chosen: &Chosen<'_>,
        images: &[Arc<ListedImage>],
        name: ListedName,
        store: usize,
    ) -> Result<(), ListError> {
        self.fits.resize(images.len(), None);
        let (Some(image), Some(fits)) = (images.get(name.image), self.fits.get_mut(name.image)) else {
            return Ok(());
        };
        let created = created(image);
        let listed = match fits {
            Some(listed) => *listed,
            None => *fits.insert(chosen.fits(image, true, created)),
        };
        if !listed || !chosen.takes(&name)? {
            return Ok(());
        }
        let same_repository =
            |other: &ListedName| other.name.domain == name.name.domain && other.name.path == name.name.path;
        if !self.tagged.last().is_some_and(same_repository) {
            self.tagged.clear();
        }
        let again = |other: &ListedName| other.target == name.target && other.image == name.image;
        if name.name.digest.is_some() && self.tagged.iter().any(again) {
            return Ok(());
        }
        self.rows.push(Row {
            repository: Some(self.familiar.of(chosen.sandbox, &name.name)?),
            tag: name.name.tag.clone(),
            target: Some(name.target.clone()),
            image: image.clone(),
            created,
            store,
        });
        self.tagged.push(name);
        Ok(())
    }
}

/// When an image was created, as far as its config says.
fn created(image: &ListedImage) -> Option<SystemTime> {
    image.created.as_deref()?.parse::<Timestamp>().ok().map(SystemTime::from)
}

fn order(sort: Sort, left: &Row, right: &Row) -> Ordering {
    // `None` would come first.
    let last = |left: &Option<String>, right: &Option<String>| {
        left.is_none().cmp(&right.is_none()).then_with(|| left.cmp(right))
    };
    let repository = || last(&left.repository, &right.repository);
    let tag = || last(&left.tag, &right.tag);
    let by_name = || repository().then_with(tag).then_with(|| left.image.id.cmp(&right.image.id));
    match sort {
        Sort::Created => right.created.cmp(&left.created).then_with(by_name),
        Sort::Id => left.image.id.cmp(&right.image.id).then_with(by_name),
        Sort::Repository => by_name(),
        Sort::Tag => tag().then_with(by_name),
        Sort::Size => right.image.unpacked_size.cmp(&left.image.unpacked_size).then_with(by_name),
    }
}

/// The domain that familiar names leave out.
const DEFAULT_DOMAIN: &str = "docker.io";

/// Repositories in their familiar form; names come by repository, so the last one is often asked for again.
#[derive(Default)]
struct Familiar(Option<(ImageName, String)>);

impl Familiar {
    fn of(&mut self, sandbox: &Sandbox, name: &ImageName) -> Result<String, SandboxError> {
        if let Some((known, familiar)) = &self.0
            && (&known.domain, &known.path) == (&name.domain, &name.path)
        {
            return Ok(familiar.clone());
        }
        // Only the default domain has a shorter form.
        if name.domain != DEFAULT_DOMAIN {
            return Ok(format!("{}/{}", name.domain, name.path));
        }
        let repository = ImageName { tag: None, digest: None, ..name.clone() };
        let familiar = sandbox.familiar_string(&Reference::Named(repository.clone()))?;
        self.0 = Some((repository, familiar.clone()));
        Ok(familiar)
    }
}

/// The filters, over one store.
struct Chosen<'a> {
    store: &'a Store,
    sandbox: &'a Sandbox,
    options: &'a Options,
    shows_intermediate: bool,
}

/// Whether images without a name that others were built on are listed.
fn shows_intermediate(options: &Options) -> bool {
    let asked = |filter: &Filter| matches!(filter, Filter::Intermediate(_) | Filter::Id(_));
    options.all || options.filters.iter().any(asked)
}

impl Chosen<'_> {
    /// Whether an image is listed, as far as the catalogue tells.
    fn fits(&self, image: &ListedImage, named: bool, created: Option<SystemTime>) -> bool {
        let intermediate = !named && image.is_parent;
        if intermediate && !self.shows_intermediate {
            return false;
        }
        let mut ids = self.options.filters.iter().filter_map(|filter| match filter {
            Filter::Id(digits) => Some(image.id.hex().starts_with(digits.as_str())),
            _ => None,
        });
        if let Some(first) = ids.next()
            && !first
            && !ids.any(|fits| fits)
        {
            return false;
        }
        self.options.filters.iter().all(|filter| match filter {
            Filter::Dangling(wanted) => (!named && !image.is_parent) == *wanted,
            Filter::Intermediate(wanted) => intermediate == *wanted,
            Filter::Before(moment) => created < Some(*moment),
            Filter::Since(moment) => created > Some(*moment),
            Filter::Label(_) | Filter::NoLabel(_) => true,
            Filter::Reference(_) | Filter::Id(_) | Filter::Digest(_) => true,
        })
    }

    /// Leaves out images whose labels do not fit. Their configs are read for it, each once.
    fn keep_labelled(&self, rows: &mut Vec<Row>) -> Result<(), ListError> {
        let wanted = |filter: &&Filter| matches!(filter, Filter::Label(_) | Filter::NoLabel(_));
        let filters: Vec<&Filter> = self.options.filters.iter().filter(wanted).collect();
        if filters.is_empty() {
            return Ok(());
        }
        let mut fits: HashMap<Digest, bool> = HashMap::new();
        for row in rows.iter() {
            if !fits.contains_key(&row.image.id) {
                let labels = self.labels(&row.image.id)?;
                let all = filters.iter().all(|filter| match filter {
                    Filter::Label(label) => label.is_among(&labels),
                    Filter::NoLabel(label) => !label.is_among(&labels),
                    _ => true,
                });
                fits.insert(row.image.id.clone(), all);
            }
        }
        rows.retain(|row| fits.get(&row.image.id).copied().unwrap_or(false));
        Ok(())
    }

    fn labels(&self, id: &Digest) -> Result<Vec<(String, String)>, ListError> {
        image::labels(self.store, self.sandbox, id)
            .map_err(|source| ListError::Labels { id: id.clone(), source })
    }

    /// Whether only images with a name can be listed.
    fn names_only(&self) -> bool {
        self.options.filters.iter().any(|filter| matches!(filter, Filter::Reference(_) | Filter::Digest(_)))
    }

    /// Whether this name is listed, if its image is.
    fn takes(&self, name: &ListedName) -> Result<bool, ListError> {
        let (mut patterns, mut digests) = (None, None);
        for filter in &self.options.filters {
            match filter {
                Filter::Reference(pattern) if patterns != Some(true) => {
                    let reference = Reference::Named(name.name.clone());
                    let fits = self.sandbox.familiar_match(pattern, &reference)?;
                    let wrong = |error| ListError::Pattern { pattern: pattern.clone(), error };
                    patterns = Some(fits.map_err(wrong)?);
                }
                Filter::Digest(digest) if digests != Some(true) => digests = Some(name.target == *digest),
                _ => {}
            }
        }
        Ok(patterns != Some(false) && digests != Some(false))
    }
}
