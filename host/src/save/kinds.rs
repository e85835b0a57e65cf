//! Documents of OCI's kinds as Docker's, and the reverse. The config's bytes stay, and with them the image ID.
//!
//! | OCI | Docker |
//! | --- | --- |
//! | `vnd.oci.image.index.v1+json` | `vnd.docker.distribution.manifest.list.v2+json` |
//! | `vnd.oci.image.manifest.v1+json` | `vnd.docker.distribution.manifest.v2+json` |
//! | `vnd.oci.image.config.v1+json` | `vnd.docker.container.image.v1+json` |
//! | `vnd.oci.image.layer.v1.tar`, `+gzip` | `vnd.docker.image.rootfs.diff.tar`, `.gzip` |
//! | `vnd.oci.image.layer.nondistributable.v1.tar+gzip` | `vnd.docker.image.rootfs.foreign.diff.tar.gzip` |
//!
//! Docker's have no annotations, no subject and no zstd.

use std::str::FromStr;

use super::SaveError;
use crate::digest::Digest;
use crate::document::{DOCKER_CONFIG, OCI_CONFIG};
use crate::types::Descriptor;
use crate::types::manifests::{Index, Kind, Manifest};

/// Whose kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// OCI's.
    Oci,
    /// Docker's schema 2.
    Docker,
}

/// A string is no kind of documents.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("wanted `oci` or `v2s2`, found `{found}`")]
pub struct NotAKind {
    /// The string, cut to 200 characters.
    pub found: String,
}

impl FromStr for Kinds {
    type Err = NotAKind;

    /// Podman's and skopeo's words; `docker` means `v2s2`.
    fn from_str(text: &str) -> Result<Kinds, NotAKind> {
        match text {
            "oci" => Ok(Kinds::Oci),
            "v2s2" | "docker" => Ok(Kinds::Docker),
            _ => Err(NotAKind { found: text.chars().take(200).collect() }),
        }
    }
}

const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
const OCI_FOREIGN: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar";

/// An index of these kinds; its entries are as they were.
pub(super) fn index(index: &Index, kinds: Option<Kinds>) -> Index {
    match kinds {
        Some(Kinds::Oci) => Index { kind: Kind::OciIndex, ..index.clone() },
        Some(Kinds::Docker) if index.kind == Kind::OciIndex => Index {
            kind: Kind::DockerList,
            annotations: Vec::new(),
            artifact_type: None,
            subject: None,
            ..index.clone()
        },
        _ => index.clone(),
    }
}

/// A manifest of these kinds. `diff_ids` are those of its config.
///
/// # Errors
/// [`SaveError::Kinds`] where there is no such manifest.
pub(super) fn manifest(
    target: &Descriptor,
    manifest: Manifest,
    kinds: Option<Kinds>,
    diff_ids: &[Digest],
) -> Result<Manifest, SaveError> {
    let (kind, config, layer): (_, _, fn(&str, bool) -> Option<String>) = match (kinds, manifest.kind) {
        (Some(Kinds::Oci), Kind::DockerManifest) => {
            (Kind::OciManifest, (DOCKER_CONFIG, OCI_CONFIG), oci_layer)
        }
        (Some(Kinds::Docker), Kind::OciManifest) => {
            (Kind::DockerManifest, (OCI_CONFIG, DOCKER_CONFIG), docker_layer)
        }
        _ => return Ok(manifest),
    };
    let refused = |found: &str| -> Result<SaveError, SaveError> {
        Ok(SaveError::Kinds { manifest: target.digest.parse()?, found: found.to_owned() })
    };
    if manifest.config.media_type != config.0 {
        return Err(refused(&manifest.config.media_type)?);
    }
    let mut layers = Vec::with_capacity(manifest.layers.len());
    for (position, found) in manifest.layers.iter().enumerate() {
        let plain = diff_ids.get(position).is_some_and(|id| id.to_string() == found.digest);
        let Some(media_type) = layer(&found.media_type, plain) else {
            return Err(refused(&found.media_type)?);
        };
        let annotations = if kind == Kind::OciManifest { found.annotations.clone() } else { Vec::new() };
        layers.push(Descriptor { media_type, annotations, ..found.clone() });
    }
    let config = Descriptor { media_type: config.1.to_owned(), ..manifest.config };
    Ok(match kind {
        Kind::OciManifest => Manifest { kind, config, layers, ..manifest },
        _ => Manifest { kind, config, layers, annotations: Vec::new(), artifact_type: None, subject: None },
    })
}

fn oci_layer(media_type: &str, plain: bool) -> Option<String> {
    let (name, rest) = match media_type.strip_prefix(DOCKER_LAYER) {
        Some(rest) => (OCI_LAYER, rest),
        None => (OCI_FOREIGN, media_type.strip_prefix(DOCKER_FOREIGN)?),
    };
    match rest {
        // Docker's says gzip in any case, for archives whose layers are not.
        "" => Some(name.to_owned()),
        ".gzip" | ".zstd" if plain => Some(name.to_owned()),
        ".gzip" => Some(format!("{name}+gzip")),
        ".zstd" => Some(format!("{name}+zstd")),
        _ => None,
    }
}

fn docker_layer(media_type: &str, _plain: bool) -> Option<String> {
    let (name, rest) = match media_type.strip_prefix(OCI_LAYER) {
        Some(rest) => (DOCKER_LAYER, rest),
        None => (DOCKER_FOREIGN, media_type.strip_prefix(OCI_FOREIGN)?),
    };
    match rest {
        "" => Some(name.to_owned()),
        "+gzip" => Some(format!("{name}.gzip")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_called_what_they_are() {
        for (docker, oci) in [("", ""), (".gzip", "+gzip")] {
            let (docker, oci) = (format!("{DOCKER_LAYER}{docker}"), format!("{OCI_LAYER}{oci}"));
            assert_eq!(oci_layer(&docker, false), Some(oci.clone()));
            assert_eq!(docker_layer(&oci, false), Some(docker));
        }
        assert_eq!(oci_layer(&format!("{DOCKER_LAYER}.gzip"), true), Some(OCI_LAYER.to_owned()));
        assert_eq!(docker_layer(&format!("{OCI_LAYER}+zstd"), false), None);
        assert_eq!(docker_layer("application/wasm", false), None);
    }
}
