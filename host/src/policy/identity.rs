//! What a signature may say the image is called (`signedIdentity`).

use std::fmt;

use super::DocumentError;
use super::document::At;
use super::requirement::type_of;
use crate::resolve;
use crate::sandbox::{Sandbox, SandboxError};
use crate::types::references::{Reading, Reference};
use crate::types::{ImageName, Rules};

/// Which names are the image's.
#[derive(Debug)]
pub(super) enum Identity {
    MatchExact,
    MatchRepoDigestOrExact,
    MatchRepository,
    ExactReference(ImageName),
    ExactRepository(ImageName),
    Remap { prefix: String, signed_prefix: String },
}

impl Identity {
    pub(super) fn read(at: At<'_, '_>, sandbox: &Sandbox) -> Result<Identity, DocumentError> {
        let text = |names: [&'static str; 2]| -> Result<(String, &str), DocumentError> {
            let [_, node] = at.exactly(names)?;
            let key = at.below(names[1]);
            let node = node.ok_or_else(|| at.missing(names[1]))?;
            let text = At { key: &key, node, ..at }.string()?;
            Ok((key, text))
        };
        match type_of(at)? {
            "matchExact" => at.exactly(["type"]).map(|_| Identity::MatchExact),
            "matchRepoDigestOrExact" => at.exactly(["type"]).map(|_| Identity::MatchRepoDigestOrExact),
            "matchRepository" => at.exactly(["type"]).map(|_| Identity::MatchRepository),
            "exactReference" => {
                let (key, text) = text(["type", "dockerReference"])?;
                let wrong = |wanted| At { key: &key, ..at }.value(wanted, format!("`{text}`"));
                let name = parse(sandbox, text)?.ok_or_else(|| wrong("an image name"))?;
                if is_name_only(&name) {
                    return Err(wrong("an image name with a tag or a digest"));
                }
                Ok(Identity::ExactReference(name))
            }
            "exactRepository" => {
                let (key, text) = text(["type", "dockerRepository"])?;
                let wrong = || At { key: &key, ..at }.value("an image name", format!("`{text}`"));
                Ok(Identity::ExactRepository(parse(sandbox, text)?.ok_or_else(wrong)?))
            }
            "remapIdentity" => {
                let names = ["type", "prefix", "signedPrefix"];
                let [_, prefix, signed_prefix] = at.exactly(names)?;
                let read = |name: &str, node: Option<&_>| {
                    let key = at.below(name);
                    let at = At { key: &key, node: node.ok_or_else(|| at.missing(name))?, ..at };
                    let text = at.string()?;
                    match is_prefix(sandbox, text)? {
                        true => Ok(text.to_owned()),
                        false => Err(at.value("a registry, or a repository with one", format!("`{text}`"))),
                    }
                };
                Ok(Identity::Remap {
                    prefix: read(names[1], prefix)?,
                    signed_prefix: read(names[2], signed_prefix)?,
                })
            }
            other => Err(at.value(
                "`matchExact`, `matchRepoDigestOrExact`, `matchRepository`, `exactReference`, `exactRepository` \
                 or `remapIdentity`",
                format!("the type `{other}`"),
            )),
        }
    }

    /// Whether an image that goes by `image`, if it goes by any name, may be signed as `signed`.
    pub(super) fn matches(
        &self,
        sandbox: &Sandbox,
        image: Option<&ImageName>,
        signed: &str,
    ) -> Result<bool, SandboxError> {
        let Some(signed) = parse(sandbox, signed)? else { return Ok(false) };
        let same_place = |image: &ImageName| image.domain == signed.domain && image.path == signed.path;
        Ok(match (self, image) {
            (Identity::ExactReference(wanted), _) => !is_name_only(&signed) && *wanted == signed,
            (Identity::ExactRepository(wanted), _) => same_place(wanted),
            (_, None) => false,
            (Identity::MatchExact, Some(image)) => {
                !is_name_only(image) && !is_name_only(&signed) && *image == signed
            }
            (Identity::MatchRepoDigestOrExact, Some(image)) => repo_digest_or_exact(image, &signed),
            (Identity::MatchRepository, Some(image)) => same_place(image),
            (Identity::Remap { prefix, signed_prefix }, Some(image)) => {
                match remapped(sandbox, image, prefix, signed_prefix)? {
                    Some(image) => repo_digest_or_exact(&image, &signed),
                    None => false,
                }
            }
        })
    }
}

/// As policies have it, and what goes with it.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::MatchExact => f.write_str("`matchExact`"),
            Identity::MatchRepoDigestOrExact => f.write_str("`matchRepoDigestOrExact`"),
            Identity::MatchRepository => f.write_str("`matchRepository`"),
            Identity::ExactReference(name) => write!(f, "`exactReference` `{}`", resolve::name(name)),
            Identity::ExactRepository(name) => write!(f, "`exactRepository` `{}`", resolve::name(name)),
            Identity::Remap { prefix, signed_prefix } => {
                write!(f, "`remapIdentity` `{prefix}` to `{signed_prefix}`")
            }
        }
    }
}

fn parse(sandbox: &Sandbox, text: &str) -> Result<Option<ImageName>, SandboxError> {
    Ok(match sandbox.parse_reference(text, Reading::Normalized, Rules::Podman)? {
        Ok(Reference::Named(name)) => Some(name),
        _ => None,
    })
}

fn is_name_only(name: &ImageName) -> bool {
    name.tag.is_none() && name.digest.is_none()
}

/// An image that is known by its digest alone may be signed under any tag: the digest is compared anyway.
fn repo_digest_or_exact(image: &ImageName, signed: &ImageName) -> bool {
    if is_name_only(signed) {
        return false;
    }
    match (&image.tag, &image.digest) {
        (Some(_), _) => image == signed,
        (None, Some(_)) => image.domain == signed.domain && image.path == signed.path,
        (None, None) => false,
    }
}

/// The name with another prefix, where it has this one. `None`: that is no name.
fn remapped(
    sandbox: &Sandbox,
    image: &ImageName,
    prefix: &str,
    signed_prefix: &str,
) -> Result<Option<ImageName>, SandboxError> {
    let place = format!("{}/{}", image.domain, image.path);
    let whole = resolve::name(image);
    let has_prefix = place.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(rest) = whole.strip_prefix(prefix).filter(|_| has_prefix) else {
        return Ok(Some(image.clone()));
    };
    let text = format!("{signed_prefix}{rest}");
    Ok(match sandbox.parse_reference(&text, Reading::Canonical, Rules::Podman)? {
        Ok(Reference::Named(name)) => Some(name),
        _ => None,
    })
}

/// Whether a text can begin names: a host with or without a port, or that and a path.
fn is_prefix(sandbox: &Sandbox, text: &str) -> Result<bool, SandboxError> {
    let host = text.split('/').next().unwrap_or_default();
    if !is_host(host) {
        return Ok(false);
    }
    if host.len() == text.len() {
        return Ok(true);
    }
    Ok(match sandbox.parse_reference(text, Reading::AsWritten, Rules::Podman)? {
        Ok(Reference::Named(name)) => is_name_only(&name),
        _ => false,
    })
}

/// `host[:port]` by the grammar of references.
fn is_host(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    host.split('.').all(label) && port.is_none_or(digits)
}
