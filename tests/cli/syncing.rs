//! Lists of images, copied.

use crate::archive::Layout;
use crate::place::Place;
use crate::shelved::{Shelved, index, small};

/// A registry with three tags of an image, and one of an index.
fn registry() -> Shelved {
    let registry = Shelved::new();
    for (tag, content) in [("1.0", "one"), ("1.10", "ten"), ("edge", "edge")] {
        let mut layout = Layout::default();
        let image = small(&mut layout, content);
        registry.put(&layout, tag, &image);
    }
    registry
}

fn list(registry: &Shelved) -> String {
    format!(
        "{}:\n  images:\n    a/named: [1.10, edge]\n  images-by-tag-regex:\n    a/matched: ^1\n  \
         images-by-semver:\n    a/versions: '>=1.5'\n",
        registry.server.name()
    )
}

#[test]
fn what_a_list_names_is_copied_to_one_place() {
    let (place, from, to) = (Place::new(), registry(), Shelved::new());
    let file = place.file("list.yaml", list(&from).as_bytes());
    let destination = format!("docker://{}/mirror", to.server.name());
    let planned = place.run(&["sync", "--dry-run", &file, &destination]).ok();
    let pairs = [
        ("a/named:1.10", "named:1.10"),
        ("a/named:edge", "named:edge"),
        ("a/matched:1.0", "matched:1.0"),
        ("a/matched:1.10", "matched:1.10"),
        ("a/versions:1.10", "versions:1.10"),
    ];
    let wanted: String = pairs
        .iter()
        .map(|(source, target)| format!("docker://{} {destination}/{target}\n", from.name(source)))
        .collect();
    assert_eq!(planned.text(), wanted);
    assert!(to.server.log().is_empty());
    let report = place.run(&["sync", "--report", "json", &file, &destination]).ok().json();
    assert_eq!(report.as_array().unwrap().len(), 5);
    for entry in report.as_array().unwrap() {
        let (source, target) = (entry["source"].as_str().unwrap(), entry["destination"].as_str().unwrap());
        let raw = |text: &str| place.run(&["inspect", "--raw", text]).ok().stdout;
        assert_eq!(raw(source), raw(target));
    }
    // In full below a layout, and as TOML, with a suffix.
    let toml = format!("[\"{}\".images]\n\"a/named\" = [\"edge\"]\n", from.server.name());
    let file = place.file("list.toml", toml.as_bytes());
    let layout = format!("oci:{}", place.path("layout").display());
    place.run(&["sync", "-q", "--scoped", "--append-suffix", "-copy", &file, &layout]).ok();
    let name = format!("{layout}:{}", from.name("a/named:edge-copy"));
    let raw = place.run(&["inspect", "--raw", &name]).ok().stdout;
    assert_eq!(
        raw,
        place.run(&["inspect", "--raw", &format!("docker://{}", from.name("a/named:edge"))]).ok().stdout
    );
    let directory = format!("dir:{}", place.path("dirs").display());
    place.run(&["sync", "-q", &file, &directory]).ok();
    assert!(place.path("dirs/named:edge/manifest.json").exists());
}

#[test]
fn what_cannot_be_copied_ends_it_or_is_gone_on_after() {
    let (place, from, to) = (Place::new(), registry(), Shelved::new());
    let list = format!("{}:\n  images:\n    a/b: [nosuch, edge]\n", from.server.name());
    let file = place.file("list.yaml", list.as_bytes());
    let destination = format!("docker://{}", to.server.name());
    place.run(&["sync", "-q", &file, &destination]).failed(1);
    assert!(to.shelf.lock().unwrap().manifests.is_empty());
    let kept = place.run(&["sync", "-q", "--keep-going", &file, &destination]).failed(1);
    assert_eq!(kept.text().lines().count(), 1);
    assert!(to.shelf.lock().unwrap().manifests.contains_key("edge"));
    let wrong = place.file("wrong.yaml", b"quay.io:\n  images: {a: b}\n");
    let refused = place.run(&["sync", &wrong, &destination]).failed(2);
    assert!(
        refused.stderr.contains("wrong.yaml`: `quay.io.images.a`: wanted a list of tags"),
        "{}",
        refused.stderr
    );
    let refused = place.run(&["sync", &file, "docker-archive:x"]).failed(2);
    assert!(refused.stderr.contains("wanted docker://"), "{}", refused.stderr);
}

#[test]
fn indexes_of_a_list_are_copied_whole_if_asked_for() {
    let (place, from, to) = (Place::new(), Shelved::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = index(&mut layout);
    from.put(&layout, "1", &image);
    let digest = image["digest"].as_str().unwrap();
    let list = format!("{}:\n  images:\n    a/b: ['1', '{digest}']\n", from.server.name());
    let file = place.file("list.yaml", list.as_bytes());
    let destination = format!("docker://{}", to.server.name());
    let copied = place.run(&["sync", "-q", "--all", &file, &destination]).ok();
    assert_eq!(copied.text(), format!("{digest}\n{digest}\n"));
}
