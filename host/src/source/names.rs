//! The names sources give their images.

use super::SourceError;
use crate::sandbox::{Sandbox, SandboxError};
use crate::types::references::{Reading, Reference, ReferenceError};
use crate::types::{ImageName, Rules};

/// A name of a docker archive, as Docker and containers/image read it: `docker.io/library/` and `latest`
/// are filled in. `None` for `<none>:<none>`, which old archives write for no name.
pub(crate) fn docker_name(sandbox: &Sandbox, text: &str) -> Result<Option<ImageName>, SourceError> {
    if text == "<none>:<none>" {
        return Ok(None);
    }
    match parse(sandbox, text, Reading::Normalized)? {
        Ok(name) => Ok(Some(sandbox.tag_name_only(&name)?)),
        Err(error) => Err(SourceError::BadName {
            name: text.chars().take(300).collect(),
            offset: error.map_or(0, |error| error.offset),
            expected: "an image name".into(),
        }),
    }
}

/// An `org.opencontainers.image.ref.name`, as `podman load` reads it: a name without a registry is in
/// `localhost/`, and one without a tag is `latest`, so that `v1` alone is `localhost/v1:latest`. `None`
/// for what is no reference; the annotation may be any text.
pub(crate) fn oci_name(sandbox: &Sandbox, text: &str) -> Result<Option<ImageName>, SourceError> {
    let Ok(written) = parse(sandbox, text, Reading::AsWritten)? else {
        return Ok(None);
    };
    let has_registry = written.domain.contains(['.', ':']) || written.domain == "localhost";
    let text = if has_registry { text.to_owned() } else { format!("localhost/{text}") };
    let Ok(mut name) = parse(sandbox, &text, Reading::Normalized)? else {
        return Ok(None);
    };
    if name.digest.is_some() {
        name.tag = None;
    }
    Ok(Some(sandbox.tag_name_only(&name)?))
}

fn parse(
    sandbox: &Sandbox,
    text: &str,
    reading: Reading,
) -> Result<Result<ImageName, Option<ReferenceError>>, SandboxError> {
    Ok(match sandbox.parse_reference(text, reading, Rules::Docker)? {
        Ok(Reference::Named(name)) => Ok(name),
        Ok(Reference::Digest(_)) => Err(None),
        Err(error) => Err(Some(error)),
    })
}

/// Whether both mean the same: of a tag and a digest the digest counts, nothing is `latest`.
pub(super) fn same(known: &ImageName, wanted: &ImageName) -> bool {
    let end = |name: &ImageName| match (&name.digest, &name.tag) {
        (Some(digest), _) => (None, Some(digest.clone())),
        (None, tag) => (Some(tag.clone().unwrap_or_else(|| "latest".into())), None),
    };
    known.domain == wanted.domain && known.path == wanted.path && end(known) == end(wanted)
}
