//! Layers that are stored as they are, compressed by gzip.

use std::fs::File;
use std::io::{Seek, Write};

use cap_std::fs::Dir;
use flate2::write::GzEncoder;

use super::SaveError;
use super::content::Outgoing;
use super::tree::open;
use crate::digest::{Algorithm, Digest, Hasher};
use crate::store::Store;
use crate::transport::spool;

/// What a layer became.
#[derive(Debug, Clone)]
pub(super) struct Compressed {
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// Compresses a blob into an unnamed temporary file, which is at its start then. The same bytes become the same
/// bytes.
pub(super) fn compress(
    store: &Store,
    digest: &Digest,
    size: u64,
    directory: &Dir,
) -> Result<(Compressed, File), SaveError> {
    let path = "a temporary file";
    let failed = |source| SaveError::Write { path: path.to_owned(), source };
    let blob = open(store, digest)?;
    let mut file = spool::unnamed(directory).map_err(failed)?;
    let hashing = Hashing { file: &file, hasher: Hasher::new(Algorithm::Sha256), size: 0 };
    // Go's writers, too, leave the time out.
    let mut encoder = GzEncoder::new(hashing, flate2::Compression::default());
    Outgoing { blob: digest, digest, size, path }.copy(blob, &mut encoder, &|_| ())?;
    let done = encoder.finish().map_err(failed)?;
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
pub(super) fn compressed_type(media_type: &str) -> String {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar" => format!("{media_type}.gzip"),
        // Docker's says gzip in any case, for archives whose layers are not.
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => media_type.to_owned(),
        _ => {
            let plain = media_type.split('+').next().unwrap_or(media_type);
            format!("{plain}+gzip")
        }
    }
}
