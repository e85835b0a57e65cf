use super::*;
use crate::wit::exports::consign::image::selection::IndexFormat;

const ALL: [Rule; 7] = [
    Rule::Docker,
    Rule::DockerStrict,
    Rule::DockerPull,
    Rule::Podman,
    Rule::PodmanGzip,
    Rule::PodmanZstd,
    Rule::FirstMatch,
];

fn platform(text: &str) -> Platform {
    let mut parts = text.split('/').map(str::to_owned);
    Platform {
        os: parts.next().unwrap_or_default(),
        architecture: parts.next().unwrap_or_default(),
        variant: parts.next(),
        os_version: None,
        os_features: Vec::new(),
    }
}

fn entry(text: &str) -> Descriptor {
    Descriptor {
        media_type: IMAGE_MEDIA_TYPES[0].to_owned(),
        digest: String::new(),
        size: 0,
        platform: (text != "none").then(|| platform(text)),
        annotations: Vec::new(),
        artifact_type: None,
    }
}

fn annotated(text: &str, key: &str, value: &str) -> Descriptor {
    Descriptor { annotations: vec![(key.to_owned(), value.to_owned())], ..entry(text) }
}

fn criteria(wanted: &str, rule: Rule) -> Criteria {
    Criteria { wanted: platform(wanted), rule, format: IndexFormat::OciIndex, host_os: "linux".to_owned() }
}

fn chosen(entries: &[Descriptor], wanted: &str, rule: Rule) -> Choice {
    choose(entries, &criteria(wanted, rule))
}

#[test]
fn the_best_variant_wins_and_every_other_entry_has_a_reason() {
    let entries =
        ["linux/arm/v5", "linux/arm/v7", "unknown/unknown", "linux/arm/v6", "linux/amd64"].map(entry);
    let choice = chosen(&entries, "linux/arm/v6", Rule::Docker);
    assert_eq!(choice.order, [3]);
    assert_eq!(
        choice.reasons,
        [
            Reason::Outranked(3),
            Reason::OtherVariant(Some("v7".into())),
            Reason::Attestation,
            Reason::Best,
            Reason::OtherArchitecture("amd64".into()),
        ]
    );
}

#[test]
fn docker_tries_an_entry_without_a_platform_only_if_nothing_else_fits() {
    let entries = ["none", "linux/amd64"].map(entry);
    assert_eq!(chosen(&entries, "linux/amd64", Rule::Docker).order, [1]);
    assert_eq!(chosen(&entries, "linux/arm64", Rule::Docker).order, [0]);
    assert_eq!(chosen(&entries, "linux/amd64", Rule::DockerPull).order, [1, 0]);
}

#[test]
fn podman_takes_an_entry_without_a_platform_from_an_oci_index_only() {
    let entries = ["none".to_owned()].map(|text| entry(&text));
    assert_eq!(chosen(&entries, "linux/amd64", Rule::Podman).order, [0]);
    let list = Criteria { format: IndexFormat::DockerList, ..criteria("linux/amd64", Rule::Podman) };
    let choice = choose(&entries, &list);
    assert!(choice.order.is_empty());
    assert_eq!(choice.reasons, [Reason::NoPlatform]);
}

#[test]
fn compression_decides_between_entries_of_one_platform() {
    let zstd = "io.github.containers.compression.zstd";
    let entries = [entry("linux/amd64"), annotated("linux/amd64", zstd, "true")];
    assert_eq!(chosen(&entries, "linux/amd64", Rule::Podman).order, [1, 0]);
    assert_eq!(chosen(&entries, "linux/amd64", Rule::PodmanGzip).order, [0, 1]);
    let list = Criteria { format: IndexFormat::DockerList, ..criteria("linux/amd64", Rule::PodmanZstd) };
    assert_eq!(choose(&entries, &list).order, [0, 1]);
}

#[test]
fn an_attestation_is_told_by_its_annotation_too() {
    let entries = [annotated("linux/s390x", REFERENCE_TYPE, "attestation-manifest")];
    assert_eq!(chosen(&entries, "linux/amd64", Rule::Docker).reasons, [Reason::Attestation]);
}

#[test]
fn an_entry_that_is_no_image_says_what_it_is() {
    let entries = [Descriptor { media_type: "text/plain".to_owned(), ..entry("linux/arm") }];
    assert_eq!(
        chosen(&entries, "linux/amd64", Rule::Docker).reasons,
        [Reason::NotAnImage("text/plain".into())]
    );
}

#[test]
fn no_rule_minds_what_is_missing() {
    let entries = ["none", "", "/", "linux/", "/amd64", "unknown/unknown"].map(entry);
    for rule in ALL {
        for wanted in ["linux/amd64", "/", "windows/amd64"] {
            let choice = chosen(&entries, wanted, rule);
            assert_eq!(choice.reasons.len(), entries.len());
            assert!(choice.order.iter().all(|&position| (position as usize) < entries.len()));
        }
        assert!(chosen(&[], "linux/amd64", rule).order.is_empty());
    }
}
