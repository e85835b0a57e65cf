//! How the headers before an entry make up what is known of it.
//!
//! Go's `archive/tar` decides, because it is what reads layers elsewhere. Where readers come to different entries,
//! which only forgery makes them do, the archive is refused.

use super::header::{BLOCK, Block, Header, sparse_block, until_nul};
use super::pax::{self, Pax, Version};
use super::{EXTENDED, NAME, SPARSE_RUNS};
use crate::layer::entry::{Entry, Kind, Run};
use crate::transport::tar_index::TarError;

/// The headers since the last entry.
#[derive(Default)]
pub(crate) struct Headers {
    entry: Entry,
    /// The extended header whose content is awaited, and where it is.
    awaited: Option<(u8, u64)>,
    pax: Extended,
    long_name: Extended,
    long_link: Extended,
    /// Where the entry's own header is.
    at: u64,
}

#[derive(Default)]
struct Extended {
    at: Option<u64>,
    bytes: Vec<u8>,
}

/// What follows a header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// So many bytes for [`Headers::extended`], then a header.
    Extended(u64),
    /// A block of a sparse file's map for [`Headers::map_block`]; at last so many bytes of content.
    MapBlock(u64),
    /// A sparse file's map, in the first of so many bytes of content, for [`Headers::map`].
    Map(u64),
    /// So many bytes of content of the entry, which is complete.
    Content(u64),
}

impl Headers {
    /// The entry that the last headers made up.
    pub(crate) fn entry(&self) -> &Entry {
        &self.entry
    }

    /// Whether an entry has to follow.
    pub(crate) fn expect_entry(&self) -> bool {
        self.pax.at.is_some() || self.long_name.at.is_some() || self.long_link.at.is_some()
    }

    /// Reads the header at `at`, which is not all zero.
    pub(crate) fn header(&mut self, block: &Block, at: u64) -> Result<Next, TarError> {
        let header = Header::parse(block).map_err(|reason| TarError::BadHeader { offset: at, reason })?;
        let letter = header.letter();
        if !matches!(letter, b'L' | b'K' | b'x' | b'g') {
            self.at = at;
            return self.finish(&header);
        }
        let wrong = |reason| TarError::BadHeader { offset: at, reason };
        let size = header.size().map_err(wrong)?;
        if size > EXTENDED as u64 {
            return Err(TarError::TooLarge { what: "bytes in an extended header", limit: EXTENDED });
        }
        let before = match letter {
            b'L' => self.long_name.at,
            b'K' => self.long_link.at,
            b'x' => self.pax.at,
            _ if self.expect_entry() => {
                return Err(wrong("a global pax header is between an extended header and its entry"));
            }
            _ => None,
        };
        if before.is_some() {
            return Err(wrong("an extended header is there twice"));
        }
        self.awaited = Some((letter, at));
        Ok(Next::Extended(size))
    }

    /// Takes the content of the extended header that was read last; `bytes` is another buffer then.
    pub(crate) fn extended(&mut self, bytes: &mut Vec<u8>) -> Result<(), TarError> {
        let Some((letter, at)) = self.awaited.take() else { return Ok(()) };
        let place = match letter {
            b'L' => &mut self.long_name,
            b'K' => &mut self.long_link,
            b'x' => &mut self.pax,
            _ => {
                let global = Pax::read(bytes).map_err(|reason| TarError::BadHeader { offset: at, reason })?;
                // Go leaves them alone; others have them count for all that follows.
                if global.changes_entries() {
                    let kind = "a global pax header with names or sizes";
                    return Err(TarError::Unsupported { name: "././@PaxHeader".into(), kind });
                }
                return Ok(());
            }
        };
        place.at = Some(at);
        std::mem::swap(&mut place.bytes, bytes);
        Ok(())
    }

    /// Takes more of a sparse file's map, and answers whether there is still more.
    pub(crate) fn map_block(&mut self, block: &Block, size: u64) -> Result<Next, TarError> {
        let runs = self.entry.sparse.get_or_insert_default();
        let more =
            sparse_block(block, runs).map_err(|reason| TarError::BadHeader { offset: self.at, reason })?;
        if runs.len() > SPARSE_RUNS {
            return Err(TarError::TooLarge { what: "runs in a sparse file", limit: SPARSE_RUNS });
        }
        if more { Ok(Next::MapBlock(size)) } else { self.mapped(size) }
    }

    /// The lines of a sparse file's map, of which `text` has at least the first.
    pub(crate) fn map_lines(&self, text: &[u8]) -> Result<usize, TarError> {
        let count = self.number(text.split(|byte| *byte == b'\n').next())?;
        let count = usize::try_from(count).ok().filter(|count| *count <= SPARSE_RUNS);
        let limit = SPARSE_RUNS;
        Ok(1 + 2 * count.ok_or(TarError::TooLarge { what: "runs in a sparse file", limit })?)
    }

    /// Reads a sparse file's map, all its lines; `size` bytes of data follow it.
    pub(crate) fn map(&mut self, text: &[u8], size: u64) -> Result<Next, TarError> {
        let count = self.map_lines(text)? / 2;
        let mut numbers = text.split(|byte| *byte == b'\n').skip(1);
        let mut runs = Vec::with_capacity(count);
        for _ in 0..count {
            let offset = self.number(numbers.next())?;
            runs.push(Run { offset, size: self.number(numbers.next())? });
        }
        self.entry.sparse = Some(runs);
        self.mapped(size)
    }

    fn number(&self, line: Option<&[u8]>) -> Result<u64, TarError> {
        let reason = "the map of a sparse file is no list of numbers";
        line.and_then(pax::unsigned).ok_or(TarError::BadHeader { offset: self.at, reason })
    }

    /// The map is complete: is it one?
    fn mapped(&mut self, size: u64) -> Result<Next, TarError> {
        let wrong = |reason| TarError::BadHeader { offset: self.at, reason };
        let mut end = 0u64;
        let mut stored = 0u64;
        for run in self.entry.sparse.iter().flatten() {
            let after = run.offset.checked_add(run.size).filter(|after| *after <= self.entry.size);
            let after = after.ok_or(wrong("the map of a sparse file goes past its end"))?;
            if run.offset < end {
                return Err(wrong("the map of a sparse file is not in order"));
            }
            end = after;
            stored += run.size;
        }
        if stored != size {
            return Err(wrong("the map of a sparse file does not agree with its data"));
        }
        Ok(Next::Content(size))
    }

    /// Makes up the entry whose own header this is.
    fn finish(&mut self, header: &Header<'_>) -> Result<Next, TarError> {
        let pax_at = self.pax.at.unwrap_or(self.at);
        let next = self.make_up(header, pax_at);
        for used in [&mut self.pax, &mut self.long_name, &mut self.long_link] {
            used.at = None;
            used.bytes.clear();
            used.bytes.shrink_to(BLOCK * 8);
        }
        next
    }

    fn make_up(&mut self, header: &Header<'_>, pax_at: u64) -> Result<Next, TarError> {
        let at = self.at;
        let wrong = |reason| TarError::BadHeader { offset: at, reason };
        let wrong_pax = |reason| TarError::BadHeader { offset: pax_at, reason };
        let pax = Pax::read(&self.pax.bytes).map_err(wrong_pax)?;
        let entry = &mut self.entry;
        entry.clear();
        header.path(&mut entry.path);
        entry.link.extend_from_slice(header.link());
        for (field, long, said) in
            [(&mut entry.path, &self.long_name, pax.path), (&mut entry.link, &self.long_link, pax.link)]
        {
            let long = until_nul(&long.bytes);
            if !long.is_empty() && !said.is_empty() && long != said {
                return Err(wrong("a long name and a pax name are not the same"));
            }
            let given = if said.is_empty() { long } else { said };
            if !given.is_empty() {
                field.clear();
                field.extend_from_slice(given);
            }
        }
        if !pax.sparse.name.is_empty() {
            entry.path.clear();
            entry.path.extend_from_slice(pax.sparse.name);
        }
        if entry.path.len().max(entry.link.len()) > NAME {
            return Err(TarError::TooLarge { what: "bytes in a name", limit: NAME });
        }
        entry.kind = match header.letter() {
            // Before ustar a directory was a file whose name ends in a slash.
            0 if entry.path.ends_with(b"/") => Kind::Directory,
            // A contiguous file (7) is one like any other.
            b'0' | 0 | b'7' | b'S' => Kind::File,
            b'1' => Kind::HardLink,
            b'2' => Kind::Symlink,
            b'3' => Kind::CharDevice,
            b'4' => Kind::BlockDevice,
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            _ => return Err(TarError::Unsupported { name: name(entry), kind: "one nobody knows" }),
        };
        entry.mode = header.mode().map_err(wrong)?;
        entry.uid = pax.uid.map_or_else(|| header.uid(), Ok).map_err(wrong)?;
        entry.gid = pax.gid.map_or_else(|| header.gid(), Ok).map_err(wrong)?;
        entry.modified = pax.modified.map_or_else(|| header.modified(), Ok).map_err(wrong)?;
        if matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice) {
            entry.device = header.device().map_err(wrong)?;
        }
        if !matches!(entry.kind, Kind::HardLink | Kind::Symlink) {
            entry.link.clear();
        }
        if pax.has_xattrs {
            pax::xattrs(&self.pax.bytes, &mut entry.xattrs).map_err(wrong_pax)?;
        }
        let stated = pax.size.map_or_else(|| header.size(), Ok).map_err(wrong)?;
        // Only files have content, whatever the size field says.
        let stored = if entry.kind == Kind::File { stated } else { 0 };
        entry.size = stored;
        let version = pax.sparse.version().map_err(wrong_pax)?;
        if header.letter() == b'S' {
            if version != Version::None {
                return Err(wrong("a sparse file has two maps"));
            }
            let runs = entry.sparse.insert(Vec::new());
            let (size, more) = header.sparse(runs).map_err(wrong)?;
            entry.size = size;
            return if more { Ok(Next::MapBlock(stored)) } else { self.mapped(stored) };
        }
        if version == Version::None {
            return Ok(Next::Content(stored));
        }
        if entry.kind != Kind::File {
            return Err(wrong_pax("what is no file is said to be a sparse one"));
        }
        entry.size = pax.sparse.size().map_err(wrong_pax)?.unwrap_or(stored);
        if version == Version::Data {
            return Ok(Next::Map(stored));
        }
        entry.sparse = Some(pax.sparse.runs(SPARSE_RUNS).map_err(wrong_pax)?);
        self.mapped(stored)
    }

    /// The entry's path, for people.
    pub(crate) fn name(&self) -> String {
        name(&self.entry)
    }
}

fn name(entry: &Entry) -> String {
    String::from_utf8_lossy(&entry.path).chars().take(200).collect()
}
