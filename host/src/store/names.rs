//! Names and what they point at: what moby's reference store does.

mod key;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::catalog::{digest_at, target_at};
use super::error::{StoreError, catalog};
use super::record::{integer, now};
use super::{EventKind, Result, Store, Target, events, step};
use crate::digest::Digest;
use crate::types::ImageName;
use key::{Key, written};

pub(super) use key::{is_usable, name_of, repository};

/// A name with what it points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// The name, with either a tag or a digest.
    pub name: ImageName,
    /// What it points at.
    pub target: Target,
}

/// Names that end alike.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// What their repository ends with, domain included.
    pub suffix: &'a str,
    /// Whether only whole components count.
    pub components: bool,
    /// Those with this tag,
    pub tag: Option<&'a str>,
    /// those with a digest,
    pub digested: bool,
    /// and those that point at one of these.
    pub targets: &'a [Digest],
}

/// How many names that end alike are answered with.
const MOST_ENDING: i64 = 256;

/// The store's names. Every look-up but [`Names::ending`] goes by an index, however many names there are.
pub struct Names<'a> {
    pub(super) store: &'a Store,
}

/// What this very name points at.
pub(super) fn find(connection: &Connection, name: &ImageName) -> Result<Option<Target>> {
    Key::of(name)?.find(connection).map_err(catalog("reading"))
}

fn association_at(row: &rusqlite::Row<'_>) -> rusqlite::Result<Association> {
    let name = name_of(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
    Ok(Association { name, target: target_at(row, 2)? })
}

/// The names that point at this content.
pub(super) fn at(connection: &Connection, digest: &Digest) -> rusqlite::Result<Vec<Association>> {
    let mut select = connection.prepare_cached(
        "SELECT repository, reference, media_type, digest, size FROM names WHERE digest = ?",
    )?;
    let rows = select.query_map([digest.to_string()], association_at)?;
    rows.collect()
}

/// Whether the catalogue has this content: as an index, a manifest or a config, or under a name.
fn is_known(connection: &Connection, digest: &Digest) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM documents WHERE digest = ?1)
                 OR EXISTS (SELECT 1 FROM images WHERE id = ?1)
                 OR EXISTS (SELECT 1 FROM names WHERE digest = ?1)",
        )?
        .query_row([digest.to_string()], |row| row.get(0))
}

/// Sets a name within a transaction; false where it points there already.
pub(super) fn set(
    transaction: &Transaction<'_>,
    name: &ImageName,
    target: &Target,
    replace: bool,
) -> Result<bool> {
    let key = Key::of(name)?;
    // `sha256:abc` reads as the repository docker.io/library/sha256, and looks like a digest.
    if name.domain == "docker.io" && name.path == "library/sha256" {
        let reason = "a repository called like a digest algorithm would be taken for a digest";
        return Err(StoreError::UnusableName { name: written(name), reason });
    }
    let write = || catalog("writing");
    let holds = transaction
        .prepare_cached("SELECT digest FROM names WHERE repository = ? AND reference = ?")
        .and_then(|mut holds| {
            holds.query_row(params![key.repository, key.reference], |row| digest_at(row, 0)).optional()
        })
        .map_err(write())?;
    if let Some(found) = holds {
        if found == target.digest {
            return Ok(false);
        }
        let (name, wanted) = (format!("{}{}", key.repository, key.reference), target.digest.clone());
        if key.reference.starts_with('@') {
            return Err(StoreError::DigestTaken { name, wanted, found });
        }
        if !replace {
            return Err(StoreError::TagTaken { name, wanted, found });
        }
    }
    transaction
        .prepare_cached(
            "INSERT OR REPLACE INTO names (repository, reference, media_type, digest, size, set_at)
             VALUES (?, ?, ?, ?, ?, ?)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                key.repository,
                key.reference,
                target.media_type,
                target.digest.to_string(),
                integer(target.size),
                now()
            ])
        })
        .map_err(write())?;
    Ok(true)
}

/// Deletes a name within a transaction, and says so; what it pointed at.
pub(super) fn delete(transaction: &Transaction<'_>, name: &ImageName) -> Result<Option<Target>> {
    let key = Key::of(name)?;
    let deleted = transaction
        .prepare_cached(
            "DELETE FROM names WHERE repository = ? AND reference = ? RETURNING media_type, digest, size",
        )
        .and_then(|mut delete| {
            delete.query_row(params![key.repository, key.reference], |row| target_at(row, 0)).optional()
        })
        .map_err(catalog("writing"))?;
    if let Some(target) = &deleted {
        events::record_name(transaction, EventKind::Untag, name, &target.digest)
            .map_err(catalog("writing"))?;
    }
    Ok(deleted)
}

impl<'a> Names<'a> {
    pub(super) fn new(store: &'a Store) -> Self {
        Names { store }
    }

    /// Points a tag at content. A name without a tag is `latest`.
    ///
    /// # Errors
    /// [`StoreError::UnusableName`] for a name with a digest and for the repository `sha256`,
    /// [`StoreError::TagTaken`] where the tag points at something else and `replace` is false,
    /// [`StoreError::MissingContent`] where the content is not stored.
    pub fn add_tag(&self, name: &ImageName, target: &Target, replace: bool) -> Result<()> {
        if name.digest.is_some() {
            let reason = "a tag cannot be made from a name with a digest";
            return Err(StoreError::UnusableName { name: written(name), reason });
        }
        self.add(name, target, replace)
    }

    /// Points a name with a digest at content. A tag beside the digest is left out.
    ///
    /// # Errors
    /// [`StoreError::UnusableName`] for a name without a digest and for the repository `sha256`,
    /// [`StoreError::DigestTaken`] where the name points at something else,
    /// [`StoreError::MissingContent`] where the content is not stored.
    pub fn add_digest(&self, name: &ImageName, target: &Target) -> Result<()> {
        if name.digest.is_none() {
            let reason = "it has no digest";
            return Err(StoreError::UnusableName { name: written(name), reason });
        }
        self.add(name, target, false)
    }

    fn add(&self, name: &ImageName, target: &Target, replace: bool) -> Result<()> {
        self.store.write(|transaction| self.add_within(transaction, name, target, replace))
    }

    fn add_within(
        &self,
        transaction: &Transaction<'_>,
        name: &ImageName,
        target: &Target,
        replace: bool,
    ) -> Result<()> {
        if self.store.contains(&target.digest)?.is_none() {
            let (digest, wanted_by) = (target.digest.clone(), format!("the name `{}`", written(name)));
            return Err(StoreError::MissingContent { digest, wanted_by });
        }
        // What the catalogue knows had a durable name before it did.
        if !is_known(transaction, &target.digest).map_err(catalog("reading"))? {
            self.store.sync_names([target.digest.algorithm()])?;
        }
        if set(transaction, name, target, replace)? {
            let recorded = events::record_name(transaction, EventKind::Tag, name, &target.digest);
            recorded.map_err(catalog("writing"))?;
        }
        Ok(())
    }

    /// Points all these tags at content, wherever they pointed before, and notes that its images were
    /// updated now: all of it or, with an error, nothing. This is what `tag` does.
    ///
    /// # Errors
    /// [`StoreError::UnusableName`] for a name with a digest and for the repository `sha256`,
    /// [`StoreError::MissingContent`] where the content is not stored.
    pub fn tag(&self, names: &[ImageName], target: &Target) -> Result<()> {
        if let Some(name) = names.iter().find(|name| name.digest.is_some()) {
            let reason = "a tag cannot be made from a name with a digest";
            return Err(StoreError::UnusableName { name: written(name), reason });
        }
        self.store.write(|transaction| {
            for name in names {
                self.add_within(transaction, name, target, true)?;
            }
            let note = || -> rusqlite::Result<()> {
                for image in super::leads::images_below(transaction, &target.digest)? {
                    super::lineage::set_last_updated(transaction, &image)?;
                }
                Ok(())
            };
            note().map_err(catalog("writing"))?;
            step::reached("names-set");
            Ok(())
        })?;
        step::reached("names-committed");
        Ok(())
    }

    /// What this very name points at. Of a tag and a digest the digest counts; without either it is the tag
    /// `latest`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn get(&self, name: &ImageName) -> Result<Option<Target>> {
        let key = Key::of(name)?;
        self.store.catalog().read(|connection| key.find(connection))
    }

    /// What a name of this repository points at, if that has this digest: under some tag the content is
    /// known there.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn get_by_digest(&self, repository: &ImageName, digest: &Digest) -> Result<Option<Target>> {
        let repository = self::repository(repository);
        self.store.catalog().read(|connection| {
            connection
                .prepare_cached(
                    "SELECT media_type, digest, size FROM names WHERE digest = ? AND repository = ? LIMIT 1",
                )?
                .query_row(params![digest.to_string(), repository], |row| target_at(row, 0))
                .optional()
        })
    }

    /// Deletes this very name; content stays. What it pointed at, or `None` where there was no such name.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be written: the store is
    /// read-only, the disk is full, or another writer held it for longer than the store waits. Nothing has
    /// changed then.
    pub fn delete(&self, name: &ImageName) -> Result<Option<Target>> {
        self.store.write(|transaction| delete(transaction, name))
    }

    /// The names that point at this content, by name.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn references(&self, digest: &Digest) -> Result<Vec<ImageName>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT repository, reference FROM names WHERE digest = ? ORDER BY repository || reference",
            )?;
            let rows = select.query_map([digest.to_string()], |row| {
                Ok(name_of(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?))
            })?;
            rows.collect()
        })
    }

    /// The names of this name's repository, by name; tag and digest of `name` do not matter.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn references_by_name(&self, name: &ImageName) -> Result<Vec<Association>> {
        let repository = repository(name);
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT repository, reference, media_type, digest, size FROM names
                 WHERE repository = ? ORDER BY reference",
            )?;
            let rows = select.query_map([repository], association_at)?;
            rows.collect()
        })
    }

    /// Names that end alike, the one that was given first before others; at most 256. All names are gone
    /// through: some 300 ns each.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn ending(&self, ending: &Ending<'_>) -> Result<Vec<Association>> {
        let tag = ending.tag.map(|tag| format!(":{tag}"));
        let before = if ending.components { "/" } else { "" };
        let targets: Vec<String> = ending.targets.iter().map(Digest::to_string).collect();
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT repository, reference, media_type, digest, size FROM names
                 WHERE substr(?2 || repository, -length(?2 || ?1)) = ?2 || ?1
                   AND (reference = ?3 OR (?4 AND substr(reference, 1, 1) = '@')
                        OR instr(?5, ' ' || digest || ' '))
                 ORDER BY set_at, repository, reference LIMIT ?6",
            )?;
            let targets = format!(" {} ", targets.join(" "));
            let parameters = params![ending.suffix, before, tag, ending.digested, targets, MOST_ENDING];
            let rows = select.query_map(parameters, association_at)?;
            rows.collect()
        })
    }

    /// All names, by name.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn list(&self) -> Result<Vec<Association>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT repository, reference, media_type, digest, size FROM names
                 ORDER BY repository, reference",
            )?;
            let rows = select.query_map([], association_at)?;
            rows.collect()
        })
    }

    /// How many names there are.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn len(&self) -> Result<u64> {
        self.store
            .catalog()
            .read(|connection| {
                connection.query_row("SELECT count(*) FROM names", [], |row| row.get::<_, i64>(0))
            })
            .map(|count| u64::try_from(count).unwrap_or(0))
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
}
