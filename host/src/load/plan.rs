//! What is to be loaded: all documents are read, checked and written to the batch; what is left is a list of
//! blobs.

use std::collections::{BTreeMap, BTreeSet};

use super::{LoadError, LoadedImage, LoadedRoot, Options};
use crate::digest::Digest;
use crate::document::{DOCKER_CONFIG, OCI_CONFIG};
use crate::sandbox::Sandbox;
use crate::source::{Found, Root, Source, SourceError, Step, Walk, read_document};
use crate::store::{Batch, ImageRecord, IndexRecord, ManifestRecord, Records, Target};
use crate::types::manifests::{ImageConfig, Index, Manifest};
use crate::types::{Descriptor, ImageName, Platform};

/// BuildKit's annotation on an attestation's entry in an index: what it is about.
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";

/// A blob to bring in.
pub(super) struct Job {
    pub(super) target: Target,
    /// Whom the blob is for.
    pub(super) manifest: Digest,
    /// The digest its uncompressed content has to have, if it is a layer of an image.
    pub(super) diff_id: Option<Digest>,
}

/// All that is to be done after the documents.
pub(super) struct Planned {
    pub(super) records: Records,
    /// Each blob once.
    pub(super) jobs: Vec<Job>,
    pub(super) roots: Vec<LoadedRoot>,
}

pub(super) struct Plan<'a> {
    source: &'a dyn Source,
    sandbox: &'a Sandbox,
    batch: &'a Batch,
    options: &'a Options,
    walk: Walk<'a>,
    records: Records,
    jobs: Vec<Job>,
    /// Positions in `jobs`.
    by_digest: BTreeMap<Digest, usize>,
    images: BTreeSet<Digest>,
    /// What was found below each document; roots may share it.
    below: BTreeMap<String, Below>,
    /// Indexes of the root underway, written once it is known that there is an image in it.
    pending: Vec<(Descriptor, IndexRecord)>,
    roots: Vec<LoadedRoot>,
    /// Platforms that were passed over.
    others: BTreeSet<String>,
    /// A root that had no image for a wanted platform.
    passed_over: Option<String>,
}

/// What a document turned out to be or hold.
#[derive(Default)]
struct Below {
    entries: Vec<Descriptor>,
    image: Option<LoadedImage>,
    absent: bool,
}

impl<'a> Plan<'a> {
    pub(super) fn new(
        source: &'a dyn Source,
        sandbox: &'a Sandbox,
        batch: &'a Batch,
        options: &'a Options,
    ) -> Self {
        Plan {
            source,
            sandbox,
            batch,
            options,
            walk: Walk::new(source, sandbox),
            records: Records::default(),
            jobs: Vec::new(),
            by_digest: BTreeMap::new(),
            images: BTreeSet::new(),
            below: BTreeMap::new(),
            pending: Vec::new(),
            roots: Vec::new(),
            others: BTreeSet::new(),
            passed_over: None,
        }
    }

    /// Takes in a root and everything below it, unless none of it is for a wanted platform.
    pub(super) fn add(&mut self, root: &Root, names: Vec<ImageName>) -> Result<(), LoadError> {
        let (jobs, manifests) = (self.jobs.len(), self.records.manifests.len());
        let others = std::mem::take(&mut self.others);
        self.walk.start(&root.descriptor)?;
        while let Some(step) = self.walk.next()? {
            self.step(step)?;
        }
        let loaded = LoadedRoot { names, ..self.collect(root) };
        let pending = std::mem::take(&mut self.pending);
        let passed_over = loaded.images.is_empty() && !self.others.is_empty();
        self.others.extend(others);
        if passed_over {
            // An artifact beside images for other platforms may have been noted.
            self.records.manifests.truncate(manifests);
            for job in self.jobs.drain(jobs..) {
                self.by_digest.remove(&job.target.digest);
            }
            self.passed_over.get_or_insert_with(|| root.descriptor.digest.clone());
            return Ok(());
        }
        for (descriptor, record) in pending {
            let bytes = read_document(self.source, &descriptor)?
                .ok_or_else(|| self.missing(&descriptor, "the list of images"))?;
            self.put(&descriptor, &bytes)?;
            self.records.indexes.push(record);
        }
        self.roots.push(loaded);
        Ok(())
    }

    /// What is left to be done.
    ///
    /// # Errors
    /// [`LoadError::NoPlatform`] where nothing at all is for a wanted platform.
    pub(super) fn finish(self) -> Result<Planned, LoadError> {
        match self.passed_over {
            Some(root) if self.roots.is_empty() => {
                Err(LoadError::NoPlatform { root, found: self.others.into_iter().collect() })
            }
            _ => Ok(Planned { records: self.records, jobs: self.jobs, roots: self.roots }),
        }
    }

    fn step(&mut self, step: Step) -> Result<(), LoadError> {
        let below = match &step.found {
            Found::Index(bytes, index) => {
                let entries = self.wanted(index)?;
                self.walk.descend(&step, entries.iter())?;
                let record = IndexRecord {
                    target: Target::try_from(&step.descriptor)?,
                    entries: index.entries.iter().map(Target::try_from).collect::<Result<_, _>>()?,
                };
                if self.options.platforms.is_none() && self.options.only.is_none() {
                    self.admit(bytes)?;
                    self.put(&step.descriptor, bytes)?;
                    self.records.indexes.push(record);
                } else {
                    self.pending.push((step.descriptor.clone(), record));
                }
                Below { entries, ..Below::default() }
            }
            Found::Manifest(bytes, manifest) => {
                let image = self.manifest(&step.descriptor, bytes, manifest)?;
                Below { image, ..Below::default() }
            }
            Found::Other => {
                // An index may list anything; what is here is kept.
                let here = self.source.contains(&step.descriptor)?;
                if here {
                    self.blob(&step.descriptor, &step.descriptor.digest.parse()?, None)?;
                }
                Below { absent: !here, ..Below::default() }
            }
            Found::Absent if step.parent.is_none() => {
                return Err(self.missing(&step.descriptor, "the list of images").into());
            }
            Found::Absent => Below { absent: true, ..Below::default() },
        };
        self.below.insert(step.descriptor.digest, below);
        Ok(())
    }

    fn put(&self, descriptor: &Descriptor, bytes: &[u8]) -> Result<(), LoadError> {
        let digest: Digest = descriptor.digest.parse()?;
        let found = self.batch.put(bytes, digest.algorithm())?;
        Ok(digest.require(&found).map_err(SourceError::from)?)
    }

    /// Whether the policy lets in what has this manifest or index.
    fn admit(&self, bytes: &[u8]) -> Result<(), LoadError> {
        Ok(self.options.trust.as_ref().map_or(Ok(()), |trust| trust.admit(bytes))?)
    }

    fn missing(&self, descriptor: &Descriptor, wanted_by: &str) -> SourceError {
        SourceError::Missing {
            name: descriptor.digest.clone(),
            wanted_by: wanted_by.to_owned(),
            cut_at: self.source.cut_at(),
        }
    }

    /// The entries of an index that are for a wanted platform, or may be; and the attestations about them.
    fn wanted(&mut self, index: &Index) -> Result<Vec<Descriptor>, LoadError> {
        if let Some(only) = &self.options.only {
            return Ok(index.entries.iter().filter(|entry| only.contains(&entry.digest)).cloned().collect());
        }
        if self.options.platforms.is_none() {
            return Ok(index.entries.clone());
        }
        let mut kept = BTreeSet::new();
        for entry in &index.entries {
            let fits = match (&entry.platform, subject(entry)) {
                (_, Some(_)) => false,
                (Some(platform), None) => self.fits(platform)?,
                // The config will tell.
                (None, None) => true,
            };
            if fits {
                kept.insert(entry.digest.as_str());
            }
        }
        let keep = |entry: &&Descriptor| kept.contains(subject(entry).unwrap_or(&entry.digest));
        Ok(index.entries.iter().filter(keep).cloned().collect())
    }

    /// Whether a platform is wanted; one that is not is noted.
    fn fits(&mut self, platform: &Platform) -> Result<bool, LoadError> {
        let Some(wanted) = &self.options.platforms else {
            return Ok(true);
        };
        let fits = self.sandbox.platform_matches(&wanted.matcher, platform, &wanted.host_os)?;
        if !fits {
            self.others.insert(self.sandbox.format_platform(platform)?);
        }
        Ok(fits)
    }

    fn manifest(
        &mut self,
        descriptor: &Descriptor,
        bytes: &[u8],
        manifest: &Manifest,
    ) -> Result<Option<LoadedImage>, LoadError> {
        let digest: Digest = descriptor.digest.parse()?;
        let image = is_image(manifest).then(|| self.image(&digest, manifest)).transpose()?;
        if let Some((config, _)) = &image
            && !self.fits(&config.platform)?
        {
            return Ok(None);
        }
        self.admit(bytes)?;
        self.put(descriptor, bytes)?;
        let diff_ids = image.as_ref().map(|(config, _)| config.diff_ids.as_slice()).unwrap_or_default();
        let mut complete = true;
        for (position, layer) in manifest.layers.iter().enumerate() {
            let diff_id = diff_ids.get(position).map(|id| id.parse()).transpose()?;
            // Layers that must not be distributed are fetched from elsewhere; archives go without them.
            if is_foreign(layer) && !self.source.contains(layer)? {
                complete &= self.batch.contains(&layer.digest.parse()?)? == Some(layer.size);
                continue;
            }
            self.blob(layer, &digest, diff_id)?;
        }
        let config = Target::try_from(&manifest.config)?;
        let loaded = match image {
            None => {
                self.blob(&manifest.config, &digest, None)?;
                None
            }
            Some((parsed, bytes)) => {
                self.put(&manifest.config, &bytes)?;
                Some(self.record_image(&digest, &config, parsed)?)
            }
        };
        self.records.manifests.push(ManifestRecord {
            target: Target::try_from(descriptor)?,
            config,
            layers: manifest.layers.iter().map(Target::try_from).collect::<Result<_, _>>()?,
            complete,
        });
        Ok(loaded)
    }

    /// The config of an image, and its bytes.
    fn image(&self, digest: &Digest, manifest: &Manifest) -> Result<(ImageConfig, Vec<u8>), LoadError> {
        let bytes = read_document(self.source, &manifest.config)?
            .ok_or_else(|| self.missing(&manifest.config, &format!("the manifest `{digest}`")))?;
        let config = self.sandbox.parse_image_config(&bytes)?.map_err(|problem| {
            let name = manifest.config.digest.clone();
            SourceError::Document { name, problem }
        })?;
        if config.diff_ids.len() != manifest.layers.len() {
            return Err(SourceError::LayerCount {
                name: digest.to_string(),
                layers: manifest.layers.len(),
                diff_ids: config.diff_ids.len(),
            }
            .into());
        }
        Ok((config, bytes))
    }

    fn record_image(
        &mut self,
        manifest: &Digest,
        target: &Target,
        config: ImageConfig,
    ) -> Result<LoadedImage, LoadError> {
        if self.images.insert(target.digest.clone()) {
            let digests = |texts: &[String]| texts.iter().map(|text| text.parse()).collect::<Result<_, _>>();
            let chain_ids = self.sandbox.chain_ids(&config.diff_ids)?.map_err(|problem| {
                let name = target.digest.to_string();
                SourceError::Document { name, problem }
            })?;
            self.records.images.push(ImageRecord {
                config: target.clone(),
                platform: config.platform.clone(),
                created: config.created,
                diff_ids: digests(&config.diff_ids)?,
                chain_ids: digests(&chain_ids)?,
            });
        }
        Ok(LoadedImage { manifest: manifest.clone(), id: target.digest.clone(), platform: config.platform })
    }

    /// Adds a blob to what is to be brought in, once.
    fn blob(
        &mut self,
        descriptor: &Descriptor,
        manifest: &Digest,
        diff_id: Option<Digest>,
    ) -> Result<(), LoadError> {
        let target = Target::try_from(descriptor)?;
        let Some(known) = self.by_digest.get(&target.digest) else {
            self.by_digest.insert(target.digest.clone(), self.jobs.len());
            self.jobs.push(Job { target, manifest: manifest.clone(), diff_id });
            return Ok(());
        };
        let known = &mut self.jobs[*known];
        if known.target.size != target.size {
            let (digest, wanted, found) = (target.digest, known.target.size, target.size);
            return Err(SourceError::SizeMismatch { digest, wanted, found }.into());
        }
        match (&known.diff_id, diff_id) {
            // Both cannot be right.
            (Some(found), Some(wanted)) if *found != wanted => Err(LoadError::DiffId {
                layer: target.digest,
                manifest: manifest.clone(),
                wanted,
                found: found.clone(),
            }),
            (None, Some(diff_id)) => {
                *known = Job { target, manifest: manifest.clone(), diff_id: Some(diff_id) };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// What is at and below a root, in the order of its indexes.
    fn collect(&self, root: &Root) -> LoadedRoot {
        let mut loaded = LoadedRoot {
            descriptor: root.descriptor.clone(),
            names: Vec::new(),
            images: Vec::new(),
            absent: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        let mut stack = vec![&root.descriptor];
        while let Some(descriptor) = stack.pop() {
            let Some(below) = self.below.get(&descriptor.digest) else { continue };
            if !seen.insert(&descriptor.digest) {
                continue;
            }
            loaded.images.extend(below.image.clone());
            if below.absent {
                loaded.absent.push(descriptor.clone());
            }
            stack.extend(below.entries.iter().rev());
        }
        loaded
    }
}

/// What an attestation is about; `None` for what is no attestation.
fn subject(entry: &Descriptor) -> Option<&str> {
    entry.annotations.iter().find(|(key, _)| key == REFERENCE_DIGEST).map(|(_, digest)| digest.as_str())
}

/// Whether the manifest is of an image: its config is an image config, and its layers are file systems. An
/// attestation has such a config too; its layers are statements.
pub(crate) fn is_image(manifest: &Manifest) -> bool {
    matches!(manifest.config.media_type.as_str(), OCI_CONFIG | DOCKER_CONFIG)
        && manifest.layers.iter().all(|layer| is_layer(&layer.media_type))
}

fn is_layer(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.oci.image.layer.")
        || media_type.starts_with("application/vnd.docker.image.rootfs.")
}

pub(crate) fn is_foreign(layer: &Descriptor) -> bool {
    layer.media_type.contains(".nondistributable.") || layer.media_type.contains(".rootfs.foreign.")
}
