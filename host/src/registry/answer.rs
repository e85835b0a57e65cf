//! What a registry answers, and what goes wrong on the way.

use std::io::{self, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::Timeout;
use ureq::http::{HeaderMap, Method, Response};

use super::pace::Paced;
use super::tls;
use super::url::{authority, shown, whole};
use super::{Registry, RegistryError};
use crate::types::registries::Url;

/// Bytes of a refusal's body that are read.
const REFUSAL_LIMIT: u64 = 64 << 10;
/// Bytes that are read of a body nobody wants, so that its connection can be used again.
const DRAINED: u64 = 16 << 10;

/// An answer: its head has been read, its body has not.
pub(super) struct Answer {
    method: Method,
    status: u16,
    headers: HeaderMap,
    url: Url,
    body: ureq::Body,
    registry: Registry,
}

impl Answer {
    /// What came for a request to this URL.
    pub(super) fn new(
        registry: &Registry,
        method: Method,
        url: Url,
        response: Response<ureq::Body>,
    ) -> Answer {
        let (parts, body) = response.into_parts();
        let (status, headers) = (parts.status.as_u16(), parts.headers);
        Answer { method, status, headers, url, body, registry: registry.clone() }
    }

    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The first header of this name, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All headers of this name that are text.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let values = self.headers.get_all(name).iter();
        values.filter_map(|value| value.to_str().ok()).map(str::to_owned).collect()
    }

    pub(super) fn host(&self) -> String {
        authority(&self.url)
    }

    /// What relative URLs in it are relative to.
    pub(super) fn base(&self) -> String {
        whole(&self.url)
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The URL without its query.
    pub(super) fn shown(&self) -> String {
        shown(&self.url)
    }

    /// The bytes the body is said to have.
    pub(super) fn length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// This answer, if it has one of these statuses; otherwise what the registry says about it.
    pub(super) fn expect(self, statuses: &[u16]) -> Result<Answer, RegistryError> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let (method, url, status) = (self.method.to_string(), self.shown(), self.status);
        let after = self.retry_after()?;
        let problems = self.problems()?;
        Err(RegistryError::Refused { method, url, status, after, problems })
    }

    /// How long the registry wants to be left alone: so many seconds, or until a date by its own clock, where it tells
    /// that. `None`: it does not say, or says what cannot be, or the time is over.
    pub(super) fn retry_after(&self) -> Result<Option<Duration>, RegistryError> {
        let Some(text) = self.header("retry-after").map(str::trim) else { return Ok(None) };
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // More seconds than there are numbers for are too many, and not none.
            return Ok(Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX))));
        }
        let sandbox = self.registry.sandbox();
        let Some(until) = sandbox.read_date(text)? else { return Ok(None) };
        let now = match self.header("date").map(|date| sandbox.read_date(date)).transpose()?.flatten() {
            Some(now) => now,
            None => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
        };
        Ok(until.checked_sub(now).filter(|left| *left > 0).map(Duration::from_secs))
    }

    /// What the body says went wrong.
    pub(super) fn problems(self) -> Result<Vec<crate::types::registries::RegistryProblem>, RegistryError> {
        let mut bytes = Vec::new();
        // A refusal that breaks off is one all the same.
        let _ = self.registry.paced(self.body).take(REFUSAL_LIMIT).read_to_end(&mut bytes);
        Ok(self.registry.sandbox().read_problems(&bytes)?)
    }

    /// All of the body, if it is at most this many bytes.
    pub(super) fn bytes(self, limit: u64) -> Result<Vec<u8>, RegistryError> {
        let (url, host) = (self.shown(), self.host());
        let length = self.length().unwrap_or_default();
        if length > limit {
            return Err(RegistryError::TooLarge { url, limit });
        }
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
        let read = self.registry.paced(self.body).take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreachable_at(host, error))?;
        if bytes.len() as u64 > limit {
            return Err(RegistryError::TooLarge { url, limit });
        }
        Ok(bytes)
    }

    /// The body, whatever its size.
    pub(super) fn reader(self) -> Paced {
        self.registry.paced(self.body)
    }

    /// Gives the connection back, where not much is left on it.
    pub(super) fn done(self) {
        if self.length().is_none_or(|length| length <= DRAINED) {
            let _ = io::copy(&mut self.registry.paced(self.body).take(DRAINED), &mut io::sink());
        }
    }
}

impl Registry {
    fn paced(&self, body: ureq::Body) -> Paced {
        Paced::new(body.into_reader(), &self.0.access.patience)
    }
}

/// What reading a body failed with. Errors of this crate that are in it come out.
pub(super) fn unreachable_at(host: String, error: io::Error) -> RegistryError {
    match error.downcast::<ureq::Error>() {
        Ok(error) => failure(host, error),
        Err(error) => broken(host, error),
    }
}

pub(super) fn failure(host: String, error: ureq::Error) -> RegistryError {
    match error {
        ureq::Error::Timeout(timeout) => {
            let what = match timeout {
                Timeout::Resolve => "its address",
                Timeout::Connect => "a connection",
                Timeout::RecvResponse => "the head of its answer",
                Timeout::RecvBody => "it sends too slowly",
                _ => "the next bytes",
            };
            RegistryError::TimedOut { host, what: what.to_owned() }
        }
        ureq::Error::Io(source) => match source.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                RegistryError::TimedOut { host, what: "the next bytes".to_owned() }
            }
            _ => broken(host, source),
        },
        ureq::Error::HostNotFound => {
            let source = io::Error::new(io::ErrorKind::NotFound, "no such host");
            RegistryError::Unreachable { host, source }
        }
        error => RegistryError::Unreachable { host, source: io::Error::other(error.to_string()) },
    }
}

/// What a connection failed with, TLS included.
fn broken(host: String, error: io::Error) -> RegistryError {
    match tls::refusal(&error) {
        Some(reason) => RegistryError::Untrusted { host, reason },
        None => RegistryError::Unreachable { host, source: tls::spoken(error) },
    }
}
