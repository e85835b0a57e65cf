//! Where decoding of a compressed blob can begin, so that what is in its middle is read without all that comes
//! before.
//!
//! Checkpoints are noted while a blob is undone ([`Writer`]) and belong to that blob: to its digest. As an index does,
//! they only save work.
//!
//! The form, all numbers little-endian:
//!
//! ```text
//! magic     8 bytes, the version in the last
//! windows   what came out before each place, at most 32 KiB, as a Zstandard frame; none where a member or frame starts
//! table     64 bytes a place, ascending: u64 compressed, u64 uncompressed, u64 where its window is, u32 the bytes of that,
//!           u8 bits, u8 1 where a member or frame starts, 2 bytes zero, 32 bytes BLAKE3 of the window as it is here
//! tail      u64 places, u64 bytes of the blob, u64 bytes uncompressed, u8 algorithm, 64 bytes digest, 7 bytes zero
//! checksum  32 bytes: BLAKE3 of the magic, the table and the tail
//! ```

use std::io::{self, Write};

use super::compression::{Place, Point, WINDOW};
use super::read_at::{ReadAt, number, read_exact_at};
use crate::digest::Digest;

/// Uncompressed bytes between two places. A file costs at most so much decoding before its first byte, 3 ms; windows
/// cost about a half of a hundredth of what is uncompressed.
pub const SPAN: u64 = 2 << 20;

const MAGIC: [u8; 8] = *b"cnsgncp\x01";
const ENTRY: usize = 64;
const TAIL: usize = 8 + 8 + 8 + Digest::FIXED;
const CHECKSUM: usize = 32;
/// Bytes of a table that is read: of a layer of two terabytes.
const TABLE_LIMIT: u64 = 64 << 20;

/// Bytes are not the checkpoints that are wanted. They can be made again from the blob.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointsError {
    /// They are of another version.
    #[error("wanted checkpoints of version {wanted}, found {found}")]
    Version {
        /// The version that is read.
        wanted: u8,
        /// Their version.
        found: u8,
    },
    /// They are not what was written.
    #[error("the checkpoints are damaged: {reason}")]
    Damaged {
        /// What is wrong.
        reason: &'static str,
    },
    /// They are those of another blob.
    #[error("wanted the checkpoints of `{wanted}`, found those of another blob")]
    OtherBlob {
        /// The blob.
        wanted: Digest,
    },
    /// They cannot be read.
    #[error("reading checkpoints failed")]
    Read {
        /// Why.
        #[from]
        source: io::Error,
    },
}

/// Writes checkpoints as they are come upon, so that few are in memory.
pub struct Writer<W> {
    out: W,
    written: u64,
    table: Vec<u8>,
    compressor: zstd::bulk::Compressor<'static>,
}

impl<W: Write> Writer<W> {
    /// Begins; `out` is empty.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W) -> io::Result<Writer<W>> {
        out.write_all(&MAGIC)?;
        let compressor = zstd::bulk::Compressor::new(1)?;
        Ok(Writer { out, written: 8, table: Vec::new(), compressor })
    }

    /// One more place, which is after the last.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn add(&mut self, point: &Point) -> io::Result<()> {
        let window = if point.start { Vec::new() } else { self.compressor.compress(&point.window)? };
        self.out.write_all(&window)?;
        self.table.extend(point.place.compressed.to_le_bytes());
        self.table.extend(point.place.uncompressed.to_le_bytes());
        self.table.extend(self.written.to_le_bytes());
        self.table.extend((window.len() as u32).to_le_bytes());
        self.table.extend([point.bits, point.start.into(), 0, 0]);
        self.table.extend(blake3::hash(&window).as_bytes());
        self.written += window.len() as u64;
        Ok(())
    }

    /// Ends. The blob has `size` bytes, which stand for so many uncompressed ones.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn finish(self, blob: &Digest, size: u64, uncompressed: u64) -> io::Result<W> {
        let Writer { mut out, table, .. } = self;
        let mut bytes = table;
        let places = (bytes.len() / ENTRY) as u64;
        for number in [places, size, uncompressed] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(blob.to_fixed());
        let checksum = checksum(&bytes);
        out.write_all(&bytes)?;
        out.write_all(&checksum)?;
        Ok(out)
    }
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&MAGIC).update(bytes);
    *hasher.finalize().as_bytes()
}

/// The checkpoints of a blob: the table verified, in memory; windows read, and verified, as they are wanted.
pub struct Checkpoints {
    file: Box<dyn ReadAt>,
    places: Vec<Entry>,
    size: u64,
    uncompressed: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    place: Place,
    window: u64,
    length: usize,
    bits: u8,
    start: bool,
    digest: [u8; 32],
}

impl Checkpoints {
    /// The checkpoints in this file, which have to be those of `blob`.
    ///
    /// # Errors
    /// [`CheckpointsError`] where it holds anything else.
    pub fn open(file: Box<dyn ReadAt>, blob: &Digest) -> Result<Checkpoints, CheckpointsError> {
        let damaged = |reason| CheckpointsError::Damaged { reason };
        let length = file.size();
        let end = length.checked_sub((TAIL + CHECKSUM) as u64).filter(|end| *end >= 8);
        let end = end.ok_or(damaged("they are cut"))?;
        match &read_exact_at(&*file, 0, 8)?[..] {
            head if head == MAGIC => {}
            head if head[..7] == MAGIC[..7] => {
                return Err(CheckpointsError::Version { wanted: MAGIC[7], found: head[7] });
            }
            _ => return Err(damaged("they do not begin as such")),
        }
        let tail = read_exact_at(&*file, end, TAIL)?;
        let places = number(&tail, 0);
        let table = places.checked_mul(ENTRY as u64).filter(|length| *length <= TABLE_LIMIT);
        let table = table.filter(|length| *length <= end - 8).ok_or(damaged("the table is too long"))?;
        let start = end - table;
        let bytes = read_exact_at(&*file, start, (length - start) as usize)?;
        let (bytes, found) = bytes.split_at(bytes.len() - CHECKSUM);
        if checksum(bytes) != found {
            return Err(damaged("their checksum does not match"));
        }
        let (table, tail) = bytes.split_at(table as usize);
        let (size, uncompressed) = (number(tail, 8), number(tail, 16));
        if tail[24..] != blob.to_fixed() {
            return Err(CheckpointsError::OtherBlob { wanted: blob.clone() });
        }
        let mut places = Vec::with_capacity(table.len() / ENTRY);
        let mut last = Place::default();
        for entry in table.chunks_exact(ENTRY) {
            let place = Place { compressed: number(entry, 0), uncompressed: number(entry, 8) };
            let (window, length) = (number(entry, 16), number(entry, 24) & 0xffff_ffff);
            let ordered = place.compressed > last.compressed && place.uncompressed > last.uncompressed;
            if !ordered || place.compressed > size || place.uncompressed > uncompressed {
                return Err(damaged("a place is out of order"));
            }
            if window.checked_add(length).is_none_or(|end| end > start) || length > 2 * WINDOW as u64 {
                return Err(damaged("a window is not in the file"));
            }
            let (bits, is_start) = (entry[28], entry[29] == 1);
            if bits > 7 {
                return Err(damaged("a place has more bits than a byte"));
            }
            let digest = entry[32..].first_chunk().copied().unwrap_or_default();
            places.push(Entry { place, window, length: length as usize, bits, start: is_start, digest });
            last = place;
        }
        Ok(Checkpoints { file, places, size, uncompressed })
    }

    /// How many places there are, beside the start.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is only the start.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Bytes of the blob.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes uncompressed.
    pub fn uncompressed(&self) -> u64 {
        self.uncompressed
    }

    /// Where to begin for what is at `offset` of the uncompressed stream: the last place not after it. `None`: at the
    /// start.
    pub fn before(&self, offset: u64) -> Option<Place> {
        Some(self.entry(offset)?.place)
    }

    fn entry(&self, offset: u64) -> Option<&Entry> {
        let after = self.places.partition_point(|entry| entry.place.uncompressed <= offset);
        self.places.get(after.checked_sub(1)?)
    }

    /// The same, with all that is needed to begin there.
    ///
    /// # Errors
    /// [`CheckpointsError`] where the window is damaged or cannot be read.
    pub fn point_before(&self, offset: u64) -> Result<Option<Point>, CheckpointsError> {
        let damaged = |reason| CheckpointsError::Damaged { reason };
        let Some(entry) = self.entry(offset) else { return Ok(None) };
        let mut window = Vec::new();
        if !entry.start {
            let bytes = read_exact_at(&*self.file, entry.window, entry.length)?;
            if *blake3::hash(&bytes).as_bytes() != entry.digest {
                return Err(damaged("the checksum of a window does not match"));
            }
            window =
                zstd::bulk::decompress(&bytes, WINDOW).map_err(|_| damaged("a window cannot be decoded"))?;
        }
        Ok(Some(Point { place: entry.place, bits: entry.bits, window, start: entry.start }))
    }
}
