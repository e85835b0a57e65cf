//! Keys with what they and their owners say of them, and which of it counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::invalid;
use super::packet::{self, PublicKey, Signature};
use super::verify::{Verified, verify};
use crate::policy::BadSignature;

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// Kinds of signatures (RFC 4880, 5.2.1).
const CERTIFICATIONS: std::ops::RangeInclusive<u8> = 0x10..=0x13;
const SUBKEY_BINDING: u8 = 0x18;
const PRIMARY_KEY_BINDING: u8 = 0x19;
const DIRECT: u8 = 0x1f;
const KEY_REVOCATION: u8 = 0x20;
const SUBKEY_REVOCATION: u8 = 0x28;
const CERTIFICATION_REVOCATION: u8 = 0x30;

/// What a key may be used for (5.2.3.21).
const SIGNS: u8 = 2;

/// A primary key, and what follows it.
pub(super) struct Key {
    pub(super) primary: PublicKey,
    /// About the key itself.
    signatures: Vec<Signature>,
    /// What is hashed of each user ID and user attribute, and what is signed about it.
    users: Vec<(Vec<u8>, Vec<Signature>)>,
    pub(super) subkeys: Vec<Subkey>,
}

pub(super) struct Subkey {
    pub(super) key: PublicKey,
    signatures: Vec<Signature>,
}

/// What signatures are about that follow.
enum About {
    Key,
    User,
    Subkey,
    /// Something that is passed over.
    Other,
}

/// The keys of a file, armored or not, that a signature of their own says something of. What cannot be read ends
/// a block.
pub(super) fn read(bytes: &[u8]) -> Vec<Key> {
    let blocks = match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(BEGIN) => text.split(BEGIN).skip(1).filter_map(unarmored).collect(),
        _ => vec![bytes.to_vec()],
    };
    let keys = blocks.iter().filter_map(|block| packet::packets(block)).flat_map(keys);
    keys.filter(|key| key.own().next().is_some()).collect()
}

/// The bytes of a block, from after its first line on (RFC 4880, 6.2). The checksum, which is there against
/// accidents, is left out.
fn unarmored(block: &str) -> Option<Vec<u8>> {
    let (block, _) = block.split_once(END)?;
    let lines = block.lines().map(str::trim).skip(1);
    // Headers, up to an empty line.
    let lines = lines.skip_while(|line| line.contains(": ") || line.is_empty());
    let digits: String = lines.take_while(|line| !line.starts_with('=')).collect();
    BASE64_STANDARD.decode(digits).ok()
}

fn keys(packets: Vec<(u8, Vec<u8>)>) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    // Whether what follows belongs to the last of them, and to what of it.
    let (mut readable, mut about) = (false, About::Key);
    for (tag, body) in packets {
        if tag == packet::PUBLIC_KEY {
            let primary = PublicKey::read(&body);
            (readable, about) = (primary.is_some(), About::Key);
            let key = |primary| Key { primary, signatures: vec![], users: vec![], subkeys: vec![] };
            keys.extend(primary.map(key));
            continue;
        }
        let Some(key) = keys.last_mut().filter(|_| readable) else { continue };
        match tag {
            packet::USER_ID | packet::USER_ATTRIBUTE => {
                let first: u8 = if tag == packet::USER_ID { 0xb4 } else { 0xd1 };
                let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
                key.users.push(([&[first][..], &length.to_be_bytes(), &body].concat(), Vec::new()));
                about = About::User;
            }
            packet::PUBLIC_SUBKEY => match PublicKey::read(&body) {
                Some(subkey) => {
                    key.subkeys.push(Subkey { key: subkey, signatures: Vec::new() });
                    about = About::Subkey;
                }
                None => about = About::Other,
            },
            packet::SIGNATURE => {
                let signatures = match about {
                    About::Key => Some(&mut key.signatures),
                    About::User => key.users.last_mut().map(|(_, signatures)| signatures),
                    About::Subkey => key.subkeys.last_mut().map(|subkey| &mut subkey.signatures),
                    About::Other => None,
                };
                if let (Some(signatures), Some(signature)) = (signatures, Signature::read(&body)) {
                    signatures.push(signature);
                }
            }
            _ => {}
        }
    }
    keys
}

impl Key {
    /// Whether the primary key signed this about itself and what is given.
    fn says(&self, signature: &Signature, about: &[u8]) -> bool {
        let Some(hashed) = self.primary.hashed() else { return false };
        self.primary.made(signature)
            && !signature.has_unknown_conditions
            && verify(&self.primary, signature, &[&hashed, about].concat()) == Verified::Yes
    }

    /// The primary key's own signatures about itself and its users, but for those that are taken back.
    fn own(&self) -> impl Iterator<Item = &Signature> {
        let direct = self.signatures.iter().filter(|found| found.kind == DIRECT && self.says(found, &[]));
        let users = self.users.iter().flat_map(move |(about, signatures)| {
            let of = |revocation: bool| {
                signatures.iter().filter(move |found| {
                    let kind = found.kind;
                    if revocation { kind == CERTIFICATION_REVOCATION } else { CERTIFICATIONS.contains(&kind) }
                })
            };
            let revoked = latest(of(true).filter(|found| self.says(found, about)));
            let revoked = revoked.and_then(|revoked| revoked.created);
            of(false).filter(move |found| found.created >= revoked && self.says(found, about))
        });
        direct.chain(users)
    }

    /// Whether the primary key counts today, and, where it is to have signed something, may sign.
    pub(super) fn check(&self, signed: Option<&Signature>, now: SystemTime) -> Result<(), BadSignature> {
        let binding = latest(self.own());
        let mut revocations = self.signatures.iter().filter(|found| found.kind == KEY_REVOCATION);
        let state = State {
            key: &self.primary,
            binding,
            revoked: revocations.any(|found| self.says(found, &[])),
            // Where nothing is said a primary key signs.
            signs: binding.is_some_and(|binding| binding.flags.is_none_or(|flags| flags & SIGNS != 0)),
        };
        state.check(signed, now)
    }

    /// Whether a subkey counts today and may sign this.
    pub(super) fn check_subkey(
        &self,
        subkey: &Subkey,
        signed: &Signature,
        now: SystemTime,
    ) -> Result<(), BadSignature> {
        self.check(None, now)?;
        let about = subkey.key.hashed().unwrap_or_default();
        let of = |kind: u8| {
            let all = subkey.signatures.iter().filter(move |found| found.kind == kind);
            all.filter(|found| self.says(found, &about))
        };
        let binding = latest(of(SUBKEY_BINDING));
        // The subkey has to have agreed to sign for this key.
        let agreed = |binding: &Signature| {
            let Some(agreement) = &binding.embedded else { return false };
            let Some(primary) = self.primary.hashed() else { return false };
            agreement.kind == PRIMARY_KEY_BINDING
                && verify(&subkey.key, agreement, &[&primary[..], &about].concat()) == Verified::Yes
        };
        let state = State {
            key: &subkey.key,
            binding,
            revoked: of(SUBKEY_REVOCATION).next().is_some(),
            signs: binding.is_some_and(|binding| {
                binding.flags.is_some_and(|flags| flags & SIGNS != 0) && agreed(binding)
            }),
        };
        state.check(Some(signed), now)
    }
}

fn latest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| signature.created)
}

/// What is known of a key.
struct State<'a> {
    key: &'a PublicKey,
    /// What was said of it last by itself or its primary key.
    binding: Option<&'a Signature>,
    revoked: bool,
    signs: bool,
}

impl State<'_> {
    fn check(&self, signed: Option<&Signature>, now: SystemTime) -> Result<(), BadSignature> {
        let (key, name) = (self.key, self.key.shown());
        let Some(binding) = self.binding else {
            return Err(invalid(format!("the key `{name}` is not signed by itself or its primary key")));
        };
        if self.revoked {
            return Err(invalid(format!("the key `{name}` is revoked")));
        }
        if time(key.created) > now {
            return Err(invalid(format!("the key `{name}` is from the future")));
        }
        if ended(key.created, binding.key_expires, now) {
            return Err(invalid(format!("the key `{name}` has expired")));
        }
        let Some(signed) = signed else { return Ok(()) };
        if !self.signs {
            return Err(invalid(format!("the key `{name}` is not one for signing")));
        }
        if signed.created < Some(key.created) {
            return Err(invalid(format!("it is older than the key `{name}` that made it")));
        }
        Ok(())
    }
}

fn time(seconds: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::from(seconds))
}

/// Whether so many seconds after `from` have gone by; 0 is never.
pub(super) fn ended(from: u32, seconds: u32, now: SystemTime) -> bool {
    seconds != 0 && time(from) + Duration::from_secs(u64::from(seconds)) < now
}
