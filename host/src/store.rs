//! The store: content-addressed blobs and the catalogue of what they mean.
//!
//! ```text
//! <root>/oci-layout          marker, written once
//!        blobs/<alg>/<hex>   content; what is here was verified and is durable
//!        ingest/<id>         content being written; nothing refers to it
//!        layers/<alg>/       what was made of layers, for reading in them
//!        catalog.sqlite      names, images, documents, layers (SQLite, WAL)
//!        lock, gate          flock: writers shared, collection exclusive
//! ```
//!
//! What holds at every moment, a power cut included:
//! * a file under `blobs/` has the bytes its name says (they are synced before the rename);
//! * the catalogue refers only to content that is durable (directories are synced before the transaction);
//! * readers take no lock and never wait; what they see of the catalogue is one transaction's end.
//!
//! The store parses nothing: facts about documents come in as [`Records`], from whoever asked the guest.
//! [`load`](crate::load::load) does; by hand it goes like this:
//!
//! ```
//! use cap_std::ambient_authority;
//! use cap_std::fs::Dir;
//! use consign::digest::Algorithm;
//! use consign::store::{Options, Records, Store};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path();
//! let store = Store::open(Dir::open_ambient_dir(directory, ambient_authority())?, Options::default())?;
//! let batch = store.batch()?;
//! let digest = batch.put(b"content", Algorithm::Sha256)?;
//! assert_eq!(store.contains(&digest)?, None);
//! batch.finish(&Records::default())?;
//! assert_eq!(store.read(&digest, 1024)?.as_deref(), Some(&b"content"[..]));
//! # Ok(())
//! # }
//! ```

mod about;
mod batch;
mod blob;
mod catalog;
mod check;
mod collect;
mod content;
mod delete;
mod discard;
mod documents;
mod error;
mod events;
mod format;
mod images;
mod ingest;
mod kept;
mod layers;
mod leads;
mod lineage;
mod listing;
mod lock;
mod log;
mod mend;
mod names;
mod pins;
mod places;
mod rebuild;
mod record;
mod remove;
mod repositories;
mod search;
mod step;
mod target;
mod undo;
mod unlink;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cap_std::fs::Dir;

pub use about::{About, Sizes};
pub use batch::Batch;
pub use blob::Blob;
pub use check::{CheckOptions, Problem, Report};
pub use collect::Collected;
pub use delete::{Conflict, Deleted, Deletion, Doomed};
pub use documents::Documents;
pub use error::StoreError;
pub use events::{Event, EventKind, EventQuery, EventRecord, Events, KEPT as EVENTS_KEPT, NotAnEvent};
pub use images::{Images, StoredImage};
pub use ingest::BlobWriter;
pub use kept::Keeping;
pub use layers::{Layers, StoredLayer};
pub use lineage::ImageMetadata;
pub use listing::{ListedImage, ListedName};
pub use mend::Loss;
pub(crate) use mend::is_catalog_damage;
pub use names::{Association, Ending, Names};
pub use pins::{HOLDER_LIMIT, Pin, Pins};
pub use places::{PlaceRecord, Places};
pub(crate) use rebuild::Rebuilding;
pub use record::{ImageRecord, IndexRecord, LayerClaim, LayerRecord, ManifestRecord, NameRecord, Records};
pub use remove::{Removal, Removed};
pub use target::Target;
pub(crate) use undo::undo;

pub(crate) use step::reached;

use catalog::Catalog;
use error::io;

use crate::digest::Algorithm;

/// The result of a store operation.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// Bytes of a document (index, manifest, config) that the store hands over in one piece: 4 MiB.
pub const DOCUMENT_LIMIT: u64 = 4 << 20;

const MARKER: &str = "oci-layout";
const BLOBS: &str = "blobs";
const INGEST: &str = "ingest";
const LAYERS: &str = "layers";

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Start a store where there is none. Otherwise a directory without a catalogue is an error.
    pub create: bool,
    /// Never write, and refuse calls that would. Readers of a store they may not write to need this not
    /// to be set: opening falls back to reading by itself.
    pub read_only: bool,
    /// How long a writer waits for another writer or for a collection.
    pub patience: Duration,
    /// The directory's path, for platforms where it cannot be had from the handle (Linux without
    /// `/proc`, and systems other than Linux and Apple's). SQLite opens files by path only; the path is
    /// checked to lead to the very directory that was handed in.
    pub path: Option<PathBuf>,
}

impl Default for Options {
    /// Create, write, wait at most 60 s.
    fn default() -> Self {
        Options { create: true, read_only: false, patience: Duration::from_secs(60), path: None }
    }
}

/// An open store. Cheap to clone and share: clones are the same store.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    root: Dir,
    options: Options,
    catalog: Catalog,
    /// Nobody else writes while this lives: the lock is held elsewhere.
    alone: bool,
}

impl Store {
    /// Opens the store in `root`, and starts one if there is none and `options.create` says so.
    ///
    /// # Errors
    /// [`StoreError::NotAStore`] where the directory holds something else or nothing,
    /// [`StoreError::NewerFormat`] where a newer consign wrote it, [`StoreError::LostCatalog`] where there is
    /// content and no catalogue: see [`crate::repair::repair`].
    pub fn open(root: Dir, options: Options) -> Result<Store> {
        let exists = catalog::exists(&root)?;
        if !exists {
            if options.read_only || !options.create {
                return Err(StoreError::NotAStore { reason: "it has no `catalog.sqlite`".into() });
            }
            if holds_content(&root)? {
                return Err(StoreError::LostCatalog);
            }
            prepare(&root)?;
        }
        let catalog = Catalog::open(&root, &options, catalog::FILE)?;
        Ok(Store { inner: Arc::new(Inner { root, options, catalog, alone: false }) })
    }

    /// Whether this store refuses writes: it was opened so, or its files allow no more.
    pub fn is_read_only(&self) -> bool {
        self.inner.options.read_only || self.inner.catalog.is_read_only()
    }

    /// Names and what they point at.
    pub fn names(&self) -> Names<'_> {
        Names::new(self)
    }

    /// Images, by the digest of their config.
    pub fn images(&self) -> Images<'_> {
        Images::new(self)
    }

    /// Layers, by chain ID and by diff ID.
    pub fn layers(&self) -> Layers<'_> {
        Layers::new(self)
    }

    /// Manifests and indexes that are kept.
    pub fn documents(&self) -> Documents<'_> {
        Documents::new(self)
    }

    fn root(&self) -> &Dir {
        &self.inner.root
    }

    fn catalog(&self) -> &Catalog {
        &self.inner.catalog
    }

    /// Makes the names of blobs durable, also those that others gave: content may only be referred to when
    /// its name will still be there after a power cut.
    fn sync_names(&self, algorithms: impl IntoIterator<Item = Algorithm>) -> Result<()> {
        algorithms
            .into_iter()
            .try_for_each(|algorithm| sync_directory(self.root(), &format!("{BLOBS}/{}", algorithm.name())))
    }

    fn writable(&self) -> Result<()> {
        if self.is_read_only() { Err(StoreError::ReadOnly) } else { Ok(()) }
    }
}

/// Whether there are blobs. A catalogue is there before the first of them.
fn holds_content(root: &Dir) -> Result<bool> {
    for algorithm in Algorithm::ALL {
        let directory = format!("{BLOBS}/{}", algorithm.name());
        match root.read_dir(&directory) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Ok(true);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io("listing", directory)(error)),
        }
    }
    Ok(false)
}

/// Lays out an empty store, all but the catalogue.
fn prepare(root: &Dir) -> Result<()> {
    // Somebody's OCI layout has these files too; the difference is its index.
    if root.try_exists("index.json").map_err(io("looking for", "index.json"))? {
        return Err(StoreError::NotAStore {
            reason: "it is an OCI image layout (it has an `index.json`)".into(),
        });
    }
    let marker = root.try_exists(MARKER).map_err(io("looking for", MARKER))?;
    if !marker {
        let mut entries = root.entries().map_err(io("listing", "."))?;
        let known = [BLOBS, INGEST, LAYERS, lock::FILE, lock::GATE, catalog::FILE];
        let stranger = entries.find_map(|entry| {
            let name = entry.ok()?.file_name();
            let name = name.to_string_lossy();
            let ours = known.iter().any(|ours| *ours == name) || name.starts_with(catalog::FILE);
            // ext4 puts this into every new file system.
            (!ours && name != "lost+found" && !name.starts_with(MARKER)).then(|| name.into_owned())
        });
        if let Some(name) = stranger {
            return Err(StoreError::NotAStore { reason: format!("the directory holds `{name}`") });
        }
    }
    lay_out(root)?;
    if !marker {
        // Two processes may do this at once: both write the same bytes, and the rename is atomic.
        let temporary = format!("{MARKER}.{}", std::process::id());
        root.write(&temporary, b"{\"imageLayoutVersion\":\"1.0.0\"}").map_err(io("writing", MARKER))?;
        root.rename(&temporary, root, MARKER).map_err(io("writing", MARKER))?;
    }
    sync_directory(root, ".")
}

/// Creates the directories that are not there.
fn lay_out(root: &Dir) -> Result<()> {
    let blobs = ["blobs/sha256", "blobs/sha384", "blobs/sha512"];
    let layers = ["layers/sha256", "layers/sha384", "layers/sha512"];
    for directory in [BLOBS, LAYERS, INGEST].into_iter().chain(blobs).chain(layers) {
        match root.create_dir(directory) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io("creating", directory)(error)),
        }
    }
    sync_directory(root, BLOBS)?;
    sync_directory(root, ".")
}

/// Makes the names in a directory durable.
fn sync_directory(root: &Dir, path: &str) -> Result<()> {
    let directory = root.open(path).map_err(io("opening", path))?;
    directory.sync_all().map_err(io("syncing", path))
}
