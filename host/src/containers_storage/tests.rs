use cap_std::ambient_authority;
use serde_json::json;

use super::*;

const DIGITS: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn id(start: &str) -> String {
    format!("{start}{}", &DIGITS[start.len()..])
}

fn digest(start: &str) -> String {
    format!("sha256:{}", id(start))
}

/// A storage with these lists.
fn storage(images: serde_json::Value, layers: serde_json::Value) -> (tempfile::TempDir, Storage) {
    let directory = tempfile::tempdir().unwrap();
    for (name, list) in [("images", images), ("layers", layers)] {
        let at = directory.path().join(format!("vfs-{name}"));
        std::fs::create_dir(&at).unwrap();
        std::fs::write(at.join(format!("{name}.json")), list.to_string()).unwrap();
    }
    let location = at(&directory);
    (directory, Storage::open(vec![location]).unwrap())
}

fn at(directory: &tempfile::TempDir) -> Location {
    let directory = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    Location { directory, path: "/storage".into(), driver: None }
}

fn name(repository: &str, tag: Option<&str>, digest: Option<&str>) -> ImageName {
    let (domain, path) = repository.split_once('/').unwrap();
    let text = |text: &str| text.to_owned();
    ImageName { domain: text(domain), path: text(path), tag: tag.map(text), digest: digest.map(text) }
}

fn images() -> serde_json::Value {
    json!([
        {
            "id": id("aa1"),
            "names": ["r.example.com/x:1", "r.example.com/x:2"],
            "big-data-digests": {"manifest": digest("d1"), (format!("manifest-{}", digest("d2"))): digest("d2"), "other": digest("d3")},
        },
        {"id": id("aa2"), "names": null},
        {"id": id("bb"), "names": ["r.example.com/xx:1"]},
    ])
}

#[test]
fn an_image_is_found_by_name_by_id_and_by_a_digest_of_its_repository() {
    let (_directory, storage) = storage(images(), json!([]));
    let find = |name: Option<ImageName>, id: Option<String>| {
        storage.find(name.as_ref(), id.as_deref()).map(|found| found.image.id.clone())
    };
    let x = "r.example.com/x";
    assert_eq!(find(Some(name(x, Some("2"), None)), None), Some(id("aa1")));
    assert_eq!(find(Some(name(x, Some("3"), None)), None), None);
    for known in ["d1", "d2"] {
        assert_eq!(find(Some(name(x, None, Some(&digest(known)))), None), Some(id("aa1")), "{known}");
    }
    // Neither is one of its manifests.
    for other in ["d3", "d4"] {
        assert_eq!(find(Some(name(x, None, Some(&digest(other)))), None), None, "{other}");
    }
    assert_eq!(find(Some(name("r.example.com/xx", None, Some(&digest("d1")))), None), None);
    assert_eq!(find(None, Some(id("aa2"))), Some(id("aa2")));
    assert_eq!(find(None, Some(id("cc"))), None);
    assert_eq!(find(Some(name(x, Some("9"), None)), Some(id("aa1"))), Some(id("aa1")));
    assert_eq!(find(Some(name("r.example.com/xx", Some("1"), None)), Some(id("aa1"))), None);
}

#[test]
fn the_beginning_of_an_id_is_completed_where_one_image_has_it() {
    let (directory, storage) = storage(images(), json!([]));
    assert_eq!(storage.complete("aa1"), Some(&*id("aa1")));
    assert_eq!(storage.complete("bb"), Some(&*id("bb")));
    assert_eq!(storage.complete("aa"), None);
    assert_eq!(storage.complete("cc"), None);
    // The same image in an additional store is no other one.
    let twice = Storage::open(vec![at(&directory), at(&directory)]).unwrap();
    assert_eq!(twice.complete("bb"), Some(&*id("bb")));
}

#[test]
fn layers_come_from_the_base_up_and_faults_in_them_are_told() {
    let layer = |id: &str, parent: &str| json!({"id": id, "parent": parent, "diff-digest": digest("e"), "diff-size": 1024});
    let mut incomplete = layer("incomplete", "");
    incomplete["flags"] = json!({"incomplete": true});
    let mut no_size = layer("no-size", "");
    no_size["diff-size"] = json!(-1);
    let mut no_digest = layer("no-digest", "");
    no_digest["diff-digest"] = json!("");
    let layers = json!([
        layer("top", "base"),
        layer("base", ""),
        layer("orphan", "gone"),
        layer("circle", "circle"),
        incomplete,
        no_size,
        no_digest,
    ]);
    let tops = ["top", "", "orphan", "circle", "incomplete", "no-size", "no-digest", "nowhere"];
    let images: Vec<_> = tops.iter().map(|top| json!({"id": format!("of {top}"), "layer": top})).collect();
    let (_directory, storage) = storage(json!(images), layers);
    let of = |top: &str| storage.layers(storage.find(None, Some(&format!("of {top}"))).unwrap());
    let ids = |layers: Vec<StoredLayer>| layers.into_iter().map(|layer| layer.id).collect::<Vec<_>>();
    assert_eq!(ids(of("top").unwrap()), ["base", "top"]);
    assert_eq!(ids(of("").unwrap()), Vec::<String>::new());
    assert!(matches!(of("orphan"), Err(StorageError::NoLayer { layer, .. }) if layer == "gone"));
    assert!(matches!(of("circle"), Err(StorageError::TooManyLayers { .. })));
    assert!(matches!(of("incomplete"), Err(StorageError::Unfinished { .. })));
    assert!(matches!(of("no-size"), Err(StorageError::Unknown { what: "size", .. })));
    assert!(matches!(of("no-digest"), Err(StorageError::Unknown { what: "diff ID", .. })));
    assert!(matches!(of("nowhere"), Err(StorageError::NoLayer { .. })));
}

#[test]
fn a_list_that_is_none_is_an_error_and_one_that_is_not_there_is_empty() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(Storage::open(vec![at(&directory)]).unwrap().images().count(), 0);
    std::fs::create_dir(directory.path().join("overlay-images")).unwrap();
    let list = directory.path().join("overlay-images/images.json");
    for wrong in ["", "{}", "[{}]", "[{\"id\": 3}]", "[", "[] []"] {
        std::fs::write(&list, wrong).unwrap();
        let error = Storage::open(vec![at(&directory)]).err().unwrap();
        let shown = error.to_string();
        assert_eq!(
            shown, "`/storage/overlay-images/images.json` is no list of a containers storage",
            "{wrong}"
        );
    }
    std::fs::write(&list, "null").unwrap();
    assert_eq!(Storage::open(vec![at(&directory)]).unwrap().images().count(), 0);
}

#[test]
fn documents_are_in_files_named_for_them() {
    assert_eq!(document_file("manifest"), "manifest");
    let wanted =
        "=c2hhMjU2OjYzMjMzYTI2MTQzNTlmNjNlNmU0NWVmN2M1N2Y4MTg4OGEwZDZjZTQzZWM4OTJhMDdhNGU1ZGI3ODdjZWFmNWM=";
    let name = "sha256:63233a2614359f63e6e45ef7c57f81888a0d6ce43ec892a07a4e5db787ceaf5c";
    assert_eq!(document_file(name), wanted);
}
