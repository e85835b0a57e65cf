//! How an image came to be: the steps of its history, with what each added.
//!
//! ```
//! # use consign::sandbox::{Limits, Sandbox};
//! use consign::history::{Layer, history};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let sandbox = Sandbox::new(Limits::default())?;
//! # let diff_id = format!("sha256:{}", "0".repeat(64));
//! let config = format!(
//!     r#"{{"rootfs": {{"type": "layers", "diff_ids": ["{diff_id}"]}},
//!         "history": [{{"created_by": "COPY . /"}}, {{"created_by": "CMD [\"/x\"]", "empty_layer": true}}]}}"#
//! );
//! let config = sandbox.parse_image_config(config.as_bytes())?.map_err(|error| format!("{error:?}"))?;
//! let layer = Layer { diff_id: diff_id.parse()?, chain_id: diff_id.parse()?, size: Some(2048) };
//! let steps = history(&config, &[layer]);
//! assert_eq!(steps[0].created_by.as_deref(), Some("CMD [\"/x\"]"));
//! assert_eq!((steps[0].size, steps[1].size), (Some(0), Some(2048)));
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::image::{self, Image, ImageError};
use crate::sandbox::Sandbox;
use crate::store::{Store, StoreError, StoredLayer};
use crate::types::manifests::{HistoryEntry, ImageConfig};

/// A layer as the history counts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// The digest of its uncompressed content.
    pub diff_id: Digest,
    /// Identifies it with all below it.
    pub chain_id: Digest,
    /// Bytes, uncompressed. `None`: not known.
    pub size: Option<u64>,
}

/// One step of an image's making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The image that ends with this step, where one is known. The first step's is the image itself.
    pub image: Option<Digest>,
    /// RFC 3339, as the config has it.
    pub created: Option<String>,
    /// The command, as the config has it.
    pub created_by: Option<String>,
    /// As the config has it.
    pub author: Option<String>,
    /// As the config has it.
    pub comment: Option<String>,
    /// The step added no layer.
    pub empty: bool,
    /// The layer it added. `None` for an empty step, and where the history names more steps than layers.
    pub layer: Option<Layer>,
    /// Bytes it added, uncompressed: 0 for an empty step. `None`: not known.
    pub size: Option<u64>,
}

/// The steps of an image, the last one first; `layers` are the config's, base layer first.
///
/// Layers that the history does not mention come after the steps it has, as steps of which nothing is known:
/// a config may leave the history out. No step has an image; see [`stored`].
pub fn history(config: &ImageConfig, layers: &[Layer]) -> Vec<Step> {
    let mut rest = layers.iter();
    let mut steps: Vec<Step> = config
        .history
        .iter()
        .map(|entry| step(Some(entry), if entry.empty_layer { None } else { rest.next() }))
        .collect();
    steps.extend(rest.map(|layer| step(None, Some(layer))));
    steps.reverse();
    steps
}

fn step(entry: Option<&HistoryEntry>, layer: Option<&Layer>) -> Step {
    let empty = entry.is_some_and(|entry| entry.empty_layer);
    Step {
        image: None,
        created: entry.and_then(|entry| entry.created.clone()),
        created_by: entry.and_then(|entry| entry.created_by.clone()),
        author: entry.and_then(|entry| entry.author.clone()),
        comment: entry.and_then(|entry| entry.comment.clone()),
        empty,
        layer: layer.cloned(),
        size: if empty { Some(0) } else { layer.and_then(|layer| layer.size) },
    }
}

/// A stored layer with its size.
///
/// # Errors
/// What reading the catalogue fails with.
pub fn layer(store: &Store, layer: &StoredLayer) -> Result<Layer, StoreError> {
    let size = store.layers().blobs(&layer.diff_id)?.first().map(|blob| blob.unpacked_size);
    Ok(Layer { diff_id: layer.diff_id.clone(), chain_id: layer.chain_id.clone(), size })
}

/// Names the images that the steps of a stored image end with: its parents as the store has them, and other
/// images that have the very layers and the very history up to there.
///
/// # Errors
/// [`ImageError`] where the store cannot be read or the component does not answer. Images whose config is
/// damaged are passed over.
pub fn stored(store: &Store, sandbox: &Sandbox, image: &Image, steps: &mut [Step]) -> Result<(), ImageError> {
    let whole = &image.config.history;
    let mut candidates: BTreeMap<usize, Digest> = BTreeMap::new();
    let mut consider = |id: &Digest| -> Result<(), ImageError> {
        let other = match image::get(store, sandbox, id) {
            Ok(Some(other)) => other,
            Ok(None) | Err(ImageError::Config { .. } | ImageError::Store(StoreError::Corrupt { .. })) => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let (steps, layers) = (&other.config.history, &other.config.diff_ids);
        let begins = whole.starts_with(steps) && image.config.diff_ids.starts_with(layers);
        if begins && !steps.is_empty() && steps.len() < whole.len() {
            candidates.entry(steps.len()).or_insert(other.id);
        }
        Ok(())
    };
    // A circle among parents ends where it closes.
    let mut seen = vec![image.id.clone()];
    let mut parent = image.parent.clone();
    while let Some(id) = parent.filter(|id| !seen.contains(id)) {
        consider(&id)?;
        parent = store.images().parent(&id)?;
        seen.push(id);
    }
    for layer in steps.iter().filter_map(|step| step.layer.as_ref()) {
        let layer =
            StoredLayer { chain_id: layer.chain_id.clone(), parent: None, diff_id: layer.diff_id.clone() };
        for id in store.images().with_top(&layer)? {
            if !seen.contains(&id) {
                consider(&id)?;
            }
        }
    }
    let count = whole.len();
    for (at, step) in steps.iter_mut().enumerate() {
        step.image = match at {
            0 => Some(image.id.clone()),
            // Steps come from the last to the first.
            _ => count.checked_sub(at).and_then(|length| candidates.get(&length).cloned()),
        };
    }
    Ok(())
}
