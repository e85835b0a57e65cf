use super::Component;
use crate::podman_name;
use crate::prelude::*;
use crate::types::ImageName;
use crate::wit::exports::consign::image::podman_names::{Guest, MatchError, Parts, QualifyError, Repository};
use crate::wit::exports::consign::image::short_names::Unreadable;

impl Guest for Component {
    fn decompose(text: String) -> Result<Parts, Unreadable> {
        podman_name::decompose(&text)
    }

    fn qualify(text: String, registry: Option<String>) -> Result<ImageName, QualifyError> {
        podman_name::qualify(&text, registry.as_deref())
    }

    fn normalized_tag(text: String) -> Result<ImageName, Unreadable> {
        podman_name::normalized_tag(&text)
    }

    fn has_transport(text: String) -> bool {
        podman_name::has_transport(&text)
    }

    fn strip_sha256(text: String) -> String {
        podman_name::strip_sha256(&text).to_owned()
    }

    fn repositories(names: Vec<String>) -> Result<Vec<Repository>, Unreadable> {
        podman_name::repositories(&names)
    }

    fn is_image_uri(text: String) -> bool {
        podman_name::is_image_uri(&text)
    }

    fn save_name(id: String, names: Vec<String>, text: String) -> Option<String> {
        podman_name::save_name(&id, &names, &text)
    }

    fn match_repo_tag(text: String, names: Vec<String>) -> Result<String, MatchError> {
        podman_name::match_repo_tag(&text, &names)
    }
}
