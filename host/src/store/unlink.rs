//! Removing files that nobody needs, many in a row.

use std::io::ErrorKind;

use cap_std::fs::Dir;
use rusqlite::Connection;

use super::error::{catalog, io};
use super::{BLOBS, LAYERS, Result, Store, remove};
use crate::digest::{Algorithm, Digest};
use crate::layer::kept::Kind;

/// Removes content, and what was made of it. To be made and used with the exclusive lock held.
///
/// The directories are open, so that a file is looked for and removed by one call each. Most that may be there are not:
/// the catalogue is asked only about those that are.
pub(super) struct Unlinking {
    blobs: Directories,
    kept: Directories,
}

impl Unlinking {
    pub(super) fn new(store: &Store) -> Result<Unlinking> {
        let (blobs, kept) =
            (Directories::open(store.root(), BLOBS)?, Directories::open(store.root(), LAYERS)?);
        Ok(Unlinking { blobs, kept })
    }

    /// Removes a blob nothing refers to, and what was made of the layer or blob with this digest unless the catalogue
    /// knows that; the blob's size if it was removed.
    pub(super) fn blob(&self, connection: &Connection, digest: &Digest) -> Result<Option<u64>> {
        // What was made of it may be all there is: of a diff ID.
        self.kept(connection, digest)?;
        let is_dead = || Ok(!remove::is_live(connection, digest)?);
        self.blobs.remove(digest.algorithm(), digest.hex(), is_dead)
    }

    /// Removes what was made of the layer or blob with this digest, where the catalogue knows neither; the bytes freed.
    pub(super) fn kept(&self, connection: &Connection, digest: &Digest) -> Result<u64> {
        let mut freed = 0;
        for kind in Kind::ALL {
            let is_dead = || Ok(!kind.is_live(connection, digest)?);
            freed += self.kept.remove(digest.algorithm(), &kind.file(digest), is_dead)?.unwrap_or_default();
        }
        Ok(freed)
    }

    /// Removes what was made of a layer or blob, whatever the catalogue knows.
    pub(super) fn known_kept(&self, kind: Kind, digest: &Digest) -> Result<()> {
        self.kept.remove(digest.algorithm(), &kind.file(digest), || Ok(true)).map(drop)
    }
}

/// A directory for each algorithm.
struct Directories {
    parent: &'static str,
    found: Vec<(Algorithm, Dir)>,
}

impl Directories {
    fn open(root: &Dir, parent: &'static str) -> Result<Directories> {
        let mut found = Vec::new();
        for algorithm in Algorithm::ALL {
            let path = format!("{parent}/{}", algorithm.name());
            match root.open_dir(&path) {
                Ok(directory) => found.push((algorithm, directory)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(io("opening", path)(error)),
            }
        }
        Ok(Directories { parent, found })
    }

    /// Removes a file if it is there and dead; its size then.
    fn remove(
        &self,
        algorithm: Algorithm,
        name: &str,
        is_dead: impl FnOnce() -> rusqlite::Result<bool>,
    ) -> Result<Option<u64>> {
        let Some((_, directory)) = self.found.iter().find(|(found, _)| *found == algorithm) else {
            return Ok(None);
        };
        let path = || format!("{}/{}/{name}", self.parent, algorithm.name());
        let size = match directory.symlink_metadata(name) {
            Ok(metadata) if metadata.is_file() => metadata.len(),
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io("looking for", path())(error)),
        };
        if !is_dead().map_err(catalog("reading"))? {
            return Ok(None);
        }
        match directory.remove_file(name) {
            Ok(()) => Ok(Some(size)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("removing", path())(error)),
        }
    }
}
