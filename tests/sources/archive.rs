//! Archives by hand, right and wrong.

use std::collections::BTreeMap;
use std::io::Write;

use consign::digest::Digest;
use serde_json::{Value, json};

pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// A tar, written entry by entry.
#[derive(Default, Clone)]
pub struct Tar(Vec<u8>);

impl Tar {
    pub fn file(mut self, name: &str, bytes: &[u8]) -> Tar {
        self.entry(name, b'0', "", bytes);
        self
    }

    pub fn link(mut self, name: &str, kind: u8, target: &str) -> Tar {
        self.entry(name, kind, target, b"");
        self
    }

    pub fn json(self, name: &str, value: &Value) -> Tar {
        self.file(name, value.to_string().as_bytes())
    }

    /// Without the end marker.
    pub fn cut(self) -> Vec<u8> {
        self.0
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.resize(self.0.len() + 1024, 0);
        self.0
    }

    fn entry(&mut self, name: &str, kind: u8, target: &str, bytes: &[u8]) {
        let mut block = [0u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[100..108].copy_from_slice(b"0000644\0");
        block[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
        block[136..148].copy_from_slice(b"00000000000\0");
        block[156] = kind;
        block[157..157 + target.len()].copy_from_slice(target.as_bytes());
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].copy_from_slice(b"        ");
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0.extend_from_slice(&block);
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(512), 0);
    }
}

/// A layer with one file in it.
pub fn layer(content: &str) -> Vec<u8> {
    Tar::default().file("file", content.as_bytes()).end()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn digest(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}

pub fn hex(bytes: &[u8]) -> String {
    Digest::of(bytes).hex().to_owned()
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

pub fn config(architecture: &str, diff_ids: &[String]) -> Vec<u8> {
    json!({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}})
        .to_string()
        .into_bytes()
}

/// An OCI layout in the making.
#[derive(Default, Clone)]
pub struct Layout {
    /// By path below `blobs/`.
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub entries: Vec<Value>,
}

impl Layout {
    pub fn blob(&mut self, media_type: &str, bytes: &[u8]) -> Value {
        self.blobs.insert(format!("sha256/{}", hex(bytes)), bytes.to_vec());
        descriptor(media_type, bytes)
    }

    pub fn json(&mut self, media_type: &str, value: &Value) -> Value {
        self.blob(media_type, value.to_string().as_bytes())
    }

    /// An image of these layers, which are as they are stored, with these diff IDs.
    pub fn image(&mut self, architecture: &str, layers: &[Vec<u8>], diff_ids: &[String]) -> Value {
        self.image_with(&config(architecture, diff_ids), layers)
    }

    /// The same, with this config.
    pub fn image_with(&mut self, config: &[u8], layers: &[Vec<u8>]) -> Value {
        let config = self.blob(OCI_CONFIG, config);
        let layers: Vec<Value> = layers.iter().map(|layer| self.blob(OCI_LAYER, layer)).collect();
        let manifest =
            json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers});
        self.json(OCI_MANIFEST, &manifest)
    }

    /// An image of one layer that is as it should be.
    pub fn plain_image(&mut self, architecture: &str, content: &str) -> Value {
        let layer = layer(content);
        let diff_id = digest(&layer);
        self.image(architecture, &[layer], &[diff_id])
    }

    pub fn index(&mut self, entries: &[Value]) -> Value {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        self.json(OCI_INDEX, &index)
    }

    /// Lists an index or a manifest in `index.json`.
    pub fn root(&mut self, mut descriptor: Value, ref_name: Option<&str>) {
        if let Some(name) = ref_name {
            descriptor["annotations"] = json!({"org.opencontainers.image.ref.name": name});
        }
        self.entries.push(descriptor);
    }

    /// Takes a blob out again.
    pub fn remove(&mut self, descriptor: &Value) {
        self.blobs.remove(&path(descriptor)).unwrap();
    }

    /// Puts other bytes where a blob was.
    pub fn replace(&mut self, descriptor: &Value, bytes: &[u8]) {
        self.blobs.insert(path(descriptor), bytes.to_vec()).unwrap();
    }

    pub fn to_tar(&self) -> Tar {
        let mut tar = Tar::default().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
        for (path, bytes) in &self.blobs {
            tar = tar.file(&format!("blobs/{path}"), bytes);
        }
        tar.json("index.json", &json!({"schemaVersion": 2, "manifests": self.entries}))
    }

    pub fn tar(&self) -> Vec<u8> {
        self.to_tar().end()
    }
}

fn path(descriptor: &Value) -> String {
    descriptor["digest"].as_str().unwrap().replace(':', "/")
}

/// A docker archive of one image: its layers by file name, as they are stored, and their diff IDs.
pub fn docker_archive(tags: &[&str], layers: &[(&str, Vec<u8>)], diff_ids: &[String]) -> Tar {
    let config = config("amd64", diff_ids);
    let name = format!("{}.json", hex(&config));
    let mut tar = Tar::default();
    for (name, bytes) in layers {
        tar = tar.file(name, bytes);
    }
    let names: Vec<&str> = layers.iter().map(|(name, _)| *name).collect();
    let manifest = json!([{"Config": name, "RepoTags": tags, "Layers": names}]);
    tar.file(&name, &config).json("manifest.json", &manifest)
}
