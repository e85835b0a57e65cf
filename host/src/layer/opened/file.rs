//! One file of a layer.

use std::io::{self, Read};

use super::LayerError;
use crate::layer::entry::{Entry, Kind, Run};
use crate::layer::index::{FileDigest, Record};
use crate::layer::seek::Reader;
use crate::layer::tar::{self, Visitor};
use crate::layer::tree::printable;
use crate::transport::tar_index::TarError;

/// Reads the content of a regular file, holes as zeros.
pub struct FileReader {
    layer: Reader,
    size: u64,
    /// The next byte of the file.
    position: u64,
    /// Runs of data that are not done, the next one last.
    runs: Vec<Run>,
    /// The content, where it was read before.
    ready: Option<io::Cursor<Vec<u8>>>,
    /// What is to be compared at the end, unless it has been.
    wanted: Option<(FileDigest, blake3::Hasher)>,
    path: String,
}

impl FileReader {
    pub(super) fn new(mut layer: Reader, record: &Record) -> Result<FileReader, LayerError> {
        let path = printable(&record.path()).into_owned();
        if record.kind != Kind::File {
            return Err(LayerError::NotAFile { path });
        }
        let mut runs = record.sparse().unwrap_or_else(|| vec![Run { offset: 0, size: record.size }]);
        runs.reverse();
        if !is_there(&mut layer, record) {
            return Err(LayerError::Damaged { path });
        }
        layer.go_to(record.content);
        let wanted = record.digest.map(|digest| (digest, blake3::Hasher::new()));
        Ok(FileReader { layer, size: record.size, position: 0, runs, ready: None, wanted, path })
    }

    /// The same, all of it read and compared. For small files: it is in memory then.
    pub(super) fn verified(mut self) -> Result<FileReader, LayerError> {
        let mut content = Vec::with_capacity(usize::try_from(self.size).unwrap_or_default());
        self.read_to_end(&mut content)?;
        Ok(FileReader { ready: Some(io::Cursor::new(content)), ..self })
    }

    /// What reads the layer, to read another file of it.
    pub(in crate::layer) fn into_reader(self) -> Reader {
        self.layer
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

/// Bytes of the headers of one entry: each of four extended ones, and the map of a sparse file, at most.
const HEADERS: u64 = 8 << 20;

/// Whether the layer has the entry where the index says, whatever else the index may say.
fn is_there(layer: &mut Reader, record: &Record) -> bool {
    let length = record.content - record.header;
    if length > HEADERS {
        return false;
    }
    layer.go_to(record.header);
    let (mut tar, mut seen) = (tar::Decoder::new(), Seen { record, is_there: false });
    let mut buffer = vec![0; 8 << 10];
    while tar.offset() < length {
        let left = usize::try_from(length - tar.offset()).unwrap_or(usize::MAX).min(buffer.len());
        match layer.decode(&mut buffer[..left]) {
            Ok(read @ 1..) if tar.feed(&buffer[..read], &mut seen).is_ok() => {}
            _ => return false,
        }
    }
    seen.is_there
}

struct Seen<'a> {
    record: &'a Record,
    is_there: bool,
}

impl Visitor for Seen<'_> {
    type Error = TarError;

    fn entry(&mut self, entry: &Entry, content: u64) -> Result<(), TarError> {
        let Seen { record, is_there } = self;
        let same = *entry.path == *record.path() && entry.kind == record.kind && entry.size == record.size;
        let placed = content == record.content - record.header && entry.stored_size() == record.stored_size();
        *is_there = same && placed;
        Ok(())
    }
}

impl Read for FileReader {
    /// A [`LayerError::Damaged`] is inside the error at the end of other content than the index says.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if let Some(ready) = &mut self.ready {
            return ready.read(buffer);
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
