//! Layers: chains of them, and the stored forms of their content.

use rusqlite::{OptionalExtension as _, Transaction, params};

use super::catalog::{digest_at, target_at};
use super::error::catalog;
use super::record::{LayerClaim, LayerRecord, integer};
use super::{Result, Store, Target, images};
use crate::digest::Digest;

/// A layer on top of the layers below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLayer {
    /// Identifies the layer with all below it (image-spec, config.md, "Layer ChainID").
    pub chain_id: Digest,
    /// The chain ID of what is below. `None`: nothing.
    pub parent: Option<Digest>,
    /// The digest of its own uncompressed content.
    pub diff_id: Digest,
}

/// The store's layers.
pub struct Layers<'a> {
    store: &'a Store,
}

/// Makes a stored form of a layer known, which was seen to be that.
pub(super) fn insert_blob(transaction: &Transaction<'_>, layer: &LayerRecord) -> rusqlite::Result<()> {
    insert(
        transaction,
        "INSERT INTO layer_blobs (diff_id, blob, media_type, size, unpacked_size, verified)
         VALUES (?, ?, ?, ?, ?, 1)
         ON CONFLICT (diff_id, blob) DO UPDATE SET unpacked_size = excluded.unpacked_size, verified = 1
         WHERE NOT verified",
        &layer.diff_id,
        &layer.blob,
        layer.unpacked_size,
    )
}

/// The same, of one that has not been seen to be that. Its size stands for the one it has uncompressed.
pub(super) fn insert_unverified(transaction: &Transaction<'_>, claim: &LayerClaim) -> rusqlite::Result<()> {
    insert(
        transaction,
        "INSERT OR IGNORE INTO layer_blobs (diff_id, blob, media_type, size, unpacked_size, verified)
         VALUES (?, ?, ?, ?, ?, 0)",
        &claim.diff_id,
        &claim.blob,
        claim.blob.size,
    )
}

fn insert(
    transaction: &Transaction<'_>,
    statement: &str,
    diff_id: &Digest,
    blob: &Target,
    unpacked_size: u64,
) -> rusqlite::Result<()> {
    let diff_id = diff_id.to_string();
    let known = || {
        transaction
            .prepare_cached("SELECT ifnull(max(unpacked_size), 0) FROM layer_blobs WHERE diff_id = ?")?
            .query_row([diff_id.as_str()], |row| row.get::<_, i64>(0))
    };
    let before = known()?;
    transaction.prepare_cached(statement)?.execute(params![
        diff_id,
        blob.digest.to_string(),
        blob.media_type,
        integer(blob.size),
        integer(unpacked_size)
    ])?;
    let more = known()? - before;
    if more == 0 { Ok(()) } else { images::add_size(transaction, &diff_id, more) }
}

pub(super) fn record_at(row: &rusqlite::Row<'_>) -> rusqlite::Result<LayerRecord> {
    Ok(LayerRecord {
        diff_id: digest_at(row, 0)?,
        blob: target_at(row, 1)?,
        unpacked_size: u64::try_from(row.get::<_, i64>(4)?).unwrap_or(0),
    })
}

impl<'a> Layers<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Layers { store }
    }

    /// The layer with this chain ID.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn get(&self, chain_id: &Digest) -> Result<Option<StoredLayer>> {
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached("SELECT parent, diff_id FROM layers WHERE chain_id = ?")?
                .query_row([chain_id.to_string()], |row| {
                    let parent = match row.get_ref(0)? {
                        rusqlite::types::ValueRef::Null => None,
                        _ => Some(digest_at(row, 0)?),
                    };
                    Ok(StoredLayer { chain_id: chain_id.clone(), parent, diff_id: digest_at(row, 1)? })
                })
                .optional()
        })
    }

    /// The layers of an image, base layer first. Empty for an image without layers, or that is not known.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn of_image(&self, id: &Digest) -> Result<Vec<StoredLayer>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT chain_id, diff_id FROM image_layers WHERE image = ? ORDER BY position",
            )?;
            let mut layers: Vec<StoredLayer> = Vec::new();
            let mut rows = select.query([id.to_string()])?;
            while let Some(row) = rows.next()? {
                let parent = layers.last().map(|below| below.chain_id.clone());
                layers.push(StoredLayer {
                    chain_id: digest_at(row, 0)?,
                    parent,
                    diff_id: digest_at(row, 1)?,
                });
            }
            Ok(layers)
        })
    }

    /// Makes a layer known. One that is known already stays as it is.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be written: the store is
    /// read-only, the disk is full, or another writer held it for longer than the store waits. Nothing has
    /// changed then.
    pub fn add(&self, layer: &StoredLayer) -> Result<()> {
        self.store.write(|transaction| {
            transaction
                .prepare_cached("INSERT OR IGNORE INTO layers (chain_id, parent, diff_id) VALUES (?, ?, ?)")
                .and_then(|mut insert| {
                    insert.execute(params![
                        layer.chain_id.to_string(),
                        layer.parent.as_ref().map(Digest::to_string),
                        layer.diff_id.to_string()
                    ])
                })
                .map_err(catalog("writing"))?;
            Ok(())
        })
    }

    /// The stored forms of the content with this diff ID that were verified, the smallest first.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn blobs(&self, diff_id: &Digest) -> Result<Vec<LayerRecord>> {
        self.select(
            "SELECT diff_id, media_type, blob, size, unpacked_size FROM layer_blobs
             WHERE diff_id = ? AND verified ORDER BY size, blob",
            diff_id,
        )
    }

    /// The blobs of which it is said, and not verified yet, that they are the content with this diff ID, the smallest
    /// first.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn unverified(&self, diff_id: &Digest) -> Result<Vec<LayerClaim>> {
        let claims = self.select(
            "SELECT diff_id, media_type, blob, size, unpacked_size FROM layer_blobs
             WHERE diff_id = ? AND NOT verified ORDER BY size, blob",
            diff_id,
        )?;
        Ok(claims.into_iter().map(|claim| LayerClaim { diff_id: claim.diff_id, blob: claim.blob }).collect())
    }

    /// What this stored blob is as a layer. Empty for a blob that is none, or has not been seen unpacked.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](crate::store::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn of_blob(&self, blob: &Digest) -> Result<Vec<LayerRecord>> {
        self.select(
            "SELECT diff_id, media_type, blob, size, unpacked_size FROM layer_blobs
             WHERE blob = ? AND verified ORDER BY diff_id",
            blob,
        )
    }

    fn select(&self, query: &str, digest: &Digest) -> Result<Vec<LayerRecord>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(query)?;
            let rows = select.query_map([digest.to_string()], record_at)?;
            rows.collect()
        })
    }
}
