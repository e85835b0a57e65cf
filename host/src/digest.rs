//! Content digests: parsed once, then a type (image-spec, descriptor.md, "Digests").

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A registered digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, 64 hexadecimal digits.
    Sha256,
    /// SHA-384, 96 hexadecimal digits.
    Sha384,
    /// SHA-512, 128 hexadecimal digits.
    Sha512,
}

impl Algorithm {
    /// Every algorithm consign verifies.
    pub const ALL: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];

    /// The name in front of the colon.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits follow the colon.
    pub fn hex_len(self) -> usize {
        match self {
            Algorithm::Sha256 => 64,
            Algorithm::Sha384 => 96,
            Algorithm::Sha512 => 128,
        }
    }
}

/// A verified-in-form `algorithm:hex`: the algorithm is registered, the digits are lower case and of
/// the algorithm's number. Safe as a file name component by construction.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: Box<str>,
}

/// A string is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("wanted `sha256:`, `sha384:` or `sha512:` with lower-case hexadecimal digits, found `{found}`")]
pub struct NotADigest {
    /// The string, cut to 200 bytes.
    pub found: String,
}

/// Content has another digest than it has to have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("wanted content with digest `{wanted}`, found `{found}`")]
pub struct DigestMismatch {
    /// The digest announced or asked for.
    pub wanted: Digest,
    /// The digest of what is there.
    pub found: Digest,
}

impl Digest {
    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The lower-case hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The digest of `bytes`, by SHA-256.
    pub fn of(bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        hasher.finish()
    }

    /// The digest that these bytes are, if they are as many as the algorithm's.
    pub fn from_bytes(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
        (bytes.len() * 2 == algorithm.hex_len()).then(|| digest(algorithm, bytes))
    }

    /// The bytes that the digits stand for.
    pub fn to_bytes(&self) -> Vec<u8> {
        let digit = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'a' + 10 };
        self.hex.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    /// As files of the store have it that are no text: u8 algorithm, as it stands in [`Algorithm::ALL`], 64 bytes for
    /// the digest, 7 bytes zero.
    pub(crate) fn to_fixed(&self) -> [u8; Self::FIXED] {
        let mut fixed = [0; Self::FIXED];
        let algorithm = Algorithm::ALL.iter().position(|algorithm| *algorithm == self.algorithm());
        fixed[0] = algorithm.map_or(0, |at| at as u8);
        fixed[1..].iter_mut().zip(self.to_bytes()).for_each(|(to, byte)| *to = byte);
        fixed
    }

    /// The digest that was written so.
    pub(crate) fn from_fixed(fixed: &[u8; Self::FIXED]) -> Option<Digest> {
        let algorithm = *Algorithm::ALL.get(usize::from(fixed[0]))?;
        Digest::from_bytes(algorithm, &fixed[1..][..algorithm.hex_len() / 2])
    }

    /// Bytes of [`to_fixed`](Self::to_fixed).
    pub(crate) const FIXED: usize = 1 + 64 + 7;

    /// Whether `bytes` have this digest.
    pub fn verifies(&self, bytes: &[u8]) -> bool {
        self.check(bytes).is_ok()
    }

    /// Checks that `bytes` have this digest.
    ///
    /// # Errors
    ///
    /// A [`DigestMismatch`] where they do not.
    pub fn check(&self, bytes: &[u8]) -> Result<(), DigestMismatch> {
        let mut hasher = Hasher::new(self.algorithm);
        hasher.update(bytes);
        self.require(&hasher.finish())
    }

    /// Checks that a digest that was found is this one.
    ///
    /// # Errors
    ///
    /// A [`DigestMismatch`] where it is not.
    pub fn require(&self, found: &Digest) -> Result<(), DigestMismatch> {
        if self == found {
            Ok(())
        } else {
            Err(DigestMismatch { wanted: self.clone(), found: found.clone() })
        }
    }
}

impl FromStr for Digest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let wrong = || NotADigest { found: text.chars().take(200).collect() };
        let (name, hex) = text.split_once(':').ok_or_else(wrong)?;
        let algorithm =
            Algorithm::ALL.into_iter().find(|algorithm| algorithm.name() == name).ok_or_else(wrong)?;
        let lower_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if hex.len() != algorithm.hex_len() || !hex.bytes().all(lower_hex) {
            return Err(wrong());
        }
        Ok(Digest { algorithm, hex: hex.into() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Computes a digest over bytes as they pass.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher that has seen nothing.
    pub fn new(algorithm: Algorithm) -> Self {
        Hasher(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Takes in more bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            State::Sha256(hasher) => hasher.update(bytes),
            State::Sha384(hasher) => hasher.update(bytes),
            State::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of everything seen.
    pub fn finish(self) -> Digest {
        match self.0 {
            State::Sha256(hasher) => digest(Algorithm::Sha256, &hasher.finalize()),
            State::Sha384(hasher) => digest(Algorithm::Sha384, &hasher.finalize()),
            State::Sha512(hasher) => digest(Algorithm::Sha512, &hasher.finalize()),
        }
    }
}

fn digest(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(char::from(DIGITS[usize::from(byte >> 4)]));
        hex.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    Digest { algorithm, hex: hex.into() }
}
