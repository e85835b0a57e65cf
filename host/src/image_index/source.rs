//! Images for an index that are not in the store yet.

use std::sync::Arc;

use super::IndexError;
use crate::layer::read_at::ReadAt;
use crate::load::{self, Loaded, Progress};
use crate::sandbox::Sandbox;
use crate::source::{Content, Root, Source, SourceError};
use crate::store::Store;
use crate::types::Descriptor;

/// Takes these images and indexes of a source into the store, under no name: the index they are for leads to them.
///
/// # Errors
///
/// [`IndexError::Load`]; nothing of them is in the store then.
pub fn take_in(
    store: &Store,
    sandbox: &Sandbox,
    source: &dyn Source,
    entries: &[Descriptor],
    progress: &dyn Progress,
) -> Result<Loaded, IndexError> {
    let root = |entry: &Descriptor| Root { names: Vec::new(), ref_name: None, descriptor: entry.clone() };
    let source = Unnamed { source, roots: entries.iter().map(root).collect() };
    Ok(load::load(store, &source, sandbox, &load::Options::default(), progress)?)
}

/// Content of a source, with other roots.
struct Unnamed<'a> {
    source: &'a dyn Source,
    roots: Vec<Root>,
}

impl Source for Unnamed<'_> {
    fn roots(&self) -> &[Root] {
        &self.roots
    }

    fn open(&self, target: &Descriptor) -> Result<Option<Content>, SourceError> {
        self.source.open(target)
    }

    fn open_at(&self, target: &Descriptor) -> Result<Option<Arc<dyn ReadAt>>, SourceError> {
        self.source.open_at(target)
    }

    fn contains(&self, target: &Descriptor) -> Result<bool, SourceError> {
        self.source.contains(target)
    }

    fn open_from(&self, target: &Descriptor, from: u64) -> Result<Option<Content>, SourceError> {
        self.source.open_from(target, from)
    }

    fn form(&self, blob: &Descriptor) -> Option<&Descriptor> {
        self.source.form(blob)
    }

    fn is_remote(&self) -> bool {
        self.source.is_remote()
    }

    fn repository(&self) -> Option<(&str, &str)> {
        self.source.repository()
    }

    fn cut_at(&self) -> Option<u64> {
        self.source.cut_at()
    }
}
