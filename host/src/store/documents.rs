//! The indexes and manifests that are kept, and what holds what.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::catalog::{digest_at, target_at};
use super::record::{IndexRecord, ManifestRecord, insert_entries, integer};
use super::{Result, Store, Target};
use crate::digest::Digest;

/// The store's indexes and manifests.
pub struct Documents<'a> {
    pub(super) store: &'a Store,
}

/// How deep indexes in indexes are followed upwards; the guest does not go deeper either.
const DEPTH: i64 = 8;

/// The most that one look-up answers with.
const MOST: i64 = 64;

pub(super) fn insert_index(transaction: &Transaction<'_>, index: &IndexRecord) -> rusqlite::Result<()> {
    insert(transaction, &index.target, None, true)?;
    insert_entries(transaction, &index.target.digest, &index.entries)
}

pub(super) fn insert_manifest(
    transaction: &Transaction<'_>,
    manifest: &ManifestRecord,
) -> rusqlite::Result<()> {
    insert(transaction, &manifest.target, Some(&manifest.config.digest), manifest.complete)?;
    insert_entries(transaction, &manifest.target.digest, &manifest.layers)
}

fn insert(
    transaction: &Transaction<'_>,
    target: &Target,
    config: Option<&Digest>,
    complete: bool,
) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO documents (digest, media_type, size, config, complete) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (digest) DO UPDATE SET complete = max(complete, excluded.complete)",
        )?
        .execute(params![
            target.digest.to_string(),
            target.media_type,
            integer(target.size),
            config.map(Digest::to_string),
            complete
        ])?;
    Ok(())
}

impl<'a> Documents<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Documents { store }
    }

    /// The index or manifest with this digest.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn get(&self, digest: &Digest) -> Result<Option<Target>> {
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached("SELECT media_type, digest, size FROM documents WHERE digest = ?")?
                .query_row([digest.to_string()], |row| target_at(row, 0))
                .optional()
        })
    }

    /// All indexes and manifests, in the order in which they came.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn list(&self) -> Result<Vec<Target>> {
        self.store.catalog().read(|connection| {
            let mut select = connection
                .prepare_cached("SELECT media_type, digest, size FROM documents ORDER BY sequence")?;
            let rows = select.query_map([], |row| target_at(row, 0))?;
            rows.collect()
        })
    }

    /// Manifests kept here that have this config, oldest first, at most 64.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn manifests(&self, config: &Digest) -> Result<Vec<Target>> {
        self.targets(
            "SELECT media_type, digest, size FROM documents WHERE config = ?1 ORDER BY sequence DESC LIMIT ?2",
            params![config.to_string(), MOST],
        )
    }

    /// Indexes kept here that hold a manifest with this config, directly or in another index. In the order
    /// in which they came, oldest first; the newest 64.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn indexes(&self, config: &Digest) -> Result<Vec<Target>> {
        self.targets(
            "WITH RECURSIVE above (digest, depth) AS (
                 SELECT digest, 0 FROM documents WHERE config = ?1
                 UNION
                 SELECT document, depth + 1 FROM entries JOIN above ON entries.digest = above.digest
                 WHERE depth < ?3
             )
             SELECT media_type, digest, size FROM documents
             WHERE config IS NULL AND digest IN (SELECT digest FROM above)
             ORDER BY sequence DESC LIMIT ?2",
            params![config.to_string(), MOST, DEPTH],
        )
    }

    /// Indexes kept here that list this digest, oldest first; the newest 64.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn holding(&self, digest: &Digest) -> Result<Vec<Target>> {
        self.targets(
            "SELECT media_type, digest, size FROM documents
             WHERE config IS NULL AND digest IN (SELECT document FROM entries WHERE digest = ?1)
             ORDER BY sequence DESC LIMIT ?2",
            params![digest.to_string(), MOST],
        )
    }

    /// The images that this index, manifest or config leads to, as far as they are here; ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn images(&self, target: &Digest) -> Result<Vec<Digest>> {
        self.store.catalog().read(|connection| super::leads::images_below(connection, target))
    }

    /// What an index lists or a manifest has as layers, in order.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn entries(&self, document: &Digest) -> Result<Vec<Target>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT media_type, digest, size FROM entries WHERE document = ? ORDER BY position",
            )?;
            let rows = select.query_map([document.to_string()], |row| target_at(row, 0))?;
            rows.collect()
        })
    }

    /// The digest of a manifest's config. `None`: no such manifest here.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn config(&self, manifest: &Digest) -> Result<Option<Digest>> {
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached("SELECT config FROM documents WHERE digest = ? AND config IS NOT NULL")?
                .query_row([manifest.to_string()], |row| digest_at(row, 0))
                .optional()
        })
    }

    /// Newest first from the query, oldest first in the answer.
    fn targets(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Target>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(query)?;
            let rows = select.query_map(parameters, |row| target_at(row, 0))?;
            let mut targets = rows.collect::<Result<Vec<_>, _>>()?;
            targets.reverse();
            Ok(targets)
        })
    }
}
