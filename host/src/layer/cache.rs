//! What is kept of layers that are read where they lie, in archives, layouts and registries, so that they are read as
//! a whole once: indexes by diff ID, checkpoints by blob, as in the store.
//!
//! Only what was made of content that was held against its digests is kept, and what is read by its help is held
//! against the layer again (see [`crate::layer::opened`]). So a file here may be removed, or damaged, at any time.
//!
//! ```text
//! <alg>-<hex>.index         of a layer, by diff ID
//! <alg>-<hex>.checkpoints   of a blob
//! new-*                     being written; nothing refers to it
//! ```
//!
//! What was not used for the longest time is removed where there is more than the limit: the time a file was modified
//! is that of its last use, to the hour.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::fs::{Dir, DirEntry, MetadataExt as _, OpenOptions};
use rustix::fs::{Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::checkpoints::Checkpoints;
use super::index::Index;
use super::kept::{Kind, open_checkpoints, open_index};
use super::make::Made;
use super::read_at::From;
use crate::digest::Digest;

/// Bytes that are kept by default: of twenty images of a gigabyte.
pub const LIMIT: u64 = 256 << 20;

/// How exactly the last use is known.
const HOUR: Duration = Duration::from_secs(3600);
/// After so long nobody writes on.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Indexes and checkpoints in a directory. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    directory: Arc<Dir>,
    limit: u64,
}

impl Cache {
    /// In this directory, which is the cache's alone, with at most so many bytes. `None` where the directory belongs to
    /// another user, or others may write to it: an index can leave out what a layer has.
    ///
    /// # Errors
    /// The system's.
    pub fn new(directory: Dir, limit: u64) -> io::Result<Option<Cache>> {
        let metadata = directory.dir_metadata()?;
        let own = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0;
        Ok(own.then(|| Cache { directory: Arc::new(directory), limit }))
    }

    /// The index of the layer with this diff ID, if one is here that can be used.
    pub fn index(&self, diff_id: &Digest) -> Option<Index> {
        open_index(self.open(Kind::Index, diff_id)?, diff_id).ok()?.ok()
    }

    /// The checkpoints of this blob, if some are here that can be used.
    pub fn checkpoints(&self, blob: &Digest) -> Option<Checkpoints> {
        open_checkpoints(self.open(Kind::Checkpoints, blob)?, blob).ok()?.ok()
    }

    fn open(&self, kind: Kind, digest: &Digest) -> Option<std::fs::File> {
        let file = self.directory.open(name(kind, digest)).ok()?.into_std();
        let metadata = file.metadata().ok()?;
        let now = crate::clock::now();
        if metadata.modified().is_ok_and(|used| now.duration_since(used).is_ok_and(|ago| ago > HOUR)) {
            let at = |nanoseconds| Timespec { tv_sec: 0, tv_nsec: nanoseconds };
            let times = Timestamps { last_access: at(UTIME_OMIT), last_modification: at(UTIME_NOW) };
            // Where that cannot be noted the file goes earlier.
            let _ = rustix::fs::futimens(&file, &times);
        }
        Some(file)
    }

    /// What takes in that which is made of a layer.
    pub(crate) fn keeping(&self) -> Keeping {
        Keeping { cache: self.clone(), checkpoints: None }
    }

    fn create(&self) -> io::Result<New> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let mut options = OpenOptions::new();
        loop {
            let now = crate::clock::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let name = format!("new-{:x}-{now:x}-{count:x}", std::process::id());
            match self.directory.open_with(&name, options.write(true).create_new(true)) {
                Ok(file) => return Ok(New { cache: self.clone(), name: Some(name), file: file.into_std() }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes what was not used for the longest time, until the rest is within the limit.
    fn trim(&self) -> io::Result<()> {
        let now = crate::clock::now();
        let mut files: Vec<(SystemTime, u64, String)> =
            self.directory.entries()?.filter_map(|entry| file(&entry.ok()?, now)).collect();
        files.sort_by(|a, b| b.cmp(a));
        let mut left = self.limit;
        for (_, size, name) in files {
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => match self.directory.remove_file(name) {
                    // Another process was quicker.
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                },
            }
        }
        Ok(())
    }
}

fn name(kind: Kind, digest: &Digest) -> String {
    format!("{}-{}.{}", digest.algorithm().name(), digest.hex(), kind.suffix())
}

/// When it was used last, its size and its name, if it is the cache's and nobody writes it.
fn file(entry: &DirEntry, now: SystemTime) -> Option<(SystemTime, u64, String)> {
    let name = entry.file_name().into_string().ok()?;
    let metadata = entry.metadata().ok().filter(|metadata| metadata.is_file())?;
    let used = metadata.modified().ok()?.into_std();
    let left_over = name.starts_with("new-") && now.duration_since(used).is_ok_and(|ago| ago > DAY);
    // What is left over of a killed process has not been used since ever.
    let used = if left_over { UNIX_EPOCH } else { used };
    let size = if left_over { u64::MAX } else { metadata.len() };
    let ours = name.split_once('-').is_some_and(|(_, rest)| Kind::of(rest).is_some());
    (ours || left_over).then_some((used, size, name))
}

/// A file that gets its name when it is complete.
struct New {
    cache: Cache,
    /// `None` once it has its own.
    name: Option<String>,
    file: std::fs::File,
}

impl New {
    fn keep(mut self, kind: Kind, digest: &Digest) -> io::Result<()> {
        let Some(from) = self.name.take() else { return Ok(()) };
        let directory = &self.cache.directory;
        directory.rename(&from, directory, name(kind, digest)).inspect_err(|_| self.name = Some(from))
    }
}

impl Drop for New {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let _ = self.cache.directory.remove_file(name);
        }
    }
}

/// Takes in what is made of one layer: checkpoints as they are written to it, and in the end the index.
pub(crate) struct Keeping {
    cache: Cache,
    checkpoints: Option<New>,
}

impl Keeping {
    /// Keeps what was made of the layer with this diff ID, in this blob.
    pub(crate) fn keep(self, diff_id: &Digest, blob: &Digest, made: &Made) -> io::Result<()> {
        let Keeping { cache, checkpoints } = self;
        if let Ok(index) = &made.index {
            let mut new = cache.create()?;
            io::copy(&mut From::new(index.clone(), 0), &mut new.file)?;
            new.keep(Kind::Index, diff_id)?;
        }
        if let Some(new) = checkpoints.filter(|_| made.checkpoints) {
            new.keep(Kind::Checkpoints, blob)?;
        }
        cache.trim()
    }
}

impl Write for Keeping {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.checkpoints.is_none() {
            self.checkpoints = Some(self.cache.create()?);
        }
        match &mut self.checkpoints {
            Some(new) => new.file.write(bytes),
            None => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
