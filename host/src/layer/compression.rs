//! How layers and archives are compressed: recognised by their first bytes, and undone as a stream
//! that never gives more than it may.

mod gzip;
mod inflate;
mod windows;
mod zstd_frames;

use std::io::{self, BufRead, Read};

use gzip::Gunzip;
pub(crate) use inflate::WINDOW;
pub(crate) use windows::{Share, Windows};
use zstd_frames::{Frames, WINDOW_LIMIT};

/// A compression consign undoes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compression {
    /// None.
    Plain,
    /// One or more gzip members (RFC 1952).
    Gzip,
    /// One or more Zstandard frames, skippable ones among them (RFC 8878).
    Zstd,
}

/// Bytes from the start of a stream that [`Compression::detect`] wants to see, if there are that many.
pub const DETECT: usize = 512;

/// Compressed data cannot be undone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompressionError {
    /// A compression that is recognised and not undone.
    #[error("wanted plain, `gzip` or `zstd` data, found `{found}`")]
    Unsupported {
        /// Its usual name.
        found: &'static str,
    },
    /// The data is not what its first bytes promise, or something else follows it.
    #[error("`{name}` data is corrupt after {produced} bytes: {reason}")]
    Corrupt {
        /// The compression.
        name: &'static str,
        /// Bytes that came out before.
        produced: u64,
        /// The decoder's words.
        reason: String,
    },
    /// The data ends within a member or frame.
    #[error("`{name}` data is truncated after {produced} bytes")]
    Truncated {
        /// The compression.
        name: &'static str,
        /// Bytes that came out before.
        produced: u64,
    },
    /// More comes out than may.
    #[error("`{name}` data expands to more than {limit} bytes")]
    TooLarge {
        /// The compression.
        name: &'static str,
        /// Bytes that may come out.
        limit: u64,
    },
    /// Undoing it takes more memory than there is for it.
    #[error("wanted `zstd` data with a window of at most {limit} bytes, found a larger one")]
    Window {
        /// Bytes a window may have.
        limit: u64,
    },
    /// Reading the compressed data failed.
    #[error("reading compressed data failed")]
    Read {
        /// Why.
        source: io::Error,
    },
}

/// How much compressed data may expand to before it is taken for a bomb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expansion {
    /// Bytes that any data may expand to.
    pub floor: u64,
    /// Times its own size that larger data may expand to.
    pub ratio: u64,
}

impl Default for Expansion {
    /// 512 MiB, or 200 times the compressed size where that is more. Real layers stay below 20 times;
    /// gzip's own bound is 1,032 times and zstd has none worth the name.
    fn default() -> Self {
        Expansion { floor: 512 << 20, ratio: 200 }
    }
}

impl Expansion {
    /// Bytes that `compressed` bytes may expand to.
    pub fn limit(self, compressed: u64) -> u64 {
        self.floor.max(compressed.saturating_mul(self.ratio))
    }
}

impl Compression {
    /// The compression of a stream that starts with `head`: its first [`DETECT`] bytes or all there are.
    ///
    /// # Errors
    ///
    /// [`CompressionError`] for a compression that is recognised and not supported.
    pub fn detect(head: &[u8]) -> Result<Compression, CompressionError> {
        let skippable =
            |head: &[u8]| head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == [0x2a, 0x4d, 0x18];
        if head.get(257..262) == Some(b"ustar") {
            // An archive whose first entry has a name that looks like something else.
            return Ok(Compression::Plain);
        }
        if head.starts_with(&[0x1f, 0x8b, 0x08]) {
            return Ok(Compression::Gzip);
        }
        if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) || skippable(head) {
            return Ok(Compression::Zstd);
        }
        if head.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
            return Err(CompressionError::Unsupported { found: "xz" });
        }
        // The block or end-of-stream number follows `BZh` and the block size.
        let bzip2 = [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];
        if head.starts_with(b"BZh") && head.get(4..10).is_some_and(|magic| bzip2.iter().any(|m| m == magic)) {
            return Err(CompressionError::Unsupported { found: "bzip2" });
        }
        Ok(Compression::Plain)
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Plain => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }
}

/// Undoes a compression, giving at most `limit` bytes. All of the input is taken: anything after the
/// last member or frame that is not another one is an error, as it is for Go's readers.
///
/// Memory: 32 KiB for gzip; for zstd the frame's window, which is 8 MiB at most unless the writer asked for
/// more, and never over 32 MiB: larger ones are refused.
pub struct Decoder<R: BufRead> {
    inner: Inner<R>,
    compression: Compression,
    produced: u64,
    limit: u64,
}

enum Inner<R: BufRead> {
    Plain(R),
    Gzip(Box<Gunzip<R>>),
    Zstd(Box<Frames<R>>),
}

/// A place in a compressed stream and in what it stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Bytes of the compressed stream before it.
    pub compressed: u64,
    /// Bytes of the uncompressed stream before it.
    pub uncompressed: u64,
}

/// A place where decoding can begin, and what is needed for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Where.
    pub place: Place,
    /// So many bits of the byte before are still to be read; at most 7.
    pub bits: u8,
    /// What came out before, as far as it may be referred to: at most 32 KiB.
    pub window: Vec<u8>,
    /// A member or frame starts here, which needs nothing of what is before.
    pub start: bool,
}

/// What decoding in the middle of a stream needs.
pub(crate) enum Resume<'a> {
    /// A member or frame starts there.
    Start,
    /// It is between two blocks of a member: what came out before, the byte before, and how many of its bits are
    /// still to be read.
    Within { window: &'a [u8], byte: u8, bits: u8 },
}

impl<R: BufRead> Decoder<R> {
    /// A decoder that has given nothing yet.
    ///
    /// # Errors
    ///
    /// [`CompressionError`] where the decompressor cannot be set up or its window would be too large.
    pub fn new(input: R, compression: Compression, limit: u64) -> Result<Self, CompressionError> {
        Decoder::start(input, compression, limit, None)
    }

    /// The same; it notes places to begin at, so many uncompressed bytes or more apart. Each is to be fetched
    /// by [`take_point`](Self::take_point) after the call that came upon it.
    ///
    /// # Errors
    ///
    /// [`CompressionError`] where the decompressor cannot be set up.
    pub fn noting(
        input: R,
        compression: Compression,
        limit: u64,
        every: u64,
    ) -> Result<Self, CompressionError> {
        Decoder::start(input, compression, limit, Some(every))
    }

    fn start(
        input: R,
        compression: Compression,
        limit: u64,
        every: Option<u64>,
    ) -> Result<Self, CompressionError> {
        let inner = match compression {
            Compression::Plain => Ok(Inner::Plain(input)),
            Compression::Gzip => Gunzip::new(input, every).map(|inner| Inner::Gzip(Box::new(inner))),
            Compression::Zstd => {
                Frames::new(input, Place::default(), every).map(|inner| Inner::Zstd(Box::new(inner)))
            }
        };
        let inner = inner.map_err(|source| CompressionError::Read { source })?;
        Ok(Decoder { inner, compression, produced: 0, limit })
    }

    /// A decoder that begins at this place, where `input` is, and may give `limit` bytes from there on.
    ///
    /// # Errors
    ///
    /// [`CompressionError`] where the decompressor cannot be set up.
    pub(crate) fn resume(
        input: R,
        compression: Compression,
        limit: u64,
        place: Place,
        resume: &Resume<'_>,
    ) -> Result<Self, CompressionError> {
        let inner = match compression {
            Compression::Plain => Ok(Inner::Plain(input)),
            Compression::Gzip => {
                Gunzip::resume(input, place, resume).map(|inner| Inner::Gzip(Box::new(inner)))
            }
            Compression::Zstd => Frames::new(input, place, None).map(|inner| Inner::Zstd(Box::new(inner))),
        };
        let inner = inner.map_err(|source| CompressionError::Read { source })?;
        Ok(Decoder { inner, compression, produced: 0, limit })
    }

    /// Has it wait for memory that decoders share; to be called before anything is decoded.
    pub(crate) fn sharing(mut self, share: Share) -> Self {
        if let Inner::Zstd(inner) = &mut self.inner {
            inner.share = Some(share);
        }
        self
    }

    /// The place the last call of [`decode`](Self::decode) came upon, if it did.
    pub fn take_point(&mut self) -> Option<Point> {
        match &mut self.inner {
            Inner::Plain(_) => None,
            Inner::Gzip(inner) => inner.point.take(),
            Inner::Zstd(inner) => inner.point.take(),
        }
    }

    /// Gives more bytes; 0 at the end, or where `buffer` is empty.
    ///
    /// # Errors
    ///
    /// [`CompressionError`] where the input is not what its first bytes announced, ends early, or unpacks
    /// to more than the limit.
    pub fn decode(&mut self, buffer: &mut [u8]) -> Result<usize, CompressionError> {
        loop {
            let read = match &mut self.inner {
                Inner::Plain(inner) => inner.read(buffer),
                Inner::Gzip(inner) => inner.read(buffer),
                Inner::Zstd(inner) => inner.read(buffer),
            };
            match read {
                Ok(read) => {
                    self.produced = self.produced.saturating_add(read as u64);
                    if self.produced > self.limit {
                        let name = self.compression.name();
                        return Err(CompressionError::TooLarge { name, limit: self.limit });
                    }
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    /// Bytes given so far.
    pub fn produced(&self) -> u64 {
        self.produced
    }

    fn explain(&self, error: io::Error) -> CompressionError {
        let (name, produced) = (self.compression.name(), self.produced);
        // The decoders report what is wrong with the data by kind or in words; only the input beneath
        // them has system errors, or errors of ours inside.
        if error.raw_os_error().is_some() || self.compression == Compression::Plain {
            CompressionError::Read { source: error }
        } else if error.kind() == io::ErrorKind::QuotaExceeded {
            CompressionError::Window { limit: WINDOW_LIMIT }
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            CompressionError::Truncated { name, produced }
        } else {
            CompressionError::Corrupt { name, produced, reason: error.to_string() }
        }
    }
}

impl<R: BufRead> Read for Decoder<R> {
    /// As [`Decoder::decode`]; the error is inside the `io::Error`.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.decode(buffer).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests;
