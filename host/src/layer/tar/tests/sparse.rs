//! Sparse files, in GNU tar's four forms.

use super::*;
use crate::layer::entry::Run;

fn gnu(name: &str, size: u64) -> Vec<u8> {
    with(header(name, b'S', size), 257, b"ustar  \0")
}

fn pair(offset: u64, size: u64) -> Vec<u8> {
    format!("{offset:011o}\0{size:011o}\0").into_bytes()
}

/// Six runs of data of which four are in the header, in a file of 100,000 bytes.
pub(super) fn old() -> Vec<u8> {
    let mut start = gnu("sparse", 600);
    for at in 0..4 {
        start = with(start, 386 + 24 * at, &pair(at as u64 * 1000, 100));
    }
    start = with(start, 482, &[1]);
    start = with(start, 483, format!("{:011o}\0", 100_000).as_bytes());
    let mut more = [pair(50_000, 150), pair(99_950, 50)].concat();
    more.resize(512, 0);
    [start, more, padded(&[1; 600])].concat()
}

/// The same in version 1.0.
pub(super) fn text() -> Vec<u8> {
    let records = [
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "sparse"),
        ("GNU.sparse.realsize", "100000"),
    ];
    let map = "6\n0\n100\n1000\n100\n2000\n100\n3000\n100\n50000\n150\n99950\n50\n";
    let data = [padded(map.as_bytes()), vec![1; 600]].concat();
    [pax(&records), header("GNUSparseFile.0/sparse", b'0', data.len() as u64), padded(&data)].concat()
}

fn in_header(version: &str, map: &[(&str, &str)]) -> Vec<u8> {
    let mut records = vec![("GNU.sparse.major", "0"), ("GNU.sparse.minor", version)];
    records.extend([("GNU.sparse.name", "sparse"), ("GNU.sparse.size", "100000")]);
    records.extend(map);
    [pax(&records), header("x", b'0', 600), padded(&[1; 600])].concat()
}

#[test]
fn every_form_of_a_sparse_file_is_the_same_file() {
    let run = |(offset, size)| Run { offset, size };
    let runs = [(0, 100), (1000, 100), (2000, 100), (3000, 100), (50_000, 150), (99_950, 50)].map(run);
    let pairs = runs.map(|run| (run.offset.to_string(), run.size.to_string()));
    let single: Vec<_> = pairs
        .iter()
        .flat_map(|(offset, size)| {
            [("GNU.sparse.offset", offset.as_str()), ("GNU.sparse.numbytes", size.as_str())]
        })
        .collect();
    let list = pairs.clone().map(|(offset, size)| format!("{offset},{size}")).join(",");
    for tar in [old(), text(), in_header("0", &single), in_header("1", &[("GNU.sparse.map", &list)])] {
        for piece in [1, 512, 700, 1 << 20] {
            let seen = decode(&tar, piece).unwrap();
            let (entry, at, content) = &seen[0];
            assert_eq!((entry.size, entry.stored_size(), entry.kind), (100_000, 600, Kind::File));
            assert_eq!(entry.path, b"sparse");
            assert_eq!(entry.sparse.as_deref(), Some(&runs[..]));
            assert_eq!(*at + padded(content).len() as u64, tar.len() as u64);
        }
    }
}

#[test]
fn a_map_that_lies_is_refused() {
    let one = |map: &str, stored: usize| {
        let records = [("GNU.sparse.map", map), ("GNU.sparse.size", "1000")];
        reason(&[pax(&records), header("x", b'0', stored as u64), padded(&vec![1; stored])])
    };
    assert!(one("900,101", 101).contains("past its end"));
    assert!(one("9223372036854775807,9223372036854775807", 10).contains("past its end"));
    assert!(one("500,10,100,10", 20).contains("not in order"));
    assert!(one("0,10,5,10", 20).contains("not in order"));
    assert!(one("0,10", 20).contains("does not agree"));
    assert!(one("0,30", 20).contains("does not agree"));
    assert!(one("0,30,5", 20).contains("incomplete"));
    assert!(one("0,-30", 20).contains("malformed"));
    let swapped = [("GNU.sparse.numbytes", "1"), ("GNU.sparse.offset", "0")];
    assert!(reason(&[pax(&swapped), header("x", b'0', 0)]).contains("out of order"));
    let unknown = [("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0")];
    assert!(reason(&[pax(&unknown), header("x", b'0', 0)]).contains("unknown version"));
    let link = [pax(&[("GNU.sparse.map", "0,0")]), header("x", b'2', 0)];
    assert!(reason(&link).contains("no file"));
    let posix = [with(header("x", b'S', 0), 483, b"00000000010\0")];
    assert!(reason(&posix).contains("no GNU header"));
}

#[test]
fn a_map_in_the_data_is_bounded_by_it() {
    let file = |data: &[u8], size: u64| {
        let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9000")];
        reason(&[pax(&records), header("x", b'0', size), padded(data)])
    };
    let cut = format!("{}\n", 400).repeat(200);
    assert!(file(cut.as_bytes(), 600).contains("longer than its data"));
    assert!(file(b"1\n0\n5\n", 100).contains("longer than its data"));
    assert!(file(&[b'1'; 1024], 1024).contains("no list of numbers"));
    assert!(file(b"99999999\n", 1024).contains("runs in a sparse file"));
    assert!(file(b"1\nx\ny\n", 512).contains("no list of numbers"));
    let nothing = entries(&[
        pax(&[("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9000")]),
        header("hole", b'0', 512),
        padded(b"0\n"),
    ]);
    let (entry, _, content) = &nothing.unwrap()[0];
    assert_eq!((entry.size, entry.stored_size(), content.len()), (9000, 0, 0));
}

#[test]
fn an_endless_map_ends() {
    let mut more = pair(0, 0).repeat(21);
    more.resize(512, 1);
    let start = with(with(gnu("x", 0), 482, &[1]), 386, &pair(0, 0));
    let tar = [start, more.repeat(4000)].concat();
    let error = decode(&tar, tar.len()).unwrap_err();
    assert!(matches!(error, TarError::TooLarge { limit: SPARSE_RUNS, .. }), "{error}");
    let list = "0,0,".repeat(SPARSE_RUNS + 1);
    let list = list.trim_end_matches(',');
    assert!(reason(&[pax(&[("GNU.sparse.map", list)]), header("x", b'0', 0)]).contains("too long"));
    // A map whose numbers are padded has few runs and much text.
    let text = format!("60000\n{}", format!("{:019}\n", 0).repeat(120_000));
    let records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0")];
    let tar = [pax(&records), header("x", b'0', 3 << 20), padded(text.as_bytes())];
    assert!(matches!(entries(&tar), Err(TarError::TooLarge { limit: MAP, .. })));
}
