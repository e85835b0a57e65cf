//! Signed messages of OpenPGP (RFC 9580), by the rules of GnuPG: a key that has expired or is revoked signs
//! nothing, whenever it did.
//!
//! The component reads messages and keys. Here compression is undone, bounded, and it is decided whose a signature is:
//! messages of one signature over one text, and keys of version 4. The mathematics are ring's.

mod key;
#[cfg(test)]
mod tests;
mod verify;

use std::io::Read;
use std::time::SystemTime;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use super::BadSignature;
use crate::sandbox::{Sandbox, SandboxError};
use crate::types::openpgp::{Compressed, Message, Signature};
use crate::types::registries::AnswerError;
use key::Key;
use verify::{SHA_1, Verified};

/// Bytes of a message that is no longer compressed.
const LIMIT: u64 = 4 << 20;

/// A signature over bytes as they are (5.2.1).
const BINARY: u8 = 0;

/// Public keys, each with its subkeys.
#[derive(Default)]
pub(super) struct Keyring(Vec<Key>);

type Checked<T> = Result<Result<T, BadSignature>, SandboxError>;

impl Keyring {
    /// Adds the keys of a file, armored or not. Where there is none that could sign it says why.
    pub(super) fn add(
        &mut self,
        bytes: &[u8],
        sandbox: &Sandbox,
    ) -> Result<Result<(), String>, SandboxError> {
        let keys = match sandbox.read_keys(bytes)? {
            Ok(keys) => keys,
            Err(problem) => return Ok(Err(reason(&problem))),
        };
        let keys: Vec<Key> = keys.into_iter().map(Key::new).collect();
        let unusable: Vec<String> = keys.iter().filter_map(Key::unusable).collect();
        if unusable.len() == keys.len() {
            let reason = unusable.into_iter().next();
            return Ok(Err(reason.unwrap_or_else(|| "wanted a public key, found none".to_owned())));
        }
        self.0.extend(keys);
        Ok(Ok(()))
    }

    /// What a message signs, if one of these keys signed it and may.
    pub(super) fn verify(&self, message: &[u8], now: SystemTime, sandbox: &Sandbox) -> Checked<Vec<u8>> {
        match read(message, sandbox)? {
            Ok((text, signature)) => Ok(self.check(&text, &signature, now).map(|()| text)),
            Err(reason) => Ok(Err(reason)),
        }
    }

    fn check(&self, text: &[u8], signature: &Signature, now: SystemTime) -> Result<(), BadSignature> {
        check(signature, now)?;
        let mut outcome = None;
        for key in &self.0 {
            let subkeys = key.subkeys.iter().map(|subkey| (&subkey.key, Some(subkey)));
            for (public, subkey) in std::iter::once((&key.primary, None)).chain(subkeys) {
                if !public.made(signature) {
                    continue;
                }
                match verify::verify(public, signature, text) {
                    Verified::Yes => {
                        return match subkey {
                            None => key.check(Some(signature), now),
                            Some(subkey) => key.check_subkey(subkey, signature, now),
                        };
                    }
                    verified => outcome = Some((verified, public.shown())),
                }
            }
        }
        Err(match outcome {
            Some((Verified::Unsupported(what), key)) => {
                invalid(format!("the key `{key}`: {what} is not supported"))
            }
            Some((_, key)) => invalid(format!("it says it is made by the key `{key}`, and is not")),
            None => invalid(format!("it is made by a key that is not trusted: {}", maker(signature))),
        })
    }
}

fn invalid(reason: impl Into<String>) -> BadSignature {
    BadSignature::Invalid(reason.into())
}

fn reason(problem: &AnswerError) -> String {
    format!("byte {}: {}", problem.offset, problem.reason)
}

fn maker(signature: &Signature) -> String {
    match (&signature.fingerprints[..], &signature.key_ids[..]) {
        ([fingerprint, ..], _) => format!("`{}`", key::hex(fingerprint)),
        (_, [id, ..]) => format!("`{id:016x}`"),
        _ => "it does not say which".to_owned(),
    }
}

/// What a message signs, and the signature.
fn read(message: &[u8], sandbox: &Sandbox) -> Checked<(Vec<u8>, Signature)> {
    let mut read = sandbox.read_message(message)?;
    if let Ok(Message::Compressed(compressed)) = &read {
        match undone(compressed) {
            Ok(message) => read = sandbox.read_message(&message)?,
            Err(reason) => return Ok(Err(reason)),
        }
    }
    let signed = match read {
        Ok(Message::Signed(signed)) => signed,
        Ok(Message::Compressed(_)) => return Ok(Err(invalid("it is compressed more than once"))),
        Err(problem) => return Ok(Err(invalid(reason(&problem)))),
    };
    // Of several it would have to be said which counts.
    let Ok([signature]) = <[Signature; 1]>::try_from(signed.signatures) else {
        return Ok(Err(invalid("wanted one signature over the text, found several")));
    };
    Ok(Ok((signed.text, signature)))
}

/// What a compressed message is.
fn undone(Compressed { algorithm, data }: &Compressed) -> Result<Vec<u8>, BadSignature> {
    let mut message = Vec::new();
    let data = &data[..];
    let read = match algorithm {
        0 => data.take(LIMIT + 1).read_to_end(&mut message),
        1 => DeflateDecoder::new(data).take(LIMIT + 1).read_to_end(&mut message),
        2 => ZlibDecoder::new(data).take(LIMIT + 1).read_to_end(&mut message),
        3 => return Err(invalid("it is compressed by bzip2, which is not supported")),
        other => return Err(invalid(format!("it is compressed by algorithm {other}, which nobody knows"))),
    };
    match read {
        Ok(read) if read as u64 > LIMIT => {
            Err(invalid(format!("wanted at most {LIMIT} bytes without compression, found more")))
        }
        Ok(_) => Ok(message),
        Err(_) => Err(invalid("it cannot be decompressed")),
    }
}

/// Whether a signature is one over a document, and counts today.
fn check(signature: &Signature, now: SystemTime) -> Result<(), BadSignature> {
    if signature.version != 4 {
        return Err(invalid(format!(
            "wanted a signature of version 4, found one of version {}",
            signature.version
        )));
    }
    if signature.kind != BINARY {
        return Err(invalid("wanted a signature over bytes as they are, found one over something else"));
    }
    if signature.hash_algorithm <= SHA_1 {
        return Err(invalid("it is made with MD5 or SHA-1, which can be made to mean something else"));
    }
    if let Some(kind) = signature.unknown_condition {
        return Err(invalid(format!("it has a condition that is not known here, of the kind {kind}")));
    }
    let created = signature.created.ok_or_else(|| invalid("it does not say when it was made"))?;
    match key::ended(created, signature.expires, now) {
        true => Err(invalid("it has expired")),
        false => Ok(()),
    }
}
