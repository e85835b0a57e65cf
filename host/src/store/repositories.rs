//! Repositories: which there are, their tags, and what belongs to them.

use rusqlite::{OptionalExtension as _, params};

use super::catalog::{digest_at, target_at};
use super::names::{name_of, repository};
use super::record::integer;
use super::{Documents, Names, Result, Target};
use crate::digest::Digest;
use crate::types::ImageName;

/// How many steps content is followed upwards: a config or a layer, its manifest, eight indexes within each other.
const STEPS: i64 = 10;

/// Everything that leads to the digest `?1` in `?2` steps, itself first. Upwards, because what is asked for has few
/// documents above it.
const ABOVE: &str = "
WITH RECURSIVE above (digest, depth) AS (
    SELECT ?1, 0
    UNION
    SELECT document, depth + 1 FROM above JOIN entries USING (digest) WHERE depth < ?2
    UNION
    SELECT documents.digest, depth + 1 FROM above
    JOIN documents ON documents.config = above.digest WHERE depth < ?2
)";

impl Names<'_> {
    /// Goes through the repositories that names are of, each once; in no order that people know.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn each_repository(&self, mut each: impl FnMut(ImageName)) -> Result<()> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached("SELECT DISTINCT repository FROM names")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                each(name_of(row.get_ref(0)?.as_str()?, ""));
            }
            Ok(())
        })
    }

    /// Whether there is any name of this name's repository.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn has_repository(&self, name: &ImageName) -> Result<bool> {
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached("SELECT 1 FROM names WHERE repository = ? LIMIT 1")?
                .exists([repository(name)])
        })
    }

    /// The tags of this name's repository that come after one, byte by byte, in that order; at most `limit`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn tags_after(&self, name: &ImageName, after: &str, limit: usize) -> Result<Vec<String>> {
        self.store.catalog().read(|connection| {
            // Tags begin with `:`; `;` is the character after it.
            let mut select = connection.prepare_cached(
                "SELECT substr(reference, 2) FROM names
                 WHERE repository = ?1 AND reference > ':' || ?2 AND reference < ';' ORDER BY reference LIMIT ?3",
            )?;
            let rows =
                select.query_map(params![repository(name), after, integer(limit as u64)], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Whether a name of this name's repository leads to this content: an index or a manifest it points at, the manifests
    /// of a config it points at, what an index lists, a manifest's config or layers.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn lead_to(&self, name: &ImageName, digest: &Digest) -> Result<bool> {
        self.store.catalog().read(|connection| {
            // `CROSS` has SQLite end with the first name there is.
            connection
                .prepare_cached(&format!(
                    "{ABOVE} SELECT EXISTS (
                         SELECT 1 FROM above CROSS JOIN names USING (digest) WHERE repository = ?3)
                     OR EXISTS (
                         SELECT 1 FROM above CROSS JOIN documents USING (digest)
                         CROSS JOIN names ON names.digest = config WHERE repository = ?3)"
                ))?
                .query_row(params![digest.to_string(), STEPS, repository(name)], |row| row.get(0))
        })
    }
}

impl Documents<'_> {
    /// The bytes that content should have, by the documents that list it. `None`: none does.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn size_of(&self, digest: &Digest) -> Result<Option<u64>> {
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached(
                    "SELECT size FROM documents WHERE digest = ?1
                     UNION ALL SELECT size FROM images WHERE id = ?1
                     UNION ALL SELECT size FROM entries WHERE digest = ?1 LIMIT 1",
                )?
                .query_row([digest.to_string()], |row| row.get::<_, i64>(0))
                .optional()
                .map(|size| size.and_then(|size| u64::try_from(size).ok()))
        })
    }

    /// The indexes and manifests that came after the one with this number (0: all), in the order in which they
    /// came, with their numbers; at most `limit`. The number of the newest is given again when it is removed.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn after(&self, number: u64, limit: usize) -> Result<Vec<(u64, Target)>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT sequence, media_type, digest, size FROM documents
                 WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )?;
            let rows = select.query_map([integer(number), integer(limit as u64)], |row| {
                Ok((u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0), target_at(row, 1)?))
            })?;
            rows.collect()
        })
    }

    /// The digest of the index or manifest with this number.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn numbered(&self, number: u64) -> Result<Option<Digest>> {
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached("SELECT digest FROM documents WHERE sequence = ?")?
                .query_row([integer(number)], |row| digest_at(row, 0))
                .optional()
        })
    }

    /// The indexes and manifests that lead to this content, itself among them where it is one; at most 64.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer than
    /// the store waits.
    pub fn above(&self, digest: &Digest) -> Result<Vec<Digest>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(&format!(
                "{ABOVE} SELECT DISTINCT digest FROM above JOIN documents USING (digest) LIMIT 64"
            ))?;
            let rows = select.query_map(params![digest.to_string(), STEPS], |row| digest_at(row, 0))?;
            rows.collect()
        })
    }
}
