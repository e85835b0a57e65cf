//! Entries as a tar: POSIX ustar, with pax headers for what has no room there (POSIX.1-2017, pax).

use std::io::{self, Write};

use super::Visitor;
use crate::layer::entry::{Entry, Kind};
use crate::transport::tar_index::TarError;

const BLOCK: usize = 512;

/// The largest number of seven and of eleven octal digits.
const SEVEN: u64 = 0o7_777_777;
const ELEVEN: u64 = 0o77_777_777_777;

/// Writes the entries it is told of. Sparse files are written in full: their holes have to be given as content, too.
pub struct Writer<W: Write> {
    out: W,
    /// Bytes that fill the last block of the entry underway.
    padding: usize,
    /// Bytes of content that are still to come.
    left: u64,
}

/// A tar could not be written.
#[derive(Debug, thiserror::Error)]
#[error("writing a tar failed")]
pub struct WriteError {
    /// Why.
    #[from]
    pub source: io::Error,
}

impl From<TarError> for WriteError {
    fn from(error: TarError) -> WriteError {
        WriteError { source: io::Error::other(error) }
    }
}

impl<W: Write> Writer<W> {
    /// A tar without entries.
    pub fn new(out: W) -> Writer<W> {
        Writer { out, padding: 0, left: 0 }
    }

    /// The end marker; gives back what was written to.
    ///
    /// # Errors
    /// [`WriteError`] where that cannot be written.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn header(&mut self, entry: &Entry, content: u64) -> io::Result<()> {
        let mut records = Vec::new();
        let mut block = [0; BLOCK];
        if !name(&entry.path, &mut block) {
            record(&mut records, b"path", &entry.path);
            fit(&mut block[..100], &entry.path);
        }
        if entry.link.len() > 100 || !entry.link.is_ascii() {
            record(&mut records, b"linkpath", &entry.link);
        }
        fit(&mut block[157..257], &entry.link);
        for (key, value, place) in [("uid", entry.uid, 108), ("gid", entry.gid, 116)] {
            if value > SEVEN {
                record(&mut records, key.as_bytes(), value.to_string().as_bytes());
            }
            octal(&mut block[place..place + 8], if value > SEVEN { 0 } else { value });
        }
        if content > ELEVEN {
            record(&mut records, b"size", content.to_string().as_bytes());
        }
        let time = entry.modified;
        let seconds = u64::try_from(time.seconds).ok().filter(|seconds| *seconds <= ELEVEN);
        if seconds.is_none() || time.nanoseconds > 0 {
            record(&mut records, b"mtime", stamp(time.seconds, time.nanoseconds).as_bytes());
        }
        for (name, value) in &entry.xattrs {
            record(&mut records, &[b"SCHILY.xattr.", &name[..]].concat(), value);
        }
        if !records.is_empty() {
            let size = records.len();
            let mut pax = [0; BLOCK];
            fit(&mut pax[..100], &[b"PaxHeaders.0/", &entry.path[..]].concat());
            complete(&mut pax, b'x', 0o644, size as u64, 0);
            self.out.write_all(&pax)?;
            self.out.write_all(&records)?;
            self.out.write_all(&[0; BLOCK][..size.next_multiple_of(BLOCK) - size])?;
        }
        octal(&mut block[329..337], entry.device.0.into());
        octal(&mut block[337..345], entry.device.1.into());
        let size = if content > ELEVEN { 0 } else { content };
        complete(&mut block, letter(entry.kind), entry.mode, size, seconds.unwrap_or(0));
        self.out.write_all(&block)
    }
}

impl<W: Write> Visitor for Writer<W> {
    type Error = WriteError;

    fn entry(&mut self, entry: &Entry, _: u64) -> Result<(), WriteError> {
        let content = if entry.kind == Kind::File { entry.size } else { 0 };
        self.header(entry, content)?;
        self.left = content;
        self.padding = (content.wrapping_neg() % BLOCK as u64) as usize;
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| wrong("longer"))?;
        Ok(self.out.write_all(bytes)?)
    }

    fn end(&mut self) -> Result<(), WriteError> {
        if self.left > 0 {
            return Err(wrong("shorter").into());
        }
        Ok(self.out.write_all(&[0; BLOCK][..self.padding])?)
    }
}

fn wrong(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a file is {how} than announced"))
}

fn letter(kind: Kind) -> u8 {
    match kind {
        Kind::File => b'0',
        Kind::HardLink => b'1',
        Kind::Symlink => b'2',
        Kind::CharDevice => b'3',
        Kind::BlockDevice => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
    }
}

/// Puts a path into name and prefix. False where it does not go there.
fn name(path: &[u8], block: &mut [u8; BLOCK]) -> bool {
    if !path.is_ascii() {
        return false;
    }
    if path.len() <= 100 {
        block[..path.len()].copy_from_slice(path);
        return true;
    }
    // The slash in between is in neither.
    let fits = |at: &usize| *at > 0 && *at <= 155 && (1..=100).contains(&(path.len() - at - 1));
    let Some(at) = (0..path.len()).rev().filter(|at| path[*at] == b'/').find(fits) else { return false };
    let rest = &path[at + 1..];
    block[..rest.len()].copy_from_slice(rest);
    block[345..345 + at].copy_from_slice(&path[..at]);
    true
}

/// As much as there is room for; a pax header has it whole.
fn fit(field: &mut [u8], text: &[u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

fn octal(field: &mut [u8], value: u64) {
    let digits = format!("{value:0width$o}", width = field.len() - 1);
    fit(field, digits.as_bytes());
}

/// Fills in the rest of a header, and its checksum.
fn complete(block: &mut [u8; BLOCK], kind: u8, mode: u32, size: u64, seconds: u64) {
    octal(&mut block[100..108], u64::from(mode & 0o7777));
    octal(&mut block[124..136], size);
    octal(&mut block[136..148], seconds);
    for place in [108, 116] {
        if block[place] == 0 {
            octal(&mut block[place..place + 8], 0);
        }
    }
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    octal(&mut block[148..155], sum);
}

/// A pax record: its length in decimal, which counts itself.
fn record(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    out.extend_from_slice(format!("{length} ").as_bytes());
    out.extend_from_slice(key);
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Seconds since 1970 with their fraction, in decimal. Nanoseconds count up from the seconds, before 1970 too.
fn stamp(seconds: i64, nanoseconds: u32) -> String {
    if nanoseconds == 0 {
        return seconds.to_string();
    }
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let (sign, total) = (if total < 0 { "-" } else { "" }, total.unsigned_abs());
    let text = format!("{sign}{}.{:09}", total / 1_000_000_000, total % 1_000_000_000);
    text.trim_end_matches('0').to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::layer::entry::Time;
    use crate::layer::tar::Decoder;

    #[derive(Default)]
    struct Seen(Vec<(Entry, Vec<u8>)>);

    impl Visitor for Seen {
        type Error = TarError;

        fn entry(&mut self, entry: &Entry, _: u64) -> Result<(), TarError> {
            self.0.push((entry.clone(), Vec::new()));
            Ok(())
        }

        fn content(&mut self, bytes: &[u8]) -> Result<(), TarError> {
            self.0.last_mut().unwrap().1.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let time = |seconds, nanoseconds| Time { seconds, nanoseconds };
        let file = |path: &[u8], size| Entry { path: path.to_vec(), size, mode: 0o644, ..Entry::default() };
        let long = [&b"directory/".repeat(12)[..], b"name"].concat();
        let link = |kind, target: &[u8]| Entry { kind, link: target.to_vec(), ..file(b"link", 0) };
        let entries = [
            file(b"empty", 0),
            Entry { modified: time(1_600_000_000, 0), uid: 7, gid: 8, ..file(b"file", 600) },
            file(&long, 1),
            file(&b"x".repeat(300), 2),
            file(b"\xff\xfe/caf\xc3\xa9", 3),
            Entry { kind: Kind::Directory, mode: 0o1777, ..file(b"tmp/", 0) },
            link(Kind::Symlink, b"/etc/passwd"),
            link(Kind::Symlink, &b"y".repeat(200)),
            link(Kind::HardLink, b"caf\xe9"),
            Entry { kind: Kind::CharDevice, device: (1, 3), ..file(b"null", 0) },
            Entry { kind: Kind::BlockDevice, device: (259, 70_000), ..file(b"disk", 0) },
            Entry { kind: Kind::Fifo, mode: 0o4755, ..file(b"pipe", 0) },
            Entry { uid: 2_000_000_000, gid: u64::from(u32::MAX), ..file(b"owned", 5) },
            Entry { modified: time(-1, 500_000_000), ..file(b"old", 0) },
            Entry { modified: time(1, 1), ..file(b"fine", 0) },
            Entry { modified: time(-7, 0), ..file(b"older", 0) },
            Entry { xattrs: vec![(b"user.a".to_vec(), b"\0=\n".to_vec())], ..file(b"attributed", 512) },
        ];
        let mut writer = Writer::new(Vec::new());
        for entry in &entries {
            writer.entry(entry, 0).unwrap();
            let size = if entry.kind == Kind::File { entry.size as usize } else { 0 };
            if size > 0 {
                writer.content(&vec![b'c'; size]).unwrap();
            }
            writer.end().unwrap();
        }
        let tar = writer.finish().unwrap();
        let (mut decoder, mut seen) = (Decoder::new(), Seen::default());
        decoder.feed(&tar, &mut seen).unwrap();
        decoder.finish().unwrap();
        assert_eq!(seen.0.len(), entries.len());
        for ((found, content), wanted) in seen.0.iter().zip(&entries) {
            assert_eq!(found, wanted);
            assert_eq!(content.len() as u64, if wanted.kind == Kind::File { wanted.size } else { 0 });
        }
    }

    #[test]
    fn content_of_another_length_is_refused() {
        let mut writer = Writer::new(Vec::new());
        writer.entry(&Entry { path: b"a".to_vec(), size: 3, ..Entry::default() }, 0).unwrap();
        assert!(writer.content(b"abcd").is_err());
        assert!(writer.end().is_err());
    }
}
