//! One entry, as an index has it.
//!
//! ```text
//! u8       kind, and flags: digest, link, device, xattrs, sparse
//! u8       how the path is written, and what it says as a whiteout (see `Form`)
//! varint   length of the path by which it is found, that path
//! varint   where its headers begin, in blocks of 512 bytes; how many blocks later its content does
//! varint   size, mode, uid, gid, seconds (zigzag), nanoseconds
//! written  varint length, the path as written, where the form does not say it
//! link     varint length, the target
//! device   varint major, minor
//! xattrs   varint length of what follows; for each: varint length, name, varint length, value
//! sparse   varint how many; for each run of data: varint bytes since the last one's end, varint length
//! digest   32 bytes
//! ```

use std::borrow::Cow;
use std::sync::Arc;

use super::FileDigest;
use super::block::Block;
use super::coding::{Reader, Span, bytes, number, unzigzag, zigzag};
use crate::layer::entry::{Entry, Kind, Run, Time};
use crate::layer::path::{join, plain, split};
use crate::layer::whiteout::{self, mark};

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

/// How most paths are written: what is before and after the one by which they are found.
const FORMS: [(&[u8], &[u8]); 6] =
    [(b"", b""), (b"", b"/"), (b"./", b""), (b"./", b"/"), (b"/", b""), (b"/", b"/")];
/// The form of any other.
const OTHER: u8 = FORMS.len() as u8;
const FORM: u8 = 0x0f;

const WHITEOUT: u8 = 0x10;
const OPAQUE: u8 = 0x20;
const NOTHING: u8 = 0x30;

/// What an entry is that is no file's but has the name of a whiteout (image-spec, layer.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// What lower layers have at the path by which it is found is hidden.
    Whiteout,
    /// What lower layers have in the directory by whose path it is found is hidden.
    Opaque,
    /// It says nothing, and is no file's all the same.
    Nothing,
}

/// The path by which an entry is found, and what it says as a whiteout: its own path, cleaned; of a whiteout that of what
/// it is about.
pub(super) fn key(path: &[u8]) -> (Cow<'_, [u8]>, Option<Mark>) {
    let path = plain(path);
    let (directory, name) = split(&path);
    match mark(name) {
        Some(whiteout::Mark::Whiteout(name)) => (Cow::Owned(join(directory, name)), Some(Mark::Whiteout)),
        Some(whiteout::Mark::Opaque) => (Cow::Owned(directory.to_vec()), Some(Mark::Opaque)),
        Some(whiteout::Mark::Nothing) => (path, Some(Mark::Nothing)),
        None => (path, None),
    }
}

/// One entry of a layer, with the piece of the [`Index`](super::Index) that it is in.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its position in the index.
    pub position: usize,
    /// What it is.
    pub kind: Kind,
    /// What it says where it is no file's.
    pub mark: Option<Mark>,
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
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Where its headers begin in the uncompressed tar: further on than those of every entry that comes before it there.
    pub header: u64,
    /// Where its content begins in the uncompressed tar.
    pub content: u64,
    /// Of a regular file. A sparse file with more than a gigabyte of holes has none.
    pub digest: Option<FileDigest>,
    block: Arc<Block>,
    key: Span,
    written: Written,
    link: Span,
    xattrs: Span,
    /// How many runs, and the runs.
    sparse: Option<(u64, Span)>,
}

#[derive(Debug, Clone)]
enum Written {
    Form(usize),
    Other(Span),
}

impl Record {
    /// The record that begins at this place of the block. `None` where there is none.
    pub(super) fn parse(block: &Arc<Block>, start: usize, position: usize) -> Option<Record> {
        let bytes = block.records();
        let mut reader = Reader { bytes, at: start };
        let [flags, form] = *reader.taken(2)?.first_chunk()?;
        let kind = *KINDS.get(usize::from(flags & KIND))?;
        let mark = match form & !FORM {
            0 => None,
            WHITEOUT => Some(Mark::Whiteout),
            OPAQUE => Some(Mark::Opaque),
            NOTHING => Some(Mark::Nothing),
            _ => return None,
        };
        let key = reader.span()?;
        let header = reader.number()?.checked_mul(BLOCK)?;
        let content = reader.number()?.checked_mul(BLOCK)?.checked_add(header)?;
        let size = reader.number()?;
        let mode = reader.number()?.try_into().ok()?;
        let (uid, gid) = (reader.number()?, reader.number()?);
        let seconds = unzigzag(reader.number()?);
        let nanoseconds =
            reader.number()?.try_into().ok().filter(|nanoseconds| *nanoseconds < 1_000_000_000)?;
        let written = match form & FORM {
            OTHER => Written::Other(reader.span()?),
            form if form < OTHER => Written::Form(form.into()),
            _ => return None,
        };
        let link = if flags & LINK == 0 { 0..0 } else { reader.span()? };
        let device = match flags & DEVICE {
            0 => (0, 0),
            _ => (reader.number()?.try_into().ok()?, reader.number()?.try_into().ok()?),
        };
        let xattrs = if flags & XATTRS == 0 { 0..0 } else { reader.span()? };
        let mut pairs = Reader { bytes: &bytes[xattrs.clone()], at: 0 };
        while pairs.at < xattrs.len() {
            pairs.span()?;
            pairs.span()?;
        }
        let mut sparse = None;
        if flags & SPARSE != 0 {
            let count = reader.number()?;
            let start = reader.at;
            let mut end = 0u64;
            for _ in 0..count {
                end = end.checked_add(reader.number()?)?.checked_add(reader.number()?)?;
            }
            if end > size {
                return None;
            }
            sparse = Some((count, start..reader.at));
        }
        let digest = match flags & DIGEST {
            0 => None,
            _ => Some(FileDigest(*reader.taken(32)?.first_chunk()?)),
        };
        let modified = Time { seconds, nanoseconds };
        let block = block.clone();
        Some(Record {
            position,
            kind,
            mark,
            size,
            mode,
            uid,
            gid,
            modified,
            device,
            header,
            content,
            digest,
            block,
            key,
            written,
            link,
            xattrs,
            sparse,
        })
    }

    /// The path by which it is found: its own, cleaned; of a whiteout that of what it hides, or makes opaque.
    pub fn key(&self) -> &[u8] {
        self.bytes(&self.key)
    }

    /// Its path as written; not normalised.
    pub fn path(&self) -> Cow<'_, [u8]> {
        match &self.written {
            Written::Other(path) => Cow::Borrowed(self.bytes(path)),
            Written::Form(form) => match FORMS[*form] {
                (b"", b"") => Cow::Borrowed(self.key()),
                (before, after) => Cow::Owned([before, self.key(), after].concat()),
            },
        }
    }

    /// The target of a link; empty otherwise.
    pub fn link(&self) -> &[u8] {
        self.bytes(&self.link)
    }

    fn bytes(&self, span: &Span) -> &[u8] {
        self.block.records().get(span.clone()).unwrap_or_default()
    }

    /// Extended attributes, by name.
    pub fn xattrs(&self) -> Xattrs<'_> {
        Xattrs { rest: Reader { bytes: self.bytes(&self.xattrs), at: 0 } }
    }

    /// Of a sparse file, the runs that are data: ascending, none beyond the size.
    pub fn sparse(&self) -> Option<Vec<Run>> {
        let (count, runs) = self.sparse.as_ref()?;
        let mut reader = Reader { bytes: self.bytes(runs), at: 0 };
        let mut end = 0;
        let run = |_| {
            let offset = end + reader.number()?;
            let size = reader.number()?;
            end = offset + size;
            Some(Run { offset, size })
        };
        (0..*count).map_while(run).collect::<Vec<_>>().into()
    }

    /// Bytes of content in the tar: those of a regular file, without holes.
    pub fn stored_size(&self) -> u64 {
        match &self.sparse {
            _ if self.kind != Kind::File => 0,
            Some((count, runs)) => {
                let mut reader = Reader { bytes: self.bytes(runs), at: 0 };
                (0..*count).map_while(|_| reader.number().and(reader.number())).sum()
            }
            None => self.size,
        }
    }

    /// The same entry by itself.
    pub fn entry(&self) -> Entry {
        Entry {
            path: self.path().into_owned(),
            kind: self.kind,
            size: self.size,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            modified: self.modified,
            link: self.link().to_vec(),
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
        let (name, value) = (self.rest.span()?, self.rest.span()?);
        Some((&self.rest.bytes[name], &self.rest.bytes[value]))
    }
}

/// The path by which a record is found that begins at this place: a search looks at nothing else.
pub(super) fn key_at(records: &[u8], start: usize) -> Option<&[u8]> {
    let mut reader = Reader { bytes: records, at: start.checked_add(2)? };
    let key = reader.span()?;
    records.get(key)
}

/// How many bytes have to be there to tell more of a record that begins with these: up to the end of the path by which it
/// is found. `None` where they are.
pub(super) fn key_end(record: &[u8]) -> Option<usize> {
    let mut reader = Reader { bytes: record, at: 2 };
    match reader.number().and_then(|length| usize::try_from(length).ok()) {
        None => Some(record.len().max(2) + 1),
        Some(length) => reader.at.checked_add(length).filter(|end| *end > record.len()),
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
    let (key, mark) = key(&entry.path);
    let is_written = |(before, after): &(&[u8], &[u8])| {
        let rest = entry.path.strip_prefix(*before).and_then(|rest| rest.strip_suffix(*after));
        rest == Some(&key)
    };
    let form = FORMS.iter().position(is_written).map_or(OTHER, |at| at as u8);
    let mark = match mark {
        None => 0,
        Some(Mark::Whiteout) => WHITEOUT,
        Some(Mark::Opaque) => OPAQUE,
        Some(Mark::Nothing) => NOTHING,
    };
    out.push(form | mark);
    bytes(out, &key);
    number(out, header / BLOCK);
    number(out, (content - header) / BLOCK);
    number(out, entry.size);
    number(out, entry.mode.into());
    number(out, entry.uid);
    number(out, entry.gid);
    number(out, zigzag(entry.modified.seconds));
    number(out, entry.modified.nanoseconds.into());
    if form == OTHER {
        bytes(out, &entry.path);
    }
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
