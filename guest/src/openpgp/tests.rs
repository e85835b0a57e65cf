#![allow(clippy::unwrap_used)]

use super::packet::MAX_PACKETS;
use super::*;
use crate::wit::exports::consign::image::openpgp::Key;

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/../tests/fixtures/signatures/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn signed(bytes: &[u8]) -> Signed {
    match read_message(bytes).unwrap() {
        Message::Signed(signed) => signed,
        Message::Compressed(_) => panic!("it is compressed"),
    }
}

fn refused(bytes: &[u8]) -> String {
    let error = read_message(bytes).unwrap_err();
    assert!(error.offset <= bytes.len() as u64);
    error.reason
}

/// A packet of the new format.
fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[0xc0 | tag, 255], &length[..], body].concat()
}

/// A literal packet's body.
fn literal(text: &[u8]) -> Vec<u8> {
    [&b"b\x01x\0\0\0\0"[..], text].concat()
}

/// A signature of version 4 with these subpackets, by RSA.
fn signature(hashed: &[u8], unhashed: &[u8]) -> Vec<u8> {
    let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let head = [4, 0, 1, 8];
    let tail = [0xab, 0xcd, 0, 9, 1, 0xff];
    [&head[..], &length(hashed), hashed, &length(unhashed), unhashed, &tail].concat()
}

/// A text with one signature that has these subpackets.
fn message(hashed: &[u8], unhashed: &[u8]) -> Vec<u8> {
    [packet(2, &signature(hashed, unhashed)), packet(11, &literal(b"text"))].concat()
}

#[test]
fn a_message_is_a_text_and_what_is_said_of_its_signature() {
    let whole = fixture("uncompressed.signature");
    let found = signed(&whole);
    assert!(found.text.starts_with(b"{\"critical\""));
    let [signature] = &found.signatures[..] else { panic!("{}", found.signatures.len()) };
    assert_eq!((signature.version, signature.kind, signature.key_algorithm), (4, 0, 22));
    // Noon of 2024-01-01.
    assert_eq!((signature.created, signature.expires), (Some(1_704_110_400), None));
    assert_eq!((signature.fingerprints.len(), signature.integers.len()), (1, 2));
    let [.., id] = signature.fingerprints[0].as_chunks::<4>().0 else { panic!() };
    assert_eq!(signature.key_ids[0] as u32, u32::from_be_bytes(*id));
    assert!(
        matches!(read_message(&fixture("zlib.signature")), Ok(Message::Compressed(found)) if found.algorithm == 2)
    );
    assert!(
        matches!(read_message(&fixture("bzip2.signature")), Ok(Message::Compressed(found)) if found.algorithm == 3)
    );
}

#[test]
fn a_message_that_is_cut_anywhere_is_an_error() {
    for name in ["uncompressed.signature", "skopeo.signature"] {
        let whole = fixture(name);
        for end in 0..whole.len() {
            match read_message(&whole[..end]) {
                Err(error) => assert!(error.offset <= end as u64 && !error.reason.is_empty()),
                // Of a length that nobody said the end is anywhere.
                Ok(found) => {
                    assert!(whole[0] == 0xa3 && matches!(found, Message::Compressed(_)), "{name}, {end}")
                }
            }
        }
    }
}

#[test]
fn what_is_hashed_counts_and_who_made_it_nobody_has_to_vouch_for() {
    let unhashed = [9, 16, 0, 0, 0, 1, 0, 0, 0, 2, 5, 2, 0, 0, 0, 9, 2, 27, 3];
    let hashed = [5, 2, 0, 0, 0, 7, 5, 3, 0, 0, 0, 8, 5, 9, 0, 0, 0, 0, 2, 27, 2];
    let found = signed(&message(&hashed, &unhashed));
    assert_eq!(found.text, b"text");
    let signature = &found.signatures[0];
    assert_eq!((signature.created, signature.expires, signature.key_expires), (Some(7), Some(8), None));
    assert_eq!((signature.key_flags, &signature.key_ids[..]), (Some(2), &[1 << 32 | 2][..]));
    assert_eq!((signature.hash_start, &signature.integers[..]), (0xabcd, &[vec![1, 0xff]][..]));
    assert_eq!(signature.trailer[..6], [4, 0, 1, 8, 0, 21]);
    assert_eq!(signature.trailer[6..27], hashed);
    assert_eq!(signature.trailer[27..], [4, 0xff, 0, 0, 0, 27]);
    // Critical, of a kind that nobody knows; a notation; and where nobody signed that.
    for (hashed, unhashed, wanted) in [
        (&[1, 0x80 | 100][..], &[][..], Some(100)),
        (&[1, 0x80 | 20], &[], Some(20)),
        (&[1, 20], &[], None),
        (&[], &[1, 0x80 | 100], None),
        (&[1, 0x80 | 5], &[], None),
    ] {
        assert_eq!(signed(&message(hashed, unhashed)).signatures[0].unknown_condition, wanted, "{hashed:?}");
    }
}

#[test]
fn a_damaged_signature_is_none() {
    for hashed in [&[0][..], &[6, 2, 0, 0], &[3, 2, 0, 0], &[224, 1], &[5, 33, 4, 1, 1, 1], &[4, 16, 0, 0, 0]]
    {
        assert_eq!(refused(&message(hashed, &[])), "wanted a signature, found a damaged one", "{hashed:?}");
    }
    let text = packet(11, &literal(b"text"));
    let whole = signature(&[], &[]);
    for end in 0..whole.len() {
        assert!(read_message(&[packet(2, &whole[..end]), text.clone()].concat()).is_err(), "{end}");
    }
    assert!(read_message(&[packet(2, &[&whole[..], &[0]].concat()), text].concat()).is_err());
}

#[test]
fn versions_are_told() {
    let text = packet(11, &literal(b"text"));
    for version in [0, 1, 5, 6, 255] {
        let mut body = signature(&[], &[]);
        body[0] = version;
        let wanted = format!("wanted a signature of version 4, found one of version {version}");
        assert_eq!(refused(&[packet(2, &body), text.clone()].concat()), wanted);
    }
    // Version 3: kind and time are hashed.
    let body = [3, 5, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2, 1, 8, 0xab, 0xcd, 0, 8, 0xff];
    let found = signed(&[packet(2, &body), text].concat()).signatures.remove(0);
    assert_eq!((found.version, found.created, &found.trailer[..]), (3, Some(7), &[0, 0, 0, 0, 7][..]));
    assert_eq!((&found.key_ids[..], &found.integers[..]), (&[1 << 32 | 2][..], &[vec![0xff]][..]));
}

#[test]
fn a_message_has_its_packets_in_order_and_no_others() {
    let (before, after) = (packet(4, &[3]), packet(2, &signature(&[], &[])));
    let (text, marker) = (packet(11, &literal(b"text")), packet(10, b"PGP"));
    let join = |parts: &[&Vec<u8>]| parts.iter().flat_map(|part| part.iter().copied()).collect::<Vec<u8>>();
    for parts in
        [&[&before, &text, &after][..], &[&after, &text], &[&marker, &before, &marker, &text, &after]]
    {
        assert_eq!(signed(&join(parts)).signatures.len(), 1);
    }
    assert_eq!(signed(&join(&[&before, &before, &text, &after, &after])).signatures.len(), 2);
    for (parts, wanted) in [
        (&[][..], "wanted a signed text, found the end"),
        (&[&marker][..], "wanted a signed text, found the end"),
        (&[&after], "wanted a signed text, found the end"),
        (&[&text], "wanted a signature, found the end"),
        (&[&before, &text], "wanted a signature, found the end"),
        (&[&before, &before, &text, &after], "wanted a signature, found the end"),
        (&[&text, &after], "found something else"),
        (&[&before, &text, &after, &after], "found something else"),
        (&[&before, &text, &text, &after], "found something else"),
        (&[&before, &after, &text, &after], "found something else"),
        (&[&after, &before, &text, &after], "found something else"),
        (&[&after, &text, &after], "found something else"),
        (&[&before, &text, &after, &before], "found something else"),
        (&[&packet(1, b""), &text, &after], "found something else"),
    ] {
        let found = refused(&join(parts));
        assert!(found.contains(wanted), "{wanted}: {found}");
    }
    assert_eq!(signed(&[after.repeat(16), text.clone()].concat()).signatures.len(), 16);
    for many in [[after.repeat(17), text.clone()].concat(), [before.repeat(17), text].concat()] {
        assert_eq!(refused(&many), "wanted at most 16 signatures, found more");
    }
}

#[test]
fn lengths_are_those_of_both_formats() {
    let (sign, body) = (packet(2, &signature(&[], &[])), literal(&[b'x'; 600]));
    let old = |kind: u8, length: &[u8]| [&[0x80 | 11 << 2 | kind][..], length, &body].concat();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let pieces =
        [&[0xc0 | 11, 224 | 9][..], &body[..512], &[224], &body[512..513], &[94], &body[513..]].concat();
    for text in [
        old(1, &length),
        old(2, &[0, 0, length[0], length[1]]),
        old(3, &[]),
        [&[0xc0 | 11, 193, 159][..], &body].concat(),
        pieces.clone(),
    ] {
        assert_eq!(signed(&[sign.clone(), text].concat()).text, [b'x'; 600]);
    }
    // Without an end; of what is not data; longer than everything.
    for packet in [
        pieces[..pieces.len() - 95].to_vec(),
        [&[0xc0 | 2, 224 | 9][..], &[0; 600]].concat(),
        vec![0x80 | 2 << 2 | 3, 1],
        vec![0xc0 | 11, 255, 0xff, 0xff, 0xff, 0xff, 0],
        vec![0xc0 | 11, 254],
    ] {
        assert!(refused(&[sign.clone(), packet].concat()).starts_with("wanted a whole packet"));
    }
}

#[test]
fn what_never_ends_is_an_error_within_bounds() {
    // Pieces of one byte; packets of nothing; keys, users and signatures without end.
    let pieces = [&[0xc0 | 11][..], &[224, 0].repeat(1 << 20)].concat();
    assert!(refused(&pieces).starts_with("wanted a whole packet"));
    let markers = packet(10, b"").repeat(MAX_PACKETS + 1);
    assert_eq!(refused(&markers), "wanted at most 10,000 packets, found more");
    assert_eq!(refused(&packet(10, b"").repeat(MAX_PACKETS)), "wanted a signed text, found the end");
    let once = packet(4, b"").repeat(MAX_PACKETS);
    assert_eq!(refused(&once), "wanted at most 16 signatures, found more");
    assert_eq!(refused(&vec![0xc0; (4 << 20) + 1]), "wanted at most 4 MiB");
    let good = fixture("good.gpg");
    let keys = good.repeat(MAX_PACKETS / 3 + 1);
    assert_eq!(read_keys(&keys).unwrap_err().reason, "wanted at most 10,000 packets, found more");
    assert_eq!(read_keys(&good.repeat(MAX_PACKETS / 3)).unwrap().len(), MAX_PACKETS / 3);
    // What is embedded holds another, and so on: one is read.
    let mut nested = signature(&[], &[]);
    for _ in 0..100 {
        let length = u32::try_from(nested.len() + 1).unwrap().to_be_bytes();
        nested = signature(&[], &[&[255], &length[..], &[32], &nested].concat());
    }
    assert!(signature::read(&nested).unwrap().1.is_some());
}

#[test]
fn a_key_has_its_users_and_subkeys() {
    let shape = |key: &Key| (key.users.len(), key.subkeys.len(), key.primary.integers.len());
    for (name, wanted) in [
        ("good.gpg", (1, 0, 1)),
        ("users.gpg", (3, 0, 1)),
        ("subkey.gpg", (1, 1, 1)),
        ("rsa.gpg", (1, 0, 2)),
        ("dsa.gpg", (1, 0, 4)),
    ] {
        let keys = read_keys(&fixture(name)).unwrap();
        assert_eq!(keys.iter().map(shape).collect::<Vec<_>>(), [wanted], "{name}");
    }
    let key = read_keys(&fixture("users.gpg")).unwrap().remove(0);
    assert_eq!(key.users[0].signatures.iter().map(|found| found.kind).collect::<Vec<_>>(), [0x30, 0x13]);
    assert_eq!(key.users[0].hashed, [&[0xb4, 0, 0, 0, 17][..], b"users@example.com"].concat());
    assert_eq!(key.primary.hashed[..4], [0x99, 0, 51, 4]);
    let key = read_keys(&fixture("subkey.gpg")).unwrap().remove(0);
    let binding = &key.subkeys[0].bindings[0];
    assert_eq!((binding.signature.kind, binding.signature.key_flags), (0x18, Some(2)));
    assert_eq!(binding.agreement.as_ref().map(|found| found.kind), Some(0x19));
}

#[test]
fn armor_is_taken_off() {
    let armored = fixture("both.asc");
    let text = String::from_utf8(armored.clone()).unwrap();
    for (bytes, wanted) in [
        (armored, 2),
        (text.replace("\n\n", "\nComment: x\n\n").into_bytes(), 2),
        (text.replace('\n', "\r\n").into_bytes(), 2),
        (["Good keys:\n", &text].concat().into_bytes(), 2),
        ([fixture("good.gpg"), fixture("rsa.gpg")].concat(), 2),
    ] {
        assert_eq!(read_keys(&bytes).unwrap().len(), wanted);
    }
    for (bytes, wanted) in [
        (text.replacen("-----END", "-----EN", 2).into_bytes(), "wanted the end of this block"),
        (text.replacen("\n\n", "\n\n!", 1).into_bytes(), "wanted base64 in this block"),
        (Vec::new(), "wanted a public key, found the end"),
        (b"hello".to_vec(), "wanted a packet of OpenPGP"),
        (fixture("good.signature"), "wanted a public key, found something else"),
        (packet(5, &[4]), "wanted a public key, found a secret one"),
        (packet(6, &[4, 0]), "wanted a key, found a damaged one"),
    ] {
        let found = read_keys(&bytes).unwrap_err().reason;
        assert!(found.starts_with(wanted), "{wanted}: {found}");
    }
}

#[test]
fn a_revocation_that_is_damaged_is_not_passed_over() {
    let good = fixture("good.gpg");
    for (body, is_read) in
        [([4, 0x13, 22], true), ([4, 0x20, 22], false), ([4, 0x30, 22], false), ([6, 0x20, 27], true)]
    {
        assert_eq!(read_keys(&[good.clone(), packet(2, &body)].concat()).is_ok(), is_read, "{body:?}");
    }
    // Keys of other versions say which.
    assert_eq!(read_keys(&packet(6, &[6, 1])).unwrap()[0].primary.version, 6);
}
