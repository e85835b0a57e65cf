//! What is in files, and what stands for what.

use std::fs;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use consign::layer::compression::Expansion;
use consign::unpack::{Lost, Options, UnpackError};
use flate2::write::GzEncoder;

use crate::layer::{Layer, Said};
use crate::place::{Memory, Place, unpacked};

#[test]
fn later_layers_and_later_entries_count() {
    let lower = Layer::new()
        .file("x", "old")
        .directory("d")
        .file("d/kept", "1")
        .file("f", "2")
        .symlink("l", "d")
        .end();
    let upper = Layer::new().file("x", "new").directory("d").symlink("f", "x").directory("l").end();
    assert_eq!(unpacked(&[lower.clone(), upper]), ["d /", "d/kept 1", "f -> x", "l /", "x new"]);
    assert_eq!(unpacked(&[Layer::new().file("x", "first").file("./x", "second").end()]), ["x second"]);
    // What is no directory takes the place of one and of all in it; and the other way round.
    assert_eq!(
        unpacked(&[lower.clone(), Layer::new().file("d", "3").end()]),
        ["d 3", "f 2", "l -> d", "x old"]
    );
    let below = Layer::new().file("f/below", "4").file("l/below", "5").end();
    assert_eq!(
        unpacked(&[lower, below]),
        ["d /", "d/kept 1", "f /", "f/below 4", "l /", "l/below 5", "x old"]
    );
    assert_eq!(unpacked(&[Layer::new().file("a", "1").file("a/b", "2").end()]), ["a /", "a/b 2"]);
    assert_eq!(unpacked(&[Layer::new().file("a/b/c", "1").symlink("a", "x").end()]), ["a -> x"]);
}

#[test]
fn a_file_that_is_replaced_is_replaced_under_that_name_alone() {
    let lower = Layer::new().file("a", "old").hard_link("b", "a").end();
    assert_eq!(unpacked(&[lower, Layer::new().file("b", "new").end()]), ["a old", "b new"]);
}

#[test]
fn hard_links_are_one_file_across_layers() {
    let place = Place::new();
    let lower = Layer::new().directory("d").file("d/a", "1").symlink("s", "d/a").end();
    let upper = Layer::new()
        .hard_link("x/b", "./d//a")
        .hard_link("t", "/s")
        .file("b", "2")
        .hard_link("b", "d/a")
        .end();
    place.unpack(&Memory::plain(&[lower, upper]), &Options::default()).unwrap();
    assert_eq!(place.lines(), ["b 1", "d /", "d/a 1", "s -> d/a", "t -> d/a", "x /", "x/b 1"]);
    let inode = |path| fs::symlink_metadata(place.root().join(path)).unwrap().ino();
    assert_eq!(inode("d/a"), inode("x/b"));
    assert_eq!(inode("d/a"), inode("b"));
    // A link to a symbolic link is that link.
    assert_eq!(inode("s"), inode("t"));
    // Making a link changes no directory's time.
    let upper = Layer::new().directory("e").hard_link("e/l", "d/a").hard_link("d/m", "d/a").end();
    let lower = Layer::new().directory("d").file("d/a", "1").end();
    let place = Place::new();
    place.unpack(&Memory::plain(&[lower, upper]), &Options::default()).unwrap();
    for path in ["d", "e"] {
        assert_eq!(fs::metadata(place.root().join(path)).unwrap().mtime(), 1_000_000_000);
    }
}

#[test]
fn a_hard_link_to_itself_or_made_twice_is_what_it_was() {
    let layer = Layer::new().file("a", "1").hard_link("a", "a").hard_link("b", "a").hard_link("b", "a").end();
    assert_eq!(unpacked(&[layer]), ["a 1", "b 1"]);
}

#[test]
fn of_a_file_with_more_names_than_the_file_system_takes_some_are_those_of_a_copy() {
    // ext4 takes 65,000.
    const NAMES: u64 = 65_100;
    let said = Said { mode: 0o4751, time: 1_234_567_890, ..Said::default() };
    let layer = Layer::new().pax(&[("SCHILY.xattr.user.a", b"b")]).entry("one", b'0', "", said, b"content");
    let layer = (1..NAMES).fold(layer, |layer, number| layer.hard_link(&format!("d/{number}"), "one"));
    let place = Place::new();
    let report = place.unpack(&Memory::plain(&[layer.end()]), &Options::default()).unwrap();
    assert_eq!((report.entries, report.failed), (NAMES, 0));
    let mut names = std::collections::BTreeMap::<u64, u64>::new();
    let paths = fs::read_dir(place.root().join("d")).unwrap().map(|entry| entry.unwrap().path());
    for path in paths.chain([place.root().join("one")]) {
        let found = fs::symlink_metadata(&path).unwrap();
        let count = names.entry(found.ino()).or_default();
        if *count == 0 {
            assert_eq!(fs::read_to_string(&path).unwrap(), "content");
            assert_eq!((found.mode() & 0o7777, found.mtime()), (0o4751, 1_234_567_890));
            let mut value = [0; 8];
            let length = rustix::fs::lgetxattr(&path, "user.a", &mut value[..]);
            if !report.lost.contains_key(&Lost::Attribute) {
                assert_eq!(&value[..length.unwrap()], b"b");
            }
        }
        *count += 1;
    }
    assert_eq!(names.values().sum::<u64>(), NAMES);
    let copies = report.lost.get(&Lost::Link).map_or(0, |lost| lost.count);
    assert_eq!(names.len() as u64, 1 + copies);
    if copies == 0 {
        println!("not seen: this file system takes as many");
    }
}

#[test]
fn what_is_copied_because_there_can_be_no_more_links_has_a_bound() {
    let layer = (1..65_100).fold(Layer::new().file("one", &"x".repeat(100_000)), |layer, number| {
        layer.hard_link(&format!("d/{number}"), "one")
    });
    let layers = Memory::plain(&[layer.end()]);
    let unpacked = |floor| {
        let place = Place::new();
        let expansion = Expansion { floor, ratio: 200 };
        place.unpack(&layers, &Options { expansion, ..Options::default() })
    };
    let report = unpacked(1 << 20).unwrap();
    if !report.lost.contains_key(&Lost::Link) {
        println!("not tried: this file system takes as many links");
        return;
    }
    let error = unpacked(50_000).unwrap_err();
    let UnpackError::Entry(failure) = &error else { panic!("{error}") };
    assert!(failure.path.starts_with(b"d/65"), "{failure:?}");
    assert!(format!("{error:?}").contains("no more links"), "{error:?}");
}

#[test]
fn what_is_copied_of_a_sparse_file_is_not_its_holes() {
    const SIZE: u64 = 1 << 30;
    let mut data = b"2\n4096\n10\n268435456\n5\n".to_vec();
    data.resize(512, 0);
    data.extend_from_slice(b"0123456789abcde");
    let size = SIZE.to_string();
    let layer = Layer::new()
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"one"),
            ("GNU.sparse.realsize", size.as_bytes()),
        ])
        .entry("GNUSparseFile.0/one", b'0', "", Said::default(), &data);
    let layer = (1..65_100).fold(layer, |layer, number| layer.hard_link(&format!("d/{number}"), "one"));
    let place = Place::new();
    let report = place.unpack(&Memory::plain(&[layer.end()]), &Options::default()).unwrap();
    assert_eq!(report.failed, 0);
    for path in ["one", "d/65099"] {
        let file = fs::File::open(place.root().join(path)).unwrap();
        let found = file.metadata().unwrap();
        assert_eq!(found.size(), SIZE, "{path}");
        assert!(found.blocks() < 1000, "{path}: {} blocks of 512 bytes", found.blocks());
        for (offset, wanted) in [(4096, &b"0123456789\0"[..]), (256 << 20, b"abcde\0"), (SIZE - 1, b"\0")] {
            let mut found = vec![1; wanted.len()];
            file.read_exact_at(&mut found, offset).unwrap();
            assert_eq!(found, wanted, "{path}: {offset}");
        }
    }
}

#[test]
fn large_and_sparse_files_are_what_they_were() {
    let place = Place::new();
    let large: Vec<u8> = (0..3_000_000u32).flat_map(|number| number.to_le_bytes()).collect();
    let map = "2\n4096\n10\n1048576\n5\n";
    let mut data = map.as_bytes().to_vec();
    data.resize(512, 0);
    data.extend_from_slice(b"0123456789abcde");
    let layer = Layer::new()
        .entry("large", b'0', "", Said::default(), &large)
        .pax(&[
            ("GNU.sparse.major", b"1"),
            ("GNU.sparse.minor", b"0"),
            ("GNU.sparse.name", b"sparse"),
            ("GNU.sparse.realsize", b"100000000"),
        ])
        .entry("GNUSparseFile.0/sparse", b'0', "", Said::default(), &data)
        .end();
    place.unpack(&Memory::plain(&[layer]), &Options::default()).unwrap();
    assert!(fs::read(place.root().join("large")).unwrap() == large);
    let sparse = place.root().join("sparse");
    let bytes = fs::read(&sparse).unwrap();
    assert_eq!(bytes.len(), 100_000_000);
    assert_eq!((&bytes[4096..4106], &bytes[1_048_576..1_048_581]), (&b"0123456789"[..], &b"abcde"[..]));
    assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 15);
    let blocks = fs::metadata(&sparse).unwrap().blocks();
    assert!(blocks < 1000, "{blocks} blocks of 512 bytes");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn layers_may_be_many_and_compressed_in_any_way() {
    let place = Place::new();
    let layers: Vec<Vec<u8>> = (0..40)
        .map(|number| {
            let big: String = (0..20_000).map(|line| format!("{number} {line}\n")).collect();
            Layer::new().file("top", &number.to_string()).file(&format!("f{number:02}"), &big).end()
        })
        .collect();
    let compress = |(number, layer): (usize, &Vec<u8>)| match number % 3 {
        0 => layer.clone(),
        1 => gzip(layer),
        _ => zstd::stream::encode_all(&layer[..], 1).unwrap(),
    };
    let blobs: Vec<Vec<u8>> = layers.iter().enumerate().map(compress).collect();
    for layers_at_once in [1, 2, 4] {
        let place = Place::new();
        let options = Options { layers_at_once, ..Options::default() };
        let report = place.unpack(&Memory::compressed(&blobs, &layers), &options).unwrap();
        assert_eq!(report.entries, 80);
        let tree = place.tree();
        assert_eq!((tree.len(), tree["top"].as_str()), (41, "39"));
    }
    // A layer without a byte is what some builders make of one without files.
    let report = place.unpack(&Memory::plain(&[Vec::new(), vec![0; 1024]]), &Options::default()).unwrap();
    assert_eq!(report.entries, 0);
}

#[test]
fn members_frames_and_skippable_frames_are_one_layer() {
    let layer = Layer::new().file("a", &"x".repeat(50_000)).file("b", "2").end();
    let pieces: Vec<&[u8]> = layer.chunks(700).collect();
    let members: Vec<u8> = pieces.iter().flat_map(|piece| gzip(piece)).collect();
    // As zstd:chunked has them, before, between and behind.
    let skip = [&[0x50, 0x2a, 0x4d, 0x18, 9, 0, 0, 0][..], b"not shown"].concat();
    let frame = |piece: &&[u8]| [&skip[..], &zstd::stream::encode_all(*piece, 1).unwrap()].concat();
    let frames = [pieces.iter().flat_map(frame).collect(), skip.clone()].concat();
    for blob in [members, frames] {
        let place = Place::new();
        let layers = Memory::compressed(&[blob], std::slice::from_ref(&layer));
        place.unpack(&layers, &Options::default()).unwrap();
        assert_eq!(place.tree().len(), 2);
        assert_eq!(place.tree()["b"], "2");
    }
}

#[test]
fn content_that_is_not_what_it_should_be_is_said() {
    let good = Layer::new().file("a", &"x".repeat(5000)).end();
    let other = Layer::new().file("a", &"y".repeat(5000)).end();
    let next = Layer::new().file("b", "1").end();
    let unpack = |layers: &Memory| Place::new().unpack(layers, &Options::default()).unwrap_err();
    let is_digest = |error: &UnpackError| matches!(error, UnpackError::Digest { layer: 0, .. });

    let mut layers = Memory::plain(&[good.clone(), next.clone()]);
    layers.blobs[0] = other.clone();
    assert!(is_digest(&unpack(&layers)));
    // Whatever else is wrong with it then.
    layers.blobs[0] = vec![7; good.len()];
    assert!(is_digest(&unpack(&layers)));
    layers.blobs[0] = [&gzip(&good)[..100], &vec![7; good.len() - 100]].concat();
    assert!(is_digest(&unpack(&layers)));

    let mut layers = Memory::compressed(&[gzip(&good), gzip(&next)], &[good.clone(), next.clone()]);
    layers.diff_ids[0] = layers.diff_ids[1].clone();
    assert!(matches!(unpack(&layers), UnpackError::DiffId { layer: 0, .. }));

    // Whatever follows a member or a frame that is not another one.
    for whole in [gzip(&good), zstd::stream::encode_all(&good[..], 1).unwrap()] {
        let garbage = [&whole[..], b"garbage"].concat();
        let layers = Memory::compressed(&[garbage], std::slice::from_ref(&good));
        assert!(matches!(unpack(&layers), UnpackError::Compression { layer: 0, .. }));
    }
    let cut = good[..3000].to_vec();
    let layers = Memory::plain(&[next, cut]);
    assert!(matches!(unpack(&layers), UnpackError::Layer { layer: 1, .. }));
}

#[test]
fn bombs_end_early() {
    let bomb = vec![0; 64 << 20];
    let zstd = zstd::stream::encode_all(&bomb[..], 1).unwrap();
    let expansion = Expansion { floor: 1 << 20, ratio: 20 };
    for blob in [gzip(&bomb), zstd] {
        let layers = Memory::compressed(&[blob], std::slice::from_ref(&bomb));
        let place = Place::new();
        let error = place.unpack(&layers, &Options { expansion, ..Options::default() }).unwrap_err();
        assert!(matches!(error, UnpackError::Compression { .. }), "{error}");
        assert_eq!(place.lines(), Vec::<String>::new());
    }
}
