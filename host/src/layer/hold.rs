//! Keeping layers from being removed, in somebody's name.
//!
//! What Docker's layer store does by counting references is written down here, so that it holds across processes: a
//! held layer's image is pinned by the holder, and with it the layer and all below it stay.
//!
//! ```
//! use consign::digest::Digest;
//! use consign::layer::hold;
//! use consign::layer::opened::Layer;
//! use consign::store::Store;
//!
//! fn lend(store: &Store, chain_id: &Digest) -> Result<Option<Layer>, Box<dyn std::error::Error>> {
//!     if !hold::hold(store, chain_id, "snapshot-7")? {
//!         return Ok(None);
//!     }
//!     // Whatever happens to the names of images now, the layer is here until it is released.
//!     Ok(Layer::get(store, chain_id)?)
//! }
//!
//! fn take_back(store: &Store, chain_id: &Digest) -> Result<bool, Box<dyn std::error::Error>> {
//!     Ok(hold::release(store, chain_id, "snapshot-7")?)
//! }
//! ```

use crate::digest::Digest;
use crate::store::{Store, StoreError};

/// Between a holder's name and the layer, in the name that the pin has.
const HOLDS: &str = " holds layer ";

fn pin(holder: &str, chain_id: &Digest) -> String {
    format!("{holder}{HOLDS}{chain_id}")
}

/// Holds the layer with this chain ID, and all below it, for this holder, who may hold others too. Holding twice is
/// holding once. False where no image has the layer.
///
/// # Errors
/// [`StoreError::UnusableHolder`] for a name that is empty, has control characters, or is over 256 bytes with the
/// chain ID; otherwise what reading and writing the catalogue fails with.
pub fn hold(store: &Store, chain_id: &Digest, holder: &str) -> Result<bool, StoreError> {
    if holder.trim().is_empty() {
        return Err(StoreError::UnusableHolder { holder: holder.to_owned(), reason: "it is empty" });
    }
    let pin = pin(holder, chain_id);
    if !store.pins().list(Some(&pin))?.is_empty() {
        return Ok(true);
    }
    let Some(layer) = store.layers().get(chain_id)? else { return Ok(false) };
    for image in store.images().with_layer(&layer)? {
        match store.pins().add(&image, &pin) {
            Ok(_) => return Ok(true),
            // It was removed meanwhile; another may have the layer.
            Err(StoreError::UnknownImage { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Lets the layer go as far as this holder is concerned; false where it was not held. It stays as long as an image, or
/// another holder, needs it.
///
/// # Errors
/// What reading and writing the catalogue fails with.
pub fn release(store: &Store, chain_id: &Digest, holder: &str) -> Result<bool, StoreError> {
    let name = pin(holder, chain_id);
    let mut held = false;
    for pin in store.pins().list(Some(&name))? {
        held |= store.pins().remove(&pin.image, &name)?;
    }
    Ok(held)
}

/// Who holds the layer with this chain ID, by name.
///
/// # Errors
/// What reading the catalogue fails with.
pub fn holders(store: &Store, chain_id: &Digest) -> Result<Vec<String>, StoreError> {
    let end = pin("", chain_id);
    let pins = store.pins().list(None)?;
    let mut holders: Vec<String> =
        pins.iter().filter_map(|pin| pin.holder.strip_suffix(&end)).map(str::to_owned).collect();
    holders.sort();
    holders.dedup();
    Ok(holders)
}
