//! What is kept of layers beside their content, in the store and in the cache alike.

use std::io;
use std::sync::Arc;

use super::checkpoints::{Checkpoints, CheckpointsError};
use super::index::{Index, IndexError};
use super::read_at::{FilePart, ReadAt, read_exact_at};
use crate::digest::Digest;

/// What is kept, of which layer or blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// By diff ID.
    Index,
    /// By the digest of the blob.
    Checkpoints,
}

impl Kind {
    pub(crate) const ALL: [Kind; 2] = [Kind::Index, Kind::Checkpoints];

    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Kind::Index => "index",
            Kind::Checkpoints => "checkpoints",
        }
    }

    /// The kind and the hexadecimal digits of a file name.
    pub(crate) fn of(name: &str) -> Option<(Kind, &str)> {
        let (hex, suffix) = name.split_once('.')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.suffix() == suffix)?;
        Some((kind, hex))
    }
}

/// Bytes of an index that is read at once: an image may have more small layers than a process may have files open.
const SMALL: u64 = 64 << 10;

/// The index in a file, which has to be that of this layer.
pub(crate) fn open_index(file: std::fs::File, diff_id: &Digest) -> io::Result<Result<Index, IndexError>> {
    let file = FilePart::whole(file)?;
    let file: Arc<dyn ReadAt> = match file.size() {
        size @ ..=SMALL => Arc::new(read_exact_at(&file, 0, size as usize)?),
        _ => Arc::new(file),
    };
    Ok(Index::open(file, diff_id))
}

/// The checkpoints in a file, which have to be those of this blob.
pub(crate) fn open_checkpoints(
    file: std::fs::File,
    blob: &Digest,
) -> io::Result<Result<Checkpoints, CheckpointsError>> {
    Ok(Checkpoints::open(Box::new(FilePart::whole(file)?), blob))
}
