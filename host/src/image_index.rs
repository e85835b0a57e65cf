//! Indexes made and changed in the store: manifest lists, as `podman manifest` makes them.
//!
//! An index is content and does not change: each change makes another one, and the name is moved to it if it still
//! points at the one that was changed. The old one goes with its last name.

mod error;
mod source;

use std::collections::BTreeSet;

use crate::digest::{Algorithm, Digest};
use crate::document::media_type;
use crate::sandbox::Sandbox;
use crate::save::document::index_bytes;
use crate::source::DOCUMENT_LIMIT;
use crate::store::{IndexRecord, NameRecord, Records, Store, StoreError, Target};
use crate::types::manifests::{Document, Index, Kind};
use crate::types::{Descriptor, ImageName};

pub use error::IndexError;
pub use source::take_in;

/// How often a change is made anew where others change the same index at the same time.
const TRIES: usize = 64;

/// An index of the store, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedIndex {
    /// The name that points at it.
    pub name: ImageName,
    /// What it points at.
    pub target: Target,
    /// What that says.
    pub index: Index,
}

/// The index that a name of the store points at. `None`: there is no such name.
///
/// # Errors
///
/// [`IndexError::NotAnIndex`] where it points at something else; other [`IndexError`]s where it cannot be read.
pub fn find(store: &Store, sandbox: &Sandbox, name: &ImageName) -> Result<Option<NamedIndex>, IndexError> {
    let not_an_index = || IndexError::NotAnIndex { name: crate::resolve::name(name) };
    let mut looked = 0;
    let (target, bytes) = loop {
        let Some(target) = store.names().get(name)? else { return Ok(None) };
        let is_document = store.documents().get(&target.digest)?.is_some();
        match if is_document { store.read(&target.digest, DOCUMENT_LIMIT)? } else { None } {
            Some(bytes) => break (target, bytes),
            // Somebody changed the index meanwhile, and the one that was found first is gone.
            None if looked < TRIES && store.names().get(name)?.as_ref() != Some(&target) => looked += 1,
            None if is_document => {
                let wanted_by = format!("the name `{}`", crate::resolve::name(name));
                return Err(StoreError::MissingContent { digest: target.digest, wanted_by }.into());
            }
            // A config under a name is no document.
            None => return Err(not_an_index()),
        }
    };
    match sandbox.parse_manifest(&bytes, None)? {
        Ok(Document::Index(index)) => Ok(Some(NamedIndex { name: name.clone(), target, index })),
        Ok(Document::Manifest(_)) => Err(not_an_index()),
        Err(problem) => Err(IndexError::Document { digest: target.digest, problem }),
    }
}

/// Puts an index under a name that nothing has.
///
/// # Errors
///
/// [`StoreError::TagTaken`] where something has; what [`change`] fails for.
pub fn create(
    store: &Store,
    sandbox: &Sandbox,
    name: &ImageName,
    index: Index,
) -> Result<NamedIndex, IndexError> {
    put(store, sandbox, name, index, None)
}

/// Changes the index that a name points at. `change` is called again, with what there is then, where somebody else was
/// quicker.
///
/// # Errors
///
/// What `change` fails with; [`StoreError::UnknownName`], [`IndexError::NotAnIndex`]; [`IndexError::Document`] for
/// what the component does not take, an index that is too large or has an annotation twice.
pub fn change<E: From<IndexError>>(
    store: &Store,
    sandbox: &Sandbox,
    name: &ImageName,
    mut change: impl FnMut(&mut Index) -> Result<(), E>,
) -> Result<NamedIndex, E> {
    let mut tries = 0;
    loop {
        let found = find(store, sandbox, name)?;
        let unknown = || IndexError::from(StoreError::UnknownName { name: crate::resolve::name(name) });
        let NamedIndex { target, mut index, .. } = found.ok_or_else(unknown)?;
        change(&mut index)?;
        tries += 1;
        match put(store, sandbox, name, index, Some(&target.digest)) {
            Ok(changed) => {
                if changed.target.digest != target.digest {
                    store.discard_index(&target.digest).map_err(IndexError::from)?;
                }
                return Ok(changed);
            }
            Err(IndexError::Store(StoreError::NameMoved { .. })) if tries < TRIES => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Stores an index under a name, in place of this one if the name still points there.
fn put(
    store: &Store,
    sandbox: &Sandbox,
    name: &ImageName,
    index: Index,
    old: Option<&Digest>,
) -> Result<NamedIndex, IndexError> {
    if index.kind == Kind::DockerList && says_more(&index) {
        return Err(IndexError::Unwritable);
    }
    let bytes = index_bytes(&index, &index.entries);
    let digest = Digest::of(&bytes);
    // What is written has to be what is read: numbers of entries, sizes, annotations.
    match sandbox.parse_manifest(&bytes, Some(media_type(index.kind)))? {
        Ok(Document::Index(read)) if read == index => {}
        Ok(_) => return Err(IndexError::Unwritable),
        Err(problem) => return Err(IndexError::Document { digest, problem }),
    }
    let media_type = media_type(index.kind).to_owned();
    let target = Target { media_type, digest, size: bytes.len() as u64 };
    let entries = index.entries.iter().map(Target::try_from).collect::<Result<_, _>>();
    let batch = store.batch()?;
    batch.put(&bytes, Algorithm::Sha256)?;
    batch.finish(&Records {
        indexes: vec![IndexRecord { target: target.clone(), entries: entries.map_err(StoreError::from)? }],
        names: vec![NameRecord { name: name.clone(), target: target.clone(), replace: old.is_some() }],
        unmoved: old.map(|old| (name.clone(), old.clone())).into_iter().collect(),
        ..Records::default()
    })?;
    Ok(NamedIndex { name: name.clone(), target, index })
}

/// Whether it says what a Docker manifest list has no place for.
fn says_more(index: &Index) -> bool {
    let entry = |entry: &Descriptor| !entry.annotations.is_empty() || entry.artifact_type.is_some();
    let whole = !index.annotations.is_empty() || index.artifact_type.is_some() || index.subject.is_some();
    whole || index.entries.iter().any(entry)
}

/// Takes an index's name away. Its images stay, and so does it while something else leads to it.
///
/// # Errors
///
/// [`StoreError::UnknownName`], [`IndexError::NotAnIndex`]; others where it cannot be read or written.
pub fn remove(store: &Store, sandbox: &Sandbox, name: &ImageName) -> Result<NamedIndex, IndexError> {
    let unknown = || StoreError::UnknownName { name: crate::resolve::name(name) };
    let found = find(store, sandbox, name)?.ok_or_else(unknown)?;
    store.names().delete(name)?.ok_or_else(unknown)?;
    store.discard_index(&found.target.digest)?;
    Ok(found)
}

/// Appends entries, each in place of one with its digest.
pub fn add(index: &mut Index, entries: &[Descriptor]) {
    let new: BTreeSet<&str> = entries.iter().map(|entry| entry.digest.as_str()).collect();
    index.entries.retain(|entry| !new.contains(entry.digest.as_str()));
    for (position, entry) in entries.iter().enumerate() {
        if entries.iter().take(position).all(|before| before.digest != entry.digest) {
            index.entries.push(entry.clone());
        }
    }
}

/// Says something in annotations, in place of what they said of the same key; in order of keys.
pub fn annotate(annotations: &mut Vec<(String, String)>, said: &[(String, String)]) {
    for (key, value) in said {
        annotations.retain(|(known, _)| known != key);
        annotations.push((key.clone(), value.clone()));
    }
    annotations.sort();
}
