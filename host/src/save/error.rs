//! What can go wrong while saving.

use crate::digest::{Digest, NotADigest};
use crate::layer::compression::CompressionError;
use crate::policy::{PolicyError, SignaturesError, SigningError};
use crate::resolve::ResolveError;
use crate::sandbox::SandboxError;
use crate::source::SourceError;
use crate::store::StoreError;
use crate::types::manifests::ManifestError;

/// Images could not be saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There is no image, or none for the platform.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// The policy does not let it out of where it is.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Its signatures cannot be read.
    #[error(transparent)]
    Signatures(#[from] SignaturesError),
    /// It cannot be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// What was asked for would be another image than the one that is signed.
    #[error("`{manifest}` is signed, and would be another one then")]
    Signed {
        /// The index or manifest.
        manifest: Digest,
    },
    /// Writing failed; the disk may be full.
    #[error("writing `{path}` failed")]
    Write {
        /// What was being written, relative to the archive or directory.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Reading a blob from the store failed.
    #[error("reading `{digest}` from the store failed")]
    Read {
        /// The blob.
        digest: Digest,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A layer cannot be decompressed.
    #[error("the layer `{layer}` cannot be decompressed")]
    Layer {
        /// The layer.
        layer: Digest,
        /// Why.
        source: CompressionError,
    },
    /// A stored document cannot be read.
    #[error("`{digest}` cannot be read: {}", crate::resolve::document(.problem))]
    Document {
        /// The document.
        digest: Digest,
        /// What is wrong with it.
        problem: ManifestError,
    },
    /// A document that is needed is not as its pointer announced it.
    #[error("wanted {wanted} bytes for `{digest}`, found {found}")]
    SizeMismatch {
        /// The content.
        digest: Digest,
        /// Bytes announced.
        wanted: u64,
        /// Bytes stored.
        found: u64,
    },
    /// Nothing of the image is in the store, or not enough to save it.
    #[error("`{wanted}` is not complete in the store: {} missing", list(.absent))]
    Incomplete {
        /// The index or manifest that was to be saved.
        wanted: Digest,
        /// What is not there, in the order of the indexes; at least one.
        absent: Vec<Digest>,
    },
    /// What was asked for cannot be said in this format.
    #[error("{format} cannot hold {what}")]
    Unsupported {
        /// The format, as the command names it.
        format: &'static str,
        /// What it cannot hold.
        what: &'static str,
    },
    /// Compressing would have to change a manifest that has to stay as it is.
    #[error("the layers of `{manifest}` cannot be compressed: it has layers that are elsewhere, by URL")]
    Foreign {
        /// The manifest.
        manifest: Digest,
    },
    /// There is no such document of the other kind.
    #[error("`{manifest}` cannot be made one of the other kind: it has `{found}`")]
    Kinds {
        /// The manifest.
        manifest: Digest,
        /// The media type that has no counterpart.
        found: String,
    },
    /// Compression needs room for a temporary file, and there is none.
    #[error("compressing layers needs a directory for temporary files")]
    NoSpool,
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// A string is no digest.
    #[error(transparent)]
    NotADigest(#[from] NotADigest),
}

fn list(digests: &[Digest]) -> String {
    const SHOWN: usize = 3;
    let shown: Vec<String> = digests.iter().take(SHOWN).map(|digest| format!("`{digest}`")).collect();
    let verb = if digests.len() == 1 { "is" } else { "are" };
    match digests.len().saturating_sub(SHOWN) {
        0 => format!("{} {verb}", shown.join(", ")),
        more => format!("{} and {more} more are", shown.join(", ")),
    }
}
