//! Copies between all the places images can be in, held against skopeo's.

use std::path::Path;

use crate::archive::{Layout, digest};
use crate::place::{Place, fixtures};
use crate::registries::{Registry, installed, run};
use crate::shelved::{Shelved, index, machine, noise, small};

/// Where an image can be copied to, and what it is there.
fn places(place: &Place, tag: &str) -> Vec<String> {
    let path = |name: &str| place.path(&format!("{tag}-{name}")).display().to_string();
    vec![
        format!("oci:{}:{tag}", path("oci")),
        format!("oci-archive:{}:{tag}", path("oci.tar")),
        format!("dir:{}", path("dir")),
    ]
}

#[test]
fn an_index_goes_through_every_place_unchanged() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = index(&mut layout);
    registry.put(&layout, "1", &image);
    let raw = |source: &str| place.run(&["inspect", "--raw", source]).ok().stdout;
    let mut from = format!("docker://{}", registry.name("a/b:1"));
    for to in places(&place, "x").into_iter().chain([format!("docker://{}", registry.name("c/d:2"))]) {
        let copied = place.run(&["copy", "-q", "--all", "--preserve-digests", &from, &to]).ok();
        assert_eq!(image["digest"], copied.text().trim(), "{from} {to}");
        assert_eq!(digest(&raw(&to)), image["digest"], "{to}");
        from = to;
    }
    // Nothing was stored.
    assert!(place.images().is_empty());
    place.run(&["copy", "-q", "--all", &from, "example.com/x:1"]).ok();
    assert_eq!(digest(&raw("example.com/x:1")), image["digest"]);
    assert_eq!(place.images().len(), 3);
    place.check();
    let to = format!("oci:{}:back", place.path("back").display());
    place.run(&["copy", "-q", "--all", "example.com/x:1", &to]).ok();
    assert_eq!(digest(&raw(&to)), image["digest"]);
}

#[test]
fn one_platform_is_copied_unless_all_are_asked_for() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = index(&mut layout);
    registry.put(&layout, "1", &image);
    let from = format!("docker://{}", registry.name("a/b:1"));
    let to = format!("oci:{}", place.path("layout").display());
    let copy = |name: &str, arguments: &[&str]| {
        let to = format!("{to}:{name}");
        let all = [&["copy", "-q", &from, &to], arguments].concat();
        place.run(&all).ok().text().trim().to_owned()
    };
    let (own, other) = (copy("own", &[]), copy("other", &["--platform", "linux/s390x"]));
    let all = copy("all", &["--multi-arch", "all"]);
    assert_eq!(all, image["digest"]);
    assert!(own != other && own != all);
    // All of them are in the one layout, each under its name; a name that is given again is given away.
    for (name, wanted) in [("own", &own), ("other", &other), ("all", &all)] {
        let raw = place.run(&["inspect", "--raw", &format!("{to}:{name}")]).ok().stdout;
        assert_eq!(digest(&raw), **wanted);
    }
    copy("own", &["--platform", "linux/riscv64"]);
    let listed = std::fs::read(place.path("layout").join("index.json")).unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed["manifests"].as_array().unwrap().len(), 4, "{listed}");
    let sparse = Shelved::new();
    let target = format!("docker://{}", sparse.name("a/b:1"));
    place.run(&["copy", "-q", "--multi-arch", "index-only", &from, &target]).ok();
    assert_eq!(sparse.shelf.lock().unwrap().manifests.len(), 2);
    assert!(sparse.shelf.lock().unwrap().blobs.is_empty());
    let refused = place.run(&["copy", &from, "docker-archive:x.tar", "--preserve-digests"]).failed(2);
    assert!(refused.stderr.contains("keeps no manifests"), "{}", refused.stderr);
    let refused =
        place.run(&["copy", "--all", "--preserve-digests", "--format", "v2s2", &from, &target]).failed(2);
    assert!(refused.stderr.contains("digests cannot be kept"), "{}", refused.stderr);
}

#[test]
fn a_copy_within_a_registry_sends_nothing() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    registry.put(&layout, "1", &image);
    // The one shelf has every repository's blobs; asked about them it says no.
    let (shelf, count) =
        (registry.shelf.clone(), std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let server = crate::server::Server::start(move |request| {
        if request.method == "HEAD" && request.path().starts_with("/v2/c/d/blobs/") {
            count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return crate::server::Response::new(404);
        }
        shelf.lock().unwrap().answer(request)
    });
    let (from, to) =
        (format!("docker://{}/a/b:1", server.name()), format!("docker://{}/c/d:1", server.name()));
    let report = place.run(&["copy", "--report", "json", &from, &to, "--additional-tag", "2"]).ok().json();
    assert_eq!((&report["sent"]["blobs"], &report["mounted"]["blobs"]), (&0.into(), &3.into()), "{report}");
    let asked = server.asked();
    assert!(!asked.iter().any(|line| line.starts_with("PUT") && line.contains("/blobs/")), "{asked:?}");
    assert!(registry.shelf.lock().unwrap().manifests.contains_key("2"));
}

#[test]
fn content_that_is_another_goes_nowhere() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let bytes = crate::archive::Tar::default().file("noise", &noise(3 << 20)).end();
    let image = layout.image(machine(), std::slice::from_ref(&bytes), &[digest(&bytes)]);
    registry.put(&layout, "1", &image);
    registry.shelf.lock().unwrap().blobs.get_mut(&digest(&bytes)).unwrap()[5] ^= 1;
    let from = format!("docker://{}", registry.name("a/b:1"));
    let other = Shelved::new();
    let targets = places(&place, "bad");
    for to in targets.iter().cloned().chain([
        format!("docker://{}", other.name("a/b:1")),
        format!("docker-archive:{}", place.path("bad.tar").display()),
        "example.com/x:1".to_owned(),
    ]) {
        let refused = place.run(&["copy", "-q", &from, &to]).failed(1);
        assert!(refused.stderr.contains(&digest(&bytes)), "{to}: {}", refused.stderr);
    }
    assert!(other.shelf.lock().unwrap().manifests.is_empty());
    assert!(other.shelf.lock().unwrap().uploads.is_empty());
    let left: Vec<_> =
        std::fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().contains("bad")), "{left:?}");
    assert!(place.images().is_empty());
}

/// Files below a directory, with their bytes.
fn tree(directory: &Path) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut found = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        found.insert(entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap());
    }
    found
}

#[test]
fn what_is_copied_is_what_skopeo_copies() {
    if !installed(&["docker-registry", "skopeo"]) {
        return;
    }
    let place = Place::new();
    let registry = Registry::start(&place.path(""), "", "");
    let skopeo = |arguments: &[&str]| run("skopeo", arguments, &fixtures());
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    for fixture in ["oci-archive:multi.oci.tar", "oci-archive:attested.oci.tar"] {
        let name = fixture.split([':', '.']).nth(1).unwrap();
        let target = format!("docker://{}/a/{name}:1", registry.name);
        let copied = place.run(&["copy", "-q", "--all", fixture, &target]).ok();
        let raw = skopeo(&["inspect", "--raw", "--tls-verify=false", &target]);
        assert_eq!(digest(&raw), copied.text().trim());
        let path = |who: &str, what: &str| place.path(&format!("{who}-{name}-{what}")).display().to_string();
        // skopeo has no indexes within indexes, and takes attestations for such.
        let kinds = [("one", None), ("all", Some("--all"))];
        for (what, all) in kinds.into_iter().take(if name == "multi" { 2 } else { 1 }) {
            let (ours, theirs) = (path("ours", what), path("theirs", what));
            let all: Vec<&str> = all.into_iter().collect();
            let to = format!("dir:{ours}");
            let arguments = [&["copy", "-q", &target, &to], &all[..]].concat();
            place.run(&arguments).ok();
            let to = format!("dir:{theirs}");
            let arguments = ["copy", "-q", "--policy", &policy, "--src-tls-verify=false", &target, &to];
            skopeo(&[&arguments[..], &all].concat());
            assert!(tree(Path::new(&ours)) == tree(Path::new(&theirs)), "{name} {what}");
        }
        let (ours, theirs) = (path("ours", "tar"), path("theirs", "tar"));
        place.run(&["copy", "-q", &target, &format!("docker-archive:{ours}:example.com/a:1")]).ok();
        let to = format!("docker-archive:{theirs}:example.com/a:1");
        skopeo(&["copy", "-q", "--policy", &policy, "--src-tls-verify=false", &target, &to]);
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(&theirs).unwrap(), "{name}");
        if name != "multi" {
            continue;
        }
        // What consign writes skopeo reads, and takes back to the registry with the digest it has.
        let layout = format!("oci:{}:x", path("ours", "layout"));
        place.run(&["copy", "-q", "--all", &target, &layout]).ok();
        let back = format!("docker://{}/back/{name}:1", registry.name);
        skopeo(&["copy", "-q", "--all", "--policy", &policy, "--dest-tls-verify=false", &layout, &back]);
        assert_eq!(skopeo(&["inspect", "--raw", "--tls-verify=false", &back]), raw);
    }
}

#[test]
fn kinds_of_documents_are_made_as_skopeo_makes_them() {
    if !installed(&["docker-registry", "skopeo"]) {
        return;
    }
    let place = Place::new();
    let registry = Registry::start(&place.path(""), "", "");
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    let target = |tag: &str| format!("docker://{}/a/b:{tag}", registry.name);
    let raw = |tag: &str| -> serde_json::Value {
        let raw = run("skopeo", &["inspect", "--raw", "--tls-verify=false", &target(tag)], &fixtures());
        serde_json::from_slice(&raw).unwrap()
    };
    let source = "oci-archive:multi.oci.tar";
    place.run(&["copy", "-q", source, &target("ours"), "--format", "v2s2"]).ok();
    let arguments =
        ["copy", "-q", "--policy", &policy, "--dest-tls-verify=false", "--format", "v2s2", source];
    run("skopeo", &[&arguments[..], &[&target("theirs")]].concat(), &fixtures());
    let (ours, theirs) = (raw("ours"), raw("theirs"));
    assert_eq!(ours["config"], theirs["config"]);
    assert_eq!(ours["layers"], theirs["layers"]);
    assert_eq!(ours["mediaType"], theirs["mediaType"]);
    // And back: the config's bytes stay, so it is the same image.
    place.run(&["copy", "-q", &target("ours"), &target("again"), "--format", "oci"]).ok();
    let original = place.run(&["inspect", "--raw", source, "--platform", &format!("linux/{}", machine())]);
    let original: serde_json::Value = original.ok().json();
    assert_eq!(raw("again")["config"], original["config"]);
    assert_eq!(raw("again")["layers"], original["layers"]);
}
