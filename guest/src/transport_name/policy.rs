//! Where trust in an image is looked up (containers-policy.json(5)).

use super::storage;
use crate::name;
use crate::prelude::*;
use crate::types::ImageName;
use crate::wit::exports::consign::image::references::Reference;
use crate::wit::exports::consign::image::transports::{ImageReference, PolicyScope, Transport};

/// The identity and the namespaces of an image. `None` where the peer has no answer.
pub fn policy(image: &ImageReference, explicit_path: Option<&str>) -> Option<PolicyScope> {
    let path = explicit_path.or(image.path.as_deref()).unwrap_or_default();
    let nothing = || PolicyScope { identity: String::new(), namespaces: Vec::new() };
    match image.transport {
        Transport::Docker if image.unknown_digest => {
            let name = name::trim(image.name.clone()?);
            let namespaces = name_and_above(&name);
            Some(PolicyScope { identity: full(&name), namespaces: namespaces[1..].to_vec() })
        }
        Transport::Docker | Transport::Atomic => named(image.name.as_ref()?),
        Transport::DockerDaemon if image.id.is_some() => Some(nothing()),
        Transport::DockerDaemon => named(image.name.as_ref()?),
        Transport::DockerArchive | Transport::Tarball | Transport::Ostree => Some(nothing()),
        Transport::Dir | Transport::Sif => {
            Some(PolicyScope { identity: path.to_owned(), namespaces: directories(path) })
        }
        // `path:name` and `path:` can be the same image: the path alone is a namespace too.
        Transport::Oci | Transport::OciArchive => {
            let itself = (path != "/" && path.contains('/')).then(|| path.to_owned());
            let namespaces = itself.into_iter().chain(directories(path)).collect();
            Some(PolicyScope { identity: path.to_owned(), namespaces })
        }
        Transport::ContainersStorage => Some(stored(image)),
    }
}

/// A name with a tag or a digest, not both.
fn named(name: &ImageName) -> Option<PolicyScope> {
    if name.tag.is_some() == name.digest.is_some() {
        return None;
    }
    Some(PolicyScope { identity: full(name), namespaces: name_and_above(name) })
}

/// The name, everything it is under down to the host, then the host's domains: `*.example.com`, `*.com`.
fn name_and_above(name: &ImageName) -> Vec<String> {
    let name = full(&name::trim(name.clone()));
    let mut namespaces = prefixes(&name);
    let host = name.split('/').next().unwrap_or_default();
    let mut host = host.split(':').next().unwrap_or_default();
    while let Some((_, above)) = host.split_once('.') {
        namespaces.push(format!("*.{above}"));
        host = above;
    }
    namespaces
}

/// The text, and what is before its last slash, and so on.
fn prefixes(text: &str) -> Vec<String> {
    let mut rest = text;
    let mut prefixes = vec![rest.to_owned()];
    while let Some((before, _)) = rest.rsplit_once('/') {
        prefixes.push(before.to_owned());
        rest = before;
    }
    prefixes
}

/// The directories a path is in, without the root: it says no more than having no scope at all.
fn directories(path: &str) -> Vec<String> {
    let mut rest = path;
    let mut directories = Vec::new();
    while let Some((before, _)) = rest.rsplit_once('/') {
        if before.is_empty() {
            break;
        }
        directories.push(before.to_owned());
        rest = before;
    }
    directories
}

/// An image in a containers-storage: within its store, the name's namespaces; then the store, with its driver
/// and without.
fn stored(image: &ImageReference) -> PolicyScope {
    let (driver, root) = match &image.store {
        Some(store) => (store.driver.as_str(), store.graph_root.as_str()),
        None => ("", ""),
    };
    let store = format!("[{driver}@{root}]");
    let mut namespaces = Vec::new();
    if let Some(name) = &image.name {
        if image.id.is_some() {
            namespaces.push(format!("{store}{}", full(name)));
        }
        if name.tag.is_some() && name.digest.is_some() {
            namespaces.push(format!("{store}{}", full(&ImageName { digest: None, ..name.clone() })));
        }
        let bare = full(&name::trim(name.clone()));
        namespaces.extend(prefixes(&bare).into_iter().map(|prefix| format!("{store}{prefix}")));
    }
    let identity = format!("{store}{}", storage::name_and_id(image));
    namespaces.extend([store, format!("[{root}]")]);
    PolicyScope { identity, namespaces }
}

fn full(name: &ImageName) -> String {
    name::format(&Reference::Named(name.clone()))
}
