use crate::archive::Layout;
use crate::place::Place;
use crate::transcript::Transcript;

#[test]
fn images_are_listed_by_name_then_those_without_one() {
    let place = Place::with(&["multi.oci.tar", "several.docker.tar"]);
    let mut layout = Layout::default();
    let image = layout.plain_image("amd64", "without a name");
    layout.root(image, None);
    let archive = place.file("nameless.tar", &layout.tar());
    place.run(&["load", "-q", &archive]).ok();
    Transcript::new(&place)
        .run("images")
        .run("images --digests")
        .run("images --no-trunc localhost/single-amd64")
        .run("images -q")
        .run("images -q --no-trunc example.com/multi")
        .run("images localhost/single-*")
        .run("images localhost/*:1")
        .run("images example.com/multi:2")
        .run("images [")
        .run("images localhost/single-arm64v8:1 --format json")
        .run("images nosuch --format json")
        .run("images -q --format json")
        .assert("images");
}

#[test]
fn an_empty_store_is_an_empty_table() {
    let place = Place::new();
    Transcript::new(&place)
        .run("images")
        .run("images -q")
        .run("images --format json")
        .run("check")
        .run("check --format json")
        .assert("images_none");
}

#[test]
fn control_characters_from_archives_are_shown_escaped() {
    use serde_json::json;
    let mut layout = Layout::default();
    let mut image = layout.plain_image("amd64", "x");
    image["platform"] = json!({"os": "linux", "architecture": "\u{1b}[31mred\u{7}"});
    let index = layout.index(&[image]);
    layout.root(index, Some("example.com/x:1"));
    let place = Place::new();
    let archive = place.file("x.tar", &layout.tar());
    for arguments in [
        vec!["resolve", "--platform", "linux/s390x", "--explain"],
        vec!["resolve", "--platform", "linux/s390x", "--format", "json"],
    ] {
        let image = format!("oci-archive:{archive}");
        let outcome = place.run(&[&arguments[..], &[&image]].concat()).failed(1);
        for text in [outcome.text(), &outcome.stderr] {
            assert!(!text.contains(['\u{1b}', '\u{7}']), "{text:?}");
            assert!(text.contains("31mred"), "{text:?}");
        }
    }
}
