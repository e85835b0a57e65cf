//! A compressed blob as the bytes it stands for, to be read from any place.

use std::fmt;
use std::io::{self, BufRead as _, Read, Seek, SeekFrom};
use std::sync::Arc;

use super::checkpoints::Checkpoints;
use super::compression::{Compression, CompressionError, DETECT, Decoder, Expansion, Place, Point, Resume};
use super::read_at::{From, ReadAt, read_exact_at};

/// A layer's blob, of whichever compression, and what is known for reading in its middle. Cheap to clone.
///
/// Plain blobs are read where they are. Compressed ones are decoded from the last checkpoint before the place on;
/// without checkpoints, and in a Zstandard frame, which has none inside, from the start.
#[derive(Clone)]
pub struct Seekable {
    blob: Arc<dyn ReadAt>,
    compression: Compression,
    checkpoints: Option<Arc<Checkpoints>>,
    limit: u64,
}

impl fmt::Debug for Seekable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.checkpoints.as_ref().map(|checkpoints| checkpoints.len());
        f.debug_struct("Seekable").field("compression", &self.compression).field("places", &places).finish()
    }
}

impl Seekable {
    /// The blob, whose checkpoints these are. `uncompressed`: the bytes it is known to stand for; more are an
    /// error. Where that is not known, more than it may [expand](Expansion) to by default are.
    ///
    /// # Errors
    /// [`CompressionError`] where it cannot be read, or is of a compression that is not undone.
    pub fn new(
        blob: Arc<dyn ReadAt>,
        uncompressed: Option<u64>,
        checkpoints: Option<Arc<Checkpoints>>,
    ) -> Result<Seekable, CompressionError> {
        let size = blob.size();
        let head = usize::try_from(size).unwrap_or(DETECT).min(DETECT);
        let head = read_exact_at(&*blob, 0, head).map_err(|source| CompressionError::Read { source })?;
        let compression = Compression::detect(&head)?;
        let limit = uncompressed.unwrap_or_else(|| Expansion::default().limit(size));
        let checkpoints = checkpoints.filter(|checkpoints| checkpoints.size() == size);
        Ok(Seekable { blob, compression, checkpoints, limit })
    }

    /// How the blob is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The blob as it is.
    pub fn blob(&self) -> &Arc<dyn ReadAt> {
        &self.blob
    }

    /// Whether decoding may begin elsewhere than at the start.
    pub fn has_checkpoints(&self) -> bool {
        self.checkpoints.as_ref().is_some_and(|checkpoints| !checkpoints.is_empty())
    }

    /// The same blob, to be decoded from its start always.
    #[must_use]
    pub fn without_checkpoints(&self) -> Seekable {
        Seekable { checkpoints: None, ..self.clone() }
    }

    /// A reader at the start.
    pub fn reader(&self) -> Reader {
        Reader { of: self.clone(), position: 0, decoder: None, discard: Vec::new() }
    }

    /// A decoder that begins at `offset` or before, and where that is.
    fn decoder(&self, offset: u64) -> Result<(Decoder<From>, u64), CompressionError> {
        // What is damaged is done without.
        let point =
            self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.point_before(offset).ok().flatten());
        let Some(Point { place, bits, window, start }) = point else {
            let input = From::new(self.blob.clone(), 0);
            return Ok((Decoder::new(input, self.compression, self.limit)?, 0));
        };
        let failed = |source| CompressionError::Read { source };
        // The byte before is needed for its bits.
        let mut input = From::new(self.blob.clone(), place.compressed - u64::from(bits > 0));
        let mut byte = 0;
        if bits > 0 {
            byte = input.fill_buf().map_err(failed)?.first().copied().unwrap_or_default();
            input.consume(1);
        }
        let resume = if start { Resume::Start } else { Resume::Within { window: &window, byte, bits } };
        let limit = self.limit.saturating_sub(place.uncompressed);
        Ok((Decoder::resume(input, self.compression, limit, place, &resume)?, place.uncompressed))
    }

    /// Where decoding for `offset` would begin.
    fn start(&self, offset: u64) -> u64 {
        let place = self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.before(offset));
        place.map_or(0, |Place { uncompressed, .. }| uncompressed)
    }
}

/// Reads uncompressed bytes. Going to another place costs nothing until it is read there; going on, little.
pub struct Reader {
    of: Seekable,
    position: u64,
    /// The decoder, and the place of the next byte it gives.
    decoder: Option<(Decoder<From>, u64)>,
    /// Takes what is passed over.
    discard: Vec<u8>,
}

impl Reader {
    /// Whether it may begin elsewhere than at the start.
    pub(super) fn has_checkpoints(&self) -> bool {
        self.of.has_checkpoints()
    }

    /// The place of the next byte.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes to another place, which may be beyond the end: nothing is there.
    pub fn go_to(&mut self, position: u64) {
        self.position = position;
    }

    /// As `read`, with the error as it is.
    ///
    /// # Errors
    /// [`CompressionError`] where the blob cannot be read or decoded.
    pub fn decode(&mut self, buffer: &mut [u8]) -> Result<usize, CompressionError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = if self.of.compression == Compression::Plain {
            self.of.blob.read_at(self.position, buffer).map_err(|source| CompressionError::Read { source })?
        } else {
            self.advance(buffer)?
        };
        self.position += read as u64;
        Ok(read)
    }

    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, CompressionError> {
        let start = self.of.start(self.position);
        let (mut decoder, mut at) = match self.decoder.take() {
            Some((decoder, at)) if at <= self.position && at >= start => (decoder, at),
            _ => self.of.decoder(self.position)?,
        };
        while at < self.position {
            self.discard.resize(64 << 10, 0);
            let left = self.position - at;
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(self.discard.len());
            match decoder.decode(&mut self.discard[..length])? {
                0 => return Ok(0),
                read => at += read as u64,
            }
        }
        let read = decoder.decode(buffer)?;
        self.decoder = Some((decoder, at + read as u64));
        Ok(read)
    }
}

impl Read for Reader {
    /// As [`Reader::decode`]; the error is inside the `io::Error`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decode(buffer).map_err(io::Error::other)
    }
}

impl Seek for Reader {
    /// From the start or from where it is. Where the end is, is not known.
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(_) => return Err(io::ErrorKind::Unsupported.into()),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests;
