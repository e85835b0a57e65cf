use super::sandbox;
pub use consign::types::ImageName;
pub use consign::types::podman_names::*;

pub fn decompose(text: &str) -> Result<Parts, Unreadable> {
    sandbox().decompose_name(text).unwrap()
}

pub fn qualify(text: &str, registry: Option<&str>) -> Result<ImageName, QualifyError> {
    sandbox().qualify_name(text, registry).unwrap()
}

pub fn normalized_tag(text: &str) -> Result<ImageName, Unreadable> {
    sandbox().normalized_tag(text).unwrap()
}

pub fn has_transport(text: &str) -> bool {
    sandbox().has_transport(text).unwrap()
}

pub fn strip_sha256(text: &str) -> String {
    sandbox().strip_sha256(text).unwrap()
}

pub fn repositories(names: &[String]) -> Result<Vec<Repository>, Unreadable> {
    sandbox().repositories(names).unwrap()
}

pub fn is_image_uri(text: &str) -> bool {
    sandbox().is_image_uri(text).unwrap()
}

pub fn save_name(id: &str, names: &[String], text: &str) -> Option<String> {
    sandbox().save_name(id, names, text).unwrap()
}

pub fn match_repo_tag(text: &str, names: &[String]) -> Result<String, MatchError> {
    sandbox().match_repo_tag(text, names).unwrap()
}
