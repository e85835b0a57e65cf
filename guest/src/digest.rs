//! Content digests (opencontainers/go-digest 1.0.0).

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::prelude::*;
use crate::wit::exports::consign::image::digests::{Algorithm, DigestError, DigestParts, DigestProblem};

const ALGORITHMS: &str = "`sha256`, `sha384` or `sha512`";

/// The algorithm of that name.
fn algorithm(name: &str) -> Option<Algorithm> {
    match name {
        "sha256" => Some(Algorithm::Sha256),
        "sha384" => Some(Algorithm::Sha384),
        "sha512" => Some(Algorithm::Sha512),
        _ => None,
    }
}

/// How many hexadecimal digits the algorithm's digests have.
fn hex_len(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Sha256 => 64,
        Algorithm::Sha384 => 96,
        Algorithm::Sha512 => 128,
    }
}

/// The algorithm and the encoded part of a digest, without copying.
///
/// A known algorithm's digest is judged by its length first and its digits second; another algorithm's by
/// the general form first, so that nonsense is never called unsupported.
pub fn check(text: &str) -> Result<(Algorithm, &str), DigestError> {
    let Some((name, encoded)) = text.split_once(':') else {
        return Err(error(text.len(), DigestProblem::Format, "an algorithm, `:` and hexadecimal digits"));
    };
    if name.is_empty() {
        return Err(error(0, DigestProblem::Format, ALGORITHMS));
    }
    let start = name.len() + 1;
    if encoded.is_empty() {
        return Err(error(start, DigestProblem::Format, "hexadecimal digits"));
    }
    let Some(algorithm) = algorithm(name) else {
        return Err(match form(text) {
            Ok(()) => error(0, DigestProblem::Unsupported(name.to_owned()), ALGORITHMS),
            Err(at) => error(at, DigestProblem::Format, "`algorithm:encoded`"),
        });
    };
    let wanted = hex_len(algorithm);
    if encoded.len() != wanted {
        let problem = DigestProblem::Length((wanted as u32, saturating(encoded.len())));
        let offset = start + encoded.len().min(wanted);
        return Err(error(offset, problem, &format!("{wanted} hexadecimal digits")));
    }
    match encoded.bytes().position(|byte| !is_lower_hex(byte)) {
        None => Ok((algorithm, encoded)),
        Some(at) => Err(error(start + at, DigestProblem::Format, "a lower-case hexadecimal digit")),
    }
}

/// [`check`], with the encoded part as a string of its own.
pub fn parse(text: &str) -> Result<DigestParts, DigestError> {
    check(text).map(|(algorithm, encoded)| DigestParts { algorithm, encoded: encoded.to_owned() })
}

/// Whether the text has the form of a digest of any algorithm.
pub fn is_well_formed(text: &str) -> bool {
    form(text).is_ok()
}

/// Whether the byte is one of `0-9a-f`.
pub fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// `[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+`, or the byte offset where the text leaves it.
fn form(text: &str) -> Result<(), usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let start = at;
        while bytes.get(at).is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            at += 1;
        }
        if at == start {
            return Err(at);
        }
        match bytes.get(at) {
            Some(b'.' | b'+' | b'_' | b'-') => at += 1,
            Some(b':') => break,
            _ => return Err(at),
        }
    }
    let encoded = &bytes[at + 1..];
    let is_encoded = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-');
    match encoded.iter().position(|byte| !is_encoded(byte)) {
        None if !encoded.is_empty() => Ok(()),
        outside => Err(at + 1 + outside.unwrap_or(0)),
    }
}

fn error(offset: usize, problem: DigestProblem, expected: &str) -> DigestError {
    DigestError { offset: saturating(offset), problem, expected: expected.to_owned() }
}

/// A length as the interface has it. Texts beyond 4 GiB do not fit into the component's memory.
pub(crate) fn saturating(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> (u32, DigestProblem) {
        let error = parse(text).expect_err("not a digest");
        (error.offset, error.problem)
    }

    #[test]
    fn the_error_says_where() {
        assert_eq!(problem("sha256"), (6, DigestProblem::Format));
        assert_eq!(problem(":abc"), (0, DigestProblem::Format));
        assert_eq!(problem("sha256:"), (7, DigestProblem::Format));
        assert_eq!(problem("sha256:abc"), (10, DigestProblem::Length((64, 3))));
        assert_eq!(problem("md5:abc"), (0, DigestProblem::Unsupported("md5".into())));
        assert_eq!(problem("md5:a/c"), (5, DigestProblem::Format));
        let upper = format!("sha256:{}A{}", "0".repeat(10), "0".repeat(53));
        assert_eq!(problem(&upper), (17, DigestProblem::Format));
    }

    #[test]
    fn a_path_is_never_a_digest() {
        for text in ["sha256:../../etc/passwd", "sha256:/", "../sha256:00", "sha256:\0"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_computed_can_be_read() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            let digest = compute(algorithm, b"abc");
            assert_eq!(parse(&digest).map(|parts| parts.algorithm), Ok(algorithm));
            assert!(is_well_formed(&digest));
        }
    }
}
