//! A tar as it passes: its entries and their content, in the order and in the pieces in which they come. Nothing is
//! kept but the entry underway, so a tar may have any number of them.
//!
//! POSIX ustar and pax, version 7, star's and GNU's forms with sparse files, as Go's `archive/tar`, GNU tar and
//! Python's `tarfile` write them.
//!
//! ```
//! use consign::layer::entry::Entry;
//! use consign::layer::tar::{Decoder, Visitor};
//! use consign::transport::tar_index::TarError;
//!
//! struct Paths(Vec<Vec<u8>>);
//!
//! impl Visitor for Paths {
//!     type Error = TarError;
//!
//!     fn entry(&mut self, entry: &Entry, _: u64) -> Result<(), TarError> {
//!         self.0.push(entry.path.clone());
//!         Ok(())
//!     }
//! }
//!
//! # fn paths(pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, TarError> {
//! let mut decoder = Decoder::new();
//! let mut paths = Paths(Vec::new());
//! for piece in pieces {
//!     decoder.feed(piece, &mut paths)?;
//! }
//! decoder.finish()?;
//! Ok(paths.0)
//! # }
//! # assert_eq!(paths(&[&[0; 700], &[0; 324]]).unwrap(), Vec::<Vec<u8>>::new());
//! ```

pub(crate) mod header;
pub(crate) mod headers;
mod pax;
#[cfg(test)]
mod tests;
pub mod write;

use super::entry::Entry;
use crate::transport::tar_index::TarError;
use header::{BLOCK, Block};
use headers::{Headers, Next};

/// Bytes of one extended header: Go's limit. A file's extended attributes are in it, at most 64 KiB each.
pub const EXTENDED: usize = 1 << 20;
/// Bytes of a path or of a link's target.
pub const NAME: usize = 64 << 10;
/// Runs of data in one sparse file.
pub const SPARSE_RUNS: usize = 64 << 10;

/// Bytes of a sparse file's map, where it is text: as many runs with numbers of 15 digits.
const MAP: usize = 2 << 20;

/// Who is told what a tar holds. For each entry: [`entry`](Visitor::entry), [`content`](Visitor::content) any number
/// of times, [`end`](Visitor::end).
pub trait Visitor {
    /// What it cannot go on with; the decoder's errors become one.
    type Error: From<TarError>;

    /// An entry comes, whose content starts at byte `content` of the tar.
    ///
    /// # Errors
    /// Whatever ends the decoding.
    fn entry(&mut self, entry: &Entry, content: u64) -> Result<(), Self::Error>;

    /// More of the entry's content, never empty; in all [`Entry::stored_size`] bytes. Of a sparse file these are the
    /// runs of data, one after the other.
    ///
    /// # Errors
    /// Whatever ends the decoding.
    fn content(&mut self, bytes: &[u8]) -> Result<(), Self::Error> {
        let _ = bytes;
        Ok(())
    }

    /// The entry has been seen in full.
    ///
    /// # Errors
    /// Whatever ends the decoding.
    fn end(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

/// A tar being read. After an error it has nothing more to say.
///
/// Memory: an extended header of each kind, and a sparse file's map; below 5 MiB in all.
pub struct Decoder {
    /// Bytes taken.
    offset: u64,
    state: State,
    block: Block,
    /// Bytes of `block` that have come.
    filled: usize,
    headers: Headers,
    /// An extended header, or a sparse file's map, as far as it has come.
    bytes: Vec<u8>,
}

enum State {
    Header,
    /// After the first block of the end marker.
    Marker,
    /// What follows the end marker is padding, whatever it is.
    Ended,
    /// The content of an extended header, and its padding.
    Extended {
        left: u64,
        padding: u64,
    },
    /// More of the map of a sparse file.
    MapBlock {
        size: u64,
    },
    /// The map of a sparse file, at the start of its content: how many lines of how many have come.
    Map {
        left: u64,
        lines: usize,
        wanted: usize,
    },
    Content {
        left: u64,
        padding: u64,
    },
}

impl Default for Decoder {
    fn default() -> Self {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    pub fn new() -> Self {
        Decoder {
            offset: 0,
            state: State::Header,
            block: [0; BLOCK],
            filled: 0,
            headers: Headers::default(),
            bytes: Vec::new(),
        }
    }

    /// Bytes of the tar that it has been given.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Takes in more of the tar, cut anywhere.
    ///
    /// # Errors
    /// [`TarError`] with the position where a header is none, or passes a limit; and whatever the visitor fails with.
    pub fn feed<V: Visitor>(&mut self, mut bytes: &[u8], visitor: &mut V) -> Result<(), V::Error> {
        while !bytes.is_empty() {
            let taken = match &mut self.state {
                State::Ended => bytes.len(),
                State::Header | State::Marker | State::MapBlock { .. } | State::Map { .. } => {
                    let taken = bytes.len().min(BLOCK - self.filled);
                    self.block[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
                    self.filled += taken;
                    taken
                }
                State::Content { left, padding } => {
                    let taken = take(left, bytes);
                    if taken > 0 {
                        visitor.content(&bytes[..taken])?;
                        if *left == 0 {
                            visitor.end()?;
                        }
                    }
                    taken + take(padding, &bytes[taken..])
                }
                State::Extended { left, padding } => {
                    let taken = take(left, bytes);
                    self.bytes.extend_from_slice(&bytes[..taken]);
                    taken + take(padding, &bytes[taken..])
                }
            };
            bytes = &bytes[taken..];
            self.offset += taken as u64;
            self.step(visitor)?;
        }
        Ok(())
    }

    /// Passes over what is left of the content underway, and its padding: answers how many bytes of the tar are not
    /// to be fed.
    ///
    /// # Errors
    /// Whatever the visitor fails with; it is told of the entry's end.
    pub fn skip<V: Visitor>(&mut self, visitor: &mut V) -> Result<u64, V::Error> {
        let State::Content { left, padding } = self.state else { return Ok(0) };
        let skipped = left.saturating_add(padding);
        self.offset = self.offset.saturating_add(skipped);
        self.state = State::Header;
        if left > 0 {
            visitor.end()?;
        }
        Ok(skipped)
    }

    /// That there is no more.
    ///
    /// # Errors
    /// [`TarError::Truncated`] where there should be, [`TarError::BadHeader`] where there was nothing at all.
    pub fn finish(self) -> Result<(), TarError> {
        let found = self.offset;
        let truncated = |name: String, missing| {
            Err(TarError::Truncated { name, wanted: found.saturating_add(missing), found })
        };
        let missing = (BLOCK - self.filled) as u64;
        match self.state {
            State::Header if found == 0 => Err(TarError::BadHeader { offset: 0, reason: "there is nothing" }),
            // Go's reader, too, takes a missing end marker for an end; and content may lack its padding.
            State::Ended | State::Content { left: 0, .. } => Ok(()),
            State::Marker if self.filled == 0 => Ok(()),
            State::Header if self.filled == 0 && !self.headers.expect_entry() => Ok(()),
            State::Header | State::Marker => truncated("a header".into(), missing),
            State::MapBlock { .. } => truncated(self.headers.name(), missing),
            State::Extended { left, .. } => truncated("an extended header".into(), left),
            State::Content { left, .. } => truncated(self.headers.name(), left),
            State::Map { left, .. } => {
                truncated(self.headers.name(), left.saturating_sub(self.filled as u64).max(1))
            }
        }
    }

    /// Goes on when what was awaited is complete.
    fn step<V: Visitor>(&mut self, visitor: &mut V) -> Result<(), V::Error> {
        let whole = self.filled == BLOCK;
        let at = self.offset.wrapping_sub(BLOCK as u64);
        match self.state {
            State::Header if whole => {
                self.filled = 0;
                if self.block != [0; BLOCK] {
                    let next = self.headers.header(&self.block, at)?;
                    return self.follow(next, visitor);
                }
                if self.headers.expect_entry() {
                    let reason = "an extended header is not followed by an entry";
                    return Err(TarError::BadHeader { offset: at, reason }.into());
                }
                self.state = State::Marker;
            }
            State::Marker if whole => {
                self.filled = 0;
                if self.block != [0; BLOCK] {
                    let reason = "half an end marker is before it";
                    return Err(TarError::BadHeader { offset: at, reason }.into());
                }
                self.state = State::Ended;
            }
            State::MapBlock { size } if whole => {
                self.filled = 0;
                let next = self.headers.map_block(&self.block, size)?;
                return self.follow(next, visitor);
            }
            State::Map { left, mut lines, mut wanted } if whole => {
                self.filled = 0;
                self.bytes.extend_from_slice(&self.block);
                lines += self.block.iter().filter(|byte| **byte == b'\n').count();
                let size = left.checked_sub(BLOCK as u64);
                let reason = "the map of a sparse file is no list of numbers, or longer than its data";
                let wrong = TarError::BadHeader { offset: at, reason };
                // No number is as long as a block.
                let Some(size) = size.filter(|_| lines > 0) else { return Err(wrong.into()) };
                if wanted == 0 {
                    wanted = self.headers.map_lines(&self.bytes)?;
                }
                if lines >= wanted {
                    let text = std::mem::take(&mut self.bytes);
                    let next = self.headers.map(&text, size)?;
                    return self.follow(next, visitor);
                }
                if self.bytes.len() >= MAP {
                    return Err(
                        TarError::TooLarge { what: "bytes in the map of a sparse file", limit: MAP }.into()
                    );
                }
                self.state = State::Map { left: size, lines, wanted };
            }
            State::Content { left: 0, padding: 0 } => self.state = State::Header,
            State::Extended { left: 0, padding: 0 } => {
                self.headers.extended(&mut self.bytes)?;
                self.bytes.clear();
                self.state = State::Header;
            }
            _ => {}
        }
        Ok(())
    }

    /// Enters the state that what was read leads to.
    fn follow<V: Visitor>(&mut self, next: Next, visitor: &mut V) -> Result<(), V::Error> {
        let padding = |size: u64| size.wrapping_neg() % BLOCK as u64;
        self.state = match next {
            Next::Extended(0) => {
                self.headers.extended(&mut self.bytes)?;
                State::Header
            }
            Next::Extended(left) => State::Extended { left, padding: padding(left) },
            Next::MapBlock(size) => State::MapBlock { size },
            Next::Map(left) => State::Map { left, lines: 0, wanted: 0 },
            Next::Content(left) => {
                visitor.entry(self.headers.entry(), self.offset)?;
                match left {
                    0 => {
                        visitor.end()?;
                        State::Header
                    }
                    left => State::Content { left, padding: padding(left) },
                }
            }
        };
        Ok(())
    }
}

/// Takes as many of `bytes` as are wanted.
fn take(wanted: &mut u64, bytes: &[u8]) -> usize {
    let taken = usize::try_from(*wanted).unwrap_or(bytes.len()).min(bytes.len());
    *wanted -= taken as u64;
    taken
}
