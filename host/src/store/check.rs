//! Whether the store is what it says it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use super::catalog::target_at;
use super::{BLOBS, Result, Store, StoreError, Target, blob, remove};
use crate::digest::{Algorithm, Digest};

/// Bytes a hashing thread reads at once.
const PIECE: usize = 256 << 10;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Blobs that were read and hashed.
    pub blobs: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// Names in the catalogue.
    pub names: u64,
    /// Images in the catalogue.
    pub images: u64,
    /// What is not as it should be, in the order of the enum, then by digest or path.
    pub problems: Vec<Problem>,
}

impl Report {
    /// Nothing is damaged or missing. What is left over does no harm.
    pub fn is_sound(&self) -> bool {
        self.problems.iter().all(Problem::is_harmless)
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// SQLite finds fault with the catalogue.
    #[error("the catalogue is damaged: {reason}")]
    DamagedCatalog {
        /// SQLite's message.
        reason: String,
    },
    /// A blob's bytes have another digest.
    #[error("the blob `{digest}` is damaged: its {size} bytes have another digest")]
    DamagedBlob {
        /// Its name.
        digest: Digest,
        /// Bytes found.
        size: u64,
    },
    /// A blob cannot be read.
    #[error("the blob `{digest}` cannot be read: {reason}")]
    UnreadableBlob {
        /// Its name.
        digest: Digest,
        /// The system's message.
        reason: String,
    },
    /// The catalogue refers to content that is not there.
    #[error("`{digest}` is missing, and {wanted_by} needs it")]
    MissingContent {
        /// The content.
        digest: Digest,
        /// What refers to it.
        wanted_by: String,
    },
    /// The catalogue has another size for content than it has.
    #[error("wanted {wanted} bytes of `{digest}` for {wanted_by}, found {found}")]
    WrongSize {
        /// The content.
        digest: Digest,
        /// What refers to it.
        wanted_by: String,
        /// Bytes the catalogue has.
        wanted: u64,
        /// Bytes found.
        found: u64,
    },
    /// A file among the blobs has a name that is no digest.
    #[error("the file `{path}` is no blob")]
    Stranger {
        /// Relative to the root.
        path: String,
    },
    /// Content that nothing refers to. Harmless; a collection removes it.
    #[error("nothing refers to the blob `{digest}` ({size} bytes)")]
    OrphanBlob {
        /// Its name.
        digest: Digest,
        /// Its bytes.
        size: u64,
    },
    /// A write that is going on or was abandoned. Harmless; a collection removes it in the latter case.
    #[error("the write `{path}` ({size} bytes) is unfinished")]
    Unfinished {
        /// Relative to the root.
        path: String,
        /// Bytes so far.
        size: u64,
    },
}

impl Problem {
    /// Nothing is lost by it.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Problem::OrphanBlob { .. } | Problem::Unfinished { .. } | Problem::Stranger { .. })
    }
}

impl Store {
    /// The blobs there are, with their bytes; ascending. Files that are no blobs are left out.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where content cannot be looked at.
    pub fn blobs(&self) -> Result<Vec<(Digest, u64)>> {
        Ok(self.list_blobs()?.0)
    }

    /// Blobs with their bytes, ascending; then the paths of files that are none.
    #[allow(clippy::type_complexity, reason = "two lists, named above")]
    fn list_blobs(&self) -> Result<(Vec<(Digest, u64)>, Vec<String>)> {
        let (mut blobs, mut strangers) = (Vec::new(), Vec::new());
        for algorithm in Algorithm::ALL {
            let directory = format!("{BLOBS}/{}", algorithm.name());
            let entries = match self.root().read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(super::io("listing", directory)(error)),
            };
            for entry in entries {
                let entry = entry.map_err(super::io("listing", directory.clone()))?;
                let name = entry.file_name();
                let name = name.to_string_lossy();
                let digest = format!("{}:{name}", algorithm.name()).parse::<Digest>();
                match (digest, entry.metadata()) {
                    (Ok(digest), Ok(metadata)) if metadata.is_file() => blobs.push((digest, metadata.len())),
                    (_, Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
                    _ => strangers.push(format!("{directory}/{name}")),
                }
            }
        }
        blobs.sort();
        strangers.sort();
        Ok((blobs, strangers))
    }

    /// Hashes every blob, and looks for everything the catalogue refers to.
    ///
    /// Platforms that an index lists and that were never loaded are absent, which is no problem.
    ///
    /// # Errors
    /// Only where the check itself cannot go on; what it finds is in the report.
    pub fn check(&self) -> Result<Report> {
        // Writers may go on; a collection would take away what we are about to look for.
        let _guard = if self.is_read_only() { None } else { Some(self.lock_shared()?) };
        let mut report =
            Report { names: self.names().len()?, images: self.images().len()?, ..Report::default() };
        let wanted = self.catalog().read(|connection| {
            find_damage(connection, &mut report.problems)?;
            wanted_content(connection)
        })?;
        let (blobs, strangers) = self.list_blobs()?;
        report.blobs = blobs.len() as u64;
        report.bytes = blobs.iter().map(|(_, size)| size).sum();
        report.problems.extend(strangers.into_iter().map(|path| Problem::Stranger { path }));
        report.problems.extend(self.hash(&blobs));

        let sizes: BTreeMap<&Digest, u64> = blobs.iter().map(|(digest, size)| (digest, *size)).collect();
        for (Target { digest, size: wanted, .. }, wanted_by) in wanted {
            match sizes.get(&digest).copied() {
                Some(found) if found == wanted => {}
                Some(found) => report.problems.push(Problem::WrongSize { digest, wanted_by, wanted, found }),
                None => report.problems.push(Problem::MissingContent { digest, wanted_by }),
            }
        }
        self.catalog().read(|connection| {
            for (digest, size) in &blobs {
                if !remove::is_live(connection, digest)? {
                    report.problems.push(Problem::OrphanBlob { digest: digest.clone(), size: *size });
                }
            }
            Ok(())
        })?;
        let unfinished = self.ingests()?;
        report.problems.extend(unfinished.into_iter().map(|(path, size)| Problem::Unfinished { path, size }));
        report.problems.sort();
        report.problems.dedup();
        Ok(report)
    }

    /// Hashes blobs on several threads.
    fn hash(&self, blobs: &[(Digest, u64)]) -> Vec<Problem> {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
        let hash_some = || {
            let mut buffer = vec![0; PIECE];
            let mut problems = Vec::new();
            while let Some((digest, size)) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let path = blob::path(digest);
                let verified = match blob::open(self.root(), &path) {
                    Ok(Some(blob)) => blob::verify(blob, digest, &path, &mut buffer),
                    // Gone since it was listed: what needs it will miss it.
                    Ok(None) => continue,
                    Err(error) => Err(error),
                };
                match verified {
                    Ok(Some(_)) => {}
                    Ok(None) => problems.push(Problem::DamagedBlob { digest: digest.clone(), size: *size }),
                    Err(error) => problems
                        .push(Problem::UnreadableBlob { digest: digest.clone(), reason: reason(&error) }),
                }
            }
            problems
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(hash_some)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }
}

fn reason(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn find_damage(connection: &Connection, problems: &mut Vec<Problem>) -> rusqlite::Result<()> {
    let mut check = connection.prepare("PRAGMA integrity_check(20)")?;
    for line in check.query_map([], |row| row.get::<_, String>(0))? {
        let reason = line?;
        if reason != "ok" {
            problems.push(Problem::DamagedCatalog { reason });
        }
    }
    Ok(())
}

/// All content that the catalogue says is here, and what says so.
fn wanted_content(connection: &Connection) -> rusqlite::Result<Vec<(Target, String)>> {
    let queries = [
        "SELECT media_type, digest, size, 'the name `' || repository || reference || '`' FROM names",
        "SELECT media_type, id, size, 'an image' FROM images",
        "SELECT media_type, digest, size, iif(config IS NULL, 'an index', 'a manifest') FROM documents",
        "SELECT media_type, blob, size, 'the layer `' || diff_id || '`' FROM layer_blobs",
        "SELECT entries.media_type, entries.digest, entries.size, 'the manifest `' || document || '`'
         FROM entries JOIN documents ON documents.digest = document WHERE config IS NOT NULL AND complete",
    ];
    let mut wanted = Vec::new();
    for query in queries {
        let mut select = connection.prepare(query)?;
        for row in select.query_map([], |row| Ok((target_at(row, 0)?, row.get(3)?)))? {
            wanted.push(row?);
        }
    }
    Ok(wanted)
}
