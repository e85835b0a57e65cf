//! What happened, as `events` tells it.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use serde_json::Value;

use crate::family::family;
use crate::place::{Place, wait_within};

/// The events there are, as documents.
#[track_caller]
fn events(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let all = [&["events", "--format", "json"], arguments].concat();
    place.run(&all).ok().text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn words(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["Status"].as_str().unwrap()).collect()
}

#[test]
fn every_command_that_changes_something_is_told_in_podman_s_words() {
    let place = Place::with(&["several.docker.tar"]);
    place.run(&["tag", "localhost/single-amd64:1", "foo", "bar:2"]).ok();
    place.run(&["untag", "foo"]).ok();
    place.run(&["rm", "localhost/single-arm64v8:1"]).ok();
    let told = events(&place, &[]);
    let wanted = ["loadfromarchive", "loadfromarchive", "tag", "tag", "untag", "untag", "remove"];
    assert_eq!(words(&told), wanted);
    let id = "07f640cb8759772bacafb264ee210c96df6833a47e723c2b9c4b9eb3382c2bf9";
    assert_eq!((&told[0]["ID"], &told[0]["Name"]), (&id.into(), &"several.docker.tar".into()));
    assert_eq!((&told[2]["ID"], &told[2]["Name"]), (&id.into(), &"docker.io/library/foo:latest".into()));
    for event in &told {
        assert_eq!(event["Type"], "image");
        assert!(event["Time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{event}");
    }
    // Looking changes nothing.
    place.run(&["images"]).ok();
    place.run(&["inspect", "bar:2"]).ok();
    place.run(&["check"]).ok();
    assert_eq!(events(&place, &[]).len(), told.len());
}

#[test]
fn filters_choose_among_events() {
    let place = Place::with(&["several.docker.tar"]);
    place.run(&["tag", "localhost/single-amd64:1", "foo", "bar:2"]).ok();
    place.run(&["untag", "foo"]).ok();
    let count = |arguments: &[&str]| events(&place, arguments).len();
    assert_eq!(count(&["--filter", "event=tag"]), 2);
    assert_eq!(count(&["--filter", "event=tag", "--filter", "event=untag"]), 3);
    assert_eq!(count(&["--filter", "event=load"]), 2);
    assert_eq!(count(&["--filter", "event=delete"]), 0);
    assert_eq!(count(&["--filter", "image=foo"]), 2);
    assert_eq!(count(&["--filter", "image=foo", "--filter", "event=untag"]), 1);
    assert_eq!(count(&["--filter", "image=07f640cb"]), 4);
    assert_eq!(count(&["--filter", "image=localhost/single-arm64v8:1"]), 1);
    assert_eq!(count(&["--filter", "type=image"]), 5);
    assert_eq!(count(&["--filter", "type=container"]), 0);
    assert_eq!(count(&["--since", "1h"]), 5);
    assert_eq!(count(&["--since", "2000-01-01T00:00:00Z", "--until", "2000-01-02"]), 0);
    assert_eq!(count(&["--until", "1h"]), 5);
    for wrong in
        [["--filter", "event=x"], ["--filter", "image="], ["--filter", "type=x"], ["--since", "soon"]]
    {
        place.run(&["events", wrong[0], wrong[1]]).failed(2);
    }
}

#[test]
fn labels_of_images_choose_among_events() {
    let place = family();
    place.run(&["tag", "example.com/app:1", "other:1"]).ok();
    let names = |filters: &[&str]| {
        let arguments: Vec<&str> = filters.iter().flat_map(|filter| ["--filter", filter]).collect();
        let told = events(&place, &arguments);
        told.iter()
            .map(|event| event["Attributes"]["names"].as_str().unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(&["label=kind"]),
        ["example.com/base:1", "example.com/app:1", "docker.io/library/app:2", ""]
    );
    assert_eq!(names(&["label=kind=base"]), ["example.com/base:1"]);
    assert_eq!(names(&["label=kind=app", "event=load"]).len(), 2);
    // All have to be there, an empty value too.
    assert_eq!(names(&["label=kind=app", "label=empty="]), ["example.com/app:1", ""]);
    assert_eq!(names(&["label=kind=app", "label=Team"]).len(), 0);
    // What podman calls labels are an event's attributes.
    assert_eq!(names(&["label=names=example.com/app:1"]), ["example.com/app:1"]);
    assert_eq!(names(&["label=nosuch"]).len(), 0);
    place.run(&["events", "--filter", "label="]).failed(2);
}

#[test]
fn an_image_without_a_tag_is_any_of_its_tags() {
    let place = family();
    let count = |image: &str| events(&place, &["--filter", &format!("image={image}")]).len();
    assert_eq!((count("app"), count("app:2"), count("app:1")), (1, 1, 0));
    assert_eq!(
        (count("example.com/app"), count("example.com/ap"), count("docker.io/library/app")),
        (1, 0, 1)
    );
    assert_eq!(events(&place, &["--filter", "container=x"]).len(), 0);
}

#[test]
fn a_template_says_of_events_what_it_is_asked() {
    let place = family();
    place.run(&["tag", "example.com/base:1", "other:1"]).ok();
    let said = |template: &str| {
        let filter = ["events", "--filter", "event=tag", "--format", template];
        place.run(&filter).ok().text().to_owned()
    };
    assert_eq!(
        said("{{.Type}} {{.Status}} {{.Action}} {{.Name}}"),
        "image tag tag docker.io/library/other:1\n"
    );
    let id = said("{{.ID}}");
    assert_eq!((id.len(), said("{{.Actor.ID}}")), (65, id));
    assert!(said("{{.Attributes.digest}}").starts_with("sha256:"));
    assert_eq!(said("{{.Attributes.nosuch}}"), "<no value>\n");
    assert!(said("{{json .}}").starts_with("{\"ID\":"));
    place.run(&["events", "--format", "{{.Nosuch}}"]).failed(2);
    let wrong = place.run(&["events", "--format", "{{.Type"]).failed(2);
    assert!(wrong.stderr.contains("at byte"), "{}", wrong.stderr);
}

#[test]
fn a_follower_is_told_what_happens_until_it_wants_no_more() {
    let place = Place::with(&["several.docker.tar"]);
    let mut child =
        place.command(&["events", "--follow", "--until", "20s", "--format", "json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // The follower begins some time after it is started; names go on being given until it tells of one.
    let (sender, told) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let place = &place;
        scope.spawn(move || {
            for number in 0..200 {
                place.run(&["tag", "localhost/single-amd64:1", &format!("t:{number}")]).ok();
                if told.recv_timeout(Duration::from_millis(50)).is_ok() {
                    return;
                }
            }
        });
        let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(first["Status"], "tag", "what happened before is not told: {first}");
        sender.send(()).unwrap();
    });
    drop(lines);
    // Its reader is gone, so it ends with the next thing that happens.
    place.run(&["tag", "localhost/single-amd64:1", "last:1"]).ok();
    wait_within(child, Duration::from_secs(10)).ok();
}

#[test]
fn a_follower_ends_when_its_time_is_up() {
    let place = Place::with(&["several.docker.tar"]);
    let child = place.command(&["events", "--follow", "--since", "0", "--until", "300ms"]).spawn().unwrap();
    let outcome = wait_within(child, Duration::from_secs(10)).ok();
    assert_eq!(outcome.text().lines().count(), 2);
}

#[test]
fn a_change_that_fails_is_no_event() {
    let place = Place::with(&["several.docker.tar"]);
    let before = events(&place, &[]);
    place.run(&["tag", "localhost/single-amd64:1", "good", "docker.io/library/sha256:1"]).failed(2);
    place.run(&["untag", "localhost/single-amd64:1", "nothing"]).failed(1);
    assert_eq!(events(&place, &[]), before);
    place.run(&["resolve", "good"]).failed(1);
}
