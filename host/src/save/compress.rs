//! Layers that are stored as they are, compressed.

use std::fs::File;
use std::io::{Seek, Write};

use cap_std::fs::Dir;

use super::SaveError;
use super::content::Outgoing;
use super::tree::open;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::layer::compress::{self, Format, Method};
use crate::store::Store;
use crate::transport::spool;

/// What a layer became.
#[derive(Debug, Clone)]
pub(super) struct Compressed {
    pub(super) digest: Digest,
    pub(super) size: u64,
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

/// Compresses a blob into an unnamed temporary file, which is at its start then. The same bytes become the same
/// bytes.
pub(super) fn compressed(
    store: &Store,
    digest: &Digest,
    size: u64,
    method: Method,
    directory: &Dir,
) -> Result<(Compressed, File), SaveError> {
    let path = "a temporary file";
    let failed = |source| SaveError::Write { path: path.to_owned(), source };
    let blob = open(store, digest)?;
    let mut file = spool::unnamed(directory).map_err(failed)?;
    let hashing = Hashing { file: &file, hasher: Hasher::new(Algorithm::Sha256), size: 0 };
    let outgoing = Outgoing { blob: digest, digest, size, path };
    let done = compress::compress(method, 0, hashing, |out| {
        outgoing.copy(blob, out, &|_| ()).map(drop).map_err(Failure::Copy)
    });
    let done = done.map_err(|failure| match failure {
        Failure::Copy(error) => error,
        Failure::Write(source) => failed(source),
    })?;
    let compressed = Compressed { digest: done.hasher.finish(), size: done.size };
    file.rewind().map_err(failed)?;
    Ok((compressed, file))
}

struct Hashing<'a> {
    file: &'a File,
    hasher: Hasher,
    size: u64,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The media type of a layer that was not compressed and now is.
pub(super) fn compressed_type(media_type: &str, format: Format) -> String {
    let suffix = format.name();
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar" => format!("{media_type}.{suffix}"),
        // Docker's says gzip in any case, for archives whose layers are not.
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => {
            format!("application/vnd.docker.image.rootfs.diff.tar.{suffix}")
        }
        _ => {
            let plain = media_type.split('+').next().unwrap_or(media_type);
            format!("{plain}+{suffix}")
        }
    }
}
