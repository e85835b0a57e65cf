//! Image indexes and manifests: OCI's and Docker's schema 2 (image-spec, image-index.md, manifest.md;
//! distribution, "Image Manifest Version 2, Schema 2").
//!
//! One document must mean one thing to every reader (CVE-2021-41190): what was announced, what the
//! document calls itself and what members it has must agree, and a member that decides may not be
//! there twice, nor under a key that only readers that ignore letter case take for it.

pub(crate) mod descriptor;
mod kind;

pub use kind::media_type;

use crate::json::{self, Case, Reader, Result, missing, problem};
use crate::prelude::*;
use crate::types::Descriptor;
use crate::wit::exports::consign::image::manifests::{
    Document, Index, Kind, Manifest, ManifestError, ManifestProblem,
};
use descriptor::read_descriptor;
pub use kind::{is_document, is_manifest};

/// Bytes of an index or manifest (containers/image has the same bound).
pub const MAX_MANIFEST: usize = 4 << 20;
/// Manifests in an index.
pub const MAX_ENTRIES: usize = 10_000;
/// Layers of an image.
pub const MAX_LAYERS: usize = 10_000;
/// Annotations in one place.
pub const MAX_ANNOTATIONS: usize = 10_000;

const MEMBERS: [&str; 11] = [
    "schemaVersion",
    "mediaType",
    "manifests",
    "config",
    "layers",
    "artifactType",
    "subject",
    "annotations",
    "fsLayers",
    "history",
    "signatures",
];
const SCHEMA_VERSION: usize = 0;
const MEDIA_TYPE: usize = 1;
const MANIFESTS: usize = 2;
const CONFIG: usize = 3;
const LAYERS: usize = 4;
const FS_LAYERS: usize = 8;
const HISTORY: usize = 9;
const SIGNATURES: usize = 10;

/// Reads an index or a manifest. `announced` is the media type of what pointed to it: a descriptor's,
/// or the one a registry sent; one that says nothing (`application/json` and the like) is none.
///
/// Errors name the first thing found wrong. A document of a kind that is known and not read (schema 1,
/// an image config) is [`ManifestProblem::Unsupported`] by its media type.
pub fn parse(bytes: &[u8], announced: Option<&str>) -> core::result::Result<Document, ManifestError> {
    let announced = kind::announced(announced).map_err(|error| *error)?;
    let text = json::strict(bytes, "bytes", MAX_MANIFEST).map_err(|error| *error)?;
    read(text, announced).map_err(|error| match error.problem {
        // A member that is broken or out of place may be another kind's member of that name.
        ManifestProblem::Missing(_)
        | ManifestProblem::Invalid(_)
        | ManifestProblem::Ambiguous(_)
        | ManifestProblem::Unsupported(_) => kind::recognised(text).unwrap_or(*error),
        _ => *error,
    })
}

fn read(text: &str, announced: Option<Kind>) -> Result<Document> {
    let mut reader = Reader::new(text);
    let mut named: Option<String> = None;
    let mut entries = Vec::new();
    let mut config: Option<Descriptor> = None;
    let mut layers = Vec::new();
    let mut artifact_type = None;
    let mut subject = None;
    let mut annotations = Vec::new();
    let mut schema_version = None;
    let seen = reader.record(&MEMBERS, Case::Exact, |reader, member| {
        match MEMBERS[member] {
            "schemaVersion" => schema_version = Some((reader.offset(), reader.integer()?)),
            "mediaType" => named = Some(reader.string()?.into_owned()),
            "manifests" => {
                reader.array("manifests", MAX_ENTRIES, |reader| {
                    entries.push(read_descriptor(reader)?);
                    Ok(())
                })?;
            }
            "config" => config = Some(read_descriptor(reader)?),
            "layers" => {
                reader.array("layers", MAX_LAYERS, |reader| {
                    layers.push(read_descriptor(reader)?);
                    Ok(())
                })?;
            }
            "artifactType" => artifact_type = descriptor::filled(reader.string()?),
            "subject" => subject = Some(read_descriptor(reader)?),
            "annotations" => annotations = reader.string_map("annotations", MAX_ANNOTATIONS)?,
            _ => reader.skip()?,
        }
        Ok(())
    })?;
    reader.end()?;

    let members = kind::Members {
        manifests: seen.has(MANIFESTS),
        config: seen.has(CONFIG),
        layers: seen.has(LAYERS),
        schema1: [FS_LAYERS, HISTORY].into_iter().filter(|member| seen.has(*member)).collect(),
    };
    let version = schema_version.map(|(_, version)| version);
    let kind = kind::decide(announced, named.as_deref(), config.as_ref(), version, &members)?;
    match schema_version {
        Some((_, 2)) => {}
        Some((at, version)) => {
            return Err(json::invalid(at, MEMBERS[SCHEMA_VERSION], "`2`", format!("`{version}`")));
        }
        None => return Err(missing(0, MEMBERS[SCHEMA_VERSION])),
    }
    if matches!(kind, Kind::DockerList | Kind::DockerManifest) && announced.is_none() && named.is_none() {
        return Err(missing(0, MEMBERS[MEDIA_TYPE]));
    }
    match kind {
        Kind::OciIndex | Kind::DockerList => {
            if !members.manifests {
                return Err(missing(0, MEMBERS[MANIFESTS]));
            }
            Ok(Document::Index(Index { kind, entries, annotations, artifact_type, subject }))
        }
        Kind::OciManifest | Kind::DockerManifest => {
            let config = config.ok_or_else(|| missing(0, MEMBERS[CONFIG]))?;
            if !members.layers {
                return Err(missing(0, MEMBERS[LAYERS]));
            }
            Ok(Document::Manifest(Manifest { kind, config, layers, annotations, artifact_type, subject }))
        }
    }
}

/// The document can be read as two kinds.
fn ambiguous(members: String) -> Box<ManifestError> {
    problem(0, ManifestProblem::Ambiguous(members))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
