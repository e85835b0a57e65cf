//! One blob in several parts at once: where each connection is slow, several are not.
//!
//! Parts are read ahead by threads of their own and handed out in order. A part is fetched only when there is
//! room for it, so that memory is bounded: [`PARTS`] times [`PART`] for each blob.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::registry::{RegistryError, Repository};

/// Bytes of a part.
const PART: u64 = 2 << 20;
/// Parts that are fetched or wait at the same time.
const PARTS: u64 = 4;

/// What came of asking for a part.
pub(super) enum Opened {
    /// The blob is not there.
    Absent,
    /// Parts come.
    Parts(Ranges),
    /// The registry sends the whole blob whatever it is asked for.
    Whole,
}

/// A blob, read in parts.
pub(super) struct Ranges {
    shared: Arc<Shared>,
    /// The part being read, and how far it was.
    part: Vec<u8>,
    at: usize,
    /// The number of the next part.
    next: u64,
}

struct Shared {
    repository: Repository,
    digest: Digest,
    size: u64,
    from: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// The first part that nobody fetches yet.
    unclaimed: u64,
    /// How many parts were handed out.
    taken: u64,
    parts: BTreeMap<u64, Result<Vec<u8>, RegistryError>>,
    spare: Vec<Vec<u8>>,
    /// Nobody reads any more.
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self) -> u64 {
        (self.size - self.from).div_ceil(PART)
    }

    fn bounds(&self, part: u64) -> (u64, u64) {
        let start = self.from + part * PART;
        (start, (start + PART).min(self.size))
    }

    /// Fetches parts as long as there are some and there is room.
    fn work(&self) {
        loop {
            let mut state = self.lock();
            while !state.ended && state.unclaimed < self.count() && state.unclaimed >= state.taken + PARTS {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.ended || state.unclaimed >= self.count() {
                return;
            }
            let part = state.unclaimed;
            state.unclaimed += 1;
            let buffer = state.spare.pop().unwrap_or_default();
            drop(state);
            let (start, end) = self.bounds(part);
            let fetched = self.fetch(start, end, buffer);
            let failed = fetched.is_err();
            let mut state = self.lock();
            state.parts.insert(part, fetched);
            self.changed.notify_all();
            if failed {
                return;
            }
        }
    }

    fn fetch(&self, start: u64, end: u64, mut buffer: Vec<u8>) -> Result<Vec<u8>, RegistryError> {
        let missing =
            |found| RegistryError::SizeMismatch { digest: self.digest.clone(), wanted: self.size, found };
        let reader = self.repository.open_range(&self.digest, self.size, start, end)?;
        let mut reader = reader.ok_or_else(|| missing(start))?;
        buffer.clear();
        reader.read_to_end(&mut buffer).map_err(|error| match error.downcast::<RegistryError>() {
            Ok(error) => error,
            Err(source) => unreachable(&self.repository, source),
        })?;
        if buffer.len() as u64 == end - start {
            Ok(buffer)
        } else {
            Err(missing(start + buffer.len() as u64))
        }
    }
}

fn unreachable(repository: &Repository, source: io::Error) -> RegistryError {
    RegistryError::Unreachable { host: repository.registry().name().to_owned(), source }
}

impl Ranges {
    /// Begins to read a blob from byte `from` on.
    pub(super) fn open(
        repository: &Repository,
        digest: &Digest,
        size: u64,
        from: u64,
    ) -> Result<Opened, RegistryError> {
        let shared = Shared {
            repository: repository.clone(),
            digest: digest.clone(),
            size,
            from,
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        let (start, end) = shared.bounds(0);
        let Some(mut first) = repository.open_range(digest, size, start, end)? else {
            return Ok(Opened::Absent);
        };
        if !first.serves_ranges() {
            return Ok(Opened::Whole);
        }
        let mut part = Vec::with_capacity(usize::try_from(end - start).unwrap_or_default());
        let shared = Arc::new(shared);
        {
            let mut state = shared.lock();
            (state.unclaimed, state.taken) = (1, 1);
        }
        for _ in 1..PARTS.min(shared.count()) {
            let shared = shared.clone();
            std::thread::spawn(move || shared.work());
        }
        let ranges = |part| Ranges { shared: shared.clone(), part, at: 0, next: 1 };
        // The first part is here to be read while the others are fetched.
        match first.read_to_end(&mut part) {
            Ok(_) => Ok(Opened::Parts(ranges(part))),
            Err(error) => {
                drop(ranges(Vec::new()));
                Err(match error.downcast::<RegistryError>() {
                    Ok(error) => error,
                    Err(source) => unreachable(repository, source),
                })
            }
        }
    }

    /// The next part. False: there are no more.
    fn advance(&mut self) -> Result<bool, RegistryError> {
        if self.next >= self.shared.count() {
            return Ok(false);
        }
        let mut state = self.shared.lock();
        state.spare.push(std::mem::take(&mut self.part));
        let part = loop {
            if let Some(part) = state.parts.remove(&self.next) {
                break part;
            }
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        self.part = part?;
        self.at = 0;
        self.next += 1;
        state.taken = self.next;
        self.shared.changed.notify_all();
        Ok(true)
    }
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.part.len() && !buffer.is_empty() && !self.advance().map_err(io::Error::other)? {
            return Ok(0);
        }
        let read = (&self.part[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl Drop for Ranges {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
    }
}
