//! Images by ID: what moby's image store does, over the catalogue.
//!
//! An image's ID is its config's digest. What the config says is recorded when the image becomes known;
//! what it does not say (parent, last update, whether it was built here) is kept beside it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::catalog::{digest_at, target_at};
use super::error::{StoreError, catalog};
use super::record::{ImageRecord, integer, now};
use super::{DOCUMENT_LIMIT, Result, Store, Target};
use crate::digest::{Algorithm, Digest};
use crate::types::Platform;

/// How many candidates a search lists.
pub(super) const CANDIDATES: usize = 16;

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

/// The store's images.
pub struct Images<'a> {
    store: &'a Store,
}

/// What a search goes by: a beginning of hexadecimal digits, of one algorithm or of any.
struct Prefix<'a> {
    algorithms: Vec<Algorithm>,
    hex: &'a str,
}

impl<'a> Prefix<'a> {
    /// `None` where nothing can start with it.
    fn of(text: &'a str) -> Option<Prefix<'a>> {
        let (algorithms, hex) = match text.split_once(':') {
            // An algorithm alone is no digest, and no beginning of one either.
            Some((_, "")) => return None,
            Some((name, hex)) => {
                (Algorithm::ALL.into_iter().filter(|algorithm| algorithm.name() == name).collect(), hex)
            }
            None => (Algorithm::ALL.to_vec(), text),
        };
        let digits = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits && hex.len() <= 128).then_some(Prefix { algorithms, hex })
    }

    /// The images whose IDs start with it, ascending, at most `limit`.
    fn search(&self, connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Target>> {
        // `g` is after every hexadecimal digit, so this is one range of the index.
        let mut select = connection.prepare_cached(
            "SELECT media_type, id, size FROM images WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT ?2",
        )?;
        let mut found = Vec::new();
        for algorithm in &self.algorithms {
            let start = format!("{}:{}", algorithm.name(), self.hex);
            let left = integer((limit - found.len()) as u64);
            for target in select.query_map(params![start, left], |row| target_at(row, 0))? {
                found.push(target?);
            }
        }
        Ok(found)
    }
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
    (SELECT ifnull(sum((SELECT max(unpacked_size) FROM layer_blobs WHERE diff_id = l.diff_id)), 0)
     FROM image_layers l WHERE image = i.id)
    FROM images i";

fn time(nanoseconds: i64) -> SystemTime {
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

    pub(super) fn store(&self) -> &'a Store {
        self.store
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
            insert(transaction, image).map_err(catalog("writing"))
        })
    }

    /// The image with this ID, as the catalogue has it. Its config is not looked at.
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
    pub fn contains(&self, id: &Digest) -> Result<bool> {
        self.store.catalog().read(|connection| exists(connection, id))
    }

    /// The one image whose ID starts with `prefix`, which may carry an algorithm (`sha256:4f`). An empty
    /// prefix is the beginning of every ID.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`] where there are several, with up to 16 of them.
    pub fn search(&self, prefix: &str) -> Result<Option<Digest>> {
        let mut candidates = self.candidates(prefix)?;
        match candidates.len() {
            0 => Ok(None),
            1 => Ok(candidates.pop().map(|config| config.digest)),
            _ => {
                let candidates = candidates.into_iter().map(|config| config.digest).collect();
                Err(StoreError::Ambiguous { prefix: prefix.into(), candidates })
            }
        }
    }

    /// The configs of images whose ID starts with `prefix`, ascending, at most 16.
    pub fn candidates(&self, prefix: &str) -> Result<Vec<Target>> {
        let Some(prefix) = Prefix::of(prefix) else { return Ok(Vec::new()) };
        self.store.catalog().read(|connection| prefix.search(connection, CANDIDATES))
    }

    /// All images, by ID.
    pub fn list(&self) -> Result<Vec<StoredImage>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(&format!("{SELECT} ORDER BY i.id"))?;
            let rows = select.query_map([], image_at)?;
            rows.collect()
        })
    }

    /// The IDs of all images, ascending.
    pub fn ids(&self) -> Result<Vec<Digest>> {
        self.digests("SELECT id FROM images ORDER BY id", [])
    }

    /// The IDs of the images that are no other's parent, ascending.
    pub fn heads(&self) -> Result<Vec<Digest>> {
        let heads = "SELECT id FROM images
                     WHERE NOT EXISTS (SELECT 1 FROM children WHERE parent = id) ORDER BY id";
        self.digests(heads, [])
    }

    /// The IDs of the images that have this one as their parent, ascending.
    pub fn children(&self, id: &Digest) -> Result<Vec<Digest>> {
        self.digests("SELECT child FROM children WHERE parent = ? ORDER BY child", [id.to_string()])
    }

    fn digests(&self, query: &str, parameters: impl rusqlite::Params) -> Result<Vec<Digest>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(query)?;
            let rows = select.query_map(parameters, |row| digest_at(row, 0))?;
            rows.collect()
        })
    }

    /// How many images there are.
    pub fn len(&self) -> Result<u64> {
        let count = self.store.catalog().read(|connection| {
            connection.query_row("SELECT count(*) FROM images", [], |row| row.get::<_, i64>(0))
        })?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// What is known beside the config. Nothing, for an image whose config is not stored or damaged.
    pub fn metadata(&self, id: &Digest) -> Result<ImageMetadata> {
        if !self.is_intact(id)? {
            return Ok(ImageMetadata::default());
        }
        self.store.catalog().read(|connection| metadata(connection, id))
    }

    /// The image this one was built on.
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
        let statement = format!(
            "INSERT INTO image_metadata (id, {column}) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET {column} = ?2"
        );
        self.store.write(|transaction| {
            transaction
                .prepare_cached(&statement)
                .and_then(|mut set| set.execute(params![id.to_string(), value]))
                .map_err(catalog("writing"))?;
            Ok(())
        })
    }

    /// Whether the config is stored and has its digest.
    fn is_intact(&self, id: &Digest) -> Result<bool> {
        match self.read_config(id) {
            Ok(config) => Ok(config.is_some()),
            Err(StoreError::Corrupt { .. } | StoreError::TooLarge { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes these the images there are, as if the store were new and had found them: what is not among
    /// them is forgotten, and children are those whose config is intact. Content is left alone, and so is
    /// what is known beside the configs.
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

fn metadata(connection: &Connection, id: &Digest) -> rusqlite::Result<ImageMetadata> {
    let found = connection
        .prepare_cached("SELECT parent, last_updated, built_locally FROM image_metadata WHERE id = ?")?
        .query_row([id.to_string()], |row| {
            let parent = match row.get_ref(0)? {
                rusqlite::types::ValueRef::Null => None,
                _ => Some(digest_at(row, 0)?),
            };
            let last_updated = row.get::<_, Option<i64>>(1)?.map(time);
            Ok(ImageMetadata { parent, last_updated, built_locally: row.get(2)? })
        })
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
