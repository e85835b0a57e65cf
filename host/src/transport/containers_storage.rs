//! An image in a containers-storage, in place.
//!
//! The storage has layers unpacked, and the manifest as it was pulled: of most images that names compressed layers
//! that are not there any more. What is read and shown is that manifest; each of its layers has another form here,
//! the tar. Who takes the image elsewhere gets a manifest of what is here, as containers/image makes one.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use crate::containers_storage::tar_split::{Map, Rebuilt, TarSplitError};
use crate::containers_storage::{Found, Storage, StorageError, StoredLayer};
use crate::digest::Digest;
use crate::document::media_type;
use crate::layer::read_at::ReadAt;
use crate::sandbox::Sandbox;
use crate::save::document::{index_bytes, manifest_bytes};
use crate::source::{Content, Root, Source, SourceError, docker_name};
use crate::types::manifests::{Document, Kind, Manifest};
use crate::types::{Descriptor, ImageName};

/// The document that has the manifest; the others that are manifests are named by their digests.
const MANIFEST: &str = "manifest";

/// Which manifest an image is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manifests {
    /// The one it came with. The image has all its names.
    Recorded,
    /// One of what is here. The image has the name it was asked for by.
    OfWhatIsHere,
}

/// An image of a storage.
pub struct StoredImage {
    storage: Arc<Storage>,
    root: [Root; 1],
    documents: HashMap<String, Arc<[u8]>>,
    /// By diff ID.
    layers: HashMap<String, StoredLayer>,
    /// What is here of a layer, by the digest that a manifest has.
    forms: HashMap<String, Descriptor>,
}

impl StoredImage {
    /// The image of this name or ID, as [`Storage::find`] finds it. `None`: there is none.
    ///
    /// # Errors
    /// [`SourceError`] where it can be found and not be read, or is not what its records say.
    pub fn open(
        storage: Arc<Storage>,
        name: Option<&ImageName>,
        id: Option<&str>,
        manifests: Manifests,
        sandbox: &Sandbox,
    ) -> Result<Option<StoredImage>, SourceError> {
        let Some(found) = storage.find(name, id) else { return Ok(None) };
        let digest = name.and_then(|name| name.digest.as_deref());
        let mut reading = Reading::new(&storage, sandbox);
        let (bytes, document) = reading.document(found, digest)?;
        let (kind, here) = match &document {
            Document::Manifest(manifest) => (manifest.kind, reading.manifest(found, &bytes, manifest)?),
            Document::Index(index) => {
                let mut entries = Vec::with_capacity(index.entries.len());
                for entry in &index.entries {
                    entries.push(reading.entry(found, entry)?);
                }
                let here =
                    if entries == index.entries { bytes.clone() } else { index_bytes(index, &entries) };
                (index.kind, here)
            }
        };
        let (names, bytes) = match (manifests, name) {
            (Manifests::OfWhatIsHere, Some(name)) => (vec![name.clone()], here),
            (Manifests::OfWhatIsHere, None) => (names(sandbox, found)?, here),
            (Manifests::Recorded, _) => (names(sandbox, found)?, bytes),
        };
        // A digest beside the name is that of the manifest it was asked for by; the one of what is here may be another.
        let digest = Digest::of(&bytes).to_string();
        let is_true = |name: &ImageName| name.digest.as_ref().is_none_or(|known| *known == digest);
        let names = match manifests {
            Manifests::Recorded => names,
            Manifests::OfWhatIsHere => names.into_iter().filter(is_true).collect(),
        };
        let descriptor = reading.put(media_type(kind), bytes);
        let Reading { documents, layers, forms, .. } = reading;
        let root = [Root { names, ref_name: None, descriptor }];
        Ok(Some(StoredImage { storage, root, documents, layers, forms }))
    }

    fn layer<T>(
        &self,
        target: &Descriptor,
        open: impl Fn(&StoredLayer) -> Result<T, SourceError>,
    ) -> Result<Option<T>, SourceError> {
        self.layers.get(&target.digest).map(open).transpose()
    }
}

/// The names of an image, normalised.
fn names(sandbox: &Sandbox, found: Found<'_>) -> Result<Vec<ImageName>, SourceError> {
    let names = found.image.names().map(|name| docker_name(sandbox, name));
    Ok(names.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// What is read to open an image.
struct Reading<'a> {
    storage: &'a Storage,
    sandbox: &'a Sandbox,
    documents: HashMap<String, Arc<[u8]>>,
    layers: HashMap<String, StoredLayer>,
    forms: HashMap<String, Descriptor>,
}

impl<'a> Reading<'a> {
    fn new(storage: &'a Storage, sandbox: &'a Sandbox) -> Self {
        Reading { storage, sandbox, documents: HashMap::new(), layers: HashMap::new(), forms: HashMap::new() }
    }

    /// The manifest or index of this digest that an image has; otherwise its manifest.
    fn document(
        &mut self,
        found: Found<'_>,
        digest: Option<&str>,
    ) -> Result<(Vec<u8>, Document), SourceError> {
        let by_digest = digest.map(|digest| self.storage.document(found, &format!("{MANIFEST}-{digest}")));
        let (bytes, wanted) = match by_digest.transpose()?.flatten() {
            Some(bytes) => (bytes, digest),
            None => {
                let recorded = found.image.documents().find(|(name, _)| *name == MANIFEST);
                let bytes =
                    self.storage.document(found, MANIFEST)?.ok_or_else(|| no_document(found, MANIFEST))?;
                // One that was asked for by its digest has to be that one.
                (bytes, digest.or(recorded.map(|(_, digest)| digest)))
            }
        };
        if let Some(wanted) = wanted {
            held_against(wanted, &bytes)?;
        }
        let parsed = self.sandbox.parse_manifest(&bytes, None)?;
        let document = parsed
            .map_err(|problem| SourceError::Document { name: Digest::of(&bytes).to_string(), problem })?;
        Ok((bytes, document))
    }

    /// An entry of an index, which may be of any image of the storage: what it is of what is here.
    fn entry(&mut self, found: Found<'_>, entry: &Descriptor) -> Result<Descriptor, SourceError> {
        let name = format!("{MANIFEST}-{}", entry.digest);
        let own = found.image.documents().any(|(known, _)| known == name).then_some(found);
        let Some(found) = own.or_else(|| self.storage.with_manifest(&entry.digest)) else {
            return Ok(entry.clone());
        };
        let (bytes, Document::Manifest(manifest)) = self.document(found, Some(&entry.digest))? else {
            return Ok(entry.clone());
        };
        let here = self.manifest(found, &bytes, &manifest)?;
        let written = self.put(media_type(manifest.kind), here);
        self.put(media_type(manifest.kind), bytes);
        Ok(Descriptor { digest: written.digest, size: written.size, ..entry.clone() })
    }

    /// Takes a manifest's config and layers in. Answers the manifest of what is here: the same where it names that.
    fn manifest(
        &mut self,
        found: Found<'_>,
        bytes: &[u8],
        manifest: &Manifest,
    ) -> Result<Vec<u8>, SourceError> {
        let config = &manifest.config;
        let stored = self.storage.document(found, &config.digest)?;
        let stored = stored.ok_or_else(|| no_document(found, &config.digest))?;
        self.documents.insert(config.digest.clone(), stored.into());
        let layers = self.storage.layers(found)?;
        if layers.len() != manifest.layers.len() {
            return Err(StorageError::LayerCount {
                manifest: Digest::of(bytes).to_string(),
                wanted: manifest.layers.len(),
                found: layers.len(),
            }
            .into());
        }
        let mut here = Vec::with_capacity(layers.len());
        for (named, layer) in manifest.layers.iter().zip(layers) {
            let diff_id = layer.diff_id.to_string();
            if named.digest == diff_id {
                here.push(named.clone());
            } else {
                let form = Descriptor {
                    media_type: uncompressed_type(&named.media_type, manifest.kind),
                    digest: diff_id.clone(),
                    size: layer.size,
                    // They speak of the compressed bytes.
                    annotations: Vec::new(),
                    ..named.clone()
                };
                self.forms.insert(named.digest.clone(), form.clone());
                here.push(form);
            }
            self.layers.insert(diff_id, layer);
        }
        Ok(if here == manifest.layers { bytes.to_vec() } else { manifest_bytes(manifest, &here) })
    }

    fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let digest = Digest::of(&bytes).to_string();
        let size = bytes.len() as u64;
        self.documents.insert(digest.clone(), bytes.into());
        Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: Vec::new(),
            artifact_type: None,
        }
    }
}

fn no_document(found: Found<'_>, name: &str) -> SourceError {
    StorageError::NoDocument { image: found.image.id.clone(), name: name.to_owned() }.into()
}

/// A document is what its record says.
fn held_against(wanted: &str, bytes: &[u8]) -> Result<(), SourceError> {
    Ok(wanted.parse::<Digest>()?.check(bytes)?)
}

/// The media type of the same layer uncompressed. Not every reader looks at the bytes: umoci goes by the type.
fn uncompressed_type(media_type: &str, kind: Kind) -> String {
    let suffixes: &[&str] = match kind {
        Kind::OciManifest | Kind::OciIndex => &["+gzip", "+zstd"],
        Kind::DockerManifest | Kind::DockerList => &[".gzip", ".zstd"],
    };
    let plain = suffixes.iter().find_map(|suffix| media_type.strip_suffix(suffix));
    plain.unwrap_or(media_type).to_owned()
}

impl Source for StoredImage {
    fn roots(&self) -> &[Root] {
        &self.root
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        if let Some(bytes) = self.documents.get(&target.digest) {
            let size = bytes.len() as u64;
            return Ok(Some(Content { reader: Box::new(Cursor::new(bytes.clone())), size, extent: None }));
        }
        self.layer(target, |layer| {
            let (split, files) = self.storage.parts(layer)?;
            let reader = Rebuilt::new(split, files).map_err(|error| unreadable(target, error))?;
            Ok(Content { reader: Box::new(reader), size: layer.size, extent: None })
        })
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        if let Some(bytes) = self.documents.get(&target.digest) {
            return Ok(Some(Arc::new(bytes.to_vec())));
        }
        self.layer(target, |layer| {
            let (split, files) = self.storage.parts(layer)?;
            let map = Map::read(split, files).map_err(|error| unreadable(target, error))?;
            Ok(Arc::new(map) as Arc<dyn ReadAt>)
        })
    }

    fn contains(&self, target: &Descriptor) -> Result<bool, SourceError> {
        Ok(self.documents.contains_key(&target.digest) || self.layers.contains_key(&target.digest))
    }

    fn form(&self, blob: &Descriptor) -> Option<&Descriptor> {
        self.forms.get(&blob.digest)
    }
}

fn unreadable(target: &Descriptor, error: TarSplitError) -> SourceError {
    SourceError::Read { name: target.digest.clone(), source: error.into() }
}
