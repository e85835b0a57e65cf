//! What goes into a layout or a `dir:`: documents, rewritten where they would name what is not there, and a
//! list of blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::choice::{choose, made_manifest, read};
use super::compress::{Compressed, compressed, compressed_type};
use super::content::Outgoing;
use super::document::{index_bytes, manifest_bytes};
use super::{Absent, Options, SaveError, SavedImage, SavedRoot, Wanted};
use crate::digest::Digest;
use crate::load::{Count, Progress, is_foreign};
use crate::sandbox::Sandbox;
use crate::source::{MAX_DEPTH, is_document};
use crate::store::{Blob, Store, StoreError};
use crate::types::manifests::{Document, Index, Manifest};
use crate::types::{Descriptor, ImageName};

/// Blobs that are held open from when they are found until they are written, so that a removal meanwhile
/// does not matter. More would need more handles than a process has.
pub(super) const HELD: usize = 256;

/// Everything that is to be written.
pub(super) struct Tree {
    /// Indexes, manifests and configs.
    pub(super) documents: BTreeMap<Digest, Vec<u8>>,
    /// The documents among them that are indexes or manifests.
    pub(super) manifests: BTreeSet<Digest>,
    /// Everything else.
    pub(super) blobs: BTreeMap<Digest, Piece>,
    pub(super) roots: Vec<SavedRoot>,
}

/// A blob to write.
pub(super) struct Piece {
    pub(super) size: u64,
    pub(super) content: Content,
}

/// Where a blob's bytes are.
pub(super) enum Content {
    /// In the store; open, or to be opened.
    Stored(Option<Blob>),
    /// In a temporary file.
    Spooled(std::fs::File),
}

impl Tree {
    /// Says how much is to be written; answers it.
    pub(super) fn announce(&self, progress: &dyn Progress) -> Count {
        let bytes = self.blobs.values().map(|piece| piece.size).sum();
        progress.planned(self.blobs.len(), bytes);
        Count { blobs: self.blobs.len(), bytes }
    }
}

impl Piece {
    /// What progress is told of.
    pub(super) fn descriptor(&self, digest: &Digest) -> Descriptor {
        descriptor("", digest, self.size)
    }

    /// Copies it, verified.
    pub(super) fn copy(
        self,
        store: &Store,
        outgoing: &Outgoing<'_>,
        output: &mut dyn Write,
        progress: &dyn Progress,
    ) -> Result<(), SaveError> {
        let descriptor = self.descriptor(outgoing.digest);
        progress.started(&descriptor);
        let advanced = |bytes| progress.advanced(&descriptor, bytes);
        match self.content {
            Content::Spooled(file) => outgoing.copy(file, output, &advanced)?,
            Content::Stored(Some(blob)) => outgoing.copy(blob, output, &advanced)?,
            Content::Stored(None) => {
                outgoing.copy(open(store, outgoing.digest)?, output, &advanced)?;
            }
        }
        progress.finished(&descriptor, false);
        Ok(())
    }
}

/// A blob that was there when it was looked for.
pub(super) fn open(store: &Store, digest: &Digest) -> Result<Blob, SaveError> {
    store.open_blob(digest)?.ok_or_else(|| {
        StoreError::MissingContent { digest: digest.clone(), wanted_by: "an image being saved".into() }.into()
    })
}

pub(super) struct Builder<'a> {
    store: &'a Store,
    sandbox: &'a Sandbox,
    options: &'a Options<'a>,
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
    pub(super) fn new(store: &'a Store, sandbox: &'a Sandbox, options: &'a Options<'a>) -> Self {
        let tree = Tree {
            documents: BTreeMap::new(),
            manifests: BTreeSet::new(),
            blobs: BTreeMap::new(),
            roots: Vec::new(),
        };
        Builder {
            store,
            sandbox,
            options,
            tree,
            done: BTreeMap::new(),
            compressed: BTreeMap::new(),
            only: None,
        }
    }

    pub(super) fn finish(self) -> Tree {
        self.tree
    }

    /// Takes in one of the things wanted.
    pub(super) fn add(&mut self, wanted: &Wanted) -> Result<(), SaveError> {
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
        let target: Digest = wanted.target.digest.parse()?;
        let whole = self.options.choice.platform.is_none() && self.store.documents().get(&target)?.is_some();
        if whole {
            return Ok(wanted.target.clone());
        }
        let image = choose(self.store, self.sandbox, wanted, self.options)?;
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
                let bytes = made_manifest(self.store, self.sandbox, &image)?;
                let media_type = "application/vnd.docker.distribution.manifest.v2+json";
                let made = descriptor(media_type, &Digest::of(&bytes), bytes.len() as u64);
                self.tree.documents.insert(made.digest.parse()?, bytes);
                Ok(made)
            }
        }
    }

    fn parse(&self, target: &Descriptor, bytes: &[u8]) -> Result<Document, SaveError> {
        let announced = Some(target.media_type.as_str()).filter(|media_type| !media_type.is_empty());
        let parsed = self.sandbox.parse_manifest(bytes, announced)?;
        let digest = target.digest.parse()?;
        parsed.map_err(|problem| SaveError::Document { digest, problem })
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
            match made.map_or_else(|| read(self.store, target), |made| Ok(Some(made)))? {
                None => absent(),
                Some(bytes) => match self.parse(target, &bytes)? {
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
        taken.written = match entries.as_slice() {
            [] if !index.entries.is_empty() => None,
            // One is left of several: an index of one would only be another digest.
            [alone] if index.entries.len() > 1 => Some(alone.clone()),
            entries if entries == index.entries => Some(self.document(target, false, bytes)?),
            entries => Some(self.document(target, true, index_bytes(index, entries))?),
        };
        Ok(taken)
    }

    fn manifest(
        &mut self,
        target: &Descriptor,
        bytes: Vec<u8>,
        manifest: &Manifest,
    ) -> Result<Taken, SaveError> {
        let mut missing = Vec::new();
        let config: Digest = manifest.config.digest.parse()?;
        let image = self.store.images().get(&config)?;
        // A config that is no image's may be large.
        let config_bytes = match image {
            Some(_) => read(self.store, &manifest.config)?,
            None => None,
        };
        let here = config_bytes.is_some() || (image.is_none() && self.is_here(&manifest.config)?);
        if !here {
            missing.push(config.clone());
        }
        for layer in &manifest.layers {
            if !self.is_here(layer)? && !is_foreign(layer) {
                missing.push(layer.digest.parse()?);
            }
        }
        if !missing.is_empty() {
            return Ok(Taken { absent: missing, ..Taken::default() });
        }
        match config_bytes {
            Some(bytes) => {
                self.tree.documents.insert(config.clone(), bytes);
            }
            None => {
                self.blob(&manifest.config)?;
            }
        }
        let layers = self.layers(target, manifest)?;
        let changed = layers != manifest.layers;
        let bytes = if changed { manifest_bytes(manifest, &layers) } else { bytes };
        let written = self.document(target, changed, bytes)?;
        let digest: Digest = written.digest.parse()?;
        let saved = |platform| SavedImage { manifest: Some(digest), id: config, platform };
        let images = image.map(|image| saved(image.platform)).into_iter().collect();
        Ok(Taken { written: Some(written), absent: Vec::new(), images })
    }

    /// Takes the layers in; answers what a manifest is to say of them.
    fn layers(&mut self, target: &Descriptor, manifest: &Manifest) -> Result<Vec<Descriptor>, SaveError> {
        let mut layers = Vec::with_capacity(manifest.layers.len());
        for layer in &manifest.layers {
            let digest: Digest = layer.digest.parse()?;
            let plain = || -> Result<bool, SaveError> {
                Ok(self.store.layers().of_blob(&digest)?.iter().any(|known| known.diff_id == digest))
            };
            let method = match self.options.compress {
                Some(method) if plain()? => method,
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
                    let spool = self.options.spool.ok_or(SaveError::NoSpool)?;
                    let (compressed, file) = compressed(self.store, &digest, layer.size, method, spool)?;
                    let piece = Piece { size: compressed.size, content: Content::Spooled(file) };
                    self.tree.blobs.entry(compressed.digest.clone()).or_insert(piece);
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

    /// Whether content is in the store, as long as it should be.
    fn is_here(&self, target: &Descriptor) -> Result<bool, SaveError> {
        let digest: Digest = target.digest.parse()?;
        match self.store.contains(&digest)? {
            Some(found) if found != target.size => {
                Err(SaveError::SizeMismatch { digest, wanted: target.size, found })
            }
            found => Ok(found.is_some()),
        }
    }

    /// Takes a blob in; false where it is not here.
    fn blob(&mut self, target: &Descriptor) -> Result<bool, SaveError> {
        let digest: Digest = target.digest.parse()?;
        if self.tree.blobs.contains_key(&digest) {
            return Ok(true);
        }
        let Some(blob) = self.store.open_blob(&digest)? else { return Ok(false) };
        if blob.size() != target.size {
            return Err(StoreError::Corrupt { digest }.into());
        }
        let content = Content::Stored((self.tree.blobs.len() < HELD).then_some(blob));
        self.tree.blobs.insert(digest, Piece { size: target.size, content });
        Ok(true)
    }

    /// Takes an index or manifest in, as it is or in place of the one it was.
    fn document(
        &mut self,
        target: &Descriptor,
        changed: bool,
        bytes: Vec<u8>,
    ) -> Result<Descriptor, SaveError> {
        let digest = if changed { Digest::of(&bytes) } else { target.digest.parse()? };
        let written = descriptor(&target.media_type, &digest, bytes.len() as u64);
        self.tree.documents.insert(digest.clone(), bytes);
        self.tree.manifests.insert(digest);
        Ok(written)
    }
}

fn descriptor(media_type: &str, digest: &Digest, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: digest.to_string(),
        size,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}
