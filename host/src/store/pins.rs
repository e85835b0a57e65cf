//! Pins: who outside the store needs an image, by the name they give themselves.
//!
//! A pinned image is not removed, whatever is forced, and so nothing it needs is. Names can be taken from
//! it. Pins play the part that containers play in Docker.

use rusqlite::{Connection, params};

use super::catalog::digest_at;
use super::error::{StoreError, catalog};
use super::record::now;
use super::{Result, Store, images};
use crate::digest::Digest;

/// The longest name a holder can have, in bytes.
pub const HOLDER_LIMIT: usize = 256;

/// An image and who needs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pin {
    /// The image's ID.
    pub image: Digest,
    /// Who needs it.
    pub holder: String,
}

/// The store's pins.
pub struct Pins<'a> {
    store: &'a Store,
}

/// Who needs this image, by name.
pub(super) fn holders(connection: &Connection, image: &Digest) -> rusqlite::Result<Vec<String>> {
    let mut select = connection.prepare_cached("SELECT holder FROM pins WHERE image = ? ORDER BY holder")?;
    let rows = select.query_map([image.to_string()], |row| row.get(0))?;
    rows.collect()
}

/// A holder's name is shown and compared, so it has to be visible text.
fn checked(holder: &str) -> Result<&str> {
    let wrong =
        |reason| Err(StoreError::UnusableHolder { holder: holder.chars().take(400).collect(), reason });
    if holder.trim().is_empty() {
        return wrong("it is empty");
    }
    if holder.len() > HOLDER_LIMIT {
        return wrong("it is longer than 256 bytes");
    }
    if holder.chars().any(char::is_control) {
        return wrong("it has control characters");
    }
    Ok(holder)
}

impl Store {
    /// Who needs which images.
    pub fn pins(&self) -> Pins<'_> {
        Pins { store: self }
    }
}

impl Pins<'_> {
    /// Pins an image for this holder; false where it was already.
    ///
    /// # Errors
    /// [`StoreError::UnknownImage`] where there is no such image, [`StoreError::UnusableHolder`] for a name
    /// that is empty, over 256 bytes, or has control characters.
    pub fn add(&self, image: &Digest, holder: &str) -> Result<bool> {
        let holder = checked(holder)?;
        self.store.write(|transaction| {
            if !images::exists(transaction, image).map_err(catalog("reading"))? {
                return Err(StoreError::UnknownImage { id: image.clone() });
            }
            let insert = "INSERT OR IGNORE INTO pins (image, holder, set_at) VALUES (?, ?, ?)";
            transaction
                .prepare_cached(insert)
                .and_then(|mut insert| insert.execute(params![image.to_string(), holder, now()]))
                .map(|added| added > 0)
                .map_err(catalog("writing"))
        })
    }

    /// Takes this holder's pin from an image; false where there was none. Other holders' pins stay.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be written: the store is read-only, the disk is full, or
    /// another writer held it for longer than the store waits.
    pub fn remove(&self, image: &Digest, holder: &str) -> Result<bool> {
        self.store.write(|transaction| {
            transaction
                .prepare_cached("DELETE FROM pins WHERE image = ? AND holder = ?")
                .and_then(|mut delete| delete.execute([&image.to_string(), holder]))
                .map(|removed| removed > 0)
                .map_err(catalog("writing"))
        })
    }

    /// Who needs this image, by name.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it for longer than the store
    /// waits.
    pub fn holders(&self, image: &Digest) -> Result<Vec<String>> {
        self.store.catalog().read(|connection| holders(connection, image))
    }

    /// All pins, or this holder's; by image, then by holder.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it for longer than the store
    /// waits.
    pub fn list(&self, holder: Option<&str>) -> Result<Vec<Pin>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT image, holder FROM pins WHERE ?1 IS NULL OR holder = ?1 ORDER BY image, holder",
            )?;
            let rows = select
                .query_map([holder], |row| Ok(Pin { image: digest_at(row, 0)?, holder: row.get(1)? }))?;
            rows.collect()
        })
    }
}
