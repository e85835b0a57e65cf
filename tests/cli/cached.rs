//! Layers that are read where they lie: as a whole once where there is no other way, and no more than is wanted from
//! then on.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::archive::{Layout, Tar, digest, docker_archive};
use crate::place::{Outcome, Place};

/// Bytes that do not compress.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

const FILES: u64 = 12;

fn layer() -> Vec<u8> {
    let files = (0..FILES)
        .fold(Tar::default(), |tar, number| tar.file(&format!("file{number}"), &noise(number, 1 << 20)));
    files.file("last", b"the last").end()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// An OCI archive of this name, of this layer as this blob; its reference.
fn oci(place: &Place, name: &str, layer: &[u8], blob: &[u8]) -> String {
    let mut layout = Layout::default();
    let image = layout.image("amd64", &[blob.to_vec()], &[digest(layer)]);
    layout.root(image, None);
    format!("oci-archive:{}", place.file(name, &layout.tar()))
}

/// Runs the command, and counts the bytes it reads: a shell that has waited for it is charged with them.
fn counted(place: &Place, arguments: &[&str]) -> (Outcome, u64) {
    let command = place.command(arguments);
    let mut shell = Command::new("sh");
    let script = r#""$@"; code=$?; while read -r name value; do
        if [ "$name" = rchar: ]; then echo "read $value" >&2; fi
    done < /proc/$$/io; exit $code"#;
    shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args()).env_clear();
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().unwrap());
    shell.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut outcome = place.outcome_of(shell);
    let stderr = std::mem::take(&mut outcome.stderr);
    let (said, read) = stderr.trim_end().rsplit_once("read ").unwrap();
    outcome.stderr = said.to_owned();
    (outcome, read.parse().unwrap())
}

fn kept(place: &Place) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place.path("cache/consign/layers"));
    entries.map(|entries| entries.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

/// What the command reads whatever it does.
fn nothing(place: &Place) -> u64 {
    counted(place, &["layers", "-q", &oci(place, "nothing", &Tar::default().end(), &Tar::default().end())]).1
}

const SOME: u64 = 3 << 20;

#[test]
fn of_a_docker_archive_only_what_is_wanted_is_read() {
    let place = Place::new();
    let layer = layer();
    let diff_ids = [digest(&layer)];
    let tar = docker_archive(&["example.com/a:1"], &[("layer.tar", layer)], &diff_ids).end();
    let archive = format!("docker-archive:{}", place.file("image.tar", &tar));
    let nothing = nothing(&place);
    for arguments in [&["ls", "-l", &archive][..], &["cat", &archive, "last"], &["find", &archive, "file*"]] {
        let (outcome, read) = counted(&place, arguments);
        outcome.ok();
        assert!(read < nothing + SOME, "{arguments:?}: {read} of {}", tar.len());
    }
    // What was held against nothing is not kept.
    assert_eq!(kept(&place), Vec::<PathBuf>::new());
    let (outcome, read) = counted(&place, &["cat", "--verify", &archive, "last"]);
    assert_eq!(outcome.ok().text(), "the last");
    assert!(read > tar.len() as u64);
    assert_eq!(kept(&place).len(), 1);
    let (outcome, read) = counted(&place, &["cat", "--verify", &archive, "last"]);
    outcome.ok();
    assert!(read < nothing + SOME, "{read}");
}

#[test]
fn of_compressed_layers_only_what_is_wanted_is_read_from_the_second_time_on() {
    let layer = layer();
    let frames = layer.chunks(1 << 20).flat_map(|part| zstd::stream::encode_all(part, 1).unwrap());
    for blob in [gzip(&layer), frames.collect::<Vec<u8>>()] {
        let place = Place::new();
        let archive = oci(&place, "image", &layer, &blob);
        let nothing = nothing(&place);
        let (outcome, read) = counted(&place, &["cat", "--no-cache", &archive, "last"]);
        assert_eq!(outcome.ok().text(), "the last");
        assert!(read > blob.len() as u64 && kept(&place).is_empty());
        let (outcome, read) = counted(&place, &["cat", &archive, "last"]);
        assert_eq!(outcome.ok().text(), "the last");
        assert!(read > blob.len() as u64);
        assert_eq!(kept(&place).len(), 2);
        for arguments in [
            &["cat", &archive, "last"][..],
            &["cat", &archive, "file0"],
            &["ls", "-lR", &archive],
            &["find", &archive, "--format", "json"],
            &["layers", &archive],
            &["diff", &archive],
        ] {
            let (outcome, read) = counted(&place, arguments);
            outcome.ok();
            assert!(read < nothing + SOME + (2 << 20), "{arguments:?}: {read} of {}", blob.len());
        }
        let file = place.run(&["cat", &archive, "file7"]).ok();
        assert!(file.stdout == noise(7, 1 << 20));
    }
}

#[test]
fn a_cache_that_is_damaged_or_cannot_be_written_does_no_harm() {
    let place = Place::new();
    let layer = layer();
    let archive = oci(&place, "image", &layer, &gzip(&layer));
    place.run(&["ls", &archive]).ok();
    let before = place.run(&["find", &archive, "--format", "json"]).ok().stdout;
    for path in kept(&place) {
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(place.run(&["cat", &archive, "last"]).ok().text(), "the last");
        assert_eq!(place.run(&["find", &archive, "--format", "json"]).ok().stdout, before);
        std::fs::write(&path, "").unwrap();
        assert_eq!(place.run(&["cat", &archive, "last"]).ok().text(), "the last");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(place.run(&["cat", &archive, "last"]).ok().text(), "the last");
    }
    let mut command = place.command(&["cat", &archive, "last"]);
    command.env("XDG_CACHE_HOME", "/proc/nowhere");
    assert_eq!(place.outcome_of(command).ok().text(), "the last");
}

#[test]
fn what_an_archive_has_become_is_not_given_for_what_it_was() {
    let place = Place::new();
    let layer = Tar::default().file("a", b"wanted").file("b", b"same").end();
    let diff_ids = [digest(&layer)];
    let archive = |layer| docker_archive(&["example.com/a:1"], &[("layer.tar", layer)], &diff_ids).end();
    let path = place.file("image.tar", &archive(layer.clone()));
    let reference = format!("docker-archive:{path}");
    place.run(&["ls", "--format", "json", &reference]).ok();
    let other = Tar::default().file("a", b"others").file("b", b"same").end();
    place.file("image.tar", &archive(other));
    let refused = place.run(&["cat", &reference, "a"]).failed(1);
    assert!(refused.stderr.contains("index"), "{}", refused.stderr);
    assert_eq!(place.run(&["cat", &reference, "b"]).ok().text(), "same");
    place.run(&["cat", "--verify", "--no-cache", &reference, "b"]).failed(1);
}
