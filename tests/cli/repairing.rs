//! Stores that are damaged, and what a repair makes of them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::archive::{Layout, digest, gzip, layer};
use crate::place::Place;
use crate::transcript::Transcript;

/// An archive with two images that share a layer, the second in an index, and the digests of the parts of
/// the first: own layer, shared layer, config, manifest; and of the index.
struct Parts {
    archive: String,
    own: String,
    shared: String,
    config: String,
    manifest: String,
    index: String,
}

fn parts(place: &Place) -> Parts {
    let mut layout = Layout::default();
    let (own, shared, other) = (layer("own"), layer("shared"), layer("other"));
    let diff_ids = |layers: [&Vec<u8>; 2]| layers.map(|layer| digest(layer));
    let first = layout.image("amd64", &[gzip(&shared), gzip(&own)], &diff_ids([&shared, &own]));
    let config = crate::archive::config("amd64", &diff_ids([&shared, &own]));
    let second = layout.image("arm64", &[gzip(&shared), gzip(&other)], &diff_ids([&shared, &other]));
    let mut listed = second.clone();
    listed["platform"] = json!({"os": "linux", "architecture": "arm64"});
    let index = layout.index(&[listed]);
    let text = |value: &Value| value["digest"].as_str().unwrap().to_owned();
    let (manifest, index_digest) = (text(&first), text(&index));
    layout.root(first, Some("example.com/first:1"));
    layout.root(index, Some("example.com/second:1"));
    Parts {
        archive: place.file("parts.tar", &layout.tar()),
        own: digest(&gzip(&own)),
        shared: digest(&gzip(&shared)),
        config: digest(&config),
        manifest,
        index: index_digest,
    }
}

fn blob(place: &Place, digest: &str) -> PathBuf {
    place.root().join("blobs").join(digest.replace(':', "/"))
}

/// Turns one bit over.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// A way to damage a file, and what it is called.
type Damage = (&'static str, fn(&Path));

fn damages() -> [Damage; 3] {
    [
        ("flipped", flip),
        ("cut", |path| std::fs::write(path, &std::fs::read(path).unwrap()[1..]).unwrap()),
        ("gone", |path| std::fs::remove_file(path).unwrap()),
    ]
}

/// What the store holds: names with the images they lead to.
fn holds(place: &Place) -> Value {
    let mut listed = place.run(&["images", "--format", "json", "--no-trunc"]).ok().json();
    for entry in listed.as_array_mut().unwrap() {
        entry["added"] = Value::Null;
    }
    listed
}

/// Nothing at all is wrong.
#[track_caller]
fn assert_clean(place: &Place) {
    assert_eq!(place.check()["problems"], json!([]));
}

#[test]
fn what_is_damaged_is_fetched_again() {
    for (how, damage) in damages() {
        let place = Place::new();
        let parts = parts(&place);
        place.run(&["load", "-q", &parts.archive]).ok();
        let before = holds(&place);
        for digest in [&parts.own, &parts.shared, &parts.config, &parts.manifest, &parts.index] {
            damage(&blob(&place, digest));
            place.run(&["check"]).failed(1);
            let arguments = ["check", "--repair", "--from", &parts.archive, "--format", "json"];
            let repaired = place.run(&arguments).ok().json();
            assert_eq!(repaired["fetched"], json!([digest]), "{how} {digest}: {repaired}");
            assert_eq!(repaired["lost"], json!([]), "{how} {digest}");
            assert_eq!(holds(&place), before, "{how} {digest}");
            assert_clean(&place);
        }
    }
}

#[test]
fn what_cannot_be_fetched_is_taken_out_with_what_needs_it() {
    for (how, damage) in damages() {
        for part in 0..5 {
            let place = Place::new();
            let parts = parts(&place);
            place.run(&["load", "-q", &parts.archive]).ok();
            place.run(&["pin", "example.com/first:1", "--holder", "somebody"]).ok();
            // Images, and names, that are left.
            let (digest, images, names) = [
                (&parts.own, 1, 1),
                (&parts.shared, 0, 0),
                (&parts.config, 1, 1),
                (&parts.manifest, 2, 2),
                (&parts.index, 2, 2),
            ][part];
            damage(&blob(&place, digest));
            let repaired = place.run(&["check", "--repair", "--format", "json"]).failed(1).json();
            assert!(!repaired["lost"].as_array().unwrap().is_empty(), "{how}: {repaired}");
            let report = place.check();
            assert_eq!(
                (&report["images"], &report["names"], &report["problems"]),
                (&images.into(), &names.into(), &json!([])),
                "{how} {part}: {repaired}"
            );
            if images == 2 {
                for name in ["example.com/first:1", "example.com/second:1"] {
                    place.run(&["resolve", "-q", name, "--platform", "linux/amd64"]);
                }
                place.run(&["resolve", "-q", "example.com/first:1", "--platform", "linux/amd64"]).ok();
                place.run(&["resolve", "-q", "example.com/second:1", "--platform", "linux/arm64"]).ok();
            }
            // Another repair finds nothing to do, and the archive brings everything back.
            place.run(&["check", "--repair"]).ok();
            place.run(&["load", "-q", &parts.archive]).ok();
            assert_eq!(place.images().len(), 2);
            assert_clean(&place);
        }
    }
}

#[test]
fn a_repair_says_what_it_costs() {
    let place = Place::new();
    let parts = parts(&place);
    place.run(&["load", "-q", &parts.archive]).ok();
    place.run(&["pin", "example.com/first:1", "--holder", "somebody"]).ok();
    flip(&blob(&place, &parts.own));
    std::fs::remove_file(blob(&place, &parts.index)).unwrap();
    Transcript::new(&place)
        .run("check --quick")
        .run("check")
        .run("check --repair")
        .run("check --repair")
        .run("images")
        .run("check --quick --format json")
        .run("check --from x")
        .run("check --repair --from nowhere")
        .assert("repair");
}

/// Everything a catalogue holds beside what content says.
fn store(place: &Place) -> Parts {
    let parts = parts(place);
    place.run(&["load", "-q", &parts.archive]).ok();
    place.run(&["load", "-q", "several.docker.tar"]).ok();
    place.run(&["load", "-q", "attested.oci.tar"]).ok();
    place.run(&["tag", "example.com/first:1", "another:2"]).ok();
    place.run(&["pin", "example.com/first:1", "--holder", "somebody"]).ok();
    parts
}

fn catalog(place: &Place) -> PathBuf {
    place.root().join("catalog.sqlite")
}

/// Without the log beside it.
fn lose_catalog(place: &Place) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.root().join(format!("catalog.sqlite{suffix}")));
    }
}

#[test]
fn a_lost_catalogue_is_made_anew() {
    for how in ["gone", "empty", "no database"] {
        let place = Place::new();
        store(&place);
        let before = place.images();
        lose_catalog(&place);
        match how {
            "empty" => std::fs::write(catalog(&place), "").unwrap(),
            "no database" => std::fs::write(catalog(&place), "no database ".repeat(1000)).unwrap(),
            _ => {}
        }
        // Nobody takes the content for garbage meanwhile.
        for command in ["images", "gc", "prune", "check"] {
            place.run(&[command]).failed(1);
        }
        let repaired = place.run(&["check", "--repair", "--format", "json"]).failed(1).json();
        assert_eq!(repaired["rebuilt"], true);
        assert!(repaired["lost"].to_string().contains("the names, or some of them"), "{repaired}");
        assert_clean(&place);
        assert_eq!(place.images(), before, "{how}: {repaired}");
        assert_eq!(place.check()["names"], 0);
        // Loading gives the names back, and writes nothing.
        let loaded = place.run(&["load", "--format", "json", "several.docker.tar"]).ok().json();
        assert_eq!(loaded["written"]["blobs"], 0);
        assert_eq!(place.check()["names"], 3);
    }
}

/// Damages a page of the database; the rows of other tables and indexes are all there.
fn damage_table(place: &Place, name: &str) {
    let connection = rusqlite::Connection::open(catalog(place)).unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
    let page = connection.query_row(sql, [name], |row| row.get::<_, i64>(0)).unwrap();
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
    let mut bytes = std::fs::read(catalog(place)).unwrap();
    let at = usize::try_from((page - 1) * 4096).unwrap();
    bytes[at..at + 4096].fill(0xff);
    std::fs::write(catalog(place), bytes).unwrap();
}

#[test]
fn names_of_what_is_lost_are_told_where_the_catalogue_still_tells_them() {
    let place = Place::new();
    let parts = store(&place);
    let names = place.check()["names"].as_u64().unwrap();
    damage_table(&place, "documents");
    flip(&blob(&place, &parts.own));
    let repaired = place.run(&["check", "--repair", "--format", "json"]).failed(1).json();
    let lost = repaired["lost"].to_string();
    for told in ["`example.com/first:1`", "`docker.io/library/another:2`", "`somebody`", parts.own.as_str()] {
        assert!(lost.contains(told), "{told}: {repaired}");
    }
    assert_clean(&place);
    assert_eq!(place.check()["names"], names - 2);
    place.run(&["resolve", "-q", "example.com/second:1", "--platform", "linux/arm64"]).ok();
}

#[test]
fn a_damaged_table_costs_what_was_in_it_alone() {
    for (table, told) in [("pins", "pins"), ("events", "events"), ("names", "names"), ("images", "")] {
        let place = Place::new();
        store(&place);
        let before = holds(&place);
        damage_table(&place, table);
        let repaired = place.run(&["check", "--repair", "--format", "json"]);
        let document = repaired.json();
        assert_eq!(document["rebuilt"], true, "{table}");
        let lost = document["lost"].as_array().unwrap();
        assert_eq!(lost.len(), usize::from(!told.is_empty()), "{table}: {document}");
        assert!(document["lost"].to_string().contains(told), "{table}: {document}");
        assert_clean(&place);
        if table != "names" {
            assert_eq!(holds(&place), before, "{table}");
        }
    }
}

#[test]
fn what_a_damaged_catalogue_still_tells_is_kept() {
    let place = Place::new();
    store(&place);
    let (before, events) = (holds(&place), place.run(&["events"]).ok().stdout);
    damage_table(&place, "image_layers_by_diff_id");
    let repaired = place.run(&["check", "--repair", "--format", "json"]).ok().json();
    assert_eq!((&repaired["rebuilt"], &repaired["lost"]), (&true.into(), &json!([])), "{repaired}");
    assert_clean(&place);
    assert_eq!(holds(&place), before);
    assert_eq!(place.run(&["events"]).ok().stdout, events);
    assert!(place.run(&["pin", "--list"]).ok().text().contains("somebody"));
}

#[test]
fn a_catalogue_that_was_cut_short_is_made_anew() {
    for tenths in [1, 3, 5, 7, 9] {
        let place = Place::new();
        store(&place);
        let images = place.images();
        let connection = rusqlite::Connection::open(catalog(&place)).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        drop(connection);
        let bytes = std::fs::read(catalog(&place)).unwrap();
        std::fs::write(catalog(&place), &bytes[..bytes.len() * tenths / 10]).unwrap();
        let repaired = place.run(&["check", "--repair", "--format", "json"]);
        assert!(matches!(repaired.code, Some(0 | 1)), "{tenths}: {repaired:?}");
        assert_eq!(repaired.json()["rebuilt"], true);
        assert_clean(&place);
        assert_eq!(place.images(), images, "{tenths}");
    }
}

#[test]
fn a_catalogue_of_a_newer_format_is_not_repaired() {
    let place = Place::with(&["several.docker.tar"]);
    let connection = rusqlite::Connection::open(catalog(&place)).unwrap();
    connection.execute_batch("PRAGMA user_version = 1000").unwrap();
    drop(connection);
    let outcome = place.run(&["check", "--repair"]).failed(2);
    assert!(outcome.stderr.contains("format 1000"), "{}", outcome.stderr);
}

#[test]
fn a_lost_catalogue_and_damaged_content_cost_only_what_is_damaged() {
    let place = Place::new();
    let parts = store(&place);
    lose_catalog(&place);
    flip(&blob(&place, &parts.own));
    let repaired = place.run(&["check", "--repair", "--format", "json"]).failed(1).json();
    assert_clean(&place);
    let images = place.images();
    assert!(!images.contains(&parts.config) && images.len() > 3, "{repaired}");

    // The same, with the archive at hand.
    let place = Place::new();
    let parts = store(&place);
    let images = place.images();
    lose_catalog(&place);
    flip(&blob(&place, &parts.own));
    std::fs::remove_file(blob(&place, &parts.config)).unwrap();
    place.run(&["check", "--repair", "--from", &parts.archive]).failed(1);
    assert_clean(&place);
    assert_eq!(place.images(), images);
}

#[test]
fn records_that_are_not_what_content_says_are_corrected() {
    for damage in [
        "UPDATE images SET architecture = 'mips'",
        "UPDATE images SET created = '1999-01-01T00:00:00Z'",
        "DELETE FROM image_layers WHERE position = 1",
        "UPDATE entries SET size = size + 1",
        "DELETE FROM entries",
        "UPDATE layer_blobs SET unpacked_size = unpacked_size + 1",
        "DELETE FROM layer_blobs",
        "UPDATE documents SET size = size + 1",
        "UPDATE names SET size = size + 1",
    ] {
        let place = Place::new();
        parts(&place);
        place.run(&["load", "-q", &parts(&place).archive]).ok();
        let before = holds(&place);
        let connection = rusqlite::Connection::open(catalog(&place)).unwrap();
        connection.execute_batch(damage).unwrap();
        drop(connection);
        place.run(&["check"]).failed(1);
        let repaired = place.run(&["check", "--repair", "--format", "json"]).ok().json();
        assert_eq!(repaired["rebuilt"], false, "{damage}");
        assert_clean(&place);
        assert_eq!(holds(&place), before, "{damage}");
    }
}

#[test]
fn a_repair_that_dies_can_be_begun_again() {
    if !cfg!(debug_assertions) {
        return;
    }
    for step in ["catalog-rebuilt", "old-log-removed"] {
        let place = Place::new();
        store(&place);
        let images = place.images();
        lose_catalog(&place);
        let died = place.command(&["check", "--repair"]).env("CONSIGN_CRASH_AT", step).output().unwrap();
        assert_eq!(died.status.code(), None, "{step}: {died:?}");
        place.run(&["gc"]).failed(1);
        place.run(&["check", "--repair"]).failed(1);
        assert_clean(&place);
        assert_eq!(place.images(), images);
    }
}

#[test]
fn a_repair_that_dies_keeps_what_was_in_the_log_alone() {
    if !cfg!(debug_assertions) {
        return;
    }
    for step in ["catalog-rebuilt", "old-log-removed"] {
        let place = Place::new();
        store(&place);
        damage_table(&place, "documents");
        let connection = rusqlite::Connection::open(catalog(&place)).unwrap();
        connection.set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).unwrap();
        let late = "INSERT INTO names SELECT 'docker.io/library/late', ':1', media_type, digest, size, set_at
                    FROM names WHERE repository = 'docker.io/library/another'";
        assert_eq!(connection.execute(late, []).unwrap(), 1);
        drop(connection);
        let died = place.command(&["check", "--repair"]).env("CONSIGN_CRASH_AT", step).output().unwrap();
        assert_eq!(died.status.code(), None, "{step}: {died:?}");
        place.run(&["check", "--repair"]);
        assert_clean(&place);
        let id = |name: &str| place.run(&["resolve", "-q", name]).ok().text().to_owned();
        assert_eq!(id("late:1"), id("another:2"), "{step}");
    }
}
