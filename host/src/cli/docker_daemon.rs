//! Which Docker daemon is meant, how it is reached, and its images.

use std::path::PathBuf;

use anyhow::{Context, Result};

use consign::docker_daemon::{Access, Address, Daemon, Patience};
use consign::registry::Certificates;
use consign::source::Source;
use consign::transport::archive::{Archive, Options};
use consign::transport::open_archive;
use consign::types::transports::ImageReference;

use super::args::Reached;
use super::certificates;
use super::failure::Failure;
use super::session::{Session, absolute, spool};

/// Where Docker's daemon is on most machines.
const DEFAULT: &str = "unix:///var/run/docker.sock";

/// The daemon that is meant.
pub fn connect(session: &Session, reached: &Reached) -> Result<Daemon> {
    let host = reached.daemon_host.as_deref().or(session.daemon_host()).unwrap_or(DEFAULT);
    let directory = directory(reached);
    let address = Address::parse(host, directory.is_some() || reached.tls_verify.is_some())?;
    let unverified = reached.tls_verify == Some(false);
    let certificates = match address {
        Address::Tls(_) if !unverified || directory.is_some() => {
            certificates::of_daemon(directory.as_deref())?
        }
        _ => Certificates::default(),
    };
    let access = Access { certificates, unverified, patience: Patience::default() };
    Daemon::connect(&address, &access).with_context(|| format!("reaching the Docker daemon at `{address}`"))
}

/// Where certificates for daemons are: where that is said, or where Docker's client has them, if it is told to use TLS.
fn directory(reached: &Reached) -> Option<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let docker = || {
        let home = absolute("DOCKER_CONFIG").or_else(|| absolute("HOME").map(|home| home.join(".docker")));
        variable("DOCKER_TLS_VERIFY").and(home)
    };
    reached.cert_dir.clone().or_else(|| variable("DOCKER_CERT_PATH").map(PathBuf::from)).or_else(docker)
}

/// The image that a reference means, as the archive that the daemon makes of it.
pub fn source(session: &Session, reference: &ImageReference, reached: &Reached) -> Result<Box<dyn Source>> {
    let text = session.sandbox().string_within_transport(reference)?;
    let saved =
        connect(session, reached)?.save(&text).with_context(|| format!("reading `docker-daemon:{text}`"))?;
    let Some(saved) = saved else {
        return Err(Failure::no(format!("`docker-daemon:{text}` is not there")).into());
    };
    let spool = spool();
    let archive = Archive::receive(saved, spool.as_ref(), Options::default());
    let opened = archive.and_then(|archive| open_archive(archive, session.sandbox()));
    opened.with_context(|| format!("reading `docker-daemon:{text}`"))
}
