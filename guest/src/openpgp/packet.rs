//! Packets: where each begins and ends (RFC 9580, 4.2), and numbers within.

use super::wrong;
use crate::prelude::*;
use crate::wit::exports::consign::image::registries::AnswerError;

/// What packets hold (5).
pub(super) mod tag {
    pub const SIGNATURE: u8 = 2;
    pub const ONE_PASS: u8 = 4;
    pub const SECRET_KEY: u8 = 5;
    pub const PUBLIC_KEY: u8 = 6;
    pub const COMPRESSED: u8 = 8;
    pub const ENCRYPTED: u8 = 9;
    pub const MARKER: u8 = 10;
    pub const LITERAL: u8 = 11;
    pub const USER_ID: u8 = 13;
    pub const PUBLIC_SUBKEY: u8 = 14;
    pub const USER_ATTRIBUTE: u8 = 17;
    pub const ENCRYPTED_WHOLE: u8 = 18;
}

/// Packets in a row; more are an error, not work.
pub(super) const MAX_PACKETS: usize = 10_000;

/// One packet.
pub(super) struct Packet {
    /// Where it begins.
    pub offset: usize,
    pub tag: u8,
    /// In one piece, however it was written.
    pub body: Vec<u8>,
}

/// Reads bytes from their beginning. `None`: there are not so many.
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    #[inline(never)]
    pub fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    /// A number of so many bytes, the highest first.
    #[inline(never)]
    pub fn number(&mut self, bytes: usize) -> Option<u32> {
        let taken = self.take(bytes)?;
        Some(taken.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    /// A length of so many bytes.
    pub fn size(&mut self, bytes: usize) -> Option<usize> {
        usize::try_from(self.number(bytes)?).ok()
    }

    /// A multiprecision integer (3.2), without its length.
    #[inline(never)]
    pub fn integer(&mut self) -> Option<Vec<u8>> {
        let bits = self.size(2)?;
        self.take(bits.div_ceil(8)).map(<[u8]>::to_vec)
    }

    /// A length as packets of the new format and subpackets have it, if it is no partial one.
    #[inline(never)]
    pub fn length(&mut self, longest_short: u8) -> Option<usize> {
        match self.byte()? {
            short @ 0..=191 => Some(usize::from(short)),
            255 => self.size(4),
            long if long <= longest_short => {
                let low = usize::from(self.byte()?);
                Some(((usize::from(long) - 192) << 8) + low + 192)
            }
            _ => None,
        }
    }
}

/// The packets of these bytes but for markers, which mean nothing; and how many there are with them, `most` at most.
pub(super) fn packets(whole: &[u8], most: usize) -> Result<(Vec<Packet>, usize), AnswerError> {
    let mut bytes = Bytes(whole);
    let (mut packets, mut count) = (Vec::new(), 0);
    while let Some(first) = bytes.0.first() {
        let offset = whole.len() - bytes.0.len();
        if count == most {
            return Err(wrong(offset, "wanted at most 10,000 packets, found more"));
        }
        if first & 0x80 == 0 {
            return Err(wrong(offset, "wanted a packet of OpenPGP, found something else"));
        }
        let (tag, body) = next(&mut bytes)
            .ok_or_else(|| wrong(offset, "wanted a whole packet, found the end of one or a wrong length"))?;
        if tag != tag::MARKER {
            packets.push(Packet { offset, tag, body });
        }
        count += 1;
    }
    Ok((packets, count))
}

/// The next packet, of the new format or the old.
fn next(bytes: &mut Bytes<'_>) -> Option<(u8, Vec<u8>)> {
    let first = bytes.byte()?;
    let is_new = first & 0x40 != 0;
    let tag = if is_new { first & 63 } else { first >> 2 & 15 };
    // Nothing but data is written before its length is known.
    let is_data = matches!(tag, tag::COMPRESSED | tag::ENCRYPTED | tag::LITERAL | tag::ENCRYPTED_WHOLE);
    if !is_new {
        let length = match first & 3 {
            0 => bytes.size(1)?,
            1 => bytes.size(2)?,
            2 => bytes.size(4)?,
            // Up to the end.
            _ if is_data => bytes.0.len(),
            _ => return None,
        };
        return Some((tag, bytes.take(length)?.to_vec()));
    }
    let mut body = Vec::new();
    // Pieces of powers of two, and the last one.
    while let Some(power) = bytes.0.first().filter(|byte| is_data && (224..255).contains(*byte)) {
        let length = 1usize << (power & 31);
        bytes.take(1)?;
        body.extend_from_slice(bytes.take(length)?);
    }
    let length = bytes.length(223)?;
    body.extend_from_slice(bytes.take(length)?);
    Some((tag, body))
}
