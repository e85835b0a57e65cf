//! Content digests (opencontainers/go-digest).

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::wit::exports::consign::image::digests::Algorithm;

/// The digest of these bytes, as `algorithm:hex`.
pub fn compute(algorithm: Algorithm, bytes: &[u8]) -> String {
    match algorithm {
        Algorithm::Sha256 => written("sha256", &Sha256::digest(bytes)),
        Algorithm::Sha384 => written("sha384", &Sha384::digest(bytes)),
        Algorithm::Sha512 => written("sha512", &Sha512::digest(bytes)),
    }
}

fn written(algorithm: &str, bytes: &[u8]) -> String {
    let mut text = String::with_capacity(algorithm.len() + 1 + bytes.len() * 2);
    text.push_str(algorithm);
    text.push(':');
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}
