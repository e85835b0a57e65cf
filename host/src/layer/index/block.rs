//! A piece of an index: what is read, and held against a checksum, at once.
//!
//! ```text
//! records   in order (see `record`)
//! places    u32 a record: where it begins
//! ```

use std::fmt;
use std::sync::Arc;

use super::record::{Record, key_at};

/// Bytes of records in a block, at least, unless it is the last one: so many are read to find one of them.
pub(super) const SIZE: usize = 16 << 10;

/// A block, in memory. That it is the one that was written is known; what that says is not.
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Where the places begin.
    places: usize,
    /// The position of its first record.
    pub(super) first: usize,
    /// How many records it has.
    pub(super) count: usize,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("first", &self.first).field("count", &self.count).finish()
    }
}

impl Block {
    /// The block in these bytes, with so many records. `None` where there is not even place for them.
    pub(super) fn new(bytes: Vec<u8>, first: usize, count: usize) -> Option<Block> {
        let places = bytes.len().checked_sub(count.checked_mul(4)?)?;
        Some(Block { bytes, places, first, count })
    }

    /// Its bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn records(&self) -> &[u8] {
        &self.bytes[..self.places]
    }

    fn place(&self, at: usize) -> Option<usize> {
        let number = self.bytes.get(self.places + 4 * at..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*number)).ok()
    }

    /// The path by which the record at this place in the block is found.
    pub(super) fn key(&self, at: usize) -> Option<&[u8]> {
        key_at(self.records(), self.place(at)?)
    }

    /// The record at this place in the block, of a layer whose tar has `size` bytes.
    pub(super) fn record(self: &Arc<Self>, at: usize, size: u64) -> Option<Record> {
        let record = Record::parse(self, self.place(at)?, self.first + at)?;
        record.lies_within(size).then_some(record)
    }
}

/// Puts a block together.
#[derive(Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    places: Vec<u8>,
}

impl Writer {
    /// Whether nothing more goes into it.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= SIZE
    }

    pub(super) fn count(&self) -> usize {
        self.places.len() / 4
    }

    /// The path by which its first record is found.
    pub(super) fn first(&self) -> Option<&[u8]> {
        key_at(&self.bytes, 0)
    }

    pub(super) fn add(&mut self, record: &[u8]) {
        // It is added to only below `SIZE`.
        self.places.extend((self.bytes.len() as u32).to_le_bytes());
        self.bytes.extend_from_slice(record);
    }

    /// All of it; the next one begins.
    pub(super) fn take(&mut self, out: &mut Vec<u8>) {
        out.clear();
        out.append(&mut self.bytes);
        out.append(&mut self.places);
    }
}
