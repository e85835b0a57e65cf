//! A layer's tar, to be read at any place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex, PoisonError};

use super::crc::Crc;
use super::{Entry, Lines, Piece, TarSplitError, parse};
use crate::containers_storage::Files;
use crate::layer::read_at::ReadAt;

/// Bytes of lines that are kept together. Lines are mostly zeros: compressed they take 50 bytes an entry, plain 1,200.
const BLOCK: usize = 256 << 10;

/// The tar-split of a layer, and its files. Reads end at the end of a piece, so that whoever hops from header to header
/// opens no file.
pub(crate) struct Map {
    files: Files,
    blocks: Vec<Block>,
    size: u64,
    /// The block that was read last, and the file.
    last: Mutex<Last>,
}

/// Pieces, each with the place in the tar where it starts.
type Pieces = [(u64, Piece)];

/// Lines that follow each other.
struct Block {
    /// Where the first one's bytes are in the tar.
    start: u64,
    /// The number of the first one.
    line: u64,
    /// The lines, as zstd.
    lines: Vec<u8>,
}

#[derive(Default)]
struct Last {
    block: Option<(usize, Arc<Pieces>)>,
    file: Option<Open>,
}

/// A file that is being read, from byte `start` of the tar on.
struct Open {
    start: u64,
    file: File,
    entry: Entry,
    /// As long as it is read from its start on: how far, and the checksum so far.
    seen: Option<(u64, Crc)>,
}

impl Map {
    /// Reads all of the tar-split.
    pub(crate) fn read(split: File, files: Files) -> Result<Map, TarSplitError> {
        let mut input = Lines::open(split)?;
        let (mut blocks, mut lines) = (Vec::new(), Vec::with_capacity(BLOCK + (4 << 10)));
        let (mut size, mut start, mut first) = (0u64, 0, 0);
        loop {
            let position = input.read();
            let line = input.next_line()?;
            if (line.is_none() && !lines.is_empty()) || lines.len() >= BLOCK {
                blocks.push(Block { start, line: first, lines: compressed(&lines)? });
                lines.clear();
                (start, first) = (size, position);
            }
            let Some(line) = line else { break };
            lines.extend_from_slice(line);
            if let Some(piece) = parse(line, position)? {
                let wrong = TarSplitError::Line { line: position + 1, wanted: "sizes that can be added up" };
                size = size.checked_add(piece.len()).ok_or(wrong)?;
            }
        }
        Ok(Map { files, blocks, size, last: Mutex::default() })
    }

    /// The pieces of a block, and where they start.
    fn pieces(&self, block: usize) -> io::Result<Arc<Pieces>> {
        let Block { start, line, lines } = &self.blocks[block];
        let lines = zstd::decode_all(lines.as_slice())?;
        let (mut pieces, mut offset) = (Vec::new(), *start);
        for (position, line) in (*line..).zip(lines.split_inclusive(|byte| *byte == b'\n')) {
            if let Some(piece) = parse(line, position)? {
                let length = piece.len();
                pieces.push((offset, piece));
                offset += length;
            }
        }
        Ok(pieces.into())
    }
}

fn compressed(lines: &[u8]) -> Result<Vec<u8>, TarSplitError> {
    let failed =
        |source| TarSplitError::Read { source: crate::layer::compression::CompressionError::Read { source } };
    zstd::encode_all(lines, 1).map_err(failed)
}

impl ReadAt for Map {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        if offset >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // A block without a piece has the start of the next one.
        let block = self.blocks.partition_point(|block| block.start <= offset) - 1;
        let pieces = match &last.block {
            Some((known, pieces)) if *known == block => pieces.clone(),
            _ => {
                let pieces = self.pieces(block)?;
                last.block = Some((block, pieces.clone()));
                pieces
            }
        };
        let piece = pieces.partition_point(|(start, _)| *start <= offset);
        let Some((start, piece)) = piece.checked_sub(1).and_then(|piece| pieces.get(piece)) else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let within = offset - start;
        let length = usize::try_from(piece.len() - within).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..length];
        match piece {
            Piece::Bytes(bytes) => {
                let at = usize::try_from(within).map_err(|_| io::ErrorKind::InvalidData)?;
                buffer.copy_from_slice(&bytes[at..at + length]);
                Ok(length)
            }
            Piece::File(entry) => {
                if last.file.as_ref().is_none_or(|open| open.start != *start) {
                    let file = self.files.open(&entry.path, entry.size);
                    let file = file.map_err(|source| entry.unreadable(source))?;
                    last.file = Some(Open { start: *start, file, entry: entry.clone(), seen: None });
                }
                let open = last.file.as_mut().ok_or(io::ErrorKind::InvalidData)?;
                Ok(open.read(within, buffer)?)
            }
        }
    }
}

impl Open {
    fn read(&mut self, within: u64, buffer: &mut [u8]) -> Result<usize, TarSplitError> {
        let read = loop {
            match self.file.read_at(buffer, within) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It was cut while it was being read.
                Ok(0) => return Err(self.entry.unreadable(io::ErrorKind::UnexpectedEof.into())),
                read => break read.map_err(|source| self.entry.unreadable(source))?,
            }
        };
        let seen = if within == 0 { Some((0, Crc::new())) } else { self.seen };
        self.seen = match seen {
            Some((end, mut crc)) if end == within => {
                crc.update(&buffer[..read]);
                Some((end + read as u64, crc))
            }
            _ => None,
        };
        match self.seen {
            Some((end, crc)) if end == self.entry.size => self.entry.held_against(crc.finish())?,
            _ => {}
        }
        Ok(read)
    }
}
