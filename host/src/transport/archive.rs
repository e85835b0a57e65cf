//! An image archive: a tar that is read in place, or, when it is compressed or comes through a pipe, from
//! an unnamed temporary file.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use cap_std::fs::Dir;

use super::tar_index::{Extent, Limits, TarIndex};
use super::{Files, spool};
use crate::layer::compression::{Compression, DETECT, Decoder, Expansion};
use crate::layer::read_at::{FilePart, ReadAt};
use crate::source::{Content, SourceError, read_limited};

/// Names that decide what an archive is: there once at most, or readers could be shown different ones.
const UNIQUE: [&str; 4] = ["manifest.json", "index.json", "oci-layout", "repositories"];

/// How an archive is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What the index of its entries may grow to.
    pub limits: Limits,
    /// What a compressed archive may expand to.
    pub expansion: Expansion,
}

/// An open image archive.
#[derive(Debug)]
pub struct Archive {
    file: Arc<File>,
    index: TarIndex,
    compression: Compression,
}

impl Archive {
    /// Reads the archive's headers. An uncompressed regular file is neither copied nor unpacked; anything
    /// else goes to an unnamed file in `spool` first.
    ///
    /// # Errors
    /// [`SourceError::Compression`] where it is compressed with something other than gzip or zstd, or expands
    /// to more than it may; [`SourceError::NoSpool`] without a directory where one is needed.
    pub fn open(file: File, spool: Option<&Dir>, options: Options) -> Result<Archive, SourceError> {
        let metadata = file.metadata().map_err(reading)?;
        if metadata.is_dir() {
            return Err(SourceError::NotAnImage { wanted: "an archive", found: "a directory".into() });
        }
        if metadata.is_file() {
            Archive::index(file, metadata.len(), spool, options)
        } else {
            Archive::receive(file, spool, options)
        }
    }

    /// Reads an archive that comes from somewhere into an unnamed file in `spool`.
    ///
    /// # Errors
    /// As [`Archive::open`]; [`SourceError::Read`] where it breaks off.
    pub fn receive(
        mut from: impl Read,
        spool: Option<&Dir>,
        options: Options,
    ) -> Result<Archive, SourceError> {
        let copy = spool::create(spool)?;
        let length = copy_all(&mut from, &copy)?;
        Archive::index(copy, length, spool, options)
    }

    fn index(
        mut file: File,
        mut length: u64,
        spool: Option<&Dir>,
        options: Options,
    ) -> Result<Archive, SourceError> {
        let compression = detect(&file)?;
        if compression != Compression::Plain {
            let copy = spool::create(spool)?;
            let input = BufReader::with_capacity(BUFFER, At { file: &file, position: 0 });
            length =
                copy_all(&mut Decoder::new(input, compression, options.expansion.limit(length))?, &copy)?;
            file = copy;
        }
        let index = TarIndex::read(&file, length, &UNIQUE, options.limits)?;
        Ok(Archive { file: Arc::new(file), index, compression })
    }

    /// How the archive as a whole was compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Where the file `path` is; links are followed.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a document is not what its place says, a limit is
    /// passed, or reading fails.
    pub fn find(&self, path: &str) -> Result<Option<Extent>, SourceError> {
        Ok(self.index.find(path)?)
    }

    /// These bytes of the archive. Several readers may be used at once.
    pub fn read(&self, extent: Extent) -> Content {
        let reader = Box::new(ExtentReader { file: self.file.clone(), extent, position: 0 });
        Content { reader, size: extent.size, extent: Some(extent) }
    }

    /// The same bytes, to be read at any place.
    pub fn read_at(&self, extent: Extent) -> Arc<dyn ReadAt> {
        Arc::new(FilePart::new(self.file.clone(), extent))
    }

    /// The first bytes of a file in the archive: as many as there are, and at most `head.len()`.
    pub(super) fn read_head<'h>(&self, extent: Extent, head: &'h mut [u8]) -> Result<&'h [u8], SourceError> {
        let wanted = usize::try_from(extent.size).unwrap_or(head.len()).min(head.len());
        self.file.read_exact_at(&mut head[..wanted], extent.offset).map_err(reading)?;
        Ok(&head[..wanted])
    }

    /// All of the file `path`, which has to be there because of `wanted_by`.
    pub(super) fn require(&self, path: &str, wanted_by: &str, limit: u64) -> Result<Vec<u8>, SourceError> {
        match self.find(path)? {
            Some(extent) => read_limited(self.read(extent), path, limit),
            None => Err(self.missing(path, wanted_by)),
        }
    }

    /// That a file which has to be there is not.
    pub(super) fn missing(&self, path: &str, wanted_by: &str) -> SourceError {
        let name = path.chars().take(300).collect();
        SourceError::Missing { name, wanted_by: wanted_by.into(), cut_at: self.index.cut_at() }
    }
}

impl Files for Archive {
    fn open(&self, path: &str) -> Result<Option<Content>, SourceError> {
        Ok(self.find(path)?.map(|extent| self.read(extent)))
    }

    fn open_at(&self, path: &str) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        Ok(self.find(path)?.map(|extent| self.read_at(extent)))
    }

    fn cut_at(&self) -> Option<u64> {
        self.index.cut_at()
    }
}

const BUFFER: usize = 256 << 10;

fn reading(source: io::Error) -> SourceError {
    SourceError::Read { name: "the archive".into(), source }
}

fn detect(file: &File) -> Result<Compression, SourceError> {
    let mut head = Vec::with_capacity(DETECT);
    At { file, position: 0 }.take(DETECT as u64).read_to_end(&mut head).map_err(reading)?;
    Ok(Compression::detect(&head)?)
}

fn copy_all(input: &mut impl Read, mut output: &File) -> Result<u64, SourceError> {
    let mut buffer = vec![0; BUFFER];
    let mut copied = 0;
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The decoder's own error is inside.
                Err(error) => {
                    return Err(match error.downcast() {
                        Ok(source) => SourceError::Compression { source },
                        Err(source) => reading(source),
                    });
                }
            }
        }
        if filled == 0 {
            return Ok(copied);
        }
        output.write_all(&buffer[..filled]).map_err(|source| SourceError::Spool { source })?;
        copied += filled as u64;
    }
}

/// A file read from a position of its own, so that its cursor stays where its owner left it.
struct At<'a> {
    file: &'a File,
    position: u64,
}

impl Read for At<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

struct ExtentReader {
    file: Arc<File>,
    extent: Extent,
    position: u64,
}

impl Read for ExtentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.extent.size - self.position).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let read = self.file.read_at(&mut buffer[..wanted], self.extent.offset + self.position)?;
        if read == 0 {
            // The index promised these bytes: the file was cut while it was being read.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.position += read as u64;
        Ok(read)
    }
}
