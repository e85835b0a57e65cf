//! Choosing from an index: which entries are to be tried for a wanted platform, in which order, and why
//! the others are not.
//!
//! The order is the peers', to the letter; the reasons are consign's own and never change the order.

mod docker;
mod first_match;
mod podman;

use crate::platform::Platform;
use crate::prelude::*;
use crate::types::Descriptor;
use crate::wit::exports::consign::image::platforms::Matcher;
use crate::wit::exports::consign::image::selection::{Choice, Criteria, Reason, Rule};

/// Set on entries that hold attestations about another entry (BuildKit).
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// What an entry of an index can be: an image manifest or another index, of OCI or of Docker.
const IMAGE_MEDIA_TYPES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Judges the entries of one index.
pub fn choose(entries: &[Descriptor], criteria: &Criteria) -> Choice {
    let wanted = &criteria.wanted;
    match criteria.rule {
        Rule::Docker => docker::first(entries, &Matcher::Only(wanted.clone()), criteria),
        Rule::DockerStrict => docker::first(entries, &Matcher::OnlyStrict(wanted.clone()), criteria),
        Rule::DockerPull => docker::pull(entries, criteria),
        Rule::Podman | Rule::PodmanZstd => podman::choose(entries, criteria, podman::Preferred::Zstd),
        Rule::PodmanGzip => podman::choose(entries, criteria, podman::Preferred::Gzip),
        Rule::FirstMatch => first_match::choose(entries, wanted),
    }
}

/// Puts a choice together: `candidates` are the positions that fit, best first, of which the first `tried` are
/// to be tried; `refusal` says why any other entry does not fit.
fn choice(
    entries: &[Descriptor],
    mut candidates: Vec<u32>,
    tried: usize,
    refusal: impl Fn(&Platform) -> Reason,
) -> Choice {
    let mut reasons: Vec<Reason> = entries
        .iter()
        .map(|entry| match &entry.platform {
            _ if is_attestation(entry) => Reason::Attestation,
            _ if !IMAGE_MEDIA_TYPES.contains(&entry.media_type.as_str()) => {
                Reason::NotAnImage(entry.media_type.clone())
            }
            None => Reason::NoPlatform,
            Some(platform) => refusal(platform),
        })
        .collect();
    if let Some(&best) = candidates.first() {
        for &position in &candidates {
            reasons[position as usize] =
                if position == best { Reason::Best } else { Reason::Outranked(best) };
        }
    }
    candidates.truncate(tried);
    Choice { order: candidates, reasons }
}

fn is_attestation(entry: &Descriptor) -> bool {
    entry
        .platform
        .as_ref()
        .is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown")
        || entry.annotations.iter().any(|(key, _)| key == REFERENCE_TYPE)
}

/// What an entry asks of the operating system that the wanted platform does not offer, in document order.
fn missing_features(offered: &[String], asked: &[String]) -> Vec<String> {
    asked.iter().filter(|feature| !offered.contains(feature)).cloned().collect()
}

/// Positions with their entries.
fn numbered(entries: &[Descriptor]) -> impl Iterator<Item = (u32, &Descriptor)> {
    (0..).zip(entries)
}

#[cfg(test)]
mod tests;
