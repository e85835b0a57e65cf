//! What can go wrong while importing.

use crate::digest::NotADigest;
use crate::layer::compression::CompressionError;
use crate::sandbox::SandboxError;
use crate::store::StoreError;
use crate::transport::tar_index::TarError;
use crate::types::manifests::ManifestError;

/// A tarball could not be imported. Nothing of it is in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is no tar, or is cut.
    #[error("wanted a tar of a root file system")]
    Tar {
        /// What is wrong with it, and where.
        #[from]
        source: TarError,
    },
    /// It cannot be decompressed.
    #[error("the tarball cannot be decompressed")]
    Compression {
        /// Why.
        #[from]
        source: CompressionError,
    },
    /// Reading it failed.
    #[error("reading the tarball failed after {done} bytes")]
    Read {
        /// Bytes read before.
        done: u64,
        /// Why.
        source: std::io::Error,
    },
    /// Writing the layer to the store failed.
    #[error("writing the layer to the store failed after {done} bytes")]
    Write {
        /// Bytes written before.
        done: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The time cannot be written.
    #[error("the time of creation cannot be written: {reason}")]
    Time {
        /// Why.
        reason: String,
    },
    /// The config made of the options is none.
    #[error("the image's config cannot be read: {}", crate::resolve::document(.problem))]
    Document {
        /// What is wrong with it.
        problem: ManifestError,
    },
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A string is no digest.
    #[error(transparent)]
    NotADigest(#[from] NotADigest),
}
