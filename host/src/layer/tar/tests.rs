#![allow(clippy::unwrap_used)]

mod odd;
mod sparse;

use super::*;
use crate::layer::entry::{Kind, Time};

/// An entry with where its content is, and the content.
type Seen = (Entry, u64, Vec<u8>);

#[derive(Default)]
struct All {
    seen: Vec<Seen>,
    ended: usize,
}

impl Visitor for All {
    type Error = TarError;

    fn entry(&mut self, entry: &Entry, content: u64) -> Result<(), TarError> {
        assert_eq!(self.seen.len(), self.ended);
        self.seen.push((entry.clone(), content, Vec::new()));
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        assert!(!bytes.is_empty());
        self.seen.last_mut().unwrap().2.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<(), TarError> {
        self.ended += 1;
        let (entry, _, content) = self.seen.last().unwrap();
        assert_eq!(entry.stored_size(), content.len() as u64);
        Ok(())
    }
}

fn decode(bytes: &[u8], piece: usize) -> Result<Vec<Seen>, TarError> {
    let mut decoder = Decoder::new();
    let mut all = All::default();
    for piece in bytes.chunks(piece) {
        decoder.feed(piece, &mut all)?;
    }
    decoder.finish()?;
    assert_eq!(all.seen.len(), all.ended);
    Ok(all.seen)
}

fn entries(parts: &[Vec<u8>]) -> Result<Vec<Seen>, TarError> {
    decode(&[parts.concat(), vec![0; 1024]].concat(), 4096)
}

/// The only entry of a tar.
fn only(parts: &[Vec<u8>]) -> Entry {
    let mut entries = entries(parts).unwrap();
    assert_eq!(entries.len(), 1);
    entries.pop().unwrap().0
}

fn reason(parts: &[Vec<u8>]) -> String {
    entries(parts).unwrap_err().to_string()
}

fn sign(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block[..512].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// A ustar header.
fn header(name: &str, kind: u8, size: u64) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    sign(&mut block);
    block
}

/// The header with other bytes at a place.
fn with(mut block: Vec<u8>, at: usize, bytes: &[u8]) -> Vec<u8> {
    block[at..at + bytes.len()].copy_from_slice(bytes);
    sign(&mut block);
    block
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn extended(kind: u8, bytes: &[u8]) -> Vec<u8> {
    [header("extended", kind, bytes.len() as u64), padded(bytes)].concat()
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let body = [format!(" {key}=").as_bytes(), value, b"\n"].concat();
    let length = (1..).find(|length: &usize| length.to_string().len() + body.len() == *length).unwrap();
    [length.to_string().into_bytes(), body].concat()
}

fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let records: Vec<_> = records.iter().map(|(key, value)| record(key, value.as_bytes())).collect();
    extended(b'x', &records.concat())
}

fn tar() -> Vec<u8> {
    [
        header("directory", b'5', 7),
        header("empty", b'0', 0),
        extended(b'L', &b"path/".repeat(50)),
        header("file", b'0', 600),
        vec![1; 600],
        vec![0; 424],
        pax(&[("size", "1000")]),
        header("large", b'0', 1),
        vec![2; 1000],
        vec![0; 24],
        vec![0; 1024],
    ]
    .concat()
}

#[test]
fn a_tar_is_one_however_it_is_cut_into_pieces() {
    let tar = tar();
    let whole = decode(&tar, tar.len()).unwrap();
    let places: Vec<_> = whole
        .iter()
        .map(|(entry, at, content)| (String::from_utf8_lossy(&entry.path), *at, content.len()))
        .collect();
    let long = "path/".repeat(50);
    assert_eq!(
        places,
        [
            ("directory".into(), 512, 0),
            ("empty".into(), 1024, 0),
            (long.into(), 2560, 600),
            ("large".into(), 5120, 1000)
        ]
    );
    for piece in [1, 7, 511, 512, 513, tar.len()] {
        assert_eq!(decode(&tar, piece).unwrap(), whole);
        // Padding after the end is no matter.
        assert_eq!(decode(&[&tar[..], &[7; 3000]].concat(), piece).unwrap(), whole);
        // Nor is half an end marker, or none.
        assert_eq!(decode(&tar[..tar.len() - 512], piece).unwrap(), whole);
        assert_eq!(decode(&tar[..tar.len() - 1024], piece).unwrap(), whole);
    }
}

#[test]
fn what_is_no_tar_is_refused_where_it_stops_being_one() {
    assert!(matches!(decode(b"", 1), Err(TarError::BadHeader { offset: 0, .. })));
    assert!(matches!(decode(&[b'x'; 2000], 100), Err(TarError::BadHeader { offset: 0, .. })));
    assert!(matches!(decode(b"short", 100), Err(TarError::Truncated { wanted: 512, found: 5, .. })));
    let mut broken = tar();
    broken[1024] ^= 1;
    assert!(matches!(decode(&broken, 100), Err(TarError::BadHeader { offset: 1024, .. })));
    let cut = [header("file", b'0', 600), vec![1; 300]].concat();
    match decode(&cut, 100) {
        Err(TarError::Truncated { name, wanted: 1112, found: 812 }) => assert_eq!(name, "file"),
        other => panic!("{other:?}"),
    }
    let dangling = [header("x", b'x', 0), vec![0; 1024]].concat();
    assert!(matches!(decode(&dangling, 512), Err(TarError::BadHeader { offset: 512, .. })));
    let lone = [header("a", b'0', 0), vec![0; 512], header("b", b'0', 0)].concat();
    assert!(matches!(decode(&lone, 512), Err(TarError::BadHeader { offset: 1024, .. })));
}

#[test]
fn every_field_of_a_header_is_read() {
    let block = header("dev/tty", b'3', 0);
    let block = with(block, 100, b"0104666\0"); // file type bits do not count
    let block = with(block, 108, b"0001750\0");
    let block = with(block, 116, b"000005 \0");
    let block = with(block, 136, b"14524770661 ");
    let block = with(block, 329, b"0000005\0");
    let block = with(block, 337, b"0000403\0");
    let entry = only(&[with(block, 345, b"below/the")]);
    let wanted = Entry {
        path: b"below/the/dev/tty".to_vec(),
        kind: Kind::CharDevice,
        mode: 0o4666,
        uid: 1000,
        gid: 5,
        modified: Time { seconds: 0o14524770661, nanoseconds: 0 },
        device: (5, 0o403),
        ..Entry::default()
    };
    assert_eq!(entry, wanted);
}

#[test]
fn every_kind_is_told_apart() {
    let kinds = [
        (b'0', Kind::File),
        (0, Kind::File),
        (b'7', Kind::File),
        (b'1', Kind::HardLink),
        (b'2', Kind::Symlink),
        (b'3', Kind::CharDevice),
        (b'4', Kind::BlockDevice),
        (b'5', Kind::Directory),
        (b'6', Kind::Fifo),
    ];
    for (letter, kind) in kinds {
        let entry = only(&[with(header("name", letter, 0), 157, b"target")]);
        assert_eq!(entry.kind, kind);
        let links = matches!(kind, Kind::HardLink | Kind::Symlink);
        assert_eq!(entry.link, if links { &b"target"[..] } else { b"" });
    }
    for letter in [b'V', b'M', b'D', b'N', b'X', b'8', 0xff] {
        let error = entries(&[header("name", letter, 0)]).unwrap_err();
        assert!(matches!(error, TarError::Unsupported { .. }), "{error}");
    }
    // Before ustar there was no other way to write a directory.
    assert_eq!(only(&[header("name/", 0, 0)]).kind, Kind::Directory);
    assert_eq!(only(&[header("name/", b'0', 0)]).kind, Kind::File);
}

#[test]
fn pax_records_say_more_than_the_header() {
    let records = [
        ("path", "other/näme"),
        ("mtime", "1700000000.0123456789"),
        ("uid", "2000000000"),
        ("gid", "4294967296"),
        ("SCHILY.xattr.user.b", "two\nlines"),
        ("SCHILY.xattr.user.a", "one"),
        ("LIBARCHIVE.xattr.user.b", "bm8"),
        ("LIBARCHIVE.xattr.user.%63%3d", "AAE="),
        ("SCHILY.xattr.user.gone", "x"),
        ("SCHILY.xattr.user.gone", ""),
        ("comment", "nothing"),
    ];
    let entry = only(&[pax(&records), header("name", b'0', 0)]);
    let xattr = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
    let wanted = Entry {
        path: "other/näme".into(),
        uid: 2_000_000_000,
        gid: 1 << 32,
        modified: Time { seconds: 1_700_000_000, nanoseconds: 12_345_678 },
        xattrs: vec![xattr("user.a", b"one"), xattr("user.b", b"two\nlines"), xattr("user.c=", &[0, 1])],
        ..Entry::default()
    };
    assert_eq!(entry, wanted);
    let entry = only(&[pax(&[("linkpath", "there"), ("mtime", "-1.25")]), header("name", b'2', 0)]);
    assert_eq!(entry.link, b"there");
    assert_eq!(entry.modified, Time { seconds: -2, nanoseconds: 750_000_000 });
}

#[test]
fn numbers_may_be_binary_and_negative() {
    let mut time = [0xff; 12];
    time[11] = 0xfe;
    let owner = [0x80, 0, 0, 0, 0x77, 0x35, 0x94, 0];
    let entry = only(&[with(with(header("old", b'0', 0), 136, &time), 108, &owner)]);
    assert_eq!(entry.modified, Time { seconds: -2, nanoseconds: 0 });
    assert_eq!(entry.uid, 2_000_000_000);
    for (at, what) in [(108, "owner"), (116, "group"), (124, "size")] {
        let field = if at == 124 { vec![0xff; 12] } else { vec![0xff; 8] };
        assert!(reason(&[with(header("x", b'0', 0), at, &field)]).contains(what));
    }
    assert!(reason(&[with(header("x", b'0', 0), 100, b"rw-r--r-")]).contains("mode"));
}

proptest::proptest! {
    #[test]
    fn any_bytes_get_the_same_answer_however_they_come(
        changes in proptest::collection::vec((0..6000usize, proptest::num::u8::ANY), 0..8),
        cut in 0..6000usize,
        piece in 1..2000usize,
        sign_all: bool,
    ) {
        let mut bytes = [tar(), sparse::old(), sparse::text()].concat();
        let length = bytes.len();
        for (at, byte) in changes {
            bytes[at % length] = byte;
        }
        if sign_all {
            bytes.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar").for_each(sign);
        }
        bytes.truncate(cut.max(3000));
        let said = |piece| decode(&bytes, piece).map_err(|error| error.to_string());
        proptest::prop_assert_eq!(said(piece), said(bytes.len().max(1)));
    }
}
