//! What a registry answers, and what goes wrong on the way.

use std::io::{self, Read};
use std::time::Duration;

use ureq::Timeout;
use ureq::http::{HeaderMap, Method, Response};

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
        let after = self.retry_after();
        let problems = self.problems()?;
        Err(RegistryError::Refused { method, url, status, after, problems })
    }

    /// How long the registry wants to be left alone.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// What the body says went wrong.
    pub(super) fn problems(self) -> Result<Vec<crate::types::registries::RegistryProblem>, RegistryError> {
        let mut bytes = Vec::new();
        // A refusal that breaks off is one all the same.
        let _ = self.body.into_reader().take(REFUSAL_LIMIT).read_to_end(&mut bytes);
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
        let read = self.body.into_reader().take(limit + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreachable_at(host, error))?;
        if bytes.len() as u64 > limit {
            return Err(RegistryError::TooLarge { url, limit });
        }
        Ok(bytes)
    }

    /// The body, whatever its size.
    pub(super) fn reader(self) -> ureq::BodyReader<'static> {
        self.body.into_reader()
    }

    /// Gives the connection back, where not much is left on it.
    pub(super) fn done(self) {
        if self.length().is_none_or(|length| length <= DRAINED) {
            let _ = io::copy(&mut self.body.into_reader().take(DRAINED), &mut io::sink());
        }
    }
}

/// What reading a body failed with. Errors of this crate that are in it come out.
pub(super) fn unreachable_at(host: String, error: io::Error) -> RegistryError {
    match error.downcast::<ureq::Error>() {
        Ok(error) => failure(host, error),
        Err(error) => RegistryError::Unreachable { host, source: error },
    }
}

pub(super) fn failure(host: String, error: ureq::Error) -> RegistryError {
    match error {
        ureq::Error::Timeout(timeout) => {
            let what = match timeout {
                Timeout::Resolve => "its address",
                Timeout::Connect => "a connection",
                _ => "the next bytes",
            };
            RegistryError::TimedOut { host, what: what.to_owned() }
        }
        ureq::Error::Io(source) => match source.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                RegistryError::TimedOut { host, what: "the next bytes".to_owned() }
            }
            _ => RegistryError::Unreachable { host, source },
        },
        ureq::Error::HostNotFound => {
            let source = io::Error::new(io::ErrorKind::NotFound, "no such host");
            RegistryError::Unreachable { host, source }
        }
        error => RegistryError::Unreachable { host, source: io::Error::other(error.to_string()) },
    }
}
