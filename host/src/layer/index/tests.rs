#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering as Atomic};

use super::sorted::{Limits, Sorted};
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
fn built<'a>(entries: impl IntoIterator<Item = &'a Entry>, scratch: Scratch) -> (Arc<dyn ReadAt>, Digest) {
    let mut builder = Builder::new(scratch);
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

fn build(entries: &[Entry]) -> (Vec<u8>, Digest) {
    let (built, diff_id) = built(entries, Scratch::default());
    (read_exact_at(&*built, 0, built.size() as usize).unwrap(), diff_id)
}

fn open(bytes: Vec<u8>, diff_id: &Digest) -> Result<Index, IndexError> {
    Index::open(Arc::new(bytes), diff_id)
}

fn indexed(entries: &[Entry]) -> Index {
    let (bytes, diff_id) = build(entries);
    open(bytes, &diff_id).unwrap()
}

/// Which of the entries each of these is, in the order of the tar.
fn numbers(index: &Index, records: impl Iterator<Item = Result<Record, IndexError>>) -> Vec<usize> {
    let mut headers: Vec<u64> = index.entries().map(|record| record.unwrap().header).collect();
    headers.sort();
    records.map(|record| headers.binary_search(&record.unwrap().header).unwrap()).collect()
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
    let index = indexed(&entries);
    assert_eq!((index.len(), index.diff_id()), (entries.len(), &Digest::of(b"a layer")));
    let mut records: Vec<Record> = index.entries().map(Result::unwrap).collect();
    for (position, record) in records.iter().enumerate() {
        assert_eq!(record.position, position);
        assert_eq!(index.get(position).unwrap().entry(), record.entry());
    }
    records.sort_by_key(|record| record.header);
    let mut next = 0;
    for (record, entry) in records.iter().zip(&entries) {
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
    assert_eq!(records[7].digest, Some(FileDigest(*blake3::hash(&content).as_bytes())));
    assert!(index.get(entries.len()).is_err());
}

#[test]
fn the_last_entry_of_a_path_is_found_by_the_path() {
    let index = indexed(&sample());
    let found = |path: &str| numbers(&index, index.find(path.as_bytes()).unwrap().into_iter().map(Ok));
    for (path, number) in [("", 0), ("a", 1), ("a/b", 8), ("a/z", 6), ("dev/null", 5), ("ab/c", 9)] {
        assert_eq!(found(path), [number], "{path}");
    }
    for path in ["b", "a/", "a/c", "ab", "dev", "zzz", "a/b/c", "\0"] {
        // A trailing slash is no component.
        let wanted: &[usize] = if path == "a/" { &[1] } else { &[] };
        assert_eq!(found(path), wanted, "{path}");
    }
    assert_eq!(numbers(&index, index.all(b"a/b").unwrap()), [2, 8]);
}

#[test]
fn what_is_below_a_directory_comes_in_the_order_of_components() {
    let index = indexed(&sample());
    let below = |path: &str| numbers(&index, index.below(path.as_bytes()).unwrap());
    assert_eq!(below(""), [1, 2, 8, 10, 4, 7, 6, 3, 9, 5]);
    assert_eq!(below("a"), [2, 8, 10, 4, 7, 6]);
    assert_eq!(below("a/b"), [10]);
    assert_eq!(below("ab"), [9]);
    assert!(below("a.txt").is_empty() && below("b").is_empty() && below("zz").is_empty());
}

#[test]
fn whiteouts_are_found_by_what_they_are_about() {
    let names = ["d/", "d/.wh.x", "./d//.wh..wh..opq", "d/x", ".wh..wh.plnk", "d/.wh.", ".wh.d/a"];
    let index = indexed(&names.map(|name| file(name, 0)));
    let at = |path: &str| {
        let found: Vec<Record> = index.at(path.as_bytes()).unwrap().map(Result::unwrap).collect();
        found.iter().map(|record| (record.entry().path, record.mark)).collect::<Vec<_>>()
    };
    let told = |number: usize, mark| (names[number].as_bytes().to_vec(), mark);
    assert_eq!(at("d"), [told(0, None), told(2, Some(Mark::Opaque))]);
    assert_eq!(at("d/x"), [told(1, Some(Mark::Whiteout)), told(3, None)]);
    assert_eq!(at(".wh..wh.plnk"), [told(4, Some(Mark::Nothing))]);
    assert_eq!(at("d/.wh."), [told(5, Some(Mark::Nothing))]);
    // What is below such a name is a file's.
    assert_eq!(at(".wh.d/a"), [told(6, None)]);
    // By its own path it is found as well, and nothing else is.
    for (number, name) in names.iter().enumerate() {
        assert_eq!(numbers(&index, index.all(name.as_bytes()).unwrap()), [number], "{name}");
    }
    assert!(index.find(b".wh.nothing").unwrap().is_none());
}

#[test]
fn large_holes_have_no_digest() {
    let hole = |path, size| Entry { sparse: Some(Vec::new()), ..file(path, size) };
    let index = indexed(&[hole("huge", u64::MAX / 2), hole("small", 1000), file("f", 1)]);
    let has_digest = |path: &str| index.find(path.as_bytes()).unwrap().unwrap().digest.is_some();
    assert!(!has_digest("huge") && has_digest("small") && has_digest("f"));
}

#[test]
fn an_index_of_another_layer_or_version_is_none() {
    let (bytes, diff_id) = build(&sample());
    let other = Digest::of(b"another");
    assert!(matches!(open(bytes.clone(), &other), Err(IndexError::OtherLayer { .. })));
    let mut newer = bytes.clone();
    newer[7] += 1;
    assert!(matches!(open(newer, &diff_id), Err(IndexError::Version { .. })));
    assert!(matches!(open(b"something".to_vec(), &diff_id), Err(IndexError::Damaged { .. })));
    let (empty, _) = build(&[]);
    let empty = open(empty, &diff_id).unwrap();
    assert!(empty.is_empty() && empty.find(b"").unwrap().is_none() && empty.below(b"").unwrap().count() == 0);
}

/// In an order that is not that of paths, with paths that come twice, and long ones.
fn many(count: usize) -> impl Iterator<Item = Entry> {
    (0..count).map(move |number| {
        let number = number * 7919 % count / 2 * 2;
        let padding = "p".repeat(number % 150);
        file(&format!("directory-{}/{}/{padding}file-{number}", number % 97, number % 13), 0)
    })
}

/// A place for what does not fit into memory, and how many files were made there.
fn counted_scratch() -> (Scratch, Arc<AtomicU64>) {
    let (count, counted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let noted = counted.clone();
    let scratch = Scratch::new(move || {
        count.fetch_add(1, Atomic::Relaxed);
        noted.store(count.load(Atomic::Relaxed), Atomic::Relaxed);
        tempfile::tempfile()
    });
    (scratch, counted)
}

#[test]
fn what_does_not_fit_into_memory_gives_the_same_index() {
    let entries: Vec<Entry> = many(60_000).collect();
    let (in_memory, diff_id) = built(&entries, Scratch::default());
    let (scratch, files) = counted_scratch();
    let (in_file, _) = built(&entries, scratch);
    assert_eq!(files.load(Atomic::Relaxed), 2, "the records, and the index");
    let all = |built: &Arc<dyn ReadAt>| read_exact_at(&**built, 0, built.size() as usize).unwrap();
    assert!(all(&in_memory) == all(&in_file));
    let index = Index::open(in_file, &diff_id).unwrap();
    let mut last: Option<Record> = None;
    for record in index.entries().map(Result::unwrap) {
        let ordered = last.is_none_or(|last| {
            order(last.key(), record.key()).then(last.header.cmp(&record.header)) == Ordering::Less
        });
        assert!(ordered, "{record:?}");
        last = Some(record);
    }
    assert_eq!(last.unwrap().position + 1, entries.len());
    for (number, entry) in entries.iter().enumerate().step_by(997) {
        let found: Vec<Record> = index.all(&entry.path).unwrap().map(Result::unwrap).collect();
        assert!(found.iter().any(|found| found.header == 512 * number as u64), "{number}");
    }
}

#[test]
fn runs_are_joined_where_there_are_many() {
    for (held, runs) in [(1000, 2), (5000, 3), (20_000, 256), (400_000, 256)] {
        let (scratch, files) = counted_scratch();
        let mut sorted = Sorted::new(scratch, Limits { held, runs });
        let entries: Vec<Entry> = many(3_000).collect();
        for (number, entry) in entries.iter().enumerate() {
            let header = 512 * number as u64;
            sorted.add(|out| record::write(out, entry, header, header + 512, false)).unwrap();
        }
        let mut found: Vec<Vec<u8>> = Vec::new();
        let taken = sorted.each(|record| {
            found.push(record.to_vec());
            Ok(())
        });
        taken.unwrap();
        assert_eq!(found.len(), entries.len());
        let mut wanted: Vec<(Vec<u8>, usize)> = Vec::new();
        wanted.extend(entries.iter().enumerate().map(|(number, entry)| (entry.path.clone(), number)));
        wanted.sort_by(|a, b| order(&a.0, &b.0).then(a.1.cmp(&b.1)));
        for (found, (path, number)) in found.iter().zip(wanted) {
            let mut record = Vec::new();
            let header = 512 * number as u64;
            record::write(&mut record, &entries[number], header, header + 512, false);
            assert_eq!(record::key_at(found, 0), Some(&*path));
            assert!(*found == record);
        }
        assert_eq!(files.load(Atomic::Relaxed) > 1, runs < 256, "{held}, {runs}");
    }
}

#[test]
fn where_nothing_can_be_written_it_stays_in_memory_and_where_that_fails_there_is_no_index() {
    let entries: Vec<Entry> = many(60_000).collect();
    let nowhere = Scratch::new(|| Err(io::ErrorKind::PermissionDenied.into()));
    let index = Index::open(built(&entries, nowhere).0, &Digest::of(b"a layer")).unwrap();
    assert_eq!(index.len(), entries.len());
    let full = Scratch::new(|| std::fs::File::options().read(true).write(true).open("/dev/full"));
    let mut builder = Builder::new(full);
    for (number, entry) in entries.iter().enumerate() {
        builder.entry(entry, 512 * (number as u64 + 1)).unwrap();
    }
    assert!(builder.finish(&Digest::of(b"a layer"), 1 << 30).is_err());
}

/// Counts what is read of it.
struct Counted(Arc<dyn ReadAt>, AtomicU64);

impl ReadAt for Counted {
    fn size(&self) -> u64 {
        self.0.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read_at(offset, buffer)?;
        self.1.fetch_add(read as u64, Atomic::Relaxed);
        Ok(read)
    }
}

#[test]
fn a_look_up_reads_few_blocks_and_a_walk_each_of_them_once() {
    let entries: Vec<Entry> = many(60_000).collect();
    let (built, diff_id) = built(&entries, Scratch::default());
    let counted = Arc::new(Counted(built, AtomicU64::new(0)));
    let index = Index::open(counted.clone(), &diff_id).unwrap();
    let read = |work: &dyn Fn()| {
        let before = counted.1.load(Atomic::Relaxed);
        work();
        counted.1.load(Atomic::Relaxed) - before
    };
    assert!(read(&|| assert!(index.find(&entries[30_000].path).unwrap().is_some())) < 40 << 10);
    assert_eq!(read(&|| assert!(index.find(&entries[30_000].path).unwrap().is_some())), 0);
    assert!(read(&|| assert_eq!(index.entries().count(), entries.len())) < counted.size());
}

#[test]
fn where_a_block_is_damaged_one_that_is_made_again_is_gone_on_with() {
    let entries: Vec<Entry> = many(5_000).collect();
    let (sound, diff_id) = build(&entries);
    let (mut bytes, other) = (sound.clone(), build(&entries[1..]).0);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    let count = |index: Index| index.entries().collect::<Result<Vec<_>, _>>().map(|records| records.len());
    let again = |made: Option<Vec<u8>>| {
        let (made, index) = (made.map(Arc::new), open(bytes.clone(), &diff_id).unwrap());
        count(index.or_again(move || Some(made.clone()? as Arc<dyn ReadAt>)))
    };
    assert_eq!(again(Some(sound)).unwrap(), entries.len());
    for made in [None, Some(bytes.clone()), Some(other)] {
        assert!(matches!(again(made), Err(IndexError::Damaged { .. })));
    }
    assert!(matches!(count(open(bytes.clone(), &diff_id).unwrap()), Err(IndexError::Damaged { .. })));
}

#[test]
fn long_paths_at_the_beginning_of_blocks_are_told_apart() {
    // All of them begin alike, for longer than the table says.
    let entries: Vec<Entry> =
        (0..500).map(|number| file(&format!("{}{:04}", "n/".repeat(400), number * 7 % 500), 0)).collect();
    let index = indexed(&entries);
    for (number, entry) in entries.iter().enumerate() {
        assert_eq!(index.find(&entry.path).unwrap().unwrap().header, 512 * number as u64);
    }
    assert!(index.find(format!("{}x", "n/".repeat(400)).as_bytes()).unwrap().is_none());
}

/// Bytes with checksums that fit, as far as there are blocks where the table says.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - CHECKSUM;
    let tail = end - TAIL;
    let table = usize::try_from(number(&bytes, tail)).unwrap_or(usize::MAX);
    let Some(start) = tail.checked_sub(table).filter(|start| *start >= 8) else { return bytes };
    let (mut at, mut block) = (start, 8usize);
    while let Some(entry) = bytes.get(at..tail).and_then(|rest| rest.first_chunk::<41>()).copied() {
        let length = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]) as usize;
        let Some(content) = block.checked_add(length).and_then(|end| bytes.get(block..end)) else { break };
        let checksum = *blake3::hash(content).as_bytes();
        bytes[at + 8..at + 40].copy_from_slice(&checksum);
        (at, block) = (at + 41 + usize::from(entry[40]), block + length);
    }
    let checksum = checksum(&bytes[start..end]);
    bytes[end..].copy_from_slice(&checksum);
    bytes
}

fn use_all(index: &Index) {
    for position in 0..index.len().min(100) {
        let Ok(record) = index.get(position) else { continue };
        let _ = (record.entry(), index.find(&record.path()).is_ok());
        let _ = index.below(record.key()).map(Iterator::count);
        let _ = index.at(record.key()).map(Iterator::count);
        assert!(record.content + record.stored_size() <= index.size());
    }
}

proptest::proptest! {
    #[test]
    fn a_changed_bit_is_found(at in 0..10_000usize, bit in 0..8u8) {
        let (mut bytes, diff_id) = build(&sample());
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        proptest::prop_assert!(open(bytes, &diff_id).and_then(|index| index.verify()).is_err());
    }

    #[test]
    fn a_cut_index_is_found(length in 0..10_000usize) {
        let (mut bytes, diff_id) = build(&sample());
        bytes.truncate(length % bytes.len());
        proptest::prop_assert!(open(bytes, &diff_id).is_err());
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
        if let Ok(index) = Index::read(Arc::new(sealed(bytes))) {
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
        let index = indexed(&entries);
        let found = numbers(&index, index.entries());
        let mut wanted: Vec<usize> = (0..paths.len()).collect();
        let key = |at: &usize| {
            let components = paths[*at].split('/').filter(|component| !component.is_empty() && *component != ".");
            components.map(str::as_bytes).collect::<Vec<_>>()
        };
        wanted.sort_by(|a, b| key(a).cmp(&key(b)).then(a.cmp(b)));
        proptest::prop_assert_eq!(found, wanted);
    }
}
