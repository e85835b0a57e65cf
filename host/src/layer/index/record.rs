//! One entry, as an index has it.
//!
//! ```text
//! u8       kind, and flags: digest, link, device, xattrs, sparse
//! varint   where its headers begin, in blocks of 512 bytes; how many blocks later its content does
//! varint   size, mode, uid, gid, seconds (zigzag), nanoseconds
//! varint   length of the path, the path
//! link     varint length, the target
//! device   varint major, minor
//! xattrs   varint length of what follows; for each: varint length, name, varint length, value
//! sparse   varint how many; for each run of data: varint bytes since the last one's end, varint length
//! digest   32 bytes
//! ```

use super::FileDigest;
use crate::layer::entry::{Entry, Kind, Run, Time};

const BLOCK: u64 = 512;

const KIND: u8 = 0x07;
const DIGEST: u8 = 0x08;
const LINK: u8 = 0x10;
const DEVICE: u8 = 0x20;
const XATTRS: u8 = 0x40;
const SPARSE: u8 = 0x80;

const KINDS: [Kind; 7] = [
    Kind::File,
    Kind::HardLink,
    Kind::Symlink,
    Kind::CharDevice,
    Kind::BlockDevice,
    Kind::Directory,
    Kind::Fifo,
];

/// One entry of a layer, borrowed from its [`Index`](super::Index).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The path as written; not normalised.
    pub path: &'a [u8],
    /// What it is.
    pub kind: Kind,
    /// Bytes of content; of a sparse file with its holes.
    pub size: u64,
    /// Permission bits, set-uid, set-gid, sticky.
    pub mode: u32,
    /// The owner's number.
    pub uid: u64,
    /// The group's number.
    pub gid: u64,
    /// When it was modified.
    pub modified: Time,
    /// The target of a link; empty otherwise.
    pub link: &'a [u8],
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Where its headers begin in the uncompressed tar.
    pub header: u64,
    /// Where its content begins in the uncompressed tar.
    pub content: u64,
    /// Of a regular file. A sparse file with more than a gigabyte of holes has none.
    pub digest: Option<FileDigest>,
    xattrs: &'a [u8],
    /// How many runs, and the runs.
    sparse: Option<(u64, &'a [u8])>,
}

impl<'a> Record<'a> {
    /// The record at the start of `bytes`, and its length. `None` where there is none.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<(Record<'a>, usize)> {
        let mut reader = Reader { rest: bytes };
        let flags = reader.take(1)?[0];
        let kind = *KINDS.get(usize::from(flags & KIND))?;
        let header = reader.number()?.checked_mul(BLOCK)?;
        let content = reader.number()?.checked_mul(BLOCK)?.checked_add(header)?;
        let size = reader.number()?;
        let mode = reader.number()?.try_into().ok()?;
        let (uid, gid) = (reader.number()?, reader.number()?);
        let seconds = unzigzag(reader.number()?);
        let nanoseconds =
            reader.number()?.try_into().ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000)?;
        let path = reader.bytes()?;
        let link = if flags & LINK == 0 { &[][..] } else { reader.bytes()? };
        let device = match flags & DEVICE {
            0 => (0, 0),
            _ => (reader.number()?.try_into().ok()?, reader.number()?.try_into().ok()?),
        };
        let xattrs = if flags & XATTRS == 0 { &[][..] } else { reader.bytes()? };
        let mut pairs = Reader { rest: xattrs };
        while !pairs.rest.is_empty() {
            pairs.bytes()?;
            pairs.bytes()?;
        }
        let mut sparse = None;
        if flags & SPARSE != 0 {
            let count = reader.number()?;
            let start = reader.rest;
            let mut end = 0u64;
            for _ in 0..count {
                end = end.checked_add(reader.number()?)?.checked_add(reader.number()?)?;
            }
            if end > size {
                return None;
            }
            sparse = Some((count, &start[..start.len() - reader.rest.len()]));
        }
        let digest = match flags & DIGEST {
            0 => None,
            _ => Some(FileDigest(*reader.take(32)?.first_chunk()?)),
        };
        let modified = Time { seconds, nanoseconds };
        let record = Record {
            path,
            kind,
            size,
            mode,
            uid,
            gid,
            modified,
            link,
            device,
            header,
            content,
            digest,
            xattrs,
            sparse,
        };
        Some((record, bytes.len() - reader.rest.len()))
    }

    /// The path of the record at the start of `bytes`, which was parsed before: a search looks at nothing else.
    pub(super) fn path(bytes: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = bytes.get(1..)?;
        // Where it lies, size, mode, owner, group and time.
        for _ in 0..8 {
            let end = rest.iter().position(|byte| byte & 0x80 == 0)?;
            rest = &rest[end + 1..];
        }
        Reader { rest }.bytes()
    }

    /// Extended attributes, by name.
    pub fn xattrs(&self) -> Xattrs<'a> {
        Xattrs { rest: Reader { rest: self.xattrs } }
    }

    /// Of a sparse file, the runs that are data: ascending, none beyond the size.
    pub fn sparse(&self) -> Option<Vec<Run>> {
        let (count, bytes) = self.sparse?;
        let mut reader = Reader { rest: bytes };
        let mut end = 0;
        let run = |_| {
            let offset = end + reader.number()?;
            let size = reader.number()?;
            end = offset + size;
            Some(Run { offset, size })
        };
        (0..count).map_while(run).collect::<Vec<_>>().into()
    }

    /// Bytes of content in the tar: those of a regular file, without holes.
    pub fn stored_size(&self) -> u64 {
        match self.sparse {
            _ if self.kind != Kind::File => 0,
            Some((count, bytes)) => {
                let mut reader = Reader { rest: bytes };
                (0..count).map_while(|_| reader.number().and(reader.number())).sum()
            }
            None => self.size,
        }
    }

    /// The same entry by itself.
    pub fn entry(&self) -> Entry {
        Entry {
            path: self.path.to_vec(),
            kind: self.kind,
            size: self.size,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            modified: self.modified,
            link: self.link.to_vec(),
            device: self.device,
            xattrs: self.xattrs().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            sparse: self.sparse(),
        }
    }

    /// Whether all of it lies within the first `size` bytes of the tar.
    pub(super) fn lies_within(&self, size: u64) -> bool {
        self.header < self.content
            && self.content.checked_add(self.stored_size()).is_some_and(|end| end <= size)
    }
}

/// Names and values of extended attributes.
#[derive(Debug, Clone)]
pub struct Xattrs<'a> {
    rest: Reader<'a>,
}

impl<'a> Iterator for Xattrs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.rest.bytes()?, self.rest.bytes()?))
    }
}

#[derive(Debug, Clone)]
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    /// A varint in its shortest form.
    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for (at, byte) in self.rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if at == 9 && bits > 1 || at > 0 && *byte == 0 {
                return None;
            }
            value |= bits << (7 * at);
            if byte & 0x80 == 0 {
                self.rest = &self.rest[at + 1..];
                return Some(value);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }
}

/// Appends the record of an entry whose headers and content begin there. The digest follows once it is known,
/// with [`set_digest`].
pub(super) fn write(out: &mut Vec<u8>, entry: &Entry, header: u64, content: u64, digest: bool) {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let kind = KINDS.iter().position(|kind| *kind == entry.kind).map_or(0, |at| at as u8);
    out.push(
        kind | flag(digest, DIGEST)
            | flag(!entry.link.is_empty(), LINK)
            | flag(entry.device != (0, 0), DEVICE)
            | flag(!entry.xattrs.is_empty(), XATTRS)
            | flag(entry.sparse.is_some(), SPARSE),
    );
    number(out, header / BLOCK);
    number(out, (content - header) / BLOCK);
    number(out, entry.size);
    number(out, entry.mode.into());
    number(out, entry.uid);
    number(out, entry.gid);
    number(out, zigzag(entry.modified.seconds));
    number(out, entry.modified.nanoseconds.into());
    bytes(out, &entry.path);
    if !entry.link.is_empty() {
        bytes(out, &entry.link);
    }
    if entry.device != (0, 0) {
        number(out, entry.device.0.into());
        number(out, entry.device.1.into());
    }
    if !entry.xattrs.is_empty() {
        let mut pairs = Vec::new();
        for (name, value) in &entry.xattrs {
            bytes(&mut pairs, name);
            bytes(&mut pairs, value);
        }
        bytes(out, &pairs);
    }
    if let Some(runs) = &entry.sparse {
        number(out, runs.len() as u64);
        let mut end = 0;
        for run in runs {
            number(out, run.offset - end);
            number(out, run.size);
            end = run.offset + run.size;
        }
    }
    if digest {
        out.extend_from_slice(&[0; 32]);
    }
}

/// Puts the digest into the record that was written last.
pub(super) fn set_digest(out: &mut [u8], digest: FileDigest) {
    if let Some(place) = out.last_chunk_mut() {
        *place = digest.0;
    }
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
