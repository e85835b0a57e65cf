//! Layers of any entries, and images of them.

use consign::layer::entry::{Entry, Kind, Time};
use consign::layer::tar::Visitor;
use consign::layer::tar::write::Writer;
use serde_json::json;

use crate::archive::{Layout, digest, gzip};
use crate::place::Place;

/// An entry as text: `path=content` a file, `path/` a directory, `path -> target` a symbolic link, `path => target` a
/// hard one.
pub fn entry(text: &str) -> (Entry, Vec<u8>) {
    let mut entry = Entry { mode: 0o644, ..Entry::default() };
    entry.modified = Time { seconds: 1_600_000_000, nanoseconds: 0 };
    let mut content = Vec::new();
    let path = if let Some((path, target)) = text.split_once(" -> ") {
        (entry.kind, entry.mode) = (Kind::Symlink, 0o777);
        entry.link = target.into();
        path
    } else if let Some((path, target)) = text.split_once(" => ") {
        entry.kind = Kind::HardLink;
        entry.link = target.into();
        path
    } else if let Some((path, bytes)) = text.split_once('=') {
        content = bytes.into();
        path
    } else {
        (entry.kind, entry.mode) = (Kind::Directory, 0o755);
        text
    };
    entry.path = path.into();
    entry.size = content.len() as u64;
    (entry, content)
}

/// A layer's tar.
pub fn tar(entries: &[(Entry, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, content) in entries {
        writer.entry(entry, 0).unwrap();
        if !content.is_empty() {
            writer.content(content).unwrap();
        }
        writer.end().unwrap();
    }
    writer.finish().unwrap()
}

pub fn layer(entries: &[&str]) -> Vec<u8> {
    tar(&entries.iter().map(|text| entry(text)).collect::<Vec<_>>())
}

/// A layout of images by name, of these uncompressed layers; every second layer is compressed.
pub fn layout(images: &[(&str, &[Vec<u8>])]) -> Layout {
    let mut layout = Layout::default();
    for (name, layers) in images {
        let stored: Vec<Vec<u8>> = layers
            .iter()
            .enumerate()
            .map(|(at, layer)| if at % 2 == 1 { gzip(layer) } else { layer.clone() })
            .collect();
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
        let history: Vec<_> = (0..layers.len())
            .map(|at| json!({"created": "2020-01-01T00:00:00Z", "created_by": format!("step {at}")}))
            .collect();
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
            "history": history,
        });
        let manifest = layout.image_with(config.to_string().as_bytes(), &stored);
        layout.root(manifest, Some(name));
    }
    layout
}

/// A store with these images, and the archive they came in.
pub fn loaded(images: &[(&str, &[Vec<u8>])]) -> (Place, String) {
    let place = Place::new();
    let archive = place.file("images.tar", &layout(images).tar());
    place.run(&["load", "-q", &archive]).ok();
    (place, archive)
}
