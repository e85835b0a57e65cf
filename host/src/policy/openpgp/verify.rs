//! Whether a key made a signature: RSA, ECDSA and Ed25519, by ring.

use std::borrow::Cow;

use ring::digest::{SHA256, SHA384, SHA512, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ED25519,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use super::key::PublicKey;
use crate::types::openpgp::{self, Signature};

/// Hash algorithms (RFC 9580, 9.5).
pub(super) const SHA_1: u8 = 2;
const SHA_256: u8 = 8;
const SHA_384: u8 = 9;
const SHA_512: u8 = 10;

/// Public-key algorithms (RFC 9580, 9.1).
const RSA: u8 = 1;
const RSA_SIGNING: u8 = 3;
const ECDSA: u8 = 19;
const EDDSA: u8 = 22;
const ED25519_NATIVE: u8 = 27;

/// Curves (9.2).
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const EDWARDS: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verified {
    Yes,
    No,
    /// The algorithms, which are not supported.
    Unsupported(String),
}

/// What a key is for, where no signature by such keys can be verified.
pub(super) fn unsupported(key: &openpgp::PublicKey) -> Option<String> {
    match (key.algorithm, &key.curve[..], &key.integers[..]) {
        (RSA | RSA_SIGNING, _, [n, _]) if !(2041..=8192).contains(&bits(n)) => {
            Some(format!("RSA with {} bits (2,048 to 8,192 are)", bits(n)))
        }
        (RSA | RSA_SIGNING | ED25519_NATIVE, _, _) | (ECDSA, P256 | P384, _) | (EDDSA, EDWARDS, _) => None,
        (ECDSA, P521, _) => Some("ECDSA with the curve P-521".to_owned()),
        (ECDSA, curve, _) => Some(format!("ECDSA with the curve `{}`", super::key::hex(curve))),
        (EDDSA, curve, _) => Some(format!("EdDSA with the curve `{}`", super::key::hex(curve))),
        (other, ..) => Some(algorithm(other).into_owned()),
    }
}

/// The bits of an integer.
fn bits(integer: &[u8]) -> usize {
    let whole = integer.iter().position(|byte| *byte != 0).map_or(&[][..], |start| &integer[start..]);
    whole.first().map_or(0, |first| whole.len() * 8 - first.leading_zeros() as usize)
}

fn algorithm(number: u8) -> Cow<'static, str> {
    match number {
        2 => "RSA for encryption".into(),
        16 | 20 => "Elgamal".into(),
        17 => "DSA".into(),
        18 => "ECDH".into(),
        25 => "X25519".into(),
        26 => "X448".into(),
        28 => "Ed448".into(),
        other => format!("the algorithm {other}").into(),
    }
}

fn hash(number: u8) -> Cow<'static, str> {
    match number {
        1 => "MD5".into(),
        2 => "SHA-1".into(),
        3 => "RIPEMD-160".into(),
        SHA_256 => "SHA-256".into(),
        SHA_384 => "SHA-384".into(),
        SHA_512 => "SHA-512".into(),
        11 => "SHA-224".into(),
        12 => "SHA3-256".into(),
        14 => "SHA3-512".into(),
        other => format!("the hash {other}").into(),
    }
}

/// Whether `key` made `signature` over these bytes, the signature's own included.
pub(super) fn verify(key: &PublicKey, signature: &Signature, signed: &[u8]) -> Verified {
    let key = &key.read;
    if let Some(what) = unsupported(key) {
        return Verified::Unsupported(what);
    }
    let with = |algorithm: &str| {
        Verified::Unsupported(format!("{algorithm} with {}", hash(signature.hash_algorithm)))
    };
    if key.algorithm != signature.key_algorithm {
        return Verified::No;
    }
    let message = [signed, &signature.trailer].concat();
    let verified = match (key.algorithm, &key.integers[..], &signature.integers[..]) {
        (RSA | RSA_SIGNING, [n, e], [made]) => {
            let algorithm = match signature.hash_algorithm {
                SHA_1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                SHA_256 => &RSA_PKCS1_2048_8192_SHA256,
                SHA_384 => &RSA_PKCS1_2048_8192_SHA384,
                SHA_512 => &RSA_PKCS1_2048_8192_SHA512,
                _ => return with("RSA"),
            };
            let key = RsaPublicKeyComponents { n, e };
            padded(made, n.len()).is_some_and(|made| key.verify(algorithm, &message, &made).is_ok())
        }
        (ECDSA, [point], [r, s]) => {
            let algorithm: &dyn VerificationAlgorithm = match (&key.curve[..], signature.hash_algorithm) {
                (P256, SHA_256) => &ECDSA_P256_SHA256_ASN1,
                (P256, SHA_384) => &ECDSA_P256_SHA384_ASN1,
                (P384, SHA_256) => &ECDSA_P384_SHA256_ASN1,
                (P384, SHA_384) => &ECDSA_P384_SHA384_ASN1,
                (P256, _) => return with("ECDSA with P-256"),
                _ => return with("ECDSA with P-384"),
            };
            let made = sequence(r, s);
            made.is_some_and(|made| UnparsedPublicKey::new(algorithm, point).verify(&message, &made).is_ok())
        }
        (EDDSA, [point], [r, s]) => {
            let Some(hashed) = hashed(signature, &message) else { return with("EdDSA") };
            let made = padded(r, 32).zip(padded(s, 32)).map(|(r, s)| [r, s].concat());
            // Points are marked as such.
            let key = point.strip_prefix(&[0x40]).map(|point| UnparsedPublicKey::new(&ED25519, point));
            key.zip(made).is_some_and(|(key, made)| key.verify(&hashed, &made).is_ok())
        }
        (ED25519_NATIVE, [point], [made]) => {
            let Some(hashed) = hashed(signature, &message) else { return with("Ed25519") };
            UnparsedPublicKey::new(&ED25519, point).verify(&hashed, made).is_ok()
        }
        _ => false,
    };
    if verified { Verified::Yes } else { Verified::No }
}

fn hashed(signature: &Signature, message: &[u8]) -> Option<Vec<u8>> {
    let algorithm = match signature.hash_algorithm {
        SHA_256 => &SHA256,
        SHA_384 => &SHA384,
        SHA_512 => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, message).as_ref().to_vec())
}

/// An integer with the zeros that it is written without.
fn padded(integer: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; size.checked_sub(integer.len())?];
    bytes.extend_from_slice(integer);
    Some(bytes)
}

/// Two integers of a signature of ECDSA, as DER has them (RFC 3279, 2.2.3). `None`: they are too long.
fn sequence(r: &[u8], s: &[u8]) -> Option<Vec<u8>> {
    let mut both = Vec::new();
    for integer in [r, s] {
        // The first bit is the sign.
        let sign: &[u8] = if integer.first().is_some_and(|first| first & 0x80 == 0) { &[] } else { &[0] };
        let length = u8::try_from(sign.len() + integer.len()).ok()?;
        both.extend([&[2, length][..], sign, integer].concat());
    }
    let length = u8::try_from(both.len()).ok().filter(|length| *length < 0x80)?;
    Some([&[0x30, length][..], &both].concat())
}
