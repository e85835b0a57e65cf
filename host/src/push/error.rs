//! What can go wrong while pushing.

use crate::digest::{Digest, NotADigest};
use crate::policy::SignaturesError;
use crate::registry::RegistryError;
use crate::save::SaveError;
use crate::store::StoreError;

/// An image was not pushed. What was sent of it has no name; the registry clears it away some day, or the next push finds
/// it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// It cannot be read, or not be made what it is to be.
    #[error(transparent)]
    Read(#[from] SaveError),
    /// The registry does not take it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// Its signatures cannot be put where they belong.
    #[error(transparent)]
    Signatures(#[from] SignaturesError),
    /// The store cannot be written to; the image was pushed.
    #[error("recording the push failed")]
    Record(#[from] StoreError),
    /// It would have another digest there than the one it is to have.
    #[error("wanted to push `{wanted}`, found `{found}`")]
    OtherDigest {
        /// The digest it is to have.
        wanted: Digest,
        /// The digest it would have.
        found: Digest,
    },
    /// There is nothing that could be pushed.
    #[error("there is nothing to push")]
    Nothing,
    /// Another blob failed.
    #[error("stopped")]
    Stopped,
    /// A string is no digest.
    #[error(transparent)]
    NotADigest(#[from] NotADigest),
}
