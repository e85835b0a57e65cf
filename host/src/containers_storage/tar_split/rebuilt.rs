//! A layer's tar from its start.

use std::fs::File;
use std::io::{self, Read};

use super::crc::Crc;
use super::{Entry, Lines, Piece, TarSplitError};
use crate::containers_storage::Files;

/// Reads a layer's tar as it was. Files are held against their checksums as they pass, so that the error names
/// the one that was changed.
pub(crate) struct Rebuilt {
    lines: Lines,
    files: Files,
    now: Now,
}

enum Now {
    Between,
    Bytes { bytes: Vec<u8>, at: usize },
    File { file: File, entry: Entry, left: u64, crc: Crc },
}

impl Rebuilt {
    pub(crate) fn new(split: File, files: Files) -> Result<Rebuilt, TarSplitError> {
        Ok(Rebuilt { lines: Lines::open(split)?, files, now: Now::Between })
    }

    fn next(&mut self) -> Result<bool, TarSplitError> {
        self.now = match self.lines.next()? {
            None => return Ok(false),
            Some(Piece::Bytes(bytes)) => Now::Bytes { bytes, at: 0 },
            Some(Piece::File(entry)) => {
                let file = self.files.open(&entry.path, entry.size);
                let file = file.map_err(|source| entry.unreadable(source))?;
                Now::File { file, left: entry.size, entry, crc: Crc::new() }
            }
        };
        Ok(true)
    }
}

impl Read for Rebuilt {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        // Pieces are small: as many as there is room for.
        while filled < buffer.len() {
            let room = &mut buffer[filled..];
            match &mut self.now {
                Now::Between => {
                    if !self.next()? {
                        break;
                    }
                }
                Now::Bytes { bytes, at } => {
                    let length = room.len().min(bytes.len() - *at);
                    room[..length].copy_from_slice(&bytes[*at..*at + length]);
                    *at += length;
                    filled += length;
                    if *at == bytes.len() {
                        self.now = Now::Between;
                    }
                }
                Now::File { file, entry, left, crc } => {
                    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(room.len());
                    let read = match file.read(&mut room[..length]) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                        // It was cut while it was being read.
                        Ok(0) => return Err(entry.unreadable(io::ErrorKind::UnexpectedEof.into()).into()),
                        read => read.map_err(|source| entry.unreadable(source))?,
                    };
                    crc.update(&room[..read]);
                    filled += read;
                    *left -= read as u64;
                    if *left == 0 {
                        entry.held_against(crc.finish())?;
                        self.now = Now::Between;
                    }
                }
            }
        }
        Ok(filled)
    }
}
