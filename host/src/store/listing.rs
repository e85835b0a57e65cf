//! Everything at once, for lists: a few passes over the catalogue instead of look-ups for each image.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::Connection;

use super::catalog::digest_at;
use super::images::{Images, time};
use super::names::name_of;
use super::{Result, remove};
use crate::digest::Digest;
use crate::types::{ImageName, Platform};

/// All images and the names that lead to them.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// By ID, ascending.
    pub images: Vec<ListedImage>,
    /// By repository, then tags before digests, then image. A name of an index is there once for each of its
    /// images that is here.
    pub names: Vec<ListedName>,
}

/// An image in a listing.
#[derive(Debug, Clone)]
pub struct ListedImage {
    /// The digest of its config.
    pub id: Digest,
    /// The config's platform.
    pub platform: Arc<Platform>,
    /// RFC 3339, as the config has it.
    pub created: Option<Box<str>>,
    /// When the image became known here.
    pub added: SystemTime,
    /// How many layers it has.
    pub layers: u32,
    /// Bytes of all its layers, uncompressed. A layer whose size is not known counts nothing.
    pub unpacked_size: u64,
    /// Images here were built on it.
    pub is_parent: bool,
}

/// A name of an image in a listing.
#[derive(Debug, Clone)]
pub struct ListedName {
    /// The name, with either a tag or a digest.
    pub name: ImageName,
    /// What it points at: an index, a manifest or a config.
    pub target: Digest,
    /// Position of the image.
    pub image: usize,
}

impl Images<'_> {
    /// All images and the names that lead to them.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for longer
    /// than the store waits.
    pub fn listing(&self) -> Result<Listing> {
        self.store.catalog().read(|connection| {
            // One transaction: images and names of one moment.
            let transaction = connection.unchecked_transaction()?;
            let images = images(&transaction)?;
            let names = names(&transaction, &images)?;
            Ok(Listing { images, names })
        })
    }
}

fn images(connection: &Connection) -> rusqlite::Result<Vec<ListedImage>> {
    let parents: HashSet<Digest> = connection
        .prepare_cached("SELECT DISTINCT parent FROM children")?
        .query_map([], |row| digest_at(row, 0))?
        .collect::<Result<_, _>>()?;
    // Images come for few platforms.
    let mut platforms: HashSet<Arc<Platform>> = HashSet::new();
    let mut select = connection.prepare_cached(
        "SELECT id, os, architecture, variant, os_version, os_features, created, added_at, layer_count,
         unpacked_size FROM images ORDER BY id",
    )?;
    let mut rows = select.query([])?;
    let mut images = Vec::new();
    while let Some(row) = rows.next()? {
        let id = digest_at(row, 0)?;
        let features = row.get_ref(5)?.as_str()?;
        let platform = Platform {
            os: row.get(1)?,
            architecture: row.get(2)?,
            variant: row.get(3)?,
            os_version: row.get(4)?,
            os_features: features.split('\n').filter(|feature| !feature.is_empty()).map(Into::into).collect(),
        };
        let platform = match platforms.get(&platform) {
            Some(known) => known.clone(),
            None => {
                let platform = Arc::new(platform);
                platforms.insert(platform.clone());
                platform
            }
        };
        images.push(ListedImage {
            is_parent: parents.contains(&id),
            id,
            platform,
            created: row.get(6)?,
            added: time(row.get(7)?),
            layers: row.get(8)?,
            unpacked_size: u64::try_from(row.get::<_, i64>(9)?).unwrap_or(0),
        });
    }
    Ok(images)
}

fn names(connection: &Connection, images: &[ListedImage]) -> rusqlite::Result<Vec<ListedName>> {
    let position = |id: &Digest| images.binary_search_by(|image| image.id.cmp(id)).ok();
    let mut select = connection.prepare_cached(
        "SELECT names.repository, names.reference, names.digest, documents.digest IS NOT NULL, config
         FROM names LEFT JOIN documents ON documents.digest = names.digest
         ORDER BY names.repository, names.reference",
    )?;
    let mut rows = select.query([])?;
    let mut names = Vec::new();
    // Several names often point at one index.
    let mut below: HashMap<Digest, Vec<usize>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let name = name_of(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
        let target = digest_at(row, 2)?;
        let is_document: bool = row.get(3)?;
        let is_manifest = row.get_ref(4)? != rusqlite::types::ValueRef::Null;
        let mut add =
            |image: usize| names.push(ListedName { name: name.clone(), target: target.clone(), image });
        if is_manifest {
            position(&digest_at(row, 4)?).into_iter().for_each(add);
        } else if !is_document {
            position(&target).into_iter().for_each(add);
        } else {
            if !below.contains_key(&target) {
                let ids = remove::images_below(connection, &target)?;
                below.insert(target.clone(), ids.iter().filter_map(position).collect());
            }
            below.get(&target).into_iter().flatten().for_each(|image| add(*image));
        }
    }
    Ok(names)
}
