//! Writes the documents of an image archive as a table for the component: what its `index.json` leads to, and is
//! there. `CONSIGN_IMAGES=FILE` bakes another OCI archive in, an uncompressed tar.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Bytes of a document at most; what is larger is a layer, which nobody resolves.
const DOCUMENT: u64 = 4 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CONSIGN_IMAGES");
    let archive = std::env::var_os("CONSIGN_IMAGES")
        .map_or_else(|| PathBuf::from("../../../tests/fixtures/attested.oci.tar"), PathBuf::from);
    println!("cargo:rerun-if-changed={}", archive.display());
    let (index, blobs) = read(&archive)?;

    let mut table = String::from("&[\n");
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut ahead: Vec<Value> = entries(&index).cloned().collect();
    for root in &ahead {
        let name = root["annotations"]["org.opencontainers.image.ref.name"].as_str();
        names.entry(text(root, "digest").to_owned()).or_default().extend(name.map(str::to_owned));
    }
    let mut documents: BTreeMap<String, String> = BTreeMap::new();
    while let Some(target) = ahead.pop() {
        let (digest, media_type) = (text(&target, "digest"), text(&target, "mediaType"));
        let Some(bytes) = blobs.get(digest) else { continue };
        // Layers are blobs as well, and no JSON.
        let Ok(document) = serde_json::from_slice::<Value>(bytes) else { continue };
        let config = document["config"]["digest"].as_str();
        let digests: BTreeSet<&str> = entries(&document).map(|entry| text(entry, "digest")).collect();
        let mut row = String::new();
        writeln!(row, "Document {{ media_type: {media_type:?}, digest: {digest:?}, bytes: &{bytes:?},")?;
        writeln!(
            row,
            "names: &{:?}, config: {config:?}, entries: &{:?} }},",
            names.get(digest).map(Vec::as_slice).unwrap_or_default(),
            Vec::from_iter(digests)
        )?;
        if documents.insert(digest.to_owned(), row).is_none() {
            ahead.extend(entries(&document).cloned());
            ahead.extend(config.map(|_| document["config"].clone()));
        }
    }
    table.extend(documents.into_values());
    table.push(']');
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("documents.rs"), table)?;
    Ok(())
}

/// Content by digest.
type Blobs = BTreeMap<String, Vec<u8>>;

/// The archive's `index.json`, and its small blobs.
fn read(archive: &Path) -> Result<(Value, Blobs), Box<dyn Error>> {
    let file = File::open(archive).map_err(|error| format!("`{}`: {error}", archive.display()))?;
    let (mut index, mut blobs) = (Value::Null, Blobs::new());
    for entry in tar::Archive::new(file).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        if entry.size() > DOCUMENT {
            continue;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        if path == "index.json" {
            index = serde_json::from_slice(&bytes)?;
        } else if let Some(digits) = path.strip_prefix("blobs/sha256/").filter(|digits| !digits.is_empty()) {
            let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            if digits != found {
                return Err(format!("wanted content with digest `{digits}`, found `{found}`").into());
            }
            blobs.insert(format!("sha256:{digits}"), bytes);
        }
    }
    Ok((index, blobs))
}

fn entries(document: &Value) -> impl Iterator<Item = &Value> {
    document["manifests"].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}
