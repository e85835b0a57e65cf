//! Where each entry of an uncompressed tar lies, found by hopping over headers: nothing is unpacked and
//! file contents are not read, so a 10 GB archive costs one small read for each entry.
//!
//! POSIX ustar and pax headers and the GNU extensions for long names, as GNU tar, Go's `archive/tar`
//! and Python's `tarfile` write them.

mod error;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::layer::entry::{self, Entry as TarEntry};
use crate::layer::tar::header::{BLOCK as HEADER, Block};
use crate::layer::tar::headers::{Headers, Next};
pub use error::TarError;

const BLOCK: u64 = HEADER as u64;

/// What an index may grow to, whatever the archive says.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries of any type.
    pub entries: usize,
    /// Bytes of all names and link targets together.
    pub names: usize,
    /// Bytes of one name, or of one extended header.
    pub name: usize,
}

impl Default for Limits {
    /// 250,000 entries, 16 MiB of names, 64 KiB each.
    fn default() -> Self {
        Limits { entries: 250_000, names: 16 << 20, name: 64 << 10 }
    }
}

/// A run of bytes in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extent {
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub size: u64,
}

#[derive(Debug)]
enum Kind {
    File(Extent),
    HardLink(String),
    Symlink(String),
    Directory,
    Other,
}

#[derive(Debug)]
struct Entry {
    header: u64,
    kind: Kind,
}

/// The entries of a tar by name. Where a name comes twice the later entry counts, as it would after
/// unpacking; names that must be unique are given to [`TarIndex::read`].
#[derive(Debug)]
pub struct TarIndex {
    entries: HashMap<String, Entry>,
    end: Option<u64>,
}

/// How many links in a row are followed.
const MAX_LINKS: usize = 8;

impl TarIndex {
    /// Reads all headers of a tar of `length` bytes. `unique` names may be there once at most.
    ///
    /// # Errors
    ///
    /// [`TarError`] where the archive is damaged, passes a limit, or cannot be read.
    pub fn read(file: &File, length: u64, unique: &[&str], limits: Limits) -> Result<TarIndex, TarError> {
        let mut scan = Scan {
            window: Window::new(file, length),
            headers: Headers::default(),
            limits,
            names: 0,
            count: 0,
        };
        let mut index = TarIndex { entries: HashMap::new(), end: None };
        let mut offset = 0;
        while let Some(step) = scan.entry(offset)? {
            offset = step.next;
            let Some((name, entry)) = step.entry else { continue };
            if let Some(before) = index.entries.get(&name)
                && unique.contains(&name.as_str())
            {
                return Err(TarError::Duplicate { name, first: before.header, second: entry.header });
            }
            index.entries.insert(name, entry);
        }
        if offset >= length {
            index.end = Some(offset.min(length));
        }
        Ok(index)
    }

    /// Where the file `name` is; links are followed. `None` where there is no such entry.
    ///
    /// # Errors
    ///
    /// [`TarError`] where the archive is damaged, passes a limit, or cannot be read.
    pub fn find(&self, name: &str) -> Result<Option<Extent>, TarError> {
        let Some(mut path) = clean(name) else {
            return Ok(None);
        };
        for step in 0..=MAX_LINKS {
            let Some(entry) = self.entries.get(&path) else {
                if step == 0 {
                    return Ok(None);
                }
                return Err(TarError::BadLink { name: name.to_owned(), target: path });
            };
            let target = match &entry.kind {
                Kind::File(extent) => return Ok(Some(*extent)),
                Kind::HardLink(target) => (clean(target), target),
                Kind::Symlink(target) => (resolve(&path, target), target),
                Kind::Directory => {
                    return Err(TarError::Unsupported { name: name.to_owned(), kind: "a directory" });
                }
                Kind::Other => {
                    return Err(TarError::Unsupported { name: name.to_owned(), kind: "not a regular file" });
                }
            };
            let (Some(next), _) = target else {
                return Err(TarError::BadLink { name: name.to_owned(), target: target.1.clone() });
            };
            path = next;
        }
        Err(TarError::BadLink { name: name.to_owned(), target: path })
    }

    /// Whether there is an entry of this name, of whatever kind.
    pub fn contains(&self, name: &str) -> bool {
        clean(name).is_some_and(|name| self.entries.contains_key(&name))
    }

    /// The names there are, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Where the archive stops, if it does so without the end marker every tar closes with: what is
    /// missing from it may have been cut off.
    pub fn cut_at(&self) -> Option<u64> {
        self.end
    }
}

/// One step of the scan: the entry, unless its name is of no use, and where the next header is.
struct Step {
    entry: Option<(String, Entry)>,
    next: u64,
}

struct Scan<'a> {
    window: Window<'a>,
    headers: Headers,
    limits: Limits,
    names: usize,
    count: usize,
}

impl Scan<'_> {
    /// The entry whose first header is at `offset`; `None` at the end of the archive.
    fn entry(&mut self, mut offset: u64) -> Result<Option<Step>, TarError> {
        let start = offset;
        loop {
            let Some(block) = self.window.block(offset)? else {
                // Go's reader, too, takes a missing end marker for an end.
                return match offset == start {
                    true => Ok(None),
                    false => Err(self.truncated("an extended header", offset + BLOCK)),
                };
            };
            if block.iter().all(|byte| *byte == 0) {
                return match offset == start {
                    true => Ok(None),
                    false => Err(TarError::BadHeader {
                        offset,
                        reason: "an extended header is not followed by an entry",
                    }),
                };
            }
            let next = self.headers.header(&block, offset)?;
            self.count += 1;
            if self.count > self.limits.entries {
                return Err(TarError::TooLarge { what: "entries", limit: self.limits.entries });
            }
            let data = offset + BLOCK;
            match next {
                Next::Extended(size) => {
                    let mut bytes = self.extended(data, size)?;
                    self.headers.extended(&mut bytes)?;
                    offset = self.after(data, size, "an extended header")?;
                }
                Next::Content(_) if self.headers.entry().sparse.is_none() => {
                    return self.finish(offset).map(Some);
                }
                Next::Content(_) | Next::Map(_) | Next::MapBlock(_) => {
                    let name = self.headers.name();
                    return Err(TarError::Unsupported { name, kind: "a sparse file" });
                }
            }
        }
    }

    /// The entry whose own header is at `offset` and has been read.
    fn finish(&mut self, offset: u64) -> Result<Step, TarError> {
        let TarEntry { path, kind, size, link, .. } = self.headers.entry();
        let (kind, size) = (*kind, *size);
        let lossy = || self.headers.name();
        if path.len().max(link.len()) > self.limits.name {
            return Err(TarError::TooLarge { what: "bytes in a name", limit: self.limits.name });
        }
        let data = offset + BLOCK;
        let next = self.after(data, size, &lossy())?;
        let Ok(text) = std::str::from_utf8(path) else {
            // No document can refer to it.
            return Ok(Step { entry: None, next });
        };
        let Some(clean) = clean(text) else {
            return Err(TarError::UnsafeName { offset, name: lossy() });
        };
        self.names += path.len() + link.len();
        if self.names > self.limits.names {
            return Err(TarError::TooLarge { what: "bytes of names", limit: self.limits.names });
        }
        let target = || String::from_utf8_lossy(link).into_owned();
        let kind = match kind {
            entry::Kind::File => Kind::File(Extent { offset: data, size }),
            entry::Kind::HardLink => Kind::HardLink(target()),
            entry::Kind::Symlink => Kind::Symlink(target()),
            entry::Kind::Directory => Kind::Directory,
            entry::Kind::CharDevice | entry::Kind::BlockDevice | entry::Kind::Fifo => Kind::Other,
        };
        if clean.is_empty() {
            return Ok(Step { entry: None, next });
        }
        Ok(Step { entry: Some((clean, Entry { header: offset, kind })), next })
    }

    /// The content of a long-name or pax header.
    fn extended(&mut self, data: u64, size: u64) -> Result<Vec<u8>, TarError> {
        let limit = self.limits.name;
        let length = usize::try_from(size).ok().filter(|size| *size <= limit);
        let length = length.ok_or(TarError::TooLarge { what: "bytes in an extended header", limit })?;
        if data + size > self.window.length {
            return Err(self.truncated("an extended header", data + size));
        }
        let mut bytes = vec![0; length];
        self.window
            .file
            .read_exact_at(&mut bytes, data)
            .map_err(|source| TarError::Read { offset: data, source })?;
        Ok(bytes)
    }

    /// Where the header after `size` bytes of content is. The content must be there; its padding need not.
    fn after(&self, data: u64, size: u64, name: &str) -> Result<u64, TarError> {
        let end = data.saturating_add(size);
        if end > self.window.length {
            return Err(self.truncated(name, end));
        }
        Ok(end.next_multiple_of(BLOCK))
    }

    fn truncated(&self, name: &str, wanted: u64) -> TarError {
        TarError::Truncated { name: name.to_owned(), wanted, found: self.window.length }
    }
}

/// A small read-ahead: headers of small entries lie close together.
struct Window<'a> {
    file: &'a File,
    length: u64,
    start: u64,
    bytes: Vec<u8>,
}

/// Bytes read at a time.
const WINDOW: usize = 16 << 10;

impl<'a> Window<'a> {
    fn new(file: &'a File, length: u64) -> Self {
        Window { file, length, start: 0, bytes: Vec::new() }
    }

    /// The block at `offset`; `None` where the archive ends there.
    fn block(&mut self, offset: u64) -> Result<Option<Block>, TarError> {
        if offset >= self.length {
            return Ok(None);
        }
        if self.length - offset < BLOCK {
            let name = "a header".to_owned();
            return Err(TarError::Truncated { name, wanted: offset + BLOCK, found: self.length });
        }
        let inside = |window: &Self| {
            let at = usize::try_from(offset.checked_sub(window.start)?).ok()?;
            window.bytes.get(at..at + HEADER).and_then(|bytes| bytes.try_into().ok())
        };
        if let Some(block) = inside(self) {
            return Ok(Some(block));
        }
        let want = usize::try_from(self.length - offset).unwrap_or(WINDOW).min(WINDOW);
        self.bytes.resize(want, 0);
        self.start = offset;
        self.file
            .read_exact_at(&mut self.bytes, offset)
            .map_err(|source| TarError::Read { offset, source })?;
        Ok(inside(self))
    }
}

/// The name without `.` and empty components and without a closing slash; `None` where it is absolute
/// or has `..`. The archive's own root is the empty string.
fn clean(name: &str) -> Option<String> {
    if name.starts_with('/') || name.contains('\0') {
        return None;
    }
    let mut clean = String::with_capacity(name.len());
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => {
                if !clean.is_empty() {
                    clean.push('/');
                }
                clean.push_str(part);
            }
        }
    }
    Some(clean)
}

/// Where a symbolic link in the directory of `link` leads, by its text alone; `None` where that is
/// outside the archive.
fn resolve(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') || target.contains('\0') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
