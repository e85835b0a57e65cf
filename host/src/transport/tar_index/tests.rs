use std::io::Write;

use super::*;

/// A ustar header with content and padding.
fn entry(name: &[u8], kind: u8, link: &[u8], size_field: &[u8], data: &[u8]) -> Vec<u8> {
    let mut block = [0u8; 512];
    block[..name.len()].copy_from_slice(name);
    block[124..124 + size_field.len()].copy_from_slice(size_field);
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link);
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut out = block.to_vec();
    out.extend_from_slice(data);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn file(name: &str, data: &[u8]) -> Vec<u8> {
    entry(name.as_bytes(), b'0', b"", format!("{:011o}", data.len()).as_bytes(), data)
}

fn special(kind: u8, data: &[u8]) -> Vec<u8> {
    entry(b"././@LongLink", kind, b"", format!("{:011o}", data.len()).as_bytes(), data)
}

fn link(name: &str, kind: u8, target: &str) -> Vec<u8> {
    entry(name.as_bytes(), kind, target.as_bytes(), b"00000000000", b"")
}

fn on_disk(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn index_of(bytes: &[u8]) -> Result<TarIndex, TarError> {
    TarIndex::read(&on_disk(bytes), bytes.len() as u64, &["manifest.json"], Limits::default())
}

fn index(parts: &[Vec<u8>]) -> Result<TarIndex, TarError> {
    let mut bytes = parts.concat();
    bytes.resize(bytes.len() + 1024, 0);
    index_of(&bytes)
}

#[test]
fn names_are_cleaned_and_found() {
    let tar = index(&[file("./a/./b", b"x"), file("c//d", b"yy")]).unwrap();
    assert_eq!(tar.find("a/b").unwrap(), Some(Extent { offset: 512, size: 1 }));
    assert_eq!(tar.find("./c/d").unwrap(), Some(Extent { offset: 1536, size: 2 }));
    assert_eq!(tar.find("a").unwrap(), None);
    assert_eq!(tar.cut_at(), None);
}

#[test]
fn absolute_and_climbing_names_are_refused() {
    for name in ["/etc/passwd", "../x", "a/../../b", "a/.."] {
        let error = index(&[file("ok", b""), file(name, b"")]).unwrap_err();
        assert!(
            matches!(&error, TarError::UnsafeName { offset: 512, name: found } if found == name),
            "{error}"
        );
    }
}

#[test]
fn links_are_followed_within_the_archive() {
    let tar = index(&[
        file("layer.tar", b"abc"),
        link("old/layer.tar", b'2', "../layer.tar"),
        link("hard", b'1', "./layer.tar"),
        link("twice", b'2', "hard"),
        link("out", b'2', "../../etc/passwd"),
        link("absolute", b'2', "/etc/passwd"),
        link("loop", b'2', "loop"),
        link("dangling", b'2', "nothing"),
    ])
    .unwrap();
    for name in ["old/layer.tar", "hard", "twice"] {
        assert_eq!(tar.find(name).unwrap(), Some(Extent { offset: 512, size: 3 }), "{name}");
    }
    for name in ["out", "absolute", "loop", "dangling"] {
        assert!(matches!(tar.find(name), Err(TarError::BadLink { .. })), "{name}");
    }
}

#[test]
fn a_truncated_archive_names_the_entry_and_the_byte() {
    let bytes = [file("first", b"1"), file("second", &[7; 2000])].concat();
    let error = index_of(&bytes[..2000]).unwrap_err();
    let TarError::Truncated { name, wanted, found } = error else { panic!("{error}") };
    assert_eq!((name.as_str(), wanted, found), ("second", 1024 + 512 + 2000, 2000));
    assert!(matches!(index_of(&bytes[..1100]), Err(TarError::Truncated { wanted: 1536, found: 1100, .. })));
}

#[test]
fn an_archive_cut_between_entries_says_so() {
    let bytes = [file("first", b"1"), file("second", b"2")].concat();
    assert_eq!(index_of(&bytes[..1024]).unwrap().cut_at(), Some(1024));
}

#[test]
fn a_second_manifest_is_refused_and_other_repeats_take_the_later() {
    let error = index(&[file("manifest.json", b"[]"), file("./manifest.json", b"[1]")]).unwrap_err();
    assert!(matches!(error, TarError::Duplicate { first: 0, second: 1024, .. }), "{error}");
    let tar = index(&[file("x", b"[]"), file("x", b"[1]")]).unwrap();
    assert_eq!(tar.find("x").unwrap(), Some(Extent { offset: 1536, size: 3 }));
}

#[test]
fn gnu_long_names_and_pax_records_count() {
    let long = "d/".repeat(150) + "end";
    let record = |key: &str, value: &str| {
        let body = format!(" {key}={value}\n");
        let length = (1..).find(|length| length.to_string().len() + body.len() == *length).unwrap();
        format!("{length}{body}").into_bytes()
    };
    let pax = [record("path", "pax/name"), record("size", "5")].concat();
    let tar = index(&[
        special(b'L', &[long.as_bytes(), b"\0"].concat()),
        file("cut", b"abc"),
        special(b'x', &pax),
        entry(b"short", b'0', b"", b"00000000000", b"hello"),
        special(b'g', &record("comment", "no matter")),
        file("last", b""),
    ])
    .unwrap();
    assert_eq!(tar.find(&long).unwrap().unwrap().size, 3);
    assert_eq!(tar.find("pax/name").unwrap().unwrap().size, 5);
    assert!(tar.contains("last"));
    assert!(!tar.contains("cut") && !tar.contains("short"));
}

#[test]
fn sizes_over_eight_gibibytes_are_read() {
    let mut field = [0u8; 12];
    field[0] = 0x80;
    field[4..].copy_from_slice(&(10u64 << 30).to_be_bytes());
    let bytes = entry(b"big", b'0', b"", &field, b"");
    let file = on_disk(&bytes);
    file.set_len((10 << 30) + 2048).unwrap();
    let tar = TarIndex::read(&file, (10 << 30) + 2048, &[], Limits::default()).unwrap();
    assert_eq!(tar.find("big").unwrap(), Some(Extent { offset: 512, size: 10 << 30 }));
}

#[test]
fn what_is_not_a_tar_is_said_so() {
    let mut bytes = file("a", b"b");
    bytes[0] = b'z';
    assert!(matches!(index_of(&bytes), Err(TarError::BadHeader { offset: 0, .. })));
    let error = index(&[entry(b"n", b'0', b"", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"")]);
    assert!(matches!(error, Err(TarError::BadHeader { .. })));
    let sparse = [special(b'x', b"22 GNU.sparse.map=0,0\n"), file("s", b"")];
    assert!(matches!(index(&sparse), Err(TarError::Unsupported { .. })));
}

#[test]
fn a_flood_of_entries_or_a_huge_extended_header_stops() {
    let many: Vec<u8> = std::iter::repeat_n(file("a", b""), 20).flatten().collect();
    let limits = Limits { entries: 10, ..Limits::default() };
    let read = TarIndex::read(&on_disk(&many), many.len() as u64, &[], limits);
    assert!(matches!(read, Err(TarError::TooLarge { what: "entries", limit: 10 })));
    let huge = entry(b"x", b'x', b"", b"77777777777", b"");
    assert!(matches!(index_of(&huge), Err(TarError::TooLarge { .. })));
}

proptest::proptest! {
    #[test]
    fn any_bytes_give_an_index_or_an_error(mut bytes: Vec<u8>, at in 0usize..1500, with: u8) {
        let _ = index_of(&bytes);
        bytes = [file("manifest.json", b"[]"), link("l", b'2', "../manifest.json")].concat();
        bytes[at % 1536] = with;
        if let Ok(tar) = index_of(&bytes) {
            let _ = tar.find("l");
        }
    }
}
