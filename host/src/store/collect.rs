//! Removing what nothing needs: abandoned writes and unreferenced content.
//!
//! Whatever is removed is removed with writers kept out, and looked at again then. They are kept out for a
//! moment at a time, so that nobody waits for a large collection as a whole.

use std::time::{Duration, Instant};

use super::error::io;
use super::unlink::Unlinking;
use super::{INGEST, Result, Store, StoreError};
use crate::digest::Digest;

/// How long writers are kept out at a time.
const SLICE: Duration = Duration::from_millis(250);

/// How long they are let in in between: longer than their pause between two tries.
const GAP: Duration = Duration::from_millis(10);

/// How many indexes are removed at a time: that takes no longer.
const KEPT_AT_ONCE: usize = 256;

/// What a collection removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// Content nothing referred to; ascending.
    pub blobs: Vec<Digest>,
    /// Writes that were abandoned.
    pub ingests: u64,
    /// Indexes of layers, and checkpoints of blobs, that are not here any more.
    pub indexes: u64,
    /// Bytes of all of it.
    pub bytes: u64,
    /// How much content was not looked at because writers were at work; a later collection will.
    pub left: usize,
}

impl Store {
    /// Removes abandoned writes and content nothing refers to.
    ///
    /// Waits for writers to end for as long as the store is patient, and goes on for as long as no new ones
    /// come for longer than that. Those who come meanwhile wait a quarter of a second at most. Content that
    /// somebody is reading can be read to its end.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where writers did not end in time, and nothing was removed.
    pub fn collect(&self) -> Result<Collected> {
        self.collect_within(self.inner.options.patience)
    }

    /// The same, waiting no longer than this for writers.
    ///
    /// # Errors
    /// [`StoreError::Busy`] where writers did not end in time, and nothing was removed.
    pub fn collect_within(&self, patience: Duration) -> Result<Collected> {
        let (mut ingests, mut bytes) = (0, 0);
        let blobs = {
            let _guard = self.lock_exclusive(patience)?;
            for (path, size) in self.ingests()? {
                // Nobody writes now, so whoever made this is gone.
                self.root().remove_file(&path).map_err(io("removing", path))?;
                ingests += 1;
                bytes += size;
            }
            self.blobs()?
        };
        super::step::reached("ingests-collected");
        // What is written from now on is not in this list.
        let mut blobs: Vec<Digest> = blobs.into_iter().map(|(digest, _)| digest).collect();
        self.catalog().read(|connection| {
            let mut dead = Vec::new();
            for digest in blobs.drain(..) {
                if !super::remove::is_live(connection, &digest)? {
                    dead.push(digest);
                }
            }
            blobs = dead;
            Ok(())
        })?;
        let mut collected = self.unlink_all(&blobs, patience)?;
        self.collect_kept(patience, &mut collected)?;
        Ok(Collected { ingests, bytes: collected.bytes + bytes, ..collected })
    }

    /// Removes what was made of layers that are not here any more.
    fn collect_kept(&self, patience: Duration, collected: &mut Collected) -> Result<()> {
        let (kept, _) = self.list_kept()?;
        let dead = self.catalog().read(|connection| {
            let mut dead = Vec::new();
            for kept in kept {
                if !kept.kind.is_live(connection, &kept.digest)? {
                    dead.push(kept.digest);
                }
            }
            Ok(dead)
        })?;
        for digests in dead.chunks(KEPT_AT_ONCE) {
            let _guard = match self.lock_exclusive(patience) {
                Ok(guard) => guard,
                Err(StoreError::Busy { .. }) => break,
                Err(error) => return Err(error),
            };
            let unlinking = Unlinking::new(self)?;
            self.catalog().read_at_hand(|connection| {
                for digest in digests {
                    let freed = unlinking.kept(connection, digest)?;
                    collected.indexes += u64::from(freed > 0);
                    collected.bytes += freed;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Removes those of these blobs, which are ascending, that nothing refers to, waiting no longer than
    /// this for writers.
    pub(super) fn unlink_all(&self, blobs: &[Digest], patience: Duration) -> Result<Collected> {
        let mut collected = Collected::default();
        let mut next = 0;
        while next < blobs.len() {
            if next > 0 {
                std::thread::sleep(GAP);
            }
            let _guard = match self.lock_exclusive(patience) {
                Ok(guard) => guard,
                Err(StoreError::Busy { .. }) => break,
                Err(error) => return Err(error),
            };
            let start = Instant::now();
            let unlinking = Unlinking::new(self)?;
            // Nobody writes now, so one look at the catalogue holds for all of them.
            self.catalog().read_at_hand(|connection| {
                while let Some(digest) = blobs.get(next)
                    && start.elapsed() < SLICE
                {
                    if let Some(size) = unlinking.blob(connection, digest)? {
                        collected.bytes += size;
                        collected.blobs.push(digest.clone());
                        if collected.blobs.len() == 1 {
                            super::step::reached("first-collected");
                        }
                    }
                    next += 1;
                }
                Ok(())
            })?;
        }
        collected.left = blobs.len() - next;
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
