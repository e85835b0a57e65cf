//! The documents that are made while saving, in the order of members and with the spacing that the Go
//! programs write.

use serde_json::{Map, Value, json};

use crate::resolve::name as full_name;
use crate::types::manifests::{Index, Kind, Manifest};
use crate::types::{Descriptor, ImageName, Platform};

pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The layout's version.
pub(super) const LAYOUT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;

/// What `index.json` says of one root: itself under each of its names. Podman takes the name from one annotation,
/// containerd and Docker from the other. `ref_name`: it has this one alone, which may be any text.
pub(super) fn layout_entries(
    root: &Descriptor,
    names: &[ImageName],
    ref_name: Option<&str>,
) -> Vec<Descriptor> {
    let annotated = |annotations| Descriptor { annotations, ..root.clone() };
    match (ref_name, names) {
        (Some(text), _) => vec![annotated(vec![(REF_NAME.to_owned(), text.to_owned())])],
        (None, []) => vec![root.clone()],
        (None, names) => {
            let entry = |name: &ImageName| {
                let name = full_name(name);
                annotated(vec![(CONTAINERD_NAME.to_owned(), name.clone()), (REF_NAME.to_owned(), name)])
            };
            names.iter().map(entry).collect()
        }
    }
}

/// `index.json` of a new layout.
pub(super) fn layout_index<'a>(
    roots: impl Iterator<Item = (&'a Descriptor, &'a [ImageName], Option<&'a str>)>,
) -> Vec<u8> {
    let entries = roots.flat_map(|(root, names, ref_name)| layout_entries(root, names, ref_name));
    let mut entries: Vec<Value> = entries.map(|entry| descriptor(&entry)).collect();
    let mut seen = Vec::new();
    // Asked for twice, it is listed once.
    entries.retain(|entry| {
        let new = !seen.contains(entry);
        if new {
            seen.push(entry.clone());
        }
        new
    });
    bytes(&json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}))
}

/// The index with these entries in place of its own.
pub(crate) fn index_bytes(index: &Index, entries: &[Descriptor]) -> Vec<u8> {
    let mut document = start(index.kind);
    if let Some(artifact_type) = &index.artifact_type {
        document.insert("artifactType".into(), json!(artifact_type));
    }
    document.insert("manifests".into(), entries.iter().map(descriptor).collect());
    finish(document, index.subject.as_ref(), &index.annotations)
}

/// The manifest with these layers in place of its own.
pub(crate) fn manifest_bytes(manifest: &Manifest, layers: &[Descriptor]) -> Vec<u8> {
    let mut document = start(manifest.kind);
    if let Some(artifact_type) = &manifest.artifact_type {
        document.insert("artifactType".into(), json!(artifact_type));
    }
    document.insert("config".into(), descriptor(&manifest.config));
    document.insert("layers".into(), layers.iter().map(descriptor).collect());
    finish(document, manifest.subject.as_ref(), &manifest.annotations)
}

fn start(kind: Kind) -> Map<String, Value> {
    let media_type = match kind {
        Kind::OciIndex => OCI_INDEX,
        Kind::DockerList => "application/vnd.docker.distribution.manifest.list.v2+json",
        Kind::OciManifest => "application/vnd.oci.image.manifest.v1+json",
        Kind::DockerManifest => "application/vnd.docker.distribution.manifest.v2+json",
    };
    let mut document = Map::new();
    document.insert("schemaVersion".into(), json!(2));
    document.insert("mediaType".into(), json!(media_type));
    document
}

fn finish(
    mut document: Map<String, Value>,
    subject: Option<&Descriptor>,
    annotations: &[(String, String)],
) -> Vec<u8> {
    if let Some(subject) = subject {
        document.insert("subject".into(), descriptor(subject));
    }
    if !annotations.is_empty() {
        document.insert("annotations".into(), members(annotations));
    }
    bytes(&Value::Object(document))
}

fn descriptor(target: &Descriptor) -> Value {
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

fn platform(platform: &Platform) -> Value {
    let mut document = Map::new();
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
    Value::Object(document)
}

fn members(pairs: &[(String, String)]) -> Value {
    Value::Object(pairs.iter().map(|(key, value)| (key.clone(), json!(value))).collect())
}

/// The document as it is written.
pub(crate) fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
