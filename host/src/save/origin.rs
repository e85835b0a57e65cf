//! What images are taken from: a store, or a source that is read where it is.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use super::{Options, SaveError, Wanted, choice};
use crate::content::Content;
use crate::digest::Digest;
use crate::load::is_image;
use crate::resolve::resolve;
use crate::sandbox::Sandbox;
use crate::source::{Source, SourceContent, SourceError, read_document};
use crate::store::{Blob, Store};
use crate::types::manifests::{Document, Manifest};
use crate::types::resolution::{self, Resolved, Subject};
use crate::types::{Descriptor, Platform};

/// Where images are that are to be written elsewhere. Cheap to clone.
#[derive(Clone)]
pub enum Origin {
    /// In a store.
    Store(Store),
    /// In an archive, a directory or a registry.
    Source(Arc<SourceContent>),
}

/// An image's config.
pub(crate) struct Config {
    pub(crate) bytes: Vec<u8>,
    pub(crate) platform: Platform,
    /// Base layer first.
    pub(crate) diff_ids: Vec<Digest>,
}

/// The bytes of a blob, to be read once. Those of a store stay one of its files.
pub(crate) enum Bytes {
    Stored(Blob),
    Elsewhere(Box<dyn Read + Send>, u64),
}

impl Bytes {
    pub(crate) fn size(&self) -> u64 {
        match self {
            Bytes::Stored(blob) => blob.size(),
            Bytes::Elsewhere(_, size) => *size,
        }
    }
}

impl Read for Bytes {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Bytes::Stored(blob) => blob.read(buffer),
            Bytes::Elsewhere(reader, _) => reader.read(buffer),
        }
    }
}

impl From<&Store> for Origin {
    fn from(store: &Store) -> Origin {
        Origin::Store(store.clone())
    }
}

impl Origin {
    /// A source; the sandbox reads its documents.
    pub fn source(source: Arc<dyn Source>, sandbox: Arc<Sandbox>) -> Origin {
        Origin::Source(Arc::new(SourceContent::new(source, sandbox)))
    }

    /// The store, where it is one.
    pub fn store(&self) -> Option<&Store> {
        match self {
            Origin::Store(store) => Some(store),
            Origin::Source(_) => None,
        }
    }

    fn content(&self) -> Arc<dyn Content> {
        match self {
            Origin::Store(store) => Arc::new(store.clone()),
            Origin::Source(source) => source.clone(),
        }
    }

    /// Whether this is an index or a manifest that can be taken as it is. In a store an image may be known by its
    /// config alone.
    pub(super) fn has_document(&self, target: &Descriptor) -> Result<bool, SaveError> {
        match self {
            Origin::Store(store) => Ok(store.documents().get(&target.digest.parse()?)?.is_some()),
            Origin::Source(_) => Ok(true),
        }
    }

    /// The image that is meant.
    pub(super) fn choose(
        &self,
        sandbox: &Sandbox,
        wanted: &Wanted,
        choice: &resolution::Options,
    ) -> Result<Resolved, SaveError> {
        let subject = Subject::Target(wanted.target.clone());
        Ok(resolve(sandbox, self.content(), &subject, choice)?.image)
    }

    /// Whether this is an index.
    pub(super) fn is_index(&self, sandbox: &Sandbox, target: &Descriptor) -> Result<bool, SaveError> {
        let Some(bytes) = self.read(target)? else { return Ok(false) };
        Ok(matches!(parse(sandbox, target, &bytes)?, Document::Index(_)))
    }

    /// A document: its size is checked, its digest verified. `None`: it is not here.
    pub(super) fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, SaveError> {
        match self {
            Origin::Store(store) => choice::read(store, target),
            Origin::Source(source) => Ok(read_document(source.source(), target)?),
        }
    }

    /// Whether content is here, as long as it should be. Of a registry it is taken for granted: what is not there is
    /// missed when it is fetched.
    pub(super) fn contains(&self, target: &Descriptor) -> Result<bool, SaveError> {
        match self {
            Origin::Store(store) => {
                let digest: Digest = target.digest.parse()?;
                match store.contains(&digest)? {
                    Some(found) if found != target.size => {
                        Err(SaveError::SizeMismatch { digest, wanted: target.size, found })
                    }
                    found => Ok(found.is_some()),
                }
            }
            Origin::Source(source) if source.source().is_remote() => Ok(true),
            Origin::Source(source) => Ok(source.source().contains(target)?),
        }
    }

    /// A blob that was there when it was looked for.
    pub(crate) fn open(&self, target: &Descriptor) -> Result<Bytes, SaveError> {
        let bytes = match self {
            Origin::Store(store) => Bytes::Stored(super::piece::open(store, &target.digest.parse()?)?),
            Origin::Source(source) => {
                let content = source.source().open(target)?.ok_or_else(|| SourceError::Missing {
                    name: target.digest.clone(),
                    wanted_by: "an image being copied".into(),
                    cut_at: source.source().cut_at(),
                })?;
                Bytes::Elsewhere(content.reader, content.size)
            }
        };
        match bytes.size() {
            found if found == target.size => Ok(bytes),
            found => {
                Err(SaveError::SizeMismatch { digest: target.digest.parse()?, wanted: target.size, found })
            }
        }
    }

    /// The config of a manifest, where that is an image's. `None`: it is none, or it is not here.
    pub(super) fn config(&self, sandbox: &Sandbox, manifest: &Manifest) -> Result<Option<Config>, SaveError> {
        let digest: Digest = manifest.config.digest.parse()?;
        match self {
            Origin::Store(store) => {
                let Some(image) = store.images().get(&digest)? else { return Ok(None) };
                let Some(bytes) = self.read(&manifest.config)? else { return Ok(None) };
                Ok(Some(Config { bytes, platform: image.platform, diff_ids: image.diff_ids }))
            }
            Origin::Source(_) if !is_image(manifest) => Ok(None),
            Origin::Source(_) => {
                let Some(bytes) = self.read(&manifest.config)? else { return Ok(None) };
                let parsed = sandbox.parse_image_config(&bytes)?;
                let config = parsed.map_err(|problem| SaveError::Document { digest, problem })?;
                let diff_ids = config.diff_ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
                Ok(Some(Config { bytes, platform: config.platform, diff_ids }))
            }
        }
    }
}

/// The document that bytes are.
pub(super) fn parse(sandbox: &Sandbox, target: &Descriptor, bytes: &[u8]) -> Result<Document, SaveError> {
    let announced = Some(target.media_type.as_str()).filter(|media_type| !media_type.is_empty());
    let digest = target.digest.parse()?;
    sandbox.parse_manifest(bytes, announced)?.map_err(|problem| SaveError::Document { digest, problem })
}

/// The documents that lead to the image that is meant, itself among them. `None`: all there is is wanted.
///
/// # Errors
/// [`SaveError::Resolve`] where no image is meant.
pub fn leading_to(
    from: &Origin,
    sandbox: &Sandbox,
    wanted: &Wanted,
    options: &Options<'_>,
) -> Result<Option<BTreeSet<String>>, SaveError> {
    let chosen = options.choice.platform.is_some() || options.one;
    if !chosen || !from.is_index(sandbox, &wanted.target)? {
        return Ok(None);
    }
    let image = from.choose(sandbox, wanted, &options.choice)?;
    let documents = image.indexes.iter().chain(&image.manifest);
    Ok(Some(documents.map(|document| document.digest.clone()).collect()))
}
