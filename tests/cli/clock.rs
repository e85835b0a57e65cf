//! A clock that is set back between two commands, which order nothing and lose nothing by it.

use std::time::Duration;

use serde_json::Value;

use crate::family::family;
use crate::place::{Outcome, Place, wait_within};

const DAY: i64 = 86_400;
/// To before 1970.
const CENTURY: i64 = 36_525 * DAY;

/// Runs a command with the clock so many seconds ahead, or back.
#[track_caller]
fn at(place: &Place, shift: i64, arguments: &[&str]) -> Outcome {
    let child = place.command(arguments).env("CONSIGN_CLOCK", shift.to_string()).spawn().unwrap();
    wait_within(child, Duration::from_secs(60)).ok()
}

fn events(place: &Place, shift: i64, arguments: &[&str]) -> Vec<Value> {
    let outcome = at(place, shift, &[&["events", "--format", "json"], arguments].concat());
    outcome.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn time(event: &Value) -> jiff::Timestamp {
    event["Time"].as_str().unwrap().parse().unwrap()
}

#[test]
fn events_are_in_the_order_in_which_they_happened_whatever_the_clock_said() {
    let place = Place::new();
    at(&place, DAY, &["load", "-q", "several.docker.tar"]);
    at(&place, 0, &["tag", "localhost/single-amd64:1", "first:1"]);
    at(&place, -DAY, &["tag", "localhost/single-amd64:1", "second:1"]);
    at(&place, -CENTURY, &["untag", "first:1"]);
    at(&place, 2 * DAY, &["rm", "localhost/single-arm64v8:1"]);
    let told = events(&place, -10 * DAY, &[]);
    let words: Vec<&str> = told.iter().map(|event| event["Status"].as_str().unwrap()).collect();
    let wanted = ["loadfromarchive", "loadfromarchive", "tag", "tag", "untag", "untag", "remove"];
    assert_eq!(words, wanted);
    // The clock was heard: it went back, and not beyond 1970.
    assert!(time(&told[1]) > time(&told[2]) && time(&told[2]) > time(&told[3]));
    assert_eq!(time(&told[4]), jiff::Timestamp::UNIX_EPOCH);
    // Times are what filters go by.
    let count = |shift, arguments: &[&str]| events(&place, shift, arguments).len();
    assert_eq!(count(0, &["--since", "12h"]), 5);
    assert_eq!(count(0, &["--since", "12h", "--until", "1h"]), 1);
    assert_eq!(count(-3 * DAY, &["--until", "1h"]), 1);
    assert!(place.check()["problems"].as_array().unwrap().is_empty());
}

#[test]
fn images_are_listed_and_kept_by_a_clock_before_they_were_made() {
    let place = family();
    let now = at(&place, 0, &["images", "--format", "{{.Repository}} {{.Tag}} {{.ID}}"]);
    let wanted = at(&place, -CENTURY, &["images", "--format", "{{.Repository}} {{.Tag}} {{.ID}}"]);
    assert_eq!(now.text(), wanted.text());
    let ages = at(&place, -CENTURY, &["images", "--format", "{{.CreatedSince}}"]);
    assert!(ages.text().lines().all(|age| age == "0 seconds ago"), "{}", ages.text());
    // Nothing is older than a clock that says 1926, so nothing is pruned for its age.
    let pruned = at(&place, -CENTURY, &["prune", "--all", "--filter", "until=1h"]);
    assert!(!pruned.text().contains("Deleted"), "{}", pruned.text());
    assert_eq!(
        at(&place, 0, &["images"]).text().lines().count(),
        at(&place, -DAY, &["images"]).text().lines().count()
    );
}

#[test]
fn a_name_given_by_an_earlier_clock_holds_like_any_other() {
    let place = family();
    at(&place, 0, &["tag", "example.com/base:1", "moving:1"]);
    at(&place, -CENTURY, &["tag", "example.com/app:1", "moving:1"]);
    let id = |name: &str| at(&place, 0, &["resolve", "-q", name]).text().to_owned();
    assert_eq!(id("moving:1"), id("example.com/app:1"));
    let told = events(&place, 0, &["--filter", "event=tag"]);
    assert_eq!(told.len(), 2);
    // Loading the same again, before it was loaded first, changes nothing.
    let archive = place.path("family.tar");
    at(&place, -CENTURY, &["load", "-q", archive.to_str().unwrap()]);
    assert!(place.check()["problems"].as_array().unwrap().is_empty());
    // A follower that is to end at a time ends by its own clock.
    let past = at(&place, -DAY, &["events", "--follow", "--since", "1m", "--until", "0s"]);
    assert!(past.text().lines().count() <= told.len() + 8);
}
