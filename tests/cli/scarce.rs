//! Stores on a full disk and ones that cannot be written to, for what changes names and removes.

use crate::place::Place;
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
