//! Armor (RFC 9580, 6.2).

use super::wrong;
use crate::base64;
use crate::prelude::*;
use crate::wit::exports::consign::image::registries::AnswerError;

const BEGIN: &[u8] = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &[u8] = b"-----END PGP PUBLIC KEY BLOCK-----";

/// An armored block of a file: where it starts, and its packets.
pub(super) struct Block {
    pub offset: usize,
    pub packets: Vec<u8>,
}

/// The armored blocks of a file. `None`: it has none and is to be read as it is.
pub(super) fn blocks(bytes: &[u8]) -> Result<Option<Vec<Block>>, AnswerError> {
    // Packets begin with a bit that text does not have.
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        return Ok(None);
    }
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], BEGIN) {
        let offset = at + found;
        let content = &bytes[offset + BEGIN.len()..];
        let Some(length) = find(content, END) else {
            return Err(wrong(offset, "wanted the end of this block, found the end of the file"));
        };
        let Some(packets) = unarmored(&content[..length]) else {
            return Err(wrong(offset, "wanted base64 in this block, found something else"));
        };
        blocks.push(Block { offset, packets });
        at = offset + BEGIN.len() + length + END.len();
    }
    Ok(Some(blocks).filter(|blocks| !blocks.is_empty()))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The bytes of a block, from after its first line on. The checksum, which is there against accidents and may be
/// missing, is left out.
fn unarmored(block: &[u8]) -> Option<Vec<u8>> {
    let mut digits = Vec::with_capacity(block.len());
    for line in block.split(|byte| *byte == b'\n').skip(1) {
        let line = line.trim_ascii();
        match line.first() {
            Some(b'=') => break,
            // Headers, before the first digits.
            _ if digits.is_empty() && line.contains(&b':') => {}
            _ => digits.extend_from_slice(line),
        }
    }
    base64::decoded(&digits)
}
