//! An image's layers as one file system.
//!
//! Layers are stacked as image-spec, layer.md, says, and as overlay file systems do:
//!
//! | in a layer | does |
//! | --- | --- |
//! | an entry | stands for whatever lower layers have at its path; a directory over a directory only changes what is said of it |
//! | what is no directory | hides everything lower layers have below its path |
//! | an entry below a path | makes that path a directory, whatever it was: replaced where it was something else, made up where nothing says what it is |
//! | `.wh.NAME` | hides what lower layers have at NAME, and below it |
//! | `.wh..wh..opq` | hides what lower layers have in its directory |
//! | `.wh..wh.` and anything else, `.wh.`, `.wh..`, `.wh...` | does nothing |
//!
//! Whiteouts count wherever in a layer they stand, never hide anything of their own layer, and make no
//! directories. Entries count in the order of the tar: of several with one path the last one, and what is no
//! directory takes away what came before it below its path. A hard link leads to what its target's path meant when
//! the tar had come as far as the link. Not part of the tree are entries with a component `..`, those at the root that are
//! no directories, and those with names over 255 or paths over 4,095 bytes, which no file system takes.
//!
//! Paths are bytes, cleaned: without `/` in front, without empty components and `.`; the root is the empty path.

mod history;
mod part;
mod resolve;
mod said;
#[cfg(test)]
mod tests;
mod walk;

pub use super::path::{clean, is_below, order, printable};
pub(crate) use super::path::{join, split};
pub use history::{Event, Hidden};
pub use part::Part;
pub use resolve::{Follow, NoSuchPath, PathError};
pub use walk::Walk;

use super::entry::Kind;
use super::index::{Index, Record};
use super::opened::LayerError;
use super::path::fits;
use said::said;

/// The indexes of a stack of layers.
pub trait Indexes {
    /// How many layers there are.
    fn count(&self) -> usize;

    /// The index of a layer, counted from the base layer, 0. It may be made, or read, only now.
    ///
    /// # Errors
    /// [`LayerError`] where it cannot be had.
    fn index(&self, layer: usize) -> Result<&Index, LayerError>;
}

/// The file system that a stack of layers is. Nothing of it is kept beside the indexes.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    layers: &'a dyn Indexes,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The path, cleaned.
    pub path: Vec<u8>,
    /// The layer that gave it, counted from the base layer, 0.
    pub layer: usize,
    /// The position of its entry in that layer's index. `None`: a directory of which no layer says anything but
    /// that something is in it; the lowest layer that says so gave it.
    pub entry: Option<usize>,
}

/// How far layers are looked into: a link is looked at from where it stands.
#[derive(Debug, Clone, Copy)]
struct Extent {
    /// Layers that count.
    layers: usize,
    /// Of the topmost of them entries count whose headers come before this place of its tar.
    end: u64,
}

impl Extent {
    fn limit(self, layer: usize) -> u64 {
        if layer + 1 == self.layers { self.end } else { u64::MAX }
    }
}

/// Hard links to hard links that are followed. Writers of tars link to the file itself.
const HARD_LINKS: usize = 255;

impl<'a> Tree<'a> {
    /// The file system of these layers.
    pub fn new(layers: &'a dyn Indexes) -> Tree<'a> {
        Tree { layers }
    }

    /// How many layers there are.
    pub fn layers(&self) -> usize {
        self.layers.count()
    }

    /// The index of a layer.
    ///
    /// # Errors
    /// [`LayerError`] where it cannot be had.
    pub fn index(&self, layer: usize) -> Result<&'a Index, LayerError> {
        self.layers.index(layer)
    }

    /// What is at this path, cleaned; links are not followed. Layers are looked into from the top, no further than
    /// is needed.
    ///
    /// # Errors
    /// [`LayerError`] where a layer's index cannot be had.
    pub fn get(&self, path: &[u8]) -> Result<Option<Node>, LayerError> {
        self.look(path, Extent { layers: self.layers.count(), end: u64::MAX })
    }

    fn look(&self, path: &[u8], extent: Extent) -> Result<Option<Node>, LayerError> {
        if !fits(path) {
            return Ok(None);
        }
        let node = |layer, entry| Some(Node { path: path.to_vec(), layer, entry });
        // The lowest layer so far that has something below the path.
        let mut implied = path.is_empty().then_some(0);
        for layer in (0..extent.layers).rev() {
            let index = self.index(layer)?;
            let said = said(index, path, extent.limit(layer))?;
            if let Some(entry) = said.entry {
                let directory = index.get(entry)?.kind == Kind::Directory;
                return Ok(match implied {
                    Some(above) if !directory => node(above, None),
                    _ => node(layer, Some(entry)),
                });
            }
            if said.implied {
                implied = Some(layer);
            }
            if said.hidden.is_some() {
                break;
            }
        }
        Ok(implied.and_then(|layer| node(layer, None)))
    }

    /// What the layer says of a node. `None` for a directory of which nothing is said.
    ///
    /// # Errors
    /// [`LayerError`] where the layer's index cannot be had.
    pub fn record(&self, node: &Node) -> Result<Option<Record>, LayerError> {
        let Some(entry) = node.entry else { return Ok(None) };
        Ok(Some(self.index(node.layer)?.get(entry)?))
    }

    /// What a node is, hard links looked through.
    ///
    /// # Errors
    /// [`LayerError`] where a layer's index cannot be had.
    pub fn kind(&self, node: &Node) -> Result<Kind, LayerError> {
        match self.target(node)? {
            Some(target) => Ok(self.record(&target)?.map_or(Kind::Directory, |record| record.kind)),
            None => Ok(Kind::HardLink),
        }
    }

    /// The node that holds what this one is: where it is a hard link that which it leads to, with the path and the
    /// layer it has there, otherwise itself. `None` for a link to nothing, or to a directory.
    ///
    /// # Errors
    /// [`LayerError`] where a layer's index cannot be had.
    pub fn target(&self, node: &Node) -> Result<Option<Node>, LayerError> {
        let mut node = node.clone();
        for _ in 0..HARD_LINKS {
            let Some(record) = self.record(&node)? else { return Ok(Some(node)) };
            if record.kind != Kind::HardLink {
                return Ok(Some(node));
            }
            let Some(path) = clean(record.link()) else { return Ok(None) };
            let extent = Extent { layers: node.layer + 1, end: record.header };
            let Some(found) = self.look(&path, extent)? else { return Ok(None) };
            match self.record(&found)? {
                Some(record) if record.kind != Kind::Directory => node = found,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

impl Node {
    /// The last component of its path; empty for the root.
    pub fn name(&self) -> &[u8] {
        split(&self.path).1
    }
}

impl Indexes for Vec<Index> {
    fn count(&self) -> usize {
        self.len()
    }

    fn index(&self, layer: usize) -> Result<&Index, LayerError> {
        self.as_slice().get(layer).ok_or(LayerError::NoSuchLayer { wanted: layer, layers: self.len() })
    }
}
