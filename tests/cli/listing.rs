use crate::archive::Layout;
use crate::family::family;
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
fn filters_and_orders_are_those_of_docker_and_podman() {
    let place = family();
    let mut transcript = Transcript::new(&place);
    for line in [
        "images",
        "images --sort size",
        "images --sort tag -n",
        "images --sort repository -q",
        "images --sort id -q --no-trunc",
        "images -f dangling=true",
        "images -f dangling=false -q",
        "images -f label=kind=app",
        "images -f label=kind -f label!=empty",
        "images -f label=team",
        "images -f label=empty=",
        "images -f before=example.com/app:1",
        "images -f since=example.com/app:1",
        "images -f until=2021-06-01",
        "images -f until=1h -f reference=app",
        "images -f reference=example.com/* -f reference=app:2",
        "images -f intermediate=true",
        "images -f id=07f640cb8759",
        "images --format {{.Repository}}:{{.Tag}}|{{.CreatedAt}}|{{.Layers}}",
        "images -f nosuch=x",
        "images -f dangling=maybe",
        "images -f label",
        "images -f until=yesterday",
        "images -f before=nosuch",
        "images -f reference=[",
        "images --format {{.Nosuch}}",
        "images --format {{.ID",
        "images --format wide",
    ] {
        transcript.run(line);
    }
    transcript.assert("images_filtered");
    let table = place.run(&["images", "--format", "table {{.ID}}\\t{{.Tag}}\\t{{.Repository}}"]).ok();
    let lines: Vec<&str> = table.text().lines().collect();
    assert_eq!(lines[0], "IMAGE ID       TAG      REPOSITORY");
    assert_eq!(lines[2], "48adf62de579   2        app");
    let headless = place.run(&["images", "-n", "--format", "table {{.ID}}\\t{{.Tag}}"]).ok();
    assert_eq!(headless.text().lines().nth(1), Some("48adf62de579   2"));
}

#[test]
fn an_image_that_others_were_built_on_is_listed_when_asked_for() {
    let place = family();
    let ids = place.run(&["images", "-q", "--no-trunc"]).ok();
    let ids: Vec<&str> = ids.text().lines().collect();
    // Nothing yet is the parent of anything.
    assert_eq!(ids.len(), 4);
    let nameless = place.run(&["images", "-q", "--no-trunc", "-f", "dangling=true"]).ok();
    let nameless: consign::digest::Digest = nameless.text().trim().parse().unwrap();
    let child = ids.iter().find(|id| **id != nameless.to_string()).unwrap();
    let store = place.store();
    store.images().set_parent(&child.parse().unwrap(), &nameless).unwrap();
    let listed = |arguments: &[&str]| {
        let outcome = place.run(&[&["images", "-q", "--no-trunc"], arguments].concat()).ok();
        outcome.text().lines().any(|line| line == nameless.to_string())
    };
    assert!(!listed(&[]));
    assert!(listed(&["--all"]));
    assert!(!listed(&["-f", "dangling=true"]));
    assert!(listed(&["-f", "intermediate=true"]));
    let inspected = place.run(&["inspect", &nameless.to_string()]).ok().json();
    assert_eq!(inspected[0]["Consign"]["Children"][0], *child);
    assert_eq!(inspected[0]["Consign"]["Dangling"], false);
    let inspected = place.run(&["inspect", child]).ok().json();
    assert_eq!(inspected[0]["Parent"], nameless.to_string());
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
