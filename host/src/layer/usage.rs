//! How much of its layers an image shows.

use super::entry::Kind;
use super::opened::LayerError;
use super::tree::Tree;

/// What one layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Entries of its tar.
    pub entries: usize,
    /// Bytes of the content of its files.
    pub bytes: u64,
    /// Bytes of the content of files that later entries or layers replace or hide: no path of the image leads to
    /// them.
    pub wasted: u64,
}

/// What each layer has, from the base layer up.
///
/// # Errors
/// [`LayerError`] where a layer's index cannot be had.
pub fn usage(tree: Tree<'_>) -> Result<Vec<Usage>, LayerError> {
    let mut usage = Vec::with_capacity(tree.layers());
    // Which entries a path leads to.
    let mut seen = Vec::with_capacity(tree.layers());
    for layer in 0..tree.layers() {
        seen.push(vec![false; tree.index(layer)?.len()]);
    }
    for node in tree.walk(b"")? {
        let Some(target) = tree.target(&node?)? else { continue };
        if let Some(entry) = target.entry {
            seen[target.layer][entry] = true;
        }
    }
    for (layer, seen) in seen.iter().enumerate() {
        let index = tree.index(layer)?;
        let mut layer = Usage { entries: index.len(), ..Usage::default() };
        for (record, seen) in index.entries().zip(seen) {
            let record = record?;
            if record.kind == Kind::File {
                layer.bytes = layer.bytes.saturating_add(record.stored_size());
                if !seen {
                    layer.wasted = layer.wasted.saturating_add(record.stored_size());
                }
            }
        }
        usage.push(layer);
    }
    Ok(usage)
}
