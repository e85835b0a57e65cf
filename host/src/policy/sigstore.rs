//! Signatures of sigstore by keys: ECDSA, RSA (PKCS #1, version 1.5) and Ed25519 over SHA-256, as cosign makes them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};

/// A public key.
pub(super) struct PublicKey {
    algorithm: &'static dyn VerificationAlgorithm,
    /// As the algorithm has it.
    bytes: Vec<u8>,
}

/// Object identifiers (RFC 5480, RFC 8410, RFC 8017), without their tag and length.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const EDWARDS: &[u8] = &[0x2b, 0x65, 0x70];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const SEQUENCE: u8 = 0x30;
const IDENTIFIER: u8 = 0x06;
const BIT_STRING: u8 = 0x03;

impl PublicKey {
    /// The key of a PEM file: `PUBLIC KEY` or `RSA PUBLIC KEY`, the first that is there.
    pub(super) fn read(bytes: &[u8]) -> Result<PublicKey, String> {
        let (label, der) = pem(bytes).ok_or("wanted a public key in PEM, found none")?;
        match label {
            "PUBLIC KEY" => Self::of_any_kind(&der),
            "RSA PUBLIC KEY" => Ok(PublicKey { algorithm: &RSA_PKCS1_2048_8192_SHA256, bytes: der }),
            other => Err(format!("wanted `PUBLIC KEY`, found `{other}`")),
        }
    }

    /// A `SubjectPublicKeyInfo` (RFC 5280, 4.1).
    fn of_any_kind(der: &[u8]) -> Result<PublicKey, String> {
        let parts = || {
            let (info, rest) = element(der, SEQUENCE)?;
            let (algorithm, key) = element(info, SEQUENCE)?;
            let (kind, parameters) = element(algorithm, IDENTIFIER)?;
            let (bits, after) = element(key, BIT_STRING)?;
            // No bits of the last byte are unused.
            let (unused, bits) = bits.split_first()?;
            (rest.is_empty() && after.is_empty() && *unused == 0).then_some((kind, parameters, bits))
        };
        let (kind, parameters, bits) = parts().ok_or("wanted a public key, found something else")?;
        let algorithm: &'static dyn VerificationAlgorithm = match kind {
            EC => match element(parameters, IDENTIFIER) {
                Some((P256, _)) => &ECDSA_P256_SHA256_ASN1,
                Some((P384, _)) => &ECDSA_P384_SHA256_ASN1,
                _ => return Err("wanted a key of the curve P-256 or P-384, found one of another".to_owned()),
            },
            EDWARDS => &ED25519,
            RSA => &RSA_PKCS1_2048_8192_SHA256,
            _ => return Err("wanted a key for ECDSA, RSA or Ed25519, found another".to_owned()),
        };
        Ok(PublicKey { algorithm, bytes: bits.to_vec() })
    }

    /// Whether this key signed the payload.
    pub(super) fn verifies(&self, payload: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm, &self.bytes).verify(payload, signature).is_ok()
    }
}

/// The label and the content of the first block of a PEM file (RFC 7468).
fn pem(bytes: &[u8]) -> Option<(&str, Vec<u8>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (_, text) = text.split_once("-----BEGIN ")?;
    let (label, text) = text.split_once("-----")?;
    let (content, _) = text.split_once(&format!("-----END {label}-----"))?;
    let digits: String = content.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    Some((label, BASE64_STANDARD.decode(digits).ok()?))
}

/// The content of the element that comes first, which has to have this tag, and what follows it (X.690, DER).
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), rest.get(2..)?),
        _ => return None,
    };
    (*found == tag && length <= rest.len()).then(|| rest.split_at(length))
}
