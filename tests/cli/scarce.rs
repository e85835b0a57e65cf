//! Stores on a full disk and ones that cannot be written to, for what changes names and removes; few files that may be open.

use std::process::{Command, Stdio};

use crate::archive::{Layout, Tar, digest, gzip};
use crate::place::{Outcome, Place};
use crate::stores::with_mounts;

#[test]
fn a_full_disk_is_an_error_of_every_change_and_loses_nothing() {
    let place = Place::new();
    std::fs::create_dir(place.root()).unwrap();
    let script = r#"
        mount -t tmpfs -o size=2m none "$CONSIGN_ROOT"
        "$CONSIGN" load -q several.docker.tar
        "$CONSIGN" tag localhost/single-amd64:1 kept:1
        "$CONSIGN" pin localhost/single-amd64:1 --holder somebody
        before=$("$CONSIGN" images; "$CONSIGN" pin --list; "$CONSIGN" events)
        # Not a byte is left.
        cat /dev/zero > "$CONSIGN_ROOT/ingest/fill" 2> /dev/null || true
        for command in "tag kept:1 more:1 more:2" "untag kept:1" "rm localhost/single-arm64v8:1" "prune --all" \
            "pin localhost/single-arm64v8:1 --holder x" "unpin localhost/single-amd64:1 --holder somebody" \
            "load -q multi.oci.tar"
        do
            code=0; "$CONSIGN" $command || code=$?
            echo "$code"
            test "$("$CONSIGN" images; "$CONSIGN" pin --list; "$CONSIGN" events)" = "$before"
        done
        # What fills it is an abandoned write; to collect that takes no room.
        "$CONSIGN" gc
        "$CONSIGN" check
        "$CONSIGN" tag kept:1 more:1
        "$CONSIGN" rm localhost/single-arm64v8:1
        "$CONSIGN" check
    "#;
    let Some(outcome) = with_mounts(&place, script) else { return };
    let outcome = outcome.ok();
    let text = outcome.text();
    assert!(text.contains("2 images, 4 names"), "{text}{}", outcome.stderr);
    assert!(text.contains("1 images, 4 names"), "{text}{}", outcome.stderr);
    assert!(!text.contains("damaged") && !text.contains("left over"), "{text}");
    assert_eq!(text.lines().filter(|line| *line == "2").count(), 7, "{text}{}", outcome.stderr);
    let full = |line: &&str| line.contains("full") || line.contains("No space left on device");
    assert_eq!(outcome.stderr.lines().filter(full).count(), 7, "{}", outcome.stderr);
}

#[test]
fn a_store_that_cannot_be_written_to_tells_and_changes_nothing() {
    let place = Place::with(&["several.docker.tar"]);
    place.run(&["pin", "localhost/single-amd64:1", "--holder", "somebody"]).ok();
    let script = r#"
        mount --bind "$CONSIGN_ROOT" "$CONSIGN_ROOT"
        mount -o remount,ro,bind "$CONSIGN_ROOT"
        "$CONSIGN" events
        "$CONSIGN" pin --list
        "$CONSIGN" check --quick
        for command in "prune" "gc" "pin localhost/single-amd64:1 --holder x" "check --repair" \
            "unpin localhost/single-amd64:1 --holder somebody" "rm --force 07f640cb"
        do
            code=0; "$CONSIGN" $command >&2 || code=$?
            test $code = 2
        done
    "#;
    let Some(outcome) = with_mounts(&place, script) else { return };
    let outcome = outcome.ok();
    assert_eq!(outcome.text().lines().count(), 2 + 2 + 1, "{}", outcome.text());
    assert_eq!(outcome.stderr.matches("reading only").count(), 6, "{}", outcome.stderr);
    assert_eq!(place.check()["names"], 3);
}

/// Runs it where so many files may be open at first, and so many if it asks.
fn with_files(place: &Place, soft: u32, hard: u32, arguments: &[&str]) -> Outcome {
    let plain = place.command(arguments);
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(format!("ulimit -Sn {soft}; ulimit -Hn {hard}; exec \"$0\" \"$@\""));
    command.arg(plain.get_program()).args(plain.get_args()).current_dir(plain.get_current_dir().unwrap());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    place.outcome_of(command)
}

#[test]
fn an_image_may_have_more_layers_than_files_may_be_open() {
    let place = Place::new();
    let layers: Vec<Vec<u8>> =
        (0..80).map(|number| Tar::default().file(&format!("file-{number:02}"), b"x").end()).collect();
    let blobs: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let mut layout = Layout::default();
    let manifest = layout.image("amd64", &blobs, &diff_ids);
    layout.root(manifest, Some("example.com/high:1"));
    let path = place.file("high.oci.tar", &layout.tar());
    with_files(&place, 40, 40, &["load", "-q", &path]).ok();
    let wanted = |text: &str| assert_eq!(text.lines().filter(|line| line.contains("file-")).count(), 80);
    let archive = format!("oci-archive:{path}");
    for image in ["example.com/high:1", &archive] {
        wanted(with_files(&place, 40, 40, &["ls", "-R", image]).ok().text());
        assert_eq!(with_files(&place, 40, 40, &["cat", image, "file-00"]).ok().text(), "x");
        // Content of all layers is open at the same time.
        with_files(&place, 40, 400, &["cp", &format!("{image}:/"), "-"]).ok();
    }
    let to = place.path("unpacked").display().to_string();
    with_files(&place, 40, 40, &["unpack", "-q", "example.com/high:1", &to]).ok();
}
