//! What became of one path, layer by layer.

use super::said::said;
use super::{Node, Tree};
use crate::layer::opened::LayerError;

/// Why something of a lower layer is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hidden {
    /// By a whiteout, of the path or of a directory above it.
    Whiteout {
        /// The path that it hides.
        path: Vec<u8>,
    },
    /// By an opaque directory above it.
    Opaque {
        /// The directory.
        directory: Vec<u8>,
    },
    /// By something that is no directory, at the path or where a directory above it was.
    Replaced {
        /// Where it is.
        path: Vec<u8>,
    },
}

/// Something a layer did to a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It gave it, or gave it anew.
    Gave(Node),
    /// It hid what was there.
    Hid {
        /// The layer, counted from the base layer, 0.
        layer: usize,
        /// How.
        hidden: Hidden,
    },
}

impl Tree<'_> {
    /// What the layers did to this path, cleaned, from the base layer up. Layers that only have something in a
    /// directory that is there do nothing to it.
    ///
    /// # Errors
    /// [`LayerError`] where a layer's index cannot be had.
    pub fn history(&self, path: &[u8]) -> Result<Vec<Event>, LayerError> {
        let mut events = Vec::new();
        // Whether there is something, and whether it is a directory.
        let mut there = None;
        for layer in 0..self.layers() {
            let index = self.index(layer)?;
            let said = said(index, path, u64::MAX)?;
            let node = |entry| Event::Gave(Node { path: path.to_vec(), layer, entry });
            if let Some(entry) = said.entry {
                events.push(node(Some(entry)));
                there = Some(index.get(entry)?.kind == crate::layer::entry::Kind::Directory);
                continue;
            }
            if let (Some(why), Some(_)) = (said.hidden, there) {
                there = None;
                if !said.implied {
                    events.push(Event::Hid { layer, hidden: why.of(path) });
                }
            }
            if said.implied && there != Some(true) {
                there = Some(true);
                events.push(node(None));
            }
        }
        Ok(events)
    }
}
