//! What a layer holds, without its content: every entry of its tar, where that lies, and how to find it by path.
//!
//! An index is made while a layer passes ([`Builder`]) and belongs to its diff ID. It only ever saves work: what
//! is in it can be made again from the layer, and what is read by its help is held against the layer itself
//! (see [`crate::layer::opened`]).
//!
//! It is in the order of paths, in blocks: what is looked up, or walked, reads few of them, or one after the other, and
//! only few are in memory however many entries there are. The form, all numbers little-endian:
//!
//! ```text
//! magic     8 bytes, the version in the last
//! blocks    entries by path, components compared as bytes; of one path as in the tar (see `block`, `record`)
//! table     for each block: u32 bytes, u32 entries, 32 bytes BLAKE3 of it, u8 length, the path by which its first entry
//!           is found, or the beginning of that in 255 bytes
//! tail      u64 bytes of the table, u64 entries, u64 bytes of the tar, u8 algorithm, 64 bytes diff ID, 7 bytes zero
//! checksum  32 bytes: BLAKE3 of the magic, the table and the tail
//! ```
//!
//! A whiteout is found by the path that it is about: `.wh.NAME` where NAME is, an opaque directory's at the directory.

mod block;
mod build;
mod coding;
mod entries;
mod record;
mod sorted;
mod table;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fmt, io};

pub use build::Builder;
pub use entries::Entries;
pub use record::{Mark, Record, Xattrs};
pub use sorted::Scratch;

use super::path::{order, plain};
use super::read_at::{ReadAt, number, read_exact_at};
use crate::digest::Digest;
use block::Block;
use table::{LONGEST, Place, load, places};

/// Seven bytes that say what it is, and the version of the format.
const MAGIC: [u8; 8] = *b"cnsgnix\x02";
const TAIL: usize = 8 + 8 + 8 + Digest::FIXED;
const CHECKSUM: usize = 32;
/// Bytes of a table that is read: of several hundred million entries.
const TABLE_LIMIT: u64 = 1 << 30;
/// Bytes of blocks that are kept in memory, because what is looked up next is often near; one in any case.
const RECENT: usize = 256 << 10;

/// The BLAKE3 digest of a file's content. It serves comparison; what a layer is as a whole its diff ID says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileDigest(pub [u8; 32]);

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blake3:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes are not the index that is wanted. It can be made again from the layer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// They are of another version.
    #[error("wanted an index of version {wanted}, found {found}")]
    Version {
        /// The version that is read.
        wanted: u8,
        /// Its version.
        found: u8,
    },
    /// They are not what was written.
    #[error("the index is damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
    /// It is that of another layer.
    #[error("wanted the index of `{wanted}`, found that of `{found}`")]
    OtherLayer {
        /// The diff ID that was asked for.
        wanted: Digest,
        /// The one it has.
        found: Digest,
    },
    /// They cannot be read.
    #[error("reading the index failed")]
    Read {
        /// Why.
        #[from]
        source: io::Error,
    },
}

/// The index of a layer: its table in memory, and of its blocks those that were looked into last. Each is held against
/// its checksum whenever it is read.
///
/// Whatever the bytes say, no call panics or reads beside them.
pub struct Index {
    file: Mutex<Arc<dyn ReadAt>>,
    /// Makes it anew.
    again: Option<Again>,
    /// The checksum of the table and the tail, which is that of all of it.
    checksum: [u8; CHECKSUM],
    diff_id: Digest,
    entries: usize,
    /// Bytes of the tar.
    size: u64,
    blocks: Vec<Place>,
    /// The one that was looked into last is the last.
    recent: Mutex<Vec<Arc<Block>>>,
}

/// What makes the index of the same layer anew, as bytes, where that can be.
type Again = Box<dyn Fn() -> Option<Arc<dyn ReadAt>> + Send + Sync>;

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("diff_id", &self.diff_id).field("entries", &self.entries).finish()
    }
}

fn damaged(reason: &'static str) -> IndexError {
    IndexError::Damaged { reason }
}

/// The checksum of the table and the tail.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&MAGIC).update(bytes);
    *hasher.finalize().as_bytes()
}

impl Index {
    /// The index in these bytes, which has to be that of the layer `diff_id`.
    ///
    /// # Errors
    /// [`IndexError`] where they are anything else.
    pub fn open(file: Arc<dyn ReadAt>, diff_id: &Digest) -> Result<Index, IndexError> {
        let index = Index::read(file)?;
        if index.diff_id == *diff_id {
            return Ok(index);
        }
        Err(IndexError::OtherLayer { wanted: diff_id.clone(), found: index.diff_id })
    }

    /// The index in these bytes, of whichever layer.
    ///
    /// # Errors
    /// [`IndexError`] where they are anything else.
    pub fn read(file: Arc<dyn ReadAt>) -> Result<Index, IndexError> {
        let length = file.size();
        let head = usize::try_from(length).unwrap_or(MAGIC.len()).min(MAGIC.len());
        match &read_exact_at(&*file, 0, head)?[..] {
            head if head == MAGIC => {}
            head if head.len() == 8 && head[..7] == MAGIC[..7] => {
                return Err(IndexError::Version { wanted: MAGIC[7], found: head[7] });
            }
            _ => return Err(damaged("it does not begin as one")),
        }
        let tail = length.checked_sub((TAIL + CHECKSUM) as u64).filter(|tail| *tail >= 8);
        let tail = tail.ok_or(damaged("it is cut"))?;
        let table = number(&read_exact_at(&*file, tail, 8)?, 0);
        let start = tail.checked_sub(table).filter(|start| *start >= 8 && table <= TABLE_LIMIT);
        let start = start.ok_or(damaged("the table is too long"))?;
        let bytes = read_exact_at(&*file, start, (length - start) as usize)?;
        let (bytes, found) = bytes.split_at(bytes.len() - CHECKSUM);
        let checksum = checksum(bytes);
        if checksum != found {
            return Err(damaged("its checksum does not match"));
        }
        let (table, tail) = bytes.split_at(table as usize);
        let (entries, size) = (number(tail, 8), number(tail, 16));
        let diff_id = tail[24..].first_chunk().and_then(Digest::from_fixed);
        let diff_id = diff_id.ok_or(damaged("its diff ID is none"))?;
        let blocks = places(table).ok_or(damaged("its table is malformed"))?;
        let (end, count) = blocks.last().map_or((8, 0), |last| {
            (last.offset.saturating_add(last.length as u64), last.first.saturating_add(last.count))
        });
        if end != start || usize::try_from(entries) != Ok(count) {
            return Err(damaged("its blocks are not where the table says"));
        }
        let (file, recent) = (Mutex::new(file), Mutex::default());
        Ok(Index { file, again: None, checksum, diff_id, entries: count, size, blocks, recent })
    }

    /// The same, that goes on with what `again` makes where it turns out to be damaged further on.
    #[must_use]
    pub(super) fn or_again(
        self,
        again: impl Fn() -> Option<Arc<dyn ReadAt>> + Send + Sync + 'static,
    ) -> Index {
        Index { again: Some(Box::new(again)), ..self }
    }

    /// Its bytes.
    pub(super) fn into_bytes(self) -> Arc<dyn ReadAt> {
        self.file.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds all of it against its checksums. What its records say of the layer is another matter.
    ///
    /// # Errors
    /// [`IndexError`] where it is damaged or cannot be read.
    pub fn verify(&self) -> Result<(), IndexError> {
        let file = locked(&self.file).clone();
        self.blocks.iter().try_for_each(|place| load(&*file, place).map(drop))
    }

    /// Reads a block; where that fails, of an index made anew.
    fn load(&self, at: usize) -> Result<Block, IndexError> {
        let place = self.blocks.get(at).ok_or(damaged("a block is missing"))?;
        let file = locked(&self.file).clone();
        let failed = match load(&*file, place) {
            Ok(block) => return Ok(block),
            Err(failed) => failed,
        };
        let Some(again) = &self.again else { return Err(failed) };
        // Who else fails waits, and goes on with what was made.
        let mut current = locked(&self.file);
        if Arc::ptr_eq(&file, &current) {
            let Some(made) = again() else { return Err(failed) };
            if Index::open(made.clone(), &self.diff_id)?.checksum != self.checksum {
                return Err(failed);
            }
            *current = made;
        }
        load(&**current, place)
    }

    /// The block with this number.
    fn block(&self, at: usize) -> Result<Arc<Block>, IndexError> {
        let first = self.blocks.get(at).map(|place| place.first);
        let mut recent = locked(&self.recent);
        if let Some(found) = recent.iter().rposition(|block| Some(block.first) == first) {
            let block = recent.remove(found);
            recent.push(block.clone());
            return Ok(block);
        }
        drop(recent);
        let block = Arc::new(self.load(at)?);
        let mut recent = locked(&self.recent);
        recent.push(block.clone());
        let mut bytes: usize = recent.iter().map(|block| block.size()).sum();
        while bytes > RECENT && recent.len() > 1 {
            bytes -= recent.remove(0).size();
        }
        Ok(block)
    }

    /// The layer it is of.
    pub fn diff_id(&self) -> &Digest {
        &self.diff_id
    }

    /// Bytes of the layer's tar.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The entry at this position: by path, and of one path in the order of the tar.
    ///
    /// # Errors
    /// [`IndexError`] where it cannot be read or `position` is not below [`len`](Self::len).
    pub fn get(&self, position: usize) -> Result<Record, IndexError> {
        let block = self.block(self.block_of(position)?)?;
        block.record(position - block.first, self.size).ok_or(damaged("a record is malformed"))
    }

    fn block_of(&self, position: usize) -> Result<usize, IndexError> {
        let after = self.blocks.partition_point(|place| place.first <= position);
        let at = after.checked_sub(1).filter(|_| position < self.entries);
        at.ok_or(damaged("an entry is wanted that it does not have"))
    }

    /// The last entry in the tar of those with this path. The path need not be clean; the empty one is that of `./`.
    ///
    /// # Errors
    /// [`IndexError`] where it cannot be read.
    pub fn find(&self, path: &[u8]) -> Result<Option<Record>, IndexError> {
        self.all(path)?.last().transpose()
    }

    /// All entries with this path, in the order of the tar.
    ///
    /// # Errors
    /// [`IndexError`] where it cannot be read; and so where an entry cannot be.
    pub fn all<'p>(
        &self,
        path: &'p [u8],
    ) -> Result<impl Iterator<Item = Result<Record, IndexError>> + use<'_, 'p>, IndexError> {
        let path = plain(path);
        let entries = self.at(&record::key(&path).0)?;
        let is_it = move |record: &Record| plain(&record.path()) == path;
        Ok(entries.filter(move |record| record.as_ref().map_or(true, &is_it)))
    }

    /// All entries that are found by this path, which is clean, in the order of the tar: those that have it, and
    /// whiteouts that are about it.
    ///
    /// # Errors
    /// [`IndexError`] where it cannot be read; and so where an entry cannot be.
    pub fn at(&self, key: &[u8]) -> Result<Entries<'_>, IndexError> {
        let start = self.partition(|found| order(found, key) == Ordering::Less)?;
        Ok(Entries::at(self, start, key.to_vec()))
    }

    /// All entries that are found by a path below this one, which is clean: in the order of those paths, components
    /// compared as bytes, so that what is in a directory follows it; by the same path in the order of the tar. The entry
    /// of the directory itself is not among them, and need not be there.
    ///
    /// # Errors
    /// [`IndexError`] where it cannot be read; and so where an entry cannot be.
    pub fn below(&self, directory: &[u8]) -> Result<Entries<'_>, IndexError> {
        let start = self.partition(|found| order(found, directory) != Ordering::Greater)?;
        Ok(Entries::below(self, start, directory.to_vec()))
    }

    /// All entries, in order.
    pub fn entries(&self) -> Entries<'_> {
        Entries::all(self)
    }

    /// The first position whose path is not as asked.
    fn partition(&self, holds: impl Fn(&[u8]) -> bool) -> Result<usize, IndexError> {
        let (mut low, mut high) = (0, self.blocks.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let place = &self.blocks[middle];
            let held = match place.key.len() {
                LONGEST => holds(key(&*self.block(middle)?, 0)?),
                _ => holds(&place.key),
            };
            if held {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let Some(at) = low.checked_sub(1) else { return Ok(0) };
        let block = self.block(at)?;
        let (mut low, mut high) = (0, block.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(key(&block, middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(block.first + low)
    }
}

/// Neither holds anything that a panic could leave half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn key(block: &Block, at: usize) -> Result<&[u8], IndexError> {
    block.key(at).ok_or(damaged("a record is malformed"))
}
