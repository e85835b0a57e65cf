//! Which kind of document it is.

use super::{CONFIG, FS_LAYERS, HISTORY, LAYERS, MANIFESTS, MEMBERS, SIGNATURES, ambiguous};
use crate::json::{Reader, Result, problem, shown};
use crate::prelude::*;
use crate::types::Descriptor;
use crate::wit::exports::consign::image::manifests::{Kind, ManifestError, ManifestProblem};

const KINDS: [(Kind, &str); 4] = [
    (Kind::OciIndex, "application/vnd.oci.image.index.v1+json"),
    (Kind::DockerList, "application/vnd.docker.distribution.manifest.list.v2+json"),
    (Kind::OciManifest, "application/vnd.oci.image.manifest.v1+json"),
    (Kind::DockerManifest, "application/vnd.docker.distribution.manifest.v2+json"),
];
const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const SCHEMA_1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// What servers call a document whose kind they do not know; it announces nothing.
const SAYS_NOTHING: [&str; 5] =
    ["", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream"];

/// The media type of a kind.
pub fn media_type(kind: Kind) -> &'static str {
    KINDS.iter().find(|(other, _)| *other == kind).map_or("", |(_, media_type)| media_type)
}

fn of_media_type(media_type: &str) -> Option<Kind> {
    KINDS.iter().find(|(_, other)| *other == media_type).map(|(kind, _)| *kind)
}

/// Which of the members that tell kinds apart are there, be it as `null`.
pub(super) struct Members {
    pub(super) manifests: bool,
    pub(super) config: bool,
    pub(super) layers: bool,
    /// Positions of those only schema 1 has.
    pub(super) schema1: Vec<usize>,
}

/// The kind that was announced, if any was. Parameters (`; charset=utf-8`) and letter case do not
/// count (RFC 9110, section 8.3.1).
pub(super) fn announced(media_type: Option<&str>) -> Result<Option<Kind>> {
    let bare = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let bare = bare.to_ascii_lowercase();
    if SAYS_NOTHING.contains(&bare.as_str()) {
        return Ok(None);
    }
    of_media_type(&bare).map(Some).ok_or_else(|| unsupported(&bare))
}

/// The document's kind, if everything that speaks of it agrees.
pub(super) fn decide(
    announced: Option<Kind>,
    named: Option<&str>,
    config: Option<&Descriptor>,
    schema_version: Option<i64>,
    members: &Members,
) -> Result<Kind> {
    let named = match named {
        None | Some("") => None,
        Some(named) => Some(of_media_type(named).ok_or_else(|| unsupported(named))?),
    };
    let schema2 = [(members.manifests, MANIFESTS), (members.config, CONFIG), (members.layers, LAYERS)];
    let schema2 = schema2.into_iter().filter(|(there, _)| *there).map(|(_, member)| member);
    let mut both: Vec<usize> = schema2.collect();
    if let Some(first) = members.schema1.first() {
        if both.is_empty() && schema_version != Some(2) {
            // An image config has a history too.
            return Err(unsupported(if *first == HISTORY { OCI_CONFIG } else { SCHEMA_1 }));
        }
        both.push(*first);
        return Err(ambiguous(list(&both)));
    }
    if schema_version == Some(1) && both.is_empty() {
        return Err(unsupported(SCHEMA_1));
    }
    if members.manifests && both.len() > 1 {
        return Err(ambiguous(list(&both)));
    }
    if let (Some(announced), Some(named)) = (announced, named)
        && announced != named
    {
        return Err(mismatch(announced, named));
    }
    let docker_config = || config.is_some_and(|config| config.media_type == DOCKER_CONFIG);
    let by_members = match (members.manifests, members.config || members.layers) {
        (true, _) => Some(Kind::OciIndex),
        (false, true) if docker_config() => Some(Kind::DockerManifest),
        (false, true) => Some(Kind::OciManifest),
        (false, false) => None,
    };
    let Some(kind) = announced.or(named) else {
        return by_members.ok_or_else(|| unsupported("a document without `manifests` and `config`"));
    };
    let is_index = |kind| matches!(kind, Kind::OciIndex | Kind::DockerList);
    match by_members {
        Some(by_members) if is_index(by_members) != is_index(kind) => Err(mismatch(kind, by_members)),
        _ => Ok(kind),
    }
}

/// The kind of a document that could not be read as an index or manifest, where it is another kind
/// that is known.
pub(super) fn recognised(text: &str) -> Option<ManifestError> {
    const OTHERS: [&str; 4] = ["rootfs", "architecture", "os", "blobs"];
    let mut keys = [false; MEMBERS.len()];
    let mut others = [false; OTHERS.len()];
    let mut reader = Reader::new(text);
    let read = reader.object(|reader, key, _| {
        if let Some(member) = MEMBERS.iter().position(|name| *name == key) {
            keys[member] = true;
        }
        if let Some(member) = OTHERS.iter().position(|name| *name == key) {
            others[member] = true;
        }
        reader.skip()
    });
    read.ok()?;
    let [rootfs, architecture, os, blobs] = others;
    let schema2 = keys[MANIFESTS] || keys[LAYERS];
    let found = if keys[FS_LAYERS] && !schema2 && !keys[CONFIG] {
        if keys[SIGNATURES] { SCHEMA_1_SIGNED } else { SCHEMA_1 }
    } else if (rootfs || architecture && os) && !schema2 {
        OCI_CONFIG
    } else if blobs && !schema2 && !keys[CONFIG] {
        "application/vnd.oci.artifact.manifest.v1+json"
    } else {
        return None;
    };
    Some(*unsupported(found))
}

fn list(members: &[usize]) -> String {
    let names: Vec<String> = members.iter().map(|member| format!("`{}`", MEMBERS[*member])).collect();
    names.join(" and ")
}

fn unsupported(media_type: &str) -> Box<ManifestError> {
    problem(0, ManifestProblem::Unsupported(shown(media_type)))
}

fn mismatch(wanted: Kind, found: Kind) -> Box<ManifestError> {
    let both = (media_type(wanted).into(), media_type(found).into());
    problem(0, ManifestProblem::MediaTypeMismatch(both))
}

/// Whether this media type is an image manifest's or an index's, of OCI or of Docker, schema 2.
pub fn is_document(media_type: &str) -> bool {
    of_media_type(media_type).is_some()
}

/// Whether this media type is an image manifest's, of OCI or of Docker, schema 2.
pub fn is_manifest(media_type: &str) -> bool {
    matches!(of_media_type(media_type), Some(Kind::OciManifest | Kind::DockerManifest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_that_says_nothing_is_none() {
        for nothing in ["", "application/json", "Application/JSON; charset=utf-8", "text/plain"] {
            assert_eq!(announced(Some(nothing)).unwrap(), None);
        }
        assert_eq!(announced(None).unwrap(), None);
        for (kind, media_type) in KINDS {
            assert_eq!(announced(Some(media_type)).unwrap(), Some(kind));
            assert_eq!(announced(Some(&format!("{media_type} ; x=y"))).unwrap(), Some(kind));
        }
        for other in [OCI_CONFIG, SCHEMA_1, SCHEMA_1_SIGNED, "text/html"] {
            let error = announced(Some(other)).unwrap_err();
            assert_eq!(error.problem, ManifestProblem::Unsupported(other.into()));
        }
    }
}
