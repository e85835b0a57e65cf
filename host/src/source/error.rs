//! What can go wrong while reading from a source.

use std::io;

use crate::containers_storage::StorageError;
use crate::digest::{Digest, DigestMismatch, NotADigest};
use crate::docker_daemon::DaemonError;
use crate::layer::compression::CompressionError;
use crate::registry::RegistryError;
use crate::sandbox::SandboxError;
use crate::transport::tar_index::TarError;
use crate::types::manifests::ManifestError;

/// A source cannot be read, or what it holds is not what it says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The tar is damaged, or not fit to be an image archive.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// The archive as a whole is compressed in a way that cannot be undone.
    #[error("the archive cannot be decompressed")]
    Compression {
        /// Why.
        #[from]
        source: CompressionError,
    },
    /// A layer is compressed in a way that cannot be undone, or broken.
    #[error("the layer `{name}` cannot be decompressed")]
    Layer {
        /// The layer's file.
        name: String,
        /// Why.
        source: CompressionError,
    },
    /// The archive is compressed and there is no place to put it uncompressed.
    #[error("the archive is compressed or not seekable, and there is no directory for a temporary file")]
    NoSpool,
    /// Writing the temporary file failed.
    #[error("writing the uncompressed archive to a temporary file failed")]
    Spool {
        /// Why.
        source: io::Error,
    },
    /// Something that is not an image archive or directory.
    #[error("wanted {wanted}, found {found}")]
    NotAnImage {
        /// The kind of source that was asked for.
        wanted: &'static str,
        /// What is there instead.
        found: String,
    },
    /// A part that must be there is not.
    #[error("`{name}` is missing, which {wanted_by} needs{}", cut(.cut_at))]
    Missing {
        /// The file or content.
        name: String,
        /// What needs it.
        wanted_by: String,
        /// Where the archive ends, when it ends without its end marker.
        cut_at: Option<u64>,
    },
    /// A document is not what it should be.
    #[error("`{name}` is not valid: {}", crate::resolve::document(.problem))]
    Document {
        /// The file or digest.
        name: String,
        /// What the component found.
        problem: ManifestError,
    },
    /// More bytes than are read in one piece.
    #[error("wanted at most {limit} bytes of `{name}`, found {size}")]
    TooLarge {
        /// The file or digest.
        name: String,
        /// Bytes announced or found.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// Too many of something.
    #[error("wanted at most {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
    /// A string where a digest belongs is none.
    #[error("`{name}` is no digest: {problem}")]
    NotADigest {
        /// Where it was found.
        name: String,
        /// What it should have been.
        problem: NotADigest,
    },
    /// Content is not as long as announced.
    #[error("wanted {wanted} bytes for `{digest}`, found {found}")]
    SizeMismatch {
        /// The content.
        digest: Digest,
        /// Bytes announced.
        wanted: u64,
        /// Bytes found.
        found: u64,
    },
    /// Content is another than announced.
    #[error(transparent)]
    DigestMismatch(#[from] DigestMismatch),
    /// A config and a manifest disagree about how many layers there are.
    #[error("`{name}` has {layers} layers, its config has {diff_ids} diff IDs")]
    LayerCount {
        /// The image.
        name: String,
        /// Layers of the manifest.
        layers: usize,
        /// Diff IDs of the config.
        diff_ids: usize,
    },
    /// A name in the source is no reference.
    #[error("`{name}` is no image name: at byte {offset} wanted {expected}")]
    BadName {
        /// As written.
        name: String,
        /// Where it stops being one.
        offset: u32,
        /// What could have stood there.
        expected: String,
    },
    /// No image of that name or position.
    #[error("wanted `{wanted}`, found {}", list(.known))]
    NoSuchImage {
        /// What was asked for.
        wanted: String,
        /// Names there are, at most 16.
        known: Vec<String>,
    },
    /// There is more than one image and none was named.
    #[error("wanted the name of one image, found {}", list(.known))]
    SeveralImages {
        /// Names there are, at most 16.
        known: Vec<String>,
    },
    /// Reading failed.
    #[error("reading `{name}` failed")]
    Read {
        /// The file or content.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// A containers-storage cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The Docker daemon did not do what was asked.
    #[error(transparent)]
    Daemon(#[from] DaemonError),
    /// A registry did not do what was asked.
    #[error(transparent)]
    Registry(Box<RegistryError>),
    /// The component did not answer.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

impl From<RegistryError> for SourceError {
    fn from(error: RegistryError) -> Self {
        SourceError::Registry(Box::new(error))
    }
}

impl From<NotADigest> for SourceError {
    fn from(problem: NotADigest) -> Self {
        SourceError::NotADigest { name: problem.found.clone(), problem }
    }
}

fn cut(at: &Option<u64>) -> String {
    at.map(|at| format!("; the archive ends without its end marker at byte {at}")).unwrap_or_default()
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "no image".into();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
