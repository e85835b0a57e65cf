//! Docker's image store, by the Engine API of its daemon, on a socket or over TLS: images out of it and into it, each as one archive that
//! streams.
//!
//! The daemon is a program of this machine, trusted with more than this one; what it answers beside archives is short JSON,
//! of which a few members are read, within bounds. The archive is a stranger's, and read as any.

mod address;
mod connection;
mod error;
mod sending;

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use ureq::http::Response;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, SendBody};

pub use address::Address;
pub use error::DaemonError;
pub use sending::SendError;

use crate::registry::Certificates;

/// Bytes of a document, and of all the daemon says while it takes an archive in.
const ANSWER_LIMIT: u64 = 4 << 20;
/// Bytes of an archive beside those of the image: headers, the legacy layout, documents.
const ARCHIVE_MARGIN: u64 = 256 << 20;

/// How long the daemon is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until a connection is there.
    pub connect: Duration,
    /// While nothing comes or goes. The daemon packs or unpacks a whole image before it says a word.
    pub idle: Duration,
}

impl Default for Patience {
    /// 10 seconds, and 15 minutes.
    fn default() -> Self {
        Patience { connect: Duration::from_secs(10), idle: Duration::from_secs(15 * 60) }
    }
}

/// How a daemon is reached.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// Over TLS: whom it has to show itself as, and who is shown to it.
    pub certificates: Certificates,
    /// Over TLS: whether any certificate is good enough.
    pub unverified: bool,
    /// How long it is waited for.
    pub patience: Patience,
}

/// A daemon that answered.
pub struct Daemon {
    agent: Agent,
    /// With the version of the API, without a `/` at its end.
    base: String,
    /// Set by a connection on which the daemon takes no more.
    hung_up: Arc<AtomicBool>,
}

#[derive(Deserialize)]
struct Inspected {
    #[serde(rename = "Size", default)]
    size: u64,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// What is said while an archive is taken in.
#[derive(Deserialize)]
struct Progress {
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    error: Option<String>,
}

impl Daemon {
    /// Asks the daemon at an address for the version of its API, which is then spoken: what is needed here is in all of
    /// them, and daemons refuse versions that are too old as well as those too new.
    ///
    /// # Errors
    /// [`DaemonError::Request`] where there is none, [`DaemonError::NoDaemon`] where something else answers.
    pub fn connect(address: &Address, access: &Access) -> Result<Daemon, DaemonError> {
        let patience = access.patience;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The daemon is here, or an administrator's, whatever proxies there are for elsewhere.
            .proxy(None)
            .user_agent(concat!("consign/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_connect(Some(patience.connect))
            .timeout_per_read(Some(patience.idle))
            .timeout_per_write(Some(patience.idle))
            .input_buffer_size(128 << 10)
            .output_buffer_size(128 << 10)
            .build();
        let hung_up = Arc::<AtomicBool>::default();
        let agent = match address {
            Address::Unix(path) => {
                let connector = connection::Unix { path: path.clone(), hung_up: hung_up.clone() };
                Agent::with_parts(config, connector, connection::Nowhere)
            }
            Address::Tcp(_) => Agent::with_parts(config, DefaultConnector::default(), connection::Loopback),
            Address::Tls(_) => {
                let connector = access.certificates.connector(!access.unverified);
                Agent::with_parts(config, connector, DefaultResolver::default())
            }
        };
        let host = address.host();
        let scheme = if matches!(address, Address::Tls(_)) { "https" } else { "http" };
        let mut daemon = Daemon { agent, base: format!("{scheme}://{host}"), hung_up };
        let pinged = daemon.get("/_ping")?;
        let version = pinged.headers().get("api-version").and_then(|version| version.to_str().ok());
        // Daemons before Docker 17.04 do not say it there.
        let version = match version {
            Some(version) => version.to_owned(),
            None => daemon.old_version()?,
        };
        let is_version = |(major, minor): (&str, &str)| {
            let is_number =
                |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
            is_number(major) && is_number(minor)
        };
        if !version.split_once('.').is_some_and(is_version) {
            return Err(DaemonError::NoDaemon { address: address.to_string() });
        }
        daemon.base = format!("{}/v{version}", daemon.base);
        Ok(daemon)
    }

    fn old_version(&self) -> Result<String, DaemonError> {
        #[derive(Deserialize)]
        struct Version {
            #[serde(rename = "ApiVersion")]
            api_version: String,
        }
        let path = "/version";
        let version: Version = document(path, self.accepted(path, self.get(path)?)?)?;
        Ok(version.api_version)
    }

    /// The archive of an image, by name or `sha256:` ID, as `docker save` writes it. `None`: there is no such image. Its
    /// end is an error where it breaks off, and where it is out of proportion to the image.
    ///
    /// # Errors
    /// [`DaemonError::Request`], [`DaemonError::Refused`] with what the daemon said.
    pub fn save(&self, image: &str) -> Result<Option<impl Read + Send + use<>>, DaemonError> {
        let path = format!("/images/{image}/json");
        let response = self.get(&path)?;
        if response.status().as_u16() == 404 {
            return Ok(None);
        }
        let inspected: Inspected = document(&path, self.accepted(&path, response)?)?;
        let path = format!("/images/get?names={}", in_query(image));
        let response = self.accepted(&path, self.get(&path)?)?;
        let limit = inspected.size.saturating_mul(4).saturating_add(ARCHIVE_MARGIN);
        let reader = response.into_body().into_with_config().limit(u64::MAX).reader();
        Ok(Some(Bounded { reader, left: limit, limit }))
    }

    /// Has the daemon take in the archive that comes from `input`; answers with what it says.
    fn load(&self, mut input: impl Read) -> Result<Vec<String>, DaemonError> {
        let path = "/images/load?quiet=1";
        let request = self.agent.post(format!("{}{path}", self.base)).content_type("application/x-tar");
        let sent = request.send(SendBody::from_reader(&mut input));
        let response = self.accepted(path, sent.map_err(|error| error::request(path, error))?)?;
        let body = response.into_body().into_with_config().limit(ANSWER_LIMIT).reader();
        let mut said = Vec::new();
        for progress in serde_json::Deserializer::from_reader(io::BufReader::new(body)).into_iter() {
            let Progress { stream, error } =
                progress.map_err(|source| DaemonError::Answer { path: path.to_owned(), source })?;
            if let Some(message) = error {
                return Err(DaemonError::Load { message: error::printable(&message) });
            }
            said.extend(stream.map(|line| error::printable(line.trim_end())));
        }
        Ok(said)
    }

    fn get(&self, path: &str) -> Result<Response<Body>, DaemonError> {
        let sent = self.agent.get(format!("{}{path}", self.base)).call();
        sent.map_err(|error| error::request(path, error))
    }

    /// An answer that is no refusal.
    fn accepted(&self, path: &str, response: Response<Body>) -> Result<Response<Body>, DaemonError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let mut text = String::new();
        // What comes is told; it need not be what it should.
        let body = response.into_body().into_with_config().limit(ANSWER_LIMIT).reader();
        let _ = io::BufReader::new(body).read_to_string(&mut text);
        let message = serde_json::from_str(&text).map_or(text, |Refusal { message }| message);
        Err(DaemonError::Refused {
            path: path.to_owned(),
            status: status.as_u16(),
            message: error::printable(&message),
        })
    }
}

fn document<T: DeserializeOwned>(path: &str, response: Response<Body>) -> Result<T, DaemonError> {
    let body = response.into_body().into_with_config().limit(ANSWER_LIMIT).reader();
    serde_json::from_reader(io::BufReader::new(body))
        .map_err(|source| DaemonError::Answer { path: path.to_owned(), source })
}

/// A name or an ID as part of a query.
fn in_query(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// An archive that is not to go on for ever.
struct Bounded<R> {
    reader: R,
    left: u64,
    limit: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other(DaemonError::Endless { limit: self.limit })),
        }
        Ok(read)
    }
}
