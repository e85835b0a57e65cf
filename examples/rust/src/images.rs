//! Content held in memory: the documents of an image archive.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::content::Host;
use crate::manifests::{Document, ManifestError};
use crate::references::{Reading, Reference};
use crate::types::{ContentError, Descriptor, ImageName, Rules};
use crate::{Fault, Instance};

/// Bytes of a document at most. What is larger is a layer, which nobody resolves.
const DOCUMENT: u64 = 4 << 20;
/// Bytes of all documents at most.
const ALL: u64 = 64 << 20;
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Where an archive's `index.json` has an image's name (image-spec, annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Images, by name and by digest. Copies share them; the default has none.
#[derive(Clone, Default)]
pub struct Images(Arc<Held>);

#[derive(Default)]
struct Held {
    names: BTreeMap<ImageName, Descriptor>,
    /// Documents by digest.
    documents: BTreeMap<String, Vec<u8>>,
    /// Configs by digest, with the manifests that have them and the indexes that list those.
    configs: BTreeMap<String, Config>,
}

struct Config {
    descriptor: Descriptor,
    manifests: Vec<Descriptor>,
    indexes: Vec<Descriptor>,
}

impl Images {
    /// Reads an OCI archive: an uncompressed tar of an OCI image layout. Its documents are read by the component;
    /// here they are only held against their digests.
    pub fn read(archive: impl Read, instance: &mut Instance) -> io::Result<Self> {
        let mut held = Held::default();
        let (mut index, mut left) = (Vec::new(), ALL);
        for entry in tar::Archive::new(archive).entries()? {
            let entry = entry?;
            let (path, size) = (entry.path()?.to_string_lossy().into_owned(), entry.size());
            let digest = path.strip_prefix("blobs/sha256/").filter(|digits| !digits.is_empty());
            if size > DOCUMENT || (digest.is_none() && path != "index.json") {
                continue;
            }
            left = left.checked_sub(size).ok_or_else(|| wrong("wanted 64 MiB of documents, found more"))?;
            let mut bytes = Vec::new();
            entry.take(size).read_to_end(&mut bytes)?;
            match digest {
                None => index = bytes,
                Some(wanted) => {
                    let found: String =
                        Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
                    if wanted != found {
                        return Err(wrong(format!("wanted content with digest `{wanted}`, found `{found}`")));
                    }
                    held.documents.insert(format!("sha256:{found}"), bytes);
                }
            }
        }
        let Document::Index(index) =
            parse(instance, &index, INDEX)?.map_err(|error| wrong(format!("{error:?}")))?
        else {
            return Err(wrong("wanted an index, found a manifest"));
        };
        for root in &index.entries {
            for (_, name) in root.annotations.iter().filter(|(key, _)| key == REF_NAME) {
                held.name(name, root, instance)?;
            }
        }
        held.walk(index.entries, instance)?;
        Ok(Images(Arc::new(held)))
    }

    /// The names there are, ascending.
    pub fn names(&self) -> impl Iterator<Item = &ImageName> {
        self.0.names.keys()
    }

    /// At most the 64 that the interface allows.
    fn listed(&self, config: &str, which: impl Fn(&Config) -> &Vec<Descriptor>) -> Vec<Descriptor> {
        let all = self.0.configs.get(config).map(which);
        all.into_iter().flatten().take(64).cloned().collect()
    }
}

impl Held {
    fn name(&mut self, text: &str, target: &Descriptor, instance: &mut Instance) -> io::Result<()> {
        let parsed = instance
            .call(Images::default(), |resolver, store| {
                resolver.consign_image_references().call_parse(
                    store,
                    text,
                    Reading::Normalized,
                    Rules::Docker,
                )
            })
            .map_err(faulted)?;
        // What is no name, as a bare tag, is left out.
        if let Ok(Reference::Named(name)) = parsed {
            let digest = Some(target.digest.clone());
            self.names.insert(ImageName { tag: None, digest, ..name.clone() }, target.clone());
            self.names.insert(name, target.clone());
        }
        Ok(())
    }

    /// Notes the configs below these documents. What is no index and no manifest has none.
    fn walk(&mut self, roots: Vec<Descriptor>, instance: &mut Instance) -> io::Result<()> {
        let mut seen = BTreeSet::new();
        // No recursion: an archive can have as many indexes within indexes as it likes.
        let mut ahead: Vec<(Descriptor, Option<Descriptor>)> =
            roots.into_iter().map(|root| (root, None)).collect();
        while let Some((target, within)) = ahead.pop() {
            let Some(bytes) = self.documents.get(&target.digest) else { continue };
            if !seen.insert((target.digest.clone(), within.clone())) {
                continue;
            }
            match parse(instance, bytes, &target.media_type)? {
                Ok(Document::Index(index)) => {
                    ahead.extend(index.entries.into_iter().map(|entry| (entry, Some(target.clone()))));
                }
                Ok(Document::Manifest(manifest)) => {
                    let config = self.configs.entry(manifest.config.digest.clone()).or_insert_with(|| {
                        Config { descriptor: manifest.config, manifests: Vec::new(), indexes: Vec::new() }
                    });
                    config.manifests.push(target);
                    config.indexes.extend(within);
                }
                Err(_) => {}
            }
        }
        Ok(())
    }
}

fn parse(instance: &mut Instance, bytes: &[u8], kind: &str) -> io::Result<Result<Document, ManifestError>> {
    let parsed = instance.call(Images::default(), |resolver, store| {
        resolver.consign_image_manifests().call_parse(store, bytes, Some(kind))
    });
    parsed.map_err(faulted)
}

fn faulted(fault: Fault) -> io::Error {
    io::Error::other(fault)
}

fn wrong(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

impl Host for Images {
    fn find(&mut self, mut name: ImageName) -> Result<Option<Descriptor>, ContentError> {
        if name.digest.is_some() {
            name.tag = None;
        }
        Ok(self.0.names.get(&name).cloned())
    }

    fn search(&mut self, prefix: String) -> Result<Vec<Descriptor>, ContentError> {
        let prefix = if prefix.contains(':') { prefix } else { format!("sha256:{prefix}") };
        let from = self.0.configs.range(prefix.clone()..);
        let found = from.take_while(|(id, _)| id.starts_with(&prefix)).map(|(_, config)| &config.descriptor);
        let found: Vec<Descriptor> = found.take(16).cloned().collect();
        // A whole digest also finds an index or a manifest, which is known by what points at it.
        let targets =
            self.0.names.values().chain(self.0.configs.values().flat_map(|config| &config.manifests));
        let whole = || targets.filter(|target| target.digest == prefix).take(1).cloned().collect();
        Ok(if found.is_empty() { whole() } else { found })
    }

    fn read(&mut self, target: Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        let Some(bytes) = self.0.documents.get(&target.digest) else { return Ok(None) };
        // The digest was checked when it was read; the size is what whoever points here says.
        if bytes.len() as u64 != target.size {
            return Err(ContentError::Corrupt(target.digest));
        }
        Ok(Some(bytes.clone()))
    }

    fn indexes(&mut self, config: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.listed(&config, |config| &config.indexes))
    }

    fn manifests(&mut self, config: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.listed(&config, |config| &config.manifests))
    }
}
