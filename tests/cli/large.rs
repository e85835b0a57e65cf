//! Layers with very many entries, names of one file, deep directories and wide windows: memory does not grow with them.

use std::io::Write as _;

use crate::archive::{Layout, Tar, digest};
use crate::hostile::measured;
use crate::place::Place;

/// Many times what is held in memory.
const ENTRIES: u64 = 120_000;

/// What buffers may cost: what an index is put in order in among them.
const BUFFERS: u64 = 12 << 20;

/// The same where nothing is made: blocks of the index, and what is being written.
const READING: u64 = 3 << 20;

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

/// The memory of a command that is done before it can be seen at its end what it has taken: the most of many times.
fn short(place: &Place, arguments: &[&str]) -> u64 {
    let peak = || {
        let (outcome, memory) = measured(place, arguments);
        outcome.ok();
        memory
    };
    let most = (0..20).map(|_| peak()).max().unwrap();
    assert!(most > 0);
    most
}

#[test]
fn memory_does_not_grow_with_the_entries_of_a_layer() {
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
    let least = commands(&few).iter().map(|command| peak(command)).max().unwrap();
    assert!(least > 0);
    let check = ["check".to_owned()];
    let checking_few = short(&place, &["check"]);
    for kind in ["files", "links"] {
        let layer = many(kind);
        let (stored, loading, in_place) = image(&place, kind, &layer, &gzip(&layer));
        assert!(loading < loading_few + BUFFERS, "loading {kind}: {loading}, of few {loading_few}");
        for command in commands(&stored) {
            let memory = peak(&command);
            assert!(memory < least + READING, "{command:?}: {memory}, of few {least}");
        }
        for command in [["ls", "--no-cache", "-R", &in_place], ["diff", "--no-cache", &few, &in_place]] {
            let memory = peak(&command.map(str::to_owned));
            assert!(memory < least + BUFFERS, "{command:?}: {memory}, of few {}", least);
        }
    }
    // Several layers at a time.
    let checking = peak(&check);
    assert!(checking < checking_few + 2 * BUFFERS, "checking: {checking}, of few {checking_few}");
}

#[test]
fn deep_directories_and_wide_windows_take_no_more_than_they_have_to() {
    let place = Place::new();
    let small = Tar::default().file("one", b"x").end();
    let (few, loading_few, _) = image(&place, "few", &small, &small);
    let listing_few = short(&place, &["ls", "-lR", &few]);
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

/// Content of which no part is like another.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u32
    };
    std::iter::repeat_with(next).take(length / 4).flat_map(u32::to_le_bytes).collect()
}

/// An image of these layers in an archive.
fn layered(place: &Place, name: &str, layers: &[Vec<u8>], blobs: &[Vec<u8>]) -> (String, String) {
    let mut layout = Layout::default();
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let reference = format!("example.com/{name}:1");
    let manifest = layout.image("amd64", blobs, &diff_ids);
    layout.root(manifest, Some(&reference));
    (reference, place.file(&format!("{name}.oci.tar"), &layout.tar()))
}

#[test]
fn layers_that_are_undone_at_the_same_time_share_the_memory_for_their_windows() {
    let place = Place::new();
    let small = Tar::default().file("one", b"x").end();
    let (few, path) = layered(&place, "few", std::slice::from_ref(&small), std::slice::from_ref(&small));
    let peak = |arguments: &[&str]| {
        let (outcome, memory) = measured(&place, arguments);
        outcome.ok();
        memory
    };
    let unpacked =
        |image: &str, name: &str| peak(&["unpack", "-q", image, &place.path(name).display().to_string()]);
    let least = peak(&["load", "-q", &path]).max(unpacked(&few, "few"));

    // Content larger than the window, so that all of it is used, by each.
    const WINDOW: u64 = 32 << 20;
    let layers: Vec<Vec<u8>> =
        (0..4).map(|seed| Tar::default().file("wide", &noise(seed, 40 << 20)).end()).collect();
    let wide = |layer: &Vec<u8>| {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(25).unwrap();
        encoder.include_contentsize(false).unwrap();
        encoder.write_all(layer).unwrap();
        encoder.finish().unwrap()
    };
    let blobs: Vec<Vec<u8>> = layers.iter().map(wide).collect();
    let (image, path) = layered(&place, "wide", &layers, &blobs);
    // One window; beside it what each of four layers at a time has of buffers, or eight MiB of windows and 24 of buffers.
    let most = least + WINDOW + (28 << 20);
    let archive = format!("oci-archive:{path}");
    for arguments in [&["load", "-q", &path][..], &["check"], &["ls", "--no-cache", "-R", &archive]] {
        let memory = peak(arguments);
        assert!(memory < most, "{arguments:?}: {memory}, of few {least}");
    }
    let memory = unpacked(&image, "wide");
    assert!(memory < most + (8 << 20), "{memory}, of few {least}");
}

#[test]
fn layers_wait_for_the_writer_however_many_there_are() {
    let place = Place::new();
    let layers: Vec<Vec<u8>> =
        (0..40).map(|seed| Tar::default().file(&format!("f{seed}"), &noise(seed, 2 << 20)).end()).collect();
    let blobs: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
    let (_, path) = layered(&place, "many", &layers, &blobs);
    let to = place.path("many").display().to_string();
    let (outcome, memory) = measured(&place, &["unpack", "-q", &format!("oci-archive:{path}"), &to]);
    outcome.ok();
    let to = place.path("one").display().to_string();
    let (_, path) = layered(&place, "one", &layers[..1], &blobs[..1]);
    let (outcome, one) = measured(&place, &["unpack", "-q", &format!("oci-archive:{path}"), &to]);
    outcome.ok();
    assert!(memory < one + (30 << 20), "{memory}, of one {one}");
}

#[test]
fn copying_many_small_files_reads_a_layer_once_and_takes_no_more_memory() {
    let place = Place::new();
    // Names that are not quite in the order of the tar, and links among them.
    let name =
        |number: u64| format!("d{}/f{:05}", number / 3500, if number % 16 < 2 { number ^ 1 } else { number });
    let many = (0..10_000u64).fold(Tar::default(), |tar, number| match number % 50 {
        49 => tar.link(&name(number), b'1', &name(number - 1)),
        _ => tar.file(&name(number), &number.to_le_bytes()),
    });
    let layer = many.end();
    let (image, ..) = image(&place, "many", &layer, &gzip(&layer));
    let (small, ..) = image_of_one(&place);
    let least = short(&place, &["cp", &format!("{small}:/"), "-"]);
    let (outcome, memory) = measured(&place, &["cp", &format!("{image}:/"), "-"]);
    let copied = outcome.ok().stdout;
    assert!(memory < least + (4 << 20), "{memory}, of one {least}");
    // What comes out is what is listed.
    let again = place.file("again.tar", &copied);
    place.run(&["import", "-q", &again, "example.com/again:1"]).ok();
    let wanted = place.run(&["ls", "-R", &image]).ok();
    assert_eq!(place.run(&["ls", "-R", "example.com/again:1"]).ok().text(), wanted.text());
    assert_eq!(wanted.text().lines().count(), 10_003);
}

fn image_of_one(place: &Place) -> (String, u64, String) {
    let small = Tar::default().file("one", b"x").end();
    image(place, "one", &small, &gzip(&small))
}
