//! The layers of an image in a store, and of one that is read where it is.

use std::sync::Arc;

use super::{Layers, Stream, UnpackError};
use crate::digest::Digest;
use crate::source::{Source, SourceError};
use crate::store::{LayerRecord, Store};
use crate::types::resolution::Layer;

/// Layers in a store. Of one that is stored in several forms that is taken which is least work.
pub struct StoredLayers<'a> {
    store: &'a Store,
    diff_ids: Vec<Digest>,
}

impl<'a> StoredLayers<'a> {
    /// The layers with these diff IDs, base layer first.
    pub fn new(store: &'a Store, diff_ids: Vec<Digest>) -> Self {
        StoredLayers { store, diff_ids }
    }
}

impl Layers for StoredLayers<'_> {
    fn diff_ids(&self) -> &[Digest] {
        &self.diff_ids
    }

    fn open(&self, layer: usize) -> Result<Stream, UnpackError> {
        let diff_id = &self.diff_ids[layer];
        let work = |record: &LayerRecord| {
            let form = match record.blob.media_type.as_str() {
                _ if record.blob.digest == record.diff_id => 0,
                media_type if media_type.ends_with("zstd") => 1,
                _ => 2,
            };
            (form, record.blob.size)
        };
        let mut records = self.store.layer_forms(diff_id)?;
        records.sort_by_key(work);
        for record in records {
            if let Some(blob) = self.store.open_blob(&record.blob.digest)? {
                let (digest, size) = (record.blob.digest, record.blob.size);
                return Ok(Stream { reader: Box::new(blob), size, digest });
            }
        }
        Err(UnpackError::Absent { layer, diff_id: diff_id.clone() })
    }
}

/// Layers of an image in an archive, a layout or a directory.
pub struct SourceLayers {
    source: Arc<dyn Source>,
    layers: Vec<Layer>,
    diff_ids: Vec<Digest>,
}

impl SourceLayers {
    /// The layers that a resolution came to, base layer first.
    ///
    /// # Errors
    /// [`SourceError`] where a diff ID is no digest.
    pub fn new(source: Arc<dyn Source>, layers: Vec<Layer>) -> Result<Self, SourceError> {
        let diff_ids = layers.iter().map(|layer| layer.diff_id.parse());
        let diff_ids = diff_ids.collect::<Result<_, _>>()?;
        Ok(SourceLayers { source, layers, diff_ids })
    }
}

impl Layers for SourceLayers {
    fn diff_ids(&self) -> &[Digest] {
        &self.diff_ids
    }

    fn open(&self, layer: usize) -> Result<Stream, UnpackError> {
        let absent = || UnpackError::Absent { layer, diff_id: self.diff_ids[layer].clone() };
        let blob = self.layers[layer].blob.as_ref().ok_or_else(absent)?;
        let blob = self.source.form(blob).unwrap_or(blob);
        let digest = blob.digest.parse().map_err(SourceError::from)?;
        let content = self.source.open(blob)?.ok_or_else(absent)?;
        Ok(Stream { reader: content.reader, size: blob.size, digest })
    }
}
