//! tar-split (github.com/vbatts/tar-split): what of a tar is not content of files, so that both together are the tar,
//! byte for byte.
//!
//! A gzip stream of lines, each a JSON object: `type` 2 is a `payload` of the tar's own bytes in base64, headers and
//! padding; `type` 1 is an entry, with its `size` where it has content, its `name` (`name_raw` in base64 where that is
//! not UTF-8), and as `payload` the CRC-64 of the content. `position` counts from 0.

mod crc;
mod map;
mod rebuilt;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::layer::compression::{Compression, CompressionError, Decoder, Expansion};

pub(crate) use map::Map;
pub(crate) use rebuilt::Rebuilt;

/// Bytes of a line. Writers cut what is long, but for what follows the end of a tar.
const LINE_LIMIT: u64 = 32 << 20;
const BUFFER: usize = 64 << 10;

/// A layer's tar cannot be put together again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TarSplitError {
    /// It cannot be read, or not be decompressed.
    #[error("the tar-split cannot be read")]
    Read {
        /// Why.
        source: CompressionError,
    },
    /// A line is none of a tar-split.
    #[error("line {line} of the tar-split: wanted {wanted}")]
    Line {
        /// From 1.
        line: u64,
        /// What should be there.
        wanted: &'static str,
    },
    /// A file of the layer cannot be read, or is another kind of thing or of another size.
    #[error("the file `{path}` of the layer cannot be read")]
    File {
        /// Its path in the layer.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A file of the layer is not what was unpacked.
    #[error(
        "the file `{path}` of the layer was changed: wanted the CRC-64 `{wanted:016x}`, found `{found:016x}`"
    )]
    Changed {
        /// Its path in the layer.
        path: String,
        /// What was recorded.
        wanted: u64,
        /// That of what is there.
        found: u64,
    },
}

impl From<TarSplitError> for io::Error {
    fn from(error: TarSplitError) -> io::Error {
        io::Error::other(error)
    }
}

/// A part of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The content of a file.
    File(Entry),
}

/// A file whose content is part of a tar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As the tar has it.
    pub(crate) path: Vec<u8>,
    /// At least 1.
    pub(crate) size: u64,
    /// Of the content (ISO 3309).
    pub(crate) crc: u64,
}

impl Entry {
    pub(crate) fn unreadable(&self, source: io::Error) -> TarSplitError {
        TarSplitError::File { path: self.shown(), source }
    }

    pub(crate) fn held_against(&self, found: u64) -> Result<(), TarSplitError> {
        if found == self.crc {
            return Ok(());
        }
        Err(TarSplitError::Changed { path: self.shown(), wanted: self.crc, found })
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.path).escape_debug().take(300).collect()
    }
}

impl Piece {
    /// Its bytes in the tar.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(entry) => entry.size,
        }
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name_raw: Option<Cow<'a, str>>,
    #[serde(default)]
    size: Option<i64>,
    #[serde(borrow, default)]
    payload: Option<Cow<'a, str>>,
    position: u64,
}

/// The lines of a tar-split, from the first on.
pub(crate) struct Lines {
    input: BufReader<Decoder<BufReader<File>>>,
    line: Vec<u8>,
    read: u64,
}

impl Lines {
    pub(crate) fn open(file: File) -> Result<Lines, TarSplitError> {
        let failed = |source| TarSplitError::Read { source };
        let metadata = file.metadata();
        let size = metadata.map_err(|source| failed(CompressionError::Read { source }))?.len();
        let limit = Expansion::default().limit(size);
        let input = BufReader::with_capacity(BUFFER, file);
        let input = Decoder::new(input, Compression::Gzip, limit).map_err(failed)?;
        Ok(Lines { input: BufReader::with_capacity(BUFFER, input), line: Vec::new(), read: 0 })
    }

    /// The next line, with its end. `None` at the end of all.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>, TarSplitError> {
        self.line.clear();
        let read = (&mut self.input).take(LINE_LIMIT).read_until(b'\n', &mut self.line);
        read.map_err(|error| TarSplitError::Read {
            source: error.downcast().unwrap_or_else(|source| CompressionError::Read { source }),
        })?;
        if self.line.is_empty() {
            return Ok(None);
        }
        self.read += 1;
        if !self.line.ends_with(b"\n") {
            return Err(TarSplitError::Line {
                line: self.read,
                wanted: "an object of at most 32 MiB and a line's end",
            });
        }
        Ok(Some(&self.line))
    }

    /// What the next line says that has to do with the tar's bytes. `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece>, TarSplitError> {
        loop {
            let position = self.read;
            let Some(line) = self.next_line()? else { return Ok(None) };
            if let Some(piece) = parse(line, position)? {
                return Ok(Some(piece));
            }
        }
    }

    /// Lines read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }
}

/// What the line at this position says. `None`: nothing that has to do with the tar's bytes.
pub(crate) fn parse(text: &[u8], position: u64) -> Result<Option<Piece>, TarSplitError> {
    let wrong = |wanted| TarSplitError::Line { line: position + 1, wanted };
    let line: Line<'_> =
        serde_json::from_slice(text).map_err(|_| wrong("an object with a type and a position"))?;
    if line.position != position {
        return Err(wrong("a position that is the last one's and one"));
    }
    let decode = |text: &Option<Cow<'_, str>>, wanted| {
        STANDARD.decode(text.as_deref().unwrap_or_default()).map_err(|_| wrong(wanted))
    };
    match line.kind {
        1 => {
            let size = u64::try_from(line.size.unwrap_or_default()).map_err(|_| wrong("a size from 0 on"))?;
            if size == 0 {
                return Ok(None);
            }
            let path = match (&line.name_raw, line.name) {
                (Some(_), _) => decode(&line.name_raw, "a name in base64")?,
                (None, Some(name)) => name.into_owned().into_bytes(),
                (None, None) => return Err(wrong("a name")),
            };
            let crc = decode(&line.payload, "a CRC-64 in base64")?;
            let crc = crc.try_into().map_err(|_| wrong("a CRC-64 of 8 bytes"))?;
            Ok(Some(Piece::File(Entry { path, size, crc: u64::from_be_bytes(crc) })))
        }
        2 => {
            let bytes = decode(&line.payload, "a payload in base64")?;
            Ok((!bytes.is_empty()).then_some(Piece::Bytes(bytes)))
        }
        _ => Err(wrong("type 1 or 2")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
