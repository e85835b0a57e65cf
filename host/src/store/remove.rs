//! Taking names and images out, with what only they needed.
//!
//! One transaction takes them out of the catalogue; then the content that nothing refers to any more is
//! removed, if no writer is at work. A crash in between leaves unreferenced content, which a later
//! collection removes.
//!
//! What keeps what: a name keeps what it points at; an index keeps the manifests it lists; an image keeps
//! its config, its layers, its manifests, and the indexes that hold those. A manifest that is
//! kept by an index only does not keep the layers of an image that was taken out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::catalog::digest_at;
use super::error::{StoreError, catalog, io};
use super::{
    Association, Conflict, EventKind, EventRecord, Result, Store, blob, events, images, names, pins, places,
    step,
};
use crate::digest::Digest;
use crate::resolve;
use crate::types::ImageName;

/// What to take out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// Names. One that is not there is no error.
    pub names: Vec<ImageName>,
    /// Images, by ID. One that is not there is no error.
    pub images: Vec<Digest>,
}

/// What was taken out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// The names, in the order in which they went.
    pub names: Vec<ImageName>,
    /// The images, in the order in which they went.
    pub images: Vec<Digest>,
    /// The chain IDs of layers that no image has any more; of each image the top layer first.
    pub layers: Vec<Digest>,
    /// Indexes and manifests that nothing needs any more; ascending.
    pub documents: Vec<Digest>,
    /// Content that is gone; ascending.
    pub blobs: Vec<Digest>,
    /// Bytes of that content.
    pub bytes: u64,
    /// A writer was at work, so content was left to the next collection.
    pub deferred: bool,
}

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

fn digests(connection: &Connection, query: &str, parameter: &str) -> rusqlite::Result<Vec<Digest>> {
    let mut select = connection.prepare_cached(query)?;
    let rows = select.query_map([parameter], |row| digest_at(row, 0))?;
    rows.collect()
}

impl super::Images<'_> {
    /// The names that lead to this image: that point at its config, at a manifest of it, or at an index that
    /// holds one; by name.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
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
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
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

impl super::Names<'_> {
    /// The images that this name leads to and no other name does; ascending.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
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

impl Removed {
    /// Adds what another removal took out.
    pub(super) fn add(&mut self, other: Removed) {
        self.names.extend(other.names);
        self.images.extend(other.images);
        self.layers.extend(other.layers);
        self.documents.extend(other.documents);
        self.blobs.extend(other.blobs);
        self.bytes += other.bytes;
        self.deferred |= other.deferred;
    }
}

impl Store {
    /// Takes names and images out, and the content that nothing needs any more. No rules are asked but one:
    /// a pinned image stays. See [`Store::delete`] for Docker's.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where an image is pinned. With an error before or in the transaction nothing
    /// is taken out. Content that cannot be removed afterwards is an error too, and the names and images are
    /// gone then.
    pub fn remove(&self, removal: &Removal) -> Result<Removed> {
        let mut work = Work::default();
        self.write(|transaction| {
            for name in &removal.names {
                work.take_name(transaction, name)?;
            }
            for id in &removal.images {
                work.take_image(transaction, id)?;
            }
            work.sweep(transaction).map_err(catalog("writing"))
        })?;
        step::reached("removed");
        self.clear(work)
    }

    /// Removes the content that what was taken out no longer needs, if no writer is at work.
    pub(super) fn clear(&self, work: Work) -> Result<Removed> {
        let Work { mut removed, freed, .. } = work;
        removed.documents.sort();
        let freed: Vec<Digest> = freed.into_iter().collect();
        let cleared = self.unlink_all(&freed, Duration::ZERO)?;
        removed.deferred = cleared.left > 0;
        removed.bytes = cleared.bytes;
        removed.blobs = cleared.blobs;
        Ok(removed)
    }

    /// Removes a blob nothing refers to; its size. To be called with the exclusive lock held.
    pub(super) fn unlink(&self, connection: &Connection, digest: &Digest) -> Result<Option<u64>> {
        // What was made of it may be all there is: of a diff ID.
        self.unlink_kept(connection, digest)?;
        if is_live(connection, digest).map_err(catalog("reading"))? {
            return Ok(None);
        }
        let Some(size) = self.contains(digest)? else { return Ok(None) };
        let path = blob::path(digest);
        match self.root().remove_file(&path) {
            Ok(()) => Ok(Some(size)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io("removing", path)(error)),
        }
    }
}

/// Whether anything in the catalogue needs this content.
pub(super) fn is_live(connection: &Connection, digest: &Digest) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM images WHERE id = ?1)
                 OR EXISTS (SELECT 1 FROM layer_blobs WHERE blob = ?1)
                 OR EXISTS (SELECT 1 FROM documents WHERE digest = ?1)
                 OR EXISTS (SELECT 1 FROM names WHERE digest = ?1)
                 OR EXISTS (SELECT 1 FROM documents WHERE config = ?1 AND complete)
                 OR EXISTS (SELECT 1 FROM entries JOIN documents ON documents.digest = document
                            WHERE entries.digest = ?1 AND config IS NOT NULL AND complete)",
        )?
        .query_row([digest.to_string()], |row| row.get(0))
}

/// What is being taken out in a transaction.
#[derive(Default)]
pub(super) struct Work {
    pub(super) removed: Removed,
    /// Content that may not be needed any more, and has not been looked at as documents yet.
    pub(super) candidates: BTreeSet<Digest>,
    /// The same, looked at.
    freed: BTreeSet<Digest>,
}

impl Work {
    /// Takes a name out. One that is not there is no error.
    pub(super) fn take_name(&mut self, transaction: &Transaction<'_>, name: &ImageName) -> Result<()> {
        if let Some(target) = names::delete(transaction, name)? {
            self.removed.names.push(name.clone());
            self.candidates.insert(target.digest);
        }
        Ok(())
    }

    /// Takes an image out. One that is not there is no error; one that is pinned stays.
    pub(super) fn take_image(&mut self, transaction: &Transaction<'_>, id: &Digest) -> Result<()> {
        let holders = pins::holders(transaction, id).map_err(catalog("reading"))?;
        if !holders.is_empty() {
            return Err(StoreError::Conflict { image: id.clone(), conflict: Conflict::Pins(holders) });
        }
        let mut take = || -> rusqlite::Result<()> {
            let text = id.to_string();
            let layers = image_layers(transaction, &text)?;
            if !images::delete(transaction, id)? {
                return Ok(());
            }
            events::record(transaction, &EventRecord::new(EventKind::Remove).image(id))?;
            self.removed.images.push(id.clone());
            self.candidates.insert(id.clone());
            self.candidates.extend(release(transaction, id)?);
            // The top layer goes first, as it does with docker.
            for (diff_id, chain_id) in layers.into_iter().rev() {
                self.candidates.extend(forget_layer(transaction, &diff_id)?);
                // Not content by itself, unless the layer is plain; its index goes with it.
                self.candidates.insert(diff_id);
                if forget_chain(transaction, &chain_id)? {
                    self.removed.layers.push(chain_id);
                }
            }
            Ok(())
        };
        take().map_err(catalog("writing"))
    }

    /// Removes the documents that nothing keeps any more.
    pub(super) fn sweep(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut candidates = std::mem::take(&mut self.candidates);
        self.removed.documents.extend(sweep(transaction, &mut candidates)?);
        self.freed.extend(candidates);
        Ok(())
    }
}

/// Diff IDs and chain IDs of an image, base layer first.
fn image_layers(connection: &Connection, id: &str) -> rusqlite::Result<Vec<(Digest, Digest)>> {
    let mut select = connection
        .prepare_cached("SELECT diff_id, chain_id FROM image_layers WHERE image = ? ORDER BY position")?;
    let rows = select.query_map([id], |row| Ok((digest_at(row, 0)?, digest_at(row, 1)?)))?;
    rows.collect()
}

/// The manifests of an image that was taken out no longer keep its content, wherever they are kept
/// themselves. Answers with the manifests, the indexes above them, and the layers.
fn release(transaction: &Transaction<'_>, id: &Digest) -> rusqlite::Result<Vec<Digest>> {
    let mut found: Vec<Digest> = above(transaction, id)?.into_iter().collect();
    let id = id.to_string();
    transaction.prepare_cached("UPDATE documents SET complete = 0 WHERE config = ?")?.execute([&id])?;
    found.extend(digests(
        transaction,
        "SELECT entries.digest FROM entries JOIN documents ON documents.digest = document WHERE config = ?",
        &id,
    )?);
    Ok(found)
}

/// Forgets the content of a layer no image has; its blobs.
fn forget_layer(transaction: &Transaction<'_>, diff_id: &Digest) -> rusqlite::Result<Vec<Digest>> {
    let blobs = digests(
        transaction,
        "DELETE FROM layer_blobs WHERE diff_id = ?1
         AND NOT EXISTS (SELECT 1 FROM image_layers WHERE diff_id = ?1) RETURNING blob",
        &diff_id.to_string(),
    )?;
    blobs.iter().try_for_each(|blob| places::forget(transaction, blob))?;
    Ok(blobs)
}

/// Forgets a chain of layers no image has; false where one has it.
fn forget_chain(transaction: &Transaction<'_>, chain_id: &Digest) -> rusqlite::Result<bool> {
    let forgotten = transaction
        .prepare_cached(
            "DELETE FROM layers WHERE chain_id = ?1
             AND NOT EXISTS (SELECT 1 FROM image_layers WHERE chain_id = ?1)",
        )?
        .execute([chain_id.to_string()])?;
    Ok(forgotten > 0)
}

/// Removes the documents among and below the candidates that nothing keeps, and adds what they pointed at to
/// the candidates. Answers with the documents removed, ascending.
fn sweep(transaction: &Transaction<'_>, candidates: &mut BTreeSet<Digest>) -> rusqlite::Result<Vec<Digest>> {
    let mut gone = BTreeSet::new();
    let mut next: BTreeSet<Digest> = candidates.clone();
    // Removing a document can only set free what it lists.
    while !next.is_empty() {
        let mut freed = BTreeSet::new();
        for digest in &next {
            let text = digest.to_string();
            // Most are none, and what is asked below is much for a layer that many manifests list.
            let document = "SELECT 1 FROM documents WHERE digest = ?";
            if !transaction.prepare_cached(document)?.exists([&text])? {
                continue;
            }
            // `CROSS` has SQLite begin with what is below, not with every image there is.
            let dead = transaction
                .prepare_cached(
                    "WITH RECURSIVE below (digest, depth) AS (
                         SELECT ?1, 0
                         UNION
                         SELECT entries.digest, depth + 1 FROM below
                         JOIN documents ON documents.digest = below.digest AND config IS NULL
                         JOIN entries ON document = below.digest
                         WHERE depth < 8
                     )
                     SELECT NOT EXISTS (SELECT 1 FROM names WHERE digest = ?1)
                        AND NOT EXISTS (SELECT 1 FROM entries JOIN documents ON documents.digest = document
                                        WHERE entries.digest = ?1 AND config IS NULL)
                        AND NOT EXISTS (SELECT 1 FROM below CROSS JOIN documents USING (digest)
                                        WHERE complete
                                          AND EXISTS (SELECT 1 FROM images WHERE id = config))",
                )?
                .query_row([&text], |row| row.get::<_, bool>(0))?;
            if !dead {
                continue;
            }
            freed.extend(digests(transaction, "SELECT digest FROM entries WHERE document = ?", &text)?);
            freed.extend(digests(
                transaction,
                "SELECT config FROM documents WHERE digest = ? AND config IS NOT NULL",
                &text,
            )?);
            transaction.prepare_cached("DELETE FROM entries WHERE document = ?")?.execute([&text])?;
            transaction.prepare_cached("DELETE FROM documents WHERE digest = ?")?.execute([&text])?;
            gone.insert(digest.clone());
        }
        candidates.extend(freed.iter().cloned());
        next = freed;
    }
    Ok(gone.into_iter().collect())
}
