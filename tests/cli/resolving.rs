use serde_json::Value;

use crate::place::Place;
use crate::transcript::Transcript;

const ATTESTED: &str = "oci-archive:attested.oci.tar";

#[test]
fn what_is_asked_for_by_name_id_and_prefix_is_found() {
    let place = Place::with(&["multi.oci.tar", "several.docker.tar"]);
    Transcript::new(&place)
        .run("resolve example.com/multi:1 --platform linux/arm/v6")
        .run("resolve example.com/multi:1 --platform linux/arm/v6 -q")
        .run("resolve localhost/multi-amd64 --explain")
        .run("resolve sha256:5d1328de331a80340d19efe23e4c585f11c32e226ea6be2634697457b2950032 -q")
        .run("resolve 5d1328de331a80340d19efe23e4c585f11c32e226ea6be2634697457b2950032 -q")
        .run("resolve 5d13 --explain")
        .run("resolve sha256:5d13 -q")
        .run("resolve example.com/multi@sha256:74f795c7b906ec0ea292be67855a8fe3962ade561e7a7d1693e84e1e7ba86c53 -q --platform linux/s390x")
        .run("resolve localhost/single-arm64v8:1 --platform linux/arm64 --explain")
        .assert("resolve_found");
}

#[test]
fn what_is_not_there_is_a_definite_no_and_what_is_no_name_is_not() {
    let place = Place::with(&["multi.oci.tar", "several.docker.tar"]);
    Transcript::new(&place)
        .run("resolve nosuch")
        .run("resolve nosuch --format json")
        .run("resolve example.com/multi")
        .run("resolve sha256:0000000000000000000000000000000000000000000000000000000000000000")
        .run("resolve a")
        .run("resolve a --format json")
        .run("resolve example.com/multi:1 --platform linux/ppc64le")
        .run("resolve localhost/single-arm64v8:1 --platform linux/amd64")
        .run("resolve localhost/single-arm64v8:1 --platform linux/amd64 --explain")
        .run("resolve localhost/single-arm64v8:1 --platform linux/amd64 --format json")
        .run("resolve UPPER")
        .run("resolve UPPER --format json")
        .run("resolve x --platform linux/amd64/v1/x")
        .run("resolve oci-archive:nosuch.tar")
        .run("resolve docker-archive:several.docker.tar")
        .run("resolve docker-archive:several.docker.tar:nosuch:1")
        .run("resolve docker-archive:several.docker.tar:@2")
        .run("resolve sif:debian.sif")
        .run("resolve x -q --explain")
        .run("resolve x -q --format json")
        .assert("resolve_not_found");
}

#[test]
fn every_entry_of_an_index_has_a_reason() {
    let place = Place::new();
    let mut transcript = Transcript::new(&place);
    for platform in ["linux/arm/v6", "linux/arm64", "linux/386", "linux/ppc64le", "windows/amd64"] {
        for rules in ["docker", "podman"] {
            transcript.run(&format!("resolve {ATTESTED} --platform {platform} --rules {rules} --explain"));
        }
    }
    transcript.assert("resolve_explained");
}

#[test]
fn the_answer_as_json_has_stable_names() {
    let place = Place::with(&["several.docker.tar"]);
    Transcript::new(&place)
        .run("resolve localhost/single-amd64:1 --format json")
        .run(&format!("resolve {ATTESTED} --platform linux/arm64 --rules podman --format json"))
        .run(&format!("resolve {ATTESTED} --platform linux/ppc64le --format json"))
        .assert("resolve_json");
}

/// The rows of a table that explains: entry, and why.
fn reasons(table: &str) -> Vec<(String, String)> {
    let (_, rows) = table.split_once("WHY\n").unwrap();
    let row = |row: &str| {
        let cells: Vec<&str> = row.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        (cells[0].trim_start_matches('*').to_owned(), (*cells.last().unwrap()).to_owned())
    };
    rows.lines().map(row).collect()
}

#[test]
fn table_and_json_explain_the_same_entries_with_the_same_reasons() {
    let place = Place::new();
    for (platform, rules, won) in [
        ("linux/arm/v6", "docker", vec![2]),
        // To Docker an arm64 machine runs arm/v7, and an entry without a platform comes last; to Podman
        // the nested index is the only one that fits.
        ("linux/arm64", "docker", vec![3]),
        ("linux/arm64", "podman", vec![7, 0]),
        ("linux/ppc64le", "docker", vec![]),
        ("linux/ppc64le", "podman", vec![]),
    ] {
        let arguments = ["resolve", ATTESTED, "--platform", platform, "--rules", rules];
        let table = place.run(&[&arguments[..], &["--explain"]].concat());
        let json = place.run(&[&arguments[..], &["--format", "json"]].concat());
        let code = i32::from(won.is_empty());
        assert_eq!((table.code, json.code), (Some(code), Some(code)));
        let json = json.json();
        let considered = json["considered"].as_array().unwrap();
        let chosen: Vec<u64> = considered
            .iter()
            .filter(|entry| entry["chosen"] == true)
            .map(|entry| entry["position"].as_u64().unwrap())
            .collect();
        assert_eq!(chosen, won, "{platform} {rules}");
        // Sixteen entries, and the one of the nested index where that was looked into.
        let nested = considered.iter().filter(|entry| entry["depth"] == 1).count();
        assert_eq!(considered.len(), 16 + nested);
        assert!(considered.iter().all(|entry| !entry["why"].as_str().unwrap().is_empty()));
        let mut shown = reasons(table.text());
        let mut carried: Vec<(String, String)> = considered
            .iter()
            .map(|entry| (entry["position"].to_string(), entry["why"].as_str().unwrap().to_owned()))
            .collect();
        shown.sort();
        carried.sort();
        assert_eq!(shown, carried, "{platform} {rules}");
        assert_eq!(json.get("error").is_some(), won.is_empty());
    }
}

#[test]
fn an_attestation_is_chosen_only_for_the_platform_it_names() {
    // As by containerd: `unknown/unknown` is a platform like any other.
    let place = Place::new();
    let resolve =
        |platform: &str| place.run(&["resolve", ATTESTED, "--platform", platform, "--format", "json"]);
    let chosen = |json: &Value| {
        let considered = json["considered"].as_array().unwrap();
        considered.iter().find(|entry| entry["chosen"] == true).map(|entry| entry["position"].clone())
    };
    assert_eq!(chosen(&resolve("unknown/unknown").ok().json()), Some(8.into()));
    for platform in ["unknown/amd64", "linux/unknown"] {
        assert_eq!(chosen(&resolve(platform).failed(1).json()), None, "{platform}");
    }
}

#[test]
fn an_image_whose_config_is_wrong_is_vouched_for_by_its_index() {
    use crate::archive::{Layout, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, config, digest, layer};
    use serde_json::json;
    let mut layout = Layout::default();
    let content = layer("x");
    // The config says amd64; the index knows better.
    let configuration = layout.blob(OCI_CONFIG, &config("amd64", &[digest(&content)]));
    let stored = layout.blob(OCI_LAYER, &content);
    let manifest =
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": configuration, "layers": [stored]});
    let mut manifest = layout.json(OCI_MANIFEST, &manifest);
    manifest["platform"] = json!({"os": "linux", "architecture": "riscv64"});
    let index = layout.index(&[manifest]);
    layout.root(index, Some("example.com/wrong:1"));
    let place = Place::new();
    let archive = place.file("wrong.tar", &layout.tar());
    let id = place.run(&["load", "-q", &archive]).ok().text().trim().to_owned();
    Transcript::new(&place)
        .run(&format!("resolve {id} --platform linux/riscv64 --explain"))
        .run(&format!("resolve {id} --platform linux/s390x --explain"))
        .assert("resolve_vouched");
}
