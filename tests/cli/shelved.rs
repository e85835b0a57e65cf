//! Images in a registry of the tests.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::archive::{Layout, OCI_INDEX, digest, gzip, layer};
use crate::server::{Server, Shelf, registry};

/// A registry with images in it, and what it has.
pub struct Shelved {
    pub shelf: Arc<Mutex<Shelf>>,
    pub server: Server,
}

impl Shelved {
    pub fn new() -> Shelved {
        let shelf = Shelf::new();
        let server = registry(&shelf);
        Shelved { shelf, server }
    }

    /// What a repository of it is called, with this after it.
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.server.name())
    }

    /// Puts in all of a layout, and what `descriptor` means under a tag.
    pub fn put(&self, layout: &Layout, tag: &str, descriptor: &Value) {
        put(&mut self.shelf.lock().unwrap(), layout, tag, descriptor);
    }
}

pub fn put(shelf: &mut Shelf, layout: &Layout, tag: &str, descriptor: &Value) {
    for bytes in layout.blobs.values() {
        shelf.blob(bytes);
        let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
        if let Some(media_type) = document["mediaType"].as_str() {
            let tag = Some(tag).filter(|_| digest(bytes) == descriptor["digest"]);
            shelf.manifest(tag, media_type, bytes);
        }
    }
}

/// Bytes that do not compress.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// An image of two small layers and a label, as this machine runs it.
pub fn small(layout: &mut Layout, content: &str) -> Value {
    let plain = [layer(content), layer(&format!("{content} more"))];
    let diff_ids: Vec<String> = plain.iter().map(|layer| digest(layer)).collect();
    let config = json!({
        "architecture": machine(), "os": "linux", "config": {"Labels": {"stage": content}},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    layout.image_with(config.to_string().as_bytes(), &plain.map(|layer| gzip(&layer)))
}

/// An index of images for several platforms, one of them this machine's.
pub fn index(layout: &mut Layout) -> Value {
    let mut entries = Vec::new();
    for architecture in [machine(), "riscv64", "s390x"] {
        let content = layer(&format!("for {architecture}"));
        let mut entry = layout.image(architecture, &[gzip(&content)], &[digest(&content)]);
        entry["platform"] = json!({"os": "linux", "architecture": architecture});
        entries.push(entry);
    }
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
    layout.json(OCI_INDEX, &index)
}

/// Go's name for this machine's architecture.
pub fn machine() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
