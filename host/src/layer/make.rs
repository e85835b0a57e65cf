//! Making a layer's index and its blob's checkpoints while it passes.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use super::checkpoints::{SPAN, Writer};
use super::compression::Point;
use super::index::{Builder, Scratch};
use super::read_at::ReadAt;
use super::tar::Decoder;
use super::transfer::Undone;
use crate::digest::Digest;
use crate::transport::tar_index::TarError;

/// A layer has no index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MakeError {
    /// It is no tar.
    #[error(transparent)]
    Tar(#[from] TarError),
    /// It was given up before its end.
    #[error("the layer was not read to its end")]
    Unfinished,
    /// It has more entries than fit into memory, and there is no place for them.
    #[error("writing what does not fit into memory failed")]
    Scratch {
        /// Why.
        #[from]
        source: io::Error,
    },
}

/// What was made.
pub struct Made {
    /// The layer's index.
    pub index: Result<Arc<dyn ReadAt>, MakeError>,
    /// Whether checkpoints of the blob were written in full. Blobs that are not compressed and small ones have none.
    pub checkpoints: bool,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = self.index.as_ref().map(|index| index.size());
        f.debug_struct("Made").field("index", &index).field("checkpoints", &self.checkpoints).finish()
    }
}

/// Sees a layer's uncompressed bytes and the places where its decoding can begin.
///
/// What goes wrong here stops nothing: what is made can be made again.
pub struct Making<'a> {
    tar: Decoder,
    builder: Option<Builder>,
    wrong: Option<TarError>,
    /// Where checkpoints go, until that fails.
    sink: Option<&'a mut (dyn Write + Send)>,
    checkpoints: Option<Writer<&'a mut (dyn Write + Send)>>,
}

impl<'a> Making<'a> {
    /// For a layer whose checkpoints are written to `sink`, and what does not fit into memory meanwhile to `scratch`.
    pub fn new(sink: &'a mut (dyn Write + Send), scratch: Scratch) -> Making<'a> {
        Making {
            tar: Decoder::new(),
            builder: Some(Builder::new(scratch)),
            wrong: None,
            sink: Some(sink),
            checkpoints: None,
        }
    }

    /// More of the layer.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        if let Some(builder) = &mut self.builder
            && let Err(error) = self.tar.feed(bytes, builder)
        {
            self.builder = None;
            self.wrong = Some(error);
        }
    }

    /// Why there will be no index, if that is so by now.
    pub(crate) fn wrong(&mut self) -> Option<TarError> {
        self.wrong.take()
    }

    /// A place where decoding can begin.
    pub(crate) fn point(&mut self, point: &Point) {
        self.begin();
        if let Some(writer) = &mut self.checkpoints
            && writer.add(point).is_err()
        {
            self.checkpoints = None;
        }
    }

    fn begin(&mut self) {
        if let Some(sink) = self.sink.take() {
            self.checkpoints = Writer::new(sink).ok();
        }
    }

    /// The layer has passed; this is what it and its blob turned out to be.
    pub(crate) fn finish(mut self, layer: &Undone, blob: &Digest, blob_size: u64, compressed: bool) -> Made {
        let Undone { digest: diff_id, size } = layer;
        let index = match (self.builder.take(), self.wrong.take()) {
            (Some(builder), _) => std::mem::take(&mut self.tar)
                .finish()
                .map_err(MakeError::from)
                .and_then(|()| Ok(builder.finish(diff_id, *size)?)),
            (None, Some(wrong)) => Err(wrong.into()),
            (None, None) => Err(MakeError::Unfinished),
        };
        if compressed && *size > SPAN {
            // That there are no places is worth knowing, too.
            self.begin();
        }
        let checkpoints = self.checkpoints.take();
        let checkpoints = checkpoints.is_some_and(|writer| writer.finish(blob, blob_size, *size).is_ok());
        Made { index, checkpoints }
    }
}
