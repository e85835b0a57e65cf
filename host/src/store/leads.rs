//! What leads where: from names by indexes and manifests to images, and back.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _};

use super::catalog::digest_at;
use super::{Association, Images, Names, Result, images, names};
use crate::digest::Digest;
use crate::resolve;
use crate::types::ImageName;

/// The images an index, a manifest or a config leads to, as far as they are here; ascending.
///
/// Small statements: preparing a recursive one takes longer than running all of these.
pub(super) fn images_below(connection: &Connection, target: &Digest) -> rusqlite::Result<Vec<Digest>> {
    let (mut below, mut images) = (BTreeSet::new(), BTreeSet::new());
    let mut layer = vec![target.clone()];
    for _ in 0..=8 {
        let mut next = Vec::new();
        for digest in layer {
            if below.contains(&digest) {
                continue;
            }
            let config = connection
                .prepare_cached("SELECT config FROM documents WHERE digest = ?")?
                .query_row([digest.to_string()], |row| {
                    Ok(if row.get_ref(0)? == ValueRef::Null { None } else { Some(digest_at(row, 0)?) })
                })
                .optional()?;
            match config {
                Some(Some(config)) => images.insert(config),
                Some(None) => {
                    let entries = "SELECT digest FROM entries WHERE document = ?";
                    next.extend(digests(connection, entries, &digest.to_string())?);
                    false
                }
                None => images.insert(digest.clone()),
            };
            below.insert(digest);
        }
        layer = next;
    }
    let mut here = Vec::new();
    for image in images {
        if images::exists(connection, &image)? {
            here.push(image);
        }
    }
    Ok(here)
}

/// Everything that leads to this config: itself, its manifests, the indexes that hold those, eight deep.
pub(super) fn above(connection: &Connection, config: &Digest) -> rusqlite::Result<BTreeSet<Digest>> {
    let mut above = BTreeSet::new();
    let manifests = "SELECT digest FROM documents WHERE config = ?";
    let mut layer = digests(connection, manifests, &config.to_string())?;
    layer.push(config.clone());
    for _ in 0..=8 {
        let mut next = Vec::new();
        for digest in layer {
            if !above.contains(&digest) {
                let indexes = "SELECT document FROM entries WHERE digest = ?";
                next.extend(digests(connection, indexes, &digest.to_string())?);
                above.insert(digest);
            }
        }
        layer = next;
    }
    Ok(above)
}

pub(super) fn digests(
    connection: &Connection,
    query: &str,
    parameter: &str,
) -> rusqlite::Result<Vec<Digest>> {
    let mut select = connection.prepare_cached(query)?;
    let rows = select.query_map([parameter], |row| digest_at(row, 0))?;
    rows.collect()
}

impl Images<'_> {
    /// The names that lead to this image: that point at its config, at a manifest of it, or at an index that
    /// holds one; by name.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn names(&self, id: &Digest) -> Result<Vec<Association>> {
        self.store.catalog().read(|connection| {
            let snapshot = connection.unchecked_transaction()?;
            let mut names = Vec::new();
            for digest in above(&snapshot, id)? {
                names.extend(names::at(&snapshot, &digest)?);
            }
            names.sort_by_cached_key(|association| resolve::name(&association.name));
            Ok(names)
        })
    }

    /// The names that lead to each image that has any; by name for each.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn all_names(&self) -> Result<BTreeMap<Digest, Vec<ImageName>>> {
        let rows = self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "WITH RECURSIVE below (start, digest, depth) AS (
                     SELECT DISTINCT digest, digest, 0 FROM names
                     UNION
                     SELECT start, entries.digest, depth + 1 FROM below
                     JOIN documents ON documents.digest = below.digest AND config IS NULL
                     JOIN entries ON document = below.digest
                     WHERE depth < 8
                 ), leads (start, image) AS (
                     SELECT start, id FROM below JOIN images ON id = digest
                     UNION
                     SELECT start, id FROM below JOIN documents USING (digest) JOIN images ON id = config
                 )
                 SELECT image, repository, reference FROM leads JOIN names ON digest = start
                 ORDER BY repository || reference",
            )?;
            let rows = select.query_map([], |row| {
                let name = names::name_of(row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
                Ok((digest_at(row, 0)?, name))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut all = BTreeMap::<Digest, Vec<ImageName>>::new();
        for (image, name) in rows {
            all.entry(image).or_default().push(name);
        }
        Ok(all)
    }
}

impl Names<'_> {
    /// The images that this name leads to and no other name does; ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn only_images(&self, name: &ImageName) -> Result<Vec<Digest>> {
        let Some(target) = self.get(name)? else { return Ok(Vec::new()) };
        let mut only = Vec::new();
        for image in self.store.documents().images(&target.digest)? {
            if self.store.images().names(&image)?.len() == 1 {
                only.push(image);
            }
        }
        Ok(only)
    }
}
