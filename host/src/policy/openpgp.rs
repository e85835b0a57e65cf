//! Signed messages of OpenPGP (RFC 4880), by the rules of GnuPG: a key that has expired or is revoked signs
//! nothing, whenever it did.
//!
//! Read is what signatures of images need: messages of one signature over one text, compressed or not, and keys of
//! version 4. The mathematics are ring's.

mod key;
mod packet;
#[cfg(test)]
mod tests;
mod verify;

use std::io::Read;
use std::time::SystemTime;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::BadSignature;
use key::Key;
use packet::Signature;
use verify::{SHA_1, Verified};

/// Bytes of a message, and of what it is without compression.
const LIMIT: u64 = 4 << 20;

/// A signature over bytes as they are (5.2.1).
const BINARY: u8 = 0;

/// Public keys, each with its subkeys.
#[derive(Default)]
pub(super) struct Keyring(Vec<Key>);

impl Keyring {
    /// Adds the keys of a file, armored or not; false where there are none.
    pub(super) fn add(&mut self, bytes: &[u8]) -> bool {
        let keys = key::read(bytes);
        let some = !keys.is_empty();
        self.0.extend(keys);
        some
    }

    /// What a message signs, if one of these keys signed it and may.
    pub(super) fn verify(&self, message: &[u8], now: SystemTime) -> Result<Vec<u8>, BadSignature> {
        let (payload, signature) = read(message)?;
        check(&signature, now)?;
        let mut outcome = None;
        for key in &self.0 {
            let subkeys = key.subkeys.iter().map(|subkey| (&subkey.key, Some(subkey)));
            for (public, subkey) in std::iter::once((&key.primary, None)).chain(subkeys) {
                if !public.made(&signature) {
                    continue;
                }
                match verify::verify(public, &signature, &payload) {
                    Verified::Yes => {
                        match subkey {
                            None => key.check(Some(&signature), now)?,
                            Some(subkey) => key.check_subkey(subkey, &signature, now)?,
                        }
                        return Ok(payload);
                    }
                    verified => outcome = Some((verified, public.shown())),
                }
            }
        }
        Err(match outcome {
            Some((Verified::Unknown, key)) => {
                invalid(format!("the key `{key}` is of a kind, or used with a hash, that is not known here"))
            }
            Some((_, key)) => invalid(format!("it says it is made by the key `{key}`, and is not")),
            None => invalid(format!("it is made by a key that is not trusted: {}", maker(&signature))),
        })
    }
}

fn invalid(reason: impl Into<String>) -> BadSignature {
    BadSignature::Invalid(reason.into())
}

fn maker(signature: &Signature) -> String {
    let maker = signature.fingerprints.first().or(signature.key_ids.first());
    maker.map_or_else(|| "it does not say which".to_owned(), |key| format!("`{}`", packet::hex(key)))
}

/// What a message signs, and the signature.
fn read(message: &[u8]) -> Result<(Vec<u8>, Signature), BadSignature> {
    let damaged = || invalid("wanted a message of OpenPGP, found something else");
    let packets = |bytes: &[u8]| -> Result<Vec<(u8, Vec<u8>)>, BadSignature> {
        let mut packets = packet::packets(bytes).ok_or_else(damaged)?;
        packets.retain(|(tag, _)| *tag != packet::MARKER);
        Ok(packets)
    };
    let mut found = packets(message)?;
    if let [(packet::COMPRESSED, body)] = &found[..] {
        found = packets(&decompressed(body)?)?;
    }
    // One signature over one text: of several it would have to be said which counts.
    let (literal, signature) = match &found[..] {
        [(packet::ONE_PASS, _), (packet::LITERAL, literal), (packet::SIGNATURE, signature)]
        | [(packet::SIGNATURE, signature), (packet::LITERAL, literal)] => (literal, signature),
        _ => return Err(invalid("wanted one signature over one text, found another message")),
    };
    let signature = Signature::read(signature);
    let signature = signature.ok_or_else(|| invalid("wanted a signature of version 4, found another"))?;
    let mut literal = packet::Bytes(literal);
    // How it is written, its file's name and time: not signed.
    let mut start = || {
        literal.take(1)?;
        let name = literal.take(1)?[0];
        literal.take(usize::from(name) + 4)
    };
    start().ok_or_else(damaged)?;
    Ok((literal.0.to_vec(), signature))
}

/// What a compressed packet holds (5.6).
fn decompressed(body: &[u8]) -> Result<Vec<u8>, BadSignature> {
    let (algorithm, bytes) = body.split_first().ok_or_else(|| invalid("wanted a message, found nothing"))?;
    let mut message = Vec::new();
    let read = match algorithm {
        0 => bytes.take(LIMIT + 1).read_to_end(&mut message),
        1 => DeflateDecoder::new(bytes).take(LIMIT + 1).read_to_end(&mut message),
        2 => ZlibDecoder::new(bytes).take(LIMIT + 1).read_to_end(&mut message),
        _ => return Err(invalid("wanted ZIP or ZLIB, found another compression")),
    };
    match read {
        Ok(read) if read as u64 > LIMIT => Err(invalid(format!("wanted at most {LIMIT} bytes, found more"))),
        Ok(_) => Ok(message),
        Err(_) => Err(invalid("it cannot be decompressed")),
    }
}

/// Whether a signature is one over a document, and counts today.
fn check(signature: &Signature, now: SystemTime) -> Result<(), BadSignature> {
    if signature.kind != BINARY {
        return Err(invalid("wanted a signature over bytes as they are, found one over something else"));
    }
    if signature.hash <= SHA_1 {
        return Err(invalid("it is made with MD5 or SHA-1, which can be made to mean something else"));
    }
    if signature.has_unknown_conditions {
        return Err(invalid("it has a condition that is not known here"));
    }
    let created = signature.created.ok_or_else(|| invalid("it does not say when it was made"))?;
    match key::ended(created, signature.expires, now) {
        true => Err(invalid("it has expired")),
        false => Ok(()),
    }
}
