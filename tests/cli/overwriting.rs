//! Copies to where there is something already: what makes way, what is added to, and what is refused, as skopeo does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::archive::{Layout, digest};
use crate::place::Place;
use crate::registries::{installed, run};
use crate::shelved::{index, small};

/// An archive with an image under each of these names, all different, and an index.
fn source(place: &Place, names: &[&str]) -> String {
    let mut layout = Layout::default();
    for name in names {
        let image = small(&mut layout, name);
        layout.root(image, Some(name));
    }
    let all = index(&mut layout);
    layout.root(all, Some("all"));
    place.file("source.tar", &layout.tar())
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn skopeo_copies(place: &Place, from: &str, to: &str) -> bool {
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    let mut command = std::process::Command::new("skopeo");
    command.args(["copy", "-q", "--all", "--policy", &policy, from, to]).env("TMPDIR", place.path("tmp"));
    command.output().unwrap().status.success()
}

/// What each of the two is told to fill.
fn both(place: &Place, name: &str) -> [PathBuf; 2] {
    ["ours", "theirs"].map(|who| {
        let path = place.path(&format!("{who}-{name}"));
        std::fs::create_dir(&path).unwrap();
        path
    })
}

#[test]
fn an_image_directory_makes_way_for_the_next_image() {
    let place = Place::new();
    let from = source(&place, &["one", "two"]);
    let target = place.path("dir");
    let to = format!("dir:{}", target.display());
    let copy = |name: &str, to: &str| {
        let all = ["copy", "-q", "--all", &format!("oci-archive:{from}:{name}"), to];
        place.run(&all).ok().text().trim().to_owned()
    };
    copy("all", &to);
    assert!(names(&target).iter().any(|name| name.ends_with(".manifest.json")));
    // What is nobody's image stays; what an image had beside goes with it.
    std::fs::write(target.join("signature-1"), "of the index").unwrap();
    std::fs::write(target.join("README"), "mine").unwrap();
    std::fs::create_dir(target.join("ab".repeat(32))).unwrap();
    let wanted = copy("one", &to);
    let fresh = place.path("fresh");
    assert_eq!(copy("one", &format!("dir:{}", fresh.display())), wanted);
    let mut expected = names(&fresh);
    expected.extend(["README".to_owned(), "ab".repeat(32)]);
    assert_eq!(names(&target), expected);
    for name in names(&fresh) {
        assert_eq!(std::fs::read(fresh.join(&name)).unwrap(), std::fs::read(target.join(&name)).unwrap());
    }
    assert_eq!(digest(&place.run(&["inspect", "--raw", &to]).ok().stdout), wanted);
    // Onto itself, and by the other commands that write there.
    assert_eq!(place.run(&["copy", "-q", &to, &to]).ok().text().trim(), wanted);
    place.run(&["load", "-q", "--name", "example.com/two:1", &format!("oci-archive:{from}:two")]).ok();
    place.run(&["push", "-q", "example.com/two:1", &to]).ok();
    let path = target.to_str().unwrap();
    place.run(&["save", "-q", "--format", "docker-dir", "-o", path, "example.com/two:1"]).ok();
    let stored = place.run(&["inspect", "--raw", "example.com/two:1"]).ok().stdout;
    assert_eq!(place.run(&["inspect", "--raw", &to]).ok().stdout, stored);
    assert!(target.join("README").exists());
    // Where the copy comes to nothing the image that was there is there.
    place.run(&["copy", &format!("oci-archive:{from}:three"), &to]).failed(1);
    std::fs::remove_file(fresh.join(digest_of_a_layer(&fresh))).unwrap();
    let broken = place.run(&["copy", &format!("dir:{}", fresh.display()), &to]);
    assert!(broken.code.is_some_and(|code| code != 0), "{}", broken.stderr);
    assert_eq!(place.run(&["inspect", "--raw", &to]).ok().stdout, stored);
    place.run(&["load", "-q", &to]).ok();
    assert!(names(&target).iter().all(|name| !name.starts_with('.')), "{:?}", names(&target));
}

/// The steps at which one image makes way for another, and which of them is there then.
pub const REPLACING: [(&str, &str); 4] =
    [("save-written", "one"), ("save-moved", "one"), ("save-replaced", "two"), ("save-published", "two")];

#[test]
fn whoever_dies_while_an_image_directory_makes_way_leaves_one_of_the_two() {
    if !cfg!(debug_assertions) {
        println!("not run: a release build has no steps to die at");
        return;
    }
    let place = Place::new();
    let from = source(&place, &["one", "two"]);
    let source = |name: &str| format!("oci-archive:{from}:{name}");
    for (step, wanted) in REPLACING {
        let path = place.path(step);
        let to = format!("dir:{}", path.display());
        place.run(&["copy", "-q", &source("one"), &to]).ok();
        std::fs::write(path.join("README"), "mine").unwrap();
        let died =
            place.command(&["copy", &source("two"), &to]).env("CONSIGN_CRASH_AT", step).output().unwrap();
        assert!(died.status.code().is_none(), "{step}: {}", String::from_utf8_lossy(&died.stderr));
        let raw = |reference: &str| place.run(&["inspect", "--raw", reference]).ok().stdout;
        assert_eq!(raw(&to), raw(&source(wanted)), "{step}");
        // All of it is there, and it can make way itself.
        Place::new().run(&["load", "-q", &to]).ok();
        place.run(&["copy", "-q", &source("two"), &to]).ok();
        assert_eq!(raw(&to), raw(&source("two")), "{step}");
        Place::new().run(&["load", "-q", &to]).ok();
        assert!(path.join("README").exists(), "{step}");
    }
}

/// The file of an image directory's first layer.
fn digest_of_a_layer(directory: &Path) -> String {
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(directory.join("manifest.json")).unwrap()).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    layer.strip_prefix("sha256:").unwrap().to_owned()
}

#[test]
fn a_directory_of_something_else_is_left_alone_as_skopeo_leaves_it() {
    let place = Place::new();
    let from = format!("oci-archive:{}:one", source(&place, &["one"]));
    let compared = installed(&["skopeo"]);
    for (name, files, taken) in [
        ("empty", &[][..], true),
        ("image", &[("version", "Directory Transport Version: 1.1\n")], true),
        ("other", &[("file", "x")], false),
        ("without", &[("manifest.json", "{}")], false),
        ("older", &[("version", "Directory Transport Version: 1.0\n")], false),
        ("longer", &[("version", "Directory Transport Version: 1.1\n\n")], false),
        ("unversioned", &[("version", "1.1\n"), ("manifest.json", "{}")], false),
    ] {
        let [ours, theirs] = both(&place, name);
        for (file, text) in files {
            std::fs::write(ours.join(file), text).unwrap();
            std::fs::write(theirs.join(file), text).unwrap();
        }
        let before = names(&ours);
        let copied = place.run(&["copy", "-q", &from, &format!("dir:{}", ours.display())]);
        if taken {
            copied.ok();
        } else {
            let refused = copied.failed(2);
            assert!(refused.stderr.contains("found one with something else in it"), "{}", refused.stderr);
            assert_eq!(names(&ours), before, "{name}");
        }
        if compared {
            assert_eq!(skopeo_copies(&place, &from, &format!("dir:{}", theirs.display())), taken, "{name}");
            assert_eq!(names(&ours), names(&theirs), "{name}");
        }
    }
}

#[test]
fn archives_that_are_there_are_replaced_or_refused_as_skopeo_does() {
    let place = Place::new();
    let from = source(&place, &["one", "two"]);
    let compared = installed(&["skopeo"]);
    for (form, again, first) in
        [("docker-archive", false, true), ("oci-archive", true, true), ("docker-archive", false, false)]
    {
        let (ours, theirs) = (place.path(&format!("ours-{form}")), place.path(&format!("theirs-{form}")));
        let name = if form == "docker-archive" { "example.com/x:1" } else { "x" };
        let to = |path: &Path| format!("{form}:{}:{name}", path.display());
        if first {
            // An empty file is as good as none.
            std::fs::write(&ours, "").unwrap();
            std::fs::write(&theirs, "").unwrap();
            place.run(&["copy", "-q", &format!("oci-archive:{from}:one"), &to(&ours)]).ok();
        }
        let before = std::fs::read(&ours).unwrap();
        let copied = place.run(&["copy", "-q", &format!("oci-archive:{from}:two"), &to(&ours)]);
        if again {
            copied.ok();
            assert_ne!(std::fs::read(&ours).unwrap(), before);
        } else {
            let refused = copied.failed(2);
            assert!(refused.stderr.contains("wanted a new file"), "{}", refused.stderr);
            assert_eq!(std::fs::read(&ours).unwrap(), before);
        }
        if compared && first {
            assert!(skopeo_copies(&place, &format!("oci-archive:{from}:one"), &to(&theirs)));
            assert_eq!(skopeo_copies(&place, &format!("oci-archive:{from}:two"), &to(&theirs)), again);
        }
    }
}

#[test]
fn a_layout_lists_what_skopeo_would_list_in_it() {
    if !installed(&["skopeo"]) {
        return;
    }
    let place = Place::new();
    let from = source(&place, &["one", "two"]);
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    let path = |who: &str| place.path(who).display().to_string();
    for (name, reference) in
        [("one", "x"), ("two", "x"), ("one", "y"), ("two", "y"), ("one", "x"), ("two", "z")]
    {
        let from = format!("oci-archive:{from}:{name}");
        place.run(&["copy", "-q", &from, &format!("oci:{}:{reference}", path("ours"))]).ok();
        let to = format!("oci:{}:{reference}", path("theirs"));
        run("skopeo", &["copy", "-q", "--policy", &policy, &from, &to], &place.path(""));
        let listed = |who: &str| -> Vec<(String, String)> {
            let bytes = std::fs::read(place.path(who).join("index.json")).unwrap();
            let index: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let entries = index["manifests"].as_array().unwrap().iter();
            let named = |entry: &serde_json::Value| {
                let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str();
                (entry["digest"].as_str().unwrap().to_owned(), name.unwrap_or_default().to_owned())
            };
            entries.map(named).collect()
        };
        assert_eq!(listed("ours"), listed("theirs"), "{name} as {reference}");
    }
}
