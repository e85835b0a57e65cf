//! Several processes at one store.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::archive::{Layout, digest, gzip, layer};
use crate::place::{Place, wait_within};

/// An archive of one image with two layers: one of its own and one that all share.
fn archive(place: &Place, name: &str) -> String {
    let (own, shared) = (layer(&name.repeat(20_000)), layer(&"shared".repeat(20_000)));
    let mut layout = Layout::default();
    let image = layout.image("amd64", &[gzip(&own), gzip(&shared)], &[digest(&own), digest(&shared)]);
    layout.root(image, Some(&format!("example.com/{name}:1")));
    place.file(name, &layout.tar())
}

#[test]
fn loads_into_one_store_at_once_all_succeed() {
    for round in 0..12 {
        // The store is not there yet: they make it together, too.
        let place = Place::new();
        let archives = [archive(&place, "a"), archive(&place, "b")];
        // The same archive twice, and another beside it.
        let which: &[usize] = if round % 2 == 0 { &[0, 0, 1] } else { &[0, 1, 1, 0] };
        let children: Vec<_> = which
            .iter()
            .map(|which| place.command(&["load", "-q", &archives[*which]]).spawn().unwrap())
            .collect();
        let mut ids = BTreeSet::new();
        for child in children {
            ids.insert(wait_within(child, Duration::from_secs(60)).ok().text().trim().to_owned());
        }
        assert_eq!(place.images(), ids.into_iter().collect::<Vec<_>>());
        let report = place.check();
        // Two manifests, two configs, three layers; nothing twice and nothing left over.
        assert_eq!((&report["blobs"], &report["problems"]), (&7.into(), &serde_json::json!([])), "{report}");
        assert_eq!(std::fs::read_dir(place.root().join("ingest")).unwrap().count(), 0);
    }
}

#[test]
fn loading_tagging_removing_and_reading_at_once_leave_a_sound_store() {
    let place = Place::new();
    let archives = ["a", "b", "c"].map(|name| archive(&place, name));
    for archive in &archives {
        place.run(&["load", "-q", archive]).ok();
    }
    for _ in 0..6 {
        let mut children = Vec::new();
        for (archive, name) in archives.iter().zip(["a", "b", "c"]) {
            let name = format!("example.com/{name}:1");
            children.push(place.command(&["load", "-q", archive]).spawn().unwrap());
            children.push(place.command(&["tag", &name, "other"]).spawn().unwrap());
            children.push(place.command(&["rm", &name]).spawn().unwrap());
            children.push(place.command(&["resolve", "-q", &name]).spawn().unwrap());
            children.push(place.command(&["images"]).spawn().unwrap());
        }
        for child in children {
            let outcome = wait_within(child, Duration::from_secs(60));
            // Somebody else may have been faster.
            assert!(matches!(outcome.code, Some(0 | 1)), "{outcome:?}");
        }
        place.check();
        for archive in &archives {
            place.run(&["load", "-q", archive]).ok();
        }
        assert_eq!(place.images().len(), 3);
        place.check();
    }
}
