pub use embed::references::*;
pub use embed::types::{ImageName, Rules};

use super::call;

pub fn parse(text: &str, reading: Reading, rules: Rules) -> Result<Reference, ReferenceError> {
    call(|component, store| component.consign_image_references().call_parse(store, text, reading, rules))
}

pub fn format(reference: &Reference) -> String {
    call(|component, store| component.consign_image_references().call_format(store, reference))
}

pub fn familiar_name(name: &ImageName) -> String {
    call(|component, store| component.consign_image_references().call_familiar_name(store, name))
}

pub fn familiar_string(reference: &Reference) -> String {
    call(|component, store| component.consign_image_references().call_familiar_string(store, reference))
}

pub fn trim(name: &ImageName) -> ImageName {
    call(|component, store| component.consign_image_references().call_trim(store, name))
}

pub fn tag_name_only(name: &ImageName) -> ImageName {
    call(|component, store| component.consign_image_references().call_tag_name_only(store, name))
}

pub fn with_name(text: &str, rules: Rules) -> Result<ImageName, ReferenceError> {
    call(|component, store| component.consign_image_references().call_with_name(store, text, rules))
}

pub fn with_tag(name: &ImageName, tag: &str) -> Result<ImageName, ReferenceError> {
    call(|component, store| component.consign_image_references().call_with_tag(store, name, tag))
}

pub fn with_digest(name: &ImageName, digest: &str) -> Result<ImageName, ReferenceError> {
    call(|component, store| component.consign_image_references().call_with_digest(store, name, digest))
}

pub fn familiar_match(pattern: &str, reference: &Reference) -> Result<bool, PatternError> {
    call(|component, store| {
        component.consign_image_references().call_familiar_match(store, pattern, reference)
    })
}

pub fn sort(texts: &[String]) -> Vec<String> {
    call(|component, store| component.consign_image_references().call_sort(store, texts))
}
