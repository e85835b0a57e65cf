//! Proxies, as the environment names them (Go's `net/http`, `ProxyFromEnvironment`).

use std::net::IpAddr;

use super::RegistryError;
use super::address::{is_loopback_name, literal};

/// Which proxy requests go through.
#[derive(Clone, Default)]
pub struct Proxies {
    https: Option<ureq::Proxy>,
    http: Option<ureq::Proxy>,
    exceptions: Vec<Exception>,
}

impl std::fmt::Debug for Proxies {
    /// Without the proxies' users and passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let host = |proxy: &Option<ureq::Proxy>| proxy.as_ref().map(|proxy| proxy.host().to_owned());
        f.debug_struct("Proxies")
            .field("https", &host(&self.https))
            .field("http", &host(&self.http))
            .field("exceptions", &self.exceptions)
            .finish()
    }
}

/// What is gone to without a proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Exception {
    All,
    /// An address and how many of its bits count.
    Network(IpAddr, u8),
    /// A domain, below it, and whether the domain itself too; perhaps with a port.
    Domain {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// The proxies for URLs of `https` and of `http`, and `NO_PROXY`'s list of what is gone to without: `*`,
    /// addresses, networks as `10.0.0.0/8`, and domains: `example.com` with all below it, `.example.com` those
    /// below alone. Empty texts name no proxy.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Proxy`] for a text that names no proxy of HTTP.
    pub fn new(https: Option<&str>, http: Option<&str>, exceptions: &str) -> Result<Proxies, RegistryError> {
        let proxy = |variable: &str, text: Option<&str>| {
            let read = |text: &str| match ureq::Proxy::new(text) {
                Ok(proxy)
                    if matches!(proxy.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https) =>
                {
                    Ok(proxy)
                }
                // The text may have a password; it is not told.
                _ => Err(RegistryError::Proxy { variable: variable.to_owned() }),
            };
            text.filter(|text| !text.is_empty()).map(read).transpose()
        };
        let words = exceptions.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
        Ok(Proxies {
            https: proxy("HTTPS_PROXY", https)?,
            http: proxy("HTTP_PROXY", http)?,
            exceptions: words.filter_map(exception).collect(),
        })
    }

    /// The proxy for a URL of this scheme, host and port. This machine is gone to without.
    pub(super) fn of(&self, scheme: &str, host: &str, port: u16) -> Option<ureq::Proxy> {
        let proxy = if scheme == "https" { &self.https } else { &self.http };
        let proxy = proxy.as_ref()?;
        let direct =
            is_loopback_name(host) || self.exceptions.iter().any(|exception| exception.covers(host, port));
        (!direct).then(|| proxy.clone())
    }
}

fn exception(word: &str) -> Option<Exception> {
    if word == "*" {
        return Some(Exception::All);
    }
    if let Some((address, bits)) = word.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        return bits.parse().ok().map(|bits| Exception::Network(address, bits));
    }
    if let Some(address) = literal(word) {
        return Some(Exception::Network(address, if address.is_ipv4() { 32 } else { 128 }));
    }
    let (name, port) = match word.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (word, None),
    };
    let name = name.to_ascii_lowercase();
    let name = name.strip_prefix('*').unwrap_or(&name);
    let below = name.strip_prefix('.');
    Some(Exception::Domain { name: below.unwrap_or(name).to_owned(), itself: below.is_none(), port })
}

impl Exception {
    fn covers(&self, host: &str, port: u16) -> bool {
        match self {
            Exception::All => true,
            Exception::Network(network, bits) => match (network, literal(host)) {
                (IpAddr::V4(network), Some(IpAddr::V4(address))) => {
                    same_bits(&network.octets(), &address.octets(), *bits)
                }
                (IpAddr::V6(network), Some(IpAddr::V6(address))) => {
                    same_bits(&network.octets(), &address.octets(), *bits)
                }
                _ => false,
            },
            Exception::Domain { name, itself, port: wanted } => {
                let host = host.to_ascii_lowercase();
                wanted.is_none_or(|wanted| wanted == port)
                    && ((*itself && host == *name)
                        || host.strip_suffix(name.as_str()).is_some_and(|before| before.ends_with('.')))
            }
        }
    }
}

/// Whether the first `bits` are the same.
fn same_bits(left: &[u8], right: &[u8], bits: u8) -> bool {
    let (whole, rest) = (usize::from(bits / 8), bits % 8);
    if whole > left.len() || (whole == left.len() && rest > 0) || left[..whole] != right[..whole] {
        return false;
    }
    rest == 0 || (left[whole] ^ right[whole]) >> (8 - rest) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_are_those_of_go() {
        let proxies =
            Proxies::new(Some("http://p:1"), Some("http://q:2"), "10.0.0.0/8, .a.io,b.io,c.io:5000,1.2.3.4 ")
                .unwrap();
        let direct = |host: &str, port: u16| proxies.of("https", host, port).is_none();
        for (host, port) in [
            ("10.9.9.9", 443),
            ("x.a.io", 443),
            ("b.io", 443),
            ("x.B.io", 443),
            ("c.io", 5000),
            ("1.2.3.4", 1),
        ] {
            assert!(direct(host, port), "{host}:{port}");
        }
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(direct(host, 443), "{host}");
        }
        for (host, port) in [("11.0.0.1", 443), ("a.io", 443), ("xb.io", 443), ("c.io", 443), ("1.2.3.5", 1)]
        {
            assert!(!direct(host, port), "{host}:{port}");
        }
        assert_eq!(proxies.of("http", "z.io", 80).unwrap().host(), "q");
        assert!(Proxies::new(Some("http://p:1"), None, "*").unwrap().of("https", "z.io", 443).is_none());
    }

    #[test]
    fn a_proxy_that_is_none_is_told_without_its_password() {
        for text in ["socks5://u:secret@p:1", "://u:secret", "http://"] {
            let error = Proxies::new(Some(text), None, "").unwrap_err();
            assert!(matches!(error, RegistryError::Proxy { .. }));
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
        let proxies = Proxies::new(Some("http://u:secret@p:1"), None, "").unwrap();
        assert!(!format!("{proxies:?}").contains("secret"));
    }
}
