use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::platforms::{Matcher, Platform, matches};
use super::api::selection::{Choice, Criteria, Descriptor, IndexFormat, Reason, Rule, choose};
use super::platforms::platform;
use crate::harness;

const HOST_OS: &str = "linux";

struct Index {
    format: IndexFormat,
    entries: Vec<Descriptor>,
}

fn descriptor(value: &Value) -> Descriptor {
    let annotations = value["annotations"].as_object().into_iter().flatten();
    Descriptor {
        media_type: value["mediaType"].as_str().unwrap_or_default().to_owned(),
        digest: value["digest"].as_str().unwrap_or_default().to_owned(),
        size: value["size"].as_u64().unwrap_or_default(),
        platform: value["platform"].is_object().then(|| platform(&value["platform"])),
        annotations: annotations
            .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
            .collect(),
        artifact_type: value["artifactType"].as_str().map(str::to_owned),
    }
}

fn indexes() -> BTreeMap<String, Index> {
    harness::cases("manifest_select_indexes.jsonl")
        .iter()
        .map(|case| {
            let format = match case["media_type"].as_str().unwrap() {
                "application/vnd.oci.image.index.v1+json" => IndexFormat::OciIndex,
                "application/vnd.docker.distribution.manifest.list.v2+json" => IndexFormat::DockerList,
                other => panic!("no index: {other}"),
            };
            let entries =
                case["index"]["manifests"].as_array().into_iter().flatten().map(descriptor).collect();
            (case["index_name"].as_str().unwrap().to_owned(), Index { format, entries })
        })
        .collect()
}

/// The position and digest of the one that was taken, or `error`.
fn taken(index: &Index, position: Option<u32>) -> Value {
    match position {
        Some(position) => {
            json!({"position": position, "digest": index.entries[position as usize].digest})
        }
        None => json!("error"),
    }
}

fn wanted(result: &Value) -> Value {
    if result["error"].is_string() { json!("error") } else { result.clone() }
}

/// What containerd does with the entry that was chosen: it reads it, and if it has no platform looks at its
/// config's. The cases' configs have their descriptor's platform, or linux/amd64; nested indexes are empty.
fn read(index: &Index, position: u32, matcher: &Matcher) -> Option<u32> {
    let entry = &index.entries[position as usize];
    if entry.media_type.contains("index") || entry.media_type.contains("manifest.list") {
        return None;
    }
    let config = entry.platform.clone().unwrap_or_else(|| Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    });
    matches(matcher, &config, HOST_OS).then_some(position)
}

fn check(index: &Index, case: &Value) -> Result<(), String> {
    let platform = platform(&case["wanted"]);
    let chosen = |rule| -> Result<Choice, String> {
        let criteria =
            Criteria { wanted: platform.clone(), rule, format: index.format, host_os: HOST_OS.to_owned() };
        let choice = choose(&index.entries, &criteria);
        explained(index, &choice)?;
        Ok(choice)
    };
    let podman = &case["containers_image"];
    for (key, rule) in [
        ("choose_instance", Rule::Podman),
        ("choose_prefer_gzip", Rule::PodmanGzip),
        ("choose_prefer_zstd", Rule::PodmanZstd),
    ] {
        // Absent where the peer's type lacks the choice by compression.
        if !podman[key].is_null() {
            let found = taken(index, chosen(rule)?.order.first().copied());
            harness::same(key, &wanted(&podman[key]), &found)?;
        }
    }
    let containerd = &case["containerd_images_manifest"];
    for (key, rule, matcher) in [
        ("only", Rule::Docker, Matcher::Only(platform.clone())),
        ("only_strict", Rule::DockerStrict, Matcher::OnlyStrict(platform.clone())),
    ] {
        let position = chosen(rule)?.order.first().and_then(|&position| read(index, position, &matcher));
        harness::same(key, &wanted(&containerd[key]), &taken(index, position))?;
    }
    let pull = chosen(Rule::DockerPull)?.order;
    harness::same("docker_pull_filter_manifests", &case["docker_pull_filter_manifests"], &json!(pull))?;
    let found = taken(index, chosen(Rule::FirstMatch)?.order.first().copied());
    harness::same("go_containerregistry", &wanted(&case["go_containerregistry"]), &found)
}

/// Every entry has a reason, and it says the same as the order.
fn explained(index: &Index, choice: &Choice) -> Result<(), String> {
    if choice.reasons.len() != index.entries.len() {
        return Err(format!("{} reasons for {} entries", choice.reasons.len(), index.entries.len()));
    }
    for (position, reason) in (0_u32..).zip(&choice.reasons) {
        let right = match reason {
            Reason::Best => choice.order.first() == Some(&position),
            Reason::Outranked(best) => choice.order.first() == Some(best) && *best != position,
            _ => !choice.order.contains(&position),
        };
        if !right {
            return Err(format!("entry {position} is said to be {reason:?}, order is {:?}", choice.order));
        }
    }
    Ok(())
}

#[test]
fn manifest_select() {
    let indexes = indexes();
    harness::run(
        "manifest_select.jsonl",
        |case| format!("{} on {}", case["index_name"].as_str().unwrap_or_default(), case["wanted"]),
        |case| {
            let name = case["index_name"].as_str().unwrap();
            check(indexes.get(name).ok_or_else(|| format!("no index `{name}`"))?, case)
        },
    );
}
