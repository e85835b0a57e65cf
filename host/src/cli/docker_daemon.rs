//! Which Docker daemon is meant, and its images.

use anyhow::{Context, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use consign::docker_daemon::{Address, Daemon, Patience};
use consign::source::Source;
use consign::transport::archive::{Archive, Options};
use consign::transport::open_archive;
use consign::types::transports::ImageReference;

use super::failure::Failure;
use super::session::Session;

/// Where Docker's daemon is on most machines.
pub const DEFAULT: &str = "unix:///var/run/docker.sock";

/// The daemon that is meant.
pub fn connect(session: &Session) -> Result<Daemon> {
    let address: Address = session.daemon_host().parse()?;
    Daemon::connect(&address, Patience::default())
        .with_context(|| format!("reaching the Docker daemon at `{address}`"))
}

/// The image that a reference means, as the archive that the daemon makes of it.
pub fn source(session: &Session, reference: &ImageReference) -> Result<Box<dyn Source>> {
    let text = session.sandbox().string_within_transport(reference)?;
    let saved = connect(session)?.save(&text).with_context(|| format!("reading `docker-daemon:{text}`"))?;
    let Some(saved) = saved else {
        return Err(Failure::no(format!("`docker-daemon:{text}` is not there")).into());
    };
    let spool = Dir::open_ambient_dir(std::env::temp_dir(), ambient_authority()).ok();
    let archive = Archive::receive(saved, spool.as_ref(), Options::default());
    let opened = archive.and_then(|archive| open_archive(archive, session.sandbox()));
    opened.with_context(|| format!("reading `docker-daemon:{text}`"))
}
