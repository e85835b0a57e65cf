//! Whether a key made a signature: RSA, ECDSA and Ed25519, by ring.

use ring::digest::{SHA256, SHA384, SHA512, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use super::packet::{PublicKey, Signature};

/// Hash algorithms (RFC 4880, 9.4).
pub(super) const SHA_1: u8 = 2;
const SHA_256: u8 = 8;
const SHA_384: u8 = 9;
const SHA_512: u8 = 10;

/// Public-key algorithms (RFC 4880, 9.1; RFC 6637; GnuPG's EdDSA).
const RSA: u8 = 1;
const RSA_SIGNING: u8 = 3;
const ECDSA: u8 = 19;
const EDDSA: u8 = 22;

const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const EDWARDS: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    Yes,
    No,
    /// The algorithms are not known here.
    Unknown,
}

/// Whether `key` made `signature` over these bytes, the signature's own included.
pub(super) fn verify(key: &PublicKey, signature: &Signature, signed: &[u8]) -> Verified {
    match checked(key, signature, signed) {
        Some(Some(true)) => Verified::Yes,
        Some(Some(false)) => Verified::No,
        Some(None) => Verified::Unknown,
        // Integers that are not there or too long.
        None => Verified::No,
    }
}

fn checked(key: &PublicKey, signature: &Signature, signed: &[u8]) -> Option<Option<bool>> {
    let mut message = signed.to_vec();
    message.extend_from_slice(&signature.trailer);
    let mut parameters = key.parameters();
    if key.algorithm != signature.algorithm {
        return Some(Some(false));
    }
    match key.algorithm {
        RSA | RSA_SIGNING => {
            let (n, e) = (parameters.integer()?, parameters.integer()?);
            let algorithm = match signature.hash {
                SHA_1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                SHA_256 => &RSA_PKCS1_2048_8192_SHA256,
                SHA_384 => &RSA_PKCS1_2048_8192_SHA384,
                SHA_512 => &RSA_PKCS1_2048_8192_SHA512,
                _ => return Some(None),
            };
            let bytes = padded(signature.integers.first()?, n.len())?;
            let key = RsaPublicKeyComponents { n, e };
            Some(Some(key.verify(algorithm, &message, &bytes).is_ok()))
        }
        ECDSA => {
            let curve = parameters.take(1)?[0];
            let curve = parameters.take(usize::from(curve))?;
            let (algorithm, size): (&dyn VerificationAlgorithm, usize) = match (curve, signature.hash) {
                (P256, SHA_256) => (&ECDSA_P256_SHA256_FIXED, 32),
                (P384, SHA_384) => (&ECDSA_P384_SHA384_FIXED, 48),
                _ => return Some(None),
            };
            let point = parameters.integer()?;
            let bytes = both(signature, size)?;
            Some(Some(UnparsedPublicKey::new(algorithm, point).verify(&message, &bytes).is_ok()))
        }
        EDDSA => {
            let curve = parameters.take(1)?[0];
            if parameters.take(usize::from(curve))? != EDWARDS {
                return Some(None);
            }
            let hash = match signature.hash {
                SHA_256 => &SHA256,
                SHA_384 => &SHA384,
                SHA_512 => &SHA512,
                _ => return Some(None),
            };
            let point = parameters.integer()?.strip_prefix(&[0x40])?;
            let bytes = both(signature, 32)?;
            let key = UnparsedPublicKey::new(&ED25519, point);
            Some(Some(key.verify(digest(hash, &message).as_ref(), &bytes).is_ok()))
        }
        _ => Some(None),
    }
}

/// Two integers of a signature, each of this size.
fn both(signature: &Signature, size: usize) -> Option<Vec<u8>> {
    let [first, second] = &signature.integers[..] else { return None };
    Some([padded(first, size)?, padded(second, size)?].concat())
}

/// An integer with the zeros that it is written without.
fn padded(integer: &[u8], size: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; size.checked_sub(integer.len())?];
    bytes.extend_from_slice(integer);
    Some(bytes)
}
