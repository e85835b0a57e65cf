//! One tar header block (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format").

use crate::layer::entry::{Run, Time};

/// Tar's unit.
pub(crate) const BLOCK: usize = 512;

/// A header block.
pub(crate) type Block = [u8; BLOCK];

/// A header block whose checksum is right, in one of the forms of which Go's `archive/tar` knows.
pub(crate) struct Header<'a> {
    block: &'a Block,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    V7,
    Ustar,
    Star,
    Gnu,
}

impl<'a> Header<'a> {
    /// Reads a block that is not all zero.
    pub(crate) fn parse(block: &'a Block) -> Result<Self, &'static str> {
        let wanted = unsigned(&block[148..156]).ok_or("its checksum is no number")?;
        let all: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
        let field: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
        let sum = all - field + 8 * u64::from(b' ');
        if wanted != sum {
            // Old tars summed signed characters; readers accept both.
            let high = block.iter().filter(|byte| **byte >= 0x80).count();
            let high = high - block[148..156].iter().filter(|byte| **byte >= 0x80).count();
            if sum.checked_sub(256 * high as u64) != Some(wanted) {
                return Err("its checksum does not match");
            }
        }
        let form = match (&block[257..263], &block[263..265]) {
            (b"ustar\0", _) if &block[508..512] == b"tar\0" => Form::Star,
            (b"ustar\0", _) => Form::Ustar,
            (b"ustar ", b" \0") => Form::Gnu,
            _ => Form::V7,
        };
        Ok(Header { block, form })
    }

    /// The letter that says what it is.
    pub(crate) fn letter(&self) -> u8 {
        self.block[156]
    }

    /// Appends the name this block gives the entry, prefix included.
    pub(crate) fn path(&self, path: &mut Vec<u8>) {
        let prefix = match self.form {
            Form::Ustar => until_nul(&self.block[345..500]),
            Form::Star => until_nul(&self.block[345..476]),
            // GNU keeps times where POSIX has the prefix. Go before 1.8 wrote a prefix nevertheless.
            Form::Gnu if self.times_are_none() => until_nul(&self.block[345..500]),
            Form::Gnu | Form::V7 => b"",
        };
        if !prefix.is_empty() {
            path.extend_from_slice(prefix);
            path.push(b'/');
        }
        path.extend_from_slice(until_nul(&self.block[0..100]));
    }

    fn times_are_none(&self) -> bool {
        let none = |field: &[u8]| field[0] != 0 && signed(field).is_none();
        (none(&self.block[345..357]) || none(&self.block[357..369])) && self.block[345..500].is_ascii()
    }

    pub(crate) fn link(&self) -> &'a [u8] {
        until_nul(&self.block[157..257])
    }

    pub(crate) fn size(&self) -> Result<u64, &'static str> {
        unsigned(&self.block[124..136]).ok_or("its size is no number")
    }

    pub(crate) fn mode(&self) -> Result<u32, &'static str> {
        let mode = signed(&self.block[100..108]).ok_or("its mode is no number")?;
        Ok((mode & 0o7777) as u32)
    }

    pub(crate) fn uid(&self) -> Result<u64, &'static str> {
        unsigned(&self.block[108..116]).ok_or("its owner is no number")
    }

    pub(crate) fn gid(&self) -> Result<u64, &'static str> {
        unsigned(&self.block[116..124]).ok_or("its group is no number")
    }

    pub(crate) fn modified(&self) -> Result<Time, &'static str> {
        let seconds = signed(&self.block[136..148]).ok_or("its time is no number")?;
        Ok(Time { seconds, nanoseconds: 0 })
    }

    /// Major and minor number.
    pub(crate) fn device(&self) -> Result<(u32, u32), &'static str> {
        if self.form == Form::V7 {
            return Ok((0, 0));
        }
        let part = |field: &[u8]| {
            let number = unsigned(field).and_then(|number| u32::try_from(number).ok());
            number.ok_or("its device is no number")
        };
        Ok((part(&self.block[329..337])?, part(&self.block[337..345])?))
    }

    /// The size a sparse file has with its holes, and whether blocks with more of its map follow (GNU tar manual,
    /// "Old GNU Format").
    pub(crate) fn sparse(&self, runs: &mut Vec<Run>) -> Result<(u64, bool), &'static str> {
        if self.form != Form::Gnu {
            return Err("a sparse file has no GNU header");
        }
        map(&self.block[386..482], runs)?;
        let size = unsigned(&self.block[483..495]).ok_or("a sparse file's size is no number")?;
        Ok((size, self.block[482] != 0))
    }
}

/// A block with more of a sparse file's map, and whether one more follows.
pub(super) fn sparse_block(block: &Block, runs: &mut Vec<Run>) -> Result<bool, &'static str> {
    map(&block[..504], runs)?;
    Ok(block[504] != 0)
}

fn map(fields: &[u8], runs: &mut Vec<Run>) -> Result<(), &'static str> {
    const WRONG: &str = "the map of a sparse file is no list of numbers";
    for field in fields.chunks_exact(24) {
        if field[0] == 0 {
            break;
        }
        let offset = unsigned(&field[..12]).ok_or(WRONG)?;
        let size = unsigned(&field[12..]).ok_or(WRONG)?;
        runs.push(Run { offset, size });
    }
    Ok(())
}

/// Everything before the first NUL.
pub(super) fn until_nul(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn unsigned(field: &[u8]) -> Option<u64> {
    signed(field).and_then(|number| u64::try_from(number).ok())
}

/// A numeric field: octal digits among spaces and NULs, or GNU's big-endian binary, of which bit 7 of the first
/// byte is the mark and bit 6 the sign.
fn signed(field: &[u8]) -> Option<i64> {
    if field[0] & 0x80 != 0 {
        let negative = field[0] & 0x40 != 0;
        let invert = if negative { 0xff } else { 0 };
        let mut value = u64::from((field[0] ^ invert) & 0x7f);
        for byte in &field[1..] {
            if value >> 56 != 0 {
                return None;
            }
            value = value << 8 | u64::from(byte ^ invert);
        }
        let value = i64::try_from(value).ok()?;
        return Some(if negative { !value } else { value });
    }
    let digits = field.split(|byte| *byte == 0).find(|part| !part.is_empty()).unwrap_or_default();
    let digits = digits.trim_ascii();
    let mut value = 0u64;
    for digit in digits {
        if !(b'0'..=b'7').contains(digit) || value >> 60 != 0 {
            return None;
        }
        value = value << 3 | u64::from(digit - b'0');
    }
    i64::try_from(value).ok()
}
