//! Removing what nothing needs: abandoned writes and unreferenced content.

use super::error::io;
use super::{INGEST, Result, Store};
use crate::digest::Digest;

/// What a collection removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Content nothing referred to; ascending.
    pub blobs: Vec<Digest>,
    /// Writes that were abandoned.
    pub ingests: u64,
    /// Bytes of all of it.
    pub bytes: u64,
}

impl Store {
    /// Removes abandoned writes and content nothing refers to.
    ///
    /// Waits for writers to end, and keeps new ones waiting meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Busy`](super::StoreError::Busy) where writers did not end in time.
    pub fn collect(&self) -> Result<Collected> {
        let _guard = self.lock_exclusive(self.inner.options.patience)?;
        let mut collected = Collected::default();
        for (path, size) in self.ingests()? {
            // Nobody writes now, so whoever made this is gone.
            self.root().remove_file(&path).map_err(io("removing", path))?;
            collected.ingests += 1;
            collected.bytes += size;
        }
        for (digest, _) in self.blobs()? {
            if let Some(size) = self.unlink(&digest)? {
                collected.bytes += size;
                collected.blobs.push(digest);
            }
        }
        Ok(collected)
    }

    /// Files under `ingest/`, with their bytes.
    pub(super) fn ingests(&self) -> Result<Vec<(String, u64)>> {
        let mut found = Vec::new();
        for entry in self.root().read_dir(INGEST).map_err(io("listing", INGEST))? {
            let entry = entry.map_err(io("listing", INGEST))?;
            let path = format!("{INGEST}/{}", entry.file_name().to_string_lossy());
            match entry.metadata() {
                Ok(metadata) => found.push((path, metadata.len())),
                // A writer that was quicker.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(io("looking for", path)(error)),
            }
        }
        found.sort();
        Ok(found)
    }
}
