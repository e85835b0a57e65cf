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
//! let store = Store::open(dir, store::Options::default())?;
//! let sandbox = Sandbox::new(Limits::default())?;
//! let options = Options { filters: vec![Filter::Dangling(true)], ..Options::default() };
//! assert!(list(&store, &sandbox, &options)?.is_empty());
//! # Ok(())
//! # }
//! ```

use std::cmp::Ordering;
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
    /// It was created before the image with this ID.
    Before(Digest),
    /// It was created after the image with this ID.
    Since(Digest),
    /// It was created before this moment.
    Until(SystemTime),
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
    pub created: Option<Timestamp>,
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
    /// The image to compare with is not known.
    #[error("wanted the image `{id}` to compare with, which is not here")]
    UnknownImage {
        /// Its ID.
        id: Digest,
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
/// A name with a digest is left out where a tag of its repository points at the same.
///
/// # Errors
/// [`ListError`] as its cases say.
pub fn list(store: &Store, sandbox: &Sandbox, options: &Options) -> Result<Vec<Row>, ListError> {
    let listing = store.images().listing()?;
    let mut named = vec![false; listing.images.len()];
    for name in &listing.names {
        if let Some(named) = named.get_mut(name.image) {
            *named = true;
        }
    }
    let created: Vec<Option<Timestamp>> = listing.images.iter().map(created).collect();
    let chosen = Chosen::new(store, sandbox, options, &listing.images, &created)?;
    let images: Vec<Arc<ListedImage>> = listing.images.into_iter().map(Arc::new).collect();
    let mut fits = Vec::with_capacity(images.len());
    for ((image, named), created) in images.iter().zip(&named).zip(&created) {
        fits.push(chosen.fits(image, *named, *created)?);
    }
    let row = |at: usize| -> Option<(Arc<ListedImage>, Option<Timestamp>)> {
        (*fits.get(at)?).then(|| Some((images.get(at)?.clone(), *created.get(at)?)))?
    };
    let mut rows = Vec::new();
    let mut tagged: Vec<ListedName> = Vec::new();
    let mut familiar = Familiar::default();
    for name in listing.names {
        let Some((image, created)) = row(name.image) else { continue };
        if !chosen.takes(&name)? {
            continue;
        }
        let same_repository =
            |other: &ListedName| other.name.domain == name.name.domain && other.name.path == name.name.path;
        if !tagged.last().is_some_and(same_repository) {
            tagged.clear();
        }
        let again = |other: &ListedName| other.target == name.target && other.image == name.image;
        if name.name.digest.is_some() && tagged.iter().any(again) {
            continue;
        }
        rows.push(Row {
            repository: Some(familiar.of(sandbox, &name.name)?),
            tag: name.name.tag.clone(),
            target: Some(name.target.clone()),
            image,
            created,
        });
        tagged.push(name);
    }
    if !chosen.names_only() {
        let unnamed = named.iter().enumerate().filter(|(_, named)| !**named);
        rows.extend(unnamed.filter_map(|(at, _)| row(at)).map(|(image, created)| Row {
            repository: None,
            tag: None,
            target: None,
            image,
            created,
        }));
    }
    rows.sort_by(|left, right| order(options.sort, left, right));
    Ok(rows)
}

/// When an image was created, as far as its config says.
fn created(image: &ListedImage) -> Option<Timestamp> {
    image.created.as_deref()?.parse().ok()
}

fn order(sort: Sort, left: &Row, right: &Row) -> Ordering {
    // `None` would come first.
    let last = |text: &Option<String>| (text.is_none(), text.clone());
    let repository = || last(&left.repository).cmp(&last(&right.repository));
    let tag = || last(&left.tag).cmp(&last(&right.tag));
    let by_name = || repository().then_with(tag).then_with(|| left.image.id.cmp(&right.image.id));
    match sort {
        Sort::Created => right.created.cmp(&left.created).then_with(by_name),
        Sort::Id => left.image.id.cmp(&right.image.id).then_with(by_name),
        Sort::Repository => by_name(),
        Sort::Tag => tag().then_with(by_name),
        Sort::Size => right.image.unpacked_size.cmp(&left.image.unpacked_size).then_with(by_name),
    }
}

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
        let repository = ImageName { tag: None, digest: None, ..name.clone() };
        let familiar = sandbox.familiar_string(&Reference::Named(repository.clone()))?;
        self.0 = Some((repository, familiar.clone()));
        Ok(familiar)
    }
}

/// The filters, with what they compare with looked up.
struct Chosen<'a> {
    store: &'a Store,
    sandbox: &'a Sandbox,
    options: &'a Options,
    /// For each filter that compares with an image: when that was created.
    bounds: Vec<Option<Timestamp>>,
    shows_intermediate: bool,
}

impl<'a> Chosen<'a> {
    fn new(
        store: &'a Store,
        sandbox: &'a Sandbox,
        options: &'a Options,
        images: &[ListedImage],
        created: &[Option<Timestamp>],
    ) -> Result<Self, ListError> {
        let bound = |filter: &Filter| match filter {
            Filter::Before(id) | Filter::Since(id) => {
                let at = images.binary_search_by(|image| image.id.cmp(id));
                let at = at.map_err(|_| ListError::UnknownImage { id: id.clone() })?;
                Ok(created.get(at).copied().flatten())
            }
            Filter::Until(moment) => Ok(Timestamp::try_from(*moment).ok()),
            _ => Ok(None),
        };
        let bounds = options.filters.iter().map(bound).collect::<Result<Vec<_>, ListError>>()?;
        let asked = |filter: &Filter| matches!(filter, Filter::Intermediate(_) | Filter::Id(_));
        let shows_intermediate = options.all || options.filters.iter().any(asked);
        Ok(Chosen { store, sandbox, options, bounds, shows_intermediate })
    }

    /// Whether an image is listed at all.
    fn fits(&self, image: &ListedImage, named: bool, created: Option<Timestamp>) -> Result<bool, ListError> {
        let intermediate = !named && image.is_parent;
        if intermediate && !self.shows_intermediate {
            return Ok(false);
        }
        let mut ids = self.options.filters.iter().filter_map(|filter| match filter {
            Filter::Id(digits) => Some(image.id.hex().starts_with(digits.as_str())),
            _ => None,
        });
        if let Some(first) = ids.next()
            && !first
            && !ids.any(|fits| fits)
        {
            return Ok(false);
        }
        let mut labels = None;
        for (filter, bound) in self.options.filters.iter().zip(&self.bounds) {
            let fits = match filter {
                Filter::Dangling(wanted) => (!named && !image.is_parent) == *wanted,
                Filter::Intermediate(wanted) => intermediate == *wanted,
                Filter::Before(_) | Filter::Until(_) => created < *bound,
                Filter::Since(_) => created > *bound,
                Filter::Label(label) | Filter::NoLabel(label) => {
                    let labels = match &labels {
                        Some(labels) => labels,
                        None => labels.insert(self.labels(&image.id)?),
                    };
                    label.is_among(labels) == matches!(filter, Filter::Label(_))
                }
                Filter::Reference(_) | Filter::Id(_) | Filter::Digest(_) => true,
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(true)
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
