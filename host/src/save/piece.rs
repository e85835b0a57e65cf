//! A blob that is to be written, wherever its bytes are until then.

use std::io::Write;

use super::SaveError;
use super::content::Outgoing;
use super::origin::{Bytes, Origin};
use crate::digest::Digest;
use crate::load::Progress;
use crate::store::{Blob, Store, StoreError};
use crate::types::Descriptor;

/// Blobs that are held open from when they are found until they are written, so that a removal meanwhile
/// does not matter. More would need more handles than a process has.
pub(super) const HELD: usize = 256;

/// A blob to write.
pub(crate) struct Piece {
    pub(crate) target: Descriptor,
    pub(super) content: Content,
}

/// Where a blob's bytes are.
pub(super) enum Content {
    /// In the store; open, or to be opened.
    Stored(Option<Blob>),
    /// In a source.
    Elsewhere,
    /// In a temporary file.
    Spooled(std::fs::File),
    /// Where it is to be, already.
    Written,
}

impl Piece {
    /// Whether it is where it is to be, already.
    pub(crate) fn is_written(&self) -> bool {
        matches!(self.content, Content::Written)
    }

    /// Its bytes, unchecked.
    pub(crate) fn open(self, from: &Origin) -> Result<Bytes, SaveError> {
        match self.content {
            Content::Spooled(file) => Ok(Bytes::Elsewhere(Box::new(file), self.target.size)),
            Content::Stored(Some(blob)) => Ok(Bytes::Stored(blob)),
            Content::Stored(None) | Content::Elsewhere | Content::Written => from.open(&self.target),
        }
    }

    /// Copies it, verified.
    pub(super) fn copy(
        self,
        from: &Origin,
        outgoing: &Outgoing<'_>,
        output: &mut dyn Write,
        progress: &dyn Progress,
    ) -> Result<(), SaveError> {
        let target = self.target.clone();
        progress.started(&target);
        let advanced = |bytes| progress.advanced(&target, bytes);
        outgoing.copy(self.open(from)?, output, &advanced)?;
        progress.finished(&target, false);
        Ok(())
    }
}

/// A blob that was there when it was looked for.
pub(super) fn open(store: &Store, digest: &Digest) -> Result<Blob, SaveError> {
    store.open_blob(digest)?.ok_or_else(|| {
        StoreError::MissingContent { digest: digest.clone(), wanted_by: "an image being saved".into() }.into()
    })
}
