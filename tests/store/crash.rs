use consign::store::{Records, Removal};

use super::*;

/// Every step of a write that the store names, in order.
const WRITE: [&str; 8] = [
    "ingest-written",
    "data-synced",
    "half-renamed",
    "renamed",
    "directory-synced",
    "indexes-renamed",
    "records-inserted",
    "transaction-committed",
];

#[test]
#[ignore = "run by another test, in a process of its own"]
fn add_two() {
    let store = store_of_child();
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    add_image(&batch, &mut records, "first");
    add_image(&batch, &mut records, "second");
    batch.finish(&records).unwrap();
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn put_one() {
    store_of_child().put(b"one blob").unwrap();
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn remove_one() {
    let store = store_of_child();
    let images = store.names().only_images(&name("before", "1")).unwrap();
    store.remove(&Removal { names: vec![name("before", "1")], images }).unwrap();
}

fn crash(test: &str, store: &Path, step: &str) {
    let output = child(test, store).env("CONSIGN_CRASH_AT", step).output().unwrap();
    assert!(!output.status.success(), "{test} went past {step}: {output:?}");
}

#[test]
fn a_write_that_dies_at_any_step_leaves_all_or_nothing() {
    if !cfg!(debug_assertions) {
        println!("not run: a release build has no steps to die at");
        return;
    }
    for (position, step) in WRITE.into_iter().enumerate() {
        let path = tempfile::tempdir().unwrap();
        add(&open(path.path()), "before");
        crash("crash::add_two", path.path(), step);

        let store = open(path.path());
        check(&store);
        let done = position + 1 == WRITE.len();
        let images = if done { 3 } else { 1 };
        assert_eq!(store.images().len().unwrap(), images, "after {step}");
        assert_eq!(store.names().len().unwrap(), images, "after {step}");
        store.collect().unwrap();
        assert_eq!(store.check().unwrap().problems, [], "after {step}");
        assert_eq!(store.blobs().unwrap().len() as u64, images * 4, "after {step}");

        // And it goes on from there.
        assert!(child("crash::add_two", path.path()).output().unwrap().status.success());
        assert_eq!(store.images().len().unwrap(), 3);
        check(&store);
    }
}

#[test]
fn a_blob_alone_is_there_whole_or_not_at_all() {
    if !cfg!(debug_assertions) {
        return;
    }
    for step in ["ingest-written", "data-synced", "renamed", "directory-synced"] {
        let path = tempfile::tempdir().unwrap();
        drop(open(path.path()));
        crash("crash::put_one", path.path(), step);
        let store = open(path.path());
        assert!(store.check().unwrap().is_sound(), "after {step}");
        store.collect().unwrap();
        assert_eq!(
            (files(path.path(), "ingest"), files(path.path(), "blobs/sha256")),
            (0, 0),
            "after {step}"
        );
    }
}

#[test]
fn a_removal_that_dies_leaves_at_most_orphans() {
    if !cfg!(debug_assertions) {
        return;
    }
    let path = tempfile::tempdir().unwrap();
    add(&open(path.path()), "before");
    add(&open(path.path()), "other");
    crash("crash::remove_one", path.path(), "removed");
    let store = open(path.path());
    check(&store);
    assert_eq!(store.images().len().unwrap(), 1);
    assert_eq!(store.collect().unwrap().blobs.len(), 4);
    assert_eq!(store.check().unwrap().problems, []);
}
