//! From roots down to manifests: every index and manifest once, each verified, in document order.

use std::collections::BTreeMap;

use super::{Source, SourceError, read_document};
use crate::document::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST};
use crate::sandbox::Sandbox;
use crate::types::Descriptor;
use crate::types::manifests::{Document, Index, Manifest};

/// Indexes within indexes, the outermost counted. A digest cannot contain itself, so only depth needs a
/// bound against a chain; peers and registries stay at two.
pub const MAX_DEPTH: usize = 8;

/// Walks documents. The caller decides what of an index is walked into, with [`Walk::descend`].
pub struct Walk<'a> {
    source: &'a dyn Source,
    sandbox: &'a Sandbox,
    stack: Vec<Item>,
    seen: BTreeMap<String, u64>,
}

struct Item {
    descriptor: Descriptor,
    parent: Option<String>,
    depth: usize,
}

/// One document of the walk.
pub struct Step {
    /// What pointed at it.
    pub descriptor: Descriptor,
    /// The digest of the index that pointed at it; `None` for a root.
    pub parent: Option<String>,
    /// 0 for a root.
    pub depth: usize,
    /// What it is.
    pub found: Found,
}

/// What a descriptor turned out to point at.
pub enum Found {
    /// An index, and its bytes.
    Index(Vec<u8>, Index),
    /// A manifest, and its bytes.
    Manifest(Vec<u8>, Manifest),
    /// Something else, by its media type; it has not been read.
    Other,
    /// It is not here.
    Absent,
}

impl<'a> Walk<'a> {
    /// A walk that has not begun.
    pub fn new(source: &'a dyn Source, sandbox: &'a Sandbox) -> Self {
        Walk { source, sandbox, stack: Vec::new(), seen: BTreeMap::new() }
    }

    /// Starts from this root, when what is underway is done.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a document is not what its place says, a limit is
    /// passed, or reading fails.
    pub fn start(&mut self, root: &Descriptor) -> Result<(), SourceError> {
        self.push(Item { descriptor: root.clone(), parent: None, depth: 0 })
    }

    /// Goes into these entries of an index next, in this order.
    ///
    /// # Errors
    /// [`SourceError::TooMany`] past the depth an index may have; [`SourceError::SizeMismatch`] where a digest was
    /// announced before with another size.
    pub fn descend<'d>(
        &mut self,
        index: &Step,
        entries: impl DoubleEndedIterator<Item = &'d Descriptor>,
    ) -> Result<(), SourceError> {
        let depth = index.depth + 1;
        for entry in entries.rev() {
            if depth >= MAX_DEPTH {
                return Err(SourceError::TooMany { what: "indexes within each other", limit: MAX_DEPTH });
            }
            let parent = Some(index.descriptor.digest.clone());
            self.push(Item { descriptor: entry.clone(), parent, depth })?;
        }
        Ok(())
    }

    fn push(&mut self, item: Item) -> Result<(), SourceError> {
        let digest = item.descriptor.digest.parse()?;
        match self.seen.get(&item.descriptor.digest) {
            Some(size) if *size != item.descriptor.size => {
                Err(SourceError::SizeMismatch { digest, wanted: *size, found: item.descriptor.size })
            }
            _ => {
                self.stack.push(item);
                Ok(())
            }
        }
    }

    /// The next document; `None` at the end. A document pointed at twice comes once.
    ///
    /// # Errors
    ///
    /// [`SourceError`] where a document is not what its place says, a limit is
    /// passed, or reading fails.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Step>, SourceError> {
        loop {
            let Some(Item { descriptor, parent, depth }) = self.stack.pop() else {
                return Ok(None);
            };
            if self.seen.insert(descriptor.digest.clone(), descriptor.size).is_some() {
                continue;
            }
            let found = self.look(&descriptor)?;
            return Ok(Some(Step { descriptor, parent, depth, found }));
        }
    }

    fn look(&self, descriptor: &Descriptor) -> Result<Found, SourceError> {
        if !is_document(&descriptor.media_type) {
            return Ok(Found::Other);
        }
        let Some(bytes) = read_document(self.source, descriptor)? else {
            return Ok(Found::Absent);
        };
        let announced = Some(descriptor.media_type.as_str()).filter(|media_type| !media_type.is_empty());
        match self.sandbox.parse_manifest(&bytes, announced)? {
            Ok(Document::Index(index)) => Ok(Found::Index(bytes, index)),
            Ok(Document::Manifest(manifest)) => Ok(Found::Manifest(bytes, manifest)),
            Err(problem) => Err(SourceError::Document { name: descriptor.digest.clone(), problem }),
        }
    }
}

/// Whether a media type announces an index or a manifest; schema 1 is one, which the component refuses by
/// name.
pub(crate) fn is_document(media_type: &str) -> bool {
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    matches!(
        bare,
        "" | OCI_INDEX
            | OCI_MANIFEST
            | DOCKER_LIST
            | DOCKER_MANIFEST
            | "application/vnd.docker.distribution.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v1+prettyjws"
    )
}
