//! Facts about content, as whoever asked the guest hands them in.

use std::cell::RefCell;
use std::collections::BTreeSet;

use rusqlite::{Transaction, params};

use super::error::{StoreError, catalog};
use super::{
    EventKind, EventRecord, PlaceRecord, Result, Target, documents, events, images, layers, names, places,
};
use crate::digest::{Algorithm, Digest};
use crate::types::{ImageName, Platform};

/// What one batch makes known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Indexes that are kept, in the order in which they become known.
    pub indexes: Vec<IndexRecord>,
    /// Manifests that are kept.
    pub manifests: Vec<ManifestRecord>,
    /// Images.
    pub images: Vec<ImageRecord>,
    /// Layers, base layers first.
    pub layers: Vec<LayerRecord>,
    /// Blobs of which it has not been seen yet whether they are the layers they are said to be.
    pub unverified: Vec<LayerClaim>,
    /// Names.
    pub names: Vec<NameRecord>,
    /// Where blobs are beside this store.
    pub places: Vec<PlaceRecord>,
    /// What all this is: a pull, a load, an import. Where it is nothing of the kind, each name that is set
    /// is an event of its own.
    pub events: Vec<EventRecord>,
    /// Names that have to point at these digests still, or nothing becomes known.
    pub unmoved: Vec<(ImageName, Digest)>,
}

/// An index or manifest list whose bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexRecord {
    /// The index itself.
    pub target: Target,
    /// What it lists, in order. What of it is stored shows; what is not is absent, which is no fault.
    pub entries: Vec<Target>,
}

/// A manifest whose bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestRecord {
    /// The manifest itself.
    pub target: Target,
    /// Its config.
    pub config: Target,
    /// Its layers, base layer first.
    pub layers: Vec<Target>,
    /// Whether config and layers are stored too, and are to stay as long as the manifest does. False for
    /// a manifest that was kept without what it points at.
    pub complete: bool,
}

/// An image: a config that is stored, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// The config; its digest is the image ID.
    pub config: Target,
    /// The config's platform.
    pub platform: Platform,
    /// RFC 3339, as the config has it.
    pub created: Option<String>,
    /// Base layer first.
    pub diff_ids: Vec<Digest>,
    /// The chain ID of each layer, base layer first: as many as `diff_ids`.
    pub chain_ids: Vec<Digest>,
}

/// A layer's content as it is stored: one diff ID may have several, differently compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRecord {
    /// The digest of the uncompressed content, verified.
    pub diff_id: Digest,
    /// The stored content.
    pub blob: Target,
    /// Bytes of the uncompressed content.
    pub unpacked_size: u64,
}

/// What an image says of a stored blob: that it is this layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerClaim {
    /// The digest that the uncompressed content has to have.
    pub diff_id: Digest,
    /// The stored content.
    pub blob: Target,
}

/// A name and what it is to point at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameRecord {
    /// The name. Without a tag and a digest it is `latest`; of a tag and a digest the digest counts.
    pub name: ImageName,
    /// What it points at: an index, a manifest or a config.
    pub target: Target,
    /// Move the name if it is a tag that points at something else. Otherwise that is an error.
    pub replace: bool,
}

impl Records {
    /// Checks that all the content these records promise is there. Answers with the algorithms of its
    /// digests.
    pub(super) fn require_content(
        &self,
        size_of: impl Fn(&Digest) -> Result<Option<u64>>,
    ) -> Result<BTreeSet<Algorithm>> {
        let algorithms = RefCell::new(BTreeSet::new());
        let require = |target: &Target, wanted_by: &str| match size_of(&target.digest)? {
            Some(size) if size == target.size => {
                algorithms.borrow_mut().insert(target.digest.algorithm());
                Ok(())
            }
            Some(found) => {
                Err(StoreError::SizeMismatch { digest: target.digest.clone(), wanted: target.size, found })
            }
            None => {
                Err(StoreError::MissingContent { digest: target.digest.clone(), wanted_by: wanted_by.into() })
            }
        };
        for index in &self.indexes {
            require(&index.target, "the record of an index")?;
        }
        for manifest in &self.manifests {
            require(&manifest.target, "the record of a manifest")?;
            if manifest.complete {
                let wanted_by = format!("the manifest `{}`", manifest.target.digest);
                require(&manifest.config, &wanted_by)?;
                manifest.layers.iter().try_for_each(|layer| require(layer, &wanted_by))?;
            }
        }
        for image in &self.images {
            require(&image.config, "the record of an image")?;
        }
        for layer in &self.layers {
            require(&layer.blob, "the record of a layer")?;
        }
        for claim in &self.unverified {
            require(&claim.blob, "the record of a layer")?;
        }
        for name in &self.names {
            require(&name.target, &format!("the name `{}/{}`", name.name.domain, name.name.path))?;
        }
        Ok(algorithms.into_inner())
    }

    pub(super) fn insert(&self, transaction: &Transaction<'_>) -> Result<()> {
        let write = || catalog("writing");
        for (name, wanted) in &self.unmoved {
            let found = names::find(transaction, name)?.map(|target| target.digest);
            if found.as_ref() != Some(wanted) {
                let name = crate::resolve::name(name);
                return Err(StoreError::NameMoved { name, wanted: wanted.clone(), found });
            }
        }
        for index in &self.indexes {
            documents::insert_index(transaction, index).map_err(write())?;
        }
        for manifest in &self.manifests {
            documents::insert_manifest(transaction, manifest).map_err(write())?;
        }
        for image in &self.images {
            images::insert(transaction, image).map_err(write())?;
        }
        for layer in &self.layers {
            layers::insert_blob(transaction, layer).map_err(write())?;
        }
        for claim in &self.unverified {
            layers::insert_unverified(transaction, claim).map_err(write())?;
        }
        for name in &self.names {
            if names::set(transaction, &name.name, &name.target, name.replace)? && self.events.is_empty() {
                let (kind, target) = (EventKind::Tag, &name.target.digest);
                events::record_name(transaction, kind, &name.name, target).map_err(write())?;
            }
        }
        for place in &self.places {
            places::insert(transaction, place).map_err(write())?;
        }
        for event in &self.events {
            events::record(transaction, event).map_err(write())?;
        }
        Ok(())
    }
}

/// The size as SQLite has it; sizes are at most 2^63 - 1 by the guest's rules and the host's.
pub(super) fn integer(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let since = crate::clock::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Replaces the entries of a document.
pub(super) fn insert_entries(
    transaction: &Transaction<'_>,
    document: &Digest,
    entries: &[Target],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR IGNORE INTO entries (document, position, media_type, digest, size) VALUES (?, ?, ?, ?, ?)",
    )?;
    let document = document.to_string();
    for (position, entry) in entries.iter().enumerate() {
        let position = integer(position as u64);
        insert.execute(params![
            document,
            position,
            entry.media_type,
            entry.digest.to_string(),
            integer(entry.size)
        ])?;
    }
    Ok(())
}
