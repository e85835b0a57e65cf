//! What the documents of OCI and Docker are made of, as they are written here: media types, descriptors, platforms.

use serde_json::{Map, Value, json};

use crate::digest::Digest;
use crate::types::manifests::{Document, Index, Kind};
use crate::types::{Descriptor, Platform};

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The media type of a document of this kind.
pub fn media_type(kind: Kind) -> &'static str {
    match kind {
        Kind::OciIndex => OCI_INDEX,
        Kind::OciManifest => OCI_MANIFEST,
        Kind::DockerList => DOCKER_LIST,
        Kind::DockerManifest => DOCKER_MANIFEST,
    }
}

/// A descriptor that says where content is, and no more.
pub(crate) fn described(media_type: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest.to_string(),
        size,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

/// An index without entries.
pub fn empty_index(kind: Kind) -> Index {
    Index { kind, entries: Vec::new(), annotations: Vec::new(), artifact_type: None, subject: None }
}

/// A descriptor as image-spec's descriptor.md has it, in the order in which Go programs write its members; absent ones
/// are left out.
pub fn descriptor(target: &Descriptor) -> Value {
    let mut document = Map::new();
    document.insert("mediaType".into(), json!(target.media_type));
    document.insert("digest".into(), json!(target.digest));
    document.insert("size".into(), json!(target.size));
    if !target.annotations.is_empty() {
        document.insert("annotations".into(), members(&target.annotations));
    }
    if let Some(stated) = &target.platform {
        document.insert("platform".into(), platform(stated));
    }
    if let Some(artifact_type) = &target.artifact_type {
        document.insert("artifactType".into(), json!(artifact_type));
    }
    Value::Object(document)
}

/// A platform as image-spec's image-index.md has it, in the same order; absent members are left out.
pub fn platform(platform: &Platform) -> Value {
    let mut document = Map::new();
    add_platform(&mut document, platform);
    Value::Object(document)
}

/// The members of a platform, which configs have among their own.
pub(crate) fn add_platform(document: &mut Map<String, Value>, platform: &Platform) {
    document.insert("architecture".into(), json!(platform.architecture));
    document.insert("os".into(), json!(platform.os));
    if let Some(version) = &platform.os_version {
        document.insert("os.version".into(), json!(version));
    }
    if !platform.os_features.is_empty() {
        document.insert("os.features".into(), json!(platform.os_features));
    }
    if let Some(variant) = &platform.variant {
        document.insert("variant".into(), json!(variant));
    }
}

/// How a document of this media type is listed among what refers to its subject (distribution-spec, "Listing Referrers"), and
/// that subject. A manifest that says no artifact type has its config's.
pub(crate) fn referring(
    document: Document,
    media_type: &str,
    digest: &Digest,
    size: u64,
) -> (Descriptor, Option<Descriptor>) {
    let (annotations, artifact_type, subject) = match document {
        Document::Manifest(manifest) => {
            let artifact_type = manifest.artifact_type.unwrap_or(manifest.config.media_type);
            (manifest.annotations, Some(artifact_type), manifest.subject)
        }
        Document::Index(index) => (index.annotations, index.artifact_type, index.subject),
    };
    (Descriptor { annotations, artifact_type, ..described(media_type, digest, size) }, subject)
}

/// Texts by their names, as annotations are.
pub(crate) fn members(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(key, value)| (key.clone(), json!(value))).collect())
}
