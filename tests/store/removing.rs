//! Docker's rules for removing, one by one (moby, `daemon/images/image_delete.go`).

use consign::store::{Conflict, Deleted, Deletion, Doomed, EventKind, EventQuery, Removal, StoreError};

use super::*;

fn by_name(word: &str, tag: &str) -> Deletion {
    Deletion { subject: Doomed::Name(name(word, tag)), force: false, keep_parents: false }
}

fn by_id(id: &Target) -> Deletion {
    Deletion { subject: Doomed::Image(id.digest.clone()), force: false, keep_parents: false }
}

fn forced(deletion: Deletion) -> Deletion {
    Deletion { force: true, ..deletion }
}

fn delete(store: &Store, deletion: Deletion) -> Deleted {
    let deleted = store.delete(&[deletion]).unwrap();
    check(store);
    assert_eq!(store.check().unwrap().problems, []);
    deleted
}

/// The reason why it was refused; nothing has changed.
#[track_caller]
fn refused(store: &Store, deletion: Deletion) -> Conflict {
    let before =
        (store.names().list().unwrap(), store.images().ids().unwrap(), store.events().newest().unwrap());
    let deleted = delete(store, deletion);
    let after =
        (store.names().list().unwrap(), store.images().ids().unwrap(), store.events().newest().unwrap());
    assert_eq!(before, after);
    match &deleted.refused[..] {
        [(0, StoreError::Conflict { conflict, .. })] => conflict.clone(),
        other => panic!("{other:?}"),
    }
}

/// How many names and images went.
fn went(deleted: &Deleted) -> (usize, usize) {
    assert!(deleted.refused.is_empty(), "{:?}", deleted.refused);
    (deleted.removed.names.len(), deleted.removed.images.len())
}

fn tag(store: &Store, word: &str, tags: &[(&str, &str)]) {
    let target = store.names().get(&name(word, "1")).unwrap().unwrap();
    let names: Vec<ImageName> = tags.iter().map(|(path, tag)| name(path, tag)).collect();
    store.names().tag(&names, &target).unwrap();
}

/// Gives an image the name it has, by digest.
fn by_digest(store: &Store, word: &str, path: &str) {
    let target = store.names().get(&name(word, "1")).unwrap().unwrap();
    let digest = Some(target.digest.to_string());
    store.names().add_digest(&ImageName { tag: None, digest, ..name(path, "1") }, &target).unwrap();
}

#[test]
fn one_of_several_names_goes_alone() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    add(&store, "one");
    tag(&store, "one", &[("two", "1")]);
    assert_eq!(went(&delete(&store, by_name("two", "1"))), (1, 0));
    assert_eq!(went(&delete(&store, by_name("one", "1"))), (1, 1));
    assert_eq!(store.blobs().unwrap(), []);
}

#[test]
fn a_name_that_is_not_there_is_refused() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let deletions = [by_name("none", "1"), by_name("one", "1"), by_name("one", "1"), by_id(&one)];
    let deleted = store.delete(&deletions).unwrap();
    assert_eq!(deleted.removed.images, [one.digest]);
    assert!(
        matches!(
            &deleted.refused[..],
            [
                (0, StoreError::UnknownName { .. }),
                (2, StoreError::UnknownName { .. }),
                (3, StoreError::UnknownImage { .. })
            ]
        ),
        "{:?}",
        deleted.refused
    );
}

#[test]
fn by_id_an_image_goes_with_its_only_name() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let deleted = delete(&store, by_id(&one));
    assert_eq!(went(&deleted), (1, 1));
    assert_eq!(deleted.removed.layers.len(), 1);
    assert_eq!(store.blobs().unwrap(), []);
}

#[test]
fn by_id_an_image_with_several_tags_needs_force() {
    for other in [("one", "2"), ("two", "1")] {
        let path = tempfile::tempdir().unwrap();
        let store = open(path.path());
        let one = add(&store, "one");
        tag(&store, "one", &[other]);
        let names = match refused(&store, by_id(&one)) {
            conflict @ Conflict::Names(_) if !conflict.can_be_forced() => panic!("{conflict}"),
            Conflict::Names(names) => names,
            other => panic!("{other}"),
        };
        assert_eq!(names.len(), 2);
        assert_eq!(went(&delete(&store, forced(by_id(&one)))), (2, 1));
        assert_eq!(store.blobs().unwrap(), []);
    }
}

#[test]
fn by_id_a_tag_and_digests_of_one_repository_are_one_reference() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    by_digest(&store, "one", "one");
    assert_eq!(went(&delete(&store, by_id(&one))), (2, 1));

    let one = add(&store, "one");
    by_digest(&store, "one", "elsewhere");
    assert!(matches!(refused(&store, by_id(&one)), Conflict::Names(_)));
}

#[test]
fn the_last_tag_of_a_repository_takes_its_digests_along() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    add(&store, "one");
    tag(&store, "one", &[("one", "2"), ("two", "1")]);
    by_digest(&store, "one", "one");
    // There is another tag of the repository.
    assert_eq!(went(&delete(&store, by_name("one", "2"))), (1, 0));
    // There is none, and one of another repository.
    assert_eq!(went(&delete(&store, by_name("one", "1"))), (2, 0));
    assert_eq!(store.names().len().unwrap(), 1);
    assert_eq!(went(&delete(&store, by_name("two", "1"))), (1, 1));
}

#[test]
fn a_digest_goes_alone_where_a_tag_is_left() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    add(&store, "one");
    by_digest(&store, "one", "one");
    let target = store.names().get(&name("one", "1")).unwrap().unwrap();
    let digest = ImageName { tag: None, digest: Some(target.digest.to_string()), ..name("one", "1") };
    let deletion = Deletion { subject: Doomed::Name(digest), force: false, keep_parents: false };
    assert_eq!(went(&delete(&store, deletion)), (1, 0));
    assert_eq!(store.names().len().unwrap(), 1);
}

/// Images built on one another: the first on nothing, each other on the one before.
fn family(store: &Store, words: &[&str]) -> Vec<Target> {
    let images: Vec<Target> = words.iter().map(|word| add(store, word)).collect();
    for pair in images.windows(2) {
        store.images().set_parent(&pair[1].digest, &pair[0].digest).unwrap();
    }
    images
}

#[test]
fn an_image_others_were_built_on_stays_even_by_force() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let images = family(&store, &["base", "top"]);
    for deletion in [by_id(&images[0]), forced(by_id(&images[0]))] {
        let conflict = refused(&store, deletion);
        assert_eq!(conflict, Conflict::Children(vec![images[1].digest.clone()]));
        assert!(!conflict.can_be_forced());
    }
    // Its name goes, and it stays without one.
    assert_eq!(went(&delete(&store, by_name("base", "1"))), (1, 0));
    assert_eq!(store.images().len().unwrap(), 2);
}

#[test]
fn parents_without_a_name_go_along_up_the_chain() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let images = family(&store, &["named", "a", "b", "top"]);
    for word in ["a", "b"] {
        delete(&store, by_name(word, "1"));
    }
    assert_eq!(store.images().len().unwrap(), 4);
    let deleted = delete(&store, by_name("top", "1"));
    let gone: Vec<Digest> = images[1..].iter().rev().map(|image| image.digest.clone()).collect();
    assert_eq!(deleted.removed.images, gone);
    assert_eq!(store.images().ids().unwrap(), [images[0].digest.clone()]);
}

#[test]
fn parents_stay_where_that_is_asked_for() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let images = family(&store, &["base", "top"]);
    delete(&store, by_name("base", "1"));
    let deleted = delete(&store, Deletion { keep_parents: true, ..by_name("top", "1") });
    assert_eq!(went(&deleted), (1, 1));
    assert_eq!(store.images().ids().unwrap(), [images[0].digest.clone()]);
}

#[test]
fn a_parent_with_another_child_or_a_pin_stays() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let images = family(&store, &["base", "top"]);
    let other = add(&store, "other");
    store.images().set_parent(&other.digest, &images[0].digest).unwrap();
    delete(&store, by_name("base", "1"));
    assert_eq!(went(&delete(&store, by_name("top", "1"))), (1, 1));
    store.pins().add(&images[0].digest, "somebody").unwrap();
    assert_eq!(went(&delete(&store, by_name("other", "1"))), (1, 1));
    assert_eq!(store.images().ids().unwrap(), [images[0].digest.clone()]);
    store.pins().remove(&images[0].digest, "somebody").unwrap();
    assert_eq!(went(&delete(&store, by_id(&images[0]))), (0, 1));
}

#[test]
fn a_pinned_image_stays_whatever_is_forced() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    assert!(store.pins().add(&one.digest, "b").unwrap());
    assert!(store.pins().add(&one.digest, "a").unwrap());
    assert!(!store.pins().add(&one.digest, "a").unwrap(), "twice is once");
    assert_eq!(store.pins().holders(&one.digest).unwrap(), ["a", "b"]);
    for deletion in [by_id(&one), forced(by_id(&one))] {
        assert_eq!(refused(&store, deletion), Conflict::Pins(vec!["a".into(), "b".into()]));
    }
    let removal = Removal { names: vec![name("one", "1")], images: vec![one.digest.clone()] };
    assert!(matches!(store.remove(&removal), Err(StoreError::Conflict { .. })));
    assert_eq!(store.names().len().unwrap(), 1);
    assert!(store.images().delete(&one.digest).is_err());

    // Its last name goes by force only, one of several without.
    let conflict = refused(&store, by_name("one", "1"));
    assert!(matches!(&conflict, Conflict::LastName { .. }) && conflict.can_be_forced(), "{conflict}");
    tag(&store, "one", &[("two", "1")]);
    assert_eq!(went(&delete(&store, by_name("two", "1"))), (1, 0));
    assert_eq!(went(&delete(&store, forced(by_name("one", "1")))), (1, 0));
    assert_eq!(store.collect().unwrap().blobs, []);
    check(&store);
    assert_eq!(store.images().len().unwrap(), 1);

    assert!(store.pins().remove(&one.digest, "a").unwrap());
    assert!(!store.pins().remove(&one.digest, "a").unwrap());
    assert_eq!(refused(&store, by_id(&one)), Conflict::Pins(vec!["b".into()]));
    assert!(store.pins().remove(&one.digest, "b").unwrap());
    assert_eq!(went(&delete(&store, by_id(&one))), (0, 1));
    assert_eq!(store.blobs().unwrap(), []);
}

#[test]
fn a_pin_needs_an_image_and_a_holder_with_a_name() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let unknown = store.pins().add(&Digest::of(b"none"), "a");
    assert!(matches!(unknown, Err(StoreError::UnknownImage { .. })), "{unknown:?}");
    for holder in ["", "  ", "a\nb", &"x".repeat(257)] {
        let refused = store.pins().add(&one.digest, holder);
        assert!(matches!(refused, Err(StoreError::UnusableHolder { .. })), "{refused:?}");
    }
    store.pins().add(&one.digest, &"x".repeat(256)).unwrap();
    store.pins().add(&one.digest, "container 7").unwrap();
    assert_eq!(store.pins().list(None).unwrap().len(), 2);
    assert_eq!(store.pins().list(Some("container 7")).unwrap().len(), 1);
}

#[test]
fn every_name_and_image_that_goes_is_an_event() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    tag(&store, "one", &[("two", "1")]);
    let before = store.events().newest().unwrap();
    delete(&store, forced(by_id(&one)));
    let events = store.events().after(before, 100).unwrap();
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::Untag, EventKind::Untag, EventKind::Remove]);
    let query = EventQuery { images: vec![one.digest.to_string()], ..EventQuery::default() };
    assert_eq!(store.events().list(&query).unwrap().len(), 5);
}

#[test]
fn somebody_who_reads_goes_on_reading_what_is_removed() {
    use std::io::Read as _;
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let mut blob = store.open_blob(&one.digest).unwrap().unwrap();
    delete(&store, by_name("one", "1"));
    assert_eq!(store.contains(&one.digest).unwrap(), None);
    let mut bytes = Vec::new();
    blob.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, b"config of one");
}

#[test]
fn a_writer_at_work_keeps_nobody_from_removing_for_long() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    add(&store, "one");
    let batch = store.batch().unwrap();
    let start = std::time::Instant::now();
    let deleted = store.delete(&[by_name("one", "1")]).unwrap();
    assert!(deleted.removed.deferred);
    assert_eq!(store.images().len().unwrap(), 0);
    let patience = std::time::Duration::from_millis(100);
    assert!(matches!(store.collect_within(patience), Err(StoreError::Busy { .. })));
    assert!(start.elapsed() < std::time::Duration::from_secs(5));
    assert_eq!(store.blobs().unwrap().len(), 4);
    drop(batch);
    assert_eq!(store.collect().unwrap().blobs.len(), 4);
}

/// Fills a store with so many images that share a layer, removes them all, and says what each took.
fn per_image(count: usize) -> (std::time::Duration, std::time::Duration) {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let mut images = Vec::new();
    for chunk in 0..count / 100 {
        let batch = store.batch().unwrap();
        let mut records = Records::default();
        for number in 0..100 {
            images.push(add_image(&batch, &mut records, &format!("image{}", chunk * 100 + number)));
            let shared = put(&batch, "layer", b"the same for all");
            let (diff_id, unpacked_size) = (shared.digest.clone(), shared.size);
            let image = records.images.last_mut().unwrap();
            image.diff_ids.push(diff_id.clone());
            image.chain_ids.push(Digest::of(format!("chain {chunk} {number}").as_bytes()));
            records.manifests.last_mut().unwrap().layers.push(shared.clone());
            records.layers.push(LayerRecord { diff_id, blob: shared, unpacked_size });
        }
        batch.finish(&records).unwrap();
    }
    let half: Vec<Deletion> = (0..count / 2).map(|number| by_name(&format!("image{number}"), "1")).collect();
    let start = std::time::Instant::now();
    let deleted = store.delete(&half).unwrap();
    let removing = start.elapsed();
    assert_eq!((deleted.removed.images.len(), deleted.removed.deferred), (count / 2, false));
    // The other half is removed while somebody writes, so that all its content is left to be collected.
    let batch = store.batch().unwrap();
    let half: Vec<Deletion> = images[count / 2..].iter().map(by_id).collect();
    assert_eq!(store.delete(&half).unwrap().removed.images.len(), count / 2);
    drop(batch);
    let start = std::time::Instant::now();
    // Four blobs of each, and the layer that all shared.
    assert_eq!(store.collect().unwrap().blobs.len(), count / 2 * 4 + 1);
    let collecting = start.elapsed();
    assert_eq!(store.blobs().unwrap(), []);
    let halves = u32::try_from(count / 2).unwrap();
    (removing / halves, collecting / halves)
}

#[test]
#[ignore = "measures; to be run alone, and of a release build"]
fn ten_thousand_images_take_no_longer_each_than_a_hundred() {
    per_image(100);
    let (few, many) = (per_image(100), per_image(10_000));
    println!("of 100: {few:?} an image to remove and to collect; of 10,000: {many:?}");
    assert!(many.0 <= few.0.mul_f64(1.2) && many.1 <= few.1.mul_f64(1.2), "{few:?} {many:?}");
}
