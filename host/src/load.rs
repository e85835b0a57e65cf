//! Loading: everything a source holds goes into a store, as it came, every digest, size and diff ID checked
//! on the way.
//!
//! Content is written first; one transaction then makes images and names known. Until that transaction
//! nothing of the load can be seen, whatever happens.
//!
//! ```
//! use cap_std::ambient_authority;
//! use cap_std::fs::Dir;
//! use consign::load::{Options, load};
//! use consign::sandbox::{Limits, Sandbox};
//! use consign::store::{self, Store};
//! use consign::transport::archive::{self, Archive};
//! use consign::transport::open_archive;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures");
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let sandbox = Sandbox::new(Limits::default())?;
//! let store = Store::open(Dir::open_ambient_dir(directory, ambient_authority())?, store::Options::default())?;
//! let file = std::fs::File::open(format!("{fixtures}/multi.oci.tar"))?;
//! let source = open_archive(Archive::open(file, None, archive::Options::default())?, &sandbox)?;
//! let loaded = load(&store, &*source, &sandbox, &Options::default(), &())?;
//! let images: usize = loaded.roots.iter().map(|root| root.images.len()).sum();
//! assert_eq!(images as u64, store.images().len()?);
//! # Ok(())
//! # }
//! ```

mod blobs;
mod error;
mod plan;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::digest::Digest;
use crate::layer::compression::Expansion;
use crate::policy::Trust;
use crate::sandbox::Sandbox;
use crate::source::{Root, Source};
use crate::store::{EventKind, EventRecord, NameRecord, PlaceRecord, Store, Target};
use crate::types::platforms::Matcher;
use crate::types::{Descriptor, ImageName, Platform};

pub use error::LoadError;
pub(crate) use plan::{is_foreign, is_image};

/// What to load and under which names.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only images for these platforms. Indexes are kept whole; what is left out of them is absent. A root
    /// with no such image is passed over.
    pub platforms: Option<Platforms>,
    /// A name for what comes without one. A root whose `org.opencontainers.image.ref.name` is only a tag
    /// becomes that tag of this name; without this option it is named as `podman load` does,
    /// `localhost/TAG:latest`.
    pub name: Option<ImageName>,
    /// The name of what is loaded, in place of its own; for one root.
    pub called: Option<ImageName>,
    /// Positions of the roots to load; all where empty.
    pub roots: Vec<usize>,
    /// Where the source is, for people: the name of the event that records the load.
    pub origin: Option<String>,
    /// What a layer may expand to.
    pub expansion: Expansion,
    /// Only these manifests, and the indexes that lead to them. Indexes are kept whole; what is left out of
    /// them is absent.
    pub only: Option<BTreeSet<String>>,
    /// What the load is recorded as; a load where it is nothing else.
    pub recorded_as: Option<EventKind>,
    /// Leave it to their first use to undo layers: to see whether they have the diff IDs that the config says, and to
    /// make their indexes.
    pub defer: bool,
    /// Layers worked on at the same time. 0: as many as there are processors, at most 4.
    pub threads: usize,
    /// Who is asked about every manifest before its layers are read; about indexes, too, where they are taken
    /// whole. `None`: whatever there is may be taken in.
    pub trust: Option<Arc<Trust>>,
}

/// Which platforms are wanted.
#[derive(Debug, Clone)]
pub struct Platforms {
    /// What an image's platform has to match.
    pub matcher: Matcher,
    /// The operating system that a platform without one means.
    pub host_os: String,
}

/// Told how far a load, an import or a save is. Called from several threads.
pub trait Progress: Sync {
    /// All that is to be brought in is known: how many blobs, and their bytes.
    fn planned(&self, blobs: usize, bytes: u64) {
        let _ = (blobs, bytes);
    }

    /// A blob is being worked on.
    fn started(&self, blob: &Descriptor) {
        let _ = blob;
    }

    /// So many more bytes of the blob have been read.
    fn advanced(&self, blob: &Descriptor, bytes: u64) {
        let _ = (blob, bytes);
    }

    /// A blob is complete. `present`: the store had it already.
    fn finished(&self, blob: &Descriptor, present: bool) {
        let _ = (blob, present);
    }
}

/// Nobody wants to know.
impl Progress for () {}

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The source's roots, in its order, without those passed over.
    pub roots: Vec<LoadedRoot>,
    /// Layers and other blobs that were written.
    pub written: Count,
    /// Layers and other blobs that the store had already.
    pub present: Count,
}

/// Blobs and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// How many.
    pub blobs: usize,
    /// Their bytes together.
    pub bytes: u64,
}

/// One root of the source, loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedRoot {
    /// Its index or manifest.
    pub descriptor: Descriptor,
    /// The names it was given.
    pub names: Vec<ImageName>,
    /// The images in it, in the order of its indexes. Artifacts and attestations are none.
    pub images: Vec<LoadedImage>,
    /// Entries of its indexes that the source does not have.
    pub absent: Vec<Descriptor>,
}

/// An image, loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its config: the image ID.
    pub id: Digest,
    /// The config's platform.
    pub platform: Platform,
}

/// Loads `source` into `store`.
///
/// # Errors
/// With any error the store holds what it held before: no name, no image, and no content that is seen.
pub fn load(
    store: &Store,
    source: &dyn Source,
    sandbox: &Sandbox,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Loaded, LoadError> {
    let batch = store.batch()?;
    let chosen = choose(source.roots(), options)?;
    let names = names(&chosen, sandbox, options)?;
    let mut plan = plan::Plan::new(source, sandbox, &batch, options);
    for (root, names) in chosen.iter().zip(names) {
        plan.add(root, names)?;
    }
    let plan::Planned { mut records, jobs, roots } = plan.finish()?;
    progress.planned(jobs.len(), jobs.iter().map(|job| job.target.size).sum());
    let outcome = blobs::run(source, &batch, &jobs, options, progress)?;
    records.layers = outcome.layers;
    records.unverified = outcome.unverified;
    if let Some((registry, repository)) = source.repository() {
        let place = |blob: &Target| PlaceRecord {
            blob: blob.digest.clone(),
            registry: registry.to_owned(),
            repository: repository.to_owned(),
        };
        let undone = records.layers.iter().map(|layer| &layer.blob);
        let blobs = undone.chain(records.unverified.iter().map(|claim| &claim.blob));
        records.places = blobs.map(place).collect();
    }
    for root in &roots {
        let target = Target::try_from(&root.descriptor)?;
        let record =
            |name: &ImageName| NameRecord { name: name.clone(), target: target.clone(), replace: true };
        records.names.extend(root.names.iter().map(record));
        records.events.push(event(root, options));
    }
    batch.finish(&records)?;
    Ok(Loaded { roots, written: outcome.written, present: outcome.present })
}

/// What a root's being loaded is recorded as.
fn event(root: &LoadedRoot, options: &Options) -> EventRecord {
    let kind = options.recorded_as.unwrap_or(EventKind::Load);
    let mut event = EventRecord::new(kind).attribute("digest", root.descriptor.digest.clone());
    event.name = options.origin.clone();
    if let [image] = &root.images[..] {
        event = event.image(&image.id);
    }
    if !root.names.is_empty() {
        let names: Vec<String> = root.names.iter().map(crate::resolve::name).collect();
        event = event.attribute("names", names.join(" "));
    }
    event
}

fn choose<'a>(roots: &'a [Root], options: &Options) -> Result<Vec<&'a Root>, LoadError> {
    if options.roots.is_empty() {
        return Ok(roots.iter().collect());
    }
    let root = |position: &usize| {
        roots.get(*position).ok_or(LoadError::NoSuchRoot { wanted: *position, found: roots.len() })
    };
    options.roots.iter().map(root).collect()
}

/// The names each root is to have.
fn names(roots: &[&Root], sandbox: &Sandbox, options: &Options) -> Result<Vec<Vec<ImageName>>, LoadError> {
    if let Some(called) = &options.called {
        return match roots {
            [_] => Ok(vec![vec![sandbox.tag_name_only(called)?]]),
            several => Err(LoadError::NameForSeveral { found: several.len() }),
        };
    }
    let Some(given) = &options.name else {
        return Ok(roots.iter().map(|root| root.names.clone()).collect());
    };
    let alone = roots.len() == 1;
    let mut unnamed = 0;
    let name = |root: &&Root| {
        let tag = root.ref_name.as_ref().filter(|text| is_named_by(root, text));
        let tagged = match tag {
            Some(tag) if !(alone && given.tag.is_some()) => sandbox.with_tag(given, tag)?.ok(),
            _ => None,
        };
        match tagged {
            Some(name) => Ok(vec![name]),
            None if tag.is_none() && !root.names.is_empty() => Ok(root.names.clone()),
            None => {
                unnamed += 1;
                Ok(vec![sandbox.tag_name_only(given)?])
            }
        }
    };
    let names = roots.iter().map(name).collect::<Result<Vec<_>, LoadError>>()?;
    if unnamed > 1 {
        return Err(LoadError::NameForSeveral { found: unnamed });
    }
    Ok(names)
}

/// Whether the root has no name but what was made of this `ref.name`, which names no repository.
fn is_named_by(root: &Root, text: &str) -> bool {
    !text.contains(['/', ':', '@'])
        && root.names.iter().all(|name| name.domain == "localhost" && name.path == *text)
}
