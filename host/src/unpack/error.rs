//! Why an image cannot be unpacked.

use std::io;

use super::report::Failure;
use crate::digest::Digest;
use crate::layer::compression::CompressionError;
use crate::source::SourceError;
use crate::store::StoreError;
use crate::transport::tar_index::TarError;

/// An image is not unpacked, or not as a whole. Layers are counted from the base layer, 0.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnpackError {
    /// The content of a layer is not here.
    #[error("wanted layer {layer} (diff ID `{diff_id}`), which is not here")]
    Absent {
        /// The layer.
        layer: usize,
        /// The digest of its uncompressed content.
        diff_id: Digest,
    },
    /// A blob's bytes are others than its digest says.
    #[error("layer {layer}: wanted content with the digest `{wanted}`, found `{found}`")]
    Digest {
        /// The layer.
        layer: usize,
        /// The digest of its content as it is stored.
        wanted: Digest,
        /// The digest of what was read.
        found: Digest,
    },
    /// A blob has another size than its descriptor says.
    #[error("layer {layer}: wanted {wanted} bytes, found {found}")]
    Size {
        /// The layer.
        layer: usize,
        /// Bytes it should have.
        wanted: u64,
        /// Bytes it has; one more than wanted where there are more.
        found: u64,
    },
    /// A layer is another one than the image config says.
    #[error("layer {layer}: wanted the diff ID `{wanted}`, found `{found}`")]
    DiffId {
        /// The layer.
        layer: usize,
        /// The digest its uncompressed content should have.
        wanted: Digest,
        /// The digest it has.
        found: Digest,
    },
    /// A layer cannot be decompressed.
    #[error("layer {layer}")]
    Compression {
        /// The layer.
        layer: usize,
        /// Why not.
        source: CompressionError,
    },
    /// A layer is no tar, or one that is not read.
    #[error("layer {layer}")]
    Layer {
        /// The layer.
        layer: usize,
        /// What is wrong with it.
        source: TarError,
    },
    /// A tar's headers are wrong.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// Reading a layer failed.
    #[error("layer {layer}: reading failed")]
    Read {
        /// The layer.
        layer: usize,
        /// Why.
        source: io::Error,
    },
    /// An entry cannot be written.
    #[error("layer {}: `{}`: {}", .0.layer, String::from_utf8_lossy(&.0.path), .0.error)]
    Entry(Failure),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The place the image is in cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The directory to unpack to cannot be opened.
    #[error("opening the directory failed")]
    Root {
        /// Why.
        source: io::Error,
    },
    /// The image is for another operating system than Linux.
    #[error("wanted an image for linux, found one for `{os}`")]
    NotLinux {
        /// What its config says.
        os: String,
    },
    /// The runtime bundle's document cannot be made or written.
    #[error("making `config.json`: {reason}")]
    Bundle {
        /// Why.
        reason: String,
    },
}
