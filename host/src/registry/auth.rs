//! Authentication: none until it is asked for, then what the registry asks for (RFC 9110; distribution's token
//! authentication, with and without OAuth 2).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::http::Method;

use super::answer::Answer;
use super::exchange::{Ask, Place, Sent};
use super::url::{authority, shown};
use super::{Credentials, Registry, RegistryError, Secret};
use crate::types::registries::Url;

/// Bytes of a token server's answer.
const TOKEN_LIMIT: u64 = 1 << 20;
/// A token that is good for less is not used any more.
const MARGIN: Duration = Duration::from_secs(10);
/// Who this is to a token server.
const CLIENT: &str = "consign";

/// What a request is allowed to do with what: `repository:PATH:ACTIONS`. Several are one question.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Scope(Vec<String>);

impl Scope {
    pub(super) fn none() -> Scope {
        Scope(Vec::new())
    }

    pub(super) fn repository(path: &str, actions: &str) -> Scope {
        Scope(vec![format!("repository:{path}:{actions}")])
    }

    /// Both.
    pub(super) fn and(mut self, other: Scope) -> Scope {
        self.0.extend(other.0);
        self
    }
}

/// How the registry wants to be authenticated with, and what came of it.
#[derive(Default)]
pub(super) struct Authentication {
    way: Option<Way>,
    tokens: BTreeMap<Scope, Token>,
    /// In place of the credentials, where a token server gave one.
    refresh: Option<Secret>,
}

enum Way {
    Basic,
    Bearer { realm: Url, service: Option<String>, scope: Option<String> },
}

struct Token {
    token: Secret,
    until: Instant,
}

impl Registry {
    /// What a request for this scope is authorized with, as far as it is known to be wanted.
    pub(super) fn authorization(&self, scope: &Scope) -> Result<Option<String>, RegistryError> {
        // Held while a token is had: others that want it wait for it instead of asking, too.
        let mut known = self.0.authentication.lock().unwrap_or_else(PoisonError::into_inner);
        let credentials = self.0.access.credentials.as_ref();
        match &known.way {
            None => Ok(None),
            Some(_) if let Some(Credentials::Bearer(token)) = credentials => {
                Ok(Some(format!("Bearer {}", token.reveal())))
            }
            Some(Way::Basic) => Ok(credentials.and_then(basic)),
            Some(Way::Bearer { realm, service, scope: offered }) => {
                if let Some(token) = known.tokens.get(scope)
                    && token.until > Instant::now() + MARGIN
                {
                    return Ok(Some(format!("Bearer {}", token.token.reveal())));
                }
                let wanted = if scope.0.is_empty() {
                    offered.iter().flat_map(|text| text.split(' ')).map(str::to_owned).collect()
                } else {
                    scope.0.clone()
                };
                let had = Instant::now();
                let answer =
                    self.token(realm, service.as_deref(), &wanted, credentials, known.refresh.as_ref())?;
                let header = format!("Bearer {}", answer.token);
                if let Some(refresh) = answer.refresh_token {
                    known.refresh = Some(Secret::new(refresh));
                }
                let until = had + Duration::from_secs(answer.expires_in);
                known.tokens.insert(scope.clone(), Token { token: Secret::new(answer.token), until });
                Ok(Some(header))
            }
        }
    }

    /// Takes in how the registry wants to be authenticated with. False where there is no more to be tried.
    pub(super) fn challenged(
        &self,
        answer: &Answer,
        scope: &Scope,
        sent: bool,
    ) -> Result<bool, RegistryError> {
        let offered = self.sandbox().challenges(&answer.all("www-authenticate"))?;
        let mut known = self.0.authentication.lock().unwrap_or_else(PoisonError::into_inner);
        let credentials = self.0.access.credentials.as_ref();
        for challenge in &offered {
            let parameter = |name: &str| {
                let mut parameters = challenge.parameters.iter();
                parameters.find(|(known, _)| known == name).map(|(_, value)| value.clone())
            };
            match challenge.scheme.as_str() {
                "basic" => {
                    known.way = Some(Way::Basic);
                    let usable =
                        matches!(credentials, Some(Credentials::Basic { .. } | Credentials::Bearer(_)));
                    return Ok(usable && !sent);
                }
                "bearer" if let Some(realm) = parameter("realm") => {
                    let realm = self.pointed_to(answer, &realm)?;
                    let (service, offered) = (parameter("service"), parameter("scope"));
                    known.way = Some(Way::Bearer { realm, service, scope: offered });
                    // The one that was sent was not good enough.
                    known.tokens.remove(scope);
                    return Ok(!(sent && matches!(credentials, Some(Credentials::Bearer(_)))));
                }
                _ => {}
            }
        }
        if offered.is_empty() {
            return Ok(false);
        }
        let offered: Vec<String> = offered.iter().map(|offer| format!("`{}`", offer.scheme)).collect();
        Err(RegistryError::NoKnownChallenge { host: answer.host(), offered: offered.join(", ") })
    }

    /// Has a token from a token server.
    fn token(
        &self,
        realm: &Url,
        service: Option<&str>,
        scopes: &[String],
        credentials: Option<&Credentials>,
        refresh: Option<&Secret>,
    ) -> Result<crate::types::registries::Token, RegistryError> {
        let identity = match credentials {
            Some(Credentials::Identity(token)) => Some(refresh.unwrap_or(token)),
            _ => None,
        };
        let mut form = String::new();
        let mut add = |name: &str, value: &str| {
            let separator = if form.is_empty() { "" } else { "&" };
            let _ = write!(form, "{separator}{name}={}", encoded(value));
        };
        if let Some(service) = service {
            add("service", service);
        }
        let mut ask = Ask::get(String::new(), Scope::none());
        let mut authorization = None;
        if let Some(identity) = identity {
            add("grant_type", "refresh_token");
            add("client_id", CLIENT);
            add("scope", &scopes.join(" "));
            add("refresh_token", identity.reveal());
            ask.method = Method::POST;
            ask.place = Place::At(realm.clone());
            ask = ask.header("content-type", "application/x-www-form-urlencoded");
        } else {
            for scope in scopes {
                add("scope", scope);
            }
            if let Some(Credentials::Basic { username, .. }) = credentials {
                add("account", username);
            }
            authorization = credentials.and_then(basic);
            let separator = if realm.target.contains('?') { '&' } else { '?' };
            let separator = if form.is_empty() { String::new() } else { separator.to_string() };
            ask.place =
                Place::At(Url { target: format!("{}{separator}{form}", realm.target), ..realm.clone() });
        }
        let form = if identity.is_some() { form } else { String::new() };
        if identity.is_some() {
            ask.sent = Sent::Bytes(form.as_bytes());
        }
        let Place::At(url) = &ask.place else { unreachable!("it was just put there") };
        let (url, own) = (url.clone(), self.is_own(realm));
        let answer = self.patiently(true, || self.once(&mut ask, &url, authorization.as_deref(), own))?;
        if matches!(answer.status(), 400 | 401 | 403) {
            let sent = authorization.is_some() || identity.is_some();
            let host = authority(answer.url());
            return Err(RegistryError::Unauthorized { host, sent, problems: answer.problems()? });
        }
        let answer = answer.expect(&[200])?;
        let bytes = answer.bytes(TOKEN_LIMIT)?;
        self.sandbox()
            .read_token(&bytes)?
            .map_err(|error| RegistryError::Answer { url: shown(&url), reason: error.reason })
    }
}

/// `Basic` and user and password. `None` where there are none.
fn basic(credentials: &Credentials) -> Option<String> {
    match credentials {
        Credentials::Basic { username, password } => {
            let pair = BASE64_STANDARD.encode(format!("{username}:{}", password.reveal()));
            Some(format!("Basic {pair}"))
        }
        _ => None,
    }
}

/// Fit for a query and a form.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
