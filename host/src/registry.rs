//! Registries: a client for the OCI distribution specification, and for Docker's registries before it.
//!
//! A [`Registry`] is one registry and how it is reached; a [`Repository`] of it reads and writes manifests,
//! blobs and tags. Requests are synchronous; a registry and its repositories can be used from several threads
//! at once, and share connections and tokens.
//!
//! What a registry sends is from strangers. Every body is read up to a limit, documents and headers with a
//! grammar are read by the component, content is held against its digest and size as it passes.
//!
//! **Credentials** are sent to the registry itself, and to the token server it names, and only when they were asked
//! for: never to another host, never after a redirect, never over HTTP where the registry was reached by HTTPS.
//! Where a registry points ([`RegistryError::ForbiddenPlace`]) may be neither this machine nor its link, unless the
//! registry is there.

mod address;
mod answer;
mod auth;
pub mod auth_file;
mod blob;
mod connection;
mod error;
mod exchange;
mod file;
pub mod helper;
mod manifest;
mod pace;
mod proxy;
mod referrers;
mod retry;
mod secret;
mod secured;
mod signatures;
mod tags;
pub(crate) mod tls;
mod upload;
mod url;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

pub use blob::BlobReader;
pub use error::RegistryError;
pub use manifest::{Fetched, Head};
pub use proxy::Proxies;
pub use secret::{Credentials, Secret};
pub use tags::Tags;
pub use tls::Certificates;
pub use upload::{Mounted, Upload};

use crate::sandbox::Sandbox;
use address::Addresses;
use auth::Authentication;
pub(crate) use auth::encoded;

/// Which connections are good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// HTTPS with a certificate of a known authority.
    Verified,
    /// HTTPS with any certificate, otherwise HTTP: what registries.conf calls `insecure`.
    Unverified,
    /// HTTP, otherwise HTTPS with any certificate: for a registry on this machine, to which nobody listens on the way.
    Local,
    /// HTTP.
    Plain,
}

/// How long to wait, and how often to try.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// For the next bytes of an answer, for all of its head, and for being rid of the next bytes of a request.
    pub idle: Duration,
    /// How fast the body of an answer has to come, in bytes a second on the mean of each `idle`. What is slower counts as
    /// nothing.
    pub slowest: u64,
    /// How often a request is made again that failed on the way or was refused for the moment.
    pub retries: u32,
    /// Before the first time again; doubled each time, and up to a half more or less by chance.
    pub pause: Duration,
    /// The longest pause, also where a registry asks for one.
    pub longest_pause: Duration,
}

impl Default for Patience {
    /// 20 s, 60 s, 1 KiB a second, 3 times, after 0.5 s, at most 60 s.
    fn default() -> Self {
        Patience {
            connect: Duration::from_secs(20),
            idle: Duration::from_secs(60),
            slowest: 1 << 10,
            retries: 3,
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
        }
    }
}

/// How a registry is reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// Which connections are good enough.
    pub security: Security,
    /// Whom it has to show itself as, and who is shown to it.
    pub certificates: Certificates,
    /// Who asks.
    pub credentials: Option<Credentials>,
    /// What requests go through.
    pub proxies: Proxies,
    /// How long to wait, and how often to try.
    pub patience: Patience,
}

impl Default for Access {
    /// Verified, by no authority yet; nobody in particular.
    fn default() -> Self {
        Access {
            security: Security::Verified,
            certificates: Certificates::default(),
            credentials: None,
            proxies: Proxies::default(),
            patience: Patience::default(),
        }
    }
}

/// One registry, and how it is reached. Cheap to clone; clones share connections and tokens.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    /// As references have it.
    name: String,
    /// Where requests go: host, and port where there is one.
    host: String,
    port: Option<u16>,
    access: Access,
    sandbox: Arc<Sandbox>,
    addresses: Arc<Addresses>,
    /// Whether it is HTTPS, once that is known.
    is_https: OnceLock<bool>,
    agents: Mutex<Vec<(connection::Way, ureq::Agent)>>,
    authentication: Mutex<Authentication>,
}

impl Registry {
    /// The registry that references call `name`: `host[:port]`. `docker.io` is asked at `registry-1.docker.io`.
    /// Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Name`] for what is no host with or without a port.
    pub fn new(name: &str, access: Access, sandbox: Arc<Sandbox>) -> Result<Registry, RegistryError> {
        let asked = if name == "docker.io" { "registry-1.docker.io" } else { name };
        let wanted = || RegistryError::Name { wanted: "a registry, `host[:port]`", found: name.to_owned() };
        let url = sandbox.locate_url(&format!("https://{asked}/"), "/")?.ok_or_else(wanted)?;
        if name.contains(['/', '?', '#', ' ']) {
            return Err(wanted());
        }
        let is_https = match access.security {
            Security::Verified => OnceLock::from(true),
            Security::Unverified | Security::Local => OnceLock::new(),
            Security::Plain => OnceLock::from(false),
        };
        Ok(Registry(Arc::new(Inner {
            name: name.to_owned(),
            host: url.host,
            port: url.port,
            access,
            sandbox,
            addresses: Arc::default(),
            is_https,
            agents: Mutex::default(),
            authentication: Mutex::default(),
        })))
    }

    /// What references call it.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The repository of this path.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Name`] for what cannot be the path of a repository.
    pub fn repository(&self, path: &str) -> Result<Repository, RegistryError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let component = |part: &str| !part.is_empty() && part.bytes().all(fits) && !part.starts_with('.');
        if !path.split('/').all(component) || path.len() > 255 {
            return Err(RegistryError::Name {
                wanted: "the path of a repository",
                found: path.chars().take(300).collect(),
            });
        }
        Ok(Repository { registry: self.clone(), path: path.to_owned() })
    }

    /// Asks whether the registry is one and takes the credentials.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Unauthorized`] where it does not; other [`RegistryError`]s where it could not be told.
    pub fn ping(&self) -> Result<(), RegistryError> {
        let ask = exchange::Ask::get("/v2/".to_owned(), auth::Scope::none());
        self.send(ask)?.expect(&[200]).map(drop)
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.0.sandbox
    }
}

/// Whether a registry is on this machine by its name alone: `localhost`, or an address of the loopback.
pub fn is_loopback(name: &str) -> bool {
    let host = match name.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => name,
    };
    address::is_loopback_name(host)
}

/// A repository of a registry.
#[derive(Clone)]
pub struct Repository {
    registry: Registry,
    path: String,
}

impl Repository {
    /// Its registry.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Its path within the registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The target of a request: `/v2/PATH/rest`.
    fn target(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.path)
    }

    fn pulling(&self) -> auth::Scope {
        auth::Scope::repository(&self.path, "pull")
    }

    fn pushing(&self) -> auth::Scope {
        auth::Scope::repository(&self.path, "pull,push")
    }

    fn deleting(&self) -> auth::Scope {
        auth::Scope::repository(&self.path, "pull,push,delete")
    }
}
