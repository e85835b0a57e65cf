//! OpenPGP (RFC 9580): signed messages and public keys, as packets say them. Nothing is verified here.

mod armor;
mod key;
mod packet;
mod signature;
#[cfg(test)]
mod tests;

pub use key::read_keys;

use crate::prelude::*;
use crate::wit::exports::consign::image::openpgp::{Compressed, Message, Signature, Signed};
use crate::wit::exports::consign::image::registries::AnswerError;
use packet::{Bytes, Packet, tag};
use signature::Unread;

/// Bytes of a message, or of a file of keys.
const LIMIT: usize = 4 << 20;
/// Signatures over one text.
const MAX_SIGNATURES: usize = 16;

/// Reads a message (10.3): compressed data, or a text with its signatures.
pub fn read_message(bytes: &[u8]) -> Result<Message, AnswerError> {
    if bytes.len() > LIMIT {
        return Err(wrong(LIMIT, "wanted at most 4 MiB"));
    }
    let (packets, _) = packet::packets(bytes, packet::MAX_PACKETS)?;
    if let [Packet { offset, tag: tag::COMPRESSED, body }] = &packets[..] {
        let (algorithm, data) =
            body.split_first().ok_or_else(|| wrong(*offset, "wanted compressed data, found nothing"))?;
        return Ok(Message::Compressed(Compressed { algorithm: *algorithm, data: data.to_vec() }));
    }
    // A signature, or a word that one follows, before the text; the signatures that follow after it.
    let (mut announced, mut text, mut signatures) = (0, None, Vec::new());
    for Packet { offset, tag, body } in &packets {
        match (*tag, text) {
            (tag::ONE_PASS, None) if signatures.is_empty() => announced += 1,
            (tag::LITERAL, None) => text = Some((*offset, body)),
            (tag::SIGNATURE, None) if announced == 0 => signatures.push(read_signature(*offset, body)?),
            (tag::SIGNATURE, Some(_)) if signatures.len() < announced => {
                signatures.push(read_signature(*offset, body)?);
            }
            _ => return Err(wrong(*offset, "wanted a text and its signatures, found something else")),
        }
        if announced.max(signatures.len()) > MAX_SIGNATURES {
            return Err(wrong(*offset, "wanted at most 16 signatures, found more"));
        }
    }
    let end = |reason: &str| wrong(bytes.len(), reason);
    let (offset, text) = text.ok_or_else(|| end("wanted a signed text, found the end"))?;
    if signatures.len() < announced.max(1) {
        return Err(end("wanted a signature, found the end"));
    }
    let text = content(text).ok_or_else(|| wrong(offset, "wanted a text, found a damaged one"))?;
    Ok(Message::Signed(Signed { text: text.to_vec(), signatures }))
}

fn read_signature(offset: usize, body: &[u8]) -> Result<Signature, AnswerError> {
    match signature::read(body) {
        Ok((signature, _)) => Ok(signature),
        Err(Unread::Version(version)) => {
            let reason = format!("wanted a signature of version 4, found one of version {version}");
            Err(wrong(offset, &reason))
        }
        Err(Unread::Damaged) => Err(wrong(offset, "wanted a signature, found a damaged one")),
    }
}

/// The text of a literal packet (5.9): after how it is written, its file's name, and its time.
fn content(body: &[u8]) -> Option<&[u8]> {
    let mut bytes = Bytes(body);
    bytes.byte()?;
    let name = bytes.byte()?;
    bytes.take(usize::from(name) + 4)?;
    Some(bytes.0)
}

#[inline(never)]
fn wrong(offset: usize, reason: &str) -> AnswerError {
    AnswerError { offset: offset as u64, reason: reason.to_owned() }
}
