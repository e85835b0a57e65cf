//! `consign serve`: the store, for other tools and other machines.

use std::net::ToSocketAddrs as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};

use consign::serve::{Answered, Identity, Observer, Options, Passwords, Registry, Server};

use super::args::{Format, Serve};
use super::failure::Failure;
use super::remote::look_up_without_libraries;
use super::session::Session;
use super::{input, output};

/// Bytes of a file of certificates, of a key, or of passwords.
const FILE_LIMIT: u64 = 8 << 20;

pub fn run(session: &Session, arguments: &Serve) -> Result<()> {
    let text = &arguments.registry;
    look_up_without_libraries();
    let addresses: Vec<_> = text
        .to_socket_addrs()
        .map_err(|error| Failure::usage(format!("wanted HOST:PORT, found `{text}`: {error}")))?
        .collect();
    let identity = match (&arguments.cert, &arguments.key) {
        (Some(certificate), Some(key)) => {
            let identity = Identity::of(&read(certificate)?, &read(key)?);
            Some(identity.with_context(|| format!("reading `{}`", certificate.display()))?)
        }
        _ => None,
    };
    let passwords = arguments.htpasswd.as_deref().map(passwords).transpose()?.map(Arc::new);
    let scheme = if identity.is_some() { "https" } else { "http" };
    let connections = usize::try_from(arguments.connections)?;
    let registry = Registry::new(session.stores()?.to_vec(), session.sandbox_handle());
    let server =
        Server::bind(&addresses, Options { connections, identity, passwords, ..Options::default() })?;
    // The first signal ends it when what is underway is done, the second at once.
    let ending = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, ending.clone())
            .and_then(|_| signal_hook::flag::register(signal, ending.clone()))
            .and_then(|_| {
                let stop = server.stop().map_err(std::io::Error::other)?;
                signal_hook::low_level::pipe::register(signal, stop.into_socket())
            })
            .context("waiting for signals")?;
    }
    let address = server.address();
    let url = format!("{scheme}://{address}");
    match arguments.format {
        Format::Table => output::lines([format!("Serving {url}/v2/")])?,
        Format::Json => output::json(&json!({"address": address.to_string(), "url": url}))?,
    }
    if arguments.quiet { server.run(&registry, &()) } else { server.run(&registry, &Log) }?;
    Ok(())
}

fn passwords(path: &Path) -> Result<Passwords> {
    let text = String::from_utf8_lossy(&read(path)?).into_owned();
    Passwords::parse(&text).with_context(|| format!("`{}`", path.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    input::read(path, FILE_LIMIT).with_context(|| format!("reading `{}`", path.display()))
}

/// A line for each request.
struct Log;

impl Observer for Log {
    fn answered(&self, answered: &Answered<'_>) {
        let Answered { peer, method, target, status, bytes, problem } = answered;
        let bytes = bytes.map_or_else(|| "broke off".to_owned(), |bytes| format!("{bytes} bytes"));
        let problem = problem.map(|problem| format!(": {problem}")).unwrap_or_default();
        let line = format!("{peer} {method} {target}: {status}, {bytes}{problem}");
        output::note(&output::printable(&line));
    }
}
