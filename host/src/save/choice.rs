//! What of an image is in the store: documents, forms of layers, a manifest where none came.

use super::SaveError;
use crate::digest::Digest;
use crate::sandbox::Sandbox;
use crate::store::{LayerRecord, Store, StoreError, Target};
use crate::types::Descriptor;
use crate::types::resolution::Resolved;

/// A document of the store: its size is checked, its digest verified. `None`: it is not here.
pub(super) fn read(store: &Store, target: &Descriptor) -> Result<Option<Vec<u8>>, SaveError> {
    let digest: Digest = target.digest.parse()?;
    let Some(bytes) = store.read(&digest, crate::store::DOCUMENT_LIMIT)? else { return Ok(None) };
    let found = bytes.len() as u64;
    if found == target.size {
        Ok(Some(bytes))
    } else {
        Err(SaveError::SizeMismatch { digest, wanted: target.size, found })
    }
}

/// The stored form of a layer that is the least work to undo: uncompressed if there is one, otherwise the
/// manifest's own, otherwise any. `None`: no form of it is here.
pub(super) fn stored_layer(
    store: &Store,
    diff_id: &Digest,
    listed: Option<&Descriptor>,
) -> Result<Option<Target>, SaveError> {
    let forms: Vec<LayerRecord> = store.layer_forms(diff_id)?;
    let listed = listed.map(Target::try_from).transpose()?;
    let plain = forms.iter().find(|form| form.blob.digest == *diff_id).map(|form| form.blob.clone());
    for form in plain.into_iter().chain(listed).chain(forms.into_iter().map(|form| form.blob)) {
        match store.contains(&form.digest)? {
            Some(size) if size == form.size => return Ok(Some(form)),
            Some(_) => return Err(StoreError::Corrupt { digest: form.digest }.into()),
            None => {}
        }
    }
    Ok(None)
}

/// The schema 2 manifest of an image of which only the config is known, over the stored forms of its layers.
pub(super) fn made_manifest(
    store: &Store,
    sandbox: &Sandbox,
    image: &Resolved,
) -> Result<Vec<u8>, SaveError> {
    let mut layers = Vec::with_capacity(image.layers.len());
    for layer in &image.layers {
        let diff_id: Digest = layer.diff_id.parse()?;
        match stored_layer(store, &diff_id, None)? {
            Some(form) => layers.push(Descriptor::from(&form)),
            None => {
                let wanted = image.config.digest.parse()?;
                return Err(SaveError::Incomplete { wanted, absent: vec![diff_id] });
            }
        }
    }
    Ok(sandbox.docker_manifest(&image.config, &layers)?)
}
