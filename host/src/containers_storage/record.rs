//! What the lists say of an image and of a layer, as far as it is needed here.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The document that an image's manifest is in; others that are manifests start with it.
pub(crate) const MANIFEST: &str = "manifest";

/// An image, as `images.json` has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Image {
    /// The digits of its config's digest, except for what was made under another ID.
    pub id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    /// The ID of its top layer; empty where it has none.
    #[serde(default)]
    pub(super) layer: String,
    #[serde(default, rename = "big-data-digests")]
    documents: Option<BTreeMap<String, String>>,
}

impl Image {
    /// Its names, as they were given.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().flatten().map(String::as_str)
    }

    /// The names of its documents, and their digests.
    pub fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        self.documents.iter().flatten().map(|(name, digest)| (name.as_str(), digest.as_str()))
    }

    /// Whether one of its manifests and indexes has this digest.
    pub(super) fn has_manifest(&self, digest: &str) -> bool {
        self.documents().any(|(name, known)| known == digest && name.starts_with(MANIFEST))
    }

    /// Whether it has a name in this repository, which is written with its registry.
    pub(super) fn is_of(&self, repository: &str) -> bool {
        let rest = |name: &'_ str| name.strip_prefix(repository).map(str::to_owned);
        self.names().filter_map(rest).any(|rest| rest.is_empty() || rest.starts_with([':', '@']))
    }
}

/// A layer, as `layers.json` has it.
#[derive(Debug, Clone, Deserialize)]
pub struct Layer {
    pub(super) id: String,
    /// The ID of the layer below; empty for a base layer.
    #[serde(default)]
    pub(super) parent: String,
    #[serde(default, rename = "diff-digest")]
    pub(super) diff_digest: String,
    #[serde(default, rename = "diff-size")]
    pub(super) diff_size: Option<i64>,
    #[serde(default)]
    flags: Option<BTreeMap<String, serde_json::Value>>,
}

impl Layer {
    pub(super) fn is_incomplete(&self) -> bool {
        let flag = self.flags.as_ref().and_then(|flags| flags.get("incomplete"));
        flag.is_some_and(|flag| *flag == serde_json::Value::Bool(true))
    }
}
