//! Whether the store is what it says it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusqlite::Connection;

use super::catalog::{digest_at, target_at};
use super::kept::{Comparing, Kept};
use super::{BLOBS, LayerClaim, LayerRecord, Result, Store, StoreError, Target, blob, remove};
use crate::digest::{Algorithm, Digest};
use crate::layer::make::Making;
use crate::layer::transfer::Transfer;

/// Bytes a hashing thread reads at once.
const PIECE: usize = 256 << 10;

/// How far a check goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckOptions {
    /// Do not read blobs: only see whether they are there and as long as they should be.
    pub quick: bool,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Blobs that were read and hashed; none in a quick check.
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
    /// A layer's content cannot be decompressed, though its bytes are what they were.
    #[error("the layer `{digest}` cannot be decompressed: {reason}")]
    UnreadableLayer {
        /// Its blob.
        digest: Digest,
        /// What is wrong with it.
        reason: String,
    },
    /// A layer's content has another diff ID or size than the catalogue says.
    #[error(
        "wanted the diff ID `{wanted}` and {wanted_size} bytes for the layer `{digest}`, found `{found}` and {found_size}"
    )]
    WrongDiffId {
        /// Its blob.
        digest: Digest,
        /// The diff ID the catalogue has.
        wanted: Digest,
        /// The one it has.
        found: Digest,
        /// Bytes uncompressed by the catalogue.
        wanted_size: u64,
        /// Bytes uncompressed.
        found_size: u64,
    },
    /// A layer that came without being undone is another than its image says.
    #[error("wanted the diff ID `{wanted}` for the layer `{digest}`, found `{found}`")]
    WrongLayer {
        /// Its blob.
        digest: Digest,
        /// The diff ID that the image has.
        wanted: Digest,
        /// The one it has.
        found: Digest,
    },
    /// The catalogue does not know which blob is a layer of an image that is said to be whole.
    #[error("nothing is known to be the layer `{diff_id}` of the image `{image}`")]
    UnknownLayer {
        /// The image.
        image: Digest,
        /// The layer.
        diff_id: Digest,
    },
    /// What the catalogue says of an index, a manifest or a config is not what that says itself.
    #[error("the catalogue has {what} of `{digest}` other than it is")]
    WrongRecord {
        /// The document.
        digest: Digest,
        /// What differs.
        what: &'static str,
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
    /// What was made of a layer, for reading in it, is damaged or says something else than the layer. Harmless: it is
    /// made again when it is wanted.
    #[error("what was made of the layer `{digest}`, `{path}`, is not that: {reason}")]
    DamagedIndex {
        /// The layer's blob.
        digest: Digest,
        /// Relative to the root.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was made of a layer that is not here. Harmless; a collection removes it.
    #[error("nothing refers to what `{path}` was made of ({size} bytes)")]
    OrphanIndex {
        /// Relative to the root.
        path: String,
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
        matches!(
            self,
            Problem::OrphanBlob { .. }
                | Problem::DamagedIndex { .. }
                | Problem::OrphanIndex { .. }
                | Problem::Unfinished { .. }
                | Problem::Stranger { .. }
        )
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

    /// Hashes blobs on several threads. What is not known yet to be the layer it is said to be is verified, and
    /// recorded as that.
    pub(super) fn hash(&self, blobs: &[(Digest, u64)], known: &Known) -> Vec<Problem> {
        let next = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, |count| count.get().min(8));
        let hash_some = || {
            let mut buffer = vec![0; PIECE];
            let mut transfer = Transfer::default();
            let mut problems = Vec::new();
            while let Some((digest, size)) = blobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let path = blob::path(digest);
                let blob = match blob::open(self.root(), &path) {
                    Ok(Some(blob)) => blob,
                    // Gone since it was listed: what needs it will miss it.
                    Ok(None) => continue,
                    Err(error) => {
                        problems.push(unreadable(digest, &error));
                        continue;
                    }
                };
                let claims = known.claims.get(digest).map(Vec::as_slice).unwrap_or_default();
                let mut sound = None;
                for claim in claims {
                    match self.verify(claim, &mut transfer) {
                        Ok(found) => sound = found,
                        Err(error) => problems.push(not_the_layer(claim, error)),
                    }
                }
                if sound.is_some() && !known.layers.contains_key(digest) {
                    continue;
                }
                let layer = known.layers.get(digest);
                // Of a plain layer without an index there is nothing more to see than its digest.
                let layer = layer.filter(|layer| layer.diff_id != *digest || self.has_index(digest));
                let found = match layer {
                    Some(layer) => {
                        let mut comparing = Comparing::new(self, layer);
                        let problem = undo(blob, layer, &mut transfer, &mut comparing);
                        if problem.is_none() {
                            problems.extend(comparing.problems);
                        }
                        problem
                    }
                    None => match blob::verify(blob, digest, &path, &mut buffer) {
                        Ok(Some(_)) => None,
                        Ok(None) => Some(Problem::DamagedBlob { digest: digest.clone(), size: *size }),
                        Err(error) => Some(unreadable(digest, &error)),
                    },
                };
                problems.extend(found);
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

fn unreadable(digest: &Digest, error: &StoreError) -> Problem {
    Problem::UnreadableBlob { digest: digest.clone(), reason: reason(error) }
}

/// Hashes a layer and what it is uncompressed, in one go.
fn undo(
    mut blob: super::Blob,
    layer: &LayerRecord,
    transfer: &mut Transfer,
    comparing: &mut Comparing<'_>,
) -> Option<Problem> {
    let (digest, size) = (&layer.blob.digest, blob.size());
    let making = Making::new(comparing);
    let found = match super::undo(&mut blob, digest, layer.diff_id.algorithm(), transfer, Some(making)) {
        Ok(found) => found,
        Err(error) => {
            let reason =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            return Some(Problem::UnreadableBlob { digest: digest.clone(), reason });
        }
    };
    if found.digest != *digest {
        return Some(Problem::DamagedBlob { digest: digest.clone(), size });
    }
    if let Some(made) = &found.made {
        comparing.compare(made);
    }
    match found.uncompressed? {
        Ok(undone) if undone.digest == layer.diff_id && undone.size == layer.unpacked_size => None,
        Ok(undone) => Some(Problem::WrongDiffId {
            digest: digest.clone(),
            wanted: layer.diff_id.clone(),
            found: undone.digest,
            wanted_size: layer.unpacked_size,
            found_size: undone.size,
        }),
        Err(error) => Some(Problem::UnreadableLayer { digest: digest.clone(), reason: error.to_string() }),
    }
}

/// What the catalogue says of stored blobs as layers.
#[derive(Default)]
pub(super) struct Known {
    /// What they are.
    layers: BTreeMap<Digest, LayerRecord>,
    /// What images say they are.
    claims: BTreeMap<Digest, Vec<LayerClaim>>,
}

impl Known {
    fn of(connection: &Connection) -> rusqlite::Result<Known> {
        let mut known = Known::default();
        let mut select = connection
            .prepare("SELECT diff_id, media_type, blob, size, unpacked_size, verified FROM layer_blobs")?;
        for row in select.query_map([], |row| Ok((super::layers::record_at(row)?, row.get(5)?)))? {
            let (layer, verified): (LayerRecord, bool) = row?;
            if verified {
                known.layers.insert(layer.blob.digest.clone(), layer);
            } else {
                let claims = known.claims.entry(layer.blob.digest.clone()).or_default();
                claims.push(LayerClaim { diff_id: layer.diff_id, blob: layer.blob });
            }
        }
        Ok(known)
    }
}

/// Why a blob is not the layer it is said to be, or not even itself.
fn not_the_layer(claim: &LayerClaim, error: StoreError) -> Problem {
    let LayerClaim { diff_id, blob: Target { digest, size, .. } } = claim;
    match error {
        StoreError::WrongLayer { found, .. } => {
            Problem::WrongLayer { digest: digest.clone(), wanted: diff_id.clone(), found }
        }
        StoreError::UnreadableLayer { source, .. } => {
            Problem::UnreadableLayer { digest: digest.clone(), reason: source.to_string() }
        }
        StoreError::Corrupt { .. } => Problem::DamagedBlob { digest: digest.clone(), size: *size },
        error => unreadable(digest, &error),
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

fn reason(error: &StoreError) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
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
