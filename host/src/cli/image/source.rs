//! Places that images are read from where they are.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use consign::resolve;
use consign::source::{Selector, Source};
use consign::transport::archive::{Archive, Options as ArchiveOptions};
use consign::transport::containers_storage::Manifests;
use consign::transport::{open_archive, open_directory};
use consign::types::Transport;
use consign::types::transports::ImageReference;

use crate::cli::args::Reached;
use crate::cli::failure::Failure;
use crate::cli::session::{Session, spool};
use crate::cli::{containers_storage, docker_daemon};

/// Reads a `transport:reference`.
pub fn reference(session: &Session, text: &str) -> Result<ImageReference> {
    let storage = containers_storage::answer(session, text)?;
    session.sandbox().parse_image_name(text, storage.as_ref())?.map_err(|error| {
        let message =
            format!("not an image name: `{text}`: wanted {}, at byte {}", error.expected, error.offset);
        Failure::usage(message).into()
    })
}

/// Which of a source's images a reference means.
pub fn selector(reference: &ImageReference) -> Selector {
    // Of these the source is one image.
    if matches!(reference.transport, Transport::ContainersStorage | Transport::DockerDaemon) {
        return Selector::Only;
    }
    if let Some(position) = reference.position {
        return Selector::Position(usize::try_from(position).unwrap_or(usize::MAX));
    }
    match (&reference.ref_name, &reference.name) {
        (Some(text), name) => Selector::Name { text: text.clone(), name: name.clone() },
        (None, Some(name)) => Selector::Name { text: resolve::name(name), name: Some(name.clone()) },
        (None, None) => Selector::Only,
    }
}

/// Opens what a reference names, to be taken somewhere: its manifests name what can be had from there.
pub fn open_source(
    session: &Session,
    transport: Transport,
    reference: &ImageReference,
    reached: &Reached,
) -> Result<Box<dyn Source>> {
    open_source_with(session, transport, reference, reached, Manifests::OfWhatIsHere)
}

pub(super) fn open_source_with(
    session: &Session,
    transport: Transport,
    reference: &ImageReference,
    reached: &Reached,
    manifests: Manifests,
) -> Result<Box<dyn Source>> {
    let path = reference.path.as_deref().map(Path::new);
    match (transport, path) {
        (Transport::DockerArchive | Transport::OciArchive, Some(path)) => archive_at(session, path),
        (Transport::Oci | Transport::Dir, Some(path)) => directory_at(session, path),
        (Transport::DockerDaemon, _) => docker_daemon::source(session, reference, reached),
        (Transport::ContainersStorage, _) => containers_storage::source(session, reference, manifests),
        (Transport::Docker, _) if let Some(name) = &reference.name => {
            Ok(Box::new(session.remote().image(session, name, reached)?))
        }
        _ => {
            let text = session.sandbox().format_image_name(reference)?;
            Err(Failure::usage(format!("images cannot be read from there: `{text}`"))
                .hint("docker://, docker-archive:, oci-archive:, oci:, dir:, containers-storage: and docker-daemon: are read")
                .into())
        }
    }
}

/// Opens whatever image source is at a path: an archive, or a directory.
pub fn at(session: &Session, path: &Path) -> Result<Box<dyn Source>> {
    if path.is_dir() { directory_at(session, path) } else { archive_at(session, path) }
}

fn archive_at(session: &Session, path: &Path) -> Result<Box<dyn Source>> {
    let file = File::open(path).with_context(|| format!("opening `{}`", path.display()))?;
    archive(session, file).with_context(|| format!("reading `{}`", path.display()))
}

/// An archive in an open file; what cannot be sought in is spooled first.
pub fn archive(session: &Session, file: File) -> Result<Box<dyn Source>> {
    let spool = spool();
    let archive = Archive::open(file, spool.as_ref(), ArchiveOptions::default())?;
    Ok(open_archive(archive, session.sandbox())?)
}

fn directory_at(session: &Session, path: &Path) -> Result<Box<dyn Source>> {
    let directory = Dir::open_ambient_dir(path, ambient_authority())
        .with_context(|| format!("opening the directory `{}`", path.display()))?;
    open_directory(directory, session.sandbox()).with_context(|| format!("reading `{}`", path.display()))
}
