//! Content, by digest.

use std::io::{self as stdio, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

use cap_std::fs::{Dir, File};

use super::error::{StoreError, io};
use super::{BLOBS, Result, Store};
use crate::digest::{Digest, Hasher};
use crate::layer::read_at::ReadAt;

/// A stored blob, open. Its bytes were verified when they came in; [`Store::read`] verifies again.
#[derive(Debug)]
pub struct Blob {
    file: std::fs::File,
    size: u64,
}

impl Blob {
    pub(super) fn new(file: File, size: u64) -> Blob {
        Blob { file: file.into_std(), size }
    }

    /// Bytes in all.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The file.
    pub(crate) fn file(&self) -> &std::fs::File {
        &self.file
    }

    /// Another handle on the same file, with the same position.
    pub fn into_file(self) -> std::fs::File {
        self.file
    }
}

impl Read for Blob {
    fn read(&mut self, buffer: &mut [u8]) -> stdio::Result<usize> {
        self.file.read(buffer)
    }
}

impl Seek for Blob {
    fn seek(&mut self, position: SeekFrom) -> stdio::Result<u64> {
        self.file.seek(position)
    }
}

impl ReadAt for Blob {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> stdio::Result<usize> {
        self.file.read_at(buffer, offset)
    }
}

/// Where the blob with this digest is, relative to the root. Safe by construction: a [`Digest`] is a
/// known algorithm and hexadecimal digits.
pub(super) fn path(digest: &Digest) -> String {
    format!("{BLOBS}/{}/{}", digest.algorithm().name(), digest.hex())
}

pub(super) fn open(root: &Dir, path: &str) -> Result<Option<Blob>> {
    let file = match root.open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == stdio::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("opening", path)(error)),
    };
    let size = file.metadata().map_err(io("opening", path))?.len();
    Ok(Some(Blob::new(file, size)))
}

/// Reads a whole blob and verifies it.
pub(super) fn read(mut blob: Blob, digest: &Digest, path: &str, limit: u64) -> Result<Vec<u8>> {
    if blob.size > limit {
        return Err(StoreError::TooLarge { digest: digest.clone(), size: blob.size, limit });
    }
    let mut bytes = Vec::with_capacity(usize::try_from(blob.size).unwrap_or(0));
    // Bounded again: the file could grow meanwhile.
    (&mut blob).take(limit).read_to_end(&mut bytes).map_err(io("reading", path))?;
    if !digest.verifies(&bytes) {
        return Err(StoreError::Corrupt { digest: digest.clone() });
    }
    Ok(bytes)
}

/// Reads a blob of any size through a hasher. `None` where its bytes have another digest.
pub(super) fn verify(mut blob: Blob, digest: &Digest, path: &str, buffer: &mut [u8]) -> Result<Option<u64>> {
    let mut hasher = Hasher::new(digest.algorithm());
    let mut size = 0u64;
    loop {
        match blob.read(buffer) {
            Ok(0) => break,
            Ok(read) => {
                hasher.update(&buffer[..read]);
                size += read as u64;
            }
            Err(error) if error.kind() == stdio::ErrorKind::Interrupted => {}
            Err(error) => return Err(io("reading", path)(error)),
        }
    }
    Ok((hasher.finish() == *digest).then_some(size))
}

impl Store {
    /// The size in bytes of the blob with this digest. `None`: not here.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be looked at.
    pub fn contains(&self, digest: &Digest) -> Result<Option<u64>> {
        let path = path(digest);
        match self.root().metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == stdio::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("looking for", path)(error)),
        }
    }

    /// Opens the blob with this digest. `None`: not here.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be looked at.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<Blob>> {
        open(self.root(), &path(digest))
    }

    /// Gives the blob with this digest another name, `path` in a directory that is none of the store's. Whoever
    /// changes the file there changes it here.
    ///
    /// # Errors
    ///
    /// The system's: the blob is not here, or the directory is on another file system or one without hard
    /// links.
    pub fn link_blob(&self, digest: &Digest, directory: &Dir, path: &str) -> stdio::Result<()> {
        self.root().hard_link(self::path(digest), directory, path)
    }

    /// Reads a whole blob of at most `limit` bytes and verifies its digest. `None`: not here.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] before anything is read, [`StoreError::Corrupt`] after.
    pub fn read(&self, digest: &Digest, limit: u64) -> Result<Option<Vec<u8>>> {
        let path = path(digest);
        match open(self.root(), &path)? {
            Some(blob) => read(blob, digest, &path, limit).map(Some),
            None => Ok(None),
        }
    }

    /// Opens the blob with this digest when all of it has been held against the digest, to be read from its start.
    /// `None`: not here.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] for other bytes.
    pub fn open_verified(&self, digest: &Digest) -> Result<Option<Blob>> {
        let path = path(digest);
        let Some(blob) = open(self.root(), &path)? else { return Ok(None) };
        let (mut file, size) = (blob.file, blob.size);
        let handle = file.try_clone().map_err(io("opening", &*path))?;
        let found = verify(Blob { file: handle, size }, digest, &path, &mut vec![0; 64 << 10])?;
        if found != Some(size) {
            return Err(StoreError::Corrupt { digest: digest.clone() });
        }
        file.rewind().map_err(io("reading", path))?;
        Ok(Some(Blob { file, size }))
    }
}
