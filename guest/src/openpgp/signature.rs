//! Signatures (RFC 9580, 5.2), of versions 2, 3 and 4.

use super::packet::Bytes;
use crate::prelude::*;
use crate::wit::exports::consign::image::openpgp::Signature;

/// Algorithms of keys (9.1).
pub(super) mod algorithm {
    pub const RSA: u8 = 1;
    pub const RSA_SIGNING: u8 = 3;
    pub const DSA: u8 = 17;
    pub const ECDSA: u8 = 19;
    pub const EDDSA: u8 = 22;
    pub const ED25519: u8 = 27;
}

/// Kinds of subpackets (5.2.3.7).
mod subpacket {
    pub const CREATED: u8 = 2;
    pub const EXPIRES: u8 = 3;
    pub const KEY_EXPIRES: u8 = 9;
    pub const ISSUER: u8 = 16;
    pub const FLAGS: u8 = 27;
    pub const EMBEDDED: u8 = 32;
    pub const FINGERPRINT: u8 = 33;
}

/// Why there is no signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    Damaged,
    /// It is of another version.
    Version(u8),
}

/// A signature, and the one in it that a subkey made in return.
#[inline(never)]
pub(super) fn read(body: &[u8]) -> Result<(Signature, Option<Signature>), Unread> {
    let version = *body.first().ok_or(Unread::Damaged)?;
    let mut embedded = None;
    let read = match version {
        2 | 3 => old(version, body),
        4 => current(body, &mut embedded),
        _ => return Err(Unread::Version(version)),
    };
    let signature = read.ok_or(Unread::Damaged)?;
    // Signatures within that one are passed over: the depth is bounded.
    let agreement = match embedded {
        Some([4, ..]) => embedded.and_then(|body| current(body, &mut None)),
        _ => None,
    };
    Ok((signature, agreement))
}

fn empty(version: u8, kind: u8) -> Signature {
    Signature {
        version,
        kind,
        key_algorithm: 0,
        hash_algorithm: 0,
        trailer: Vec::new(),
        hash_start: 0,
        integers: Vec::new(),
        created: None,
        expires: None,
        key_expires: None,
        key_flags: None,
        key_ids: Vec::new(),
        fingerprints: Vec::new(),
        unknown_condition: None,
    }
}

/// Versions 2 and 3 (RFC 4880, 5.2.2).
fn old(version: u8, body: &[u8]) -> Option<Signature> {
    let mut bytes = Bytes(&body[1..]);
    if bytes.byte()? != 5 {
        return None;
    }
    let trailer = bytes.take(5)?;
    let mut signature = empty(version, trailer[0]);
    signature.trailer = trailer.to_vec();
    signature.created = Bytes(&trailer[1..]).number(4);
    signature.key_ids.push(key_id(&mut bytes)?);
    (signature.key_algorithm, signature.hash_algorithm) = (bytes.byte()?, bytes.byte()?);
    made(&mut signature, bytes)?;
    Some(signature)
}

/// Version 4 (5.2.3), and what a subpacket embeds.
fn current<'a>(body: &'a [u8], embedded: &mut Option<&'a [u8]>) -> Option<Signature> {
    let mut bytes = Bytes(&body[1..]);
    let mut signature = empty(4, bytes.byte()?);
    (signature.key_algorithm, signature.hash_algorithm) = (bytes.byte()?, bytes.byte()?);
    let length = bytes.size(2)?;
    let hashed = bytes.take(length)?;
    let trailer = &body[..6 + length];
    signature.trailer = [trailer, &[4, 0xff], &u32::try_from(6 + length).ok()?.to_be_bytes()].concat();
    subpackets(&mut signature, hashed, true, embedded)?;
    let length = bytes.size(2)?;
    subpackets(&mut signature, bytes.take(length)?, false, embedded)?;
    made(&mut signature, bytes)?;
    Some(signature)
}

/// The hash's first bytes, and what the algorithm came to, up to the end.
#[inline(never)]
fn made(signature: &mut Signature, mut bytes: Bytes<'_>) -> Option<()> {
    signature.hash_start = u16::try_from(bytes.number(2)?).ok()?;
    let integers = match signature.key_algorithm {
        algorithm::RSA | algorithm::RSA_SIGNING => 1,
        algorithm::DSA | algorithm::ECDSA | algorithm::EDDSA => 2,
        algorithm::ED25519 => {
            signature.integers.push(bytes.take(64)?.to_vec());
            0
        }
        // What nobody knows here.
        _ => return Some(()),
    };
    for _ in 0..integers {
        signature.integers.push(bytes.integer()?);
    }
    bytes.0.is_empty().then_some(())
}

/// Subpackets. Who made a signature, and what a subkey says to it, nobody has to vouch for: where that is wrong
/// a signature does not verify. All else counts where it is hashed.
#[inline(never)]
fn subpackets<'a>(
    signature: &mut Signature,
    bytes: &'a [u8],
    hashed: bool,
    embedded: &mut Option<&'a [u8]>,
) -> Option<()> {
    let mut bytes = Bytes(bytes);
    while !bytes.0.is_empty() {
        let length = bytes.length(254)?;
        let mut body = Bytes(bytes.take(length)?);
        let first = body.byte()?;
        let (kind, critical) = (first & 0x7f, first & 0x80 != 0);
        // 0 is never, as if nothing were said.
        let mut seconds = || body.number(4).map(|seconds| Some(seconds).filter(|seconds| *seconds > 0));
        match (kind, hashed) {
            (subpacket::CREATED, true) => signature.created = Some(body.number(4)?),
            (subpacket::EXPIRES, true) => signature.expires = seconds()?,
            (subpacket::KEY_EXPIRES, true) => signature.key_expires = seconds()?,
            (subpacket::FLAGS, true) => signature.key_flags = Some(body.byte().unwrap_or_default()),
            (subpacket::ISSUER, _) => signature.key_ids.push(key_id(&mut body)?),
            (subpacket::FINGERPRINT, _) if body.0.first() == Some(&4) => {
                signature.fingerprints.push(body.take(21)?[1..].to_vec());
            }
            (subpacket::EMBEDDED, _) => *embedded = Some(body.0),
            // What else RFC 4880 has, but for notations (20): nothing here depends on it.
            (4..=7 | 10..=12 | 21..=31 | 33..=34, _) => {}
            _ if critical && hashed => signature.unknown_condition = Some(kind),
            _ => {}
        }
    }
    Some(())
}

#[inline(never)]
fn key_id(bytes: &mut Bytes<'_>) -> Option<u64> {
    Some(u64::from(bytes.number(4)?) << 32 | u64::from(bytes.number(4)?))
}
