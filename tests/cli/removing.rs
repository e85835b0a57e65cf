//! Removing, pruning and pinning, as users see it.

use serde_json::Value;

use crate::archive::{Layout, digest, gzip, layer};
use crate::family::family;
use crate::place::Place;
use crate::transcript::Transcript;

/// An archive of images with these names, labels and times.
fn labelled(place: &Place, images: &[(Option<&str>, &str, &str)]) -> String {
    let mut layout = Layout::default();
    for (position, (name, labels, created)) in images.iter().enumerate() {
        let content = layer(&format!("layer {position}"));
        let config = format!(
            r#"{{"created":"{created}","os":"linux","architecture":"amd64","config":{{"Labels":{labels}}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            digest(&content)
        );
        let image = layout.image_with(config.as_bytes(), &[gzip(&content)]);
        layout.root(image, *name);
    }
    place.file("labelled.tar", &layout.tar())
}

fn deleted(document: &Value) -> usize {
    document["deleted"].as_array().unwrap().len()
}

#[test]
fn all_images_go_with_their_names_but_those_that_are_pinned() {
    let place = family();
    place.run(&["tag", "example.com/app:1", "other:1", "other:2"]).ok();
    place.run(&["pin", "example.com/base:1", "--holder", "x"]).ok();
    let refused = place.run(&["rm", "--all"]).failed(1);
    assert!(refused.stderr.contains("it is pinned by `x`"), "{}", refused.stderr);
    assert_eq!(place.run(&["images", "-q"]).ok().text().lines().count(), 1);
    place.run(&["unpin", "--all", "--holder", "x"]).ok();
    place.run(&["rm", "-a"]).ok();
    place.assert_empty();
    place.run(&["rm", "-a"]).ok();
    place.run(&["rm", "nosuch"]).failed(1);
    place.run(&["rm", "--ignore", "nosuch"]).ok();
    place.run(&["rm", "--all", "nosuch"]).failed(2);
}

#[test]
fn a_pinned_image_is_kept_by_everything() {
    let place = Place::with(&["several.docker.tar"]);
    Transcript::new(&place)
        .run("pin localhost/single-arm64v8:1 --holder container-7")
        .run("pin localhost/single-arm64v8:1 --holder container-7")
        .run("pin localhost/single-arm64v8:1 07f640cb --holder other")
        .run("pin --list")
        .run("pin --list --holder container-7 --format json")
        .run("rm localhost/single-arm64v8:1")
        .run("rm e0455d1b9bc5")
        .run("rm --force e0455d1b9bc5")
        .run("rm --force localhost/single-arm64v8:1")
        .run("prune --all --force")
        .run("gc")
        .run("unpin --all --holder other")
        .run("unpin e0455d1b9bc5 --holder nobody")
        .run("prune --all")
        .run("unpin e0455d1b9bc5 --holder container-7")
        .run("prune")
        .run("pin nothing --holder x")
        .run("check")
        .assert("pins");
    let place = Place::with(&["several.docker.tar"]);
    place.run(&["pin", "localhost/single-amd64:1", "--holder", "me"]).ok();
    let inspected = place.run(&["inspect", "localhost/single-amd64:1"]).ok().json();
    assert_eq!(inspected[0]["Consign"]["Pins"], serde_json::json!(["me"]));
    place.run(&["pin", "localhost/single-amd64:1", "--holder", ""]).failed(2);
    place.run(&["pin", "localhost/single-amd64:1"]).failed(2);
}

#[test]
fn prune_removes_what_has_no_tag_and_all_removes_the_rest() {
    let place = Place::new();
    let archive = labelled(
        &place,
        &[
            (Some("example.com/a:1"), r#"{"keep":"yes"}"#, "2020-01-01T00:00:00Z"),
            (None, r#"{"keep":"no","x":"1"}"#, "2021-01-01T00:00:00Z"),
            (None, "{}", "2022-01-01T00:00:00Z"),
            (Some("example.com/b:1"), "null", "2023-01-01T00:00:00Z"),
        ],
    );
    let load = || place.run(&["load", "-q", &archive]).ok();
    let prune = |arguments: &[&str]| {
        let all = [&["prune", "--format", "json"], arguments].concat();
        let document = place.run(&all).ok().json();
        assert_eq!(place.check()["problems"], serde_json::json!([]));
        document
    };
    load();
    let pruned = prune(&[]);
    assert_eq!(deleted(&pruned), 2);
    assert!(pruned["bytes"].as_u64().unwrap() > 0);
    assert_eq!(deleted(&prune(&[])), 0);
    for (filter, count) in [
        (&["--filter", "label=x"][..], 1),
        (&["--filter", "label=x=2"], 0),
        (&["--filter", "label=x=1", "--filter", "label=keep"], 1),
        (&["--filter", "label!=x"], 1),
        (&["--filter", "label!=x=2"], 2),
        (&["--filter", "until=2021-06-01"], 1),
        (&["--filter", "until=1h"], 2),
        (&["--filter", "until=2010-01-01"], 0),
        (&["--all", "--filter", "label!=keep=yes"], 3),
        (&["--all", "--filter", "until=2020-06-01"], 1),
        (&["--filter", "dangling=false"], 4),
        (&["-a"], 4),
    ] {
        load();
        let pruned = prune(filter);
        assert_eq!(deleted(&pruned), count, "{filter:?}: {pruned}");
    }
    place.assert_empty();
    assert_eq!(place.check()["blobs"], 0);
    let events = place.run(&["events", "--filter", "event=prune", "--format", "json"]).ok();
    let first: Value = serde_json::from_str(events.text().lines().next().unwrap()).unwrap();
    assert_eq!(first["Attributes"]["reclaimed"], pruned["bytes"].to_string());
    for wrong in ["until=soon", "label=", "color=red", "dangling=maybe"] {
        place.run(&["prune", "--filter", wrong]).failed(2);
    }
}

#[test]
fn what_is_refused_is_said_and_the_rest_is_removed() {
    let place = Place::with(&["several.docker.tar"]);
    Transcript::new(&place)
        .run("rm 07f640cb8759 nothing localhost/single-arm64v8:1")
        .run("rm --force nothing")
        .run("rm --force 07f640cb8759 07f640cb8759 --format json")
        .run("check")
        .assert("rm_refused");
}

#[test]
fn collecting_tells_what_went() {
    let place = Place::with(&["several.docker.tar"]);
    let orphan = place.root().join("blobs/sha256").join(&digest(b"x")["sha256:".len()..]);
    std::fs::write(orphan, b"x").unwrap();
    std::fs::write(place.root().join("ingest/abandoned"), b"half").unwrap();
    Transcript::new(&place).run("check").run("gc").run("gc --format json").run("check").assert("gc");
}

#[test]
fn an_image_whose_config_is_damaged_can_be_removed() {
    let place = Place::with(&["several.docker.tar"]);
    let config = "07f640cb8759772bacafb264ee210c96df6833a47e723c2b9c4b9eb3382c2bf9";
    std::fs::write(place.root().join("blobs/sha256").join(config), b"damaged").unwrap();
    place.run(&["rm", "--force", "07f640cb"]).ok();
    assert_eq!(place.images().len(), 1);
    assert_eq!(place.check()["problems"], serde_json::json!([]));
}
