//! Images by ID: what moby's image store does, over the catalogue.
//!
//! An image's ID is its config's digest. What the config says is recorded when the image becomes known;
//! what it does not say (parent, last update, whether it was built here) is kept beside it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::catalog::{digest_at, target_at};
use super::error::{StoreError, catalog};
use super::record::{ImageRecord, integer, now};
use super::{DOCUMENT_LIMIT, Result, Store, StoredLayer, Target};
use crate::digest::Digest;
use crate::types::Platform;

/// An image, as the catalogue has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// The config; its digest is the image ID.
    pub config: Target,
    /// The config's platform.
    pub platform: Platform,
    /// RFC 3339, as the config has it.
    pub created: Option<String>,
    /// When the image became known here.
    pub added: SystemTime,
    /// Base layer first.
    pub diff_ids: Vec<Digest>,
    /// The chain ID of the top layer. `None` for an image without layers.
    pub chain_id: Option<Digest>,
    /// Bytes of all its layers, uncompressed. A layer whose size is not known counts nothing.
    pub unpacked_size: u64,
}

/// The store's images.
pub struct Images<'a> {
    pub(super) store: &'a Store,
}

pub(super) fn insert(transaction: &Transaction<'_>, image: &ImageRecord) -> rusqlite::Result<()> {
    let id = image.config.digest.to_string();
    let platform = &image.platform;
    let added = transaction
        .prepare_cached(
            "INSERT OR IGNORE INTO images (id, media_type, size, os, architecture, variant, os_version,
             os_features, created, added_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![
            id,
            image.config.media_type,
            integer(image.config.size),
            platform.os,
            platform.architecture,
            platform.variant,
            platform.os_version,
            platform.os_features.join("\n"),
            image.created,
            now()
        ])?;
    if added == 0 {
        return Ok(());
    }
    let mut layer = transaction.prepare_cached(
        "INSERT OR IGNORE INTO image_layers (image, position, diff_id, chain_id) VALUES (?, ?, ?, ?)",
    )?;
    let mut chain = transaction
        .prepare_cached("INSERT OR IGNORE INTO layers (chain_id, parent, diff_id) VALUES (?, ?, ?)")?;
    let mut parent: Option<String> = None;
    for (position, (diff_id, chain_id)) in image.diff_ids.iter().zip(&image.chain_ids).enumerate() {
        let (diff_id, chain_id) = (diff_id.to_string(), chain_id.to_string());
        layer.execute(params![id, integer(position as u64), diff_id, chain_id])?;
        chain.execute(params![chain_id, parent, diff_id])?;
        parent = Some(chain_id);
    }
    transaction.prepare_cached(&format!("{MEASURE} WHERE id = ?"))?.execute([id])?;
    Ok(())
}

/// Counts an image's layers, and what is known of their sizes.
const MEASURE: &str = "UPDATE images SET
    layer_count = (SELECT count(*) FROM image_layers WHERE image = images.id),
    unpacked_size = (SELECT ifnull(sum((SELECT max(unpacked_size) FROM layer_blobs WHERE diff_id = l.diff_id)), 0)
                     FROM image_layers l WHERE image = images.id)";

/// Measures all images again, where sizes of layers may have been corrected.
pub(super) fn measure(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute(MEASURE, []).map(|_| ())
}

/// Adds the size of a layer, which has just become known, to that of the images that have it.
pub(super) fn add_size(transaction: &Transaction<'_>, diff_id: &str, size: i64) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE images SET unpacked_size = unpacked_size
                 + ?2 * (SELECT count(*) FROM image_layers WHERE image = images.id AND diff_id = ?1)
             WHERE id IN (SELECT image FROM image_layers WHERE diff_id = ?1)",
        )?
        .execute(params![diff_id, size])?;
    Ok(())
}

fn image_at(row: &Row<'_>) -> rusqlite::Result<StoredImage> {
    let features: String = row.get(7)?;
    let digests = |text: Option<String>| -> rusqlite::Result<Vec<Digest>> {
        let parse = |digest: &str| digest.parse().map_err(|_| rusqlite::Error::InvalidQuery);
        text.iter().flat_map(|text| text.split(' ')).map(parse).collect()
    };
    let diff_ids = digests(row.get(10)?)?;
    Ok(StoredImage {
        config: target_at(row, 0)?,
        platform: Platform {
            os: row.get(3)?,
            architecture: row.get(4)?,
            variant: row.get(5)?,
            os_version: row.get(6)?,
            os_features: features.split('\n').filter(|feature| !feature.is_empty()).map(Into::into).collect(),
        },
        created: row.get(8)?,
        added: time(row.get(9)?),
        diff_ids,
        chain_id: digests(row.get(11)?)?.pop(),
        unpacked_size: u64::try_from(row.get::<_, i64>(12)?).unwrap_or(0),
    })
}

const SELECT: &str = "SELECT i.media_type, i.id, i.size, i.os, i.architecture, i.variant, i.os_version,
    i.os_features, i.created, i.added_at,
    (SELECT group_concat(diff_id, ' ' ORDER BY position) FROM image_layers WHERE image = i.id),
    (SELECT chain_id FROM image_layers WHERE image = i.id ORDER BY position DESC LIMIT 1),
    i.unpacked_size
    FROM images i";

pub(super) fn time(nanoseconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(0))
}

/// Whether there is an image with this ID.
pub(super) fn exists(connection: &Connection, id: &Digest) -> rusqlite::Result<bool> {
    connection.prepare_cached("SELECT 1 FROM images WHERE id = ?")?.exists([id.to_string()])
}

impl<'a> Images<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Images { store }
    }

    /// Makes an image known whose config is stored. One that is known already stays as it is.
    ///
    /// # Errors
    /// [`StoreError::MissingContent`] where the config is not stored.
    pub fn create(&self, image: &ImageRecord) -> Result<()> {
        self.store.write(|transaction| {
            let digest = &image.config.digest;
            if self.store.contains(digest)?.is_none() {
                return Err(StoreError::MissingConfig { id: digest.clone() });
            }
            self.store.sync_names([digest.algorithm()])?;
            insert(transaction, image).map_err(catalog("writing"))
        })
    }

    /// The image with this ID, as the catalogue has it. Its config is not looked at.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn get(&self, id: &Digest) -> Result<Option<StoredImage>> {
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached(&format!("{SELECT} WHERE i.id = ?"))?
                .query_row([id.to_string()], image_at)
                .optional()
        })
    }

    /// The config with this digest, verified, whether or not the image is known. `None`: not stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where it is damaged.
    pub fn read_config(&self, id: &Digest) -> Result<Option<Vec<u8>>> {
        self.store.read(id, DOCUMENT_LIMIT)
    }

    /// Whether there is an image with this ID.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn contains(&self, id: &Digest) -> Result<bool> {
        self.store.catalog().read(|connection| exists(connection, id))
    }

    /// All images, by ID.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn list(&self) -> Result<Vec<StoredImage>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(&format!("{SELECT} ORDER BY i.id"))?;
            let rows = select.query_map([], image_at)?;
            rows.collect()
        })
    }

    /// The IDs of all images, ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn ids(&self) -> Result<Vec<Digest>> {
        self.digests("SELECT id FROM images ORDER BY id", [])
    }

    pub(super) fn digests(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Digest>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(query)?;
            let rows = select.query_map(parameters, |row| digest_at(row, 0))?;
            rows.collect()
        })
    }

    /// The images whose top layer is this one on these below it, ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn with_top(&self, layer: &StoredLayer) -> Result<Vec<Digest>> {
        let top = "SELECT image FROM image_layers above
                   WHERE diff_id = ? AND chain_id = ? AND NOT EXISTS (
                       SELECT 1 FROM image_layers WHERE image = above.image AND position = above.position + 1
                   ) ORDER BY image";
        self.digests(top, [layer.diff_id.to_string(), layer.chain_id.to_string()])
    }

    /// The images that have this layer on these below it, ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn with_layer(&self, layer: &StoredLayer) -> Result<Vec<Digest>> {
        let with = "SELECT image FROM image_layers WHERE diff_id = ? AND chain_id = ? ORDER BY image";
        self.digests(with, [layer.diff_id.to_string(), layer.chain_id.to_string()])
    }

    /// How many images there are.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn len(&self) -> Result<u64> {
        let count = self.store.catalog().read(|connection| {
            connection.query_row("SELECT count(*) FROM images", [], |row| row.get::<_, i64>(0))
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Whether there is none.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes these the images there are, as if the store were new and had found them: what is not among
    /// them is forgotten, and children are those whose config is intact. Content is left alone, and so is
    /// what is known beside the configs.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be written: the store is
    /// read-only, the disk is full, or another writer held it for longer than the store waits. Nothing has
    /// changed then.
    pub fn replace(&self, images: &[ImageRecord]) -> Result<()> {
        let intact: std::collections::BTreeSet<String> =
            images.iter().map(|image| image.config.digest.to_string()).collect();
        self.store.write(|transaction| {
            let replace = || -> rusqlite::Result<()> {
                transaction
                    .execute_batch("DELETE FROM image_layers; DELETE FROM images; DELETE FROM children;")?;
                for image in images {
                    insert(transaction, image)?;
                }
                let mut edges = transaction.prepare_cached(
                    "SELECT id, parent FROM image_metadata
                     WHERE id IN (SELECT id FROM images) AND parent IN (SELECT id FROM images)",
                )?;
                let edges: Vec<(String, String)> =
                    edges.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
                let mut insert =
                    transaction.prepare_cached("INSERT INTO children (parent, child) VALUES (?, ?)")?;
                for (child, parent) in edges {
                    if intact.contains(&child) {
                        insert.execute([parent, child])?;
                    }
                }
                Ok(())
            };
            replace().map_err(catalog("writing"))
        })
    }

    /// Forgets an image and removes its config, in the way of moby's image store: its children lose their
    /// parent, names stay. False where there was no such image. See [`Store::remove`] for the whole thing.
    ///
    /// # Errors
    /// [`StoreError::MissingConfig`] and [`StoreError::Corrupt`] where the image's config is not there or
    /// damaged; the image then stays known.
    pub fn delete(&self, id: &Digest) -> Result<bool> {
        if !self.contains(id)? {
            return Ok(false);
        }
        if self.read_config(id)?.is_none() {
            return Err(StoreError::MissingConfig { id: id.clone() });
        }
        let removal = super::Removal { names: Vec::new(), images: vec![id.clone()] };
        Ok(!self.store.remove(&removal)?.images.is_empty())
    }
}

/// Forgets an image; false where there was none.
pub(super) fn delete(transaction: &Transaction<'_>, id: &Digest) -> rusqlite::Result<bool> {
    let id = id.to_string();
    let run = |statement: &str| transaction.prepare_cached(statement)?.execute([&id]);
    if run("DELETE FROM images WHERE id = ?")? == 0 {
        return Ok(false);
    }
    run("DELETE FROM image_layers WHERE image = ?")?;
    run("UPDATE image_metadata SET parent = NULL WHERE id IN (SELECT child FROM children WHERE parent = ?)")?;
    run("DELETE FROM children WHERE parent = ?")?;
    run(
        "DELETE FROM children WHERE child = ?1 AND parent = (SELECT parent FROM image_metadata WHERE id = ?1)",
    )?;
    run("DELETE FROM image_metadata WHERE id = ?")?;
    Ok(true)
}
