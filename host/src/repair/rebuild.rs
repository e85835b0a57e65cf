//! A catalogue from the content: documents are found among the blobs and loaded from where they are, as if
//! the store were a layout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cap_std::fs::Dir;

use super::{RepairError, Repaired, fetch};
use crate::digest::Digest;
use crate::document::media_type;
use crate::image::{self, ImageError};
use crate::layer::read_at::ReadAt;
use crate::load::{self, LoadError, load};
use crate::sandbox::Sandbox;
use crate::source::{Content, Root, Source, SourceError};
use crate::store::{
    self, Blob, DOCUMENT_LIMIT, Loss, Problem, Rebuilding, Records, Store, StoreError, Target,
};
use crate::types::Descriptor;
use crate::types::manifests::Document;

/// Makes the catalogue anew and puts it into its place.
pub(super) fn rebuild(
    root: Dir,
    options: &store::Options,
    sandbox: &Sandbox,
    sources: &[Box<dyn Source>],
    repaired: &mut Repaired,
) -> Result<(), RepairError> {
    let rebuilding = Rebuilding::begin(root, options)?;
    let mut salvage = rebuilding.salvage(options);
    let store = rebuilding.store.clone();
    // Nothing may be made known that is not what it should be.
    let mut removed = BTreeSet::new();
    for problem in rebuilding.hash()? {
        if let Problem::DamagedBlob { digest, .. } | Problem::UnreadableBlob { digest, .. } = problem
            && store.discard(&digest)?
        {
            removed.insert(digest);
        }
    }
    let mut documents = documents(&store, sandbox)?;
    fetch_missing(&store, sandbox, sources, &salvage.names, &mut documents, repaired)?;
    let blobs = Blobs::new(&store, documents, &mut repaired.losses)?;
    blobs.load(sandbox, &mut repaired.losses)?;
    lone_images(&store, sandbox)?;
    rebuilding.restore(&mut salvage)?;
    repaired.losses.append(&mut salvage.losses);
    for digest in removed {
        if store.contains(&digest)?.is_none() {
            repaired.losses.push(Loss::Content { digest });
        }
    }
    drop((blobs, store));
    rebuilding.publish()?;
    repaired.rebuilt = true;
    Ok(())
}

/// An index or a manifest among the blobs.
struct Found {
    target: Target,
    document: Document,
}

impl Found {
    /// What it lists, config first.
    fn listed(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, listed) = match &self.document {
            Document::Index(index) => (None, &index.entries),
            Document::Manifest(manifest) => (Some(&manifest.config), &manifest.layers),
        };
        config.into_iter().chain(listed)
    }
}

/// Whether a blob can be a JSON document: nothing else is worth a call of the guest.
fn read_json(store: &Store, digest: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
    let bytes = crate::check::read(store, digest)?;
    Ok(bytes.filter(|bytes| bytes.trim_ascii_start().first() == Some(&b'{')))
}

fn find(store: &Store, sandbox: &Sandbox, digest: &Digest, size: u64) -> Result<Option<Found>, RepairError> {
    if size > DOCUMENT_LIMIT {
        return Ok(None);
    }
    let Some(bytes) = read_json(store, digest)? else { return Ok(None) };
    let Ok(document) = sandbox.parse_manifest(&bytes, None)? else { return Ok(None) };
    let kind = match &document {
        Document::Index(index) => index.kind,
        Document::Manifest(manifest) => manifest.kind,
    };
    let target = Target { media_type: media_type(kind).into(), digest: digest.clone(), size };
    Ok(Some(Found { target, document }))
}

/// All indexes and manifests among the blobs.
fn documents(store: &Store, sandbox: &Sandbox) -> Result<BTreeMap<String, Found>, RepairError> {
    let mut found = BTreeMap::new();
    for (digest, size) in store.blobs()? {
        if let Some(document) = find(store, sandbox, &digest, size)? {
            found.insert(digest.to_string(), document);
        }
    }
    Ok(found)
}

/// Fetches what documents and names want and is not here, from the top down.
fn fetch_missing(
    store: &Store,
    sandbox: &Sandbox,
    sources: &[Box<dyn Source>],
    names: &[store::Association],
    documents: &mut BTreeMap<String, Found>,
    repaired: &mut Repaired,
) -> Result<(), RepairError> {
    if sources.is_empty() {
        return Ok(());
    }
    let mut wanted: Vec<Target> = names.iter().map(|known| known.target.clone()).collect();
    // What a manifest lists belongs to it; what an index lists may never have been here.
    let listed = |found: &Found| -> Vec<Target> {
        let whole = matches!(found.document, Document::Manifest(_));
        let targets = found.listed().filter_map(|listed| Target::try_from(listed).ok());
        if whole { targets.collect() } else { Vec::new() }
    };
    wanted.extend(documents.values().flat_map(listed));
    while let Some(target) = wanted.pop() {
        if store.contains(&target.digest)?.is_some() || !fetch(store, sources, &target)? {
            continue;
        }
        repaired.fetched.push(target.digest.clone());
        if let Some(found) = find(store, sandbox, &target.digest, target.size)? {
            wanted.extend(listed(&found));
            documents.insert(target.digest.to_string(), found);
        }
    }
    Ok(())
}

/// The blobs as a source. What is not whole is hidden.
struct Blobs {
    store: Store,
    roots: Vec<Root>,
    hidden: std::sync::Mutex<BTreeSet<String>>,
}

impl Blobs {
    fn new(
        store: &Store,
        documents: BTreeMap<String, Found>,
        losses: &mut Vec<Loss>,
    ) -> Result<Blobs, RepairError> {
        let mut hidden = BTreeSet::new();
        let mut below = BTreeSet::new();
        for found in documents.values() {
            let Document::Manifest(manifest) = &found.document else {
                below.extend(found.listed().map(|listed| listed.digest.clone()));
                continue;
            };
            for listed in found.listed() {
                let foreign = load::is_foreign(listed);
                let here = match listed.digest.parse() {
                    Ok(digest) => store.contains(&digest)? == Some(listed.size),
                    Err(_) => false,
                };
                if !here && !foreign {
                    let reason = format!("`{}` is not here, which it needs", listed.digest);
                    losses.push(Loss::Document { digest: found.target.digest.clone(), reason });
                    hidden.insert(found.target.digest.to_string());
                    break;
                }
            }
            // A config is not a root, though it may read like one.
            below.insert(manifest.config.digest.clone());
        }
        let roots = documents
            .iter()
            .filter(|(digest, _)| !below.contains(*digest) && !hidden.contains(*digest))
            .map(|(_, found)| Root {
                names: Vec::new(),
                ref_name: None,
                descriptor: Descriptor::from(&found.target),
            })
            .collect();
        Ok(Blobs { store: store.clone(), roots, hidden: hidden.into() })
    }

    fn hide(&self, digest: &Digest) -> bool {
        self.hidden.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(digest.to_string())
    }

    /// Loads everything: all at once, or, where something cannot be loaded, one by one.
    fn load(&self, sandbox: &Sandbox, losses: &mut Vec<Loss>) -> Result<(), RepairError> {
        if self.roots.is_empty() || load(&self.store, self, sandbox, &load::Options::default(), &()).is_ok() {
            return Ok(());
        }
        for (position, root) in self.roots.iter().enumerate() {
            let options = load::Options { roots: vec![position], ..load::Options::default() };
            loop {
                let error = match load(&self.store, self, sandbox, &options, &()) {
                    Ok(_) => break,
                    Err(error) => error,
                };
                let reason = error.to_string();
                match error {
                    LoadError::Sandbox(error) => return Err(error.into()),
                    LoadError::Store(error @ (StoreError::Io { .. } | StoreError::Catalog { .. })) => {
                        return Err(error.into());
                    }
                    // Without this manifest the others of its index may be loaded.
                    LoadError::Layer { manifest, .. } | LoadError::DiffId { manifest, .. }
                        if manifest.to_string() != root.descriptor.digest && self.hide(&manifest) =>
                    {
                        losses.push(Loss::Document { digest: manifest, reason });
                    }
                    _ => {
                        let digest = root.descriptor.digest.parse().map_err(StoreError::from)?;
                        losses.push(Loss::Document { digest, reason });
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Blobs {
    fn blob(&self, target: &Descriptor) -> Result<Option<Blob>, SourceError> {
        let hidden = self.hidden.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if hidden.contains(&target.digest) {
            return Ok(None);
        }
        let digest: Digest = target.digest.parse()?;
        self.store.open_blob(&digest).map_err(|error| SourceError::Read {
            name: target.digest.clone(),
            source: std::io::Error::other(error),
        })
    }
}

impl Source for Blobs {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        let blob = self.blob(target)?;
        Ok(blob.map(|blob| Content { size: blob.size(), reader: Box::new(blob), extent: None }))
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        Ok(self.blob(target)?.map(|blob| Arc::new(blob) as _))
    }
}

/// Images without a manifest: configs all of whose layers are known by now.
fn lone_images(store: &Store, sandbox: &Sandbox) -> Result<(), RepairError> {
    let mut records = Records::default();
    for (digest, size) in store.blobs()? {
        if size > DOCUMENT_LIMIT
            || store.documents().get(&digest)?.is_some()
            || store.images().contains(&digest)?
            || read_json(store, &digest)?.is_none()
        {
            continue;
        }
        let record = match image::find_record(store, sandbox, &digest) {
            Ok(Some(record)) => record,
            Err(ImageError::Sandbox(error)) => return Err(error.into()),
            Ok(None) | Err(_) => continue,
        };
        let mut known = !record.diff_ids.is_empty();
        for diff_id in &record.diff_ids {
            known = known && !store.layers().blobs(diff_id)?.is_empty();
        }
        if known {
            records.images.push(record);
        }
    }
    store.batch()?.finish(&records)?;
    Ok(())
}
