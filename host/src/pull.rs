//! Pulling: an image from a registry into the store.
//!
//! The name is asked for at each place in order until one has it. The manifest is chosen there as `inspect`
//! chooses it, and then it is a [`load`]: what the store has is not fetched, every
//! digest, size and diff ID is checked as it passes, and one transaction makes it known. What came of a layer
//! when a pull ended early is kept, and the next one, of whichever process, goes on with it.

mod error;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::layer::compression::Expansion;
use crate::load::{self, Count, LoadError, LoadedImage, Progress};
use crate::policy::Trust;
use crate::registry::{RegistryError, Repository};
use crate::resolve::{self, resolve};
use crate::sandbox::Sandbox;
use crate::source::{DOCUMENT_LIMIT, Source, SourceContent, SourceError};
use crate::store::{EventKind, Store, Target};
use crate::transport::registry::{RegistryImage, reference};
use crate::types::resolution::{self, Resolved, Subject};
use crate::types::{Descriptor, ImageName, Platform};

pub use error::{PlaceFailure, PullError};

/// When to ask a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Always: whether the name means another image there now.
    Always,
    /// Where the store does not have all of the image.
    Missing,
    /// As always, but what the store has is good enough where no registry answers.
    Newer,
    /// Never.
    Never,
}

/// Which images of an index to pull.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Those for these platforms; of an empty list this machine's.
    Platforms(Vec<Platform>),
    /// All, with whatever else the index lists.
    All,
}

/// What to pull, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// When to ask a registry.
    pub policy: Policy,
    /// Which images of an index.
    pub wanted: Wanted,
    /// How an image is chosen for a platform; its own `platform` does not count.
    pub choice: resolution::Options,
    /// Labels every image has to have before anything but documents is fetched: a key, and its value where that
    /// counts.
    pub labels: Vec<(String, Option<String>)>,
    /// What a layer may expand to.
    pub expansion: Expansion,
    /// Leave it to their first use to see whether layers have the diff IDs that their config says, and to index them.
    pub defer: bool,
    /// Layers worked on at the same time. 0: as many as there are processors, at least 2, at most 4.
    pub threads: usize,
}

/// Somewhere an image may be.
#[derive(Clone)]
pub struct Place {
    /// Where.
    pub repository: Repository,
    /// What it is called there: a mirror's repository has another name.
    pub name: ImageName,
    /// Who is asked whether the image may be pulled, about the manifest and before its layers are fetched. `None`: it
    /// may.
    pub trust: Option<Arc<Trust>>,
}

/// What was pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The name in the store.
    pub name: ImageName,
    /// What the name points at: an index or a manifest.
    pub target: Descriptor,
    /// The images, in the order of the platforms, or of the index.
    pub images: Vec<LoadedImage>,
    /// The store had all of it before.
    pub was_here: bool,
    /// Layers and other blobs that were fetched.
    pub written: Count,
    /// Layers and other blobs that the store had already.
    pub present: Count,
}

/// Pulls `name` into `store`, from the first of `places` that has it.
///
/// # Errors
///
/// [`PullError::Nowhere`] with every place's reason; whatever else the image could not be had for.
pub fn pull(
    store: &Arc<Store>,
    sandbox: &Arc<Sandbox>,
    name: &ImageName,
    places: &[Place],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Pulled, PullError> {
    let work = Pull { store, sandbox, options };
    let name = stored_name(name);
    let known = store.names().get(&name)?;
    let here = known.as_ref().map(|target| work.complete(&name, target)).transpose()?.flatten();
    match (options.policy, here) {
        (Policy::Missing | Policy::Never, Some(here)) => Ok(here),
        (Policy::Never, None) => Err(PullError::NotHere { name: resolve::name(&name) }),
        (policy, here) => match work.find(&name, places, known.is_some())? {
            Ok((Found::Unchanged(digest), place))
                if here.as_ref().is_some_and(|here| here.target.digest == digest) =>
            {
                let here = here.ok_or_else(|| PullError::NotHere { name: resolve::name(&name) })?;
                work.admit(place, &here)?;
                Ok(here)
            }
            Ok((found, place)) => work.take(&name, found, place, places, progress),
            Err(failures) => match here {
                Some(here) if policy == Policy::Newer => Ok(here),
                _ => Err(PullError::Nowhere(failures)),
            },
        },
    }
}

/// What a pull is called in the store: of a tag and a digest the digest counts.
fn stored_name(name: &ImageName) -> ImageName {
    match &name.digest {
        Some(_) => ImageName { tag: None, ..name.clone() },
        None => ImageName { tag: name.tag.clone().or(Some("latest".to_owned())), ..name.clone() },
    }
}

struct Pull<'a> {
    store: &'a Arc<Store>,
    sandbox: &'a Arc<Sandbox>,
    options: &'a Options,
}

/// What a place has.
enum Found {
    /// What it means is the document with this digest, which the store has.
    Unchanged(String),
    Image(RegistryImage),
}

impl Pull<'_> {
    /// The choices to be made, one for each platform; `None`: all.
    fn choices(&self) -> Option<Vec<resolution::Options>> {
        let choice = |platform| resolution::Options { platform, ..self.options.choice.clone() };
        match &self.options.wanted {
            Wanted::All => None,
            Wanted::Platforms(platforms) if platforms.is_empty() => Some(vec![choice(None)]),
            Wanted::Platforms(platforms) => {
                Some(platforms.iter().map(|platform| choice(Some(platform.clone()))).collect())
            }
        }
    }

    /// What a name of the store means, if the store has all of it that is wanted.
    fn complete(&self, name: &ImageName, target: &Target) -> Result<Option<Pulled>, PullError> {
        let Some(choices) = self.choices() else { return Ok(None) };
        let target = Descriptor::from(target);
        let (mut images, mut present) = (Vec::new(), Count::default());
        for choice in &choices {
            let subject = Subject::Target(target.clone());
            let Ok(resolution) = resolve(self.sandbox, self.store.clone(), &subject, choice) else {
                return Ok(None);
            };
            let image = resolution.image;
            for blob in image.layers.iter().filter_map(|layer| layer.blob.as_ref()) {
                if self.store.contains(&blob.digest.parse()?)? != Some(blob.size) {
                    return Ok(None);
                }
                present.blobs += 1;
                present.bytes += blob.size;
            }
            self.check_labels(&**self.store, &image)?;
            let Some(manifest) = &image.manifest else { return Ok(None) };
            images.push(LoadedImage {
                manifest: manifest.digest.parse()?,
                id: image.config.digest.parse()?,
                platform: image.platform,
            });
        }
        let (name, written) = (name.clone(), Count::default());
        Ok(Some(Pulled { name, target, images, was_here: true, written, present }))
    }

    /// What is there, at the first place that has the image; or why none has it.
    fn find<'p>(
        &self,
        name: &ImageName,
        places: &'p [Place],
        known: bool,
    ) -> Result<Result<(Found, &'p Place), Vec<PlaceFailure>>, PullError> {
        first(places, |place| {
            // What the store has under this name may be what is meant still: that costs one small question.
            if known {
                let head =
                    place.repository.head_manifest(&reference(&place.name)).map_err(SourceError::from)?;
                let Some(head) = head else { return Ok(None) };
                if let Some(digest) = &head.digest
                    && self.store.contains(digest)?.is_some()
                {
                    return Ok(Some((Found::Unchanged(digest.to_string()), place)));
                }
            }
            Ok(self.open(place, name)?.map(|image| (Found::Image(image), place)))
        })
    }

    /// The image at a place, called by this name.
    fn open(&self, place: &Place, name: &ImageName) -> Result<Option<RegistryImage>, PullError> {
        let here = Some(self.store.clone());
        let image = RegistryImage::open(place.repository.clone(), &place.name, self.sandbox, here)?;
        Ok(image.map(|image| image.called(name.clone())))
    }

    fn take(
        &self,
        name: &ImageName,
        found: Found,
        place: &Place,
        places: &[Place],
        progress: &dyn Progress,
    ) -> Result<Pulled, PullError> {
        let image = match found {
            Found::Image(image) => image,
            // The document is here, something below it is not.
            Found::Unchanged(digest) => self.reopen(name, &digest, places)?,
        };
        let image: Arc<RegistryImage> = Arc::new(image);
        let root = image.roots().first().map(|root| root.descriptor.clone());
        let target = root.ok_or_else(|| PullError::Nowhere(Vec::new()))?;
        let mut only = None;
        if let Some(choices) = self.choices() {
            let content = Arc::new(SourceContent::new(image.clone(), self.sandbox.clone()));
            let chosen = only.insert(BTreeSet::new());
            for choice in &choices {
                let subject = Subject::Target(target.clone());
                let resolved = resolve(self.sandbox, content.clone(), &subject, choice)?.image;
                self.check_labels(&*content, &resolved)?;
                chosen.extend(
                    resolved.indexes.iter().chain(&resolved.manifest).map(|found| found.digest.clone()),
                );
            }
        }
        let options = load::Options {
            only,
            recorded_as: Some(EventKind::Pull),
            origin: Some(resolve::name(name)),
            trust: place.trust.clone(),
            expansion: self.options.expansion,
            defer: self.options.defer,
            threads: match self.options.threads {
                0 => std::thread::available_parallelism().map_or(2, usize::from).clamp(2, 4),
                threads => threads,
            },
            ..load::Options::default()
        };
        let loaded = load::load(self.store, &*image, self.sandbox, &options, progress)?;
        let images = loaded.roots.into_iter().flat_map(|root| root.images).collect();
        let (written, present) = (loaded.written, loaded.present);
        Ok(Pulled { name: name.clone(), target, images, was_here: false, written, present })
    }

    /// The image by its digest: its document is in the store, and is not fetched.
    fn reopen(&self, name: &ImageName, digest: &str, places: &[Place]) -> Result<RegistryImage, PullError> {
        let by_digest = |place: &Place| Place {
            name: ImageName { digest: Some(digest.to_owned()), ..place.name.clone() },
            ..place.clone()
        };
        let places: Vec<Place> = places.iter().map(by_digest).collect();
        first(&places, |place| self.open(place, name))?.map_err(PullError::Nowhere)
    }

    /// Asks about images that the store has: policies and signatures change.
    fn admit(&self, place: &Place, here: &Pulled) -> Result<(), PullError> {
        let Some(trust) = &place.trust else { return Ok(()) };
        for image in &here.images {
            let bytes = self.store.read(&image.manifest, DOCUMENT_LIMIT)?.unwrap_or_default();
            trust.admit(&bytes).map_err(LoadError::from)?;
        }
        Ok(())
    }

    fn check_labels(&self, content: &dyn crate::content::Content, image: &Resolved) -> Result<(), PullError> {
        if self.options.labels.is_empty() {
            return Ok(());
        }
        let bytes = resolve::read(content, &image.config)?.unwrap_or_default();
        let config = self
            .sandbox
            .parse_image_config(&bytes)?
            .map_err(|problem| SourceError::Document { name: image.config.digest.clone(), problem })?;
        let labels = config.config.and_then(|config| config.labels).unwrap_or_default();
        for (key, wanted) in &self.options.labels {
            let found = labels.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
            let fits = match (&found, wanted) {
                (None, _) => false,
                (Some(_), None) => true,
                (Some(found), Some(wanted)) => found == wanted,
            };
            if !fits {
                let label = wanted.as_ref().map_or_else(|| key.clone(), |wanted| format!("{key}={wanted}"));
                return Err(PullError::Label { image: image.config.digest.clone(), label, found });
            }
        }
        Ok(())
    }
}

/// What the first place that has something has; or why none has anything.
fn first<'p, T>(
    places: &'p [Place],
    look: impl Fn(&'p Place) -> Result<Option<T>, PullError>,
) -> Result<Result<T, Vec<PlaceFailure>>, PullError> {
    let mut failures = Vec::new();
    for place in places {
        let error = match look(place) {
            Ok(Some(found)) => return Ok(Ok(found)),
            Ok(None) => None,
            Err(PullError::Source(error)) => Some(error),
            Err(error) => return Err(error),
        };
        failures.push(PlaceFailure { name: resolve::name(&place.name), error });
    }
    Ok(Err(failures))
}

impl PullError {
    /// Whether this is a definite no: no place has the image, or it is not what is wanted.
    pub fn is_no(&self) -> bool {
        match self {
            PullError::Nowhere(failures) => failures.iter().all(|failure| failure.error.is_none()),
            PullError::NotHere { .. } | PullError::Label { .. } => true,
            PullError::Resolve(error) => error.is_no(),
            _ => false,
        }
    }

    /// Whether some registry wants other credentials.
    pub fn is_unauthorized(&self) -> bool {
        let unauthorized = |error: &SourceError| matches!(error, SourceError::Registry(error) if matches!(**error, RegistryError::Unauthorized { .. }));
        match self {
            PullError::Nowhere(failures) => {
                failures.iter().any(|failure| failure.error.as_ref().is_some_and(unauthorized))
            }
            _ => false,
        }
    }
}
