use std::fs::File;
use std::process::Stdio;

use crate::archive::{Layout, gzip};
use crate::place::{Outcome, Place, fixtures};
use crate::transcript::Transcript;

const MULTI: &str = "sha256:74f795c7b906ec0ea292be67855a8fe3962ade561e7a7d1693e84e1e7ba86c53";

#[test]
fn archives_are_loaded_and_what_was_loaded_is_said() {
    let place = Place::new();
    Transcript::new(&place)
        .run("load multi.oci.tar")
        .run("load multi.oci.tar")
        .run("load -i several.docker.tar")
        .run("load --format json docker-archive:several.docker.tar:@1")
        .run("load -q docker-archive:several.docker.tar:localhost/multi-amd64:latest")
        .run("load -q oci-archive:attested.oci.tar:example.com/attested:1")
        .run("load oci-archive:attested.oci.tar:nosuch")
        .run("load docker-archive:several.docker.tar:nosuch:1")
        .run("load nosuch.tar")
        .run("load -i nosuch.tar")
        .run("load docker://debian")
        .run("load make.sh")
        .run("load --name UPPER multi.oci.tar")
        .run("load --platform UPPER//x multi.oci.tar")
        .run("load -i multi.oci.tar several.docker.tar")
        .run("load -")
        .run("images")
        .assert("load");
}

#[test]
fn only_the_platform_asked_for_is_taken() {
    let place = Place::new();
    Transcript::new(&place)
        .run("load --platform linux/arm/v6 --format json multi.oci.tar")
        .run("load --platform linux/arm64 attested.oci.tar")
        .run("load --platform linux/amd64 several.docker.tar")
        .run("load --platform linux/ppc64le several.docker.tar")
        .run("load --platform linux/ppc64le multi.oci.tar")
        .run("images")
        .run("resolve example.com/multi:1 --platform linux/386 --explain")
        .run("resolve example.com/multi:1 --platform linux/386 --format json")
        .run("inspect --raw example.com/multi:1")
        .run("check")
        .assert("load_platform");
}

#[test]
fn what_comes_without_a_name_is_given_one_when_asked() {
    let place = Place::new();
    let mut layout = Layout::default();
    let image = layout.plain_image("amd64", "nameless");
    layout.root(image, None);
    let archive = place.file("nameless.tar", &layout.tar());
    Transcript::new(&place)
        .run(&format!("load {archive}"))
        .run(&format!("load --name example.com/named:1 {archive}"))
        .run("images")
        .assert("load_name");
}

/// Loads from standard input, which is this file.
fn redirected(place: &Place, arguments: &[&str], path: &str) -> Outcome {
    let file = File::open(fixtures().join(path)).unwrap();
    let child = place.command(arguments).stdin(Stdio::from(file)).spawn().unwrap();
    crate::place::wait_within(child, std::time::Duration::from_secs(30))
}

#[test]
fn the_same_archive_is_the_same_however_it_comes() {
    let plain = std::fs::read(fixtures().join("multi.oci.tar")).unwrap();
    let zstd = zstd::stream::encode_all(&plain[..], 1).unwrap();
    let expected = Place::with(&["multi.oci.tar"]).images();
    let loaded = |load: &dyn Fn(&Place) -> Outcome| {
        let place = Place::new();
        load(&place).ok();
        assert_eq!(place.images(), expected);
        let raw = place.run(&["inspect", "--raw", "example.com/multi:1"]).ok();
        assert_eq!(format!("sha256:{}", crate::archive::hex(&raw.stdout)), MULTI);
        place.check();
        // Nothing is left of the temporary file.
        assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0);
    };
    for bytes in [plain.clone(), gzip(&plain), zstd] {
        loaded(&|place| place.run_with(&["load"], &bytes));
        loaded(&|place| place.run_with(&["load", "-"], &bytes));
        loaded(&|place| place.run(&["load", &place.file("archive", &bytes)]));
        loaded(&|place| place.run(&["load", "-i", &place.file("archive", &bytes)]));
        loaded(&|place| place.run(&["load", &format!("oci-archive:{}", place.file("archive", &bytes))]));
    }
    loaded(&|place| redirected(place, &["load"], "multi.oci.tar"));
    loaded(&|place| {
        let directory = place.path("layout");
        std::fs::create_dir(&directory).unwrap();
        let archive = fixtures().join("multi.oci.tar");
        let mut tar = std::process::Command::new("tar");
        assert!(tar.arg("-xf").arg(archive).arg("-C").arg(&directory).status().unwrap().success());
        place.run(&["load", directory.to_str().unwrap()]).ok();
        place.run(&["load", &format!("oci:{}", directory.display())])
    });
}

#[test]
fn unknown_compression_is_named() {
    let place = Place::new();
    let xz = [&[0xfd, b'7', b'z', b'X', b'Z', 0][..], &[0; 512]].concat();
    let outcome = place.run_with(&["load"], &xz).failed(2);
    assert!(outcome.stderr.contains("`xz`"), "{}", outcome.stderr);
    place.assert_empty();
}

#[test]
fn a_file_with_a_colon_in_its_name_is_a_file() {
    let place = Place::new();
    let bytes = std::fs::read(fixtures().join("multi.oci.tar")).unwrap();
    std::fs::write(place.path("dir:archive.tar"), bytes).unwrap();
    let child =
        place.command(&["load", "-q", "dir:archive.tar"]).current_dir(place.path("")).spawn().unwrap();
    crate::place::wait_within(child, std::time::Duration::from_secs(30)).ok();
    assert_eq!(place.images().len(), 8);
}

#[test]
fn progress_is_plain_lines_where_there_is_no_terminal() {
    let place = Place::new();
    let outcome = place.run(&["load", "multi.oci.tar"]).ok();
    assert_eq!(outcome.stderr.lines().count(), 8);
    assert!(outcome.stderr.lines().all(|line| line.ends_with(" B)")), "{}", outcome.stderr);
    assert!(!outcome.stderr.contains(['\u{1b}', '\r']));
    let outcome = Place::new().run(&["load", "-q", "multi.oci.tar"]).ok();
    assert_eq!(outcome.stderr, "");
}

#[test]
fn progress_is_bars_on_a_terminal() {
    // `script` gives a command a terminal.
    let place = Place::new();
    let line = format!("{} load multi.oci.tar", env!("CARGO_BIN_EXE_consign"));
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .current_dir(fixtures())
        .env("CONSIGN_ROOT", place.root())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        println!("not run: there is no `script`");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(text.contains('\u{1b}') && text.contains("Loaded image: example.com/multi:1"), "{text:?}");
    assert!(!text.contains(" loaded ("), "{text:?}");
}
