use consign_guest::component::Component;
pub use consign_guest::types::ImageName;
pub use consign_guest::wit::exports::consign::image::podman_names::*;

pub fn decompose(text: &str) -> Result<Parts, Unreadable> {
    <Component as Guest>::decompose(text.to_owned())
}

pub fn qualify(text: &str, registry: Option<&str>) -> Result<ImageName, QualifyError> {
    <Component as Guest>::qualify(text.to_owned(), registry.map(str::to_owned))
}

pub fn normalized_tag(text: &str) -> Result<ImageName, Unreadable> {
    <Component as Guest>::normalized_tag(text.to_owned())
}

pub fn has_transport(text: &str) -> bool {
    <Component as Guest>::has_transport(text.to_owned())
}

pub fn strip_sha256(text: &str) -> String {
    <Component as Guest>::strip_sha256(text.to_owned())
}

pub fn repositories(names: &[String]) -> Result<Vec<Repository>, Unreadable> {
    <Component as Guest>::repositories(names.to_vec())
}

pub fn is_image_uri(text: &str) -> bool {
    <Component as Guest>::is_image_uri(text.to_owned())
}

pub fn save_name(id: &str, names: &[String], text: &str) -> Option<String> {
    <Component as Guest>::save_name(id.to_owned(), names.to_vec(), text.to_owned())
}

pub fn match_repo_tag(text: &str, names: &[String]) -> Result<String, MatchError> {
    <Component as Guest>::match_repo_tag(text.to_owned(), names.to_vec())
}
