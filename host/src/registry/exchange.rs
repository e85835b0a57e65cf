//! One request and its answer.

use std::io::{self, Read};
use std::sync::PoisonError;
use std::time::Duration;

use ureq::http::{HeaderMap, Method, Request, Uri};
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, SendBody, Timeout};

use super::address::{Forbidden, Foreign, Own, literal};
use super::auth::Scope;
use super::{Registry, RegistryError, Security};
use crate::types::registries::Url;

/// How many redirects are followed.
const MAX_REDIRECTS: u32 = 5;
/// Bytes of a refusal's body that are read.
const REFUSAL_LIMIT: u64 = 64 << 10;
/// Bytes that are read of a body nobody wants, so that its connection can be used again.
const DRAINED: u64 = 16 << 10;

/// Which connections a request can go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// To the registry itself.
    own: bool,
    https: bool,
    proxied: bool,
}

/// What is sent along.
pub(super) enum Sent<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// So many bytes of a reader, once.
    Stream(&'a mut dyn Read, u64),
}

/// Where a request goes.
pub(super) enum Place {
    /// To this target of the registry.
    Own(String),
    /// To a URL that the registry gave.
    At(Url),
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) place: Place,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) sent: Sent<'a>,
    pub(super) scope: Scope,
    /// Whether making it twice is as good as once.
    pub(super) repeatable: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn get(target: String, scope: Scope) -> Ask<'a> {
        Ask {
            method: Method::GET,
            place: Place::Own(target),
            headers: Vec::new(),
            sent: Sent::Nothing,
            scope,
            repeatable: true,
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

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

/// `host[:port]`.
pub(super) fn authority(url: &Url) -> String {
    match url.port {
        Some(port) => format!("{}:{port}", url.host),
        None => url.host.clone(),
    }
}

pub(super) fn whole(url: &Url) -> String {
    format!("{}://{}{}", url.scheme, authority(url), url.target)
}

/// For people: queries may be signatures.
pub(super) fn shown(url: &Url) -> String {
    let path = url.target.split_once('?').map_or(url.target.as_str(), |(path, _)| path);
    format!("{}://{}{path}", url.scheme, authority(url))
}

fn port(url: &Url) -> u16 {
    url.port.unwrap_or(if url.scheme == "https" { 443 } else { 80 })
}

fn same_origin(left: &Url, right: &Url) -> bool {
    left.scheme == right.scheme && left.host == right.host && port(left) == port(right)
}

/// What reading a body failed with. Errors of this crate that are in it come out.
pub(super) fn unreachable_at(host: String, error: io::Error) -> RegistryError {
    match error.downcast::<ureq::Error>() {
        Ok(error) => failure(host, error),
        Err(error) => RegistryError::Unreachable { host, source: error },
    }
}

fn failure(host: String, error: ureq::Error) -> RegistryError {
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

impl Registry {
    /// The registry's own URL for this target.
    fn own(&self, target: &str) -> Url {
        let https = self.0.is_https.get().copied().unwrap_or(self.0.access.security != Security::Local);
        let scheme = if https { "https" } else { "http" };
        Url {
            scheme: scheme.to_owned(),
            host: self.0.host.clone(),
            port: self.0.port,
            target: target.to_owned(),
        }
    }

    pub(super) fn is_own(&self, url: &Url) -> bool {
        same_origin(url, &self.own(""))
    }

    /// Makes a request, authenticated as far as the registry asks for it, again where that may help, and
    /// after redirects.
    pub(super) fn send(&self, mut ask: Ask<'_>) -> Result<Answer, RegistryError> {
        let mut asked_for = false;
        loop {
            let own = match &ask.place {
                Place::Own(_) => true,
                Place::At(url) => self.is_own(url),
            };
            let authorization = if own { self.authorization(&ask.scope)? } else { None };
            let repeatable = ask.repeatable && !matches!(ask.sent, Sent::Stream(..));
            let answer = self.patiently(repeatable, || self.exchange(&mut ask, authorization.as_deref()))?;
            // Whoever redirected elsewhere is not asked who this is.
            if answer.status != 401 || !own || !self.is_own(&answer.url) {
                return Ok(answer);
            }
            let spent = matches!(ask.sent, Sent::Stream(..));
            if asked_for || spent || !self.challenged(&answer, &ask.scope, authorization.is_some())? {
                let (host, sent) = (answer.host(), authorization.is_some());
                return Err(RegistryError::Unauthorized { host, sent, problems: answer.problems()? });
            }
            answer.done();
            asked_for = true;
        }
    }

    /// One request, and those it is redirected to.
    fn exchange(&self, ask: &mut Ask<'_>, authorization: Option<&str>) -> Result<Answer, RegistryError> {
        let url = match &ask.place {
            Place::Own(target) => self.own(target),
            Place::At(url) => url.clone(),
        };
        let own = self.is_own(&url);
        let mut answer = if own && self.0.is_https.get().is_none() {
            self.first(ask, &url)?
        } else {
            self.once(ask, &url, authorization, own)?
        };
        let can_follow = matches!(ask.method, Method::GET | Method::HEAD);
        let mut redirects = 0;
        while can_follow && matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            redirects += 1;
            if redirects > MAX_REDIRECTS {
                return Err(RegistryError::TooManyRedirects { host: answer.host(), limit: MAX_REDIRECTS });
            }
            let next = self.pointed_to(&answer, answer.header("location").unwrap_or_default())?;
            answer.done();
            let own = self.is_own(&next);
            answer = self.once(ask, &next, None, own)?;
        }
        Ok(answer)
    }

    /// The first request to a registry of which it is not known whether it speaks HTTPS. There is nothing secret
    /// in it.
    fn first(&self, ask: &mut Ask<'_>, url: &Url) -> Result<Answer, RegistryError> {
        let other = if url.scheme == "https" { "http" } else { "https" };
        let answer = match self.once(ask, url, None, true) {
            Err(error @ (RegistryError::Unreachable { .. } | RegistryError::TimedOut { .. })) => Err(error),
            // What servers of HTTPS say to HTTP.
            Ok(answer) if answer.status == 400 && other == "https" => Ok(answer),
            done => {
                if let Ok(answer) = &done {
                    let _ = self.0.is_https.set(answer.url.scheme == "https");
                }
                return done;
            }
        };
        let url = Url { scheme: other.to_owned(), ..url.clone() };
        match self.once(ask, &url, None, true) {
            Ok(answer) => {
                let _ = self.0.is_https.set(other == "https");
                Ok(answer)
            }
            // The other way it is no better; the way that comes first is told of.
            Err(error) if answer.is_ok() || other == "https" => answer.or(Err(error)),
            Err(error) => Err(error),
        }
    }

    /// Where an answer points, if requests may go there.
    pub(super) fn pointed_to(&self, answer: &Answer, reference: &str) -> Result<Url, RegistryError> {
        let forbidden = |found: &str, reason| RegistryError::ForbiddenPlace {
            host: answer.host(),
            found: found.split_once('?').map_or(found, |(path, _)| path).chars().take(200).collect(),
            reason,
        };
        let Some(next) = self.sandbox().locate_url(&answer.base(), reference)? else {
            return Err(RegistryError::Answer {
                url: answer.shown(),
                reason: "wanted a URL of `http` or `https` to go on with, found none".to_owned(),
            });
        };
        self.allow(&answer.url, &next).map_err(|reason| forbidden(&shown(&next), reason))?;
        Ok(next)
    }

    /// Whether requests may go from one place to another.
    fn allow(&self, from: &Url, to: &Url) -> Result<(), &'static str> {
        if from.scheme == "https" && to.scheme != "https" {
            return Err("from HTTPS nothing goes on to HTTP");
        }
        // Names are looked at when they are looked up.
        if !self.is_own(to) && literal(&to.host).is_some_and(|address| !self.foreign().allows(address)) {
            return Err("it is this machine's or its link's, and the registry is not there");
        }
        Ok(())
    }

    fn foreign(&self) -> Foreign {
        Foreign { addresses: self.0.addresses.clone(), registry: self.0.host.clone() }
    }

    /// One request and its answer.
    pub(super) fn once(
        &self,
        ask: &mut Ask<'_>,
        url: &Url,
        authorization: Option<&str>,
        own: bool,
    ) -> Result<Answer, RegistryError> {
        let host = authority(url);
        let invalid = |_| RegistryError::Answer { url: shown(url), reason: "it is no URL".to_owned() };
        let uri: Uri = whole(url).parse().map_err(invalid)?;
        let mut request = Request::builder().method(ask.method.clone()).uri(uri);
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let agent = self.agent(url, own);
        let sent = match &mut ask.sent {
            Sent::Nothing if matches!(ask.method, Method::POST | Method::PUT | Method::PATCH) => {
                request.header("content-length", "0").body(SendBody::none()).map(|request| agent.run(request))
            }
            Sent::Nothing => request.body(SendBody::none()).map(|request| agent.run(request)),
            Sent::Bytes(bytes) => {
                let mut bytes = &**bytes;
                let length = bytes.len();
                let body = SendBody::from_reader(&mut bytes);
                request.header("content-length", length).body(body).map(|request| agent.run(request))
            }
            Sent::Stream(reader, length) => {
                let body = SendBody::from_reader(&mut **reader);
                request.header("content-length", *length).body(body).map(|request| agent.run(request))
            }
        };
        let outcome = sent.map_err(|_| RegistryError::Answer {
            url: shown(url),
            reason: "it cannot be asked for: not fit for a header".to_owned(),
        })?;
        let response = outcome.map_err(|error| match error {
            ureq::Error::Other(inner) if inner.is::<Forbidden>() => RegistryError::ForbiddenPlace {
                host: authority(&self.own("")),
                found: shown(url),
                reason: "it is this machine's or its link's, and the registry is not there",
            },
            error => failure(host, error),
        })?;
        let (parts, body) = response.into_parts();
        Ok(Answer {
            method: ask.method.clone(),
            status: parts.status.as_u16(),
            headers: parts.headers,
            url: url.clone(),
            body,
            registry: self.clone(),
        })
    }

    /// The connections that requests to this URL go over.
    fn agent(&self, url: &Url, own: bool) -> Agent {
        let access = &self.0.access;
        let proxy = access.proxies.of(&url.scheme, &url.host, port(url));
        let way = Way { own, https: url.scheme == "https", proxied: proxy.is_some() };
        let mut agents = self.0.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = agents.iter().find(|(known, _)| *known == way) {
            return agent.clone();
        }
        let tls = match (way.https, own) {
            (false, _) => TlsConfig::default(),
            (true, own) => {
                // Who is shown to the registry is nobody else's business.
                let certificates = &access.certificates;
                let shown = if own { certificates.clone() } else { certificates.without_client() };
                shown.config(access.security == Security::Verified)
            }
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(concat!("consign/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(access.patience.connect))
            .timeout_connect(Some(access.patience.connect))
            .timeout_per_read(Some(access.patience.idle))
            .timeout_per_write(Some(access.patience.idle))
            .max_idle_connections(32)
            .max_idle_connections_per_host(16)
            .input_buffer_size(128 << 10)
            .output_buffer_size(128 << 10)
            .build();
        let agent = if own {
            Agent::with_parts(config, DefaultConnector::default(), Own(self.0.addresses.clone()))
        } else {
            Agent::with_parts(config, DefaultConnector::default(), self.foreign())
        };
        agents.push((way, agent.clone()));
        agent
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::registry::Access;
    use crate::sandbox::{Limits, Sandbox};

    fn url(text: &str) -> Url {
        Sandbox::new(Limits::default()).unwrap().locate_url(text, "").unwrap().unwrap()
    }

    #[test]
    fn nothing_goes_on_from_https_to_http_or_to_this_machine() {
        let sandbox = Arc::new(Sandbox::new(Limits::default()).unwrap());
        let registry = Registry::new("r.example.com", Access::default(), sandbox).unwrap();
        let from = url("https://r.example.com/v2/");
        for refused in [
            "http://r.example.com/v2/",
            "http://cdn.example.com/",
            "https://127.0.0.1/",
            "https://[::1]:5000/x",
            "https://169.254.169.254/latest/meta-data",
            "https://[fe80::1]/",
            "https://0.0.0.0/",
        ] {
            assert!(registry.allow(&from, &url(refused)).is_err(), "{refused}");
        }
        for allowed in ["https://cdn.example.com/", "https://10.0.0.1/", "https://r.example.com:443/"] {
            assert!(registry.allow(&from, &url(allowed)).is_ok(), "{allowed}");
        }
        assert!(registry.is_own(&url("https://R.example.com:443/x")));
        for other in ["http://r.example.com/", "https://r.example.com:444/", "https://r.example.com.evil/"] {
            assert!(!registry.is_own(&url(other)), "{other}");
        }
    }

    #[test]
    fn queries_are_not_told() {
        assert_eq!(shown(&url("https://h/blob?X-Signature=s3cret")), "https://h/blob");
    }
}
