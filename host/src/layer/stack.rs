//! The layers of an image, open.
//!
//! ```
//! use std::io::Read;
//!
//! use consign::layer::stack::Stack;
//! use consign::layer::tree::Follow;
//! use consign::store::Store;
//! use consign::types::resolution::Resolved;
//!
//! /// What `/etc/os-release` says in an image that was resolved in this store.
//! fn release(store: &Store, image: &Resolved) -> Result<String, Box<dyn std::error::Error>> {
//!     let stack = Stack::stored(store, image)?;
//!     let node = stack.tree().resolve(b"/etc/os-release", Follow::Last)?;
//!     let mut text = String::new();
//!     stack.file(&node)?.read_to_string(&mut text)?;
//!     Ok(text)
//! }
//!
//! /// The paths of everything in it, in order.
//! fn paths(stack: &Stack) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error>> {
//!     stack.tree().walk(b"")?.map(|node| Ok(node?.path)).collect()
//! }
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::index::Index;
use super::opened::{FileReader, Layer, LayerError, Reading};
use super::tree::{Indexes, Node, Tree};
use crate::digest::Digest;
use crate::resolve::ResolveError;
use crate::source::Source;
use crate::store::Store;
use crate::types::resolution::Resolved;

/// The layers of an image, base layer first. Each is opened, and its index read or made, when it is needed.
pub struct Stack {
    layers: Vec<Layer>,
}

impl Stack {
    /// These layers, base layer first.
    pub fn new(layers: Vec<Layer>) -> Stack {
        Stack { layers }
    }

    /// The layers of an image of the store, from the base layer up to the one with this chain ID. `None` where there is
    /// none.
    ///
    /// # Errors
    /// [`LayerError::Store`] where the catalogue cannot be read.
    pub fn get(store: &Store, chain_id: &Digest) -> Result<Option<Stack>, LayerError> {
        let mut layers = Vec::new();
        let mut next = Some(chain_id.clone());
        while let Some(chain_id) = next {
            let Some(layer) = store.layers().get(&chain_id)? else { return Ok(None) };
            layers.push(Layer::stored(store, layer.diff_id));
            next = layer.parent;
        }
        layers.reverse();
        Ok(Some(Stack { layers }))
    }

    /// The layers of an image that was resolved in this store.
    ///
    /// # Errors
    /// [`ResolveError::Inconsistent`] where a diff ID is no digest.
    pub fn stored(store: &Store, image: &Resolved) -> Result<Stack, ResolveError> {
        let layers = image.layers.iter().map(|layer| Ok(Layer::stored(store, digest(&layer.diff_id)?)));
        Ok(Stack { layers: layers.collect::<Result<_, ResolveError>>()? })
    }

    /// The layers of an image that was resolved in this source, read in place as in [`Layer::in_place`].
    ///
    /// # Errors
    /// [`ResolveError::Inconsistent`] where a diff ID is no digest or a layer has no blob.
    pub fn in_place(
        source: &Arc<dyn Source>,
        image: &Resolved,
        reading: &Reading,
    ) -> Result<Stack, ResolveError> {
        let missing = || ResolveError::Inconsistent { what: "a layer has no blob".into() };
        let layers = image.layers.iter().map(|layer| {
            let blob = layer.blob.as_ref().ok_or_else(missing)?;
            let blob = source.form(blob).unwrap_or(blob).clone();
            Ok(Layer::in_place(source.clone(), blob, digest(&layer.diff_id)?, reading.clone()))
        });
        Ok(Stack { layers: layers.collect::<Result<_, ResolveError>>()? })
    }

    /// Has the indexes of all layers, so many at a time: who needs all of them does not wait for one after the other.
    ///
    /// # Errors
    /// [`LayerError`] where one cannot be had: the first of them, from the base layer up.
    pub fn index_all(&self, at_once: usize) -> Result<(), LayerError> {
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(BTreeMap::new());
        let work = || {
            while let Some((position, layer)) = self.numbered(next.fetch_add(1, Ordering::Relaxed)) {
                if let Err(error) = layer.index() {
                    // None of those above it is begun any more.
                    next.store(self.layers.len(), Ordering::Relaxed);
                    failed.lock().unwrap_or_else(PoisonError::into_inner).insert(position, error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..at_once.min(self.layers.len()) {
                scope.spawn(work);
            }
            work();
        });
        let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
        failed.into_values().next().map_or(Ok(()), Err)
    }

    fn numbered(&self, position: usize) -> Option<(usize, &Layer)> {
        Some((position, self.layers.get(position)?))
    }

    /// The layers, base layer first.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The file system they are.
    pub fn tree(&self) -> Tree<'_> {
        Tree::new(self)
    }

    /// The content of the regular file at a node of the tree, hard links followed.
    ///
    /// # Errors
    /// [`LayerError::NotAFile`] for anything else, and what reading layers fails with.
    pub fn file(&self, node: &Node) -> Result<FileReader, LayerError> {
        let wrong = || LayerError::NotAFile { path: super::tree::printable(&node.path).into_owned() };
        let target = self.tree().target(node)?.ok_or_else(wrong)?;
        let position = target.entry.ok_or_else(wrong)?;
        self.layer(target.layer)?.file(position)
    }

    pub(super) fn layer(&self, layer: usize) -> Result<&Layer, LayerError> {
        let layers = self.layers.len();
        self.layers.get(layer).ok_or(LayerError::NoSuchLayer { wanted: layer, layers })
    }
}

impl Indexes for Stack {
    fn count(&self) -> usize {
        self.layers.len()
    }

    fn index(&self, layer: usize) -> Result<&Index, LayerError> {
        self.layer(layer)?.index()
    }
}

fn digest(text: &str) -> Result<Digest, ResolveError> {
    text.parse()
        .map_err(|error: crate::digest::NotADigest| ResolveError::Inconsistent { what: error.to_string() })
}
