//! What Podman 1.x pulls for a name, and what it calls it then (podman 1.9, libpod/image/pull.go).

#[cfg(test)]
mod tests;

use crate::podman_name::{decompose, in_full};
use crate::prelude::*;
use crate::short_name::{LOCALHOST, normalized, written};
use crate::transport_name;
use crate::types::Transport;
use crate::wit::exports::consign::image::pull_goals::{Contents, Goal, GoalError as Error, Pair, Wanted};
use crate::wit::exports::consign::image::short_names::Unreadable;
use crate::wit::exports::consign::image::transports::{ImageReference, TransportError};

/// What is to be pulled.
pub fn goal_of(wanted: Wanted) -> Result<Goal, Error> {
    match wanted {
        Wanted::Name((text, registries)) => of_name(&text, registries),
        Wanted::Source((text, contents)) => of_source(&text, contents),
        Wanted::Pair((source, destination)) => single(&read(&source)?, &destination),
    }
}

fn read(source: &str) -> Result<ImageReference, Error> {
    transport_name::parse(source, None).map_err(|error| Error::Source(unreadable(source, error)))
}

fn unreadable(text: &str, error: TransportError) -> Unreadable {
    Unreadable { text: text.to_owned(), offset: error.offset, expected: error.expected }
}

fn pair(source: &ImageReference, destination: &str) -> Result<Pair, Error> {
    let image = match decompose(destination) {
        Ok(parts) if !parts.has_registry => written(&in_full(destination).map_err(Error::Name)?),
        _ => destination.to_owned(),
    };
    let stored = source.name.as_ref().map_or_else(|| image.clone(), written);
    // Whether the text is the beginning of an ID only the store would know.
    let stored = transport_name::within_store(&stored, |_| None)
        .map_err(|error| Error::Destination(unreadable(&stored, error)))?;
    let destination = transport_name::name_and_id(&stored);
    Ok(Pair { image, source: transport_name::format(source), destination })
}

fn single(source: &ImageReference, destination: &str) -> Result<Goal, Error> {
    Ok(Goal { pairs: vec![pair(source, destination)?], all: false, searched: None })
}

/// For a name that may lack a registry: one of each registry that is searched.
fn of_name(text: &str, registries: Vec<String>) -> Result<Goal, Error> {
    let parts = decompose(text).map_err(Error::Name)?;
    let source = |name: &str| read(&format!("docker://{name}"));
    if parts.has_registry {
        return single(&source(text)?, text);
    }
    let mut pairs = Vec::new();
    for registry in &registries {
        let name = normalized(&format!("{registry}/{}", parts.name)).map_err(Error::Name)?;
        let image = written(&name);
        pairs.push(pair(&source(&image)?, &image)?);
    }
    Ok(Goal { pairs, all: false, searched: Some(registries) })
}

/// For `transport:reference`: all the names of an archive's first image, the ID of one without a name, the
/// path of a directory.
fn of_source(text: &str, contents: Option<Contents>) -> Result<Goal, Error> {
    let source = read(text)?;
    match source.transport {
        Transport::DockerArchive | Transport::OciArchive => {
            let Contents { names, config } = contents.ok_or(Error::Unread)?;
            if names.is_empty() {
                let hex = config.split_once(':').map_or(config.as_str(), |(_, hex)| hex);
                return single(&source, &format!("@{hex}"));
            }
            let pairs = names.iter().map(|name| pair(&source, name)).collect::<Result<_, _>>()?;
            Ok(Goal { pairs, all: source.transport == Transport::DockerArchive, searched: None })
        }
        Transport::Dir | Transport::Oci => {
            let path = source.path.as_deref().unwrap_or_default();
            single(&source, &format!("{LOCALHOST}/{}", path.trim_start_matches('/')))
        }
        _ => single(&source, text),
    }
}
