//! What can go wrong while loading.

use crate::digest::{Digest, NotADigest};
use crate::layer::compression::CompressionError;
use crate::policy::PolicyError;
use crate::sandbox::SandboxError;
use crate::source::SourceError;
use crate::store::StoreError;

/// A source could not be loaded. Nothing of it is in the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The source cannot be read, or is not what it says.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Writing a blob failed.
    #[error("writing `{digest}` to the store failed after {done} bytes")]
    Write {
        /// The blob.
        digest: Digest,
        /// Bytes written before.
        done: u64,
        /// Why.
        source: std::io::Error,
    },
    /// A layer cannot be decompressed.
    #[error("the layer `{layer}` of `{manifest}` cannot be decompressed")]
    Layer {
        /// The layer.
        layer: Digest,
        /// The manifest that lists it.
        manifest: Digest,
        /// Why.
        source: CompressionError,
    },
    /// A layer is not the one the image's config means.
    #[error("wanted diff ID `{wanted}` for the layer `{layer}` of `{manifest}`, found `{found}`")]
    DiffId {
        /// The layer.
        layer: Digest,
        /// The manifest that lists it.
        manifest: Digest,
        /// What the config has.
        wanted: Digest,
        /// The digest of the uncompressed layer, or what another image's config has for it.
        found: Digest,
    },
    /// No image is for a platform that is wanted.
    #[error("`{root}` has no image for the wanted platform; there is {}", list(.found))]
    NoPlatform {
        /// The digest of the first root that was passed over.
        root: String,
        /// `os/architecture/variant` of what there is, each once.
        found: Vec<String>,
    },
    /// A root was chosen that is not there.
    #[error("wanted the image at position {wanted}, found {found} images")]
    NoSuchRoot {
        /// The position, from 0.
        wanted: usize,
        /// How many roots there are.
        found: usize,
    },
    /// One name cannot be given to several images.
    #[error("wanted one image without a name, found {found}")]
    NameForSeveral {
        /// Images without a name.
        found: usize,
    },
    /// The policy does not let it in.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl From<NotADigest> for LoadError {
    fn from(problem: NotADigest) -> Self {
        LoadError::Source(problem.into())
    }
}

fn list(platforms: &[String]) -> String {
    platforms.iter().map(|platform| format!("`{platform}`")).collect::<Vec<_>>().join(", ")
}
