use consign::store::{ManifestRecord, NameRecord, Problem, Records, Removal, StoreError};

use super::*;

fn remove_name(store: &Store, word: &str) -> consign::store::Removed {
    let name = name(word, "1");
    let images = store.names().only_images(&name).unwrap();
    store.remove(&Removal { names: vec![name], images }).unwrap()
}

#[test]
fn the_last_name_takes_the_image_with_it() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let two = add(&store, "two");
    let removed = remove_name(&store, "one");
    assert_eq!(removed.images, std::slice::from_ref(&one.digest));
    assert_eq!((removed.documents.len(), removed.blobs.len(), removed.deferred), (2, 4, false));
    assert_eq!(store.contains(&one.digest).unwrap(), None);
    assert_eq!(store.images().ids().unwrap(), [two.digest]);
    assert_eq!(store.blobs().unwrap().len(), 4);
    check(&store);
    assert_eq!(store.check().unwrap().problems, []);
}

#[test]
fn an_image_with_another_name_stays() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let config = add(&store, "one");
    let index = store.names().get(&name("one", "1")).unwrap().unwrap();
    store.names().add_tag(&name("other", "1"), &index, false).unwrap();
    assert_eq!(store.images().names(&config.digest).unwrap().len(), 2);
    let removed = remove_name(&store, "one");
    assert_eq!((removed.names.len(), removed.images.len(), removed.blobs.len()), (1, 0, 0));
    check(&store);
    assert_eq!(remove_name(&store, "other").blobs.len(), 4);
    assert_eq!(store.blobs().unwrap(), []);
}

#[test]
fn a_layer_another_image_has_stays() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let first = add(&store, "one");
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    let layer =
        store.layers().blobs(&store.images().get(&first.digest).unwrap().unwrap().diff_ids[0]).unwrap();
    let config = put(&batch, "config", b"another config");
    let manifest = put(&batch, "manifest", b"another manifest");
    records.manifests.push(ManifestRecord {
        target: manifest.clone(),
        config: config.clone(),
        layers: vec![layer[0].blob.clone()],
        complete: true,
    });
    records.images.push(ImageRecord {
        config: config.clone(),
        platform: platform("arm64"),
        created: Some("2024-01-01T00:00:00Z".into()),
        diff_ids: vec![layer[0].diff_id.clone()],
        chain_ids: vec![layer[0].diff_id.clone()],
    });
    records.names.push(NameRecord { name: name("another", "1"), target: manifest, replace: false });
    batch.finish(&records).unwrap();

    assert_eq!(remove_name(&store, "one").blobs.len(), 3);
    let stored = store.images().get(&config.digest).unwrap().unwrap();
    assert_eq!(stored.unpacked_size, layer[0].unpacked_size);
    assert_eq!(stored.platform, platform("arm64"));
    assert_eq!(stored.created.as_deref(), Some("2024-01-01T00:00:00Z"));
    check(&store);
    assert_eq!(remove_name(&store, "another").blobs.len(), 3);
    assert_eq!(store.blobs().unwrap(), []);
}

#[test]
fn an_index_stays_for_the_other_image_it_holds() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let batch = store.batch().unwrap();
    let (mut one, mut two) = (Records::default(), Records::default());
    let first = add_image(&batch, &mut one, "one");
    let second = add_image(&batch, &mut two, "two");
    let mut entries = vec![one.manifests[0].target.clone(), two.manifests[0].target.clone()];
    let index = put(&batch, "index", b"both");
    one.indexes = vec![IndexRecord { target: index.clone(), entries: entries.clone() }];
    one.names = vec![NameRecord { name: name("both", "1"), target: index.clone(), replace: false }];
    entries.clear();
    one.manifests.append(&mut two.manifests);
    one.images.append(&mut two.images);
    one.layers.append(&mut two.layers);
    batch.finish(&one).unwrap();
    store.collect().unwrap();

    // By ID: the manifest stays because the index lists it, its content does not.
    let removed =
        store.remove(&Removal { images: vec![first.digest.clone()], ..Removal::default() }).unwrap();
    assert_eq!((removed.documents.len(), removed.blobs.len()), (0, 2));
    assert_eq!(store.documents().images(&index.digest).unwrap(), std::slice::from_ref(&second.digest));
    assert_eq!(store.documents().indexes(&second.digest).unwrap(), [index]);
    assert_eq!(store.check().unwrap().problems, []);
    check(&store);

    // Without the name, the image that is left still keeps the index that vouches for it.
    store.names().delete(&name("both", "1")).unwrap();
    assert_eq!(store.documents().indexes(&second.digest).unwrap().len(), 1);
    let removed = store.remove(&Removal { images: vec![second.digest], ..Removal::default() }).unwrap();
    assert_eq!((removed.documents.len(), removed.blobs.len()), (3, 5));
    assert_eq!(store.blobs().unwrap(), []);
}

#[test]
fn nothing_is_collected_while_a_writer_is_at_work() {
    let path = tempfile::tempdir().unwrap();
    let options = Options { patience: std::time::Duration::from_millis(20), ..Options::default() };
    let store = Store::open(directory(path.path()), options).unwrap();
    add(&store, "one");
    let batch = store.batch().unwrap();
    let removed = remove_name(&store, "one");
    assert!(removed.deferred);
    assert_eq!(removed.blobs, []);
    assert!(matches!(store.collect(), Err(StoreError::Busy { .. })));
    // The writer found the layer in the store, and relies on it.
    let mut records = Records::default();
    add_image(&batch, &mut records, "one");
    batch.finish(&records).unwrap();
    assert_eq!(store.collect().unwrap().blobs, []);
    check(&store);
}

#[test]
fn collection_removes_what_nothing_refers_to() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    add(&store, "one");
    let orphan = store.put(b"orphan").unwrap();
    std::fs::write(path.path().join("ingest/abandoned"), "half a lay").unwrap();
    let report = store.check().unwrap();
    assert!(report.is_sound());
    assert_eq!(report.problems.len(), 2);
    let collected = store.collect().unwrap();
    assert_eq!((collected.blobs, collected.ingests, collected.bytes), (vec![orphan], 1, 16));
    assert_eq!(store.check().unwrap().problems, []);
}

#[test]
fn a_check_finds_what_is_damaged_and_what_is_missing() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let two = add(&store, "two");
    let blobs = path.path().join("blobs/sha256");
    std::fs::write(blobs.join(one.digest.hex()), "config of eno").unwrap();
    std::fs::remove_file(blobs.join(two.digest.hex())).unwrap();
    std::fs::write(blobs.join("README"), "?").unwrap();
    let report = store.check().unwrap();
    assert!(!report.is_sound());
    assert!(report.problems.contains(&Problem::DamagedBlob { digest: one.digest, size: 13 }));
    assert!(
        report.problems.iter().any(
            |problem| matches!(problem, Problem::MissingContent { digest, .. } if *digest == two.digest)
        )
    );
    assert!(report.problems.contains(&Problem::Stranger { path: "blobs/sha256/README".into() }));
    assert_eq!(report.problems.len(), 3);
}

#[test]
fn a_layer_may_be_stored_in_several_forms() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let config = add(&store, "one");
    let diff_id = store.images().get(&config.digest).unwrap().unwrap().diff_ids.remove(0);
    let batch = store.batch().unwrap();
    let blob = put(&batch, "layer+gzip", b"compressed");
    let layer = LayerRecord { diff_id: diff_id.clone(), blob: blob.clone(), unpacked_size: 1200 };
    batch.finish(&Records { layers: vec![layer.clone()], ..Records::default() }).unwrap();
    let forms = store.layers().blobs(&diff_id).unwrap();
    assert_eq!(forms.len(), 2);
    assert_eq!(forms[0], layer);
    assert_eq!(store.layers().of_blob(&blob.digest).unwrap(), [layer]);
    assert_eq!(remove_name(&store, "one").blobs.len(), 5);
    assert_eq!(store.blobs().unwrap(), []);
}

#[test]
fn names_are_listed_for_every_image_they_lead_to() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let (one, two) = (add(&store, "one"), add(&store, "two"));
    store.names().add_tag(&name("a", "direct"), &one, false).unwrap();
    let all = store.images().all_names().unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[&one.digest], [name("a", "direct"), name("one", "1")]);
    for id in [one.digest, two.digest] {
        let names = store.images().names(&id).unwrap();
        assert_eq!(all[&id], names.into_iter().map(|known| known.name).collect::<Vec<_>>());
    }
}

#[test]
fn a_name_needs_content_to_point_at() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let target = Target { media_type: "index".into(), digest: Digest::of(b"nowhere"), size: 7 };
    let refused = store.names().add_tag(&name("one", "1"), &target, true);
    assert!(matches!(refused, Err(StoreError::MissingContent { .. })), "{refused:?}");
}

#[test]
fn what_is_no_name_is_not_kept() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let target = add(&store, "one");
    let mut names = vec![name("", "1"), name("a b", "1"), name("a:b", "1"), name("a", ".x"), name("a", "")];
    names.push(name("a", &"x".repeat(129)));
    names.push(ImageName { domain: "a/b".into(), ..name("c", "1") });
    for name in names {
        let refused = store.names().add_tag(&name, &target, true);
        assert!(matches!(refused, Err(StoreError::UnusableName { .. })), "{name:?}: {refused:?}");
    }
    assert_eq!(store.names().len().unwrap(), 1);
}

#[test]
fn an_images_size_follows_what_is_known_of_its_layers() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let (once, twice) = (Digest::of(b"once"), Digest::of(b"twice"));
    let batch = store.batch().unwrap();
    let config = put(&batch, "config", b"config");
    // The image comes first; one of its layers is there two times.
    let image = ImageRecord {
        config: config.clone(),
        platform: platform("amd64"),
        created: None,
        diff_ids: vec![once.clone(), twice.clone(), twice.clone()],
        chain_ids: ["a", "b", "c"].map(|word| Digest::of(word.as_bytes())).to_vec(),
    };
    batch.finish(&Records { images: vec![image], ..Records::default() }).unwrap();
    let size = || store.images().get(&config.digest).unwrap().unwrap().unpacked_size;
    assert_eq!(size(), 0);
    let mut expected = 0;
    for (diff_id, bytes, adds) in
        [(&once, b"first form".as_slice(), 100), (&twice, b"of another", 40), (&once, b"second form", 0)]
    {
        let batch = store.batch().unwrap();
        let blob = put(&batch, "layer", bytes);
        let unpacked_size = if diff_id == &once { 100 } else { 20 };
        let layer = LayerRecord { diff_id: diff_id.clone(), blob, unpacked_size };
        batch.finish(&Records { layers: vec![layer], ..Records::default() }).unwrap();
        expected += adds;
        assert_eq!(size(), expected);
    }
    assert_eq!(store.images().listing(|_, _| {}).unwrap()[0].layers, 3);
}
