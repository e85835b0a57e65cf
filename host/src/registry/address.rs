//! Where names lead, looked up once, and where nothing may be sent.
//!
//! A registry can make its clients send requests anywhere: to a token server, by a redirect. What is on this
//! machine, or on its link, takes requests from here for granted that it takes from nobody else. So these
//! addresses are only gone to if the registry itself is there.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::answer::Answer;
use super::url::{default_port, shown};
use super::{Registry, RegistryError};
use crate::types::registries::Url;

/// Whether an address is this machine's or its link's: what routers do not pass on.
pub(super) fn is_local(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
                || address.is_multicast()
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unicast_link_local()
                || address.is_unspecified()
                || address.is_multicast()
        }
    }
}

/// The address that a host is, if it is one; IPv6 in brackets.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.parse().ok()
}

/// Whether a host says by itself that it is this machine.
pub(super) fn is_loopback_name(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || literal(host).is_some_and(|address| address.is_loopback())
}

/// The looking up of one registry.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    known: Mutex<BTreeMap<String, Vec<SocketAddr>>>,
}

impl Addresses {
    fn of(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let resolver = DefaultResolver::default();
        let host = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or_else(|| default_port(uri.scheme_str().unwrap_or_default()));
        let mut found = resolver.empty();
        if let Some(address) = literal(host) {
            found.push(SocketAddr::new(address, port));
            return Ok(found);
        }
        let key = format!("{host}:{port}");
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            known.into_iter().for_each(|address| found.push(address));
            return Ok(found);
        }
        let found = resolver.resolve(uri, config, timeout)?;
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, found.iter().copied().collect());
        Ok(found)
    }

    /// Whether the host is known to be here.
    fn is_here(&self, host: &str) -> bool {
        if let Some(address) = literal(host) {
            return is_local(address);
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_host =
            known.iter().filter(|(key, _)| key.rsplit_once(':').is_some_and(|(name, _)| name == host));
        of_host.any(|(_, addresses)| addresses.iter().all(|address| is_local(address.ip())))
    }
}

/// Looks names up for requests to the registry itself.
#[derive(Debug)]
pub(super) struct Own(pub(super) Arc<Addresses>);

impl Resolver for Own {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0.of(uri, config, timeout)
    }
}

/// Looks names up for requests to where a registry points: not here, unless the registry is here.
#[derive(Debug)]
pub(super) struct Foreign {
    pub(super) addresses: Arc<Addresses>,
    /// The registry's host.
    pub(super) registry: String,
}

/// Why an address was not gone to.
#[derive(Debug, thiserror::Error)]
#[error("the address is this machine's or its link's, and the registry's is not")]
pub(super) struct Forbidden;

impl Foreign {
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        !is_local(address) || self.addresses.is_here(&self.registry)
    }
}

impl Resolver for Foreign {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.addresses.of(uri, config, timeout)?;
        let mut allowed = self.empty();
        found.iter().filter(|address| self.allows(address.ip())).for_each(|address| allowed.push(*address));
        if allowed.is_empty() { Err(ureq::Error::Other(Box::new(Forbidden))) } else { Ok(allowed) }
    }
}

impl Registry {
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
        self.allow(answer.url(), &next).map_err(|reason| forbidden(&shown(&next), reason))?;
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

    pub(super) fn foreign(&self) -> Foreign {
        Foreign { addresses: self.0.addresses.clone(), registry: self.0.host.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Access;
    use crate::sandbox::{Limits, Sandbox};

    fn url(text: &str) -> Url {
        Sandbox::new(Limits::default()).unwrap().locate_url(text, "").unwrap().unwrap()
    }

    #[test]
    fn addresses_of_this_machine_and_its_link_are_local() {
        for local in [
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "0.0.0.0",
            "::1",
            "::",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "224.0.0.1",
        ] {
            assert!(is_local(local.parse().unwrap()), "{local}");
        }
        for other in ["10.0.0.1", "192.168.1.1", "1.1.1.1", "2001:db8::1", "fd00::1"] {
            assert!(!is_local(other.parse().unwrap()), "{other}");
        }
        assert!(
            is_loopback_name("localhost") && is_loopback_name("a.LocalHost.") && is_loopback_name("[::1]")
        );
        assert!(!is_loopback_name("localhost.example.com") && !is_loopback_name("10.0.0.1"));
    }

    #[test]
    fn a_registry_that_is_here_may_point_here() {
        let foreign = |registry: &str| Foreign { addresses: Arc::default(), registry: registry.to_owned() };
        let here = "127.0.0.1".parse().unwrap();
        assert!(foreign("127.0.0.1").allows(here));
        assert!(!foreign("10.0.0.1").allows(here));
        assert!(!foreign("r.example.com").allows(here));
        assert!(foreign("r.example.com").allows("1.2.3.4".parse().unwrap()));
    }

    #[test]
    fn a_name_that_leads_here_is_not_gone_to_unless_the_registry_is_here() {
        let addresses = Arc::new(Addresses::default());
        for (name, address) in [
            ("evil.example.com:443", "127.0.0.1:443"),
            ("link.example.com:443", "[fe80::1]:443"),
            ("cdn.example.com:443", "192.0.2.1:443"),
            ("here.example.com:443", "127.0.0.1:443"),
        ] {
            let found = vec![address.parse().unwrap()];
            addresses.known.lock().unwrap().insert(name.to_owned(), found);
        }
        let config = ureq::Agent::config_builder().build();
        let resolved = |registry: &str, name: &str| {
            let foreign = Foreign { addresses: addresses.clone(), registry: registry.to_owned() };
            let uri = format!("https://{name}/token").parse().unwrap();
            foreign.resolve(&uri, &config, NextTimeout::default()).map(|found| found.len())
        };
        for name in ["evil.example.com", "link.example.com", "127.0.0.1", "[::1]"] {
            let refused = resolved("r.example.com", name).unwrap_err();
            assert!(matches!(refused, ureq::Error::Other(inner) if inner.is::<Forbidden>()), "{name}");
        }
        assert_eq!(resolved("r.example.com", "cdn.example.com").unwrap(), 1);
        assert_eq!(resolved("here.example.com", "evil.example.com").unwrap(), 1);
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
}
