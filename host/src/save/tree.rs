//! What goes into a layout or a `dir:`: documents, rewritten where they would name what is not there, and a
//! list of blobs.

use std::collections::{BTreeMap, BTreeSet};

use super::choice::made_manifest;
use super::compress::{Compressed, Compressing, Layer, Written, compressed_type, is_compressed};
use super::document::{index_bytes, manifest_bytes};
use super::kinds;
use super::origin::{Config, Origin, parse};
use super::piece::{Content, HELD, Piece};
use super::{Absent, Options, SaveError, SavedImage, SavedRoot, Wanted};
use crate::digest::Digest;
use crate::document::{described, media_type};
use crate::load::{Count, Progress, is_foreign};
use crate::sandbox::Sandbox;
use crate::source::{MAX_DEPTH, is_document};
use crate::store::StoreError;
use crate::types::manifests::{Document, Index, Kind, Manifest};
use crate::types::{Descriptor, ImageName};

/// Everything that is to be written.
pub(crate) struct Tree {
    /// Indexes, manifests and configs.
    pub(crate) documents: BTreeMap<Digest, Vec<u8>>,
    /// The documents among them that are indexes or manifests.
    pub(crate) manifests: BTreeSet<Digest>,
    /// The same in an order in which each comes after what it names, with their media types; one may be there twice.
    pub(crate) order: Vec<(Digest, &'static str)>,
    /// Everything else.
    pub(crate) blobs: BTreeMap<Digest, Piece>,
    pub(crate) roots: Vec<SavedRoot>,
    /// Of documents that have any, as files hold them.
    pub(crate) signatures: BTreeMap<Digest, Vec<Vec<u8>>>,
}

impl Tree {
    /// Says how much is to be written; answers it.
    pub(crate) fn announce(&self, progress: &dyn Progress) -> Count {
        let pieces = self.blobs.values().filter(|piece| !piece.is_written());
        let (blobs, bytes) =
            pieces.fold((0, 0), |(blobs, bytes), piece| (blobs + 1, bytes + piece.target.size));
        progress.planned(blobs, bytes);
        Count { blobs, bytes }
    }
}

pub(crate) struct Builder<'a> {
    from: &'a Origin,
    sandbox: &'a Sandbox,
    options: &'a Options<'a>,
    compressing: &'a dyn Compressing,
    tree: Tree,
    /// By digest: what a document became.
    done: BTreeMap<String, Taken>,
    compressed: BTreeMap<Digest, Compressed>,
    /// Where one platform of an index is asked for and the index stays: what leads to it.
    only: Option<BTreeSet<String>>,
}

/// What a document became. Without `written` it is absent.
#[derive(Clone, Default)]
struct Taken {
    written: Option<Descriptor>,
    /// What is listed at or below it and not here.
    absent: Vec<Digest>,
    images: Vec<SavedImage>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(
        from: &'a Origin,
        sandbox: &'a Sandbox,
        options: &'a Options<'a>,
        compressing: &'a dyn Compressing,
    ) -> Self {
        let tree = Tree {
            documents: BTreeMap::new(),
            manifests: BTreeSet::new(),
            order: Vec::new(),
            blobs: BTreeMap::new(),
            roots: Vec::new(),
            signatures: BTreeMap::new(),
        };
        Builder {
            from,
            sandbox,
            options,
            compressing,
            tree,
            done: BTreeMap::new(),
            compressed: BTreeMap::new(),
            only: None,
        }
    }

    /// All that was taken in, signed where that is wanted.
    pub(crate) fn finish(mut self) -> Result<Tree, SaveError> {
        if let Some(signer) = self.options.signatures.and_then(|carrying| carrying.signer.as_ref()) {
            for manifest in &self.tree.manifests {
                let signature = signer.sign(manifest)?;
                self.tree.signatures.entry(manifest.clone()).or_default().push(signature);
            }
        }
        Ok(self.tree)
    }

    /// Takes in one of the things wanted.
    pub(crate) fn add(&mut self, wanted: &Wanted) -> Result<(), SaveError> {
        let start = self.start(wanted)?;
        let taken = self.take(&start, 0)?;
        if self.only.take().is_some() {
            // What is absent here need not be elsewhere.
            self.done.clear();
        }
        let Some(written) = taken.written else {
            return Err(SaveError::Incomplete { wanted: start.digest.parse()?, absent: taken.absent });
        };
        let tagged = |name: &&ImageName| name.digest.is_none();
        self.tree.roots.push(SavedRoot {
            stored: wanted.target.clone(),
            written: Descriptor { platform: None, annotations: Vec::new(), artifact_type: None, ..written },
            names: wanted.names.iter().filter(tagged).cloned().collect(),
            images: taken.images,
            absent: taken.absent,
        });
        Ok(())
    }

    /// The document to begin with: the one wanted, or the manifest of the one image that is meant.
    fn start(&mut self, wanted: &Wanted) -> Result<Descriptor, SaveError> {
        let whole = self.options.choice.platform.is_none() && self.from.has_document(&wanted.target)?;
        if whole && (!self.options.one || !self.from.is_index(self.sandbox, &wanted.target)?) {
            if self.options.index_only {
                self.only = Some(BTreeSet::from([wanted.target.digest.clone()]));
            }
            return Ok(wanted.target.clone());
        }
        let image = self.from.choose(self.sandbox, wanted, &self.options.choice)?;
        match &image.manifest {
            Some(manifest) if self.options.absent == Absent::Keep && !image.indexes.is_empty() => {
                let kept = image.indexes.iter().chain([manifest]).map(|document| document.digest.clone());
                self.only = Some(kept.collect());
                // What became of a document before was for all of its platforms.
                self.done.clear();
                Ok(wanted.target.clone())
            }
            Some(manifest) => Ok(manifest.clone()),
            None => {
                let id: Digest = image.config.digest.parse()?;
                let store = self.from.store();
                let store =
                    store.ok_or_else(|| SaveError::Incomplete { wanted: id.clone(), absent: vec![id] })?;
                let bytes = made_manifest(store, self.sandbox, &image)?;
                let made =
                    described(media_type(Kind::DockerManifest), &Digest::of(&bytes), bytes.len() as u64);
                self.tree.documents.insert(made.digest.parse()?, bytes);
                Ok(made)
            }
        }
    }

    fn take(&mut self, target: &Descriptor, depth: usize) -> Result<Taken, SaveError> {
        if let Some(done) = self.done.get(&target.digest) {
            return Ok(done.clone());
        }
        let digest: Digest = target.digest.parse()?;
        let absent = || Taken { absent: vec![digest.clone()], ..Taken::default() };
        let excluded = self.only.as_ref().is_some_and(|only| !only.contains(&target.digest));
        let taken = if excluded || depth >= MAX_DEPTH {
            absent()
        } else if !is_document(&target.media_type) {
            // An index may list anything.
            match self.blob(target)? {
                true => Taken { written: Some(target.clone()), ..Taken::default() },
                false => absent(),
            }
        } else {
            let made = self.tree.documents.get(&digest).cloned();
            match made.map_or_else(|| self.from.read(target), |made| Ok(Some(made)))? {
                None => absent(),
                Some(bytes) => match parse(self.sandbox, target, &bytes)? {
                    Document::Index(index) => self.index(target, bytes, &index, depth)?,
                    Document::Manifest(manifest) => self.manifest(target, bytes, &manifest)?,
                },
            }
        };
        self.done.insert(target.digest.clone(), taken.clone());
        Ok(taken)
    }

    fn index(
        &mut self,
        target: &Descriptor,
        bytes: Vec<u8>,
        index: &Index,
        depth: usize,
    ) -> Result<Taken, SaveError> {
        if self.only.is_none() || self.options.index_only {
            self.admit(&bytes)?;
        }
        let mut taken = Taken::default();
        let mut entries = Vec::with_capacity(index.entries.len());
        for entry in &index.entries {
            let below = self.take(entry, depth + 1)?;
            taken.images.extend(below.images);
            let Some(written) = below.written else {
                taken.absent.push(entry.digest.parse()?);
                if self.options.absent == Absent::Keep {
                    entries.push(entry.clone());
                }
                continue;
            };
            taken.absent.extend(below.absent);
            // What the index says beside where the content is stays.
            let Descriptor { media_type, digest, size, .. } = written;
            entries.push(Descriptor { media_type, digest, size, ..entry.clone() });
        }
        if !taken.absent.is_empty() && self.options.absent == Absent::Refuse {
            return Err(SaveError::Incomplete { wanted: target.digest.parse()?, absent: taken.absent });
        }
        let written = kinds::index(index, self.options.kinds);
        taken.written = match entries.as_slice() {
            [] if !index.entries.is_empty() => None,
            // One is left of several: an index of one would only be another digest.
            [alone] if index.entries.len() > 1 => Some(alone.clone()),
            entries if entries == index.entries && written.kind == index.kind => {
                Some(self.document(target, index.kind, false, bytes)?)
            }
            entries => {
                let made = index_bytes(&written, entries);
                Some(self.document(target, written.kind, true, made)?)
            }
        };
        Ok(taken)
    }

    fn manifest(
        &mut self,
        target: &Descriptor,
        bytes: Vec<u8>,
        manifest: &Manifest,
    ) -> Result<Taken, SaveError> {
        self.admit(&bytes)?;
        let mut missing = Vec::new();
        let config: Digest = manifest.config.digest.parse()?;
        let image = self.from.config(self.sandbox, manifest)?;
        // A config that is no image's may be large.
        if image.is_none() && !self.from.contains(&manifest.config)? {
            missing.push(config.clone());
        }
        for layer in &manifest.layers {
            if !is_foreign(layer) && !self.from.contains(layer)? {
                missing.push(layer.digest.parse()?);
            }
        }
        if !missing.is_empty() {
            return Ok(Taken { absent: missing, ..Taken::default() });
        }
        let diff_ids = image.as_ref().map(|image| image.diff_ids.as_slice()).unwrap_or_default();
        let layers = self.layers(target, manifest, diff_ids)?;
        let written = Manifest { layers, ..manifest.clone() };
        let written = kinds::manifest(target, written, self.options.kinds, diff_ids)?;
        let saved = |platform| SavedImage { manifest: None, id: config.clone(), platform };
        let saved = image.as_ref().map(|image| saved(image.platform.clone()));
        match image {
            Some(Config { bytes, .. }) => {
                self.tree.documents.insert(config, bytes);
            }
            None => {
                self.blob(&manifest.config)?;
            }
        }
        let changed = written != *manifest;
        let bytes = if changed { manifest_bytes(&written, &written.layers) } else { bytes };
        let written = self.document(target, written.kind, changed, bytes)?;
        let manifest = Some(written.digest.parse()?);
        let images = saved.map(|saved| SavedImage { manifest, ..saved }).into_iter().collect();
        Ok(Taken { written: Some(written), absent: Vec::new(), images })
    }

    /// Whether the policy lets out what has this manifest or index.
    fn admit(&self, bytes: &[u8]) -> Result<(), SaveError> {
        Ok(self.options.trust.as_ref().map_or(Ok(()), |trust| trust.admit(bytes))?)
    }

    /// Takes the layers in; answers what a manifest is to say of them.
    fn layers(
        &mut self,
        target: &Descriptor,
        manifest: &Manifest,
        diff_ids: &[Digest],
    ) -> Result<Vec<Descriptor>, SaveError> {
        let mut layers = Vec::with_capacity(manifest.layers.len());
        for (position, layer) in manifest.layers.iter().enumerate() {
            let digest: Digest = layer.digest.parse()?;
            let plain = diff_ids.get(position) == Some(&digest);
            let again = self.options.recompress && position < diff_ids.len();
            let method = match self.options.compress {
                Some(method) if plain || (again && !is_compressed(&layer.media_type, method.format())) => {
                    method
                }
                _ => {
                    self.blob(layer)?;
                    layers.push(layer.clone());
                    continue;
                }
            };
            if manifest.layers.iter().any(is_foreign) {
                // Where those are is not known here, and a new manifest could not say it.
                return Err(SaveError::Foreign { manifest: target.digest.parse()? });
            }
            let compressed = match self.compressed.get(&digest) {
                Some(compressed) => compressed.clone(),
                None => {
                    let undone = diff_ids.get(position).filter(|_| !plain);
                    let layer = Layer { from: self.from, target: layer, undone };
                    let (compressed, written) = self.compressing.compress(&layer, method)?;
                    let target = described("", &compressed.digest, compressed.size);
                    let content = match written {
                        Written::Spooled(file) => Content::Spooled(file),
                        Written::There => Content::Written,
                    };
                    self.tree.blobs.entry(compressed.digest.clone()).or_insert(Piece { target, content });
                    self.compressed.insert(digest, compressed.clone());
                    compressed
                }
            };
            layers.push(Descriptor {
                media_type: compressed_type(&layer.media_type, method.format()),
                digest: compressed.digest.to_string(),
                size: compressed.size,
                ..layer.clone()
            });
        }
        Ok(layers)
    }

    /// Takes a blob in; false where it is not here.
    fn blob(&mut self, target: &Descriptor) -> Result<bool, SaveError> {
        let digest: Digest = target.digest.parse()?;
        if self.tree.blobs.contains_key(&digest) {
            return Ok(true);
        }
        let content = match self.from {
            Origin::Store(store) => {
                let Some(blob) = store.open_blob(&digest)? else { return Ok(false) };
                if blob.size() != target.size {
                    return Err(StoreError::Corrupt { digest }.into());
                }
                Content::Stored((self.tree.blobs.len() < HELD).then_some(blob))
            }
            // What the source calls foreign it need not have.
            Origin::Source(_) if is_foreign(target) || !self.from.contains(target)? => return Ok(false),
            Origin::Source(_) => Content::Elsewhere,
        };
        self.tree.blobs.insert(digest, Piece { target: target.clone(), content });
        Ok(true)
    }

    /// Takes an index or manifest in, as it is or in place of the one it was.
    fn document(
        &mut self,
        target: &Descriptor,
        kind: Kind,
        changed: bool,
        bytes: Vec<u8>,
    ) -> Result<Descriptor, SaveError> {
        let digest = if changed { Digest::of(&bytes) } else { target.digest.parse()? };
        // What an index calls its entries stays where they stay.
        let called = if changed { media_type(kind) } else { &target.media_type };
        let written = described(called, &digest, bytes.len() as u64);
        if let Some(carrying) = self.options.signatures {
            let of: Digest = target.digest.parse()?;
            match carrying.of(&of)? {
                none if none.is_empty() => {}
                _ if changed => return Err(SaveError::Signed { manifest: of }),
                signatures => drop(self.tree.signatures.insert(digest.clone(), signatures)),
            }
        }
        self.tree.documents.insert(digest.clone(), bytes);
        self.tree.manifests.insert(digest.clone());
        self.tree.order.push((digest, media_type(kind)));
        Ok(written)
    }
}
