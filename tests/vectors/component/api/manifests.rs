use super::sandbox;
pub use consign::types::manifests::*;

pub fn chain_ids(diff_ids: &[String]) -> Result<Vec<String>, ManifestError> {
    sandbox().chain_ids(diff_ids).unwrap()
}
