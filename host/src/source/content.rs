//! A source as the content resolution asks for, so that what is in an archive resolves in place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::{DOCUMENT_LIMIT, Found, Source, SourceError, Walk, names, read_document};
use crate::content::{Content, ContentError, MAX_DOCUMENTS, MAX_FOUND};
use crate::digest::Digest;
use crate::sandbox::Sandbox;
use crate::types::{Descriptor, ImageName};

/// A source, asked by name, ID and digest.
pub struct SourceContent {
    source: Arc<dyn Source>,
    sandbox: Arc<Sandbox>,
    graph: OnceLock<Result<Graph, ContentError>>,
}

/// What has to be read from all manifests before an ID can be looked for: only IDs need it.
#[derive(Default)]
struct Graph {
    /// By digest of the config.
    images: BTreeMap<String, Image>,
    /// In the order in which the source lists them.
    indexes: Vec<Descriptor>,
    manifests: Vec<Descriptor>,
}

struct Image {
    config: Descriptor,
    /// Digests of its manifests, in the source's order.
    manifests: Vec<String>,
    /// Digests of the indexes above them.
    above: BTreeSet<String>,
}

impl SourceContent {
    /// The content of `source`.
    pub fn new(source: Arc<dyn Source>, sandbox: Arc<Sandbox>) -> Self {
        SourceContent { source, sandbox, graph: OnceLock::new() }
    }

    /// The source itself.
    pub fn source(&self) -> &dyn Source {
        &*self.source
    }

    fn graph(&self) -> Result<&Graph, ContentError> {
        let graph = self.graph.get_or_init(|| self.collect().map_err(|error| unavailable(&error)));
        graph.as_ref().map_err(Clone::clone)
    }

    fn collect(&self) -> Result<Graph, SourceError> {
        let mut graph = Graph::default();
        let mut parents: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut walk = Walk::new(&*self.source, &self.sandbox);
        for root in self.source.roots().iter().rev() {
            walk.start(&root.descriptor)?;
        }
        let mut configs = Vec::new();
        while let Some(step) = walk.next()? {
            match &step.found {
                Found::Index(_, index) => {
                    for entry in &index.entries {
                        let above = parents.entry(entry.digest.clone()).or_default();
                        above.insert(step.descriptor.digest.clone());
                    }
                    walk.descend(&step, index.entries.iter())?;
                    graph.indexes.push(step.descriptor);
                }
                Found::Manifest(_, manifest) => {
                    configs.push((step.descriptor.digest.clone(), manifest.config.clone()));
                    graph.manifests.push(step.descriptor);
                }
                Found::Other | Found::Absent => {}
            }
        }
        for (manifest, config) in configs {
            let image = graph.images.entry(config.digest.clone()).or_insert_with(|| Image {
                config,
                manifests: Vec::new(),
                above: BTreeSet::new(),
            });
            image.manifests.push(manifest.clone());
            // An index of indexes may hold the image too; indexes cannot be in a circle.
            let mut next = vec![manifest];
            while let Some(below) = next.pop() {
                for index in parents.get(&below).into_iter().flatten() {
                    if image.above.insert(index.clone()) {
                        next.push(index.clone());
                    }
                }
            }
        }
        Ok(graph)
    }
}

impl Content for SourceContent {
    fn find(&self, name: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        let found = self.source.roots().iter().find(|root| match &name.digest {
            // A digest is known under the repositories of the image's names.
            Some(digest) => {
                root.descriptor.digest == *digest
                    && root.names.iter().any(|known| known.domain == name.domain && known.path == name.path)
            }
            None => root.names.iter().any(|known| names::same(known, name)),
        });
        Ok(found.map(|root| root.descriptor.clone()))
    }

    fn search(&self, prefix: &str) -> Result<Vec<Descriptor>, ContentError> {
        let graph = self.graph()?;
        let matches = |digest: &str| match prefix.contains(':') {
            true => digest.starts_with(prefix),
            false => digest.split_once(':').is_some_and(|(_, hex)| hex.starts_with(prefix)),
        };
        let images = graph.images.values().map(|image| &image.config);
        let mut found: Vec<Descriptor> =
            images.filter(|config| matches(&config.digest)).take(MAX_FOUND).cloned().collect();
        if found.is_empty() && prefix.parse::<Digest>().is_ok() {
            let documents = graph.indexes.iter().chain(&graph.manifests);
            found.extend(documents.filter(|document| document.digest == prefix).take(1).cloned());
        }
        Ok(found)
    }

    fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        if target.size > DOCUMENT_LIMIT {
            return Err(ContentError::TooLarge { size: target.size, limit: DOCUMENT_LIMIT });
        }
        read_document(&*self.source, target).map_err(|error| match error {
            SourceError::TooLarge { size, limit, .. } => ContentError::TooLarge { size, limit },
            SourceError::SizeMismatch { digest, .. } => ContentError::Corrupt { digest: digest.to_string() },
            SourceError::DigestMismatch(mismatch) => {
                ContentError::Corrupt { digest: mismatch.wanted.to_string() }
            }
            error => unavailable(&error),
        })
    }

    fn indexes(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        let graph = self.graph()?;
        let Some(image) = graph.images.get(config) else {
            return Ok(Vec::new());
        };
        let holding = graph.indexes.iter().filter(|index| image.above.contains(&index.digest));
        Ok(holding.take(MAX_DOCUMENTS).cloned().collect())
    }

    fn manifests(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        let graph = self.graph()?;
        let Some(image) = graph.images.get(config) else {
            return Ok(Vec::new());
        };
        let with_config =
            graph.manifests.iter().filter(|manifest| image.manifests.contains(&manifest.digest));
        Ok(with_config.take(MAX_DOCUMENTS).cloned().collect())
    }
}

/// The error with its causes, in one line.
fn unavailable(error: &SourceError) -> ContentError {
    let mut reason = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    ContentError::Unavailable { reason }
}
