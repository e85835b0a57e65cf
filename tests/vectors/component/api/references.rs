use super::sandbox;
pub use consign::types::references::*;
pub use consign::types::{ImageName, Rules};

pub fn parse(text: &str, reading: Reading, rules: Rules) -> Result<Reference, ReferenceError> {
    sandbox().parse_reference(text, reading, rules).unwrap()
}

pub fn format(reference: &Reference) -> String {
    sandbox().format_reference(reference).unwrap()
}

pub fn familiar_name(name: &ImageName) -> String {
    sandbox().familiar_name(name).unwrap()
}

pub fn familiar_string(reference: &Reference) -> String {
    sandbox().familiar_string(reference).unwrap()
}

pub fn trim(name: &ImageName) -> ImageName {
    sandbox().trim_name(name).unwrap()
}

pub fn tag_name_only(name: &ImageName) -> ImageName {
    sandbox().tag_name_only(name).unwrap()
}

pub fn with_name(text: &str, rules: Rules) -> Result<ImageName, ReferenceError> {
    sandbox().with_name(text, rules).unwrap()
}

pub fn with_tag(name: &ImageName, tag: &str) -> Result<ImageName, ReferenceError> {
    sandbox().with_tag(name, tag).unwrap()
}

pub fn with_digest(name: &ImageName, digest: &str) -> Result<ImageName, ReferenceError> {
    sandbox().with_digest(name, digest).unwrap()
}

pub fn familiar_match(pattern: &str, reference: &Reference) -> Result<bool, PatternError> {
    sandbox().familiar_match(pattern, reference).unwrap()
}

pub fn sort(texts: &[String]) -> Vec<String> {
    sandbox().sort_references(texts).unwrap()
}
