use consign::store::Records;

use super::*;

const IMAGES: usize = 12;

#[test]
#[ignore = "run by another test, in a process of its own"]
fn add_many() {
    let store = store_of_child();
    let own = std::env::var("OWN_IMAGES").unwrap();
    for number in 0..IMAGES {
        let batch = store.batch().unwrap();
        let mut records = Records::default();
        add_image(&batch, &mut records, &format!("{own}{number}"));
        // The same for every process, at about the same time.
        add_image(&batch, &mut records, &format!("shared{number}"));
        batch.finish(&records).unwrap();
    }
}

#[test]
fn several_processes_write_at_once() {
    let path = tempfile::tempdir().unwrap();
    // No store yet: they start it together.
    let mut children: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|own| child("concurrency::add_many", path.path()).env("OWN_IMAGES", own).spawn().unwrap())
        .collect();
    // And somebody reads and collects meanwhile.
    let store = open(path.path());
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        check(&store);
        let names = store.names().len().unwrap();
        assert!(names <= 4 * IMAGES as u64);
        store.collect().unwrap();
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(store.names().len().unwrap(), 4 * IMAGES as u64);
    assert_eq!(store.images().len().unwrap(), 4 * IMAGES as u64);
    check(&store);
    assert_eq!(store.check().unwrap().problems, []);
}

#[test]
#[ignore = "run by another test, in a process of its own"]
fn hold_a_batch() {
    let store = store_of_child();
    let batch = store.batch().unwrap();
    put(&batch, "blob", b"unfinished");
    println!("ready");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_killed_writer_holds_nothing_up() {
    use std::io::{BufRead as _, BufReader};
    let path = tempfile::tempdir().unwrap();
    let store = open(path.path());
    let mut child =
        child("concurrency::hold_a_batch", path.path()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("ready")));
    // Others write beside it.
    add(&store, "one");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(files(path.path(), "ingest"), 1);
    assert_eq!(store.collect().unwrap().ingests, 1);
    check(&store);
}
