//! Some layers of a stack, and what one of them has.

use std::ops::Range;

use super::path::{split, usable};
use super::whiteout::mark;
use super::{Indexes, Node, Tree};
use crate::layer::index::Index;
use crate::layer::opened::LayerError;

/// Layers of a stack that lie on one another, as a stack: those below an upper layer, or one alone.
pub struct Part<'a> {
    layers: &'a dyn Indexes,
    range: Range<usize>,
}

impl<'a> Part<'a> {
    /// The layers in this range, as far as they are there.
    pub fn new(layers: &'a dyn Indexes, range: Range<usize>) -> Part<'a> {
        let count = layers.count();
        Part { layers, range: range.start.min(count)..range.end.min(count) }
    }
}

impl Indexes for Part<'_> {
    fn count(&self) -> usize {
        self.range.len()
    }

    fn index(&self, layer: usize) -> Result<&Index, LayerError> {
        match self.range.clone().nth(layer) {
            Some(layer) => self.layers.index(layer),
            None => Err(LayerError::NoSuchLayer { wanted: layer, layers: self.count() }),
        }
    }
}

impl Tree<'_> {
    /// The entries of a layer, at or below a cleaned path, that are no files but say what is hidden; in order.
    ///
    /// # Errors
    /// [`LayerError`] where the layer's index cannot be had.
    pub fn whiteouts(&self, layer: usize, path: &[u8]) -> Result<Vec<Node>, LayerError> {
        let index = self.index(layer)?;
        let node = |entry: usize| {
            let path = usable(index.get(entry).path).filter(|path| mark(split(path).1).is_some())?;
            Some(Node { path: path.into_owned(), layer, entry: Some(entry) })
        };
        Ok(index.all(path).chain(index.below(path)).filter_map(node).collect())
    }
}
