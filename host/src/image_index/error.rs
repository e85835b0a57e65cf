//! Why an index cannot be made or changed.

use crate::digest::Digest;
use crate::load::LoadError;
use crate::sandbox::SandboxError;
use crate::store::StoreError;
use crate::types::manifests::ManifestError;

/// An index was not made or changed. The name points where it did before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// The name points at something else.
    #[error("wanted an index, found an image: `{name}`")]
    NotAnIndex {
        /// The name.
        name: String,
    },
    /// What there is cannot be read, or what was made would not be.
    #[error("the index `{digest}` is not valid: {}", crate::resolve::document(.problem))]
    Document {
        /// Of the index.
        digest: Digest,
        /// What is wrong with it.
        problem: ManifestError,
    },
    /// There is no place for what was to be said: of annotations, artifact types and subjects in a Docker manifest list.
    #[error(
        "wanted what an index of this type has a place for, found annotations, a subject or an artifact type"
    )]
    Unwritable,
    /// Images for it could not be taken into the store.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}
