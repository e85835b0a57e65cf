//! What a layer holds, without its content: every entry of its tar, where that lies, and how to find it by path.
//!
//! An index is made while a layer passes ([`Builder`]) and belongs to its diff ID. It only ever saves work: what
//! is in it can be made again from the layer, and what is read by its help is held against the layer itself
//! (see [`crate::layer::opened`]).
//!
//! The form, all numbers little-endian, `varint` being LEB128:
//!
//! ```text
//! magic     8 bytes, the version in the last
//! records   one an entry, in the order of the tar (see `record`)
//! places    u32 an entry: where its record begins
//! order     u32 an entry: entries by path, components compared as bytes; of one path as in the tar
//! tail      u64 entries, u64 bytes of the tar, u8 algorithm, 64 bytes diff ID, 7 bytes zero
//! checksum  32 bytes: BLAKE3 of all before it
//! ```

mod build;
mod path;
mod record;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;

pub use build::{Builder, TooLarge};
pub use path::{Components, components};
pub use record::{Record, Xattrs};

use crate::digest::{Algorithm, Digest};

/// Seven bytes that say what it is, and the version of the format.
const MAGIC: [u8; 8] = *b"cnsgnix\x01";
const TAIL: usize = 8 + 8 + 1 + 64 + 7;
const CHECKSUM: usize = 32;

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
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
}

/// The index of a layer: verified, its bytes in memory.
///
/// Whatever the bytes say, no call panics or reads beside them, and every record has the form it should.
pub struct Index {
    bytes: Vec<u8>,
    diff_id: Digest,
    entries: usize,
    /// Bytes of the tar.
    size: u64,
    /// Where the two tables begin.
    places: usize,
    order: usize,
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("diff_id", &self.diff_id).field("entries", &self.entries).finish()
    }
}

impl Index {
    /// The index in these bytes, which has to be that of the layer `diff_id`.
    ///
    /// # Errors
    /// [`IndexError`] where they are anything else.
    pub fn open(bytes: Vec<u8>, diff_id: &Digest) -> Result<Index, IndexError> {
        let index = Index::read(bytes)?;
        if index.diff_id == *diff_id {
            return Ok(index);
        }
        Err(IndexError::OtherLayer { wanted: diff_id.clone(), found: index.diff_id })
    }

    /// The index in these bytes, of whichever layer.
    ///
    /// # Errors
    /// [`IndexError`] where they are anything else.
    pub fn read(bytes: Vec<u8>) -> Result<Index, IndexError> {
        let damaged = |reason| IndexError::Damaged { reason };
        match bytes.first_chunk::<8>() {
            Some(head) if *head == MAGIC => {}
            Some(head) if head[..7] == MAGIC[..7] => {
                return Err(IndexError::Version { wanted: MAGIC[7], found: head[7] });
            }
            _ => return Err(damaged("it does not begin as one")),
        }
        let body = bytes.len().checked_sub(CHECKSUM).ok_or(damaged("it is cut"))?;
        let tail = body.checked_sub(TAIL).filter(|tail| *tail >= 8).ok_or(damaged("it is cut"))?;
        if blake3::hash(&bytes[..body]).as_bytes() != &bytes[body..] {
            return Err(damaged("its checksum does not match"));
        }
        let number = |at: usize| bytes[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let (entries, size) = (number(tail), number(tail + 8));
        let algorithm = Algorithm::ALL.get(usize::from(bytes[tail + 16])).copied();
        let algorithm = algorithm.ok_or(damaged("its algorithm is unknown"))?;
        let diff_id = Digest::from_bytes(algorithm, &bytes[tail + 17..][..algorithm.hex_len() / 2])
            .ok_or(damaged("its diff ID is none"))?;
        let tables = usize::try_from(entries).ok().and_then(|entries| entries.checked_mul(4));
        let place = |end: usize| tables.and_then(|length| end.checked_sub(length)).filter(|at| *at >= 8);
        let order = place(tail).ok_or(damaged("it has more entries than bytes"))?;
        let places = place(order).ok_or(damaged("it has more entries than bytes"))?;
        let entries = (order - places) / 4;
        let index = Index { bytes, diff_id, entries, size, places, order };
        index.validate()?;
        Ok(index)
    }

    /// Every record, and what the tables say, has to lie within the bytes: checked once, so that reading
    /// need not fail. What a record says of the layer is another matter.
    fn validate(&self) -> Result<(), IndexError> {
        let damaged = |reason| IndexError::Damaged { reason };
        let mut next = 8;
        for position in 0..self.entries {
            if self.place(position) != next {
                return Err(damaged("a record is not where the table says"));
            }
            let (record, length) =
                Record::parse(&self.bytes[next..self.places]).ok_or(damaged("a record is malformed"))?;
            if !record.lies_within(self.size) {
                return Err(damaged("an entry lies beyond the end of the layer"));
            }
            next += length;
            if self.number(self.order + 4 * position) >= self.entries {
                return Err(damaged("the order has an entry that is not there"));
            }
        }
        if next != self.places {
            return Err(damaged("there is something after the records"));
        }
        Ok(())
    }

    fn number(&self, at: usize) -> usize {
        let bytes = self.bytes.get(at..).and_then(|bytes| bytes.first_chunk());
        // 32 bits fit into the `usize` of every platform that is built for.
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    }

    fn place(&self, position: usize) -> usize {
        self.number(self.places + 4 * position)
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

    /// The bytes it was opened from.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The entry at this position, in the order of the tar.
    ///
    /// # Panics
    /// Where `position` is not below [`len`](Self::len).
    pub fn get(&self, position: usize) -> Record<'_> {
        assert!(position < self.entries, "entry {position} of {}", self.entries);
        let place = self.place(position);
        let record = Record::parse(&self.bytes[place..self.places]);
        record.expect("all records were parsed when the index was opened").0
    }

    /// The position of an entry by its cleaned path: no `/` or `./` in front, no empty component and none that is
    /// `.`. Where several entries have the path, the last of them counts. The empty path is that of `./`.
    pub fn find(&self, path: &[u8]) -> Option<usize> {
        let after = self.partition(0, |entry| compare(entry, path) != Ordering::Greater);
        let position = self.in_order(after.checked_sub(1)?);
        (compare(self.path(position), path) == Ordering::Equal).then_some(position)
    }

    /// The positions of all entries with this cleaned path, in the order of the tar.
    pub fn all(&self, path: &[u8]) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + use<'_> {
        let start = self.partition(0, |entry| compare(entry, path) == Ordering::Less);
        let end = self.partition(start, |entry| compare(entry, path) == Ordering::Equal);
        (start..end).map(|rank| self.in_order(rank))
    }

    /// The positions of all entries below a directory, given by its cleaned path: in the order of their paths,
    /// components compared as bytes, so that what is in a directory follows it; entries of the same path in the order
    /// of the tar. The entry of the directory itself is not among them, and need not be there.
    pub fn below(
        &self,
        directory: &[u8],
    ) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + use<'_> {
        let start = self.partition(0, |entry| compare(entry, directory) != Ordering::Greater);
        let end = self.partition(start, |entry| is_below(entry, directory));
        (start..end).map(|rank| self.in_order(rank))
    }

    fn path(&self, position: usize) -> &[u8] {
        let bytes = self.bytes.get(self.place(position)..self.places);
        bytes.and_then(Record::path).expect("all records were parsed when the index was opened")
    }

    fn in_order(&self, rank: usize) -> usize {
        self.number(self.order + 4 * rank)
    }

    /// The first rank from `start` on whose path is not as asked.
    fn partition(&self, start: usize, holds: impl Fn(&[u8]) -> bool) -> usize {
        let (mut low, mut high) = (start, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.path(self.in_order(middle))) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// The order of two paths, component by component.
fn compare(a: &[u8], b: &[u8]) -> Ordering {
    components(a).cmp(components(b))
}

/// Whether `path` has the components of `directory` and more.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    let mut components = components(path);
    self::components(directory).all(|wanted| components.next() == Some(wanted)) && components.next().is_some()
}
