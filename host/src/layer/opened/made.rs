//! Indexes of layers that have none kept.

use std::io::{self, Read, Write};
use std::sync::atomic::AtomicBool;

use super::LayerError;
use crate::digest::Digest;
use crate::layer::checkpoints::Checkpoints;
use crate::layer::compression::{CompressionError, Expansion};
use crate::layer::index::{Builder, Index, Scratch};
use crate::layer::make::{Made, MakeError, Making};
use crate::layer::read_at::ReadAt;
use crate::layer::tar;
use crate::layer::transfer::{Hooks, Transfer, TransferError, Undone, Wanted};
use crate::transport::tar_index::TarError;

/// From all of a blob, of this size, which is held against its digest and its diff ID. Checkpoints go to `sink`.
pub(super) fn from_all(
    (mut reader, size): (Box<dyn Read + Send>, u64),
    blob: &Digest,
    diff_id: &Digest,
    sink: &mut (dyn Write + Send),
    scratch: Scratch,
) -> Result<(Undone, Made), LayerError> {
    let wanted = Wanted {
        size,
        algorithm: blob.algorithm(),
        diff_id: Some(diff_id.algorithm()),
        expansion: Expansion::default(),
    };
    let hooks = Hooks { advanced: &|_| (), stop: &AtomicBool::new(false) };
    let making = Making::new(sink, scratch);
    let found = Transfer::default().run_making(&mut reader, &mut io::sink(), &wanted, &hooks, Some(making));
    let found = found.map_err(|error| match error {
        TransferError::Read { source, .. } => LayerError::Read { source },
        error => LayerError::Read { source: io::Error::other(error) },
    })?;
    is_wanted(blob, found.digest)?;
    // Both are there, because the diff ID was wanted.
    let undone =
        found.uncompressed.transpose()?.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    is_wanted(diff_id, undone.digest.clone())?;
    let made = found.made.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok((undone, made))
}

fn is_wanted(wanted: &Digest, found: Digest) -> Result<(), LayerError> {
    if found == *wanted { Ok(()) } else { Err(LayerError::Mismatch { wanted: wanted.clone(), found }) }
}

impl From<MakeError> for LayerError {
    fn from(error: MakeError) -> LayerError {
        match error {
            MakeError::Tar(error) => error.into(),
            error => LayerError::Make(error),
        }
    }
}

/// Bytes of checkpoints in memory: of a layer of a gigabyte. Of larger ones, whose checkpoints are not kept, files are
/// read from the start.
const FEW: usize = 16 << 20;

/// Checkpoints in memory, as long as they are few.
#[derive(Default)]
pub(super) struct Few(Vec<u8>);

impl Few {
    /// What was noted just now can be used, or else is done without.
    pub(super) fn checkpoints(self, blob: &Digest) -> Option<Checkpoints> {
        Checkpoints::open(Box::new(self.0), blob).ok()
    }
}

impl Write for Few {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > FEW {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that are read at once: a header, and perhaps the next ones.
const WINDOW: usize = 8 << 10;

/// From the headers of a plain layer, hopping from one to the next. Files have no digests, and whether the layer is
/// what its diff ID says remains to be seen.
pub(super) fn from_headers(
    blob: &dyn ReadAt,
    diff_id: &Digest,
    scratch: Scratch,
) -> Result<Index, LayerError> {
    let size = blob.size();
    let mut tar = tar::Decoder::new();
    let mut builder = Builder::without_digests(scratch);
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
        tar.feed(block, &mut builder)?;
        let skipped = tar.skip(&mut builder)?;
        if skipped > 0 && tar.offset() > size.next_multiple_of(512) {
            let name = "an entry's content".to_owned();
            return Err(TarError::Truncated { name, wanted: tar.offset(), found: size }.into());
        }
    }
    tar.finish()?;
    let made = builder.finish(diff_id, size).map_err(|source| LayerError::Make(source.into()))?;
    Ok(Index::open(made, diff_id)?)
}

fn read(blob: &dyn ReadAt, offset: u64, buffer: &mut [u8]) -> Result<usize, LayerError> {
    loop {
        match blob.read_at(offset, buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return Ok(read.map_err(|source| CompressionError::Read { source })?),
        }
    }
}
