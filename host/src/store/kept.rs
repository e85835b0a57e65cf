//! What was made of layers, kept beside them: `layers/<alg>/<hex>.index` by diff ID, `.checkpoints` by blob.
//!
//! None of it is needed: whatever is damaged, gone or of another version is made again from the layer. So it is not
//! synced, the catalogue does not know of it, and nobody fails for it.

use std::io::{self as stdio, Write};
use std::sync::Arc;

use rusqlite::Connection;

use super::batch::Pending;
use super::error::io;
use super::ingest::BlobWriter;
use super::lock::Guard;
use super::unlink::Unlinking;
use super::{Batch, Blob, INGEST, LAYERS, LayerRecord, Problem, Result, Store, Target, blob, undo};
use crate::digest::{Algorithm, Digest};
use crate::layer::checkpoints::{Checkpoints, CheckpointsError};
use crate::layer::index::{Index, IndexError, Scratch};
use crate::layer::kept::{Kind, open_checkpoints, open_index};
use crate::layer::make::{Made, MakeError, Making};
use crate::layer::read_at::{From, ReadAt};
use crate::layer::transfer::Transfer;
use crate::transport::spool;

impl Kind {
    /// Where it is, relative to the root.
    pub(super) fn path(self, digest: &Digest) -> String {
        format!("{}/{}", directory(digest.algorithm()), self.file(digest))
    }

    /// Its name in the algorithm's directory.
    pub(super) fn file(self, digest: &Digest) -> String {
        format!("{}.{}", digest.hex(), self.suffix())
    }

    /// Whether the catalogue knows the layer or the blob it is of.
    pub(super) fn is_live(self, connection: &Connection, digest: &Digest) -> rusqlite::Result<bool> {
        let query = match self {
            Kind::Index => "SELECT 1 FROM layer_blobs WHERE diff_id = ?",
            Kind::Checkpoints => "SELECT 1 FROM layer_blobs WHERE blob = ?",
        };
        connection.prepare_cached(query)?.exists([digest.to_string()])
    }
}

fn directory(algorithm: Algorithm) -> String {
    format!("{LAYERS}/{}", algorithm.name())
}

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kept {
    pub(super) digest: Digest,
    pub(super) kind: Kind,
    pub(super) size: u64,
}

impl Store {
    /// The index of the layer with this diff ID, if one is kept that can be used.
    pub fn kept_index(&self, diff_id: &Digest) -> Option<Index> {
        self.open_index(diff_id).ok().flatten()?.ok()
    }

    /// The checkpoints of this blob, if some are kept that can be used.
    pub fn kept_checkpoints(&self, blob: &Digest) -> Option<Checkpoints> {
        self.open_checkpoints(blob).ok().flatten()?.ok()
    }

    pub(super) fn open_index(&self, diff_id: &Digest) -> Result<Option<Result<Index, IndexError>>> {
        let path = Kind::Index.path(diff_id);
        let Some(file) = blob::open(self.root(), &path)? else { return Ok(None) };
        open_index(file.into_file(), diff_id).map(Some).map_err(io("opening", path))
    }

    /// Whether these very bytes are kept as the index of the layer.
    fn keeps_index(&self, diff_id: &Digest, made: &Arc<dyn ReadAt>) -> bool {
        let kept = blob::open(self.root(), &Kind::Index.path(diff_id)).ok().flatten();
        kept.filter(|kept| kept.size() == made.size()).is_some_and(|mut kept| {
            let mut same = Same { kept: &mut kept, differs: false };
            stdio::copy(&mut From::new(made.clone(), 0), &mut same).is_ok() && !same.differs
        })
    }

    fn open_checkpoints(&self, blob: &Digest) -> Result<Option<Result<Checkpoints, CheckpointsError>>> {
        let path = Kind::Checkpoints.path(blob);
        let Some(file) = blob::open(self.root(), &path)? else { return Ok(None) };
        open_checkpoints(file.into_file(), blob).map(Some).map_err(io("opening", path))
    }

    /// Where what is made of a layer is meanwhile, as far as it does not fit into memory.
    pub(crate) fn scratch(&self) -> Scratch {
        let store = self.clone();
        Scratch::new(move || spool::unnamed(&store.root().open_dir(INGEST)?))
    }

    /// What takes in that which is made of a layer that is here.
    ///
    /// # Errors
    /// A [`StoreError`](super::StoreError) where the store is read-only, or a collection held it for longer than the
    /// store waits.
    pub fn keeping(&self) -> Result<Keeping> {
        let guard = self.lock_shared()?;
        Ok(Keeping { store: self.clone(), batch: None, _guard: Some(guard), checkpoints: None })
    }

    /// Whether anything is kept under the name of this layer's index.
    pub(super) fn has_index(&self, diff_id: &Digest) -> bool {
        self.root().exists(Kind::Index.path(diff_id))
    }

    /// Makes again what is made of a layer, and keeps it. False where it cannot be made: the blob is damaged or gone.
    ///
    /// # Errors
    /// A [`StoreError`](super::StoreError) where it cannot be written.
    pub fn make_index(&self, layer: &LayerRecord) -> Result<bool> {
        let LayerRecord { diff_id, blob: Target { digest, .. }, .. } = layer;
        let Some(mut blob) = self.open_blob(digest)? else { return Ok(false) };
        let mut keeping = self.keeping()?;
        let making = Making::new(&mut keeping, self.scratch());
        let mut transfer = Transfer::default();
        let found = undo(&mut blob, digest, diff_id.algorithm(), &mut transfer, Some(making));
        let Some(found) = found.ok().filter(|found| found.digest == *digest) else { return Ok(false) };
        match (found.uncompressed, found.made) {
            (Some(Ok(undone)), Some(made)) if undone.digest == *diff_id && made.index.is_ok() => {
                keeping.keep(diff_id, digest, &made)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Puts what is made of a layer in the place of what is kept of it, or takes that out if nothing can be made.
    pub(crate) fn remake_index(&self, layer: &LayerRecord) -> Result<()> {
        let guard = self.lock_exclusive(self.inner.options.patience)?;
        let unlinking = Unlinking::new(self)?;
        unlinking.known_kept(Kind::Index, &layer.diff_id)?;
        unlinking.known_kept(Kind::Checkpoints, &layer.blob.digest)?;
        drop(guard);
        self.make_index(layer).map(drop)
    }

    /// Files that are kept, ascending; then the paths of files that nobody put there.
    #[allow(clippy::type_complexity, reason = "two lists, named above")]
    pub(super) fn list_kept(&self) -> Result<(Vec<Kept>, Vec<String>)> {
        let (mut kept, mut strangers) = (Vec::new(), Vec::new());
        for algorithm in Algorithm::ALL {
            let directory = directory(algorithm);
            let entries = match self.root().read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == stdio::ErrorKind::NotFound => continue,
                Err(error) => return Err(io("listing", directory)(error)),
            };
            for entry in entries {
                let entry = entry.map_err(io("listing", directory.clone()))?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let parts = Kind::of(&name).and_then(|(kind, hex)| {
                    Some((format!("{}:{hex}", algorithm.name()).parse::<Digest>().ok()?, kind))
                });
                match (parts, entry.metadata()) {
                    (Some((digest, kind)), Ok(metadata)) if metadata.is_file() => {
                        kept.push(Kept { digest, kind, size: metadata.len() });
                    }
                    (_, Err(error)) if error.kind() == stdio::ErrorKind::NotFound => {}
                    _ => strangers.push(format!("{directory}/{name}")),
                }
            }
        }
        kept.sort();
        strangers.sort();
        Ok((kept, strangers))
    }
}

impl Batch {
    /// What takes in that which is made of a layer as it is written; it gets its name with the batch.
    pub(crate) fn keeping(&self) -> Keeping {
        let batch = Some(self.pending());
        Keeping { store: self.store().clone(), batch, _guard: None, checkpoints: None }
    }
}

/// Takes in what is made of one layer: checkpoints as they are written to it, and in the end the index. Nothing is
/// kept without [`keep`](Self::keep).
pub struct Keeping {
    store: Store,
    batch: Option<Arc<Pending>>,
    /// Keeps collection out meanwhile; a batch has its own.
    _guard: Option<Guard>,
    /// There when something was written.
    checkpoints: Option<BlobWriter>,
}

impl Keeping {
    fn create(&self) -> Result<BlobWriter> {
        BlobWriter::create(&self.store, None, self.batch.clone(), None)
    }

    /// Keeps what was made of the layer with this diff ID, in this blob.
    ///
    /// # Errors
    /// A [`StoreError`](super::StoreError) where it cannot be written. What can be is kept all the same.
    pub fn keep(mut self, diff_id: &Digest, blob: &Digest, made: &Made) -> Result<()> {
        let index = || -> Result<()> {
            let Ok(index) = &made.index else { return Ok(()) };
            let path = Kind::Index.path(diff_id);
            let mut writer = self.create()?;
            stdio::copy(&mut From::new(index.clone(), 0), &mut writer)
                .map_err(io("writing", path.clone()))?;
            writer.keep(path)
        };
        let index = index();
        match self.checkpoints.take() {
            Some(writer) if made.checkpoints => writer.keep(Kind::Checkpoints.path(blob))?,
            _ => {}
        }
        index
    }
}

impl Write for Keeping {
    fn write(&mut self, bytes: &[u8]) -> stdio::Result<usize> {
        if self.checkpoints.is_none() {
            self.checkpoints = Some(self.create().map_err(stdio::Error::other)?);
        }
        match &mut self.checkpoints {
            Some(writer) => writer.write(bytes),
            None => Ok(0),
        }
    }

    fn flush(&mut self) -> stdio::Result<()> {
        Ok(())
    }
}

/// Holds what is kept against what is written.
struct Same<R> {
    kept: R,
    differs: bool,
}

impl<R: stdio::Read> Write for Same<R> {
    fn write(&mut self, bytes: &[u8]) -> stdio::Result<usize> {
        if !self.differs {
            let mut found = vec![0; bytes.len()];
            self.differs = self.kept.read_exact(&mut found).is_err() || found != bytes;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> stdio::Result<()> {
        Ok(())
    }
}

/// Holds what is kept of a layer against what is made of it now. What is not kept is no matter, nor what another version
/// wrote.
pub(super) struct Comparing<'a> {
    store: &'a Store,
    layer: &'a LayerRecord,
    /// The checkpoints that are kept, as far as they are not compared.
    checkpoints: Option<Same<Blob>>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Comparing<'a> {
    pub(super) fn new(store: &'a Store, layer: &'a LayerRecord) -> Comparing<'a> {
        let path = Kind::Checkpoints.path(&layer.blob.digest);
        let kept = blob::open(store.root(), &path).ok().flatten();
        let checkpoints = kept.map(|kept| Same { kept, differs: false });
        Comparing { store, layer, checkpoints, problems: Vec::new() }
    }

    /// Compares the index, now that all of it was made, and says what was found of the checkpoints.
    pub(super) fn compare(&mut self, made: &Made) {
        const OTHER: &str = "the layer has something else";
        let (diff_id, digest) = (&self.layer.diff_id, &self.layer.blob.digest);
        let mut wrong = |kind: Kind, of: &Digest, reason: String| {
            let (digest, path) = (digest.clone(), kind.path(of));
            self.problems.push(Problem::DamagedIndex { digest, path, reason });
        };
        // Nearly always so, and without a second index in memory.
        let same = made.index.as_ref().is_ok_and(|made| self.store.keeps_index(diff_id, made));
        let kept = if same { Ok(None) } else { self.store.open_index(diff_id) };
        match kept {
            Ok(None | Some(Err(IndexError::Version { .. }))) => {}
            // There was no place to make one: it remains to be seen.
            Ok(Some(Ok(_))) if matches!(made.index, Err(MakeError::Scratch { .. })) => {}
            Ok(Some(Ok(index))) => {
                let damaged = index.verify().err();
                wrong(Kind::Index, diff_id, damaged.map_or(OTHER.into(), |error| error.to_string()));
            }
            Ok(Some(Err(error))) => wrong(Kind::Index, diff_id, error.to_string()),
            Err(error) => wrong(Kind::Index, diff_id, error.to_string()),
        }
        let Some(kept) = &mut self.checkpoints else { return };
        let ended = matches!(stdio::Read::read(&mut kept.kept, &mut [0]), Ok(0));
        if made.checkpoints && ended && !kept.differs {
            return;
        }
        match self.store.open_checkpoints(digest) {
            Ok(None | Some(Err(CheckpointsError::Version { .. }))) => {}
            Ok(Some(Ok(_))) => wrong(Kind::Checkpoints, digest, OTHER.into()),
            Ok(Some(Err(error))) => wrong(Kind::Checkpoints, digest, error.to_string()),
            Err(error) => wrong(Kind::Checkpoints, digest, error.to_string()),
        }
    }
}

/// The checkpoints that are made.
impl Write for Comparing<'_> {
    fn write(&mut self, bytes: &[u8]) -> stdio::Result<usize> {
        self.checkpoints.as_mut().map_or(Ok(bytes.len()), |kept| kept.write(bytes))
    }

    fn flush(&mut self) -> stdio::Result<()> {
        Ok(())
    }
}
