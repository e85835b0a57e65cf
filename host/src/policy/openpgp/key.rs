//! Keys with what they and their owners say of them, and which of it counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::invalid;
use super::verify::{self, Verified, verify};
use crate::policy::BadSignature;
use crate::types::openpgp::{self, Binding, Signature, User};

/// Kinds of signatures (RFC 9580, 5.2.1).
const CERTIFICATIONS: std::ops::RangeInclusive<u8> = 0x10..=0x13;
const SUBKEY_BINDING: u8 = 0x18;
const PRIMARY_KEY_BINDING: u8 = 0x19;
const DIRECT: u8 = 0x1f;
const KEY_REVOCATION: u8 = 0x20;
const SUBKEY_REVOCATION: u8 = 0x28;
const CERTIFICATION_REVOCATION: u8 = 0x30;

/// What a key may be used for (5.2.3.29).
const SIGNS: u8 = 2;

/// A public key or a subkey.
pub(super) struct PublicKey {
    pub(super) read: openpgp::PublicKey,
    /// Of version 4; else empty.
    fingerprint: Vec<u8>,
}

/// A primary key, and what follows it.
pub(super) struct Key {
    pub(super) primary: PublicKey,
    signatures: Vec<Signature>,
    users: Vec<User>,
    pub(super) subkeys: Vec<Subkey>,
}

pub(super) struct Subkey {
    pub(super) key: PublicKey,
    bindings: Vec<Binding>,
}

impl PublicKey {
    fn new(read: openpgp::PublicKey) -> PublicKey {
        let fingerprint = match read.version {
            4 => digest(&SHA1_FOR_LEGACY_USE_ONLY, &read.hashed).as_ref().to_vec(),
            _ => Vec::new(),
        };
        PublicKey { read, fingerprint }
    }

    /// In hexadecimal digits.
    pub(super) fn shown(&self) -> String {
        hex(&self.fingerprint)
    }

    /// Whether a signature says it is this key's: by the fingerprint, where it has one.
    pub(super) fn made(&self, signature: &Signature) -> bool {
        let Some((_, id)) = self.fingerprint.split_last_chunk::<8>() else { return false };
        match &signature.fingerprints[..] {
            [] => signature.key_ids.contains(&u64::from_be_bytes(*id)),
            fingerprints => fingerprints.contains(&self.fingerprint),
        }
    }
}

/// What is said of a key: until when it counts, and what for.
#[derive(Default)]
struct Said {
    expires: Option<u32>,
    flags: Option<u8>,
}

impl Key {
    pub(super) fn new(read: openpgp::Key) -> Key {
        let subkey =
            |read: openpgp::Subkey| Subkey { key: PublicKey::new(read.key), bindings: read.bindings };
        Key {
            primary: PublicKey::new(read.primary),
            signatures: read.signatures,
            users: read.users,
            subkeys: read.subkeys.into_iter().map(subkey).collect(),
        }
    }

    /// Why this key can sign nothing, whenever it is asked. `None`: it can.
    pub(super) fn unusable(&self) -> Option<String> {
        let (key, name) = (&self.primary, self.primary.shown());
        if key.read.version != 4 {
            return Some(format!(
                "wanted a public key of version 4, found one of version {}",
                key.read.version
            ));
        }
        if let Some(what) = verify::unsupported(&key.read) {
            return Some(format!("the key `{name}`: {what} is not supported"));
        }
        let direct =
            self.signatures.iter().filter(|found| found.kind == DIRECT).map(|found| (found, &[][..]));
        let users = self.users.iter().flat_map(|user| {
            let own = user.signatures.iter().filter(|found| CERTIFICATIONS.contains(&found.kind));
            own.map(|found| (found, &user.hashed[..]))
        });
        let mut reason = format!("the key `{name}` is not signed by itself");
        for (signature, about) in direct.chain(users) {
            match self.says(signature, about) {
                Verified::Yes => return None,
                Verified::No => {}
                Verified::Unsupported(what) => {
                    reason =
                        format!("the key `{name}` is signed by itself with {what}, which is not supported");
                }
            }
        }
        Some(reason)
    }

    /// Whether the primary key signed this about itself and what is given.
    fn says(&self, signature: &Signature, about: &[u8]) -> Verified {
        if !self.primary.made(signature) || signature.unknown_condition.is_some() {
            return Verified::No;
        }
        verify(&self.primary, signature, &[&self.primary.read.hashed, about].concat())
    }

    /// Whether the primary key took this back. Where that cannot be told it did.
    fn takes_back(&self, signature: &Signature, about: &[u8]) -> bool {
        self.primary.made(signature)
            && verify(&self.primary, signature, &[&self.primary.read.hashed, about].concat()) != Verified::No
    }

    /// What was said last by the primary key, of what still counts, and is not taken back at that time or later.
    fn last<'a>(
        &self,
        signatures: impl Iterator<Item = &'a Signature> + Clone,
        about: &[u8],
        kinds: std::ops::RangeInclusive<u8>,
        revocation: Option<u8>,
        now: SystemTime,
    ) -> Option<&'a Signature> {
        let counts = |found: &&Signature| {
            let created = found.created?;
            let counts = kinds.contains(&found.kind) && !ended(created, found.expires, now);
            (counts && self.says(found, about) == Verified::Yes).then_some(created)
        };
        let last = signatures.clone().filter(|found| counts(found).is_some());
        let last = last.max_by_key(|found| found.created)?;
        let taken_back = signatures
            .filter(|found| Some(found.kind) == revocation && found.created >= last.created)
            .any(|found| self.takes_back(found, about));
        (!taken_back).then_some(last)
    }

    /// What is said of the primary key, as GnuPG puts it together: by a signature about the key itself, and, what that
    /// does not say, by the last one about a user that does. `None`: there is neither.
    fn said(&self, now: SystemTime) -> Option<Said> {
        let direct = self.last(self.signatures.iter(), &[], DIRECT..=DIRECT, None, now);
        let users = self.users.iter().filter_map(|user| {
            let revocation = Some(CERTIFICATION_REVOCATION);
            self.last(user.signatures.iter(), &user.hashed, CERTIFICATIONS, revocation, now)
        });
        let mut users: Vec<&Signature> = users.collect();
        users.sort_by_key(|found| std::cmp::Reverse(found.created));
        if direct.is_none() && users.is_empty() {
            return None;
        }
        let mut all = direct.into_iter().chain(users);
        Some(Said {
            expires: all.clone().find_map(|found| found.key_expires),
            flags: all.find_map(|found| found.key_flags),
        })
    }

    /// Whether the primary key counts today, and, where it is to have signed something, may sign.
    pub(super) fn check(&self, signed: Option<&Signature>, now: SystemTime) -> Result<(), BadSignature> {
        let mut revocations = self.signatures.iter().filter(|found| found.kind == KEY_REVOCATION);
        let said = self.said(now);
        let state = State {
            key: &self.primary,
            revoked: revocations.any(|found| self.takes_back(found, &[])),
            // Where nothing is said a primary key signs.
            signs: said.as_ref().is_some_and(|said| said.flags.is_none_or(|flags| flags & SIGNS != 0)),
            said,
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
        let about = &subkey.key.read.hashed;
        let signatures = subkey.bindings.iter().map(|binding| &binding.signature);
        let mut revocations = signatures.clone().filter(|found| found.kind == SUBKEY_REVOCATION);
        let revoked = revocations.any(|found| self.takes_back(found, about));
        let last = self.last(signatures, about, SUBKEY_BINDING..=SUBKEY_BINDING, None, now);
        // The subkey has to have agreed to sign for this key.
        let agreed = |last: &Signature| {
            let binding =
                subkey.bindings.iter().find(|binding| std::ptr::eq(&raw const binding.signature, last));
            let Some(agreement) = binding.and_then(|binding| binding.agreement.as_ref()) else {
                return false;
            };
            let both = [&self.primary.read.hashed[..], about].concat();
            agreement.kind == PRIMARY_KEY_BINDING && verify(&subkey.key, agreement, &both) == Verified::Yes
        };
        let state = State {
            key: &subkey.key,
            revoked,
            signs: last
                .is_some_and(|last| last.key_flags.is_some_and(|flags| flags & SIGNS != 0) && agreed(last)),
            said: last.map(|last| Said { expires: last.key_expires, flags: last.key_flags }),
        };
        state.check(Some(signed), now)
    }
}

/// What is known of a key.
struct State<'a> {
    key: &'a PublicKey,
    /// By itself or its primary key.
    said: Option<Said>,
    revoked: bool,
    signs: bool,
}

impl State<'_> {
    fn check(&self, signed: Option<&Signature>, now: SystemTime) -> Result<(), BadSignature> {
        let (created, name) = (self.key.read.created, self.key.shown());
        if self.revoked {
            return Err(invalid(format!("the key `{name}` is revoked")));
        }
        let Some(said) = &self.said else {
            return Err(invalid(format!("the key `{name}` is not signed by itself or its primary key")));
        };
        if time(created) > now {
            return Err(invalid(format!("the key `{name}` is from the future")));
        }
        if ended(created, said.expires, now) {
            return Err(invalid(format!("the key `{name}` has expired")));
        }
        let Some(signed) = signed else { return Ok(()) };
        if !self.signs {
            return Err(invalid(format!("the key `{name}` is not one for signing")));
        }
        if signed.created < Some(created) {
            return Err(invalid(format!("it is older than the key `{name}` that made it")));
        }
        Ok(())
    }
}

fn time(seconds: u32) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::from(seconds))
}

/// Whether so many seconds after `from` have gone by.
pub(super) fn ended(from: u32, seconds: Option<u32>, now: SystemTime) -> bool {
    seconds.is_some_and(|seconds| time(from) + Duration::from_secs(u64::from(seconds)) < now)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
