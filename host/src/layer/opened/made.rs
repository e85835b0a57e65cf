//! Indexes of layers that have none kept.

use std::io;
use std::sync::Arc;

use super::LayerError;
use crate::digest::{Digest, Hasher};
use crate::layer::checkpoints::{self, Checkpoints};
use crate::layer::compression::{CompressionError, Decoder, Expansion};
use crate::layer::entry::Entry;
use crate::layer::index::{Builder, Index};
use crate::layer::read_at::{From, ReadAt};
use crate::layer::seek::Seekable;
use crate::layer::tar::{self, Visitor};
use crate::transport::tar_index::TarError;

/// An index, and the blob with places to begin reading at.
pub(super) struct Made {
    pub(super) index: Index,
    pub(super) bytes: Seekable,
}

/// Passes on to the builder what the decoder finds.
struct Building(Builder);

impl Visitor for Building {
    type Error = TarError;

    fn entry(&mut self, entry: &Entry, content: u64) -> Result<(), TarError> {
        self.0.entry(entry, content);
        Ok(())
    }

    fn content(&mut self, bytes: &[u8]) -> Result<(), TarError> {
        self.0.content(bytes);
        Ok(())
    }
}

/// From all of the layer, which is held against its diff ID.
pub(super) fn from_all(bytes: &Seekable, blob: &Digest, diff_id: &Digest) -> Result<Made, LayerError> {
    let size = bytes.blob().size();
    let input = From::new(bytes.blob().clone(), 0);
    let limit = Expansion::default().limit(size);
    let mut decoder = Decoder::noting(input, bytes.compression(), limit, checkpoints::SPAN)?;
    let mut noted = checkpoints::Writer::new(Vec::new())?;
    let (mut hasher, mut tar) = (Hasher::new(diff_id.algorithm()), tar::Decoder::new());
    let mut building = Building(Builder::new());
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = decoder.decode(&mut buffer)?;
        if let Some(point) = decoder.take_point() {
            noted.add(&point)?;
        }
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        tar.feed(&buffer[..read], &mut building)?;
    }
    tar.finish()?;
    let found = hasher.finish();
    if found != *diff_id {
        return Err(LayerError::Mismatch { wanted: diff_id.clone(), found });
    }
    let uncompressed = decoder.produced();
    let file = noted.finish(blob, size, uncompressed)?;
    // What was noted just now can be used, or else is done without.
    let checkpoints = Checkpoints::open(Box::new(file), blob).ok().map(Arc::new);
    let bytes = Seekable::new(bytes.blob().clone(), Some(uncompressed), checkpoints)?;
    Ok(Made { index: finished(building, diff_id, uncompressed)?, bytes })
}

/// Bytes that are read at once: a header, and perhaps the next ones.
const WINDOW: usize = 8 << 10;

/// From the headers of a plain layer, hopping from one to the next. Files have no digests, and whether the layer is
/// what its diff ID says remains to be seen.
pub(super) fn from_headers(blob: &dyn ReadAt, diff_id: &Digest) -> Result<Index, LayerError> {
    let size = blob.size();
    let mut tar = tar::Decoder::new();
    let mut building = Building(Builder::without_digests());
    let (mut window, mut start, mut filled) = (vec![0; WINDOW], 0, 0);
    loop {
        let offset = tar.offset();
        if !(start..start + filled as u64).contains(&offset) {
            (start, filled) = (offset, read(blob, offset, &mut window)?);
            if filled == 0 {
                break;
            }
        }
        let at = (offset - start) as usize;
        let block = &window[at..filled.min(at + 512)];
        tar.feed(block, &mut building)?;
        let skipped = tar.skip(&mut building)?;
        if skipped > 0 && tar.offset() > size.next_multiple_of(512) {
            let name = "an entry's content".to_owned();
            return Err(TarError::Truncated { name, wanted: tar.offset(), found: size }.into());
        }
    }
    tar.finish()?;
    finished(building, diff_id, size)
}

fn read(blob: &dyn ReadAt, offset: u64, buffer: &mut [u8]) -> Result<usize, LayerError> {
    loop {
        match blob.read_at(offset, buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return Ok(read.map_err(|source| CompressionError::Read { source })?),
        }
    }
}

fn finished(building: Building, diff_id: &Digest, size: u64) -> Result<Index, LayerError> {
    let bytes = building.0.finish(diff_id, size)?;
    let wrong = |source| LayerError::Index { diff_id: diff_id.clone(), source };
    Index::open(bytes, diff_id).map_err(wrong)
}
