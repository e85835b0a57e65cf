//! What is attached to an image: cosign's tags and what refers to it, which goes along where that is asked for.

use serde_json::{Value, json};

use crate::archive::{Layout, OCI_INDEX, OCI_MANIFEST, digest};
use crate::place::Place;
use crate::shelved::{Shelved, index, small};

const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// A manifest of one layer of text.
fn artifact(layout: &mut Layout, text: &str, subject: Option<&Value>) -> Value {
    let (config, layer) = (layout.blob(EMPTY, b"{}"), layout.blob("text/plain", text.as_bytes()));
    let mut manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer],
        "artifactType": "example/text", "annotations": {"text": text},
    });
    if let Some(subject) = subject {
        manifest["subject"] = subject.clone();
    }
    layout.json(OCI_MANIFEST, &manifest)
}

/// A tag of cosign's.
fn tag(of: &Value, kind: &str) -> String {
    format!("{}.{kind}", of["digest"].as_str().unwrap().replace(':', "-"))
}

/// What a registry that lists no referrers has under the tag in place of that.
fn referrers(registry: &Shelved, of: &Value) -> Vec<String> {
    let shelf = registry.shelf.lock().unwrap();
    let Some((_, bytes)) = shelf.manifests.get(&of["digest"].as_str().unwrap().replace(':', "-")) else {
        return Vec::new();
    };
    let index: Value = serde_json::from_slice(bytes).unwrap();
    let entries = index["manifests"].as_array().unwrap().clone();
    entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_attached_goes_along_where_that_is_asked_for() {
    let (place, first) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = index(&mut layout);
    let document: Value =
        serde_json::from_slice(&layout.blobs[&image["digest"].as_str().unwrap().replace(':', "/")]).unwrap();
    let member = document["manifests"][1].clone();
    let signature = artifact(&mut layout, "signature", None);
    let of_member = artifact(&mut layout, "attestation", None);
    let of_signature = artifact(&mut layout, "signature of the signature", None);
    first.put(&layout, "1", &image);
    first.put(&layout, &tag(&image, "sig"), &signature);
    first.put(&layout, &tag(&member, "att"), &of_member);
    first.put(&layout, &tag(&signature, "sig"), &of_signature);
    // What refers to it is put there by a push, which has it be found.
    let mut layout = Layout::default();
    let bill = artifact(&mut layout, "bill of material", Some(&image));
    layout.root(bill.clone(), None);
    let archive = place.file("bill.tar", &layout.tar());
    place.run(&["load", "-q", "--name", "example.com/bill:1", &archive]).ok();
    let by_digest =
        |registry: &Shelved, of: &Value| registry.name(&format!("a/b@{}", of["digest"].as_str().unwrap()));
    place.run(&["push", "-q", "example.com/bill:1", &by_digest(&first, &bill)]).ok();
    assert_eq!(referrers(&first, &image), [bill["digest"].as_str().unwrap()]);

    let from = format!("docker://{}", first.name("a/b:1"));
    let copy = |from: &str, to: &str, options: &[&str]| {
        let all = ["copy", "--all", "--report", "json"];
        place.run(&[&all[..], options, &[from, to]].concat()).ok().json()
    };
    let without = Shelved::new();
    assert_eq!(copy(&from, &format!("docker://{}", without.name("c/d:1")), &[])["attachments"], json!([]));
    assert!(!without.shelf.lock().unwrap().manifests.contains_key(&tag(&image, "sig")));
    assert!(referrers(&without, &image).is_empty());

    let check = |registry: &Shelved, what: &str| {
        let shelf = registry.shelf.lock().unwrap();
        for (tag, wanted) in [
            (tag(&image, "sig"), &signature),
            (tag(&member, "att"), &of_member),
            (tag(&signature, "sig"), &of_signature),
        ] {
            assert_eq!(digest(&shelf.manifests[&tag].1), wanted["digest"].as_str().unwrap(), "{what}: {tag}");
        }
        assert!(shelf.manifests.contains_key(bill["digest"].as_str().unwrap()), "{what}");
        drop(shelf);
        assert_eq!(referrers(registry, &image), [bill["digest"].as_str().unwrap()], "{what}");
    };
    let second = Shelved::new();
    let report = copy(&from, &format!("docker://{}", second.name("c/d:1")), &["--attachments"]);
    assert_eq!(report["attachments"].as_array().unwrap().len(), 4, "{report}");
    check(&second, "from registry to registry");
    // By way of a layout, twice: it is not listed more often for that.
    let directory = format!("oci:{}", place.path("layout").display());
    let to = format!("{directory}:x");
    copy(&from, &to, &["--attachments"]);
    let listed = || std::fs::read(place.path("layout/index.json")).unwrap();
    let before = listed();
    assert_eq!(copy(&from, &to, &["--attachments"])["attachments"].as_array().unwrap().len(), 4);
    assert_eq!(listed(), before);
    let named = format!("{directory}:{}", tag(&image, "sig"));
    let raw = place.run(&["inspect", "--raw", &named]).ok().stdout;
    assert_eq!(digest(&raw), signature["digest"].as_str().unwrap());
    let third = Shelved::new();
    copy(&to, &format!("docker://{}", third.name("e/f:1")), &["--attachments"]);
    check(&third, "by way of a layout");
    // One of the images brings its own.
    let fourth = Shelved::new();
    let one = format!("docker://{}", by_digest(&first, &member));
    let report = copy(&one, &format!("docker://{}", fourth.name("g/h:1")), &["--attachments"]);
    assert_eq!(report["attachments"], json!([{"digest": of_member["digest"], "tag": tag(&member, "att")}]));
}

#[test]
fn more_attachments_than_anybody_has_are_refused_before_they_are_copied() {
    let place = Place::new();
    for (count, is_copied) in [(1000, true), (1001, false)] {
        let (registry, to) = (Shelved::new(), Shelved::new());
        let mut layout = Layout::default();
        let image = small(&mut layout, "x");
        // Each is listed, and is the same.
        let bill = artifact(&mut layout, "bill of material", Some(&image));
        registry.put(&layout, "1", &image);
        let entries = vec![bill; count];
        let list = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).to_string();
        let tag = image["digest"].as_str().unwrap().replace(':', "-");
        registry.shelf.lock().unwrap().manifest(Some(&tag), OCI_INDEX, list.as_bytes());
        let (from, there) = (registry.name("a/b:1"), to.name("c/d:1"));
        let copy = ["copy", "-q", "--attachments", &format!("docker://{from}"), &format!("docker://{there}")];
        let outcome = place.run(&copy);
        if is_copied {
            outcome.ok();
            assert_eq!(referrers(&to, &image).len(), 1);
        } else {
            let refused = outcome.failed(2);
            assert!(refused.stderr.contains("wanted at most 1000 attachments"), "{}", refused.stderr);
            assert!(referrers(&to, &image).is_empty());
        }
    }
}

#[test]
fn where_nothing_can_be_attached_it_is_not_asked_for() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    registry.put(&layout, "1", &image);
    let from = format!("docker://{}", registry.name("a/b:1"));
    for to in [format!("dir:{}", place.path("dir").display()), "example.com/x:1".to_owned()] {
        let refused = place.run(&["copy", "--attachments", &from, &to]).failed(2);
        assert!(refused.stderr.contains("wanted a registry or an OCI layout"), "{}", refused.stderr);
        // Nor is the image copied then.
        assert!(!place.path("dir").exists() && place.images().is_empty(), "{to}");
    }
}
