use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use consign::store::{EventKind, EventQuery, EventRecord, NameRecord, Records, Removal};

use super::*;

/// What happened, as kind, image and name.
fn told(store: &Store) -> Vec<(EventKind, Option<Digest>, Option<String>)> {
    let events = store.events().list(&EventQuery::default()).unwrap();
    events.into_iter().map(|event| (event.kind, event.image, event.name)).collect()
}

#[test]
fn every_change_is_an_event() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let id = Some(one.digest.clone());
    let target = store.names().get(&name("one", "1")).unwrap().unwrap();
    store.names().tag(&[name("a", "1"), name("b", "1")], &target).unwrap();
    // Nothing changes, so nothing happened.
    store.names().add_tag(&name("a", "1"), &target, false).unwrap();
    assert!(store.names().delete(&name("nothing", "1")).unwrap().is_none());
    store.names().delete(&name("a", "1")).unwrap();
    let names = vec![name("b", "1"), name("one", "1")];
    store.remove(&Removal { names, images: vec![one.digest.clone()] }).unwrap();
    store.events().record(&[EventRecord::new(EventKind::Save).image(&one.digest).name("out.tar")]).unwrap();
    let text = |path: &str| Some(format!("example.com/{path}:1"));
    assert_eq!(
        told(&store),
        [
            (EventKind::Tag, id.clone(), text("one")),
            (EventKind::Tag, id.clone(), text("a")),
            (EventKind::Tag, id.clone(), text("b")),
            (EventKind::Untag, id.clone(), text("a")),
            (EventKind::Untag, id.clone(), text("b")),
            (EventKind::Untag, id.clone(), text("one")),
            (EventKind::Remove, id.clone(), None),
            (EventKind::Save, id, Some("out.tar".into())),
        ]
    );
    check(&store);
}

#[test]
fn a_batch_says_itself_what_it_is() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    let config = add_image(&batch, &mut records, "one");
    records.events.push(EventRecord::new(EventKind::Pull).image(&config.digest).attribute("digest", "x"));
    batch.finish(&records).unwrap();
    let events = store.events().list(&EventQuery::default()).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind, &events[0].image), (EventKind::Pull, &Some(config.digest)));
    assert_eq!(events[0].attributes, BTreeMap::from([("digest".to_owned(), "x".to_owned())]));
}

#[test]
fn what_did_not_happen_is_no_event() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let before = told(&store);
    let batch = store.batch().unwrap();
    let mut records = Records::default();
    add_image(&batch, &mut records, "two");
    records.events.push(EventRecord::new(EventKind::Import));
    // Taken, and not to be moved: the whole batch fails.
    records.names.push(NameRecord { name: name("one", "1"), target: one, replace: false });
    batch.finish(&records).unwrap_err();
    assert_eq!(told(&store), before);
}

#[test]
fn events_are_chosen_by_time_kind_and_image() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let one = add(&store, "one");
    let two = add(&store, "two");
    let list = |query: EventQuery| store.events().list(&query).unwrap().len();
    let now = SystemTime::now();
    let hour = Duration::from_secs(3600);
    assert_eq!(list(EventQuery { since: Some(now - hour), ..EventQuery::default() }), 2);
    assert_eq!(list(EventQuery { since: Some(now + hour), ..EventQuery::default() }), 0);
    assert_eq!(list(EventQuery { until: Some(now - hour), ..EventQuery::default() }), 0);
    let events = store.events().list(&EventQuery::default()).unwrap();
    // Both ends count.
    let (since, until) = (Some(events[0].time), Some(events[0].time));
    assert_eq!(list(EventQuery { since, until, ..EventQuery::default() }), 1);
    assert_eq!(
        list(EventQuery { kinds: vec![EventKind::Tag, EventKind::Untag], ..EventQuery::default() }),
        2
    );
    assert_eq!(list(EventQuery { kinds: vec![EventKind::Untag], ..EventQuery::default() }), 0);
    let image = |text: &str| EventQuery { images: vec![text.into()], ..EventQuery::default() };
    assert_eq!(list(image(&one.digest.hex()[..12])), 1);
    assert_eq!(list(image(&one.digest.to_string())), 1);
    assert_eq!(list(image("example.com/two:1")), 1);
    assert_eq!(list(image("example.com/three:1")), 0);
    let both = vec![one.digest.to_string(), two.digest.to_string()];
    assert_eq!(list(EventQuery { images: both, kinds: vec![EventKind::Tag], ..EventQuery::default() }), 2);
}

#[test]
fn a_clock_that_is_set_back_does_not_change_the_order() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    add(&store, "one");
    // As if that had happened in a time to come.
    let connection = rusqlite::Connection::open(path.path().join("catalog.sqlite")).unwrap();
    connection.execute("UPDATE events SET time = time + 3600 * 1000000000", []).unwrap();
    add(&store, "two");
    let events = store.events().list(&EventQuery::default()).unwrap();
    assert_eq!(events.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2]);
    assert!(events[0].time > events[1].time);
    assert_eq!(events[1].name.as_deref(), Some("example.com/two:1"));
    assert_eq!(store.events().after(1, 10).unwrap(), events[1..]);
}

#[test]
fn the_newest_hundred_thousand_are_kept() {
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let many = vec![EventRecord::new(EventKind::Save); 100_000];
    store.events().record(&many).unwrap();
    assert_eq!(store.events().after(0, 1).unwrap()[0].sequence, 1);
    store.events().record(&many[..5]).unwrap();
    let events = store.events().list(&EventQuery::default()).unwrap();
    assert_eq!((events.len(), events[0].sequence), (100_000, 6));
    assert_eq!(store.events().newest().unwrap(), 100_005);
}

#[test]
fn a_follower_notices_what_another_process_writes() {
    let path = tempfile::tempdir().unwrap();
    let (writer, follower) = (open(path.path()), open(path.path()));
    add(&writer, "one");
    let before = follower.events().version().unwrap();
    assert_eq!(follower.events().version().unwrap(), before);
    add(&writer, "two");
    assert_ne!(follower.events().version().unwrap(), before);
    assert_eq!(follower.events().after(1, 10).unwrap().len(), 1);
}
