//! The store as a whole: several processes, crashes at every step of a write, damage, collection.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "store/concurrency.rs"]
mod concurrency;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/events.rs"]
mod events;
#[path = "store/life.rs"]
mod life;
#[path = "store/opening.rs"]
mod opening;
#[path = "store/removing.rs"]
mod removing;
#[path = "store/writing.rs"]
mod writing;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use consign::digest::{Algorithm, Digest};
use consign::store::{
    Batch, ImageRecord, IndexRecord, LayerRecord, ManifestRecord, NameRecord, Options, Records, Store, Target,
};
use consign::types::{ImageName, Platform};

fn directory(path: &Path) -> Dir {
    Dir::open_ambient_dir(path, ambient_authority()).unwrap()
}

fn open(path: &Path) -> Store {
    Store::open(directory(path), Options::default()).unwrap()
}

fn name(path: &str, tag: &str) -> ImageName {
    ImageName { domain: "example.com".into(), path: path.into(), tag: Some(tag.into()), digest: None }
}

fn platform(architecture: &str) -> Platform {
    Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    }
}

fn put(batch: &Batch, media_type: &str, bytes: &[u8]) -> Target {
    let digest = batch.put(bytes, Algorithm::Sha256).unwrap();
    Target { media_type: media_type.into(), digest, size: bytes.len() as u64 }
}

/// Stores an image of one layer under a name, with an index around its manifest. The bytes are none of an
/// image: the store does not look into them.
fn add_image(batch: &Batch, records: &mut Records, word: &str) -> Target {
    let layer = put(batch, "layer", format!("layer of {word}").repeat(100).as_bytes());
    let config = put(batch, "config", format!("config of {word}").as_bytes());
    let manifest = put(batch, "manifest", format!("manifest of {word}").as_bytes());
    let index = put(batch, "index", format!("index of {word}").as_bytes());
    let absent = Target {
        media_type: "manifest".into(),
        digest: Digest::of(format!("no {word}").as_bytes()),
        size: 7,
    };
    let diff_id = layer.digest.clone();
    records.indexes.push(IndexRecord { target: index.clone(), entries: vec![manifest.clone(), absent] });
    records.manifests.push(ManifestRecord {
        target: manifest,
        config: config.clone(),
        layers: vec![layer.clone()],
        complete: true,
    });
    records.images.push(ImageRecord {
        config: config.clone(),
        platform: platform("amd64"),
        created: None,
        diff_ids: vec![diff_id.clone()],
        chain_ids: vec![diff_id.clone()],
    });
    let unpacked_size = layer.size;
    records.layers.push(LayerRecord { diff_id, blob: layer, unpacked_size });
    records.names.push(NameRecord { name: name(word, "1"), target: index, replace: true });
    config
}

fn add(store: &Store, word: &str) -> Target {
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    let config = add_image(&batch, &mut records, word);
    batch.finish(&records).unwrap();
    config
}

/// A call of this test program for one test that is ignored otherwise: another process at the store.
fn child(test: &str, store: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--ignored", "--nocapture"]).env("STORE_UNDER_TEST", store);
    command
}

/// The store a child process works on.
fn store_of_child() -> Store {
    open(Path::new(&std::env::var_os("STORE_UNDER_TEST").expect("run by another test")))
}

/// The store is sound, and every name leads to an image that is whole.
fn check(store: &Store) {
    let report = store.check().unwrap();
    assert!(report.is_sound(), "{:#?}", report.problems);
    for found in store.names().list().unwrap() {
        let images = store.documents().images(&found.target.digest).unwrap();
        assert!(!images.is_empty(), "{:?} leads to no image", found.name);
        for id in images {
            let image = store.images().get(&id).unwrap().unwrap();
            assert!(store.read(&id, 1 << 20).unwrap().is_some());
            let mut unpacked_size = 0;
            for diff_id in &image.diff_ids {
                let blobs = store.layers().blobs(diff_id).unwrap();
                assert!(store.contains(&blobs[0].blob.digest).unwrap().is_some());
                unpacked_size += blobs[0].unpacked_size;
            }
            assert_eq!(image.unpacked_size, unpacked_size);
        }
    }
    for listed in store.images().listing(|_, _| {}).unwrap() {
        let image = store.images().get(&listed.id).unwrap().unwrap();
        assert_eq!(
            (listed.layers as usize, listed.unpacked_size),
            (image.diff_ids.len(), image.unpacked_size)
        );
    }
}

/// Writes a blob through a writer and commits it under `digest` and `size`.
fn write(store: &Store, bytes: &[u8], digest: &Digest, size: u64) -> consign::store::Result<()> {
    let mut writer = store.create()?;
    writer.write_all(bytes).unwrap();
    writer.commit(digest, size)
}

/// Files in a directory of the store.
fn files(store: &Path, directory: &str) -> usize {
    std::fs::read_dir(store.join(directory)).unwrap().count()
}
