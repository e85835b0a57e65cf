//! Public keys, and what belongs to each (RFC 9580, 5.5.2 and 10.1).

use super::armor;
use super::packet::{self, Bytes, Packet, tag};
use super::signature::{self, Unread, algorithm};
use super::{LIMIT, wrong};
use crate::prelude::*;
use crate::wit::exports::consign::image::openpgp::{Binding, Key, PublicKey, Signature, Subkey, User};
use crate::wit::exports::consign::image::registries::AnswerError;

/// Kinds of signatures that take something back: a key, a subkey, a certification (5.2.1).
const REVOCATIONS: [u8; 3] = [0x20, 0x28, 0x30];

/// What signatures that follow are about.
#[derive(Clone, Copy)]
enum About {
    Key,
    User,
    Subkey,
}

/// Reads a file of public keys, armored or not.
pub fn read_keys(bytes: &[u8]) -> Result<Vec<Key>, AnswerError> {
    if bytes.len() > LIMIT {
        return Err(wrong(LIMIT, "wanted at most 4 MiB"));
    }
    let mut keys = Vec::new();
    match armor::blocks(bytes)? {
        None => {
            add_keys(bytes, packet::MAX_PACKETS, &mut keys)?;
        }
        Some(blocks) => {
            let mut left = packet::MAX_PACKETS;
            for block in &blocks {
                let read = add_keys(&block.packets, left, &mut keys);
                left -= read.map_err(|error| wrong(block.offset, &error.reason))?;
            }
        }
    }
    match keys.is_empty() {
        true => Err(wrong(bytes.len(), "wanted a public key, found the end")),
        false => Ok(keys),
    }
}

/// Adds the keys of one block of at most so many packets, each with what follows it; says how many there were.
fn add_keys(bytes: &[u8], most: usize, keys: &mut Vec<Key>) -> Result<usize, AnswerError> {
    let (packets, count) = packet::packets(bytes, most)?;
    let start = keys.len();
    let mut about = About::Key;
    for Packet { offset, tag, body } in &packets {
        let read = || public_key(body).ok_or_else(|| wrong(*offset, "wanted a key, found a damaged one"));
        match *tag {
            tag::SECRET_KEY => return Err(wrong(*offset, "wanted a public key, found a secret one")),
            tag::PUBLIC_KEY => {
                let key = Key { primary: read()?, signatures: vec![], users: vec![], subkeys: vec![] };
                keys.push(key);
                about = About::Key;
                continue;
            }
            _ => {}
        }
        let Some(key) = keys[start..].last_mut() else {
            return Err(wrong(*offset, "wanted a public key, found something else of OpenPGP"));
        };
        match *tag {
            tag::USER_ID | tag::USER_ATTRIBUTE => {
                let first: u8 = if *tag == tag::USER_ID { 0xb4 } else { 0xd1 };
                let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
                key.users.push(User { hashed: [&[first][..], &length, body].concat(), signatures: vec![] });
                about = About::User;
            }
            tag::PUBLIC_SUBKEY => {
                key.subkeys.push(Subkey { key: read()?, bindings: Vec::new() });
                about = About::Subkey;
            }
            tag::SIGNATURE => match signature::read(body) {
                Ok(found) => add(key, about, found),
                // The key counts, or does not, without it; but not as if it had not been taken back.
                Err(Unread::Damaged) if body.get(1).is_some_and(|kind| REVOCATIONS.contains(kind)) => {
                    return Err(wrong(*offset, "wanted a revocation, found a damaged one"));
                }
                Err(Unread::Damaged | Unread::Version(_)) => {}
            },
            // Trust packets of keyrings, and what others add.
            _ => {}
        }
    }
    Ok(count)
}

fn add(key: &mut Key, about: About, (signature, agreement): (Signature, Option<Signature>)) {
    match (about, key.users.last_mut(), key.subkeys.last_mut()) {
        (About::User, Some(user), _) => user.signatures.push(signature),
        (About::Subkey, _, Some(subkey)) => subkey.bindings.push(Binding { signature, agreement }),
        _ => key.signatures.push(signature),
    }
}

/// A public key. `None`: it is damaged.
fn public_key(body: &[u8]) -> Option<PublicKey> {
    let mut bytes = Bytes(body);
    let version = bytes.byte()?;
    let mut key =
        PublicKey { version, created: 0, algorithm: 0, curve: vec![], integers: vec![], hashed: vec![] };
    if version != 4 {
        return Some(key);
    }
    (key.created, key.algorithm) = (bytes.number(4)?, bytes.byte()?);
    let integers = match key.algorithm {
        algorithm::RSA | algorithm::RSA_SIGNING => 2,
        algorithm::DSA => 4,
        algorithm::ECDSA | algorithm::EDDSA => {
            let length = bytes.byte()?;
            key.curve = bytes.take(usize::from(length))?.to_vec();
            1
        }
        algorithm::ED25519 => {
            key.integers.push(bytes.take(32)?.to_vec());
            0
        }
        _ => 0,
    };
    for _ in 0..integers {
        key.integers.push(bytes.integer()?);
    }
    let length = u16::try_from(body.len()).ok()?.to_be_bytes();
    key.hashed = [&[0x99][..], &length, body].concat();
    Some(key)
}
