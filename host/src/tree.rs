//! Layers as a tree: what an image stands on, and what stands on it.
//!
//! ```
//! # use cap_std::ambient_authority;
//! # use cap_std::fs::Dir;
//! # use consign::sandbox::{Limits, Sandbox};
//! # use consign::store::{self, Store};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let dir = Dir::open_ambient_dir(directory.path(), ambient_authority())?;
//! # let store = Store::open(dir, store::Options::default())?;
//! # let sandbox = Sandbox::new(Limits::default())?;
//! # let unknown = format!("sha256:{}", "0".repeat(64)).parse()?;
//! // An image that is not there stands on nothing.
//! assert_eq!(consign::tree::below(&store, &unknown)?, []);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::history::{self, Layer};
use crate::store::{Store, StoreError, StoredLayer};
use crate::types::ImageName;

/// A layer, and the images that end with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// How many layers of the answer are below it.
    pub depth: usize,
    /// The layer.
    pub layer: Layer,
    /// Images whose top layer this is, ascending.
    pub images: Vec<Digest>,
    /// Their names, by name.
    pub names: Vec<ImageName>,
}

/// The layers an image stands on, base layer first. Empty for one without layers, or that is not here.
///
/// # Errors
/// What reading the catalogue fails with.
pub fn below(store: &Store, image: &Digest) -> Result<Vec<Branch>, StoreError> {
    let chain = store.layers().of_image(image)?;
    chain.iter().enumerate().map(|(depth, layer)| branch(store, layer, depth)).collect()
}

/// An image's top layer and what stands on it: the layers of all images that go on from there, each before
/// those that stand on it, beside each other by chain ID. Empty for an image without layers, or that is not
/// here.
///
/// # Errors
/// What reading the catalogue fails with.
pub fn above(store: &Store, image: &Digest) -> Result<Vec<Branch>, StoreError> {
    let chain = store.layers().of_image(image)?;
    let Some(top) = chain.last() else { return Ok(Vec::new()) };
    // What goes on, by the chain ID of what is below.
    let mut next: BTreeMap<Digest, BTreeMap<Digest, StoredLayer>> = BTreeMap::new();
    for id in store.images().with_layer(top)? {
        let other = store.layers().of_image(&id)?;
        for pair in other.windows(2).skip(chain.len() - 1) {
            if let [below, above] = pair {
                let beside = next.entry(below.chain_id.clone()).or_default();
                beside.insert(above.chain_id.clone(), above.clone());
            }
        }
    }
    let mut branches = Vec::new();
    let mut waiting = vec![(top.clone(), 0)];
    while let Some((layer, depth)) = waiting.pop() {
        branches.push(branch(store, &layer, depth)?);
        let above = next.remove(&layer.chain_id).unwrap_or_default();
        waiting.extend(above.into_values().rev().map(|layer| (layer, depth + 1)));
    }
    Ok(branches)
}

fn branch(store: &Store, layer: &StoredLayer, depth: usize) -> Result<Branch, StoreError> {
    let images = store.images().with_top(layer)?;
    let mut names = Vec::new();
    for id in &images {
        names.extend(store.images().names(id)?.into_iter().map(|known| known.name));
    }
    let key =
        |name: &ImageName| (name.domain.clone(), name.path.clone(), name.tag.clone(), name.digest.clone());
    names.sort_by_key(key);
    // A name of an index leads to several images.
    names.dedup();
    Ok(Branch { depth, layer: history::layer(store, layer)?, images, names })
}
