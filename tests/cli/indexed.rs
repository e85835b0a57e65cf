//! What is made of layers, for reading in them, and kept in the store: it comes with them, goes with them, and nothing
//! depends on it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use consign::digest::Digest;
use consign::store::{LayerRecord, Target};
use serde_json::json;

use crate::archive::{Tar, digest, gzip};
use crate::place::{Outcome, Place};

/// A layer of several megabytes in which places to begin at are found.
fn large() -> Vec<u8> {
    let noise = |start: u32| (start..start + 500_000).map(|number| format!("{number} ")).collect::<String>();
    Tar::default()
        .link("data/", b'5', "")
        .file("data/first", noise(0).as_bytes())
        .file("data/second", noise(7_000_000).as_bytes())
        .file("small", b"small")
        .end()
}

/// As Go and zlib compress, block by block.
fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// The files under `layers/`, by name.
fn kept(place: &Place) -> BTreeMap<String, Vec<u8>> {
    let directory = place.root().join("layers/sha256");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    entries.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
}

fn names(place: &Place) -> Vec<String> {
    kept(place).into_keys().collect()
}

fn hex(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap()
}

/// An imported layer: the names of what is kept of it.
fn import(place: &Place, layer: &[u8], blob: &[u8]) -> [String; 2] {
    let path = place.file("layer", blob);
    place.run(&["import", "-q", &path, "example.com/large:1"]).ok();
    [format!("{}.index", hex(&digest(layer))), format!("{}.checkpoints", hex(&digest(blob)))]
}

fn harmless(outcome: Outcome) -> Vec<String> {
    let report = outcome.ok().json();
    let problems = report["problems"].as_array().unwrap().iter();
    assert!(problems.clone().all(|problem| problem["harmless"] == true), "{report}");
    problems.map(|problem| problem["problem"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn layers_come_with_indexes_and_large_compressed_ones_with_checkpoints() {
    let place = Place::with(&["multi.oci.tar"]);
    let store = place.store();
    let mut layers = 0;
    for id in store.images().ids().unwrap() {
        for layer in store.layers().of_image(&id).unwrap() {
            let index = store.kept_index(&layer.diff_id).unwrap();
            assert!(!index.is_empty());
            layers += 1;
        }
    }
    assert!(layers >= 8, "{layers}");
    // They are small, so there are no places in them to begin at.
    assert!(names(&place).iter().all(|name| name.ends_with(".index")));

    let place = Place::new();
    let layer = large();
    for blob in [deflated(&layer), zstd::stream::encode_all(&layer[..], 1).unwrap()] {
        let [index, checkpoints] = import(&place, &layer, &blob);
        assert!(names(&place).contains(&index) && names(&place).contains(&checkpoints));
        let store = place.store();
        let index = store.kept_index(&Digest::of(&layer)).unwrap();
        assert_eq!((index.len(), index.size()), (4, layer.len() as u64));
        let record = index.find(b"data/second").unwrap().unwrap();
        let content = &layer[record.content as usize..][..record.size as usize];
        assert_eq!(record.digest.unwrap().0, *blake3::hash(content).as_bytes());
        let checkpoints = store.kept_checkpoints(&Digest::of(&blob)).unwrap();
        // One frame has none but its start.
        let wanted = if blob.starts_with(&[0x1f, 0x8b]) { 3 } else { 0 };
        assert_eq!(checkpoints.len(), wanted);
    }
    assert_eq!(place.check()["problems"], json!([]));
}

#[test]
fn what_is_kept_of_a_layer_goes_with_it() {
    let place = Place::with(&["attested.oci.tar"]);
    let before = kept(&place);
    let layer = large();
    import(&place, &layer, &deflated(&layer));
    assert_eq!(kept(&place).len(), before.len() + 2);
    place.run(&["rm", "example.com/large:1"]).ok();
    assert_eq!(kept(&place), before);
    let named = place.run(&["images", "-q", "--no-trunc"]).ok();
    for id in named.text().lines() {
        place.run(&["rm", "--force", id]).ok();
    }
    place.run(&["gc"]).ok();
    assert_eq!(names(&place), Vec::<String>::new());
}

#[test]
fn an_index_that_is_damaged_is_found_and_made_again() {
    let place = Place::new();
    let layer = large();
    let blob = deflated(&layer);
    let files = import(&place, &layer, &blob);
    let whole = kept(&place);
    for name in &files {
        let path = place.root().join("layers/sha256").join(name);
        let bytes = &whole[name];
        let half = bytes.len() / 2;
        for damaged in [&bytes[..half], &[], b"something else", &[&bytes[..], b"\0"].concat()] {
            std::fs::write(&path, damaged).unwrap();
            let problems = harmless(place.run(&["check", "--format", "json"]));
            assert_eq!(problems.len(), 1, "{name}: {problems:?}");
            let repaired = place.run(&["check", "--repair", "--format", "json"]).ok().json();
            assert_eq!(repaired["corrected"].as_array().unwrap().len(), 1);
            assert!(kept(&place) == whole, "{name}");
        }
        // What another version wrote is let be, and made again when it is wanted.
        std::fs::write(&path, [&bytes[..7], &[0xff], &bytes[8..]].concat()).unwrap();
        assert_eq!(place.check()["problems"], json!([]));
        std::fs::write(&path, bytes).unwrap();
    }
    // A bit in a window is not in the table; it is found all the same.
    let path = place.root().join("layers/sha256").join(&files[1]);
    let mut bytes = whole[&files[1]].clone();
    bytes[1000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(harmless(place.run(&["check", "--format", "json"])).len(), 1);
    // One that was gone is made when it is wanted.
    std::fs::remove_file(&path).unwrap();
    assert_eq!(harmless(place.run(&["check", "--format", "json"])).len(), 0);
    let (digest, size) = (Digest::of(&blob), blob.len() as u64);
    let blob = Target { media_type: String::new(), digest, size };
    let unpacked_size = layer.len() as u64;
    assert!(
        place.store().make_index(&LayerRecord { diff_id: Digest::of(&layer), blob, unpacked_size }).unwrap()
    );
    assert_eq!(kept(&place), whole);
}

#[test]
fn an_index_that_lies_is_found() {
    let place = Place::new();
    let layer = large();
    let blob = deflated(&layer);
    let [index, _] = import(&place, &layer, &blob);
    let path = place.root().join("layers/sha256").join(&index);
    let mut bytes = std::fs::read(&path).unwrap();
    // Another path, and checksums that fit: of the one block, and of what comes after it.
    let at = bytes.windows(10).position(|window| window == b"data/first").unwrap();
    bytes[at + 5..at + 10].copy_from_slice(b"thing");
    let end = bytes.len() - 32;
    let table = u64::from_le_bytes(*bytes[end - 96..].first_chunk().unwrap()) as usize;
    let start = end - 96 - table;
    let block = *blake3::hash(&bytes[8..start]).as_bytes();
    bytes[start + 8..start + 40].copy_from_slice(&block);
    let checksum = *blake3::hash(&[&bytes[..8], &bytes[start..end]].concat()).as_bytes();
    bytes[end..].copy_from_slice(&checksum);
    std::fs::write(&path, bytes).unwrap();
    place.store().kept_index(&Digest::of(&layer)).unwrap().verify().unwrap();
    let problems = harmless(place.run(&["check", "--format", "json"]));
    assert!(problems[0].contains("something else"), "{problems:?}");
}

#[test]
fn an_index_that_is_damaged_further_on_is_made_again_on_the_way() {
    let place = Place::new();
    let files =
        (0..3000).fold(Tar::default(), |tar, number| tar.file(&format!("srv/file-{number:04}"), b"x"));
    let layer = files.end();
    let [index, _] = import(&place, &layer, &deflated(&layer));
    let path = place.root().join("layers/sha256").join(&index);
    let sound = std::fs::read(&path).unwrap();
    let listed = place.run(&["ls", "-lR", "example.com/large:1"]).ok().text().to_owned();
    assert!(listed.lines().count() > 3000);
    // In a block, in the checksum, in what it begins with, and another version.
    for at in [sound.len() / 2, sound.len() - 1, 3, 7] {
        let mut bytes = sound.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(place.run(&["ls", "-lR", "example.com/large:1"]).ok().text(), listed, "byte {at}");
        assert!(std::fs::read(&path).unwrap() == sound, "byte {at}");
    }
    // Where it cannot be written down it is gone on with all the same.
    let mut bytes = sound.clone();
    bytes[sound.len() / 2] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let root = place.root().display().to_string();
    let reading = Place::new();
    let read = reading.run(&["--additional-store", &root, "ls", "-lR", "example.com/large:1"]).ok();
    assert_eq!(read.text(), listed);
    assert!(std::fs::read(&path).unwrap() != sound);
    assert!(harmless(place.run(&["check", "--format", "json"]))[0].contains("checksum of a block"));
}

#[test]
fn what_nothing_refers_to_is_collected() {
    let place = Place::with(&["multi.oci.tar"]);
    let before = kept(&place);
    let directory = place.root().join("layers/sha256");
    let name = hex(&digest(b"nothing")).to_owned();
    std::fs::write(directory.join(format!("{name}.index")), b"x").unwrap();
    std::fs::write(directory.join(format!("{name}.checkpoints")), b"xy").unwrap();
    assert_eq!(harmless(place.run(&["check", "--format", "json", "--quick"])).len(), 2);
    let collected = place.run(&["gc", "--format", "json"]).ok().json();
    assert_eq!((&collected["indexes"], &collected["bytes"]), (&1.into(), &3.into()));
    assert_eq!(kept(&place), before);
    // A file of somebody else's stays.
    std::fs::write(directory.join("notes"), b"mine").unwrap();
    assert_eq!(harmless(place.run(&["check", "--format", "json"])).len(), 1);
    place.run(&["gc"]).ok();
    assert!(directory.join("notes").exists());
}

#[test]
fn a_store_without_indexes_is_as_good() {
    let place = Place::new();
    let layer = large();
    import(&place, &layer, &gzip(&layer));
    std::fs::remove_dir_all(place.root().join("layers")).unwrap();
    assert_eq!(place.check()["problems"], json!([]));
    place.run(&["gc"]).ok();
    place.run(&["save", "-o", place.path("out.tar").to_str().unwrap(), "example.com/large:1"]).ok();
    place.run(&["load", "-q", "attested.oci.tar"]).ok();
    assert!(!names(&place).is_empty());
}

#[test]
fn what_is_not_kept_is_made_by_the_first_reader() {
    let place = Place::new();
    let layer = large();
    import(&place, &layer, &deflated(&layer));
    let whole = kept(&place);
    let directory = place.root().join("layers");
    let cat = |arguments: &[&str]| {
        let arguments = [arguments, &["cat", "example.com/large:1", "/small"]].concat();
        assert_eq!(place.run(&arguments).ok().text(), "small");
    };
    std::fs::remove_dir_all(&directory).unwrap();
    cat(&[]);
    assert!(kept(&place) == whole);
    for name in whole.keys() {
        let path = directory.join("sha256").join(name);
        for wrong in [&b""[..], b"something else", &whole[name][..100]] {
            std::fs::write(&path, wrong).unwrap();
            cat(&[]);
            assert!(kept(&place) == whole, "{name}");
        }
    }
    // A store that is only read is left as it is.
    std::fs::remove_dir_all(&directory).unwrap();
    let other = place.path("other");
    let (root, other) = (place.root(), other.to_str().unwrap().to_owned());
    cat(&["--root", &other, "--additional-store", root.to_str().unwrap()]);
    assert!(!directory.exists());
}

#[test]
fn no_lie_of_an_index_or_of_checkpoints_becomes_content() {
    let place = Place::new();
    let layer = large();
    let blob = deflated(&layer);
    let [index, checkpoints] = import(&place, &layer, &blob);
    let directory = place.root().join("layers/sha256");
    let paths = [directory.join(&index), directory.join(&checkpoints)];
    let whole = kept(&place);
    let files = [("data/first", None), ("data/second", None), ("small", Some("small"))];
    let right: Vec<Vec<u8>> = files
        .iter()
        .map(|(path, content)| match content {
            Some(content) => content.as_bytes().to_vec(),
            None => place.run(&["cat", "example.com/large:1", path]).ok().stdout,
        })
        .collect();
    // Every byte of the records in turn, with a checksum that fits.
    let bytes = &whole[&index];
    let records = bytes.windows(5).rposition(|window| window == b"small").unwrap() + 40;
    for at in (8..records).step_by(3) {
        let mut lie = bytes.clone();
        lie[at] ^= 0x11;
        let body = lie.len() - 32;
        let checksum = *blake3::hash(&lie[..body]).as_bytes();
        lie[body..].copy_from_slice(&checksum);
        std::fs::write(&paths[0], lie).unwrap();
        let got = place.run(&["cat", "example.com/large:1", "small"]);
        assert!(got.code != Some(0) || got.stdout == right[2], "{at}: {}", got.stderr);
    }
    std::fs::write(&paths[0], bytes).unwrap();
    // Windows that are another's: small files are right all the same, and a large one ends in an error.
    let mut lie = consign::layer::checkpoints::Writer::new(Vec::new()).unwrap();
    let kept = place.store().kept_checkpoints(&Digest::of(&blob)).unwrap();
    let mut next = 0;
    while next < layer.len() as u64 {
        if let Some(mut point) = kept.point_before(next).unwrap()
            && point.place.uncompressed + (1 << 20) > next
        {
            point.window = vec![b'7'; 32 << 10];
            lie.add(&point).unwrap();
            next = point.place.uncompressed + (1 << 20);
        }
        next += 1 << 16;
    }
    let lie = lie.finish(&Digest::of(&blob), blob.len() as u64, layer.len() as u64).unwrap();
    std::fs::write(&paths[1], lie).unwrap();
    for ((path, _), right) in files.iter().zip(&right) {
        let got = place.run(&["cat", "example.com/large:1", path]);
        assert!(got.code != Some(0) || got.stdout == *right, "{path}: {}", got.stderr);
    }
    assert_eq!(place.run(&["cat", "example.com/large:1", "small"]).ok().text(), "small");
    assert_eq!(harmless(place.run(&["check", "--format", "json"])).len(), 1);
}
