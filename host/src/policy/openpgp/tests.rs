use std::time::{Duration, SystemTime};

use super::*;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../tests/fixtures/signatures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn keyring(names: &[&str]) -> Keyring {
    let mut keyring = Keyring::default();
    for name in names {
        assert!(keyring.add(&fixture(name)), "{name}");
    }
    keyring
}

/// So many days after 1970.
fn day(days: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400)
}

#[test]
fn a_message_that_was_changed_signs_what_it_signed_or_nothing() {
    let keyring = keyring(&["good.gpg"]);
    for name in ["uncompressed.signature", "zlib.signature", "skopeo.signature"] {
        let message = fixture(name);
        let payload = keyring.verify(&message, SystemTime::now()).unwrap();
        let mut refused = 0;
        for position in 0..message.len() {
            for flipped in [1, 0x10, 0x80] {
                let mut changed = message.clone();
                changed[position] ^= flipped;
                match keyring.verify(&changed, SystemTime::now()) {
                    // File names, times and what nobody vouches for are not signed.
                    Ok(found) => assert_eq!(found, payload, "{name}, byte {position}"),
                    Err(_) => refused += 1,
                }
            }
            assert!(keyring.verify(&message[..position], SystemTime::now()).is_err(), "{name}, {position}");
        }
        assert!(refused > message.len(), "{name}: {refused}");
    }
}

#[test]
fn a_key_that_was_changed_signs_nothing_else() {
    let (key, message) = (fixture("subkey.gpg"), fixture("subkey.signature"));
    let payload = keyring(&["subkey.gpg"]).verify(&message, SystemTime::now()).unwrap();
    for position in 0..key.len() {
        let mut changed = key.clone();
        changed[position] ^= 1;
        for bytes in [&changed[..], &key[..position]] {
            let mut keyring = Keyring::default();
            keyring.add(bytes);
            if let Ok(found) = keyring.verify(&message, SystemTime::now()) {
                assert_eq!(found, payload);
            }
        }
        // Without its last signature a subkey is bound to nothing.
        let mut cut = Keyring::default();
        cut.add(&key[..position]);
        assert!(cut.verify(&message, SystemTime::now()).is_err(), "{position}");
    }
}

#[test]
fn keys_and_signatures_count_from_when_they_are_made_until_they_expire() {
    // Made on 2020-06-01, for a year.
    for name in ["expired", "oldsubkey"] {
        let keyring = keyring(&[&format!("{name}.gpg")]);
        let message = fixture(&format!("{name}.signature"));
        let verify = |days| keyring.verify(&message, day(days)).map_err(|error| error.to_string());
        assert!(verify(18_000).unwrap_err().contains("from the future"));
        assert!(verify(18_500).is_ok());
        assert!(verify(18_800).unwrap_err().contains("has expired"));
    }
    // Made on 2024-01-01, for a day.
    let keyring = keyring(&["good.gpg"]);
    let message = fixture("short-lived.signature");
    assert!(keyring.verify(&message, day(19_724)).is_ok());
    assert!(keyring.verify(&message, day(19_726)).unwrap_err().to_string().contains("it has expired"));
}

#[test]
fn what_is_no_key_is_none() {
    let armored = fixture("both.asc");
    let text = String::from_utf8(armored.clone()).unwrap();
    for (bytes, wanted) in [
        (armored, 2),
        (text.replace("\n\n", "\nComment: x\n\n").into_bytes(), 2),
        (text.replace('\n', "\r\n").into_bytes(), 2),
        (text.replacen("-----END", "-----EN", 1).into_bytes(), 1),
        ([fixture("good.gpg"), fixture("rsa.gpg")].concat(), 2),
        (Vec::new(), 0),
        (b"hello".to_vec(), 0),
        (fixture("good.signature"), 0),
        (fixture("p256.pub"), 0),
    ] {
        assert_eq!(key::read(&bytes).len(), wanted);
    }
}
