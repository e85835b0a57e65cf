//! `consign manifest`: indexes made and changed by hand.

use serde_json::{Value, json};

use crate::archive::{Layout, OCI_INDEX, digest};
use crate::place::Place;
use crate::shelved::{Shelved, index, machine};
use crate::transcript::Transcript;

fn inspect(place: &Place, list: &str) -> Value {
    place.run(&["manifest", "inspect", list]).ok().json()
}

/// The digests that an index lists.
fn listed(document: &Value) -> Vec<String> {
    let entries = document["manifests"].as_array().unwrap();
    entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_index_is_made_changed_and_taken_away() {
    let place = Place::with(&["several.docker.tar"]);
    let [amd, arm] = ["localhost/single-amd64:1", "localhost/single-arm64v8:1"];
    Transcript::new(&place)
        .run("manifest create list")
        .run("manifest inspect list")
        .run("manifest exists list")
        .run(&format!("manifest add list {amd}"))
        .run(&format!("manifest add list {arm} --variant v9 --os-version 1.2 --os-features a,b --annotation x=y"))
        .run("manifest inspect list")
        .run(&format!("manifest annotate list {arm} --variant  --annotation x=z --annotation a=b"))
        .run("manifest annotate list --index --annotation of=index --artifact-type example/list --subject list")
        .run("manifest inspect list")
        .run(&format!("manifest remove list {arm} --format json"))
        .run("manifest create list")
        .run(&format!("manifest create list {arm} --amend"))
        .run("resolve list -q --platform linux/arm64")
        .run("manifest rm list")
        .run("manifest exists list")
        .run("manifest rm list")
        .run("images")
        .run("check")
        .assert("manifest");
}

#[test]
fn what_cannot_be_listed_is_said() {
    let place = Place::with(&["several.docker.tar"]);
    place.run(&["manifest", "create", "list"]).ok();
    place.run(&["manifest", "create", "--type", "docker", "docker-list"]).ok();
    Transcript::new(&place)
        .run("manifest add nosuch localhost/single-amd64:1")
        .run("manifest add localhost/single-amd64:1 localhost/single-amd64:1")
        .run("manifest add list nosuch")
        .run("manifest add list localhost/single-amd64:1 localhost/single-arm64v8:1 --os linux")
        .run("manifest add docker-list localhost/single-amd64:1 --annotation a=b")
        .run("manifest add docker-list localhost/single-amd64:1 -q")
        .run("manifest inspect docker-list")
        .run("manifest add list localhost/single-amd64:1 --annotation ab")
        .run("manifest annotate list localhost/single-amd64:1 --os linux")
        .run("manifest annotate list")
        .run("manifest remove list nosuch")
        .run("manifest create localhost/single-amd64:1")
        .run("manifest create x@sha256:07f640cb8759772bacafb264ee210c96df6833a47e723c2b9c4b9eb3382c2bf9")
        .run("manifest inspect nosuch")
        .run("manifest exists localhost/single-amd64:1")
        .run("manifest rm localhost/single-amd64:1")
        .assert("manifest_refused");
}

#[test]
fn an_index_that_was_made_is_an_image_like_any_other() {
    let place = Place::with(&["several.docker.tar"]);
    let [amd, arm] = ["localhost/single-amd64:1", "localhost/single-arm64v8:1"];
    place.run(&["manifest", "create", "list", amd, arm]).ok();
    let raw = place.run(&["inspect", "--raw", "list"]).ok().stdout;
    let id = |name: &str, platform: &str| {
        place.run(&["resolve", "-q", name, "--platform", platform]).ok().text().to_owned()
    };
    assert_eq!(id("list", "linux/amd64"), id(amd, "linux/amd64"));
    assert_eq!(id("list", "linux/arm64"), id(arm, "linux/arm64"));
    let archive = place.path("list.tar");
    let save =
        ["save", "-q", "--format", "oci-archive", "--all-platforms", "-o", archive.to_str().unwrap(), "list"];
    place.run(&save).ok();
    let other = Place::new();
    other.run(&["load", "-q", archive.to_str().unwrap()]).ok();
    assert_eq!(other.run(&["inspect", "--raw", "list"]).ok().stdout, raw);
    // With the images' own names gone it is what keeps them.
    place.run(&["untag", amd, arm, "localhost/multi-amd64"]).ok();
    place.run(&["tag", "list", "again"]).ok();
    place.run(&["manifest", "rm", "list"]).ok();
    place.run(&["prune", "--force"]).ok();
    place.run(&["gc"]).ok();
    assert_eq!(place.images().len(), 2);
    assert_eq!(place.run(&["inspect", "--raw", "again"]).ok().stdout, raw);
    place.run(&["rm", "again"]).ok();
    assert_eq!(place.check()["blobs"], 0);
}

#[test]
fn indexes_that_were_changed_leave_nothing_behind() {
    let place = Place::with(&["several.docker.tar"]);
    let blobs = place.check()["blobs"].as_u64().unwrap();
    place.run(&["manifest", "create", "list", "localhost/single-amd64:1"]).ok();
    for value in ["1", "2", "3"] {
        let annotation = format!("a={value}");
        place.run(&["manifest", "annotate", "list", "--index", "--annotation", &annotation]).ok();
    }
    assert_eq!(place.check()["blobs"], blobs + 1);
    // One that has another name stays.
    place.run(&["tag", "list", "kept"]).ok();
    place.run(&["manifest", "annotate", "list", "--index", "--annotation", "a=4"]).ok();
    assert_eq!(place.check()["blobs"], blobs + 2);
    assert_eq!(inspect(&place, "kept")["annotations"]["a"], "3");
    place.run(&["manifest", "rm", "list", "kept"]).ok();
    assert_eq!(place.check()["blobs"], blobs);
}

#[test]
fn an_index_that_is_gone_is_missing_and_not_wrong() {
    let place = Place::new();
    place.run(&["manifest", "create", "list"]).ok();
    let digest = digest(&place.run(&["inspect", "--raw", "list"]).ok().stdout);
    std::fs::remove_file(place.root().join("blobs").join(digest.replace(':', "/"))).unwrap();
    let failed = place.run(&["manifest", "annotate", "list", "--index", "--annotation", "a=b"]).failed(2);
    let wanted =
        format!("`{digest}` is not in the store, and the name `docker.io/library/list:latest` needs it");
    assert!(failed.stderr.contains(&wanted), "{}", failed.stderr);
}

#[test]
fn changes_at_the_same_time_are_all_there_in_the_end() {
    let place = Place::with(&["several.docker.tar"]);
    place.run(&["manifest", "create", "list"]).ok();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let place = &place;
            scope.spawn(move || {
                let annotation = format!("a{number}=b");
                place.run(&["manifest", "annotate", "list", "--index", "--annotation", &annotation]).ok();
            });
        }
    });
    assert_eq!(inspect(&place, "list")["annotations"].as_object().unwrap().len(), 16);
    place.check();
}

#[test]
fn images_of_a_registry_are_taken_in_for_an_index() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let source = index(&mut layout);
    registry.put(&layout, "1", &source);
    let reference = format!("docker://{}", registry.name("a/b:1"));
    // What it means here, without its index.
    place.run(&["manifest", "create", "one", &reference, "-q"]).ok();
    let document: Value = serde_json::from_slice(&layout.blobs[&path(&source)]).unwrap();
    let found = inspect(&place, "one");
    assert_eq!(listed(&found), listed(&document)[..1]);
    assert_eq!(found["manifests"][0]["platform"], json!({"architecture": machine(), "os": "linux"}));
    place.run(&["manifest", "create", "all", "--all", "-q", &reference]).ok();
    assert_eq!(listed(&inspect(&place, "all")), listed(&document));
    assert_eq!(place.images().len(), 3);
    let other = ["manifest", "add", "one", "-q", "--platform", "linux/s390x", &reference];
    place.run(&other).ok();
    assert_eq!(listed(&inspect(&place, "one")).len(), 2);
    // Added again it is there once.
    place.run(&other).ok();
    assert_eq!(listed(&inspect(&place, "one")).len(), 2);
    // Nothing is named but the indexes.
    let listed = place.run(&["images", "--noheading"]).ok();
    let names: std::collections::BTreeSet<&str> =
        listed.text().lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["all", "one"]);
    // What is in a registry is shown as it is.
    let shown = place.run(&["manifest", "inspect", &reference]).ok().stdout;
    let compact: Value = serde_json::from_slice(&shown).unwrap();
    assert_eq!(compact, document);
    assert_eq!(
        (&compact["mediaType"], digest(compact.to_string().as_bytes())),
        (&json!(OCI_INDEX), { source["digest"].as_str().unwrap().to_owned() })
    );
    place.check();
}

#[test]
fn an_index_is_pushed_with_all_its_images() {
    let (place, registry) = (Place::with(&["several.docker.tar"]), Shelved::new());
    let [amd, arm] = ["localhost/single-amd64:1", "localhost/single-arm64v8:1"];
    place.run(&["manifest", "create", "list", amd, arm]).ok();
    let raw = place.run(&["inspect", "--raw", "list"]).ok().stdout;
    let target = registry.name("a/b:1");
    let digest_file = place.path("digest");
    let push = ["manifest", "push", "-q", "--digestfile", digest_file.to_str().unwrap()];
    place.run(&[&push[..], &["list", &target]].concat()).ok();
    assert_eq!(std::fs::read_to_string(&digest_file).unwrap().trim(), digest(&raw));
    let other = Place::new();
    other.run(&["pull", "-q", "--all-platforms", &target]).ok();
    assert_eq!(other.run(&["inspect", "--raw", &target]).ok().stdout, raw);
    // One of whose images is gone is not pushed.
    let id = place.run(&["resolve", "-q", "--platform", "linux/arm64", "list"]).ok().text().trim().to_owned();
    place.run(&["rm", "--force", &id]).ok();
    place.run(&["manifest", "push", "-q", "list", &registry.name("a/b:2")]).failed(1);
    assert!(!registry.shelf.lock().unwrap().manifests.contains_key("2"));
    place.run(&["manifest", "push", "-q", "--rm", "--sparse", "list", &registry.name("a/b:3")]).ok();
    place.run(&["manifest", "exists", "list"]).failed(1);
    place.run(&["manifest", "push", amd, &target]).failed(2);
}

fn path(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().replace(':', "/")
}

#[test]
fn features_of_processors_are_left_out_as_podman_leaves_them_out_of_oci_indexes() {
    let place = Place::with(&["multi.oci.tar"]);
    for kind in ["oci", "docker"] {
        place.run(&["manifest", "create", "--type", kind, kind]).ok();
    }
    let add = |list: &str, options: &[&str]| {
        let all = ["manifest", "add", "-q", "--platform", "linux/amd64", list, "example.com/multi:1"];
        place.run(&[&all[..], options].concat())
    };
    let told = add("oci", &["--features", "sse4,aes", "--features", "x"]).ok();
    assert!(told.stderr.contains("`--features` are left out"), "{}", told.stderr);
    let index = place.run(&["manifest", "inspect", "oci"]).ok().json();
    let entry = &index["manifests"][0];
    assert_eq!(entry["platform"], serde_json::json!({"architecture": "amd64", "os": "linux"}));
    let digest = entry["digest"].as_str().unwrap();
    let annotate = ["manifest", "annotate", "--features", "x", "--annotation", "a=b", "oci", digest];
    assert!(place.run(&annotate).ok().stderr.contains("left out"));
    let index = place.run(&["manifest", "inspect", "oci"]).ok().json();
    assert_eq!(index["manifests"][0]["annotations"]["a"], "b");
    let refused = add("docker", &["--features", "x"]).failed(2);
    assert!(refused.stderr.contains("wanted an OCI index, found a Docker list"), "{}", refused.stderr);
    assert_eq!(place.run(&["manifest", "inspect", "docker"]).ok().json()["manifests"], serde_json::json!([]));
}
