//! A blob of a registry, read at any place: by ranges, of which each is twice the last as long as they follow
//! one another, so that neither who wants little nor who wants all pays for the other.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use crate::digest::Digest;
use crate::layer::read_at::ReadAt;
use crate::registry::{BlobReader, RegistryError, Repository};

/// Bytes of the first range, and of the longest.
const FIRST: u64 = 256 << 10;
const MOST: u64 = 8 << 20;
/// Bytes that are read and dropped instead of asking anew.
const SKIPPED: u64 = 64 << 10;

/// A blob, read by ranges.
pub(super) struct BlobAt {
    repository: Repository,
    digest: Digest,
    size: u64,
    open: Mutex<Open>,
}

/// The range being read.
struct Open {
    reader: Option<BlobReader>,
    /// Of the next byte of it.
    at: u64,
    /// After its last byte.
    end: u64,
    length: u64,
}

impl BlobAt {
    /// The blob, with its first range. `None`: it is not there.
    pub(super) fn open(
        repository: &Repository,
        digest: &Digest,
        size: u64,
    ) -> Result<Option<BlobAt>, RegistryError> {
        let blob = BlobAt {
            repository: repository.clone(),
            digest: digest.clone(),
            size,
            open: Mutex::new(Open { reader: None, at: 0, end: 0, length: FIRST / 2 }),
        };
        let found = blob.seek(&mut blob.open.lock().unwrap_or_else(PoisonError::into_inner), 0)?;
        Ok(found.then_some(blob))
    }

    /// Asks for a range from here on. False: the blob is not there.
    fn seek(&self, open: &mut Open, offset: u64) -> Result<bool, RegistryError> {
        open.length = if offset == open.end { (open.length * 2).min(MOST) } else { FIRST };
        let end = (offset + open.length).min(self.size);
        // The connection of a range that was not read to its end is of no more use.
        open.reader = None;
        let Some(mut reader) = self.repository.open_range(&self.digest, self.size, offset, end)? else {
            return Ok(false);
        };
        reader.take_all_that_comes();
        let end = if reader.serves_ranges() { end } else { self.size };
        (open.reader, open.at, open.end) = (Some(reader), offset, end);
        Ok(true)
    }

    fn read_from(&self, open: &mut Open, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let within = open.at <= offset && offset < open.end && offset - open.at <= SKIPPED;
        if (!within || open.reader.is_none()) && !self.seek(open, offset).map_err(io::Error::other)? {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the blob is no longer there"));
        }
        let reader = open.reader.as_mut().ok_or(io::ErrorKind::UnexpectedEof)?;
        open.at += io::copy(&mut reader.take(offset - open.at), &mut io::sink())?;
        match reader.read(buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                open.at += read as u64;
                Ok(read)
            }
        }
    }
}

impl ReadAt for BlobAt {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.read_from(&mut open, offset, buffer);
        if read.is_err() {
            open.reader = None;
        }
        read
    }
}
