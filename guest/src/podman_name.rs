//! What Podman 1.x makes of image names (podman 1.9, libpod/image: parts.go, utils.go, image.go).
//!
//! Its look-ups compare parts of names that were never normalised: `docker.io/busybox` is of the repository
//! `busybox`, and `ns/busybox` has no registry though `ns` stands where one would.

mod tags;
#[cfg(test)]
mod tests;
mod uri;

pub use tags::{match_repo_tag, repositories, save_name};
pub use uri::is_image_uri;

use crate::name::{self, DEFAULT_TAG};
use crate::prelude::*;
use crate::short_name::{LOCALHOST, as_written, is_registry, normalized, written};
use crate::types::ImageName;
use crate::wit::exports::consign::image::podman_names::{Parts, QualifyError};
use crate::wit::exports::consign::image::short_names::Unreadable;

/// What stands for the tag of a name that has a digest alone.
pub const NO_TAG: &str = "none";

/// Takes a name apart.
pub fn decompose(text: &str) -> Result<Parts, Unreadable> {
    let name = as_written(text)?;
    let has_registry = is_registry(&name.domain);
    let whole = written(&name::trim(name.clone()));
    let (registry, repository) =
        if has_registry { (name.domain.clone(), name.path.clone()) } else { (String::new(), whole.clone()) };
    let tag = match (&name.tag, &name.digest) {
        (Some(tag), _) => tag,
        (None, Some(_)) => NO_TAG,
        (None, None) => DEFAULT_TAG,
    };
    let tag = tag.to_owned();
    Ok(Parts {
        has_registry,
        registry,
        repository,
        tag,
        base_name: last_component(&whole).to_owned(),
        name: written(&name),
    })
}

/// What follows the last `/`.
fn last_component(text: &str) -> &str {
    text.rsplit_once('/').map_or(text, |(_, last)| last)
}

/// The name normalised, with this registry in front or by its own.
pub fn qualify(text: &str, registry: Option<&str>) -> Result<ImageName, QualifyError> {
    let name = as_written(text).map_err(QualifyError::Unreadable)?;
    let text = match (is_registry(&name.domain), registry) {
        (true, Some(_)) => return Err(QualifyError::HasRegistry),
        (false, None) => return Err(QualifyError::NoRegistry),
        (true, None) => written(&name),
        (false, Some(registry)) => format!("{registry}/{}", written(&name)),
    };
    normalized(&text).map_err(QualifyError::Unreadable)
}

/// The name an image is given.
pub fn normalized_tag(text: &str) -> Result<ImageName, Unreadable> {
    in_full(text).map(name::tag_name_only)
}

/// The name with its own registry, or of `localhost`.
pub fn in_full(text: &str) -> Result<ImageName, Unreadable> {
    let name = as_written(text)?;
    if is_registry(&name.domain) { normalized(text) } else { normalized(&format!("{LOCALHOST}/{text}")) }
}

/// Whether the text has `://`.
pub fn has_transport(text: &str) -> bool {
    text.contains("://")
}

/// The text without `sha256:` in front, unless that is all of it.
pub fn strip_sha256(text: &str) -> &str {
    text.strip_prefix("sha256:").filter(|rest| !rest.is_empty()).unwrap_or(text)
}
