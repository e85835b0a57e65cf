//! Putting a store right whose catalogue is sound: taking out what cannot be saved.

use std::collections::BTreeSet;

use rusqlite::{Transaction, params};

use super::catalog::{digest_at, target_at};
use super::error::{StoreError, catalog, io};
use super::leads::{above, images_below};
use super::record::integer;
use super::remove::Work;
use super::{Records, Removed, Result, Store, Target, blob, images, names, pins};
use crate::digest::Digest;
use crate::resolve;

/// Something that could not be saved.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum Loss {
    /// An image, and the names and pins it had.
    #[error("the image `{id}`{}{}: it needs `{needed}`, which is damaged or gone", list(", with its names ", .names), list(", which was pinned by ", .holders))]
    Image {
        /// Its ID.
        id: Digest,
        /// The names that led to it and nothing else, in full.
        names: Vec<String>,
        /// Who had pinned it.
        holders: Vec<String>,
        /// The content that is damaged or gone.
        needed: Digest,
    },
    /// Content that was damaged, of a store whose catalogue was lost.
    #[error("the blob `{digest}`: it is damaged")]
    Content {
        /// Its digest.
        digest: Digest,
    },
    /// An index or a manifest.
    #[error("the index or manifest `{digest}`: {reason}")]
    Document {
        /// Its digest.
        digest: Digest,
        /// Why.
        reason: String,
    },
    /// A manifest is kept, and some of what it lists is not.
    #[error("part of the manifest `{digest}`: it lists `{needed}`, which is damaged or gone")]
    Incomplete {
        /// The manifest.
        digest: Digest,
        /// The content that is damaged or gone.
        needed: Digest,
    },
    /// A name whose index or manifest is lost leads to the image itself now.
    #[error("what the name `{name}` pointed at, `{before}`; it points at `{now}` now")]
    Moved {
        /// The name, in full.
        name: String,
        /// What it pointed at.
        before: Digest,
        /// What it points at.
        now: Digest,
    },
    /// A name that leads to nothing any more.
    #[error("the name `{name}`, which pointed at `{target}`")]
    Name {
        /// The name, in full.
        name: String,
        /// What it pointed at.
        target: Digest,
    },
    /// A stored form of a layer that has others.
    #[error("the blob `{blob}`; the layer `{diff_id}` is there in another form")]
    Form {
        /// The blob.
        blob: Digest,
        /// The layer.
        diff_id: Digest,
    },
    /// Rows of a catalogue that could not be read.
    #[error("the {what}, or some of them: they could not be read from the catalogue")]
    Unread {
        /// What they are: `names`, `pins`.
        what: &'static str,
    },
}

fn list(before: &str, texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
    if texts.is_empty() { String::new() } else { format!("{before}{}", texts.join(", ")) }
}

impl Store {
    /// Removes a blob whose bytes are not what its name says, or that the disk no longer gives; false where
    /// they are, after all. One that cannot be read for another reason is left alone, with an error: that may
    /// be helped.
    pub(crate) fn discard(&self, digest: &Digest) -> Result<bool> {
        // Writers find content by its name; one may just have put the right bytes here.
        let _guard = self.lock_exclusive(self.inner.options.patience)?;
        let path = blob::path(digest);
        let whole = match blob::open(self.root(), &path) {
            Ok(None) => return Ok(true),
            Ok(Some(found)) => blob::verify(found, digest, &path, &mut vec![0; 256 << 10]),
            Err(error) => Err(error),
        };
        match whole {
            Ok(Some(_)) => return Ok(false),
            Ok(None) => {}
            Err(StoreError::Io { source, .. }) if is_disk_damage(&source) => {}
            Err(error) => return Err(error),
        }
        self.root().remove_file(&path).map_err(io("removing", path))?;
        Ok(true)
    }

    /// Takes everything out of the catalogue that needs this content, which is damaged or gone, and says
    /// what that costs.
    pub(crate) fn forget(&self, lost: &BTreeSet<Digest>) -> Result<(Vec<Loss>, Removed)> {
        let mut work = Work::default();
        let mut losses = BTreeSet::new();
        self.write(|transaction| {
            let mut images = BTreeSet::new();
            for digest in lost {
                forget_content(transaction, digest, &mut losses, &mut images).map_err(catalog("writing"))?;
            }
            for digest in lost {
                forget_document(transaction, digest, lost, &images, &mut losses, &mut work)?;
            }
            for (id, needed) in images {
                losses.insert(forget_image(transaction, id, needed, &mut work)?);
            }
            for digest in lost {
                for known in names::at(transaction, digest).map_err(catalog("reading"))? {
                    losses.insert(Loss::Name { name: resolve::name(&known.name), target: digest.clone() });
                    work.take_name(transaction, &known.name)?;
                }
            }
            work.sweep(transaction).map_err(catalog("writing"))
        })?;
        let removed = self.clear(work)?;
        let gone = |digest: &Digest| removed.documents.binary_search(digest).is_ok();
        losses.retain(|loss| !matches!(loss, Loss::Incomplete { digest, .. } if gone(digest)));
        Ok((losses.into_iter().collect(), removed))
    }

    /// Records these documents, images and layers anew, in place of what the catalogue had of them.
    pub(crate) fn correct(&self, records: &Records) -> Result<()> {
        self.write(|transaction| {
            let run = |statement: &str, digest: &Digest| {
                transaction.prepare_cached(statement)?.execute([digest.to_string()]).map(drop)
            };
            let clear = || -> rusqlite::Result<()> {
                let indexes = records.indexes.iter().map(|index| &index.target);
                for target in indexes.chain(records.manifests.iter().map(|manifest| &manifest.target)) {
                    transaction
                        .prepare_cached("UPDATE names SET size = ? WHERE digest = ?")?
                        .execute(params![integer(target.size), target.digest.to_string()])?;
                    run("DELETE FROM entries WHERE document = ?", &target.digest)?;
                    run("DELETE FROM documents WHERE digest = ?", &target.digest)?;
                }
                for image in &records.images {
                    run("DELETE FROM image_layers WHERE image = ?", &image.config.digest)?;
                    run("DELETE FROM images WHERE id = ?", &image.config.digest)?;
                }
                for layer in &records.layers {
                    run("DELETE FROM layer_blobs WHERE blob = ?", &layer.blob.digest)?;
                }
                Ok(())
            };
            clear().map_err(catalog("writing"))?;
            records.insert(transaction)?;
            images::measure(transaction).map_err(catalog("writing"))
        })
    }
}

/// What the system says of a disk or a file system that has lost something.
fn is_disk_damage(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let lost = [Errno::IO, Errno::BADMSG, Errno::STALE];
    error.raw_os_error().is_some_and(|code| lost.iter().any(|errno| errno.raw_os_error() == code))
}

/// A blob as a layer, a config, and part of manifests. Images that cannot do without it are added to
/// `images`.
fn forget_content(
    transaction: &Transaction<'_>,
    digest: &Digest,
    losses: &mut BTreeSet<Loss>,
    images: &mut BTreeSet<(Digest, Digest)>,
) -> rusqlite::Result<()> {
    let text = digest.to_string();
    let select = |query: &str, parameter: &str| -> rusqlite::Result<Vec<Digest>> {
        let mut select = transaction.prepare_cached(query)?;
        let rows = select.query_map([parameter], |row| digest_at(row, 0))?;
        rows.collect()
    };
    for diff_id in select("DELETE FROM layer_blobs WHERE blob = ? RETURNING diff_id", &text)? {
        if select("SELECT blob FROM layer_blobs WHERE diff_id = ?", &diff_id.to_string())?.is_empty() {
            let users = select("SELECT image FROM image_layers WHERE diff_id = ?", &diff_id.to_string())?;
            images.extend(users.into_iter().map(|image| (image, digest.clone())));
        } else {
            losses.insert(Loss::Form { blob: digest.clone(), diff_id });
        }
    }
    if images::exists(transaction, digest)? {
        images.insert((digest.clone(), digest.clone()));
    }
    let manifests = "UPDATE documents SET complete = 0 WHERE complete AND config IS NOT NULL AND (config = ?1
        OR digest IN (SELECT document FROM entries WHERE digest = ?1)) RETURNING digest";
    for manifest in select(manifests, &text)? {
        losses.insert(Loss::Incomplete { digest: manifest, needed: digest.clone() });
    }
    Ok(())
}

/// An index or a manifest. Names that pointed at it are pointed at the one image it led to, if that is left.
fn forget_document(
    transaction: &Transaction<'_>,
    digest: &Digest,
    lost: &BTreeSet<Digest>,
    lost_images: &BTreeSet<(Digest, Digest)>,
    losses: &mut BTreeSet<Loss>,
    work: &mut Work,
) -> Result<()> {
    let text = digest.to_string();
    let known = transaction
        .prepare_cached("SELECT 1 FROM documents WHERE digest = ?")
        .and_then(|mut select| select.exists([&text]));
    if !known.map_err(catalog("reading"))? {
        return Ok(());
    }
    let mut below = images_below(transaction, digest).map_err(catalog("reading"))?;
    below.retain(|image| !lost_images.iter().any(|(lost, _)| lost == image));
    for known in names::at(transaction, digest).map_err(catalog("reading"))? {
        let now = match &below[..] {
            [image] if known.name.digest.is_none() => Some(stand_in(transaction, image, lost)?),
            _ => None,
        };
        let name = resolve::name(&known.name);
        work.take_name(transaction, &known.name)?;
        losses.insert(match now {
            Some(now) => {
                names::set(transaction, &known.name, &now, true)?;
                Loss::Moved { name, before: digest.clone(), now: now.digest }
            }
            None => Loss::Name { name, target: digest.clone() },
        });
    }
    let forget = || -> rusqlite::Result<()> {
        transaction.prepare_cached("DELETE FROM entries WHERE document = ?")?.execute([&text])?;
        transaction.prepare_cached("DELETE FROM documents WHERE digest = ?")?.execute([&text])?;
        Ok(())
    };
    forget().map_err(catalog("writing"))?;
    losses.insert(Loss::Document { digest: digest.clone(), reason: "it is damaged or gone".into() });
    Ok(())
}

/// What a name can point at instead: a manifest of the image, or its config.
fn stand_in(transaction: &Transaction<'_>, image: &Digest, lost: &BTreeSet<Digest>) -> Result<Target> {
    let find = || -> rusqlite::Result<Target> {
        let mut select = transaction
            .prepare_cached("SELECT media_type, digest, size FROM documents WHERE config = ? AND complete")?;
        let manifests = select.query_map([image.to_string()], |row| target_at(row, 0))?;
        for manifest in manifests {
            let manifest = manifest?;
            if !lost.contains(&manifest.digest) {
                return Ok(manifest);
            }
        }
        transaction
            .prepare_cached("SELECT media_type, id, size FROM images WHERE id = ?")?
            .query_row(params![image.to_string()], |row| target_at(row, 0))
    };
    find().map_err(catalog("reading"))
}

fn forget_image(transaction: &Transaction<'_>, id: Digest, needed: Digest, work: &mut Work) -> Result<Loss> {
    let mut lost = Vec::new();
    for digest in above(transaction, &id).map_err(catalog("reading"))? {
        for known in names::at(transaction, &digest).map_err(catalog("reading"))? {
            let means = images_below(transaction, &known.target.digest).map_err(catalog("reading"))?;
            if means == std::slice::from_ref(&id) {
                work.take_name(transaction, &known.name)?;
                lost.push(resolve::name(&known.name));
            }
        }
    }
    lost.sort();
    let unpin = || -> rusqlite::Result<_> {
        let holders = pins::holders(transaction, &id)?;
        transaction.prepare_cached("DELETE FROM pins WHERE image = ?")?.execute([id.to_string()])?;
        Ok(holders)
    };
    let holders = unpin().map_err(catalog("writing"))?;
    work.take_image(transaction, &id)?;
    Ok(Loss::Image { id, names: lost, holders, needed })
}

/// An error that says that the catalogue itself cannot be read.
pub(crate) fn is_catalog_damage(error: &StoreError) -> bool {
    matches!(error, StoreError::DamagedCatalog { .. } | StoreError::LostCatalog)
}
