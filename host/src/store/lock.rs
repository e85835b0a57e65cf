//! The lock between writers and collection. Readers take none.
//!
//! A writer may find content in the store and rely on it until its transaction names it; collection must
//! not remove that content in between. So writers share the lock for as long as they live, and collection
//! has it alone. Locks are of open files (`flock`), so they also hold between threads of one process, and
//! end with the process that held them.
//!
//! Such locks know no order, and where writers come and go all the time, there is always one. So a collection
//! that waits closes the gate, a second lock that every writer passes first, for a moment.

use std::time::{Duration, Instant};

use cap_std::fs::{Dir, File, OpenOptions};
use rustix::fs::FlockOperation;

use super::error::{StoreError, io, sys};
use super::{Result, Store};

pub(super) const FILE: &str = "lock";

/// Passed by writers, closed by a collection that waits.
pub(super) const GATE: &str = "gate";

/// How long the gate is closed at most: a writer that is at work longer is not waited for behind it.
const CLOSED: Duration = Duration::from_secs(1);

/// A held lock; dropping it lets go.
pub(super) struct Guard {
    /// `None` where the lock is held elsewhere for as long.
    file: Option<File>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing would not do: a process that is being started on another thread has a copy of the handle
        // until it executes its program, and would hold the lock as long.
        if let Some(file) = &self.file {
            let _ = rustix::fs::flock(file, FlockOperation::Unlock);
        }
    }
}

impl Store {
    /// Joins the writers; waits for a collection to end.
    pub(super) fn lock_shared(&self) -> Result<Guard> {
        self.writable()?;
        if self.inner.alone {
            return Ok(Guard { file: None });
        }
        let (shared, patience) = (FlockOperation::NonBlockingLockShared, self.inner.options.patience);
        drop(acquire(self.root(), GATE, shared, patience)?);
        acquire(self.root(), FILE, shared, patience)
    }

    /// Waits until no writer is left, and keeps new ones out.
    pub(super) fn lock_exclusive(&self, patience: Duration) -> Result<Guard> {
        self.writable()?;
        if self.inner.alone {
            return Ok(Guard { file: None });
        }
        exclusive(self.root(), patience)
    }
}

/// Locks an open file for this handle alone, until it is closed. False: somebody else has it.
pub(super) fn try_exclusive(file: &std::fs::File) -> Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(sys("locking", super::INGEST)(errno)),
    }
}

/// Whether an open file is still the one of this name.
pub(super) fn is_at(file: &std::fs::File, root: &Dir, path: &str) -> Result<bool> {
    let opened = rustix::fs::fstat(file).map_err(sys("opening", path))?;
    match rustix::fs::statat(root, path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
        Ok(named) => Ok((opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino)),
        Err(rustix::io::Errno::NOENT) => Ok(false),
        Err(errno) => Err(sys("opening", path)(errno)),
    }
}

/// Waits until no writer is left in the store in this directory, and keeps new ones out.
pub(super) fn exclusive(root: &Dir, patience: Duration) -> Result<Guard> {
    let (start, operation) = (Instant::now(), FlockOperation::NonBlockingLockExclusive);
    match acquire(root, FILE, operation, Duration::ZERO) {
        Err(StoreError::Busy { .. }) if !patience.is_zero() => {}
        acquired => return acquired,
    }
    let left = || patience.saturating_sub(start.elapsed());
    if let Ok(_closed) = acquire(root, GATE, operation, left()) {
        match acquire(root, FILE, operation, left().min(CLOSED)) {
            Err(StoreError::Busy { .. }) => {}
            acquired => return acquired,
        }
    }
    acquire(root, FILE, operation, left())
}

/// How long to wait before the next try, after having waited so long. Whoever waits longest tries most often:
/// with pauses that grow, as SQLite's own do, newcomers would go first all the time.
pub(super) fn pause(waited: Duration) -> Duration {
    match waited.as_millis() {
        0..20 => Duration::from_millis(2),
        20..500 => Duration::from_millis(8),
        500..1500 => Duration::from_millis(4),
        _ => Duration::from_millis(1),
    }
}

fn acquire(root: &Dir, name: &str, operation: FlockOperation, patience: Duration) -> Result<Guard> {
    // A file of its own for every guard: two guards on one open file would be one lock.
    let file = root
        .open_with(name, OpenOptions::new().read(true).write(true).create(true))
        .map_err(io("opening", name))?;
    let start = Instant::now();
    loop {
        match rustix::fs::flock(&file, operation) {
            Ok(()) => return Ok(Guard { file: Some(file) }),
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(sys("locking", name)(errno)),
        }
        if start.elapsed() >= patience {
            return Err(StoreError::Busy { waited: start.elapsed() });
        }
        std::thread::sleep(pause(start.elapsed()));
    }
}
