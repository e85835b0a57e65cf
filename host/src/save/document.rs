//! The documents that are made while saving, in the order of members and with the spacing that the Go
//! programs write.

use serde_json::{Map, Value, json};

use crate::document::{OCI_INDEX, descriptor, media_type, members};
use crate::resolve::name as full_name;
use crate::types::manifests::{Index, Kind, Manifest};
use crate::types::{Descriptor, ImageName};

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
    let mut document = Map::new();
    document.insert("schemaVersion".into(), json!(2));
    document.insert("mediaType".into(), json!(media_type(kind)));
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

/// The document as it is written.
pub(crate) fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
