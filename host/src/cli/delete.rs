//! `consign delete`: an image out of a registry.

use anyhow::{Context, Result};
use serde_json::json;

use consign::registry::{RegistryError, Repository};
use consign::resolve::name;
use consign::transport::registry::reference;
use consign::types::ImageName;
use consign::types::transports::Transport;

use super::args::{Delete, Format};
use super::failure::Failure;
use super::session::Session;
use super::{image, output};

pub fn run(session: &Session, arguments: &Delete) -> Result<()> {
    let wanted = named(session, &arguments.image)?;
    let shown = name(&wanted);
    let (repository, there) = session.remote().own(session, &wanted, &arguments.reached)?;
    let absent = || Failure::no(format!("`docker://{shown}` is not there"));
    let digest = match there.digest.clone() {
        Some(digest) => digest,
        None => digest_of(&repository, &reference(&there))
            .with_context(|| format!("looking for `docker://{shown}`"))?
            .ok_or_else(absent)?,
    };
    let deleted = repository.delete_manifest(&digest);
    match deleted {
        Ok(true) => {}
        Ok(false) => return Err(absent().into()),
        Err(error) if is_not_done_there(&error) => {
            return Err(Failure::no(format!("`{}` does not delete: {error}", there.domain))
                .hint(
                    "a registry has to be set up to: docker-registry by `storage: {delete: {enabled: true}}`",
                )
                .into());
        }
        Err(error) => return Err(error).with_context(|| format!("deleting `docker://{shown}`")),
    }
    match arguments.format {
        Format::Table => Ok(()),
        Format::Json => output::json(&json!({"name": shown, "digest": digest})),
    }
}

/// What is to go, which has to be in a registry for all to see.
fn named(session: &Session, text: &str) -> Result<ImageName> {
    if session.sandbox().transport_of(text)? != Some(Transport::Docker) {
        return Err(Failure::usage(format!("wanted docker://NAME, found `{text}`"))
            .hint("`consign rm` removes images from the store")
            .into());
    }
    let found = image::reference(session, text)?.name;
    found.ok_or_else(|| Failure::usage(format!("wanted docker://NAME, found `{text}`")).into())
}

/// The digest of what a tag means: registries delete manifests by digest. `None`: it is not there.
fn digest_of(repository: &Repository, tag: &str) -> Result<Option<String>, RegistryError> {
    let Some(head) = repository.head_manifest(tag)? else { return Ok(None) };
    match head.digest {
        Some(digest) => Ok(Some(digest.to_string())),
        None => Ok(repository.get_manifest(tag)?.map(|fetched| fetched.digest.to_string())),
    }
}

/// Whether the registry says that it deletes nothing at all.
fn is_not_done_there(error: &RegistryError) -> bool {
    let RegistryError::Refused { status, problems, .. } = error else { return false };
    *status == 405 || problems.iter().any(|problem| problem.code == "UNSUPPORTED")
}
