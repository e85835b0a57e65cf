//! Stored layers, undone: what a blob is as a layer.
//!
//! A layer's diff ID is found out as it comes in, or, where that was put off, when the layer is first read. Until
//! then the catalogue has only what the image's config says of it. The blob's own digest is verified at all times.

use std::io;
use std::sync::atomic::AtomicBool;

use super::error::catalog;
use super::{Blob, Keeping, LayerClaim, LayerRecord, Result, Store, StoreError, Target, layers};
use crate::digest::{Algorithm, Digest};
use crate::layer::compression::Expansion;
use crate::layer::make::Making;
use crate::layer::transfer::{Found, Hooks, Transfer, TransferError, Wanted};

/// Reads all of a blob, undoes its compression on the way, and has made what is made of the layer it is.
pub(crate) fn undo(
    blob: &mut Blob,
    digest: &Digest,
    diff_id: Algorithm,
    transfer: &mut Transfer,
    making: Option<Making<'_>>,
) -> Result<Found, TransferError> {
    let wanted = Wanted {
        size: blob.size(),
        algorithm: digest.algorithm(),
        diff_id: Some(diff_id),
        expansion: Expansion::default(),
    };
    let stop = AtomicBool::new(false);
    let hooks = Hooks { advanced: &|_| (), stop: &stop };
    transfer.run_making(blob, &mut io::sink(), &wanted, &hooks, making)
}

impl Store {
    /// The stored forms of the layer with this diff ID, the smallest first. Where none is verified, one is now, which
    /// reads all of it; that is recorded, and its index kept, if the store can be written to.
    ///
    /// # Errors
    /// [`StoreError::WrongLayer`] and [`StoreError::UnreadableLayer`] where what is here is not the layer it is said to
    /// be; any other where it cannot be read.
    pub fn layer_forms(&self, diff_id: &Digest) -> Result<Vec<LayerRecord>> {
        let forms = self.layers().blobs(diff_id)?;
        if !forms.is_empty() {
            return Ok(forms);
        }
        let mut failure = None;
        // An image may say of a blob what is not so; another's is not lost for that.
        for claim in self.layers().unverified(diff_id)? {
            match self.verify(&claim, &mut Transfer::default()) {
                Ok(Some(form)) => return Ok(vec![form]),
                Ok(None) => {}
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(Vec::new()), Err)
    }

    /// Finds out whether a blob is the layer it is said to be. `None`: it is not here.
    pub(super) fn verify(&self, claim: &LayerClaim, transfer: &mut Transfer) -> Result<Option<LayerRecord>> {
        let LayerClaim { diff_id, blob: Target { digest, .. } } = claim;
        let Some(mut blob) = self.open_blob(digest)? else { return Ok(None) };
        // Where nothing can be kept it is verified all the same.
        let mut keeping = if self.is_read_only() { None } else { self.keeping().ok() };
        let making = keeping.as_mut().map(|keeping| Making::new(keeping, self.scratch()));
        let found = undo(&mut blob, digest, diff_id.algorithm(), transfer, making);
        let found = found.map_err(|error| match error {
            TransferError::Read { source, .. } => {
                StoreError::Io { action: "reading", path: super::blob::path(digest), source }
            }
            _ => StoreError::Corrupt { digest: digest.clone() },
        })?;
        if found.digest != *digest {
            return Err(StoreError::Corrupt { digest: digest.clone() });
        }
        let undone = match found.uncompressed {
            Some(Ok(undone)) if undone.digest == *diff_id => undone,
            Some(Ok(undone)) => {
                let (blob, wanted) = (digest.clone(), diff_id.clone());
                return Err(StoreError::WrongLayer { blob, wanted, found: undone.digest });
            }
            Some(Err(source)) => return Err(StoreError::UnreadableLayer { blob: digest.clone(), source }),
            None => return Ok(None),
        };
        let record =
            LayerRecord { diff_id: diff_id.clone(), blob: claim.blob.clone(), unpacked_size: undone.size };
        if let Some(keeping) = keeping {
            // What cannot be kept is found out again the next time.
            drop(self.keep(&record, keeping, found.made.as_ref()));
        }
        Ok(Some(record))
    }

    /// Records a layer that turned out to be what it is said to be, and keeps what was made of it.
    fn keep(
        &self,
        record: &LayerRecord,
        keeping: Keeping,
        made: Option<&crate::layer::make::Made>,
    ) -> Result<()> {
        // The index first: what the catalogue has as verified is read by it.
        if let Some(made) = made {
            keeping.keep(&record.diff_id, &record.blob.digest, made)?;
        }
        self.write(|transaction| layers::insert_blob(transaction, record).map_err(catalog("writing")))
    }
}
