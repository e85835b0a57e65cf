//! What can go wrong with a layer.

use std::io;

use crate::digest::Digest;
use crate::layer::compression::CompressionError;
use crate::layer::index::IndexError;
use crate::layer::make::MakeError;
use crate::source::SourceError;
use crate::store::StoreError;
use crate::transport::tar_index::TarError;

/// A layer cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// There are not so many layers.
    #[error("wanted layer {wanted}, found {layers}, which are counted from 0")]
    NoSuchLayer {
        /// Counted from the base layer, 0.
        wanted: usize,
        /// How many there are.
        layers: usize,
    },
    /// Its content is not here.
    #[error("wanted the content of layer `{diff_id}`, which is not here")]
    NotHere {
        /// The layer.
        diff_id: Digest,
    },
    /// It is another than it should be.
    #[error("wanted content with digest `{wanted}`, found `{found}`")]
    Mismatch {
        /// The diff ID, or the digest of the blob.
        wanted: Digest,
        /// The digest of what is there.
        found: Digest,
    },
    /// A file in it is another than its index says.
    #[error("the content of `{path}` is not what the layer's index says")]
    Damaged {
        /// The file's path, escaped where it is no text.
        path: String,
    },
    /// An entry whose content is asked for has none.
    #[error("wanted a regular file, found something else: `{path}`")]
    NotAFile {
        /// The entry's path, escaped where it is no text.
        path: String,
    },
    /// It is no tar.
    #[error("the layer is no tar")]
    Tar(#[from] TarError),
    /// It cannot be decompressed.
    #[error("the layer cannot be decompressed")]
    Compression(#[from] CompressionError),
    /// Reading it failed.
    #[error("reading a layer failed")]
    Read {
        /// Why.
        #[from]
        source: io::Error,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its index cannot be made.
    #[error("making a layer's index failed")]
    Make(#[source] MakeError),
    /// Its index cannot be used: it changed, or what it is read from failed, after it was opened.
    #[error("a layer's index cannot be used")]
    Index(#[from] IndexError),
}
