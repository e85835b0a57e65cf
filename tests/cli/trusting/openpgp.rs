//! Keys and messages of all kinds, by gpg: what counts, what is said where it does not, and that skopeo agrees.

use serde_json::{Value, json};

use super::Verdict::{self, Accepted, Refused, Undecided};
use super::{NAME, Stage, fixture, has_skopeo, key, signed_by, strictly};

/// A key file, a signature's file, the verdict, what is said where the image is not accepted, and why skopeo 1.9
/// comes to something else, where it does.
type Case = (&'static str, &'static str, Verdict, &'static str, Option<&'static str>);

const RING: Option<&str> = Some("gpg knows it; ring does not");
/// Of what version 1.9 does with subkeys.
const SUBKEYS: Option<&str> =
    Some("that version compares the subkey's fingerprint with the primary key's; later ones do not");

const CASES: &[Case] = &[
    ("rsa4096.gpg", "rsa4096.signature", Accepted, "", None),
    (
        "rsa1024.gpg",
        "rsa1024.signature",
        Undecided,
        "RSA with 1024 bits (2,048 to 8,192 are) is not supported",
        RING,
    ),
    ("p384-key.gpg", "p384-key.signature", Accepted, "", None),
    ("p521-key.gpg", "p521-key.signature", Undecided, "ECDSA with the curve P-521 is not supported", RING),
    ("dsa.gpg", "dsa.signature", Undecided, "DSA is not supported", RING),
    ("ecdsa.gpg", "ecdsa-sha384.signature", Accepted, "", None),
    ("ecdsa.gpg", "ecdsa-sha512.signature", Refused, "ECDSA with P-256 with SHA-512 is not supported", RING),
    ("rsa.gpg", "rsa-sha512.signature", Accepted, "", None),
    ("rsa.gpg", "rsa-sha224.signature", Refused, "RSA with SHA-224 is not supported", RING),
    ("users.gpg", "users.signature", Accepted, "", None),
    ("extended.gpg", "extended.signature", Accepted, "", None),
    ("expired.gpg", "expired.signature", Refused, "has expired", None),
    ("revoked.gpg", "revoked.signature", Refused, "is revoked", None),
    ("subkey.gpg", "subkey.signature", Accepted, "", SUBKEYS),
    ("badsubkey.gpg", "badsubkey.signature", Refused, "is revoked", None),
    ("oldsubkey.gpg", "oldsubkey.signature", Refused, "has expired", None),
    ("moved.gpg", "subkey.signature", Refused, "is not signed by itself or its primary key", None),
    ("moved.gpg", "good.signature", Accepted, "", None),
    ("several.gpg", "good.signature", Accepted, "", None),
    ("several.gpg", "rsa4096.signature", Accepted, "", None),
    ("several.gpg", "dsa.signature", Refused, "DSA is not supported", RING),
    ("several.gpg", "other.signature", Refused, "made by a key that is not trusted", None),
    ("good.gpg", "zlib.signature", Accepted, "", None),
    ("good.gpg", "uncompressed.signature", Accepted, "", None),
    (
        "good.gpg",
        "bzip2.signature",
        Refused,
        "compressed by bzip2, which is not supported",
        Some("gpg undoes it; nobody signs images so"),
    ),
    (
        "good.gpg",
        "text.signature",
        Refused,
        "wanted a signature over bytes as they are",
        Some("gpg takes signatures over texts whose line ends do not count"),
    ),
    ("good.gpg", "noted.signature", Accepted, "", None),
    ("good.gpg", "condition.signature", Refused, "a condition that is not known here, of the kind 20", None),
    ("good.gpg", "damaged.signature", Refused, "it says it is made by the key", None),
    ("good.gpg", "literal.signature", Refused, "wanted a signature, found the end", None),
];

#[test]
fn keys_and_messages_count_as_they_do_with_gpg() {
    let (stage, has_skopeo) = (Stage::new(), has_skopeo());
    let image = format!("docker://{NAME}");
    for (key, signature, wanted, says, deviates) in CASES {
        stage.signed("app", &[signature]);
        let (found, outcome) = stage.explained(&strictly(json!([signed_by(key)])), &image);
        let said = format!("{key} {signature}: {}{}", outcome.text(), outcome.stderr);
        assert_eq!(found, *wanted, "{said}");
        assert!(said.contains(says), "{said}");
        if has_skopeo {
            let (copied, told) = stage.skopeo(&image);
            assert!((copied == (*wanted == Accepted)) == deviates.is_none(), "{said}\nskopeo: {told}");
        }
    }
}

#[test]
fn a_key_file_that_is_none_is_told_with_where() {
    let stage = Stage::new();
    let armored = std::fs::read_to_string(fixture("both.asc")).unwrap();
    let whole = std::fs::read(fixture("good.gpg")).unwrap();
    for (bytes, says) in [
        (Vec::new(), "byte 0: wanted a public key, found the end"),
        (b"hello".to_vec(), "byte 0: wanted a packet of OpenPGP, found something else"),
        (std::fs::read(fixture("good.signature")).unwrap(), "byte 0: wanted a public key, found"),
        (whole[..whole.len() - 1].to_vec(), "wanted a whole packet, found the end of one"),
        (armored.replacen("-----END", "-----EN", 2).into_bytes(), "byte 0: wanted the end of this block"),
        (armored.replacen("\n\n", "\n\n!", 1).into_bytes(), "byte 0: wanted base64 in this block"),
        (vec![0xc6; 2 << 20], "reading the key"),
    ] {
        let requirement =
            json!({"type": "signedBy", "keyType": "GPGKeys", "keyPath": stage.place.file("key", &bytes)});
        let (found, outcome) = stage.explained(&strictly(json!([requirement])), &format!("docker://{NAME}"));
        assert_eq!(found, Undecided, "{says}: {}", outcome.stderr);
        assert!(
            outcome.text().contains(says) || outcome.stderr.contains(says),
            "{says}: {}{}",
            outcome.text(),
            outcome.stderr
        );
    }
}

/// Every key of a list may have signed, and one signature of several is enough.
#[test]
fn one_good_signature_by_one_of_the_keys_is_enough() {
    let (stage, has_skopeo) = (Stage::new(), has_skopeo());
    let image = format!("docker://{NAME}");
    let paths = |names: &[&str]| -> Value {
        let paths: Vec<String> = names.iter().map(|name| key(name)).collect();
        json!([{"type": "signedBy", "keyType": "GPGKeys", "keyPaths": paths}])
    };
    for (requirements, signatures, wanted) in [
        (paths(&["rsa4096.gpg", "p384-key.gpg"]), &["p384-key.signature"][..], Accepted),
        (paths(&["rsa4096.gpg", "p384-key.gpg"]), &["good.signature"], Refused),
        (
            paths(&["several.gpg", "users.gpg"]),
            &["expired.signature", "damaged.signature", "users.signature"],
            Accepted,
        ),
        (paths(&["several.gpg", "revoked.gpg"]), &["revoked.signature", "good.signature"], Accepted),
        (paths(&["revoked.gpg", "expired.gpg"]), &["revoked.signature", "expired.signature"], Refused),
    ] {
        stage.signed("app", signatures);
        let (found, outcome) = stage.explained(&strictly(requirements.clone()), &image);
        assert_eq!(found, wanted, "{requirements} {signatures:?}: {}", outcome.text());
        if has_skopeo {
            let (copied, told) = stage.skopeo(&image);
            assert_eq!(copied, wanted == Accepted, "{requirements} {signatures:?}: {told}");
        }
    }
}
