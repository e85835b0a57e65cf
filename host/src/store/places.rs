//! Where in registries the stored blobs are, too: they came from there or went there. A registry can take a blob over from
//! one of its repositories into another, which saves sending it.
//!
//! A place is a hint. What was there may have been removed since.

use rusqlite::{Transaction, params};

use super::error::catalog;
use super::record::now;
use super::{EventRecord, Result, Store, events};
use crate::digest::Digest;

/// How many repositories of one registry are remembered for a blob: the newest.
const KEPT: u32 = 8;

/// A blob, and a repository that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRecord {
    /// The blob.
    pub blob: Digest,
    /// The registry: `host[:port]`.
    pub registry: String,
    /// The path of the repository.
    pub repository: String,
}

/// Where the store's blobs are, too.
pub struct Places<'a> {
    store: &'a Store,
}

impl Store {
    /// Where blobs are beside this store.
    pub fn places(&self) -> Places<'_> {
        Places { store: self }
    }
}

pub(super) fn insert(transaction: &Transaction<'_>, place: &PlaceRecord) -> rusqlite::Result<()> {
    let blob = place.blob.to_string();
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO places (blob, registry, repository, seen_at) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![blob, place.registry, place.repository, now()])?;
    transaction
        .prepare_cached(
            "DELETE FROM places WHERE blob = ?1 AND registry = ?2 AND repository NOT IN
             (SELECT repository FROM places WHERE blob = ?1 AND registry = ?2
              ORDER BY seen_at DESC, repository LIMIT ?3)",
        )?
        .execute(params![blob, place.registry, KEPT])?;
    Ok(())
}

/// Forgets where a blob is that the store does not have any more.
pub(super) fn forget(transaction: &Transaction<'_>, blob: &Digest) -> rusqlite::Result<()> {
    let mut delete = transaction.prepare_cached("DELETE FROM places WHERE blob = ?")?;
    delete.execute([blob.to_string()]).map(drop)
}

impl Places<'_> {
    /// The repositories of a registry that are said to have a blob, the one seen last first; at most 8.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for
    /// longer than the store waits.
    pub fn of(&self, blob: &Digest, registry: &str) -> Result<Vec<String>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT repository FROM places WHERE blob = ? AND registry = ?
                 ORDER BY seen_at DESC, repository",
            )?;
            let rows = select.query_map(params![blob.to_string(), registry], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// Records where blobs went, and what that was, in one transaction.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be written: the store is read-only,
    /// the disk is full, or another writer held it for longer than the store waits.
    pub fn record(&self, places: &[PlaceRecord], events: &[EventRecord]) -> Result<()> {
        self.store.write(|transaction| {
            let write = || {
                places.iter().try_for_each(|place| insert(transaction, place))?;
                events.iter().try_for_each(|event| events::record(transaction, event))
            };
            write().map_err(catalog("writing"))
        })
    }
}
