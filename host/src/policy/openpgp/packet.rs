//! Packets (RFC 4880, sections 4 and 5): where each begins and ends, signatures and public keys of version 4.

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// What packets hold, by tag.
pub(super) const SIGNATURE: u8 = 2;
pub(super) const ONE_PASS: u8 = 4;
pub(super) const PUBLIC_KEY: u8 = 6;
pub(super) const COMPRESSED: u8 = 8;
pub(super) const MARKER: u8 = 10;
pub(super) const LITERAL: u8 = 11;
pub(super) const USER_ID: u8 = 13;
pub(super) const PUBLIC_SUBKEY: u8 = 14;
pub(super) const USER_ATTRIBUTE: u8 = 17;

/// Packets in a row; more are an error, not work.
const MAX_PACKETS: usize = 10_000;

/// Reads bytes from their beginning. `None`: there are not so many.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|taken| taken[0])
    }

    /// A number of so many bytes, the highest first.
    fn number(&mut self, bytes: usize) -> Option<usize> {
        let taken = self.take(bytes)?;
        Some(taken.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }

    fn time(&mut self) -> Option<u32> {
        self.number(4).and_then(|seconds| u32::try_from(seconds).ok())
    }

    /// A multiprecision integer (3.2), without its length.
    pub(super) fn integer(&mut self) -> Option<&'a [u8]> {
        let bits = self.number(2)?;
        self.take(bits.div_ceil(8))
    }

    /// A length as packets of the new format and subpackets have it, if it is no partial one.
    fn length(&mut self, longest_short: u8) -> Option<usize> {
        match self.byte()? {
            short @ 0..=191 => Some(usize::from(short)),
            255 => self.number(4),
            long if long <= longest_short => {
                let low = usize::from(self.byte()?);
                Some(((usize::from(long) - 192) << 8) + low + 192)
            }
            _ => None,
        }
    }
}

/// The packets, each with its tag. `None`: they are not in order.
pub(super) fn packets(bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut bytes = Bytes(bytes);
    let mut packets = Vec::new();
    while !bytes.0.is_empty() {
        if packets.len() == MAX_PACKETS {
            return None;
        }
        packets.push(packet(&mut bytes)?);
    }
    Some(packets)
}

fn packet(bytes: &mut Bytes<'_>) -> Option<(u8, Vec<u8>)> {
    let first = bytes.byte()?;
    match first >> 6 {
        // The old format.
        0b10 => {
            let length = match first & 3 {
                0 => bytes.number(1)?,
                1 => bytes.number(2)?,
                2 => bytes.number(4)?,
                // Up to the end.
                _ => bytes.0.len(),
            };
            Some((first >> 2 & 15, bytes.take(length)?.to_vec()))
        }
        0b11 => {
            let mut body = Vec::new();
            // Pieces of powers of two, and the last one.
            while let Some(power) = bytes.0.first().filter(|byte| (224..255).contains(*byte)) {
                let length = 1usize << (power & 31);
                bytes.take(1)?;
                body.extend_from_slice(bytes.take(length)?);
            }
            let length = bytes.length(223)?;
            body.extend_from_slice(bytes.take(length)?);
            Some((first & 63, body))
        }
        _ => None,
    }
}

/// A signature of version 4.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) kind: u8,
    pub(super) algorithm: u8,
    pub(super) hash: u8,
    /// What is hashed of it after what it signs.
    pub(super) trailer: Vec<u8>,
    /// In seconds since 1970.
    pub(super) created: Option<u32>,
    /// Seconds after it was made; 0: never.
    pub(super) expires: u32,
    /// Seconds after the key was made; 0: never.
    pub(super) key_expires: u32,
    /// `None`: it says nothing of what the key is for.
    pub(super) flags: Option<u8>,
    pub(super) key_ids: Vec<Vec<u8>>,
    pub(super) fingerprints: Vec<Vec<u8>>,
    /// A subkey's signature about its primary key.
    pub(super) embedded: Option<Box<Signature>>,
    /// It has a condition that its maker calls critical and nobody knows here.
    pub(super) has_unknown_conditions: bool,
    /// As many as the algorithm has.
    pub(super) integers: Vec<Vec<u8>>,
}

impl Signature {
    /// `None`: it is damaged, or of another version.
    pub(super) fn read(body: &[u8]) -> Option<Signature> {
        Self::read_within(body, 0)
    }

    fn read_within(body: &[u8], depth: usize) -> Option<Signature> {
        let mut bytes = Bytes(body);
        if bytes.byte()? != 4 {
            return None;
        }
        let (kind, algorithm, hash) = (bytes.byte()?, bytes.byte()?, bytes.byte()?);
        let length = bytes.number(2)?;
        let hashed = bytes.take(length)?;
        let mut trailer = body[..6 + length].to_vec();
        trailer.extend_from_slice(&[4, 0xff]);
        trailer.extend_from_slice(&u32::try_from(6 + length).ok()?.to_be_bytes());
        let mut signature = Signature {
            kind,
            algorithm,
            hash,
            trailer,
            created: None,
            expires: 0,
            key_expires: 0,
            flags: None,
            key_ids: Vec::new(),
            fingerprints: Vec::new(),
            embedded: None,
            has_unknown_conditions: false,
            integers: Vec::new(),
        };
        signature.subpackets(hashed, true, depth)?;
        let length = bytes.number(2)?;
        let unhashed = bytes.take(length)?;
        signature.subpackets(unhashed, false, depth)?;
        // The first bytes of the hash, which say nothing.
        bytes.take(2)?;
        while !bytes.0.is_empty() {
            signature.integers.push(bytes.integer()?.to_vec());
        }
        Some(signature)
    }

    /// Subpackets (5.2.3.1). Who made the signature, and what a subkey says to it, nobody has to vouch for: the
    /// signature does not verify, or the other does not, where that is wrong.
    fn subpackets(&mut self, bytes: &[u8], hashed: bool, depth: usize) -> Option<()> {
        let mut bytes = Bytes(bytes);
        while !bytes.0.is_empty() {
            let length = bytes.length(254)?;
            let mut body = Bytes(bytes.take(length)?);
            let first = body.byte()?;
            let (kind, critical) = (first & 0x7f, first & 0x80 != 0);
            match (kind, hashed) {
                (2, true) => self.created = Some(body.time()?),
                (3, true) => self.expires = body.time()?,
                (9, true) => self.key_expires = body.time()?,
                (27, true) => self.flags = Some(body.byte().unwrap_or_default()),
                (16, _) => self.key_ids.push(body.take(8)?.to_vec()),
                (33, _) if body.byte()? == 4 => self.fingerprints.push(body.take(20)?.to_vec()),
                (32, _) if depth == 0 => {
                    self.embedded = Self::read_within(body.0, depth + 1).map(Box::new);
                }
                // What else RFC 4880 has, but for notations: nothing here depends on it.
                (4..=7 | 10..=12 | 21..=26 | 28..=34, _) => {}
                _ if critical && hashed => self.has_unknown_conditions = true,
                _ => {}
            }
        }
        Some(())
    }
}

/// A public key of version 4, or a subkey.
#[derive(Debug, Clone)]
pub(super) struct PublicKey {
    /// The packet's body: what is hashed of it.
    body: Vec<u8>,
    /// In seconds since 1970.
    pub(super) created: u32,
    pub(super) algorithm: u8,
    pub(super) fingerprint: Vec<u8>,
}

impl PublicKey {
    /// `None`: it is damaged, or of another version.
    pub(super) fn read(body: &[u8]) -> Option<PublicKey> {
        let mut bytes = Bytes(body);
        if bytes.byte()? != 4 {
            return None;
        }
        let (created, algorithm) = (bytes.time()?, bytes.byte()?);
        let mut key = PublicKey { body: body.to_vec(), created, algorithm, fingerprint: Vec::new() };
        let hashed = key.hashed()?;
        key.fingerprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed).as_ref().to_vec();
        Some(key)
    }

    /// What is hashed of it where it is signed.
    pub(super) fn hashed(&self) -> Option<Vec<u8>> {
        let mut hashed = vec![0x99];
        hashed.extend_from_slice(&u16::try_from(self.body.len()).ok()?.to_be_bytes());
        hashed.extend_from_slice(&self.body);
        Some(hashed)
    }

    /// What the algorithm goes by.
    pub(super) fn parameters(&self) -> Bytes<'_> {
        Bytes(&self.body[6..])
    }

    /// In hexadecimal digits.
    pub(super) fn shown(&self) -> String {
        hex(&self.fingerprint)
    }

    /// Whether a signature says it is this key's.
    pub(super) fn made(&self, signature: &Signature) -> bool {
        signature.fingerprints.contains(&self.fingerprint)
            || signature.key_ids.iter().any(|id| self.fingerprint.ends_with(id))
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
