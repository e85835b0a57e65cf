//! Many writes that become visible together.
//!
//! Content committed in a batch stays under `ingest/` until the batch is finished. Then all of it is
//! synced at once, renamed, the directories are synced, and one transaction makes the records visible.
//! A crash before the transaction leaves unreferenced content at worst, which collection removes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{StoreError, io, sys};
use super::ingest::{BlobWriter, Ingest};
use super::lock::Guard;
use super::record::Records;
use super::{Blob, Result, Store, blob, step};
use crate::digest::{Algorithm, Digest, Hasher};

/// From how many files on one sync of the file system costs less than one sync a file.
const SYNC_FILE_SYSTEM: usize = 12;

/// Writes that become visible together, or not at all. Usable from several threads at once.
pub struct Batch {
    store: Store,
    pending: Arc<Pending>,
    _guard: Guard,
}

/// Content that is complete and verified, and not yet under its name.
pub(super) struct Pending {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    finished: bool,
    content: BTreeMap<Digest, Written>,
    /// What was made of layers, and the names it is to have.
    kept: Vec<(Ingest, String)>,
}

struct Written {
    ingest: Ingest,
    /// Kept open to be synced, for large content: its error state belongs to this handle. Small content is
    /// so numerous that open files would run out.
    file: Option<File>,
    size: u64,
}

/// Content from this size on is synced by itself.
const LARGE: u64 = 1 << 20;

impl Pending {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, digest: &Digest, ingest: Ingest, file: File, size: u64) -> Result<()> {
        let mut state = self.lock();
        if state.finished {
            return Err(StoreError::BatchFinished);
        }
        // Another thread may have written the same content; the first one stays.
        if !state.content.contains_key(digest) {
            let file = (size >= LARGE).then_some(file);
            state.content.insert(digest.clone(), Written { ingest, file, size });
        }
        Ok(())
    }

    /// A file that is to have this name, durable or not.
    pub(super) fn keep(&self, ingest: Ingest, path: String) -> Result<()> {
        let mut state = self.lock();
        if state.finished {
            return Err(StoreError::BatchFinished);
        }
        state.kept.push((ingest, path));
        Ok(())
    }
}

impl Store {
    /// Starts a batch. While it lives, nothing is collected.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the store is read-only, or a collection held it for
    /// longer than the store waits.
    pub fn batch(&self) -> Result<Batch> {
        let guard = self.lock_shared()?;
        let pending = Arc::new(Pending { state: Mutex::default() });
        Ok(Batch { store: self.clone(), pending, _guard: guard })
    }
}

impl Batch {
    /// The store that is written to.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn pending(&self) -> Arc<Pending> {
        self.pending.clone()
    }

    /// Starts writing one blob.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be written. Nothing is left of it
    /// then.
    pub fn writer(&self) -> Result<BlobWriter> {
        self.writer_for(Algorithm::Sha256)
    }

    /// Starts writing one blob whose digest will be of this algorithm.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be written. Nothing is left of it
    /// then.
    pub fn writer_for(&self, algorithm: Algorithm) -> Result<BlobWriter> {
        BlobWriter::create(&self.store, None, Some(self.pending.clone()), Some(algorithm))
    }

    /// Starts writing one blob that this crate hashes elsewhere (see [`BlobWriter::commit_hashed`]).
    pub(crate) fn writer_unhashed(&self) -> Result<BlobWriter> {
        BlobWriter::create(&self.store, None, Some(self.pending.clone()), None)
    }

    /// Starts writing the blob with this digest, or goes on with a write of it that broke off; see
    /// [`BlobWriter::written`] for how much there is. What is written is kept if this batch is not finished.
    /// `None`: somebody is writing it now.
    pub(crate) fn writer_resuming(&self, digest: &Digest, size: u64) -> Result<Option<BlobWriter>> {
        BlobWriter::resume(&self.store, self.pending.clone(), digest, size)
    }

    /// Writes one small blob and answers its digest.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be written. Nothing is left of it
    /// then.
    pub fn put(&self, bytes: &[u8], algorithm: Algorithm) -> Result<Digest> {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        let digest = hasher.finish();
        if self.contains(&digest)?.is_none() {
            let mut writer = self.writer_unhashed()?;
            writer.write_all(bytes).map_err(io("writing", blob::path(&digest)))?;
            writer.commit_hashed(&digest, None)?;
        }
        Ok(digest)
    }

    /// The size in bytes of the blob with this digest, in the store or in this batch. `None`: in neither.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be looked at.
    pub fn contains(&self, digest: &Digest) -> Result<Option<u64>> {
        let written = self.pending.lock().content.get(digest).map(|written| written.size);
        match written {
            Some(size) => Ok(Some(size)),
            None => self.store.contains(digest),
        }
    }

    /// Opens the blob with this digest, from this batch or the store. `None`: in neither.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be looked at.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<Blob>> {
        let path = self.pending.lock().content.get(digest).map(|written| written.ingest.path().to_owned());
        match path {
            // Another process may have been quicker to publish it.
            Some(path) => match blob::open(self.store.root(), &path)? {
                Some(blob) => Ok(Some(blob)),
                None => self.store.open_blob(digest),
            },
            None => self.store.open_blob(digest),
        }
    }

    /// Reads a whole blob of at most `limit` bytes, from this batch or the store, and verifies it. `None`:
    /// in neither.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be looked at.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>> {
        match self.open_blob(digest)? {
            Some(found) => blob::read(found, digest, &blob::path(digest), limit).map(Some),
            None => Ok(None),
        }
    }

    /// Makes the content durable and visible, then the records, in one transaction.
    ///
    /// # Errors
    /// With any error no record is kept. [`StoreError::MissingContent`] where a record refers to content
    /// that is neither in the batch nor in the store; [`StoreError::TagTaken`] and
    /// [`StoreError::DigestTaken`] where a name may not be set.
    pub fn finish(self, records: &Records) -> Result<()> {
        let mut algorithms = records.require_content(|digest| self.contains(digest))?;
        let (content, kept) = {
            let mut state = self.pending.lock();
            state.finished = true;
            (std::mem::take(&mut state.content), std::mem::take(&mut state.kept))
        };
        self.sync(&content)?;
        step::reached("data-synced");
        algorithms.extend(content.keys().map(Digest::algorithm));
        let half = content.len() / 2;
        for (position, (digest, written)) in content.into_iter().enumerate() {
            if position == half {
                step::reached("half-renamed");
            }
            written.ingest.rename(&digest)?;
        }
        step::reached("renamed");
        self.store.sync_names(algorithms)?;
        step::reached("directory-synced");
        // Nothing depends on these.
        kept.into_iter().for_each(|(ingest, path)| drop(ingest.rename_to(path)));
        step::reached("indexes-renamed");
        self.store.catalog().write(|transaction| {
            records.insert(transaction)?;
            step::reached("records-inserted");
            Ok(())
        })?;
        step::reached("transaction-committed");
        Ok(())
    }

    fn sync(&self, content: &BTreeMap<Digest, Written>) -> Result<()> {
        if content.len() >= SYNC_FILE_SYSTEM && sync_file_system(&self.store)? {
            return Ok(());
        }
        // Disks and journals take several requests at once better than one after the other.
        let next = std::sync::atomic::AtomicUsize::new(0);
        let all: Vec<&Written> = content.values().collect();
        let sync_some = || -> Result<()> {
            while let Some(written) = all.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                written.sync(&self.store)?;
            }
            Ok(())
        };
        if all.len() < 2 {
            return sync_some();
        }
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..all.len().min(4)).map(|_| scope.spawn(sync_some)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }
}

impl Written {
    fn sync(&self, store: &Store) -> Result<()> {
        let path = self.ingest.path();
        let synced = match &self.file {
            Some(file) => file.sync_data(),
            None => match store.root().open(path).and_then(|file| file.sync_data()) {
                // Another process went on with the same write, and was quicker; it has synced it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                synced => synced,
            },
        };
        synced.map_err(io("syncing", path))
    }
}

/// Syncs the whole file system; false where that cannot be done.
#[cfg(target_os = "linux")]
fn sync_file_system(store: &Store) -> Result<bool> {
    let ingest = store.root().open(super::INGEST).map_err(io("opening", super::INGEST))?;
    match rustix::fs::syncfs(&ingest) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => Ok(false),
        Err(errno) => Err(sys("syncing", ".")(errno)),
    }
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_store: &Store) -> Result<bool> {
    let _ = sys;
    Ok(false)
}
