//! A tar as it passes: whether it is one, from the first header to its end. Nothing is kept of it, so it may have
//! any number of entries.

use crate::transport::tar_index::TarError;
use crate::transport::tar_index::header::{BLOCK, Header, Pax, content_size};

/// Bytes of one extended header. A file's extended attributes are in it, at most 64 KiB each.
const EXTENDED: usize = 1 << 20;

/// A tar being walked. Where a header is wrong the walk is over.
pub(crate) struct Walk {
    /// Bytes seen.
    offset: u64,
    block: Vec<u8>,
    state: State,
    /// What the extended headers before the next entry say. `None`: there are none.
    pax: Option<Pax>,
    /// The entry underway, for errors.
    name: String,
}

enum State {
    Header,
    /// The content of an extended header, and its padding.
    Extended {
        kind: u8,
        bytes: Vec<u8>,
        left: u64,
        padding: u64,
    },
    /// More of the map of a sparse file (GNU), before its content.
    Sparse {
        content: u64,
    },
    Content {
        left: u64,
        padding: u64,
    },
    Ended,
}

impl Walk {
    pub(crate) fn new() -> Walk {
        Walk { offset: 0, block: Vec::new(), state: State::Header, pax: None, name: String::new() }
    }

    /// Takes in more bytes.
    ///
    /// # Errors
    /// [`TarError`] with the position where a header is none.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<(), TarError> {
        while !bytes.is_empty() {
            let taken = match &mut self.state {
                // What follows the end marker is padding, whatever it is.
                State::Ended => bytes.len(),
                State::Header | State::Sparse { .. } => {
                    let taken = bytes.len().min(BLOCK as usize - self.block.len());
                    self.block.extend_from_slice(&bytes[..taken]);
                    taken
                }
                State::Content { left, padding } => {
                    let taken = take(left, bytes);
                    taken + take(padding, &bytes[taken..])
                }
                State::Extended { bytes: kept, left, padding, .. } => {
                    let taken = take(left, bytes);
                    kept.extend_from_slice(&bytes[..taken]);
                    taken + take(padding, &bytes[taken..])
                }
            };
            bytes = &bytes[taken..];
            self.offset += taken as u64;
            self.step()?;
        }
        Ok(())
    }

    /// That there is no more.
    ///
    /// # Errors
    /// [`TarError::Truncated`] where there should be, [`TarError::BadHeader`] where there was nothing at all.
    pub(crate) fn finish(self) -> Result<(), TarError> {
        let found = self.offset;
        let truncated = |name: &str, missing| {
            Err(TarError::Truncated { name: name.to_owned(), wanted: found + missing, found })
        };
        let missing = BLOCK - self.block.len() as u64;
        match self.state {
            State::Header if found == 0 => Err(TarError::BadHeader { offset: 0, reason: "there is nothing" }),
            // Go's reader, too, takes a missing end marker for an end; and content may lack its padding.
            State::Ended | State::Content { left: 0, .. } => Ok(()),
            State::Header if self.block.is_empty() && self.pax.is_none() => Ok(()),
            State::Header => truncated("a header", missing),
            State::Sparse { .. } => truncated(&self.name, missing),
            State::Extended { left, .. } => truncated("an extended header", left),
            State::Content { left, .. } => truncated(&self.name, left),
        }
    }

    /// Goes on when what was awaited is complete.
    fn step(&mut self) -> Result<(), TarError> {
        match &mut self.state {
            State::Header if self.block.len() as u64 == BLOCK => self.header(),
            State::Sparse { content } if self.block.len() as u64 == BLOCK => {
                let content = *content;
                let more = self.block[504] != 0;
                self.block.clear();
                self.state = if more { State::Sparse { content } } else { self::content(content) };
                Ok(())
            }
            State::Content { left: 0, padding: 0 } => {
                self.state = State::Header;
                Ok(())
            }
            State::Extended { kind, bytes, left: 0, padding: 0 } => {
                let (kind, bytes) = (*kind, std::mem::take(bytes));
                self.state = State::Header;
                self.extended(kind, &bytes)
            }
            _ => Ok(()),
        }
    }

    fn wrong(&self, reason: &'static str) -> TarError {
        TarError::BadHeader { offset: self.offset - BLOCK, reason }
    }

    fn header(&mut self) -> Result<(), TarError> {
        if self.block.iter().all(|byte| *byte == 0) {
            if self.pax.is_some() {
                return Err(self.wrong("an extended header is not followed by an entry"));
            }
            self.state = State::Ended;
            return Ok(());
        }
        let block: &[u8; BLOCK as usize] =
            self.block.as_slice().try_into().map_err(|_| self.wrong("it is cut"))?;
        let header = Header::parse(block).map_err(|reason| self.wrong(reason))?;
        let sparse = header.kind == b'S' && block[482] != 0;
        self.block.clear();
        match header.kind {
            b'L' | b'K' | b'x' | b'g' => {
                if header.size > EXTENDED as u64 {
                    return Err(TarError::TooLarge { what: "bytes in an extended header", limit: EXTENDED });
                }
                let padding = header.size.next_multiple_of(BLOCK) - header.size;
                let bytes = Vec::new();
                self.state = State::Extended { kind: header.kind, bytes, left: header.size, padding };
                if header.kind != b'g' {
                    self.pax.get_or_insert_default();
                }
            }
            kind => {
                self.name = header.name_lossy().chars().take(200).collect();
                let stated = self.pax.take().and_then(|pax| pax.size);
                let size = content_size(kind, stated.unwrap_or(header.size));
                self.state = if sparse { State::Sparse { content: size } } else { content(size) };
            }
        }
        // An empty one is complete at once.
        self.step()
    }

    fn extended(&mut self, kind: u8, bytes: &[u8]) -> Result<(), TarError> {
        let offset = self.offset;
        let wrong = |reason| TarError::BadHeader { offset, reason };
        match kind {
            b'x' => self.pax.get_or_insert_default().read(bytes).map_err(wrong),
            b'g' => {
                let mut global = Pax::default();
                global.read(bytes).map_err(wrong)?;
                if global.changes_entries() {
                    let kind = "a global pax header with names or sizes";
                    return Err(TarError::Unsupported { name: self.name.clone(), kind });
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn content(size: u64) -> State {
    State::Content { left: size, padding: size.next_multiple_of(BLOCK) - size }
}

/// Takes as many of `bytes` as are wanted.
fn take(wanted: &mut u64, bytes: &[u8]) -> usize {
    let taken = usize::try_from(*wanted).unwrap_or(bytes.len()).min(bytes.len());
    *wanted -= taken as u64;
    taken
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn walk(bytes: &[u8], piece: usize) -> Result<(), TarError> {
        let mut walk = Walk::new();
        for piece in bytes.chunks(piece) {
            walk.feed(piece)?;
        }
        walk.finish()
    }

    fn header(name: &str, kind: u8, size: u64) -> Vec<u8> {
        let mut block = vec![0; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        block
    }

    fn tar() -> Vec<u8> {
        let mut long = b"path/".repeat(50);
        long.resize(512, 0);
        let pax = b"13 size=1000\n";
        let mut record = pax.to_vec();
        record.resize(512, 0);
        [
            header("directory", b'5', 7),
            header("empty", b'0', 0),
            header("long", b'L', 250),
            long,
            header("file", b'0', 600),
            vec![1; 1024],
            header("pax", b'x', pax.len() as u64),
            record,
            header("large", b'0', 1),
            vec![2; 1024],
            vec![0; 1024],
        ]
        .concat()
    }

    #[test]
    fn a_tar_is_one_however_it_is_cut_into_pieces() {
        let tar = tar();
        for piece in [1, 7, 511, 512, 513, tar.len()] {
            walk(&tar, piece).unwrap();
            // Padding after the end is no matter.
            walk(&[&tar[..], &[7; 3000]].concat(), piece).unwrap();
            // Nor is a missing end marker.
            walk(&tar[..tar.len() - 1024], piece).unwrap();
        }
    }

    #[test]
    fn what_is_no_tar_is_refused_where_it_stops_being_one() {
        assert!(matches!(walk(b"", 1), Err(TarError::BadHeader { offset: 0, .. })));
        assert!(matches!(walk(&[b'x'; 2000], 100), Err(TarError::BadHeader { offset: 0, .. })));
        assert!(matches!(walk(b"short", 100), Err(TarError::Truncated { wanted: 512, found: 5, .. })));
        let mut broken = tar();
        broken[1024] ^= 1;
        assert!(matches!(walk(&broken, 100), Err(TarError::BadHeader { offset: 1024, .. })));
        let cut = &tar()[..2048 + 512 + 300];
        match walk(cut, 100) {
            Err(TarError::Truncated { name, wanted: 3160, found: 2860 }) => assert_eq!(name, "file"),
            other => panic!("{other:?}"),
        }
        let dangling = [header("x", b'x', 0), vec![0; 1024]].concat();
        assert!(matches!(walk(&dangling, 512), Err(TarError::BadHeader { offset: 512, .. })));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_get_the_same_answer_however_they_come(
            changes in proptest::collection::vec((0..6000usize, proptest::num::u8::ANY), 0..8),
            cut in 0..6000usize,
            piece in 1..2000usize,
        ) {
            let mut bytes = tar();
            let length = bytes.len();
            for (at, byte) in changes {
                bytes[at % length] = byte;
            }
            bytes.truncate(cut);
            let said = |piece| walk(&bytes, piece).map_err(|error| error.to_string());
            proptest::prop_assert_eq!(said(piece), said(bytes.len().max(1)));
        }
    }

    #[test]
    fn the_map_of_a_sparse_file_is_passed_over() {
        let mut start = header("sparse", b'S', 600);
        start[482] = 1;
        start[148..156].copy_from_slice(b"        ");
        let sum: u32 = start.iter().map(|byte| u32::from(*byte)).sum();
        start[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let mut more = vec![9; 512];
        more[504] = 1;
        let last = [vec![9; 504], vec![0; 8]].concat();
        let tar = [start, more, last, vec![1; 1024], header("next", b'0', 0), vec![0; 1024]].concat();
        walk(&tar, 100).unwrap();
    }
}
