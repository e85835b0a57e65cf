//! What is known of images beside their configs: parents and children, last updates, where they were built.

use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::catalog::digest_at;
use super::error::{StoreError, catalog};
use super::images::{exists, time};
use super::record::now;
use super::{Images, Result};
use crate::digest::Digest;

/// What is known of an image that its config does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageMetadata {
    /// The image this one was built on.
    pub parent: Option<Digest>,
    /// When a name was last given to it, or its builder last touched it. `None`: never.
    pub last_updated: Option<SystemTime>,
    /// It was built on this machine.
    pub built_locally: bool,
}

impl Images<'_> {
    /// The IDs of the images that are no other's parent, ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn heads(&self) -> Result<Vec<Digest>> {
        let heads = "SELECT id FROM images
                     WHERE NOT EXISTS (SELECT 1 FROM children WHERE parent = id) ORDER BY id";
        self.digests(heads, [])
    }

    /// The IDs of the images that have this one as their parent, ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn children(&self, id: &Digest) -> Result<Vec<Digest>> {
        self.store.catalog().read(|connection| children(connection, id))
    }

    /// What is known beside the config. Nothing, for an image whose config is not stored or damaged.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn metadata(&self, id: &Digest) -> Result<ImageMetadata> {
        if !self.is_intact(id)? {
            return Ok(ImageMetadata::default());
        }
        self.store.catalog().read(|connection| metadata(connection, id))
    }

    /// The image this one was built on.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn parent(&self, id: &Digest) -> Result<Option<Digest>> {
        Ok(self.metadata(id)?.parent)
    }

    /// Whether the image was built on this machine. False where its config is not stored.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where the config is damaged.
    pub fn is_built_locally(&self, id: &Digest) -> Result<bool> {
        self.read_config(id)?;
        Ok(self.metadata(id)?.built_locally)
    }

    /// Records which image this one was built on, in place of what was recorded before. Circles are not
    /// looked for.
    ///
    /// # Errors
    /// [`StoreError::UnknownImage`] where there is no image `parent`; [`StoreError::MissingConfig`] and
    /// [`StoreError::Corrupt`] where there is none or a damaged one behind `id`. With the latter two the
    /// parent still has the image among its children until [`Images::replace`], as with moby.
    pub fn set_parent(&self, id: &Digest, parent: &Digest) -> Result<()> {
        let read = self.read_config(id);
        let intact = matches!(read, Ok(Some(_)));
        self.store.write(|transaction| {
            let known = exists(transaction, parent).map_err(catalog("reading"))?;
            if !known {
                return Err(StoreError::UnknownImage { id: parent.clone() });
            }
            set_parent(transaction, id, parent, intact).map_err(catalog("writing"))
        })?;
        match read {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(StoreError::MissingConfig { id: id.clone() }),
            Err(error) => Err(error),
        }
    }

    /// Records that the image was updated now.
    ///
    /// # Errors
    /// [`StoreError::MissingConfig`], [`StoreError::Corrupt`].
    pub fn set_last_updated(&self, id: &Digest) -> Result<()> {
        self.set(id, "last_updated", now())
    }

    /// Records that the image was built on this machine.
    ///
    /// # Errors
    /// [`StoreError::MissingConfig`], [`StoreError::Corrupt`].
    pub fn set_built_locally(&self, id: &Digest) -> Result<()> {
        self.set(id, "built_locally", 1)
    }

    fn set(&self, id: &Digest, column: &'static str, value: i64) -> Result<()> {
        if self.read_config(id)?.is_none() {
            return Err(StoreError::MissingConfig { id: id.clone() });
        }
        self.store.write(|transaction| set(transaction, id, column, value).map_err(catalog("writing")))
    }

    /// Whether the config is stored and has its digest.
    fn is_intact(&self, id: &Digest) -> Result<bool> {
        match self.read_config(id) {
            Ok(config) => Ok(config.is_some()),
            Err(StoreError::Corrupt { .. } | StoreError::TooLarge { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// The images that were built on this one, ascending.
pub(super) fn children(connection: &Connection, id: &Digest) -> rusqlite::Result<Vec<Digest>> {
    let mut select =
        connection.prepare_cached("SELECT child FROM children WHERE parent = ? ORDER BY child")?;
    let rows = select.query_map([id.to_string()], |row| digest_at(row, 0))?;
    rows.collect()
}

/// Records within a transaction that an image was updated now.
pub(super) fn set_last_updated(transaction: &Transaction<'_>, id: &Digest) -> rusqlite::Result<()> {
    set(transaction, id, "last_updated", now())
}

fn set(transaction: &Transaction<'_>, id: &Digest, column: &'static str, value: i64) -> rusqlite::Result<()> {
    let statement = format!(
        "INSERT INTO image_metadata (id, {column}) VALUES (?1, ?2)
         ON CONFLICT (id) DO UPDATE SET {column} = ?2"
    );
    transaction.prepare_cached(&statement)?.execute(params![id.to_string(), value])?;
    Ok(())
}

/// Parent, last update and whether it was built here, from three columns.
pub(super) fn metadata_at(row: &Row<'_>, column: usize) -> rusqlite::Result<ImageMetadata> {
    let parent = match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(digest_at(row, column)?),
    };
    let last_updated = row.get::<_, Option<i64>>(column + 1)?.map(time);
    Ok(ImageMetadata { parent, last_updated, built_locally: row.get(column + 2)? })
}

pub(super) fn metadata(connection: &Connection, id: &Digest) -> rusqlite::Result<ImageMetadata> {
    let found = connection
        .prepare_cached("SELECT parent, last_updated, built_locally FROM image_metadata WHERE id = ?")?
        .query_row([id.to_string()], |row| metadata_at(row, 0))
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Moves an image to another parent. The new parent has it as a child in any case; the image has the parent
/// only if it is intact.
fn set_parent(
    transaction: &Transaction<'_>,
    id: &Digest,
    parent: &Digest,
    intact: bool,
) -> rusqlite::Result<()> {
    let before = metadata(transaction, id)?.parent;
    let (id, parent) = (id.to_string(), parent.to_string());
    if let (Some(before), true) = (before, intact) {
        transaction
            .prepare_cached("DELETE FROM children WHERE parent = ? AND child = ?")?
            .execute([before.to_string(), id.clone()])?;
    }
    transaction
        .prepare_cached("INSERT OR IGNORE INTO children (parent, child) VALUES (?, ?)")?
        .execute([&parent, &id])?;
    if intact {
        transaction
            .prepare_cached(
                "INSERT INTO image_metadata (id, parent) VALUES (?1, ?2)
                 ON CONFLICT (id) DO UPDATE SET parent = ?2",
            )?
            .execute([&id, &parent])?;
    }
    Ok(())
}
