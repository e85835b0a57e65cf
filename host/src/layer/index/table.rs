//! The table of an index: its blocks, what they have to be, and how they are read.

use super::block::Block;
use super::{IndexError, damaged};
use crate::layer::read_at::{ReadAt, read_exact_at};

/// Bytes of a path in the table, at most.
pub(super) const LONGEST: usize = 255;

/// Where a block is, and what it has to be.
pub(super) struct Place {
    pub(super) offset: u64,
    pub(super) length: usize,
    pub(super) first: usize,
    pub(super) count: usize,
    checksum: [u8; 32],
    /// The path by which its first entry is found; its beginning where it is [`LONGEST`].
    pub(super) key: Box<[u8]>,
}

/// What the table says, as far as it says it well.
pub(super) fn places(mut table: &[u8]) -> Option<Vec<Place>> {
    let mut places = Vec::new();
    let (mut offset, mut first) = (8u64, 0usize);
    while !table.is_empty() {
        let (head, rest) = table.split_at_checked(4 + 4 + 32 + 1)?;
        let (key, rest) = rest.split_at_checked(usize::from(head[40]))?;
        let length = usize::try_from(u32::from_le_bytes(*head.first_chunk()?)).ok()?;
        let count = usize::try_from(u32::from_le_bytes(*head[4..].first_chunk()?)).ok()?;
        let checksum = *head[8..].first_chunk()?;
        places.push(Place { offset, length, first, count, checksum, key: key.into() });
        offset = offset.checked_add(length as u64)?;
        first = first.checked_add(count)?;
        // There is none without an entry.
        table = if count == 0 { return None } else { rest };
    }
    Some(places)
}

/// Reads a block.
pub(super) fn load(file: &dyn ReadAt, place: &Place) -> Result<Block, IndexError> {
    let bytes = read_exact_at(file, place.offset, place.length)?;
    if *blake3::hash(&bytes).as_bytes() != place.checksum {
        return Err(damaged("the checksum of a block does not match"));
    }
    Block::new(bytes, place.first, place.count).ok_or(damaged("a block has more entries than bytes"))
}
