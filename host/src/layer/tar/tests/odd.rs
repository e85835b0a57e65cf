//! What nobody writes but those who want readers to disagree, and what old programs wrote.

use super::*;

#[test]
fn only_files_have_content_whatever_their_size_says() {
    for kind in b'1'..=b'6' {
        let seen = entries(&[pax(&[("size", "700")]), header("a", kind, 600), header("b", b'0', 0)]).unwrap();
        assert_eq!(seen.iter().map(|seen| seen.0.size).collect::<Vec<_>>(), [0, 0]);
    }
    let seen = entries(&[header("a", b'7', 5), padded(b"12345"), header("old/", 0, 5)]).unwrap();
    assert_eq!(seen[0].2, b"12345");
    assert_eq!((seen[1].0.kind, seen[1].0.size), (Kind::Directory, 0));
}

#[test]
fn of_two_sizes_that_of_pax_counts() {
    let smuggled = [header("smuggled", b'0', 0), vec![0; 512]].concat();
    let tar = [pax(&[("size", "1024")]), header("outer", b'0', 0), smuggled];
    let seen = entries(&tar).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0].0.path[..], seen[0].2.len()), (&b"outer"[..], 1024));
}

#[test]
fn a_pax_header_is_for_the_next_entry_and_no_other_header() {
    // A long name between them has its own size, and the entry the one from pax.
    let tar = [pax(&[("size", "3")]), extended(b'L', b"long"), header("x", b'0', 0), padded(b"abc")];
    let entry = only(&tar);
    assert_eq!((&entry.path[..], entry.size), (&b"long"[..], 3));
    let seen =
        entries(&[pax(&[("path", "first")]), header("x", b'0', 0), header("second", b'0', 0)]).unwrap();
    assert_eq!(seen[1].0.path, b"second");
    assert!(reason(&[pax(&[]), extended(b'g', b""), header("x", b'0', 0)]).contains("between"));
}

#[test]
fn headers_on_which_readers_differ_are_refused() {
    for kind in [b'x', b'L', b'K'] {
        let bytes = if kind == b'x' { record("comment", b"x") } else { b"name".to_vec() };
        let twice = [extended(kind, &bytes), extended(kind, &bytes), header("x", b'0', 0)];
        assert!(reason(&twice).contains("twice"));
    }
    let two_names = |pax_name| [extended(b'L', b"one"), pax(&[("path", pax_name)]), header("x", b'0', 0)];
    assert!(reason(&two_names("two")).contains("not the same"));
    assert_eq!(only(&two_names("one")).path, b"one");
    for said in [("path", "all"), ("linkpath", "all"), ("size", "5"), ("GNU.sparse.map", "0,1")] {
        let global = extended(b'g', &record(said.0, said.1.as_bytes()));
        let error = entries(&[global, header("x", b'0', 0)]).unwrap_err();
        assert!(matches!(error, TarError::Unsupported { .. }), "{error}");
    }
    let both = with(header("x", b'S', 0), 257, b"ustar  \0");
    assert!(reason(&[pax(&[("GNU.sparse.map", "0,0")]), both]).contains("two maps"));
}

#[test]
fn a_global_header_changes_no_entry() {
    let global = extended(b'g', &[record("comment", b"of git"), record("mtime", b"5")].concat());
    let seen = entries(&[global.clone(), header("a", b'0', 0), global, header("b", b'0', 0)]).unwrap();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].0.modified, Time::default());
}

#[test]
fn names_end_at_nul_or_are_refused() {
    assert_eq!(only(&[with(header("name", b'0', 0), 5, b"behind")]).path, b"name");
    assert_eq!(only(&[extended(b'L', b"long\0behind"), header("x", b'0', 0)]).path, b"long");
    assert!(reason(&[pax(&[("path", "a\0b")]), header("x", b'0', 0)]).contains("NUL"));
    assert!(reason(&[pax(&[("linkpath", "a\0b")]), header("x", b'2', 0)]).contains("NUL"));
    assert!(reason(&[pax(&[("SCHILY.xattr.user\0", "b")]), header("x", b'2', 0)]).contains("malformed"));
}

#[test]
fn names_are_bytes() {
    let name = [0xff, 0xfe, b'/', 0xe4];
    assert_eq!(only(&[with(header("", b'0', 0), 0, &name)]).path, name);
    assert_eq!(only(&[extended(b'x', &record("path", &name)), header("x", b'0', 0)]).path, name);
    assert_eq!(only(&[header("", b'0', 0)]).path, b"");
    assert_eq!(only(&[header("/../..", b'5', 0)]).path, b"/../..");
    // A full field has no NUL.
    let full = "n".repeat(100);
    assert_eq!(only(&[header(&full, b'0', 0)]).path, full.as_bytes());
}

#[test]
fn malformed_records_are_refused() {
    let tar = |bytes: &[u8]| entries(&[extended(b'x', bytes), header("x", b'0', 0)]);
    for bad in [
        &b"x path=a\n"[..],
        b"9 path=abc",
        b"99 path=a\n",
        b"9 path=a_\n",
        b"0 a=b\n",
        b"-1 a=b\n",
        b"4 a\n\n",
        b"6 =ab\n",
        b"11 size=-12\n",
        b"10 uid=0x\n",
        b"12 mtime=1,5\n",
        b"11 mtime=a\n",
        b"28 size=9223372036854775808\n",
        b"26 LIBARCHIVE.xattr.a=???\n",
        b"24 LIBARCHIVE.xattr.%=a\n",
    ] {
        let error = tar(bad).unwrap_err();
        assert!(matches!(error, TarError::BadHeader { offset: 0, .. }), "{error}");
    }
    assert!(tar(b"9 path=a\n\0\0\0\0").is_ok());
}

#[test]
fn endless_records_and_names_end() {
    for kind in [b'x', b'g', b'L', b'K'] {
        let error = entries(&[header("x", kind, (EXTENDED + 1) as u64)]).unwrap_err();
        assert!(matches!(error, TarError::TooLarge { limit: EXTENDED, .. }), "{error}");
    }
    let long = vec![b'n'; NAME + 1];
    let error = entries(&[extended(b'L', &long), header("x", b'0', 0)]).unwrap_err();
    assert!(matches!(error, TarError::TooLarge { limit: NAME, .. }), "{error}");
    let many: Vec<_> = (0..5000).map(|at| record(&format!("SCHILY.xattr.user.{at}"), b"x")).collect();
    assert!(reason(&[extended(b'x', &many.concat()), header("x", b'0', 0)]).contains("too many"));
}

#[test]
fn a_header_of_version_seven_has_neither_prefix_nor_device() {
    let old = with(header("dev", b'3', 0), 257, &[0; 8]);
    let old = with(with(old, 345, b"prefix"), 329, b"garbage!");
    let entry = only(&[old]);
    assert_eq!((&entry.path[..], entry.device), (&b"dev"[..], (0, 0)));
    // Checksums were of signed characters.
    let mut signed = with(header("caf\u{e9}", b'0', 0), 257, &[0; 8]);
    signed[148..156].copy_from_slice(b"        ");
    let sum: i32 = signed.iter().map(|byte| i32::from(*byte as i8)).sum();
    signed[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    assert_eq!(only(&[signed]).path, "caf\u{e9}".as_bytes());
}

#[test]
fn where_gnu_keeps_times_there_is_no_prefix() {
    let gnu = with(header("name", b'0', 0), 257, b"ustar  \0");
    assert_eq!(only(&[with(gnu.clone(), 345, b"14524770661\x0014524770661\0")]).path, b"name");
    // Go before 1.8 wrote one there.
    assert_eq!(only(&[with(gnu, 345, b"some/directory")]).path, b"some/directory/name");
    let star = with(with(header("name", b'0', 0), 508, b"tar\0"), 345, b"prefix");
    assert_eq!(only(&[with(star, 476, b"14524770661\0")]).path, b"prefix/name");
}
