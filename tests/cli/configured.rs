//! Additional stores, and `consign.toml`.

use serde_json::json;

use crate::family::family;
use crate::place::{Outcome, Place};

/// A place whose additional store is that of another.
fn beside(other: &Place, arguments: &[&str]) -> (Place, Vec<String>) {
    let place = Place::with(&["several.docker.tar"]);
    let root = other.root().to_str().unwrap().to_owned();
    let mut all = vec!["--additional-store".to_owned(), root];
    all.extend(arguments.iter().map(|argument| (*argument).to_owned()));
    (place, all)
}

fn run(place: &Place, arguments: &[String]) -> Outcome {
    place.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn an_additional_store_is_looked_into_after_the_own_one() {
    let other = family();
    let (place, inspect) = beside(&other, &["inspect", "-f", "{{.RepoTags}} {{.Size}}", "app:2"]);
    assert_eq!(run(&place, &inspect).ok().text(), "[app:2] 6144\n");
    let with = |arguments: &[&str]| {
        let root = other.root().to_str().unwrap().to_owned();
        let mut all = vec!["--additional-store", &root];
        all.extend(arguments);
        place.run(&all)
    };
    let listed = with(&["images", "--format", "{{.Repository}}:{{.Tag}} {{.ReadOnly}}"]).ok();
    let mut lines: Vec<&str> = listed.text().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines[..2], ["<none>:<none> true", "app:2 true"]);
    assert!(lines.contains(&"localhost/single-amd64:1 false"), "{lines:?}");
    assert_eq!(with(&["history", "-q", "app:2"]).ok().text().lines().count(), 5);
    assert!(with(&["tree", "app:2"]).ok().text().contains("Top Layer of: [app:2]"));
    assert_eq!(
        with(&["resolve", "-q", "app:2"]).ok().stdout,
        other.run(&["resolve", "-q", "app:2"]).ok().stdout
    );
    // An ID and its beginning are found there, too.
    let id = other.run(&["images", "-q", "-f", "reference=app"]).ok();
    with(&["inspect", id.text().trim()]).ok();
    // It is only read.
    for arguments in [&["rm", "app:2"][..], &["tag", "app:2", "new"], &["pin", "app:2", "--holder", "x"]] {
        let refused = with(arguments).failed(1);
        assert!(refused.stderr.contains("no such image"), "{}", refused.stderr);
    }
    place.run(&["inspect", "app:2"]).failed(1);
    other.check();
}

#[test]
fn a_name_in_the_own_store_hides_that_in_an_additional_one() {
    let other = family();
    let (place, list) = beside(&other, &["images", "--format", "{{.ID}} {{.ReadOnly}}", "app:2"]);
    place.run(&["tag", "localhost/single-amd64:1", "app:2"]).ok();
    assert_eq!(run(&place, &list).ok().text(), "07f640cb8759 false\n");
}

#[test]
fn an_additional_store_that_is_none_is_an_error() {
    let place = Place::new();
    let nowhere = place.path("nowhere");
    let refused = place.run(&["--additional-store", nowhere.to_str().unwrap(), "images"]).failed(2);
    assert!(refused.stderr.contains("opening the additional store"), "{}", refused.stderr);
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let refused = place.run(&["--additional-store", empty.to_str().unwrap(), "images"]).failed(2);
    assert!(refused.stderr.contains("catalog.sqlite"), "{}", refused.stderr);
    assert_eq!(std::fs::read_dir(&empty).unwrap().count(), 0);
}

/// Runs a command with this configuration.
fn configured(place: &Place, text: &str, arguments: &[&str]) -> Outcome {
    let path = place.file("consign.toml", text.as_bytes());
    let mut command = place.command(arguments);
    command.env("CONSIGN_CONFIG", path);
    place.outcome_of(command)
}

#[test]
fn the_configuration_names_stores_and_limits() {
    let other = family();
    let place = Place::new();
    let stores = toml_list(&[other.root().to_str().unwrap()]);
    let text = format!("# where images are\nadditional-stores = {stores}\n[limits]\nmemory = 134217728\n");
    assert!(configured(&place, &text, &["images"]).ok().text().contains("example.com/app"));
    for fuel in ["10", "40000"] {
        let text = format!("[limits]\nfuel = {fuel}\n");
        let tight = configured(&place, &text, &["resolve", "oci-archive:attested.oci.tar"]).failed(2);
        assert!(tight.stderr.contains(&format!("within {fuel} instructions")), "{}", tight.stderr);
    }
}

fn toml_list(texts: &[&str]) -> String {
    json!(texts).to_string()
}

#[test]
fn what_is_wrong_with_a_configuration_is_said_with_its_line() {
    let place = Place::new();
    for (text, wanted) in [
        ("root = 5\n", "in line 1"),
        (
            "\nrooot = \"/x\"\n",
            "unknown field `rooot`, expected one of `root`, `additional-stores`, `limits`, in line 2",
        ),
        ("[limits]\nmemory = \"much\"\n", "in line 2"),
        ("[limits]\nmemory = -1\n", "in line 2"),
        ("root = \"here\"\n", "wanted an absolute path for `root`, found `here`"),
        ("additional-stores = [\"a\"]\n", "wanted an absolute path for `additional-stores`, found `a`"),
        ("root = \"/x\"\nroot = \"/y\"\n", "in line 2"),
        ("root = [", "in line 1"),
    ] {
        let refused = configured(&place, text, &["images"]).failed(2);
        assert!(refused.stderr.contains(wanted), "{text}: {}", refused.stderr);
    }
    let mut command = place.command(&["images"]);
    command.env("CONSIGN_CONFIG", place.path("nosuch.toml"));
    let refused = place.outcome_of(command).failed(2);
    assert!(refused.stderr.contains("is not there"), "{}", refused.stderr);
}
