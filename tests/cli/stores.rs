//! Stores that are newer, read-only, damaged, or on a full disk.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::archive::Layout;
use crate::place::{Outcome, Place, fixtures, wait_within};
use crate::transcript::Transcript;

#[test]
fn a_store_of_a_newer_consign_is_refused_and_left_alone() {
    let place = Place::with(&["several.docker.tar"]);
    let catalog = place.root().join("catalog.sqlite");
    let connection = rusqlite::Connection::open(&catalog).unwrap();
    connection.execute_batch("PRAGMA user_version = 1000").unwrap();
    drop(connection);
    let before = std::fs::read(&catalog).unwrap();
    Transcript::new(&place)
        .run("images")
        .run("resolve localhost/single-amd64:1")
        .run("load multi.oci.tar")
        .run("tag localhost/single-amd64:1 x")
        .run("rm localhost/single-amd64:1")
        .run("check")
        .assert("newer_store");
    assert_eq!(std::fs::read(&catalog).unwrap(), before);
}

#[test]
fn damage_is_found_and_named() {
    let place = Place::with(&["several.docker.tar"]);
    let blobs = place.root().join("blobs/sha256");
    let write = |hex: &str, bytes: &[u8]| {
        let path = blobs.join(hex);
        // Blobs are not to be written to; somebody does it all the same.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    let layer = "68a110f795a055429be27c49c5255ba76fde5c87881b930b7b8cb16593958e2c";
    let config = "07f640cb8759772bacafb264ee210c96df6833a47e723c2b9c4b9eb3382c2bf9";
    write(layer, &[7; 3072]);
    let same_length = std::fs::read(blobs.join(config)).unwrap().len();
    write(config, &vec![b' '; same_length]);
    std::fs::remove_file(blobs.join("633dbd576cc5824dd2260019f9e88845020810a79945fabe0f4f1a9233abd364"))
        .unwrap();
    std::fs::write(blobs.join("not-a-digest"), "x").unwrap();
    Transcript::new(&place)
        .run("check")
        .run("check --format json")
        .run("resolve localhost/single-amd64:1")
        .run("inspect --config localhost/single-amd64:1")
        .assert("damage");
}

/// Runs a shell script in a mount namespace of its own. `None` where this machine allows none.
pub fn with_mounts(place: &Place, script: &str) -> Option<Outcome> {
    let allowed = Command::new("unshare")
        .args(["--mount", "--map-root-user", "mount", "-t", "tmpfs", "none", "/mnt"])
        .stderr(Stdio::null())
        .status();
    if !allowed.is_ok_and(|status| status.success()) {
        println!("not run: this machine allows no mounts");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-euc", script]);
    command.current_dir(fixtures()).env("CONSIGN", env!("CARGO_BIN_EXE_consign"));
    command.env("CONSIGN_ROOT", place.root()).env("TMPDIR", place.path("tmp")).env("DIR", place.path(""));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(wait_within(command.spawn().unwrap(), Duration::from_secs(60)))
}

#[test]
fn a_store_that_cannot_be_written_to_can_be_read() {
    let place = Place::with(&["several.docker.tar"]);
    let script = r#"
        mount --bind "$CONSIGN_ROOT" "$CONSIGN_ROOT"
        mount -o remount,ro,bind "$CONSIGN_ROOT"
        "$CONSIGN" images -q
        "$CONSIGN" resolve -q localhost/single-arm64v8:1
        "$CONSIGN" inspect --config localhost/single-amd64:1 > "$DIR/config"
        "$CONSIGN" check
        for command in "load multi.oci.tar" "tag localhost/single-amd64:1 x" "rm localhost/single-amd64:1" \
            "untag localhost/single-amd64:1"
        do
            code=0; "$CONSIGN" $command >&2 || code=$?
            test $code = 2
        done
    "#;
    let Some(outcome) = with_mounts(&place, script) else { return };
    let outcome = outcome.ok();
    assert_eq!(outcome.text().lines().count(), 4, "{}", outcome.text());
    assert_eq!(outcome.stderr.matches("reading only").count(), 4, "{}", outcome.stderr);
    assert_eq!(place.images().len(), 2);
    assert_eq!(place.run(&["images", "--format", "json"]).ok().json().as_array().unwrap().len(), 3);
}

/// An archive with a layer that no compression makes smaller.
pub fn large(place: &Place, bytes: usize) -> String {
    let mut seed = 88_172_645_463_325_252u64;
    let mut noise = Vec::with_capacity(bytes);
    while noise.len() < bytes {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        noise.extend_from_slice(&seed.to_le_bytes());
    }
    let layer = crate::archive::Tar::default().file("noise", &noise).end();
    let mut layout = Layout::default();
    let image = layout.image("amd64", std::slice::from_ref(&layer), &[crate::archive::digest(&layer)]);
    layout.root(image, Some("example.com/large:1"));
    place.file("large.tar", &layout.tar())
}

#[test]
fn a_full_disk_is_an_error_and_nothing_is_half_there() {
    let place = Place::new();
    let archive = large(&place, 6 << 20);
    std::fs::create_dir(place.root()).unwrap();
    let script = r#"
        mount -t tmpfs -o size=4m none "$CONSIGN_ROOT"
        "$CONSIGN" load -q several.docker.tar
        code=0; "$CONSIGN" load "$DIR/large.tar" || code=$?
        test $code = 2
        "$CONSIGN" check
        "$CONSIGN" images -q
        # There is room again.
        mount -o remount,size=40m "$CONSIGN_ROOT"
        "$CONSIGN" load -q "$DIR/large.tar"
        "$CONSIGN" check
    "#;
    let Some(outcome) = with_mounts(&place, script) else { return };
    let outcome = outcome.ok();
    assert!(outcome.stderr.contains("No space left on device"), "{}", outcome.stderr);
    let lines: Vec<&str> = outcome.text().lines().collect();
    assert!(lines[2].starts_with("2 images, 3 names, "), "{lines:#?}");
    assert!(lines.last().unwrap().starts_with("3 images, 4 names, "), "{lines:#?}");
    assert!(!outcome.text().contains("damaged"), "{lines:#?}");

    // A compressed archive is put into the directory for temporary files first.
    let compressed = crate::archive::gzip(&std::fs::read(&archive).unwrap());
    place.file("large.tar.gz", &compressed);
    let script = r#"
        mount -t tmpfs -o size=1m none "$TMPDIR"
        code=0; "$CONSIGN" load "$DIR/large.tar.gz" || code=$?
        test $code = 2
        test -z "$(ls -A "$TMPDIR")"
    "#;
    let outcome = with_mounts(&place, script).unwrap().ok();
    assert!(outcome.stderr.contains("temporary file"), "{}", outcome.stderr);
    place.assert_empty();
}

#[test]
fn a_directory_that_is_no_store_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir(place.root()).unwrap();
    std::fs::write(place.root().join("holiday.jpg"), "x").unwrap();
    let outcome = place.run(&["load", "multi.oci.tar"]).failed(2);
    assert!(outcome.stderr.contains("holiday.jpg"), "{}", outcome.stderr);
    let listed = |path: &Path| std::fs::read_dir(path).unwrap().count();
    assert_eq!(listed(&place.root()), 1);
}
