//! Some layers of a stack, and what one of them has.

use std::cell::Cell;
use std::cmp::Ordering;
use std::ops::Range;

use super::{Indexes, Node, Tree};
use crate::layer::index::Index;
use crate::layer::opened::LayerError;
use crate::layer::path::{is_below, order, plain, usable};

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

impl<'a> Tree<'a> {
    /// The entries of a layer, at or below a cleaned path, that are no files but say what is hidden: in the order of
    /// their own paths.
    ///
    /// # Errors
    /// [`LayerError`] where the layer's index cannot be had; and so where an entry cannot be.
    pub fn whiteouts(
        &self,
        layer: usize,
        path: &[u8],
    ) -> Result<impl Iterator<Item = Result<Node, LayerError>> + use<'a>, LayerError> {
        let index = self.index(layer)?;
        let found = move |position| -> Result<Node, LayerError> {
            let path = plain(&index.get(position)?.path()).into_owned();
            Ok(Node { path, layer, entry: Some(position) })
        };
        // An image may have any number of them, so only their positions are in memory.
        let mut positions = Vec::new();
        for record in index.all(path)?.chain(index.at(path)?).chain(index.below(path)?) {
            let record = record?;
            if record.mark.is_none() || positions.last() == Some(&record.position) {
                continue;
            }
            let written = record.path();
            let own = plain(&written);
            if usable(&own) && (*own == *path || is_below(&own, path)) {
                positions.push(record.position);
            }
        }
        let failed = Cell::new(None);
        positions.sort_by(|a, b| match (found(*a), found(*b)) {
            (Ok(a), Ok(b)) => order(&a.path, &b.path),
            (Err(error), _) | (_, Err(error)) => {
                failed.set(Some(error));
                Ordering::Equal
            }
        });
        failed.take().map_or(Ok(()), Err)?;
        Ok(positions.into_iter().map(found))
    }
}
