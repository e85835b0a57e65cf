//! Removing images by Docker's rules (moby, `daemon/images/image_delete.go`), with pins in the part that
//! running containers play there.
//!
//! By name: the name goes, and with the last tag of a repository its names with a digest; an image without
//! a name left goes too, unless others were built on it or somebody pinned it. The last name of an image
//! that is pinned goes only by force. By ID: the image goes with its names, if it has one tag at most, and
//! any number by force. An image that others were built on or that is pinned stays even then. With an image
//! go those it was built on, up the chain, that have no name, no other child and no pin.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use rusqlite::Transaction;

use super::error::{StoreError, catalog};
use super::leads::{above, images_below};
use super::remove::Work;
use super::{Removed, Result, Store, images, lineage, names, pins, step};
use crate::digest::Digest;
use crate::resolve;
use crate::types::ImageName;

/// How long a transaction goes on when much is to be removed: others wait for it. What goes has no order that the
/// catalogue has, so every transaction writes most of it.
const SLICE: Duration = Duration::from_secs(2);

/// How long others are given between two transactions: longer than their pause between two tries.
const GAP: Duration = Duration::from_millis(10);

/// What is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Doomed {
    /// This name, and what only it keeps.
    Name(ImageName),
    /// The image with this ID, and its names.
    Image(Digest),
}

/// Something to be removed by Docker's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// What.
    pub subject: Doomed,
    /// Remove an image though it has several names, and the last name of one that is pinned. Nothing else
    /// can be forced.
    pub force: bool,
    /// Leave the images it was built on, though nothing needs them any more.
    pub keep_parents: bool,
}

/// What came of deletions.
#[derive(Debug, Default)]
pub struct Deleted {
    /// What was taken out.
    pub removed: Removed,
    /// Which deletions were refused, by position, and why.
    pub refused: Vec<(usize, StoreError)>,
}

/// Why an image stays.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Conflict {
    /// These images were built on it. Cannot be forced.
    Children(Vec<Digest>),
    /// These holders need it. Cannot be forced.
    Pins(Vec<String>),
    /// It has more names than removing it by ID takes away. Can be forced.
    Names(Vec<String>),
    /// Its last name was to go, and these holders need it. Can be forced: the image stays then.
    LastName {
        /// The name.
        name: String,
        /// Who needs it.
        holders: Vec<String>,
    },
}

impl Conflict {
    /// Whether `force` would help.
    pub fn can_be_forced(&self) -> bool {
        matches!(self, Conflict::Names(_) | Conflict::LastName { .. })
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |texts: &mut dyn Iterator<Item = String>| {
            let mut texts: Vec<String> = texts.take(17).map(|text| format!("`{text}`")).collect();
            if texts.len() > 16 {
                texts[16] = "and more".into();
            }
            texts.join(", ")
        };
        match self {
            Conflict::Children(ids) => {
                let ids = list(&mut ids.iter().map(Digest::to_string));
                write!(f, "it has dependent child images: {ids} (cannot be forced)")
            }
            Conflict::Pins(holders) => {
                let holders = list(&mut holders.iter().cloned());
                write!(f, "it is pinned by {holders} (cannot be forced)")
            }
            Conflict::Names(names) => {
                let names = list(&mut names.iter().cloned());
                write!(f, "it is referenced by several names: {names} (must be forced)")
            }
            Conflict::LastName { name, holders } => {
                let holders = list(&mut holders.iter().cloned());
                write!(f, "`{name}` is its last name, and it is pinned by {holders} (must be forced)")
            }
        }
    }
}

impl Store {
    /// Removes names and images by Docker's rules, one after the other, and the content that nothing needs
    /// any more. One that is refused or is not there does not keep the others.
    ///
    /// Many are removed in several transactions, so that others get their turn: a crash in between leaves
    /// some of them removed, each wholly.
    ///
    /// # Errors
    /// Only where the catalogue or content cannot be written; some may be removed then. That one cannot be
    /// removed is in the answer: [`StoreError::Conflict`], [`StoreError::UnknownName`],
    /// [`StoreError::UnknownImage`].
    pub fn delete(&self, deletions: &[Deletion]) -> Result<Deleted> {
        let mut deleted = Deleted::default();
        let mut position = 0;
        while position < deletions.len() {
            if position > 0 {
                std::thread::sleep(GAP);
            }
            let start = Instant::now();
            let mut work = Work::default();
            let refused = self.write(|transaction| {
                let mut refused = Vec::new();
                while let Some(deletion) = deletions.get(position)
                    && start.elapsed() < SLICE
                {
                    match delete(transaction, deletion, &mut work) {
                        Ok(()) => {}
                        Err(error) if is_refusal(&error) => refused.push((position, error)),
                        Err(error) => return Err(error),
                    }
                    position += 1;
                }
                step::reached("images-deleted");
                Ok(refused)
            })?;
            step::reached("removed");
            deleted.refused.extend(refused);
            let removed = self.clear(work)?;
            deleted.removed.add(removed);
        }
        Ok(deleted)
    }
}

fn is_refusal(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Conflict { .. } | StoreError::UnknownName { .. } | StoreError::UnknownImage { .. }
    )
}

/// Nothing is changed where this is refused.
fn delete(transaction: &Transaction<'_>, deletion: &Deletion, work: &mut Work) -> Result<()> {
    match &deletion.subject {
        Doomed::Name(name) => delete_name(transaction, name, deletion, work)?,
        Doomed::Image(id) => delete_image(transaction, id, deletion, work)?,
    }
    work.sweep(transaction).map_err(catalog("writing"))
}

fn delete_name(
    transaction: &Transaction<'_>,
    name: &ImageName,
    deletion: &Deletion,
    work: &mut Work,
) -> Result<()> {
    let Some(target) = names::find(transaction, name)? else {
        return Err(StoreError::UnknownName { name: resolve::name(name) });
    };
    let images = images_below(transaction, &target.digest).map_err(catalog("reading"))?;
    if !deletion.force {
        for image in &images {
            let holders = pins::holders(transaction, image).map_err(catalog("reading"))?;
            if !holders.is_empty() && is_single(&names_of(transaction, image)?) {
                let conflict = Conflict::LastName { name: resolve::name(name), holders };
                return Err(StoreError::Conflict { image: image.clone(), conflict });
            }
        }
    }
    work.take_name(transaction, name)?;
    let same = |other: &ImageName| other.domain == name.domain && other.path == name.path;
    let mut left = left_of(transaction, &images)?;
    let mut others = left.iter().flat_map(|(_, names)| names);
    if name.digest.is_none() && !others.any(|other| same(other) && other.digest.is_none()) {
        let others = left.iter().flat_map(|(_, names)| names).filter(|other| same(other));
        let others: BTreeSet<_> = others.cloned().map(Sortable).collect();
        for Sortable(other) in &others {
            work.take_name(transaction, other)?;
        }
        if !others.is_empty() {
            left = left_of(transaction, &images)?;
        }
    }
    for (image, names) in left {
        if names.is_empty() {
            delete_if_free(transaction, image, deletion.keep_parents, work)?;
        }
    }
    Ok(())
}

/// The images with the names they have.
fn left_of<'a>(
    transaction: &Transaction<'_>,
    images: &'a [Digest],
) -> Result<Vec<(&'a Digest, Vec<ImageName>)>> {
    images.iter().map(|image| Ok((image, names_of(transaction, image)?))).collect()
}

fn delete_image(
    transaction: &Transaction<'_>,
    id: &Digest,
    deletion: &Deletion,
    work: &mut Work,
) -> Result<()> {
    if !images::exists(transaction, id).map_err(catalog("reading"))? {
        return Err(StoreError::UnknownImage { id: id.clone() });
    }
    let names = names_of(transaction, id)?;
    let several = || {
        let several = !names.is_empty() && !is_single(&names) && !deletion.force;
        several.then(|| Conflict::Names(names.iter().map(resolve::name).collect()))
    };
    if let Some(conflict) = conflict(transaction, id)?.or_else(several) {
        return Err(StoreError::Conflict { image: id.clone(), conflict });
    }
    for name in &names {
        // A name that means other images, too, goes on meaning those.
        let target = names::find(transaction, name)?;
        let means = |target: super::Target| images_below(transaction, &target.digest);
        let meant = target.map(means).transpose().map_err(catalog("reading"))?.unwrap_or_default();
        if meant == std::slice::from_ref(id) {
            work.take_name(transaction, name)?;
        }
    }
    take_with_parents(transaction, id, deletion.keep_parents, work)
}

/// Takes out an image that has lost its last name, unless it is needed.
fn delete_if_free(
    transaction: &Transaction<'_>,
    id: &Digest,
    keep_parents: bool,
    work: &mut Work,
) -> Result<()> {
    match conflict(transaction, id)? {
        None => take_with_parents(transaction, id, keep_parents, work),
        Some(_) => Ok(()),
    }
}

fn take_with_parents(
    transaction: &Transaction<'_>,
    id: &Digest,
    keep_parents: bool,
    work: &mut Work,
) -> Result<()> {
    let mut next = Some(id.clone());
    while let Some(id) = next.take() {
        let parent = lineage::metadata(transaction, &id).map_err(catalog("reading"))?.parent;
        work.take_image(transaction, &id)?;
        if let (Some(parent), false) = (parent, keep_parents)
            && images::exists(transaction, &parent).map_err(catalog("reading"))?
            && conflict(transaction, &parent)?.is_none()
            && names_of(transaction, &parent)?.is_empty()
        {
            next = Some(parent);
        }
    }
    Ok(())
}

/// Why an image cannot be removed whatever is forced.
fn conflict(transaction: &Transaction<'_>, id: &Digest) -> Result<Option<Conflict>> {
    let find = || -> rusqlite::Result<_> {
        let children = lineage::children(transaction, id)?;
        if !children.is_empty() {
            return Ok(Some(Conflict::Children(children)));
        }
        let holders = pins::holders(transaction, id)?;
        Ok((!holders.is_empty()).then_some(Conflict::Pins(holders)))
    };
    find().map_err(catalog("reading"))
}

/// The names that lead to an image.
fn names_of(transaction: &Transaction<'_>, id: &Digest) -> Result<Vec<ImageName>> {
    let find = || -> rusqlite::Result<_> {
        let mut found = Vec::new();
        for digest in above(transaction, id)? {
            found.extend(names::at(transaction, &digest)?.into_iter().map(|known| known.name));
        }
        Ok(found)
    };
    let mut found = find().map_err(catalog("reading"))?;
    found.sort_by_cached_key(resolve::name);
    Ok(found)
}

/// Whether there is one tag at most, and nothing outside of one repository (moby, `isSingleReference`).
fn is_single(names: &[ImageName]) -> bool {
    let tags = names.iter().filter(|name| name.digest.is_none()).count();
    let repositories: BTreeSet<_> = names.iter().map(|name| (&name.domain, &name.path)).collect();
    tags <= 1 && repositories.len() == 1
}

/// A name in the order in which names are shown.
#[derive(PartialEq, Eq)]
struct Sortable(ImageName);

impl Ord for Sortable {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        resolve::name(&self.0).cmp(&resolve::name(&other.0))
    }
}

impl PartialOrd for Sortable {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
