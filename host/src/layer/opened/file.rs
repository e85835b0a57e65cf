//! One file of a layer.

use std::io::{self, Read};

use super::LayerError;
use crate::layer::entry::{Kind, Run};
use crate::layer::index::{FileDigest, Record};
use crate::layer::seek::Reader;
use crate::layer::tree::printable;

/// Reads the content of a regular file, holes as zeros.
pub struct FileReader {
    layer: Reader,
    size: u64,
    /// The next byte of the file.
    position: u64,
    /// Runs of data that are not done, the next one last.
    runs: Vec<Run>,
    /// What is to be compared at the end, unless it has been.
    wanted: Option<(FileDigest, blake3::Hasher)>,
    path: String,
}

impl FileReader {
    pub(super) fn new(mut layer: Reader, record: &Record<'_>) -> Result<FileReader, LayerError> {
        let path = printable(record.path).into_owned();
        if record.kind != Kind::File {
            return Err(LayerError::NotAFile { path });
        }
        let mut runs = record.sparse().unwrap_or_else(|| vec![Run { offset: 0, size: record.size }]);
        runs.reverse();
        layer.go_to(record.content);
        let wanted = record.digest.map(|digest| (digest, blake3::Hasher::new()));
        Ok(FileReader { layer, size: record.size, position: 0, runs, wanted, path })
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.size
    }

    fn next(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.runs.last().is_some_and(|run| run.size == 0) {
            self.runs.pop();
        }
        // Up to the next run, or the end, there are zeros.
        let next = self.runs.last_mut().filter(|run| run.offset <= self.position);
        let Some(run) = next else {
            let end = self.runs.last().map_or(self.size, |run| run.offset);
            let left = end.saturating_sub(self.position);
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
            buffer[..length].fill(0);
            return Ok(length);
        };
        let length = usize::try_from(run.size).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.layer.read(&mut buffer[..length])?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        run.offset += read as u64;
        run.size -= read as u64;
        Ok(read)
    }
}

impl Read for FileReader {
    /// A [`LayerError::Damaged`] is inside the error at the end of other content than the index says.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.next(buffer)?;
        self.position += read as u64;
        if read > 0 {
            if let Some((_, hasher)) = &mut self.wanted {
                hasher.update(&buffer[..read]);
            }
        } else if let Some((wanted, hasher)) = self.wanted.take()
            && *hasher.finalize().as_bytes() != wanted.0
        {
            return Err(io::Error::other(LayerError::Damaged { path: self.path.clone() }));
        }
        Ok(read)
    }
}
