//! Numbers and bytes, as records have them: numbers as LEB128, bytes after their number.

use std::ops::Range;

/// Where something is in the bytes that are read.
pub(super) type Span = Range<usize>;

/// Reads on, as far as there is something.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    /// Where the next byte is.
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    /// So many bytes.
    pub(super) fn taken(&mut self, length: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(length)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// A varint in its shortest form.
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for (at, byte) in self.bytes.get(self.at..)?.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            if at == 9 && bits > 1 || at > 0 && *byte == 0 {
                return None;
            }
            value |= bits << (7 * at);
            if byte & 0x80 == 0 {
                self.at += at + 1;
                return Some(value);
            }
        }
        None
    }

    /// Where so many bytes are as the number in front of them says.
    pub(super) fn span(&mut self) -> Option<Span> {
        let length = usize::try_from(self.number()?).ok()?;
        let start = self.at;
        self.taken(length)?;
        Some(start..self.at)
    }
}

pub(super) fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
