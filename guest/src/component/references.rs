use super::Component;
use crate::name;
use crate::prelude::*;
use crate::types::{ImageName, Rules};
use crate::wit::exports::consign::image::references::{
    Guest, PatternError, Reading, Reference, ReferenceError,
};

impl Guest for Component {
    fn parse(text: String, reading: Reading, rules: Rules) -> Result<Reference, ReferenceError> {
        name::parse(&text, reading, rules)
    }

    fn format(reference: Reference) -> String {
        name::format(&reference)
    }

    fn familiar_name(name: ImageName) -> String {
        name::familiar_name(&name)
    }

    fn familiar_string(reference: Reference) -> String {
        name::familiar_string(&reference)
    }

    fn trim(name: ImageName) -> ImageName {
        name::trim(name)
    }

    fn tag_name_only(name: ImageName) -> ImageName {
        name::tag_name_only(name)
    }

    fn with_name(text: String, rules: Rules) -> Result<ImageName, ReferenceError> {
        name::with_name(&text, rules)
    }

    fn with_tag(name: ImageName, tag: String) -> Result<ImageName, ReferenceError> {
        name::with_tag(name, tag)
    }

    fn with_digest(name: ImageName, digest: String) -> Result<ImageName, ReferenceError> {
        name::with_digest(name, digest)
    }

    fn familiar_match(pattern: String, reference: Reference) -> Result<bool, PatternError> {
        name::familiar_match(&pattern, &reference)
    }

    fn sort(texts: Vec<String>) -> Vec<String> {
        name::sort(texts)
    }
}
