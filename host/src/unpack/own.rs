//! What the layer underway has written so far: its whiteouts hide nothing of it, wherever in the layer they stand.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use super::fault::EntryError;

/// Paths that are kept track of, of one layer. With these sets they take 40 MiB at most.
pub(super) const LIMIT: usize = 2_000_000;

/// Paths by keyed hash: whoever makes a layer cannot know which collide.
pub(super) struct Own {
    keys: RandomState,
    /// Several sets, so that they do not grow, and hold everything twice, at the same time.
    shards: Vec<HashSet<u64, BuildHasherDefault<Same>>>,
    len: usize,
}

impl Own {
    pub(super) fn new() -> Own {
        Own { keys: RandomState::new(), shards: (0..64).map(|_| HashSet::default()).collect(), len: 0 }
    }

    /// Forgets all: another layer starts.
    pub(super) fn clear(&mut self) {
        if self.len > 0 {
            *self = Own::new();
        }
    }

    /// `said`: an entry is about this path, not only about something below it.
    pub(super) fn insert(&mut self, path: &[u8], said: bool) -> Result<(), EntryError> {
        let key = self.key(path) | u64::from(said);
        if self.shard(key).insert(key) {
            self.len += 1;
            if self.len > LIMIT {
                return Err(EntryError::TooManyEntries { limit: LIMIT });
            }
        }
        Ok(())
    }

    pub(super) fn contains(&mut self, path: &[u8]) -> bool {
        let key = self.key(path);
        let shard = self.shard(key);
        shard.contains(&key) || shard.contains(&(key | 1))
    }

    pub(super) fn is_said(&mut self, path: &[u8]) -> bool {
        let key = self.key(path) | 1;
        self.shard(key).contains(&key)
    }

    fn key(&self, path: &[u8]) -> u64 {
        self.keys.hash_one(path) & !1
    }

    fn shard(&mut self, key: u64) -> &mut HashSet<u64, BuildHasherDefault<Same>> {
        &mut self.shards[(key >> 58) as usize]
    }
}

/// Hashes of hashes.
#[derive(Default)]
struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        // The tables take the top bits to tell entries apart and the bottom ones to place them.
        self.0 = key.rotate_left(7);
    }
}
