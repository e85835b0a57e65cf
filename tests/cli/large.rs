//! Layers with very many entries, names of one file, deep directories and wide windows: memory stays within what an index
//! takes.

use std::io::Write as _;

use crate::archive::{Layout, Tar, digest};
use crate::hostile::measured;
use crate::place::Place;

const ENTRIES: u64 = 40_000;

/// What an entry may cost: in the index, while that is made, and all else.
const ENTRY: u64 = 220;

/// What buffers may cost.
const BUFFERS: u64 = 12 << 20;

/// That many files, or directories among which every fourth entry is a hard link.
fn many(kind: &str) -> Vec<u8> {
    let mut tar = Tar::default().file("one", b"x");
    for number in 0..ENTRIES {
        let name = format!("usr/share/packages/directory-{:04}/file-number-{number:06}", number / 100);
        tar = match kind {
            "files" => tar.file(&name, b""),
            "links" if number % 4 == 0 => tar.link(&name, b'1', "one"),
            _ => tar.link(&name, b'5', ""),
        };
    }
    tar.end()
}

/// An image of this layer, stored and in place: its references.
fn image(place: &Place, name: &str, layer: &[u8], blob: &[u8]) -> (String, u64, String) {
    let mut layout = Layout::default();
    let reference = format!("example.com/{name}:1");
    let manifest = layout.image("amd64", &[blob.to_vec()], &[digest(layer)]);
    layout.root(manifest, Some(&reference));
    let path = place.file(&format!("{name}.oci.tar"), &layout.tar());
    let (outcome, memory) = measured(place, &["load", "-q", &path]);
    outcome.ok();
    (reference, memory, format!("oci-archive:{path}"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(2));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn memory_for_a_layer_is_what_its_index_takes() {
    let place = Place::new();
    let small = Tar::default().file("one", b"x").end();
    let (few, loading_few, _) = image(&place, "few", &small, &gzip(&small));
    let commands = |image: &str| {
        [
            vec!["ls", "-R", image],
            vec!["ls", "-lR", image],
            vec!["find", image, "*", "--size", "-1k", "--format", "json"],
            vec!["layers", image],
            vec!["diff", image],
            vec!["diff", &few, image],
            vec!["diff", &few, image, "--format", "json"],
            vec!["cat", image, "one"],
        ]
        .map(|command| command.into_iter().map(str::to_owned).collect::<Vec<String>>())
    };
    let peak = |command: &[String]| {
        let (outcome, memory) = measured(&place, &command.iter().map(String::as_str).collect::<Vec<_>>());
        outcome.ok();
        memory
    };
    // Some are done before it can be seen what they take.
    let least = commands(&few).iter().map(|command| peak(command)).max().unwrap();
    assert!(least > 0);
    for kind in ["files", "links"] {
        let layer = many(kind);
        let (stored, loading, in_place) = image(&place, kind, &layer, &gzip(&layer));
        let most = ENTRIES * ENTRY;
        assert!(loading < loading_few + most + BUFFERS, "loading {kind}: {loading}, of few {loading_few}");
        for command in commands(&stored) {
            let memory = peak(&command);
            assert!(memory < least + most, "{command:?}: {memory}, of few {least}");
        }
        for command in [["ls", "--no-cache", "-R", &in_place], ["diff", "--no-cache", &few, &in_place]] {
            let memory = peak(&command.map(str::to_owned));
            assert!(memory < least + most + BUFFERS, "{command:?}: {memory}, of few {}", least);
        }
    }
}

#[test]
fn deep_directories_and_wide_windows_take_no_more_than_they_have_to() {
    let place = Place::new();
    let small = Tar::default().file("one", b"x").end();
    let (few, loading_few, _) = image(&place, "few", &small, &small);
    let listing_few = (0..10).map(|_| measured(&place, &["ls", "-lR", &few]).1).max().unwrap();
    assert!(listing_few > 0);
    // 2,000 files, each in a directory of its own, up to 29 deep.
    let deep = (0..2000u64).fold(Tar::default(), |tar, number| {
        let directories = (0..number % 30).map(|depth| format!("{depth:x}/")).collect::<String>();
        tar.file(&format!("{directories}file{number}"), b"")
    });
    let deep = deep.end();
    let (stored, ..) = image(&place, "deep", &deep, &gzip(&deep));
    let (outcome, memory) = measured(&place, &["ls", "-lR", &stored]);
    assert_eq!(outcome.ok().text().lines().count(), 2000 + 29);
    assert!(memory < listing_few + (4 << 20), "{memory}, of few {listing_few}");

    // Content larger than the window, so that all of it is used.
    let window = 32 << 20;
    let content: Vec<u8> =
        (0..(window + (8 << 20)) / 8).flat_map(|number: u64| number.to_le_bytes()).collect();
    let wide = Tar::default().file("wide", &content).end();
    let compressed = |log| {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(log).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(&wide).unwrap();
        encoder.finish().unwrap()
    };
    let (_, loading, _) = image(&place, "wide", &wide, &compressed(25));
    assert!(loading < loading_few + window + BUFFERS + (4 << 20), "{loading}, of few {loading_few}");
    let mut layout = Layout::default();
    let manifest = layout.image("amd64", &[compressed(27)], &[digest(&wide)]);
    layout.root(manifest, None);
    let path = place.file("wider.tar", &layout.tar());
    let (outcome, memory) = measured(&place, &["load", &path]);
    assert!(outcome.failed(2).stderr.contains("window"));
    assert!(memory < loading_few + BUFFERS, "{memory}, of few {loading_few}");
}
