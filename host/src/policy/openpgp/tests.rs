use std::io::Write as _;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::{DeflateEncoder, ZlibEncoder};
use ring::digest::{SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;
use crate::sandbox::Limits;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../tests/fixtures/signatures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A keyring, and what reads.
struct Place {
    sandbox: Sandbox,
    keyring: Keyring,
}

impl Place {
    fn new() -> Place {
        Place { sandbox: Sandbox::new(Limits::default()).unwrap(), keyring: Keyring::default() }
    }

    fn with(name: &str) -> Place {
        let mut place = Place::new();
        place.add(&fixture(name)).unwrap();
        place
    }

    fn add(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.keyring.add(bytes, &self.sandbox).unwrap()
    }

    fn verify(&self, message: &[u8], now: SystemTime) -> Result<Vec<u8>, String> {
        self.keyring.verify(message, now, &self.sandbox).unwrap().map_err(|error| error.to_string())
    }

    fn now(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        self.verify(message, SystemTime::now())
    }
}

/// So many days after 1970.
fn day(days: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400)
}

#[test]
fn a_message_that_was_changed_signs_what_it_signed_or_nothing() {
    let place = Place::with("good.gpg");
    for name in ["uncompressed.signature", "zlib.signature", "skopeo.signature"] {
        let message = fixture(name);
        let payload = place.now(&message).unwrap();
        let mut refused = 0;
        for position in 0..message.len() {
            for flipped in [1, 0x10, 0x80] {
                let mut changed = message.clone();
                changed[position] ^= flipped;
                match place.now(&changed) {
                    // File names, times and what nobody vouches for are not signed.
                    Ok(found) => assert_eq!(found, payload, "{name}, byte {position}"),
                    Err(_) => refused += 1,
                }
            }
            assert!(!place.now(&message[..position]).unwrap_err().is_empty(), "{name}, {position}");
        }
        assert!(refused > message.len(), "{name}: {refused}");
    }
}

#[test]
fn a_key_that_was_changed_signs_nothing_else() {
    let (key, message) = (fixture("subkey.gpg"), fixture("subkey.signature"));
    let payload = Place::with("subkey.gpg").now(&message).unwrap();
    let mut place = Place::new();
    for position in 0..key.len() {
        let mut changed = key.clone();
        changed[position] ^= 1;
        place.keyring = Keyring::default();
        // A file that is refused may not leave anything behind either.
        let _ = place.add(&changed);
        if let Ok(found) = place.now(&message) {
            assert_eq!(found, payload);
        }
        // Without its last signature a subkey is bound to nothing.
        place.keyring = Keyring::default();
        let _ = place.add(&key[..position]);
        assert!(place.now(&message).is_err(), "{position}");
    }
}

#[test]
fn keys_and_signatures_count_from_when_they_are_made_until_they_expire() {
    // Made on 2020-06-01, for a year.
    for name in ["expired", "oldsubkey"] {
        let place = Place::with(&format!("{name}.gpg"));
        let message = fixture(&format!("{name}.signature"));
        let verify = |days| place.verify(&message, day(days));
        assert!(verify(18_000).unwrap_err().contains("from the future"));
        assert!(verify(18_500).is_ok());
        assert!(verify(18_800).unwrap_err().contains("has expired"));
    }
    // Made on 2024-01-01, for a day.
    let place = Place::with("good.gpg");
    let message = fixture("short-lived.signature");
    assert!(place.verify(&message, day(19_724)).is_ok());
    assert!(place.verify(&message, day(19_726)).unwrap_err().contains("it has expired"));
}

/// A packet of the new format.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | tag, 255], &length[..], body].concat()
}

/// A compressed message.
fn compressed(algorithm: u8, message: &[u8]) -> Vec<u8> {
    let data = match algorithm {
        1 => {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap()
        }
        2 => {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(message).unwrap();
            encoder.finish().unwrap()
        }
        _ => message.to_vec(),
    };
    packet(8, &[&[algorithm][..], &data].concat())
}

#[test]
fn compression_is_undone_once_and_within_its_bound() {
    let place = Place::with("good.gpg");
    let message = fixture("uncompressed.signature");
    let payload = place.now(&message).unwrap();
    for algorithm in 0..3 {
        assert_eq!(place.now(&compressed(algorithm, &message)).as_ref(), Ok(&payload), "{algorithm}");
        let twice = compressed(algorithm, &compressed(algorithm, &message));
        assert_eq!(place.now(&twice).unwrap_err(), "it is compressed more than once");
    }
    // A mebibyte of it would be a gibibyte.
    for algorithm in [1, 2] {
        let bomb = compressed(algorithm, &vec![0; 64 << 20]);
        assert!(bomb.len() < 1 << 20);
        let wanted = "wanted at most 4194304 bytes without compression, found more";
        assert_eq!(place.now(&bomb).unwrap_err(), wanted);
    }
    for (message, wanted) in [
        (compressed(3, &message), "it is compressed by bzip2, which is not supported"),
        (compressed(9, &message), "it is compressed by algorithm 9, which nobody knows"),
        (packet(8, &[2, 1, 2, 3]), "it cannot be decompressed"),
        (packet(8, &[]), "byte 0: wanted compressed data, found nothing"),
        (compressed(1, b"hello"), "byte 0: wanted a packet of OpenPGP, found something else"),
    ] {
        assert_eq!(place.now(&message).unwrap_err(), wanted);
    }
}

/// What `pair` signs of this, in a packet of a signature of version 4 by Ed25519 as RFC 9580 has it.
fn signature(pair: &Ed25519KeyPair, kind: u8, fingerprint: &[u8], signed: &[u8], more: &[u8]) -> Vec<u8> {
    let issuer = [&[22, 33, 4][..], fingerprint].concat();
    let subpackets = [&[5, 2, 0x60, 0, 0, 0][..], &issuer, more].concat();
    let length = u16::try_from(subpackets.len()).unwrap().to_be_bytes();
    let head = [&[4, kind, 27, 8][..], &length, &subpackets].concat();
    let trailer = [&[4, 0xff][..], &u32::try_from(head.len()).unwrap().to_be_bytes()].concat();
    let hashed = digest(&SHA256, &[signed, &head, &trailer].concat());
    let start = &hashed.as_ref()[..2];
    packet(2, &[&head, &[0, 0][..], start, pair.sign(hashed.as_ref()).as_ref()].concat())
}

/// A key of Ed25519 as RFC 9580 has it, with what follows it; its fingerprint; and what is hashed of it.
fn key(pair: &Ed25519KeyPair) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let body = [&[4, 0x50, 0, 0, 0, 27][..], pair.public_key().as_ref()].concat();
    let hashed = [&[0x99, 0, 38][..], &body].concat();
    let fingerprint = digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &hashed).as_ref().to_vec();
    (packet(6, &body), fingerprint, hashed)
}

#[test]
fn ed25519_is_known_as_rfc_9580_has_it() {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let (primary, fingerprint, hashed) = key(&pair);
    let user = [&hashed[..], &[0xb4, 0, 0, 0, 1, b'x']].concat();
    let certified =
        [primary.clone(), packet(13, b"x"), signature(&pair, 0x13, &fingerprint, &user, &[])].concat();
    let text = packet(11, b"b\0\0\0\0\0text");
    let signed = |more: &[u8]| [signature(&pair, 0, &fingerprint, b"text", more), text.clone()].concat();
    let primary_length = primary.len();
    let mut place = Place::new();
    let unsigned = place.add(&[primary, packet(13, b"x")].concat()).unwrap_err();
    assert_eq!(unsigned, format!("the key `{}` is not signed by itself", key::hex(&fingerprint)));
    place.add(&certified).unwrap();
    assert_eq!(place.now(&signed(&[])).unwrap(), b"text");
    assert!(place.now(&signed(&[1, 0x80 | 99])).unwrap_err().ends_with("of the kind 99"));
    // Taken back: by the key, by nobody, by the key with a condition that nobody knows.
    let revocation = signature(&pair, 0x20, &fingerprint, &hashed, &[]);
    let strangers = Ed25519KeyPair::from_seed_unchecked(&[8; 32]).unwrap();
    let forged = signature(&strangers, 0x20, &fingerprint, &hashed, &[]);
    let conditional = signature(&pair, 0x20, &fingerprint, &hashed, &[1, 0x80 | 99]);
    for (revocation, is_revoked) in [(revocation, true), (forged, false), (conditional, true)] {
        place.keyring = Keyring::default();
        let (key, rest) = certified.split_at(primary_length);
        place.add(&[key, &revocation, rest].concat()).unwrap();
        let found = place.now(&signed(&[]));
        assert_eq!(found.is_err_and(|error| error.contains("is revoked")), is_revoked);
    }
}

#[test]
fn other_versions_are_told() {
    let mut place = Place::with("good.gpg");
    let text = packet(11, b"b\0\0\0\0\0text");
    let three = [3, 5, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 1, 8, 0xab, 0xcd, 0, 8, 0xff];
    for (signature, version) in [(three.to_vec(), 3), (vec![5; 30], 5), (vec![6; 30], 6)] {
        let found = place.now(&[packet(2, &signature), text.clone()].concat()).unwrap_err();
        assert!(found.ends_with(&format!("found one of version {version}")), "{found}");
    }
    for version in [3, 5, 6] {
        let found = place.add(&packet(6, &[version; 60])).unwrap_err();
        assert_eq!(found, format!("wanted a public key of version 4, found one of version {version}"));
    }
}
