//! Content on its way in.
//!
//! A writer writes to a file of its own under `ingest/` and hashes what passes. Committing checks size and
//! digest, and only then does the content get its name under `blobs/`: alone, at once and durably; in a
//! [`Batch`](super::Batch), when the batch is finished. A writer that is dropped takes its file with it, unless it is
//! one for content from far away: its file is named for the digest that is wanted, and whoever wants that next goes on
//! with it.

use std::io::{self as stdio, Write};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::OpenOptions;

use super::batch::Pending;
use super::error::{StoreError, io};
use super::lock::Guard;
use super::{INGEST, Result, Store, blob, lay_out, lock, step};
use crate::digest::{Algorithm, Digest, Hasher};

/// How many bytes are written before the system is asked to start putting them on disk.
const WRITE_BEHIND: u64 = 4 << 20;

/// Content being written. Give it large pieces: every `write` is a system call.
pub struct BlobWriter {
    store: Store,
    /// Keeps collection out while the file has no name that anything refers to.
    _guard: Option<Guard>,
    batch: Option<Arc<Pending>>,
    file: std::fs::File,
    /// Removes the file unless it was renamed.
    ingest: Ingest,
    /// `None` where the bytes are hashed elsewhere.
    hasher: Option<(Algorithm, Hasher)>,
    written: u64,
    behind: u64,
}

/// A file under `ingest/`, removed with this value.
pub(super) struct Ingest {
    store: Store,
    path: String,
    renamed: bool,
    /// It is to be gone on with another time.
    kept: bool,
}

impl Ingest {
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Gives the content its name. Its bytes must be durable by now.
    pub(super) fn rename(self, digest: &Digest) -> Result<()> {
        self.rename_to(blob::path(digest))
    }

    /// Gives the file this name.
    pub(super) fn rename_to(mut self, path: String) -> Result<()> {
        let root = self.store.root();
        let rename = || root.rename(&self.path, root, &path);
        let renamed = match rename() {
            // Another process went on with the same write, and was quicker.
            Err(error) if error.kind() == stdio::ErrorKind::NotFound && self.kept && root.is_file(&path) => {
                Ok(())
            }
            Err(error) if error.kind() == stdio::ErrorKind::NotFound => {
                lay_out(root)?;
                rename()
            }
            renamed => renamed,
        };
        renamed.map_err(io("publishing", path))?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        if !self.renamed && !self.kept {
            // What cannot be removed now, the next collection removes.
            drop(self.store.root().remove_file(&self.path));
        }
    }
}

/// The name under `ingest/` of content that is brought in from far away.
fn partial(digest: &Digest) -> String {
    format!("{INGEST}/partial-{}-{}", digest.algorithm().name(), digest.hex())
}

/// A name under `ingest/` nobody has: process, time, count.
fn unique() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = crate::clock::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{INGEST}/{:x}-{:x}-{:x}", std::process::id(), now.as_nanos(), count)
}

impl BlobWriter {
    pub(super) fn create(
        store: &Store,
        guard: Option<Guard>,
        batch: Option<Arc<Pending>>,
        algorithm: Option<Algorithm>,
    ) -> Result<BlobWriter> {
        let mut laid_out = false;
        let (file, path) = loop {
            let path = unique();
            let mut options = OpenOptions::new();
            match store.root().open_with(&path, options.read(true).write(true).create_new(true)) {
                Ok(file) => break (file.into_std(), path),
                // Process IDs repeat across containers that share a store.
                Err(error) if error.kind() == stdio::ErrorKind::AlreadyExists => {}
                // Empty directories get lost when a store is copied.
                Err(error) if error.kind() == stdio::ErrorKind::NotFound && !laid_out => {
                    lay_out(store.root())?;
                    laid_out = true;
                }
                Err(error) => return Err(io("creating", path)(error)),
            }
        };
        let hasher = algorithm.map(|algorithm| (algorithm, Hasher::new(algorithm)));
        let ingest = Ingest { store: store.clone(), path, renamed: false, kept: false };
        Ok(BlobWriter {
            store: store.clone(),
            _guard: guard,
            batch,
            file,
            ingest,
            hasher,
            written: 0,
            behind: 0,
        })
    }

    /// A writer that goes on where an earlier one for this digest, perhaps of another process, broke off. What
    /// it writes stays when it is dropped. `None`: somebody is at it now.
    ///
    /// What is there is not verified; it has to be hashed with the rest.
    pub(super) fn resume(
        store: &Store,
        batch: Arc<Pending>,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<BlobWriter>> {
        let path = partial(digest);
        let mut laid_out = false;
        // Whoever is quicker may publish or remove the file between any two of these steps.
        for _ in 0..8 {
            let mut options = OpenOptions::new();
            let file = match store.root().open_with(&path, options.read(true).append(true).create(true)) {
                Ok(file) => file.into_std(),
                Err(error) if error.kind() == stdio::ErrorKind::NotFound && !laid_out => {
                    lay_out(store.root())?;
                    laid_out = true;
                    continue;
                }
                Err(error) => return Err(io("opening", path)(error)),
            };
            if !lock::try_exclusive(&file)? {
                return Ok(None);
            }
            if !lock::is_at(&file, store.root(), &path)? {
                continue;
            }
            let written = file.metadata().map_err(io("opening", path.as_str()))?.len();
            if written > size {
                // It can be no part of this content.
                store.root().remove_file(&path).map_err(io("removing", path.as_str()))?;
                continue;
            }
            let ingest = Ingest { store: store.clone(), path, renamed: false, kept: true };
            return Ok(Some(BlobWriter {
                store: store.clone(),
                _guard: None,
                batch: Some(batch),
                file,
                ingest,
                hasher: None,
                written,
                behind: written,
            }));
        }
        Ok(None)
    }

    /// The bytes that were written already, from the first on.
    pub(crate) fn read_back(&self) -> Result<impl stdio::Read + Send + use<>> {
        let file = self.store.root().open(self.ingest.path()).map_err(io("opening", self.ingest.path()))?;
        Ok(stdio::Read::take(file.into_std(), self.written))
    }

    /// Gives up: what was written is of no use to anybody.
    pub(crate) fn discard(mut self) {
        self.ingest.kept = false;
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Publishes the content if it has this digest and size, and discards it otherwise.
    ///
    /// Content the store has already is left as it is, and what was written is discarded.
    ///
    /// # Errors
    ///
    /// [`StoreError::SizeMismatch`] and [`StoreError::DigestMismatch`] where other content was written, or
    /// a [`StoreError`] where it cannot be kept. Nothing is left of it then.
    pub fn commit(self, expected: &Digest, size: u64) -> Result<()> {
        let mut writer = self;
        let found = match writer.hasher.take() {
            Some((algorithm, hasher)) if algorithm == expected.algorithm() => hasher.finish(),
            _ => writer.rehash(expected.algorithm())?,
        };
        writer.check(&found, expected, size)?;
        writer.publish(&found)
    }

    /// Publishes the content under the digest it turns out to have.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be written. Nothing is left of it
    /// then.
    pub fn commit_unknown(self, algorithm: Algorithm) -> Result<Digest> {
        let mut writer = self;
        let digest = match writer.hasher.take() {
            Some((hashed, hasher)) if hashed == algorithm => hasher.finish(),
            _ => writer.rehash(algorithm)?,
        };
        writer.publish(&digest)?;
        Ok(digest)
    }

    /// As [`commit`](Self::commit), for content whose digest this crate computed on another thread while
    /// writing it here.
    pub(crate) fn commit_hashed(self, found: &Digest, expected: Option<(&Digest, u64)>) -> Result<()> {
        if let Some((expected, size)) = expected
            && let Err(error) = self.check(found, expected, size)
        {
            self.discard();
            return Err(error);
        }
        self.publish(found)
    }

    fn check(&self, found: &Digest, expected: &Digest, size: u64) -> Result<()> {
        if self.written != size {
            let digest = expected.clone();
            return Err(StoreError::SizeMismatch { digest, wanted: size, found: self.written });
        }
        Ok(expected.require(found)?)
    }

    /// Hashes what was written with another algorithm than the one that went along.
    fn rehash(&mut self, algorithm: Algorithm) -> Result<Digest> {
        use std::io::{Read as _, Seek as _};
        let mut hasher = Hasher::new(algorithm);
        self.file.rewind().map_err(io("reading", self.ingest.path()))?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = self.file.read(&mut buffer).map_err(io("reading", self.ingest.path()))?;
            if read == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..read]);
        }
    }

    /// Gives what was written a name outside of the blobs, in place of what has it: at once, or with the batch. It
    /// is not made durable.
    pub(super) fn keep(self, path: String) -> Result<()> {
        match self.batch {
            Some(batch) => batch.keep(self.ingest, path),
            None => self.ingest.rename_to(path),
        }
    }

    fn publish(self, digest: &Digest) -> Result<()> {
        step::reached("ingest-written");
        // One of another size is damaged; this one takes its place.
        if self.store.contains(digest)? == Some(self.written) {
            self.discard();
            return Ok(());
        }
        match self.batch {
            Some(batch) => batch.add(digest, self.ingest, self.file, self.written),
            None => {
                self.file.sync_data().map_err(io("syncing", self.ingest.path()))?;
                step::reached("data-synced");
                self.ingest.rename(digest)?;
                step::reached("renamed");
                self.store.sync_names([digest.algorithm()])?;
                step::reached("directory-synced");
                Ok(())
            }
        }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> stdio::Result<usize> {
        let written = self.file.write(bytes)?;
        if let Some((_, hasher)) = &mut self.hasher {
            hasher.update(&bytes[..written]);
        }
        self.written += written as u64;
        if self.written - self.behind >= WRITE_BEHIND {
            write_behind(&self.file, self.behind, self.written - self.behind);
            self.behind = self.written;
        }
        Ok(written)
    }

    fn flush(&mut self) -> stdio::Result<()> {
        Ok(())
    }
}

/// Has the system begin to write these bytes to disk, so that syncing them later finds little left to do,
/// and drop those before them from its cache, so that a large layer neither pushes out everything else nor
/// needs ever more memory for what is not read again soon. On Linux advising against caching does both: dirty
/// pages are queued for writing and stay, clean ones go.
#[cfg(target_os = "linux")]
fn write_behind(file: &std::fs::File, offset: u64, length: u64) {
    // What was queued for a few steps back is on disk by now.
    let from = offset.saturating_sub(4 * WRITE_BEHIND);
    let length = NonZeroU64::new(offset - from + length);
    // Only a hint: what it does not achieve, syncing does.
    let _ = rustix::fs::fadvise(file, from, length, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
fn write_behind(_file: &std::fs::File, _offset: u64, _length: u64) {
    let _: Option<NonZeroU64> = None;
}

impl Store {
    /// Starts writing one blob. For more than one, and for content that names will refer to, use
    /// [`Store::batch`]: content nothing refers to is removed by the next collection.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be written. Nothing is left of it
    /// then.
    pub fn create(&self) -> Result<BlobWriter> {
        let guard = self.lock_shared()?;
        BlobWriter::create(self, Some(guard), None, Some(Algorithm::Sha256))
    }

    /// Stores one small blob and answers its digest, by SHA-256.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be written. Nothing is left of it
    /// then.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let mut writer = self.create()?;
        writer.write_all(bytes).map_err(io("writing", writer.ingest.path().to_owned()))?;
        writer.commit_unknown(Algorithm::Sha256)
    }
}
