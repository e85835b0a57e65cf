//! A component in a registry, in the layout that `wkg` and other WebAssembly tools have: a config of its own kind, and one
//! layer that is the component (CNCF, Wasm OCI Artifact layout).

use serde_json::{Map, Value, json};

use super::interfaces;
use crate::digest::Digest;
use crate::document::{OCI_MANIFEST, described};
use crate::push::{Place, PushError};
use crate::sandbox::Sandbox;
use crate::save::document::{bytes, manifest_bytes};
use crate::source::{Source, SourceError, read_document, read_limited};
use crate::types::Descriptor;
use crate::types::manifests::{Document, Kind, Manifest};

const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
const LAYER_TYPE: &str = "application/wasm";

const TITLE: &str = "org.opencontainers.image.title";

/// Bytes of a component that is read from a registry or a file: 64 MiB.
pub const COMPONENT_LIMIT: u64 = 64 << 20;

/// What is said of a component beside what it says itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The name of its file.
    pub title: String,
    /// RFC 3339.
    pub created: String,
    /// Who made it.
    pub author: Option<String>,
    /// Of the manifest, in this order.
    pub annotations: Vec<(String, String)>,
}

/// Pushes a component to a place in a registry; its manifest. `None`: the bytes are no component.
///
/// # Errors
///
/// A [`PushError`]; no tag means anything else than before then.
pub fn push(component: &[u8], about: &About, to: &Place) -> Result<Option<Descriptor>, PushError> {
    let Some(interfaces) = interfaces(component) else { return Ok(None) };
    let mut layer = described(LAYER_TYPE, &Digest::of(component), component.len() as u64);
    layer.annotations.push((TITLE.to_owned(), about.title.clone()));
    let mut config = Map::new();
    config.insert("created".into(), json!(about.created));
    if let Some(author) = &about.author {
        config.insert("author".into(), json!(author));
    }
    config.insert("architecture".into(), json!("wasm"));
    config.insert("os".into(), json!("wasip2"));
    config.insert("layerDigests".into(), json!([layer.digest]));
    let parts = json!({"exports": interfaces.exports, "imports": interfaces.imports});
    config.insert("component".into(), parts);
    let config_bytes = bytes(&Value::Object(config));
    let manifest = Manifest {
        kind: Kind::OciManifest,
        config: described(CONFIG_TYPE, &Digest::of(&config_bytes), config_bytes.len() as u64),
        layers: vec![layer],
        annotations: about.annotations.clone(),
        artifact_type: None,
        subject: None,
    };
    let manifest_bytes = manifest_bytes(&manifest, &manifest.layers);
    let pushed = described(OCI_MANIFEST, &Digest::of(&manifest_bytes), manifest_bytes.len() as u64);
    if let Some(wanted) = &to.digest
        && wanted.to_string() != pushed.digest
    {
        return Err(PushError::OtherDigest { wanted: wanted.clone(), found: pushed.digest.parse()? });
    }
    let repository = &to.repository;
    for (target, bytes) in [(&manifest.layers[0], component), (&manifest.config, &config_bytes)] {
        let digest: Digest = target.digest.parse()?;
        if repository.head_blob(&digest)?.is_none() {
            let put = || repository.put_blob(&digest, target.size, &mut &*bytes);
            repository.registry().persistently(put)?;
        }
    }
    let by_digest = [pushed.digest.clone()];
    for reference in if to.tags.is_empty() { &by_digest[..] } else { &to.tags } {
        repository.put_manifest(reference, OCI_MANIFEST, &manifest_bytes)?;
    }
    Ok(Some(pushed))
}

/// The component that a source holds, verified.
///
/// # Errors
///
/// [`SourceError::NotAnImage`] for what is no component, [`SourceError::TooLarge`] over 64 MiB; any other where it
/// cannot be had.
pub fn read(source: &dyn Source, sandbox: &Sandbox) -> Result<Vec<u8>, SourceError> {
    let wanted = "a WebAssembly component (a config of `application/vnd.wasm.config.v0+json`, one layer of `application/wasm`)";
    let other = |found: String| SourceError::NotAnImage { wanted, found };
    let Some(root) = source.roots().first() else { return Err(other("nothing".into())) };
    let target = &root.descriptor;
    let missing = |name: &str| SourceError::Missing {
        name: name.to_owned(),
        wanted_by: "the component".into(),
        cut_at: source.cut_at(),
    };
    let bytes = read_document(source, target)?.ok_or_else(|| missing(&target.digest))?;
    let manifest = match sandbox.parse_manifest(&bytes, Some(&target.media_type))? {
        Ok(Document::Manifest(manifest)) => manifest,
        Ok(Document::Index(_)) => return Err(other("an index".into())),
        Err(problem) => return Err(SourceError::Document { name: target.digest.clone(), problem }),
    };
    if manifest.config.media_type != CONFIG_TYPE {
        return Err(other(format!("a config of `{}`", manifest.config.media_type)));
    }
    let layer = match manifest.layers.as_slice() {
        [layer] if layer.media_type == LAYER_TYPE => layer,
        [layer] => return Err(other(format!("a layer of `{}`", layer.media_type))),
        several => return Err(other(format!("{} layers", several.len()))),
    };
    let digest: Digest = layer.digest.parse()?;
    if layer.size > COMPONENT_LIMIT {
        let name = layer.digest.clone();
        return Err(SourceError::TooLarge { name, size: layer.size, limit: COMPONENT_LIMIT });
    }
    let content = source.open(layer)?.ok_or_else(|| missing(&layer.digest))?;
    let bytes = read_limited(content, &layer.digest, COMPONENT_LIMIT)?;
    digest.check(&bytes)?;
    Ok(bytes)
}
