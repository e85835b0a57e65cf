//! One request and its answer.

use std::io::Read;

use ureq::SendBody;
use ureq::http::{Method, Request, Uri};

use super::address::Forbidden;
use super::answer::{Answer, failure};
use super::auth::Scope;
use super::proxy;
use super::url::{authority, port, same_origin, shown, whole};
use super::{Registry, RegistryError, Security};
use crate::types::registries::Url;

/// How many redirects are followed.
const MAX_REDIRECTS: u32 = 5;

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

impl Registry {
    /// The registry's own URL for this target.
    pub(super) fn own(&self, target: &str) -> Url {
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
            if answer.status() != 401 || !own || !self.is_own(answer.url()) {
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
        while can_follow && matches!(answer.status(), 301 | 302 | 303 | 307 | 308) {
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
            Err(
                error @ (RegistryError::Unreachable { .. }
                | RegistryError::TimedOut { .. }
                | RegistryError::ProxyRefused { .. }),
            ) => Err(error),
            // What servers of HTTPS say to HTTP.
            Ok(answer) if answer.status() == 400 && other == "https" => Ok(answer),
            done => {
                if let Ok(answer) = &done {
                    let _ = self.0.is_https.set(answer.url().scheme == "https");
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
            Err(error @ RegistryError::Untrusted { .. }) => Err(error),
            Err(error) if answer.is_ok() || other == "https" => answer.or(Err(error)),
            Err(error) => Err(error),
        }
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
        let proxy = self.0.access.proxies.of(&url.scheme, &url.host, port(url));
        let uri: Uri = whole(url).parse().map_err(invalid)?;
        let mut request = Request::builder().method(ask.method.clone()).uri(uri);
        // To a tunnel it is no part of the request.
        if url.scheme == "http"
            && let Some(authorization) = proxy.as_ref().and_then(proxy::authorization)
        {
            request = request.header("proxy-authorization", authorization);
        }
        for (name, value) in &ask.headers {
            request = request.header(*name, value);
        }
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let agent = self.agent(url, own, proxy.as_ref());
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
            error => match &proxy {
                Some(proxy) => proxy::failure(proxy, host.clone(), error),
                None => failure(host.clone(), error),
            },
        })?;
        // To a request for somebody else only a proxy answers so.
        if let Some(proxy) = proxy.filter(|_| url.scheme == "http")
            && response.status() == 407
        {
            return Err(RegistryError::ProxyRefused { proxy: proxy::authority(&proxy), host, status: 407 });
        }
        Ok(Answer::new(self, ask.method.clone(), url.clone(), response))
    }
}
