//! A component that implements `consign:image/content` over the documents of one image archive, which `build.rs`
//! puts into it.

/// Generated from the world `images`.
#[allow(missing_docs)]
mod wit {
    wit_bindgen::generate!({
        path: ["../../../wit", "wit"],
        world: "example:images/images",
        generate_all,
    });
}

use wit::exports::consign::image::content::Guest;
use wit::exports::consign::image::types::{ContentError, Descriptor, ImageName};

/// A document of the archive that something points at, as it is pointed at.
struct Document {
    media_type: &'static str,
    digest: &'static str,
    bytes: &'static [u8],
    /// Names that point at it, as `domain/path:tag`.
    names: &'static [&'static str],
    /// Of a manifest: its config's digest.
    config: Option<&'static str>,
    /// Of an index: the digests it lists.
    entries: &'static [&'static str],
}

/// Ascending by digest.
static DOCUMENTS: &[Document] = include!(concat!(env!("OUT_DIR"), "/documents.rs"));

impl Document {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.to_owned(),
            digest: self.digest.to_owned(),
            size: self.bytes.len() as u64,
            platform: None,
            annotations: Vec::new(),
            artifact_type: None,
        }
    }

    /// Whether a manifest has this as its config, which makes its digest an image ID.
    fn is_config(&self) -> bool {
        DOCUMENTS.iter().any(|manifest| manifest.config == Some(self.digest))
    }

    /// Whether this name points here: a tag by itself, a digest as one that is known under the repository.
    fn has_name(&self, name: &ImageName) -> bool {
        let repository = format!("{}/{}", name.domain, name.path);
        self.names.iter().any(|known| {
            let Some((path, tag)) = known.rsplit_once(':') else { return false };
            path == repository
                && match &name.digest {
                    Some(digest) => digest == self.digest,
                    None => name.tag.as_deref() == Some(tag),
                }
        })
    }
}

struct Component;

impl Guest for Component {
    fn find(name: ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(DOCUMENTS.iter().find(|document| document.has_name(&name)).map(Document::descriptor))
    }

    fn search(prefix: String) -> Result<Vec<Descriptor>, ContentError> {
        let prefix = if prefix.contains(':') { prefix } else { format!("sha256:{prefix}") };
        let (ids, others): (Vec<_>, Vec<_>) = DOCUMENTS
            .iter()
            .filter(|document| document.digest.starts_with(&prefix))
            .partition(|document| document.is_config());
        // A whole digest that is no image's ID finds the index or manifest that has it.
        let whole = others.into_iter().filter(|document| document.digest == prefix);
        let found: Vec<_> = if ids.is_empty() { whole.collect() } else { ids };
        Ok(found.into_iter().take(16).map(Document::descriptor).collect())
    }

    fn read(target: Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        match DOCUMENTS.iter().find(|document| document.digest == target.digest) {
            None => Ok(None),
            // The digest was checked when it was built in; the size is what whoever points here says.
            Some(document) if document.bytes.len() as u64 != target.size => {
                Err(ContentError::Corrupt(target.digest))
            }
            Some(document) => Ok(Some(document.bytes.to_vec())),
        }
    }

    fn indexes(config: String) -> Result<Vec<Descriptor>, ContentError> {
        let lists = |index: &&Document| {
            DOCUMENTS.iter().any(|manifest| {
                manifest.config == Some(config.as_str()) && index.entries.contains(&manifest.digest)
            })
        };
        Ok(DOCUMENTS.iter().filter(lists).take(64).map(Document::descriptor).collect())
    }

    fn manifests(config: String) -> Result<Vec<Descriptor>, ContentError> {
        let of = |manifest: &&Document| manifest.config == Some(config.as_str());
        Ok(DOCUMENTS.iter().filter(of).take(64).map(Document::descriptor).collect())
    }
}

wit::export!(Component with_types_in wit);
