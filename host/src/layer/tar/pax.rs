//! The records of a pax header (POSIX.1-2017, pax, "pax Header Block"), and those GNU tar, star and libarchive added.

use crate::layer::entry::{Run, Time};

const WRONG: &str = "a pax record is malformed";

/// What a pax header says of the entry after it. What is not said, or taken back by an empty value, is empty.
#[derive(Default)]
pub(super) struct Pax<'a> {
    pub(super) path: &'a [u8],
    pub(super) link: &'a [u8],
    pub(super) size: Option<u64>,
    pub(super) uid: Option<u64>,
    pub(super) gid: Option<u64>,
    pub(super) modified: Option<Time>,
    pub(super) has_xattrs: bool,
    pub(super) sparse: Sparse<'a>,
}

/// The `GNU.sparse` records (GNU tar manual, "Storing Sparse Files").
#[derive(Default)]
pub(super) struct Sparse<'a> {
    major: &'a [u8],
    minor: &'a [u8],
    map: &'a [u8],
    pub(super) name: &'a [u8],
    size: &'a [u8],
    real_size: &'a [u8],
    /// Offsets and sizes of version 0.0, one a record.
    numbers: Vec<u64>,
}

/// How a sparse file is written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Version {
    /// It is not sparse.
    None,
    /// The map is in the pax header: 0.0 and 0.1.
    Header,
    /// The map is before the data: 1.0.
    Data,
}

impl<'a> Pax<'a> {
    /// Reads all records; the last of a key counts.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Pax<'a>, &'static str> {
        let mut pax = Pax::default();
        let (mut size, mut uid, mut gid, mut modified): (&[u8], &[u8], &[u8], &[u8]) = (b"", b"", b"", b"");
        for record in Records(bytes) {
            let (key, value) = record?;
            let sparse = &mut pax.sparse;
            match key {
                b"path" => pax.path = value,
                b"linkpath" => pax.link = value,
                b"size" => size = value,
                b"uid" => uid = value,
                b"gid" => gid = value,
                b"mtime" => modified = value,
                b"GNU.sparse.major" => sparse.major = value,
                b"GNU.sparse.minor" => sparse.minor = value,
                b"GNU.sparse.map" => sparse.map = value,
                b"GNU.sparse.name" => sparse.name = value,
                b"GNU.sparse.size" => sparse.size = value,
                b"GNU.sparse.realsize" => sparse.real_size = value,
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    let second = sparse.numbers.len() % 2 == 1;
                    if second != (key == b"GNU.sparse.numbytes") {
                        return Err("the map of a sparse file is out of order");
                    }
                    sparse.numbers.push(unsigned(value).ok_or(WRONG)?);
                }
                key => pax.has_xattrs |= xattr_name(key).is_some(),
            }
        }
        for name in [pax.path, pax.link, pax.sparse.name] {
            if name.contains(&0) {
                return Err("a pax record has a name with NUL");
            }
        }
        pax.size = given(size, unsigned, "a pax size is no number")?;
        pax.uid = given(uid, unsigned, "a pax owner is no number")?;
        pax.gid = given(gid, unsigned, "a pax group is no number")?;
        pax.modified = given(modified, time, "a pax time is no number")?;
        Ok(pax)
    }

    /// Whether anything was said that decides where and what entries are.
    pub(super) fn changes_entries(&self) -> bool {
        let sparse = &self.sparse;
        let texts = [sparse.major, sparse.minor, sparse.map, sparse.name, sparse.size, sparse.real_size];
        !self.path.is_empty()
            || !self.link.is_empty()
            || self.size.is_some()
            || !sparse.numbers.is_empty()
            || texts.iter().any(|text| !text.is_empty())
    }
}

impl Sparse<'_> {
    pub(super) fn version(&self) -> Result<Version, &'static str> {
        match (self.major, self.minor) {
            (b"0", b"0" | b"1") => Ok(Version::Header),
            (b"1", b"0") => Ok(Version::Data),
            // 0.0 and 0.1 did not say so at first.
            (b"", b"") if self.map.is_empty() && self.numbers.is_empty() => Ok(Version::None),
            (b"", b"") => Ok(Version::Header),
            _ => Err("a sparse file is of an unknown version"),
        }
    }

    /// The size with holes, where it is said.
    pub(super) fn size(&self) -> Result<Option<u64>, &'static str> {
        let text = if self.size.is_empty() { self.real_size } else { self.size };
        given(text, unsigned, "a sparse file's size is no number")
    }

    /// The map of versions 0.0 and 0.1, of at most `limit` runs.
    pub(super) fn runs(&self, limit: usize) -> Result<Vec<Run>, &'static str> {
        let mut numbers = self.numbers.clone();
        if numbers.is_empty() && !self.map.is_empty() {
            for text in self.map.split(|byte| *byte == b',').take(2 * limit + 1) {
                numbers.push(unsigned(text).ok_or(WRONG)?);
            }
        }
        if numbers.len() % 2 == 1 || numbers.len() > 2 * limit {
            return Err("the map of a sparse file is incomplete or too long");
        }
        Ok(numbers.chunks_exact(2).map(|pair| Run { offset: pair[0], size: pair[1] }).collect())
    }
}

/// A value, unless it is empty.
fn given<T>(
    text: &[u8],
    read: fn(&[u8]) -> Option<T>,
    wrong: &'static str,
) -> Result<Option<T>, &'static str> {
    if text.is_empty() { Ok(None) } else { read(text).map(Some).ok_or(wrong) }
}

/// A decimal number up to 2^63 - 1.
pub(super) fn unsigned(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 20 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = std::str::from_utf8(text).ok()?.parse::<u64>().ok()?;
    (number <= i64::MAX as u64).then_some(number)
}

/// Seconds with a fraction, of which nine digits count.
fn time(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut nanoseconds = 0;
    for place in 0..9 {
        let digit = fraction.as_bytes().get(place).map_or(0, |digit| u32::from(digit - b'0'));
        nanoseconds = nanoseconds * 10 + digit;
    }
    if whole.starts_with('-') && nanoseconds > 0 {
        return Some(Time { seconds: seconds.checked_sub(1)?, nanoseconds: 1_000_000_000 - nanoseconds });
    }
    Some(Time { seconds, nanoseconds })
}

/// The records `length key=value\n`.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.0;
        // Some writers pad with NULs.
        if bytes.iter().all(|byte| *byte == 0) {
            return None;
        }
        let record = record(bytes);
        self.0 = record.as_ref().map_or(&[][..], |(_, rest)| rest);
        Some(record.map(|(record, _)| record))
    }
}

type Record<'a> = (&'a [u8], &'a [u8]);

fn record(bytes: &[u8]) -> Result<(Record<'_>, &[u8]), &'static str> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ').ok_or(WRONG)?;
    let length = unsigned(&bytes[..space]).and_then(|length| usize::try_from(length).ok());
    let length = length.filter(|length| *length > space + 1 && *length <= bytes.len()).ok_or(WRONG)?;
    let (record, rest) = bytes.split_at(length);
    let record = record[space + 1..].strip_suffix(b"\n").ok_or(WRONG)?;
    let equals = record.iter().position(|byte| *byte == b'=').ok_or(WRONG)?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    if key.is_empty() || key.contains(&0) {
        return Err(WRONG);
    }
    Ok(((key, value), rest))
}

const STAR: &[u8] = b"SCHILY.xattr.";
const LIBARCHIVE: &[u8] = b"LIBARCHIVE.xattr.";

/// Extended attributes of one entry, in either form. Linux lists 64 KiB of names.
const XATTRS: usize = 4096;

fn xattr_name(key: &[u8]) -> Option<&[u8]> {
    let name = key.strip_prefix(STAR).or_else(|| key.strip_prefix(LIBARCHIVE));
    name.filter(|name| !name.is_empty())
}

/// The extended attributes that the records name: star's, and libarchive's for those that star's do not have.
pub(super) fn xattrs(bytes: &[u8], xattrs: &mut Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), &'static str> {
    let records: Vec<_> = Records(bytes).collect::<Result<_, _>>()?;
    if records.iter().filter(|(key, _)| xattr_name(key).is_some()).count() > XATTRS {
        return Err("there are too many extended attributes");
    }
    let mut add = |name: Vec<u8>, value: Vec<u8>, replace: bool| match xattrs
        .binary_search_by(|(known, _)| known.cmp(&name))
    {
        Ok(_) if !replace => {}
        // An empty value takes a record back.
        Ok(at) if value.is_empty() => drop(xattrs.remove(at)),
        Ok(at) => xattrs[at].1 = value,
        Err(_) if value.is_empty() => {}
        Err(at) => xattrs.insert(at, (name, value)),
    };
    for (key, value) in &records {
        if let Some(name) = key.strip_prefix(STAR).filter(|name| !name.is_empty()) {
            add(name.to_vec(), value.to_vec(), true);
        }
    }
    for (key, value) in &records {
        if let Some(name) = key.strip_prefix(LIBARCHIVE).filter(|name| !name.is_empty()) {
            let wrong = "an extended attribute is not in libarchive's encoding";
            add(percent(name).ok_or(wrong)?, base64(value).ok_or(wrong)?, false);
        }
    }
    if xattrs.iter().any(|(name, _)| name.is_empty() || name.contains(&0)) {
        return Err("an extended attribute has no name");
    }
    Ok(())
}

fn percent(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            out.push(*byte);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    Some(out)
}

/// RFC 4648, with or without padding.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for group in digits.chunks(4) {
        let mut bits = 0u32;
        for digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - group.len());
        let bytes = bits.to_be_bytes();
        match group.len() {
            4 => out.extend_from_slice(&bytes[1..4]),
            3 => out.extend_from_slice(&bytes[1..3]),
            2 => out.extend_from_slice(&bytes[1..2]),
            _ => return None,
        }
    }
    Some(out)
}
