//! Whether the store is what it says it is.

mod hashing;
mod problem;

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::catalog::{digest_at, target_at};
use super::kept::Kept;
use super::{BLOBS, Result, Store, Target, remove};
use crate::digest::{Algorithm, Digest};

pub(super) use hashing::Known;
pub use problem::{Problem, Report};

/// How far a check goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Do not read blobs: only see whether they are there and as long as they should be.
    pub quick: bool,
}

impl Store {
    /// The blobs there are, with their bytes; ascending. Files that are no blobs are left out.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where content cannot be looked at.
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

    /// Hashes every blob, undoes every layer's compression to find its diff ID, and looks for everything the
    /// catalogue refers to. Documents are not read; [`crate::check::check`] does that, too.
    ///
    /// Platforms that an index lists and that were never loaded are absent, which is no problem.
    ///
    /// # Errors
    /// Only where the check itself cannot go on; what it finds is in the report.
    pub fn check(&self) -> Result<Report> {
        self.check_with(CheckOptions::default())
    }

    /// The same, as far as these options go.
    ///
    /// # Errors
    /// Only where the check itself cannot go on; what it finds is in the report.
    pub fn check_with(&self, options: CheckOptions) -> Result<Report> {
        // Writers may go on; a collection would take away what we are about to look for.
        let _guard = if self.is_read_only() { None } else { Some(self.lock_shared()?) };
        let mut report =
            Report { names: self.names().len()?, images: self.images().len()?, ..Report::default() };
        let (wanted, known) = self.catalog().read(|connection| {
            find_damage(connection, options, &mut report.problems)?;
            find_unknown_layers(connection, &mut report.problems)?;
            Ok((wanted_content(connection)?, Known::of(connection)?))
        })?;
        let (blobs, strangers) = self.list_blobs()?;
        let (kept, more) = self.list_kept()?;
        let strangers = strangers.into_iter().chain(more);
        report.problems.extend(strangers.map(|path| Problem::Stranger { path }));
        if !options.quick {
            report.blobs = blobs.len() as u64;
            report.bytes = blobs.iter().map(|(_, size)| size).sum();
            report.problems.extend(self.hash(&blobs, &known));
        }

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
            for Kept { digest, kind, size } in &kept {
                if !kind.is_live(connection, digest)? {
                    let path = kind.path(digest);
                    report.problems.push(Problem::OrphanIndex { path, size: *size });
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

    /// The content that the catalogue says is here.
    pub(crate) fn wanted(&self) -> Result<Vec<Target>> {
        let wanted = self.catalog().read(wanted_content)?;
        Ok(wanted.into_iter().map(|(target, _)| target).collect())
    }
}

/// Layers of images that are whole by their manifest, without any content known for them.
fn find_unknown_layers(connection: &Connection, problems: &mut Vec<Problem>) -> rusqlite::Result<()> {
    let mut select = connection.prepare(
        "SELECT DISTINCT image, diff_id FROM image_layers l
         WHERE NOT EXISTS (SELECT 1 FROM layer_blobs b WHERE b.diff_id = l.diff_id)
           AND EXISTS (SELECT 1 FROM documents WHERE config = image AND complete)",
    )?;
    for row in select.query_map([], |row| Ok((digest_at(row, 0)?, digest_at(row, 1)?)))? {
        let (image, diff_id) = row?;
        problems.push(Problem::UnknownLayer { image, diff_id });
    }
    Ok(())
}

pub(super) fn find_damage(
    connection: &Connection,
    options: CheckOptions,
    problems: &mut Vec<Problem>,
) -> rusqlite::Result<()> {
    let check = if options.quick { "PRAGMA quick_check(20)" } else { "PRAGMA integrity_check(20)" };
    let mut check = connection.prepare(check)?;
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
