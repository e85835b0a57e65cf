//! Taking names and images out, with what only they needed.
//!
//! One transaction takes them out of the catalogue; then the content that nothing refers to any more is
//! removed, if no writer is at work. A crash in between leaves unreferenced content, which a later
//! collection removes.
//!
//! What keeps what: a name keeps what it points at; an index keeps the manifests it lists; an image keeps
//! its config, its layers, its manifests, and the indexes that hold those. A manifest that is
//! kept by an index only does not keep the layers of an image that was taken out.

use std::collections::BTreeSet;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::catalog::digest_at;
use super::error::{StoreError, catalog};
use super::leads::{above, digests};
use super::{Conflict, EventKind, EventRecord, Result, Store, events, images, names, pins, places, step};
use crate::digest::Digest;
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
    /// Documents, as far as they are some, that may not be needed any more.
    pub(super) candidates: BTreeSet<Digest>,
    /// Content that may not be needed any more.
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
            self.freed.insert(id.clone());
            // No document is kept by the image that lists it as a layer.
            self.candidates.extend(above(transaction, id)?);
            self.freed.extend(release(transaction, &text)?);
            // The top layer goes first, as it does with docker.
            for (diff_id, chain_id) in layers.into_iter().rev() {
                self.freed.extend(forget_layer(transaction, &diff_id)?);
                // Not content by itself, unless the layer is plain; its index goes with it.
                self.freed.insert(diff_id);
                if forget_chain(transaction, &chain_id)? {
                    self.removed.layers.push(chain_id);
                }
            }
            Ok(())
        };
        take().map_err(catalog("writing"))
    }

    /// Removes the documents among and below the candidates that nothing keeps any more.
    pub(super) fn sweep(&mut self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let mut next = std::mem::take(&mut self.candidates);
        while !next.is_empty() {
            let mut below = BTreeSet::new();
            for digest in &next {
                let text = digest.to_string();
                match fate(transaction, &text)? {
                    Fate::Kept => continue,
                    Fate::NoDocument => {}
                    Fate::Manifest { config } => {
                        self.freed.insert(config);
                        self.freed.extend(forget_document(transaction, &text)?);
                        self.removed.documents.push(digest.clone());
                    }
                    Fate::Index => {
                        below.extend(forget_document(transaction, &text)?);
                        self.removed.documents.push(digest.clone());
                    }
                }
                self.freed.insert(digest.clone());
            }
            // Only removing an index can set other documents free: those it lists.
            next = below;
        }
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
/// themselves. Answers with that content.
fn release(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<Vec<Digest>> {
    transaction.prepare_cached("UPDATE documents SET complete = 0 WHERE config = ?")?.execute([id])?;
    digests(
        transaction,
        "SELECT entries.digest FROM entries JOIN documents ON documents.digest = document WHERE config = ?",
        id,
    )
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

/// What becomes of a document when what kept it is gone.
enum Fate {
    /// Something else keeps it.
    Kept,
    /// There is no such document.
    NoDocument,
    Manifest {
        config: Digest,
    },
    Index,
}

fn fate(transaction: &Transaction<'_>, digest: &str) -> rusqlite::Result<Fate> {
    let config = transaction
        .prepare_cached("SELECT config FROM documents WHERE digest = ?")?
        .query_row([digest], |row| {
            Ok(if row.get_ref(0)? == ValueRef::Null { None } else { Some(digest_at(row, 0)?) })
        })
        .optional()?;
    let Some(config) = config else { return Ok(Fate::NoDocument) };
    // A manifest is kept by the image, an index by the images below it.
    let is_dead = match config {
        Some(_) => {
            "SELECT NOT EXISTS (SELECT 1 FROM names WHERE digest = ?1)
                AND NOT EXISTS (SELECT 1 FROM entries JOIN documents ON documents.digest = document
                                WHERE entries.digest = ?1 AND config IS NULL)
                AND NOT EXISTS (SELECT 1 FROM documents WHERE digest = ?1 AND complete
                                  AND EXISTS (SELECT 1 FROM images WHERE id = config))"
        }
        // `CROSS` has SQLite begin with what is below, not with every image there is.
        None => {
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
                                WHERE complete AND EXISTS (SELECT 1 FROM images WHERE id = config))"
        }
    };
    let is_dead: bool = transaction.prepare_cached(is_dead)?.query_row([digest], |row| row.get(0))?;
    Ok(match config {
        _ if !is_dead => Fate::Kept,
        Some(config) => Fate::Manifest { config },
        None => Fate::Index,
    })
}

/// Forgets a document; what it lists.
fn forget_document(transaction: &Transaction<'_>, digest: &str) -> rusqlite::Result<Vec<Digest>> {
    let listed = digests(transaction, "DELETE FROM entries WHERE document = ? RETURNING digest", digest)?;
    transaction.prepare_cached("DELETE FROM documents WHERE digest = ?")?.execute([digest])?;
    Ok(listed)
}
