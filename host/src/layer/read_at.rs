//! What can be read at any place: a stored blob, a part of an archive, bytes in memory.

use std::fs::File;
use std::io::{self, BufRead, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use crate::transport::tar_index::Extent;

/// Bytes that can be read at any place, by several readers at once.
pub trait ReadAt: Send + Sync {
    /// How many there are.
    fn size(&self) -> u64;

    /// Reads the bytes at `offset`: at least one unless that is the end or `buffer` is empty.
    ///
    /// # Errors
    /// The system's, or the place's the bytes come from.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

/// A part of a file.
#[derive(Debug)]
pub struct FilePart {
    file: Arc<File>,
    extent: Extent,
}

impl FilePart {
    /// These bytes of the file.
    pub fn new(file: Arc<File>, extent: Extent) -> FilePart {
        FilePart { file, extent }
    }

    /// All of a file.
    ///
    /// # Errors
    /// The system's.
    pub fn whole(file: File) -> io::Result<FilePart> {
        let size = file.metadata()?.len();
        Ok(FilePart { file: Arc::new(file), extent: Extent { offset: 0, size } })
    }
}

impl ReadAt for FilePart {
    fn size(&self) -> u64 {
        self.extent.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.extent.size.saturating_sub(offset);
        let length = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
        if length == 0 {
            return Ok(0);
        }
        match self.file.read_at(&mut buffer[..length], self.extent.offset + offset)? {
            // The file was cut meanwhile.
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => Ok(read),
        }
    }
}

/// All `length` bytes at `offset`.
pub(crate) fn read_exact_at(from: &dyn ReadAt, mut offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match from.read_at(offset, &mut bytes[filled..]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                filled += read;
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

/// The number at this place, little-endian; 0 where there is none.
pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The first bytes that are read at once, and the most: little is wasted on who wants little.
const FIRST: usize = 32 << 10;
const MOST: usize = 256 << 10;

/// Reads on from a place.
pub(crate) struct From {
    source: Arc<dyn ReadAt>,
    /// Where the buffer's end is.
    offset: u64,
    buffer: Vec<u8>,
    at: usize,
    filled: usize,
}

impl From {
    pub(crate) fn new(source: Arc<dyn ReadAt>, offset: u64) -> From {
        From { source, offset, buffer: Vec::new(), at: 0, filled: 0 }
    }
}

impl Read for From {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for From {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.filled {
            let length = (2 * self.buffer.len()).clamp(FIRST, MOST);
            self.buffer.resize(length, 0);
            (self.at, self.filled) = (0, 0);
            self.filled = self.source.read_at(self.offset, &mut self.buffer)?;
            self.offset += self.filled as u64;
        }
        Ok(&self.buffer[self.at..self.filled])
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.filled);
    }
}
