//! Images found by Podman's orders.

use std::time::Duration;

use crate::place::{Outcome, Place, wait_within};
use crate::transcript::Transcript;

const AMD64: &str = "sha256:07f640cb8759772bacafb264ee210c96df6833a47e723c2b9c4b9eb3382c2bf9";
const ARM64: &str = "sha256:e0455d1b9bc5ca79c0c924d0017bc798082e54a8b75f5dcd1af5c91d298b377a";

const CONFIGURATION: &str = "
unqualified-search-registries = ['example.com']
[aliases]
short = 'localhost/single-arm64v8'
gone = ''
";

/// A store, and a user whose registries.conf stands for the machine's.
struct Home(Place);

impl Home {
    fn with(configuration: &str, fixtures: &[&str]) -> Home {
        let place = Place::with(fixtures);
        std::fs::create_dir_all(place.path("home/.config/containers/registries.conf.d")).unwrap();
        let home = Home(place);
        home.write("registries.conf", configuration);
        home
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.path("home/.config/containers").join(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let child = self.0.command(arguments).env("HOME", self.0.path("home")).spawn().unwrap();
        wait_within(child, Duration::from_secs(60))
    }

    fn transcript(&self, lines: &[&str]) -> Transcript<'_> {
        let mut transcript = Transcript::new(&self.0);
        for line in lines {
            let arguments: Vec<&str> = line.split(' ').collect();
            transcript.add(line, &self.run(&arguments));
        }
        transcript
    }

    /// The ID that an order comes to; empty where it comes to none.
    fn id(&self, lookup: &str, image: &str) -> String {
        self.run(&["resolve", "-q", "--lookup", lookup, image]).text().trim().to_owned()
    }
}

#[test]
fn names_are_looked_up_as_podman_does() {
    let home = Home::with(CONFIGURATION, &["several.docker.tar", "multi.oci.tar"]);
    home.transcript(&[
        "resolve --lookup podman single-amd64:1 --explain",
        "resolve --lookup podman short:1 --explain",
        "resolve --lookup podman multi:1 --platform linux/s390x --explain",
        "resolve --lookup podman multi-amd64 --format json",
        "resolve --lookup podman multi-amd64 --platform linux/arm64 --explain",
        "resolve --lookup podman nosuch --explain",
        "resolve --lookup podman nosuch --format json",
        "resolve --lookup podman e0455d1b --explain",
        "resolve --lookup podman sha256:e0455d1b",
        "resolve --lookup podman-1 sha256:e0455d1b --explain",
        "resolve --lookup podman-1 amd64 --explain",
        "resolve --lookup podman-1 d64:1 --explain",
        "resolve --lookup podman UPPER",
        "resolve --lookup podman NS/a",
    ])
    .assert("lookup_podman");
}

#[test]
fn a_name_that_could_mean_several_images_lists_them() {
    let home = Home::with(CONFIGURATION, &["several.docker.tar"]);
    home.run(&["tag", "localhost/single-amd64:1", "one.example/same:1"]).ok();
    home.run(&["tag", "localhost/single-arm64v8:1", "two.example/ns/same:1"]).ok();
    home.transcript(&[
        "resolve --lookup podman-1 same:1",
        "resolve --lookup podman-1 same:1 --format json",
        "resolve --lookup podman-1 ns/same:1 -q",
        "resolve --lookup podman same:1 -q",
    ])
    .assert("lookup_ambiguous");
}

#[test]
fn a_tag_that_looks_like_an_id_wins_where_podman_has_it_win() {
    let home = Home::with(CONFIGURATION, &["several.docker.tar"]);
    let like_an_id = &ARM64["sha256:".len()..][..12];
    home.run(&["tag", "localhost/single-amd64:1", &format!("localhost/{like_an_id}")]).ok();
    assert_eq!(home.id("podman", like_an_id), AMD64);
    assert_eq!(home.id("podman-1", like_an_id), ARM64);
    assert_eq!(home.id("docker", like_an_id), ARM64);
    // All digits are an ID, whatever is called so.
    assert_eq!(home.id("podman", &ARM64["sha256:".len()..]), ARM64);
}

#[test]
fn localhost_comes_before_the_search_registries_and_an_alias_before_it() {
    let home = Home::with(CONFIGURATION, &["several.docker.tar"]);
    home.run(&["tag", "localhost/single-amd64:1", "example.com/app"]).ok();
    assert_eq!(home.id("podman", "app"), AMD64);
    home.run(&["tag", "localhost/single-arm64v8:1", "localhost/app"]).ok();
    assert_eq!(home.id("podman", "app"), ARM64);
    home.write("registries.conf.d/10.conf", "[aliases]\napp = 'nowhere.example/app'");
    assert_eq!(home.id("podman", "app"), ARM64);
    home.write("registries.conf.d/20.conf", "[aliases]\napp = 'example.com/app'");
    assert_eq!(home.id("podman", "app"), AMD64);
    home.write("registries.conf.d/30.conf", "[aliases]\napp = ''");
    assert_eq!(home.id("podman", "app"), ARM64);
}

#[test]
fn the_rules_of_choice_go_with_the_order_unless_they_are_named() {
    let home = Home::with(CONFIGURATION, &["multi.oci.tar"]);
    let explained = |arguments: &[&str]| {
        let all = ["resolve", "example.com/multi:1", "--platform", "linux/amd64", "--explain"];
        home.run(&[&all[..], arguments].concat()).ok().text().to_owned()
    };
    assert!(explained(&["--lookup", "podman"]).contains("another architecture: `386`"));
    for docker in [&["--lookup", "docker"][..], &["--lookup", "podman-1", "--rules", "docker"]] {
        assert!(!explained(docker).contains("another architecture: `386`"));
    }
}

#[test]
fn inspect_looks_names_up_in_the_same_order() {
    let home = Home::with(CONFIGURATION, &["several.docker.tar"]);
    let inspect = |image: &str| home.run(&["inspect", "--lookup", "podman", image]);
    assert_eq!(inspect("short:1").ok().json()[0]["Id"], ARM64);
    assert!(inspect("gone").failed(1).stderr.contains("no such image: `gone`"));
}

#[test]
fn a_configuration_that_cannot_be_gone_by_is_an_error_where_it_is_needed() {
    let home = Home::with("", &["several.docker.tar"]);
    for (configuration, wanted) in [
        (
            "[registries.search]\nregistries = ['example.com']",
            "wanted version 2 of the format, found version 1",
        ),
        ("[aliases]\na = 'b'\nb = 'a'", "found a circle of aliases: `a` → `b` → `a`"),
        (
            "\nunqualified-search-registries = 'example.com'",
            "line 2: `unqualified-search-registries`: wanted an array of strings, found a string",
        ),
        ("short-name-mode = true", "line 1: `short-name-mode`: wanted a string, found a boolean"),
        ("unqualified-search-registries = [", "line 1: "),
        ("unqualified-search-registries = ['https://example.com']", "wanted host[:port], found a URL"),
    ] {
        home.write("registries.conf", configuration);
        let outcome = home.run(&["resolve", "--lookup", "podman", "single-amd64:1"]).failed(2);
        assert!(outcome.stderr.contains(wanted), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("registries.conf`"), "{}", outcome.stderr);
        // As with podman: a name in full, and an order that does not ask, are not disturbed.
        assert_eq!(home.id("podman", "localhost/single-amd64:1"), AMD64);
        assert_eq!(home.id("podman-1", "single-amd64:1"), AMD64);
    }
}

#[test]
fn the_file_that_the_environment_names_has_to_be_there() {
    let home = Home::with("short-name-mode = 1", &["several.docker.tar"]);
    let file = home.0.file("own.conf", b"[aliases]\n'other.name' = 'localhost/single-amd64'");
    let run = |path: &str| {
        let mut command = home.0.command(&["resolve", "-q", "--lookup", "podman", "other.name:1"]);
        command.env("HOME", home.0.path("home")).env("CONTAINERS_REGISTRIES_CONF", path);
        wait_within(command.spawn().unwrap(), Duration::from_secs(60))
    };
    assert_eq!(run(&file).ok().text().trim(), AMD64);
    let absent = run("/nonexistent/registries.conf").failed(2);
    assert!(absent.stderr.contains("`/nonexistent/registries.conf`"), "{}", absent.stderr);
}

#[test]
fn names_of_ten_thousand_characters_are_refused_in_few_words() {
    let home = Home::with(CONFIGURATION, &[]);
    for long in
        ["a".repeat(10_000), "a/".repeat(5_000), format!("a:{}", "b".repeat(10_000)), "é".repeat(5_000)]
    {
        for lookup in ["podman", "podman-1"] {
            let refused = home.run(&["resolve", "--lookup", lookup, &long]).failed(2);
            assert!(refused.stderr.len() < 1_000, "{}", refused.stderr);
        }
    }
    // As long as a name may be, and unknown.
    let name = format!("q.io/{}", "a".repeat(250));
    for lookup in ["podman", "podman-1"] {
        home.run(&["resolve", "--lookup", lookup, &name]).failed(1);
    }
}

#[test]
fn every_command_that_takes_an_image_looks_it_up_as_it_is_told() {
    let home = Home::with(CONFIGURATION, &["several.docker.tar"]);
    // `short` is an alias, which Docker's order does not know.
    home.run(&["tag", "short:1", "example.com/new:1"]).failed(1);
    home.run(&["tag", "--lookup", "podman", "short:1", "example.com/new:1"]).ok();
    assert_eq!(home.id("docker", "example.com/new:1"), ARM64);
    let history = home.run(&["history", "-q", "--no-trunc", "--lookup", "podman", "short:1"]).ok();
    assert_eq!(history.text().trim(), ARM64);
    home.run(&["tree", "--lookup", "podman", "single-amd64:1"]).ok();
    let archive = home.0.path("saved.tar");
    let archive = archive.to_str().unwrap();
    home.run(&["save", "--lookup", "podman", "-o", archive, "short:1"]).ok();
    let saved = home.run(&["inspect", "-f", "{{.RepoTags}}", &format!("docker-archive:{archive}")]).ok();
    assert_eq!(saved.text(), "[localhost/single-arm64v8:1]\n");
    // A name goes by the name that was found, an ID with what it is.
    home.run(&["untag", "new:1"]).failed(1);
    let untagged = home.run(&["untag", "--lookup", "podman", "new:1"]).ok();
    assert_eq!(untagged.text(), "Untagged: example.com/new:1\n");
    home.run(&["untag", "--lookup", "podman", "new:1"]).failed(1);
    let by_id = home.run(&["untag", "--lookup", "podman", &ARM64[7..19]]).failed(2);
    assert!(by_id.stderr.contains("wanted a name"), "{}", by_id.stderr);
    home.run(&["pin", "short:1", "--holder", "x"]).failed(1);
    assert_eq!(
        home.run(&["pin", "--lookup", "podman", "short:1", "--holder", "x"]).ok().text().trim(),
        ARM64
    );
    assert_eq!(
        home.run(&["unpin", "--lookup", "podman-1", "arm64v8:1", "--holder", "x"]).ok().text().trim(),
        ARM64
    );
    home.run(&["tag", "--lookup", "podman", "short:1", "example.com/new:1"]).ok();
    let removed = home.run(&["rm", "--lookup", "podman", "short:1"]).ok();
    assert_eq!(removed.text(), "Untagged: localhost/single-arm64v8:1\n");
    let removed = home.run(&["rm", "--lookup", "podman", &ARM64[7..19]]).ok();
    assert!(removed.text().contains(&format!("Deleted: {ARM64}")), "{}", removed.text());
    home.run(&["rm", "--lookup", "podman", "short:1"]).failed(1);
    home.run(&["rm", "--force", "--lookup", "podman", "short:1"]).ok();
}
