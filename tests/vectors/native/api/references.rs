use consign_guest::component::Component;
pub use consign_guest::types::{ImageName, Rules};
pub use consign_guest::wit::exports::consign::image::references::*;

pub fn parse(text: &str, reading: Reading, rules: Rules) -> Result<Reference, ReferenceError> {
    <Component as Guest>::parse(text.to_owned(), reading, rules)
}

pub fn format(reference: &Reference) -> String {
    <Component as Guest>::format(reference.clone())
}

pub fn familiar_name(name: &ImageName) -> String {
    <Component as Guest>::familiar_name(name.clone())
}

pub fn familiar_string(reference: &Reference) -> String {
    <Component as Guest>::familiar_string(reference.clone())
}

pub fn trim(name: &ImageName) -> ImageName {
    <Component as Guest>::trim(name.clone())
}

pub fn tag_name_only(name: &ImageName) -> ImageName {
    <Component as Guest>::tag_name_only(name.clone())
}

pub fn with_name(text: &str, rules: Rules) -> Result<ImageName, ReferenceError> {
    <Component as Guest>::with_name(text.to_owned(), rules)
}

pub fn with_tag(name: &ImageName, tag: &str) -> Result<ImageName, ReferenceError> {
    <Component as Guest>::with_tag(name.clone(), tag.to_owned())
}

pub fn with_digest(name: &ImageName, digest: &str) -> Result<ImageName, ReferenceError> {
    <Component as Guest>::with_digest(name.clone(), digest.to_owned())
}

pub fn familiar_match(pattern: &str, reference: &Reference) -> Result<bool, PatternError> {
    <Component as Guest>::familiar_match(pattern.to_owned(), reference.clone())
}

pub fn sort(texts: &[String]) -> Vec<String> {
    <Component as Guest>::sort(texts.to_vec())
}
