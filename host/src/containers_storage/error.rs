//! What can go wrong while reading a storage.

use std::io;

/// A storage cannot be read, or what it holds is not what it says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// Reading failed.
    #[error("reading `{path}` failed")]
    Read {
        /// The file or directory.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// storage.conf cannot be gone by.
    #[error("`{file}`, line {line}: {reason}")]
    Conf {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// For people.
        reason: String,
    },
    /// A list is not what it should be.
    #[error("`{path}` is no list of a containers storage")]
    List {
        /// The file.
        path: String,
        /// What is wrong, and where.
        source: serde_json::Error,
    },
    /// More bytes than are read.
    #[error("wanted at most {limit} bytes of `{path}`, found more")]
    TooLarge {
        /// The file.
        path: String,
        /// Bytes allowed.
        limit: u64,
    },
    /// A layer that an image needs is not there.
    #[error("the layer `{layer}` is missing, which the image `{image}` needs")]
    NoLayer {
        /// The layer's ID in the storage.
        layer: String,
        /// The image's ID.
        image: String,
    },
    /// An image is of very many layers, or its layers go in a circle.
    #[error("wanted at most {limit} layers of the image `{image}`")]
    TooManyLayers {
        /// The image's ID.
        image: String,
        /// How many there may be.
        limit: usize,
    },
    /// A layer is being written, or whoever wrote it was interrupted.
    #[error("the layer `{layer}` is not complete")]
    Unfinished {
        /// The layer's ID in the storage.
        layer: String,
    },
    /// Something was not recorded of a layer, without which it cannot be told whether it is as it was.
    #[error("the storage has no {what} of the layer `{layer}`")]
    Unknown {
        /// The layer's ID in the storage.
        layer: String,
        /// What is not there.
        what: &'static str,
    },
    /// An image has another number of layers than its manifest names.
    #[error("the manifest `{manifest}` has {wanted} layers, the storage has {found} of them")]
    LayerCount {
        /// The manifest's digest.
        manifest: String,
        /// Layers of the manifest.
        wanted: usize,
        /// Layers in the storage.
        found: usize,
    },
    /// A document is not as it was recorded.
    #[error("the image `{image}` has no `{name}`")]
    NoDocument {
        /// The image's ID.
        image: String,
        /// The document.
        name: String,
    },
}
