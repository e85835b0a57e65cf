//! What can go wrong in the store.

use std::time::Duration;

use rusqlite::ErrorCode;

use super::Conflict;
use crate::digest::{Digest, DigestMismatch};
use crate::layer::compression::CompressionError;

/// Why the store could not do what was asked. That something is not there is not an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file operation failed.
    #[error("{action} `{path}` in the store failed")]
    Io {
        /// What was being done: `writing`, `syncing`.
        action: &'static str,
        /// Relative to the store's root.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The directory is no store.
    #[error("wanted a store: {reason}")]
    NotAStore {
        /// What was found instead.
        reason: String,
    },
    /// The catalogue is gone, and content is there. A new catalogue would take that for garbage.
    #[error(
        "wanted a store, found blobs and no `catalog.sqlite`: `consign check --repair` makes a new one from them"
    )]
    LostCatalog,
    /// A newer version of consign wrote this store.
    #[error("wanted a store of format {supported} or older, found format {found}: a newer consign wrote it")]
    NewerFormat {
        /// The format found.
        found: i64,
        /// The newest format this version reads and writes.
        supported: i64,
    },
    /// A blob is another layer than an image says.
    #[error("wanted the diff ID `{wanted}` for the layer `{blob}`, found `{found}`")]
    WrongLayer {
        /// The blob.
        blob: Digest,
        /// What the image says.
        wanted: Digest,
        /// What it is.
        found: Digest,
    },
    /// A blob cannot be undone, and so is no layer.
    #[error("the layer `{blob}` cannot be decompressed")]
    UnreadableLayer {
        /// The blob.
        blob: Digest,
        /// Why.
        source: CompressionError,
    },
    /// The catalogue could not be read or written.
    #[error("{action} the catalogue failed: {reason}")]
    Catalog {
        /// What was being done: `opening`, `reading`, `writing`.
        action: &'static str,
        /// SQLite's message.
        reason: String,
    },
    /// The catalogue is not what consign wrote.
    #[error("the catalogue is damaged: {reason}; `consign check --repair` makes a new one from the blobs")]
    DamagedCatalog {
        /// SQLite's message.
        reason: String,
    },
    /// Another process held the store for longer than this one was willing to wait.
    #[error("the store was in use by another process for {waited:?}")]
    Busy {
        /// How long this one waited.
        waited: Duration,
    },
    /// The store cannot be written to.
    #[error("the store is open for reading only")]
    ReadOnly,
    /// Content that was written is not what it was announced to be. It has been discarded.
    #[error(transparent)]
    DigestMismatch(#[from] DigestMismatch),
    /// Content that was written is not as long as was announced. It has been discarded.
    #[error("wanted {wanted} bytes for `{digest}`, found {found}")]
    SizeMismatch {
        /// The content.
        digest: Digest,
        /// Bytes announced.
        wanted: u64,
        /// Bytes that came.
        found: u64,
    },
    /// A stored blob does not have the digest it is named for.
    #[error("the blob `{digest}` is damaged: its bytes have another digest")]
    Corrupt {
        /// The name of the blob.
        digest: Digest,
    },
    /// A blob is larger than the caller is willing to read.
    #[error("wanted at most {limit} bytes of `{digest}`, found {size}")]
    TooLarge {
        /// The blob.
        digest: Digest,
        /// Its bytes.
        size: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The catalogue was to refer to content that is not in the store.
    #[error("`{digest}` is not in the store, and {wanted_by} needs it")]
    MissingContent {
        /// The content.
        digest: Digest,
        /// What was to refer to it.
        wanted_by: String,
    },
    /// A string is no digest.
    #[error(transparent)]
    NotADigest(#[from] crate::digest::NotADigest),
    /// A name cannot be kept: `reason`.
    #[error("the name `{name}` cannot be kept: {reason}")]
    UnusableName {
        /// The name, as far as it goes.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A pin's holder cannot be called so: `reason`.
    #[error("nobody who pins an image can be called `{holder}`: {reason}")]
    UnusableHolder {
        /// The name, as far as it goes.
        holder: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The tag is taken, and the caller did not ask for it to be moved.
    #[error("wanted the tag `{name}` for `{wanted}`, found it set to `{found}`")]
    TagTaken {
        /// The name.
        name: String,
        /// What it was to point at.
        wanted: Digest,
        /// What it points at.
        found: Digest,
    },
    /// A name with a digest points at something else, and such names are never moved.
    #[error("wanted `{name}` for `{wanted}`, found it set to `{found}`; a name with a digest is never moved")]
    DigestTaken {
        /// The name.
        name: String,
        /// What it was to point at.
        wanted: Digest,
        /// What it points at.
        found: Digest,
    },
    /// A name no longer points at what a change was made of.
    #[error("wanted `{name}` to point at `{wanted}` still, found it changed")]
    NameMoved {
        /// The name.
        name: String,
        /// What it pointed at.
        wanted: Digest,
        /// What it points at; `None`: it is gone.
        found: Option<Digest>,
    },
    /// Several images' IDs start with the same digits.
    #[error("`{prefix}` is the beginning of several image IDs: {}", list(.candidates))]
    Ambiguous {
        /// What was searched for.
        prefix: String,
        /// Ascending; at most 16.
        candidates: Vec<Digest>,
    },
    /// No image has this ID.
    #[error("no image has the ID `{id}`")]
    UnknownImage {
        /// The ID.
        id: Digest,
    },
    /// There is no such name.
    #[error("no such name: `{name}`")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// Something needs the image.
    #[error("image `{image}` cannot be removed: {conflict}")]
    Conflict {
        /// Its ID.
        image: Digest,
        /// What needs it.
        conflict: Conflict,
    },
    /// The image's config is not in the store.
    #[error("the config of image `{id}` is not in the store")]
    MissingConfig {
        /// The ID.
        id: Digest,
    },
    /// The batch was finished before this writer was.
    #[error("the batch that this content was written for is finished")]
    BatchFinished,
}

fn list(digests: &[Digest]) -> String {
    digests.iter().map(|digest| format!("`{digest}`")).collect::<Vec<_>>().join(", ")
}

/// For `map_err`: an I/O error with what was being done, to what.
pub(super) fn io(action: &'static str, path: impl Into<String>) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.into();
    move |source| StoreError::Io { action, path, source }
}

/// For `map_err`: a system call's error with what was being done, to what.
pub(super) fn sys(
    action: &'static str,
    path: impl Into<String>,
) -> impl FnOnce(rustix::io::Errno) -> StoreError {
    let path = path.into();
    move |errno| StoreError::Io { action, path, source: errno.into() }
}

/// For `map_err`: the catalogue's error with what was being done.
pub(super) fn catalog(action: &'static str) -> impl FnOnce(rusqlite::Error) -> StoreError {
    move |error| {
        let reason = error.to_string();
        if is_damage(&error) {
            StoreError::DamagedCatalog { reason }
        } else {
            StoreError::Catalog { action, reason }
        }
    }
}

/// Whether SQLite found something in the file that consign did not put there.
fn is_damage(error: &rusqlite::Error) -> bool {
    match error {
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..)
        | rusqlite::Error::InvalidColumnType(..) => true,
        // Tables or columns that are not there: consign's own statements are right.
        rusqlite::Error::SqlInputError { .. } => true,
        _ => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        ),
    }
}
