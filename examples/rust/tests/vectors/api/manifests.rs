pub use embed::manifests::*;

use super::call;

pub fn chain_ids(diff_ids: &[String]) -> Result<Vec<String>, ManifestError> {
    call(|component, store| component.consign_image_manifests().call_chain_ids(store, diff_ids))
}
