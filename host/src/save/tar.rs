//! Writing a tar whose bytes depend on nothing but what is in it: no times, no owners, no names of users.
//! The headers are those Go's `archive/tar` writes, so that an archive is byte for byte the one podman
//! and skopeo write.

use std::io::{self, Write};

use super::gaps::Out;

/// Tar's unit.
const BLOCK: usize = 512;

/// A tar being written. What an entry is announced to have is to be written before the next one.
pub(super) struct TarWriter<W: Write> {
    out: W,
    /// Bytes of the entry underway that are still to come.
    left: u64,
    /// Bytes that fill its last block.
    padding: usize,
}

/// What a header says.
struct Entry<'a> {
    name: &'a str,
    mode: u32,
    size: u64,
    kind: u8,
    link: &'a str,
}

impl<W: Write> TarWriter<W> {
    pub(super) fn new(out: W) -> Self {
        TarWriter { out, left: 0, padding: 0 }
    }

    /// A file, whose bytes are to be written next.
    pub(super) fn file(&mut self, name: &str, mode: u32, size: u64) -> io::Result<()> {
        self.entry(&Entry { name, mode, size, kind: b'0', link: "" })
    }

    /// A file with these bytes.
    pub(super) fn bytes(&mut self, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
        self.file(name, mode, bytes.len() as u64)?;
        self.write_all(bytes)
    }

    /// A directory; `name` ends in a slash.
    pub(super) fn directory(&mut self, name: &str, mode: u32) -> io::Result<()> {
        self.entry(&Entry { name, mode, size: 0, kind: b'5', link: "" })
    }

    /// A symbolic link.
    pub(super) fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        self.entry(&Entry { name, mode: 0, size: 0, kind: b'2', link: target })
    }

    /// The end marker.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.pad()?;
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()
    }

    fn entry(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.pad()?;
        let mut records = Vec::new();
        let mut header = [0; BLOCK];
        if split(entry.name, &mut header).is_none() {
            record(&mut records, "path", entry.name);
        }
        if entry.link.len() > 100 {
            record(&mut records, "linkpath", entry.link);
        }
        if entry.size >= 1 << 33 {
            record(&mut records, "size", &entry.size.to_string());
        }
        if !records.is_empty() {
            let (directory, file) = entry.name.rsplit_once('/').unwrap_or(("", entry.name));
            let name = format!("{directory}/PaxHeaders.0/{file}");
            let name = name.trim_start_matches('/');
            let size = records.len() as u64;
            self.header(&Entry { name, mode: 0, size, kind: b'x', link: "" }, true)?;
            self.out.write_all(&records)?;
            self.out.write_all(&[0; BLOCK][..records.len().next_multiple_of(BLOCK) - records.len()])?;
        }
        self.header(entry, !records.is_empty())?;
        self.left = entry.size;
        self.padding = (entry.size.next_multiple_of(BLOCK as u64) - entry.size) as usize;
        Ok(())
    }

    /// One header block. `cut`: what has no room is cut; a pax header before it has it whole.
    fn header(&mut self, entry: &Entry<'_>, cut: bool) -> io::Result<()> {
        let mut block = [0; BLOCK];
        if split(entry.name, &mut block).is_none() && cut {
            let ascii: Vec<u8> = entry.name.bytes().filter(u8::is_ascii).take(100).collect();
            block[..ascii.len()].copy_from_slice(&ascii);
        }
        octal(&mut block[100..108], u64::from(entry.mode));
        octal(&mut block[108..116], 0);
        octal(&mut block[116..124], 0);
        octal(&mut block[124..136], if entry.size < 1 << 33 { entry.size } else { 0 });
        octal(&mut block[136..148], 0);
        block[156] = entry.kind;
        let link = &entry.link.as_bytes()[..entry.link.len().min(100)];
        block[157..157 + link.len()].copy_from_slice(link);
        block[257..265].copy_from_slice(b"ustar\x0000");
        octal(&mut block[329..337], 0);
        octal(&mut block[337..345], 0);
        block[148..156].copy_from_slice(b"        ");
        let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        octal(&mut block[148..155], sum);
        self.out.write_all(&block)
    }

    fn pad(&mut self) -> io::Result<()> {
        if self.left > 0 {
            let reason = format!("an entry is {} bytes shorter than announced", self.left);
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        self.out.write_all(&[0; BLOCK][..std::mem::take(&mut self.padding)])
    }
}

impl<W: Out> TarWriter<W> {
    /// Leaves the bytes of the entry underway to be filled in later, and says where they are. `None` where they
    /// have to be written next.
    pub(super) fn leave(&mut self) -> io::Result<Option<u64>> {
        let at = self.out.pass_over(self.left)?;
        if at.is_some() {
            self.left = 0;
        }
        Ok(at)
    }
}

impl<W: Write> Write for TarWriter<W> {
    /// Bytes of the entry underway; more than were announced are refused.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() as u64 > self.left {
            let reason = "an entry is longer than announced";
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let written = self.out.write(bytes)?;
        self.left -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Puts a name where a header has it: whole, or cut at a slash into prefix and name. `None` where it has no
/// room, or is not ASCII.
fn split(name: &str, block: &mut [u8; BLOCK]) -> Option<()> {
    if !name.is_ascii() {
        return None;
    }
    let (prefix, rest) = if name.len() <= 100 {
        ("", name)
    } else {
        // The last slash that leaves the prefix short enough.
        let cut = name.as_bytes()[..name.len().min(156)].iter().rposition(|byte| *byte == b'/')?;
        (&name[..cut], &name[cut + 1..])
    };
    if rest.is_empty() || rest.len() > 100 {
        return None;
    }
    block[..rest.len()].copy_from_slice(rest.as_bytes());
    block[345..345 + prefix.len()].copy_from_slice(prefix.as_bytes());
    Some(())
}

/// Octal digits over the whole field but its last byte, which is NUL.
fn octal(field: &mut [u8], value: u64) {
    let digits = field.len() - 1;
    for (position, byte) in field[..digits].iter_mut().enumerate() {
        *byte = b'0' + (value >> (3 * (digits - 1 - position)) & 7) as u8;
    }
    field[digits] = 0;
}

/// One pax record: `length key=value\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &str, value: &str) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length += 1;
    }
    records.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::transport::tar_index::{Limits, TarIndex};

    fn index(bytes: &[u8]) -> TarIndex {
        let file = tempfile::tempfile().unwrap();
        (&file).write_all(bytes).unwrap();
        TarIndex::read(&file, bytes.len() as u64, &[], Limits::default()).unwrap()
    }

    #[test]
    fn names_of_every_length_and_links_are_found_again() {
        for length in [1, 99, 100, 101, 155, 156, 200, 300, 1000] {
            for name in ["x".repeat(length), "x/".repeat(length / 2) + "y", "é".repeat(length)] {
                let mut bytes = Vec::new();
                let mut tar = TarWriter::new(&mut bytes);
                tar.bytes(&name, 0o644, b"content").unwrap();
                tar.symlink("link", &name).unwrap();
                tar.directory("directory/", 0o755).unwrap();
                tar.bytes("last", 0o644, b"").unwrap();
                tar.finish().unwrap();
                assert_eq!(bytes.len() % BLOCK, 0);
                let index = index(&bytes);
                let found = index.find(&name).unwrap().unwrap();
                let at = usize::try_from(found.offset).unwrap();
                assert_eq!(&bytes[at..at + 7], b"content");
                assert_eq!(index.find("link").unwrap(), Some(found), "{name}");
                assert!(index.contains("last") && index.contains("directory"));
            }
        }
    }

    #[test]
    fn a_size_without_room_in_the_header_is_in_a_record() {
        let mut bytes = Vec::new();
        let mut tar = TarWriter::new(&mut bytes);
        tar.file("large", 0o644, 1 << 33).unwrap();
        assert_eq!(&bytes[BLOCK..BLOCK + 19], b"19 size=8589934592\n");
        assert_eq!(bytes.len(), 3 * BLOCK);
    }

    #[test]
    fn an_entry_has_the_bytes_it_announced() {
        let mut tar = TarWriter::new(Vec::new());
        tar.file("a", 0o644, 3).unwrap();
        assert!(tar.write_all(b"four").is_err());
        tar.write_all(b"t").unwrap();
        assert!(tar.file("b", 0o644, 0).is_err());
        assert!(tar.finish().is_err());
    }
}
