use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::manifests::*;

pub fn chain_ids(diff_ids: &[String]) -> Result<Vec<String>, ManifestError> {
    <Component as Guest>::chain_ids(diff_ids.to_vec())
}
