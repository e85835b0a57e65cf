//! Traces on moby's reference store, held against the store's names. References go through the component.

use std::collections::BTreeMap;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use consign::digest::Digest;
use consign::store::{Options, Store, StoreError, Target};
use consign::types::references::{Reading, Reference};
use consign::types::{ImageName, Rules};
use serde_json::{Value, json};

use crate::component::api::sandbox;
use crate::harness;

#[test]
fn reference_store() {
    harness::run("reference_store.jsonl", |case| case["name"].as_str().unwrap().to_owned(), trace);
}

fn parse(text: &str) -> ImageName {
    match sandbox().parse_reference(text, Reading::Normalized, Rules::Docker).unwrap() {
        Ok(Reference::Named(name)) => name,
        other => panic!("{text}: {other:?}"),
    }
}

fn format(name: &ImageName) -> String {
    sandbox().format_reference(&Reference::Named(name.clone())).unwrap()
}

fn class(class: &str) -> Value {
    json!({ "class": class })
}

fn trace(case: &Value) -> Result<(), String> {
    let directory = tempfile::tempdir().unwrap();
    let root = Dir::open_ambient_dir(directory.path(), ambient_authority()).unwrap();
    let store = Store::open(root, Options::default()).unwrap();
    for (number, step) in case["trace"].as_array().unwrap().iter().enumerate() {
        if let Some(id) = step["id"].as_str().and_then(|id| id.parse::<Digest>().ok()) {
            // The traces name images that never were; names here need content to point at.
            std::fs::write(directory.path().join("blobs/sha256").join(id.hex()), b"").unwrap();
        }
        let mut wanted = step["result"].clone();
        if let Some(error) = wanted.as_object_mut() {
            error.remove("error");
        }
        harness::same(&format!("step {number} ({})", step["op"]), &wanted, &run(&store, step))?;
    }
    harness::same("final names", &case["final_repositories_json"], &repositories(&store))
}

fn run(store: &Store, step: &Value) -> Value {
    let names = store.names();
    let id = || step["id"].as_str().unwrap().parse::<Digest>().unwrap();
    let target = || Target { media_type: "config".into(), digest: id(), size: 0 };
    let name = || parse(step["ref"].as_str().unwrap());
    let done = |result: Result<(), StoreError>| match result {
        Ok(()) => json!("ok"),
        Err(StoreError::UnusableName { .. }) => class("invalid_argument"),
        Err(StoreError::TagTaken { .. } | StoreError::DigestTaken { .. }) => class("conflict"),
        Err(error) => panic!("{error}"),
    };
    match step["op"].as_str().unwrap() {
        "add_tag" => done(names.add_tag(&name(), &target(), step["force"].as_bool().unwrap())),
        "add_digest" => done(names.add_digest(&name(), &target())),
        "get" => match names.get(&name()).unwrap() {
            Some(target) => json!({ "id": target.digest.to_string() }),
            None => class("not_found"),
        },
        "delete" => match names.delete(&name()).unwrap() {
            Some(_) => json!(true),
            None => class("not_found"),
        },
        "references" => names.references(&id()).unwrap().iter().map(format).collect(),
        "references_by_name" => names
            .references_by_name(&name())
            .unwrap()
            .iter()
            .map(|found| json!({ "id": found.target.digest.to_string(), "ref": format(&found.name) }))
            .collect(),
        other => panic!("an operation of its own: {other}"),
    }
}

/// All names, as moby writes them to its file.
fn repositories(store: &Store) -> Value {
    let mut repositories: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for found in store.names().list().unwrap() {
        let repository = sandbox().familiar_name(&found.name).unwrap();
        let reference = sandbox().familiar_string(&Reference::Named(found.name)).unwrap();
        repositories.entry(repository).or_default().insert(reference, found.target.digest.to_string());
    }
    json!({ "Repositories": repositories })
}
