//! A load that dies: at every step it names, and at any moment.

use std::time::{Duration, Instant};

use crate::archive::{Layout, digest, gzip, layer};
use crate::place::Place;

/// An archive of two images of several layers, a few megabytes together, some of them compressed.
fn archive(place: &Place) -> (String, Vec<String>) {
    let mut layout = Layout::default();
    let shared = layer(&"shared ".repeat(100_000));
    for architecture in ["amd64", "arm64"] {
        let mut layers = vec![gzip(&shared)];
        let mut diff_ids = vec![digest(&shared)];
        for number in 0..3 {
            let content = layer(&format!("{architecture} {number} ").repeat(50_000));
            diff_ids.push(digest(&content));
            layers.push(if number == 0 { gzip(&content) } else { content });
        }
        let image = layout.image(architecture, &layers, &diff_ids);
        layout.root(image, Some(&format!("example.com/{architecture}:1")));
    }
    let archive = place.file("archive.tar", &layout.tar());
    let other = Place::new();
    other.run(&["load", "-q", &archive]).ok();
    (archive, other.images())
}

/// Everything is there, or nothing of what was being loaded; and it works again.
#[track_caller]
fn all_or_nothing(place: &Place, archive: &str, before: &[String], whole: &[String]) -> bool {
    let report = place.check();
    let found = place.images();
    let mut after = [before, whole].concat();
    after.sort();
    assert!(found == before || found == after, "{found:#?}");
    let done = found == after;
    for name in ["example.com/amd64:1", "example.com/arm64:1"] {
        let resolved = place.run(&["resolve", "-q", name]);
        assert_eq!(resolved.code, Some(i32::from(!done)), "{}", resolved.stderr);
    }
    let names = place.run(&["images", "--format", "json"]).ok().json().as_array().unwrap().len();
    assert_eq!(report["names"], names, "{report}");
    place.run(&["load", "-q", archive]).ok();
    assert_eq!(place.images(), after);
    place.check();
    done
}

/// The steps of `host/src/store/step.rs` that a load goes through, in order.
pub const STEPS: [&str; 8] = [
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
fn a_load_that_dies_at_any_step_is_done_or_never_was() {
    if !cfg!(debug_assertions) {
        println!("not run: a release build has no steps to die at");
        return;
    }
    for (position, step) in STEPS.into_iter().enumerate() {
        let place = Place::with(&["several.docker.tar"]);
        let before = place.images();
        let (archive, whole) = archive(&place);
        let outcome =
            place.command(&["load", "-q", &archive]).env("CONSIGN_CRASH_AT", step).output().unwrap();
        assert_eq!(outcome.status.code(), None, "{step}: {outcome:?}");
        let report = place.check();
        let done = all_or_nothing(&place, &archive, &sorted(&before), &whole);
        assert_eq!(done, position + 1 == STEPS.len(), "{step}");
        for problem in report["problems"].as_array().unwrap() {
            assert_eq!(problem["harmless"], true, "{step}: {problem}");
        }
    }
}

fn sorted(ids: &[String]) -> Vec<String> {
    let mut ids = ids.to_vec();
    ids.sort();
    ids
}

#[test]
fn every_step_the_store_names_is_tried() {
    let mut left = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store")];
    let mut named = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let steps = text.split("step::reached(\"").skip(1);
        named.extend(steps.map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    named.sort();
    named.dedup();
    let others = [
        "removed",
        "images-deleted",
        "names-set",
        "names-committed",
        "ingests-collected",
        "first-collected",
        "catalog-rebuilt",
        "old-log-removed",
    ];
    let mut tried: Vec<&str> = STEPS.into_iter().chain(others).collect();
    tried.sort_unstable();
    assert_eq!(named, tried);
}

#[test]
fn a_removal_that_dies_leaves_at_most_content_that_nothing_needs() {
    if !cfg!(debug_assertions) {
        return;
    }
    let place = Place::with(&["several.docker.tar"]);
    let output = place
        .command(&["rm", "localhost/single-arm64v8:1"])
        .env("CONSIGN_CRASH_AT", "removed")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), None);
    assert_eq!(place.images().len(), 1);
    let report = place.run(&["check"]).ok();
    assert!(report.text().contains("left over: "), "{}", report.text());
    place.run(&["load", "-q", "several.docker.tar"]).ok();
    assert_eq!(place.check()["problems"], serde_json::json!([]));
}

#[test]
fn a_load_killed_at_any_moment_is_done_or_never_was() {
    // How long a load takes when nobody kills it.
    let measure = Place::new();
    let (archive, whole) = archive(&measure);
    let usual = |_| {
        let place = Place::new();
        let start = Instant::now();
        place.run(&["load", "-q", &archive]).ok();
        start.elapsed()
    };
    let usual = (0..4).map(usual).min().unwrap();
    let (mut done, mut rounds) = (0, 0);
    let start = Instant::now();
    // Every other load goes on with what the one before left behind.
    let mut place = Place::new();
    let mut seed = 88_172_645_463_325_252u64;
    while rounds < 60 {
        assert!(start.elapsed() < Duration::from_secs(120), "{rounds} rounds are taking too long");
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let mut child = place.command(&["load", "-q", &archive]).spawn().unwrap();
        std::thread::sleep(usual.mul_f64((seed % 1000) as f64 / 1000.0));
        // SIGKILL: nothing is tidied up.
        let _ = child.kill();
        child.wait().unwrap();
        if rounds % 2 == 1 {
            done += u32::from(all_or_nothing(&place, &archive, &[], &whole));
            place = Place::new();
        } else {
            let found = place.images();
            assert!(found.is_empty() || found == whole, "{found:#?}");
            place.check();
        }
        rounds += 1;
    }
    println!("{done} of {} loads were done when they were killed", rounds / 2);
}
