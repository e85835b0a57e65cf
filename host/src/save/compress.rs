//! Layers that are stored as they are, or in another compression, compressed.

use std::fs::File;
use std::io::{Seek, Write};

use cap_std::fs::Dir;

use super::SaveError;
use super::content::Outgoing;
use super::origin::Origin;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::layer::compress::{self, Format, Method};
use crate::transport::spool;
use crate::types::Descriptor;

/// What a layer became.
#[derive(Debug, Clone)]
pub(crate) struct Compressed {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// Where the compressed layer is.
pub(crate) enum Written {
    /// In an unnamed temporary file, which is at its start.
    Spooled(File),
    /// Where it is to be.
    There,
}

/// A layer that is to be compressed.
pub(crate) struct Layer<'a> {
    pub(crate) from: &'a Origin,
    /// As it is.
    pub(crate) target: &'a Descriptor,
    /// The diff ID, where it has another compression now.
    pub(crate) undone: Option<&'a Digest>,
}

/// Somewhere compressed layers are put before it is known what they become.
pub(crate) trait Compressing {
    /// Compresses a layer. The same bytes become the same bytes.
    fn compress(&self, layer: &Layer<'_>, method: Method) -> Result<(Compressed, Written), SaveError>;
}

/// Why a layer was not compressed.
enum Failure {
    Copy(SaveError),
    Write(std::io::Error),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Write(error)
    }
}

impl Layer<'_> {
    /// Writes it, compressed, to `out`; `path` is where that is, for errors. What is read is verified.
    pub(crate) fn write<W: Write>(
        &self,
        method: Method,
        out: W,
        path: &str,
    ) -> Result<(Compressed, W), SaveError> {
        let blob: Digest = self.target.digest.parse()?;
        let bytes = self.from.open(self.target)?;
        let hashing = Hashing { out, hasher: Hasher::new(Algorithm::Sha256), size: 0 };
        let outgoing = Outgoing { blob: &blob, digest: &blob, size: self.target.size, path };
        let done = compress::compress(method, 0, hashing, |out| {
            let copied = match self.undone {
                None => outgoing.copy(bytes, out, &|_| ()),
                Some(diff_id) => {
                    Outgoing { digest: diff_id, ..outgoing }.copy_unmeasured(bytes, out, &|_| ()).map(drop)
                }
            };
            copied.map_err(Failure::Copy)
        });
        let done = done.map_err(|failure| match failure {
            Failure::Copy(error) => error,
            Failure::Write(source) => SaveError::Write { path: path.to_owned(), source },
        })?;
        Ok((Compressed { digest: done.hasher.finish(), size: done.size }, done.out))
    }
}

/// Layers are compressed into temporary files.
pub(super) struct Spooling<'a>(pub(super) Option<&'a Dir>);

impl Compressing for Spooling<'_> {
    fn compress(&self, layer: &Layer<'_>, method: Method) -> Result<(Compressed, Written), SaveError> {
        let path = "a temporary file";
        let failed = |source| SaveError::Write { path: path.to_owned(), source };
        let file = spool::unnamed(self.0.ok_or(SaveError::NoSpool)?).map_err(failed)?;
        let (compressed, mut file) = layer.write(method, file, path)?;
        file.rewind().map_err(failed)?;
        Ok((compressed, Written::Spooled(file)))
    }
}

struct Hashing<W> {
    out: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Whether a layer is said to be compressed in this way.
pub(super) fn is_compressed(media_type: &str, format: Format) -> bool {
    media_type.rsplit(['+', '.']).next() == Some(format.name())
}

/// The media type of a layer that was compressed otherwise or not at all and is now.
pub(super) fn compressed_type(media_type: &str, format: Format) -> String {
    let suffix = format.name();
    const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    // Docker's says gzip in any case, for archives whose layers are not.
    if media_type.starts_with(DOCKER) {
        return format!("{DOCKER}.{suffix}");
    }
    let plain = media_type.split('+').next().unwrap_or(media_type);
    format!("{plain}+{suffix}")
}
