use super::*;
use crate::layer::entry::{Entry, Kind, Run, Time};
use crate::layer::tar::Visitor as _;

fn file(path: &str, size: u64) -> Entry {
    let modified = Time { seconds: 1_700_000_000, nanoseconds: 5 };
    Entry { path: path.into(), size, mode: 0o644, gid: 1000, modified, ..Entry::default() }
}

fn directory(path: &str) -> Entry {
    Entry { kind: Kind::Directory, mode: 0o755, ..file(path, 0) }
}

/// Entries one after the other, each with one header; every content is its path over and over.
fn build(entries: &[Entry]) -> (Vec<u8>, Digest) {
    let mut builder = Builder::new();
    let mut at = 0;
    for entry in entries {
        at += 512;
        builder.entry(entry, at).unwrap();
        let stored = entry.stored_size();
        let content: Vec<u8> = entry.path.iter().copied().cycle().take(stored as usize).collect();
        content.chunks(7).for_each(|piece| builder.content(piece).unwrap());
        at += stored.next_multiple_of(512);
    }
    let diff_id = Digest::of(b"a layer");
    (builder.finish(&diff_id, at + 1024).unwrap(), diff_id)
}

fn sample() -> Vec<Entry> {
    let sparse = Some(vec![Run { offset: 10, size: 20 }, Run { offset: 100, size: 5 }]);
    vec![
        directory("./"),
        directory("a/"),
        file("a/b", 10),
        file("a.txt", 0),
        Entry { kind: Kind::Symlink, link: b"../x".to_vec(), ..file("a/link", 0) },
        Entry { kind: Kind::CharDevice, device: (1, 300), ..file("/dev/null", 0) },
        Entry { xattrs: vec![(b"user.a".to_vec(), b"\0b".to_vec())], ..file("./a//z", 600) },
        Entry { sparse, ..file("a/sparse", 200) },
        file("a/b", 3000),
        Entry { modified: Time { seconds: -1, nanoseconds: 0 }, uid: 2_000_000_000, ..file("ab/c", 1) },
        file("a/b/below a file", 1),
    ]
}

#[test]
fn what_was_put_in_comes_out() {
    let entries = sample();
    let (bytes, diff_id) = build(&entries);
    let index = Index::open(bytes, &diff_id).unwrap();
    assert_eq!((index.len(), index.diff_id()), (entries.len(), &diff_id));
    let mut next = 0;
    for (position, entry) in entries.iter().enumerate() {
        let record = index.get(position);
        assert_eq!(record.entry(), *entry);
        assert_eq!((record.header, record.content), (next, next + 512));
        assert_eq!(record.digest.is_some(), entry.kind == Kind::File);
        next = (record.content + record.stored_size()).next_multiple_of(512);
    }
    let expanded =
        |offset: usize| if (10..30).contains(&offset) || (100..105).contains(&offset) { 1 } else { 0 };
    let mut content: Vec<u8> = (0..200).map(expanded).collect();
    let data: Vec<u8> = b"a/sparse".iter().copied().cycle().take(25).collect();
    content.iter_mut().filter(|byte| **byte == 1).zip(data).for_each(|(byte, data)| *byte = data);
    assert_eq!(index.get(7).digest, Some(FileDigest(*blake3::hash(&content).as_bytes())));
}

#[test]
fn the_last_entry_of_a_path_is_found_by_the_cleaned_path() {
    let (bytes, diff_id) = build(&sample());
    let index = Index::open(bytes, &diff_id).unwrap();
    for (path, position) in [("", 0), ("a", 1), ("a/b", 8), ("a/z", 6), ("dev/null", 5), ("ab/c", 9)] {
        assert_eq!(index.find(path.as_bytes()), Some(position), "{path}");
    }
    for path in ["b", "a/", "a/c", "ab", "dev", "zzz", "a/b/c", "\0"] {
        // A trailing slash is no component.
        assert_eq!(index.find(path.as_bytes()), (path == "a/").then_some(1), "{path}");
    }
}

#[test]
fn what_is_below_a_directory_comes_in_the_order_of_components() {
    let (bytes, diff_id) = build(&sample());
    let index = Index::open(bytes, &diff_id).unwrap();
    let below = |path: &str| index.below(path.as_bytes()).collect::<Vec<_>>();
    assert_eq!(below(""), [1, 2, 8, 10, 4, 7, 6, 3, 9, 5]);
    assert_eq!(below("a"), [2, 8, 10, 4, 7, 6]);
    assert_eq!(below("a/b"), [10]);
    assert_eq!(below("ab"), [9]);
    assert!(below("a.txt").is_empty() && below("b").is_empty() && below("zz").is_empty());
}

#[test]
fn large_holes_have_no_digest() {
    let hole = |path, size| Entry { sparse: Some(Vec::new()), ..file(path, size) };
    let (bytes, diff_id) = build(&[hole("huge", u64::MAX / 2), hole("small", 1000), file("f", 1)]);
    let index = Index::open(bytes, &diff_id).unwrap();
    assert!(index.get(0).digest.is_none() && index.get(1).digest.is_some() && index.get(2).digest.is_some());
}

#[test]
fn an_index_of_another_layer_or_version_is_none() {
    let (bytes, diff_id) = build(&sample());
    let other = Digest::of(b"another");
    assert!(matches!(Index::open(bytes.clone(), &other), Err(IndexError::OtherLayer { .. })));
    let mut newer = bytes.clone();
    newer[7] += 1;
    assert!(matches!(Index::open(newer, &diff_id), Err(IndexError::Version { .. })));
    assert!(matches!(Index::open(b"something".to_vec(), &diff_id), Err(IndexError::Damaged { .. })));
    let (empty, _) = build(&[]);
    let empty = Index::open(empty, &diff_id).unwrap();
    assert!(empty.is_empty() && empty.find(b"").is_none() && empty.below(b"").count() == 0);
}

/// Bytes with a checksum that fits.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let body = bytes.len() - CHECKSUM;
    let checksum = *blake3::hash(&bytes[..body]).as_bytes();
    bytes[body..].copy_from_slice(&checksum);
    bytes
}

fn use_all(index: &Index) {
    for position in 0..index.len() {
        let record = index.get(position);
        let (_, path) = (record.entry(), record.path.to_vec());
        index.find(&path);
        index.below(&path).count();
        assert!(record.content + record.stored_size() <= index.size());
    }
}

proptest::proptest! {
    #[test]
    fn a_changed_bit_is_found(at in 0..10_000usize, bit in 0..8u8) {
        let (mut bytes, diff_id) = build(&sample());
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        proptest::prop_assert!(Index::open(bytes, &diff_id).is_err());
    }

    #[test]
    fn a_cut_index_is_found(length in 0..10_000usize) {
        let (mut bytes, diff_id) = build(&sample());
        bytes.truncate(length % bytes.len());
        proptest::prop_assert!(Index::open(bytes, &diff_id).is_err());
    }

    #[test]
    fn an_index_that_lies_harms_nobody(
        changes in proptest::collection::vec((0..10_000usize, proptest::num::u8::ANY), 1..6),
    ) {
        let (mut bytes, _) = build(&sample());
        let length = bytes.len() - CHECKSUM;
        for (at, byte) in changes {
            bytes[at % length] = byte;
        }
        if let Ok(index) = Index::read(sealed(bytes)) {
            use_all(&index);
        }
    }
}

proptest::proptest! {
    #[test]
    fn entries_are_in_the_order_of_their_components_however_they_are_written(
        paths in proptest::collection::vec("(\\./|/|//)?[a-c.!0é]{1,9}((/|//|/\\./)[a-c.!0]{1,9}){0,3}(/|//|/\\.)?", 0..40),
    ) {
        let entries: Vec<Entry> = paths.iter().map(|path| directory(path)).collect();
        let (bytes, diff_id) = build(&entries);
        let index = Index::open(bytes, &diff_id).unwrap();
        let found: Vec<usize> = (0..index.len()).map(|rank| index.in_order(rank)).collect();
        let mut wanted: Vec<usize> = (0..paths.len()).collect();
        let key = |at: &usize| components(paths[*at].as_bytes()).collect::<Vec<_>>();
        wanted.sort_by(|a, b| key(a).cmp(&key(b)).then(a.cmp(b)));
        proptest::prop_assert_eq!(found, wanted);
    }
}
