//! Proxies, as the environment names them (Go's `net/http`, `ProxyFromEnvironment`).

use std::io;
use std::net::IpAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ureq::config::Config;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

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
    /// An address, perhaps with a port.
    Address(IpAddr, Option<u16>),
    /// A domain, below it, and whether the domain itself too; perhaps with a port.
    Domain {
        name: String,
        itself: bool,
        port: Option<u16>,
    },
}

impl Proxies {
    /// The proxies for URLs of `https` and of `http`, each with the variable that names it, and `NO_PROXY`'s list of what
    /// is gone to without: `*`, networks as `10.0.0.0/8`, and, with or without a port, addresses and domains:
    /// `example.com` with all below it, `.example.com` and `*.example.com` those below alone. Empty texts name no proxy.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Proxy`] for a text that names no proxy of HTTP.
    pub fn new(
        https: Option<(&str, &str)>,
        http: Option<(&str, &str)>,
        exceptions: &str,
    ) -> Result<Proxies, RegistryError> {
        let proxy = |named: Option<(&str, &str)>| {
            let read = |(variable, text): (&str, &str)| match ureq::Proxy::new(text) {
                Ok(proxy)
                    if matches!(proxy.protocol(), ureq::ProxyProtocol::Http | ureq::ProxyProtocol::Https) =>
                {
                    Ok(proxy)
                }
                // The text may have a password; it is not told.
                _ => Err(RegistryError::Proxy { variable: variable.to_owned() }),
            };
            named.filter(|(_, text)| !text.is_empty()).map(read).transpose()
        };
        let words = exceptions.split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
        Ok(Proxies {
            https: proxy(https)?,
            http: proxy(http)?,
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

/// `host:port` of a proxy: what may be told of it.
pub(super) fn authority(proxy: &ureq::Proxy) -> String {
    format!("{}:{}", proxy.host(), proxy.port())
}

/// Who asks the proxy, as a header. `None`: nobody in particular.
pub(super) fn authorization(proxy: &ureq::Proxy) -> Option<String> {
    let user = proxy.username().or(proxy.password().map(|_| ""))?;
    let pair = format!("{user}:{}", proxy.password().unwrap_or_default());
    Some(format!("Basic {}", BASE64_STANDARD.encode(pair)))
}

/// Connects to a proxy that makes requests without TLS itself; ureq has it open a tunnel, which most proxies refuse for
/// ports other than that of HTTPS.
#[derive(Debug)]
pub(super) struct Forwarding<C> {
    pub(super) proxy: ureq::Proxy,
    /// Of the connection to the proxy, for which there is no further proxy.
    pub(super) config: Config,
    pub(super) connector: C,
}

impl<C: Connector> Connector for Forwarding<C> {
    type Out = Forwarded<C::Out>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let uri = self.proxy.uri();
        let to_proxy = ConnectionDetails {
            uri,
            addrs: details.resolver.resolve(uri, &self.config, details.timeout)?,
            config: &self.config,
            request_level: details.request_level,
            resolver: details.resolver,
            now: details.now,
            timeout: details.timeout,
            current_time: details.current_time.clone(),
            run_connector: details.run_connector.clone(),
            register_shutdown: details.register_shutdown.clone(),
        };
        let connection = self.connector.connect(&to_proxy, None)?;
        let origin = details.uri.authority().map(|authority| format!("http://{authority}"));
        let forwarded = |connection| Forwarded {
            connection,
            origin: origin.unwrap_or_default().into_bytes(),
            is_at_head: true,
        };
        Ok(connection.map(forwarded))
    }
}

/// A connection to a proxy, on which requests say in full where they are to go (RFC 9112, 3.2.2).
#[derive(Debug)]
pub(super) struct Forwarded<T> {
    connection: T,
    origin: Vec<u8>,
    /// Whether what is sent next is the head of a request: nothing was sent since something came.
    is_at_head: bool,
}

impl<T: Transport> Transport for Forwarded<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.connection.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        if !std::mem::take(&mut self.is_at_head) {
            return self.connection.transmit_output(amount, timeout);
        }
        let (output, added) = (self.connection.buffers().output(), self.origin.len());
        let target = output[..amount].iter().position(|byte| *byte == b' ').map(|blank| blank + 1);
        let Some(target) = target.filter(|_| amount + added <= output.len()) else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput).into());
        };
        output.copy_within(target..amount, target + added);
        output[target..target + added].copy_from_slice(&self.origin);
        self.connection.transmit_output(amount + added, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.is_at_head = true;
        self.connection.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.connection.is_open()
    }
}

/// What a request through a proxy failed with.
pub(super) fn failure(proxy: &ureq::Proxy, host: String, error: ureq::Error) -> RegistryError {
    let proxy = authority(proxy);
    let error = match error {
        // The one way to learn the status; a text without one is about a connection that ended.
        ureq::Error::ConnectProxyFailed(said) => {
            return match said.rsplit('/').next().and_then(|status| status.parse().ok()) {
                Some(status) => RegistryError::ProxyRefused { proxy, host, status },
                None => {
                    let source = io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        format!("the proxy `{proxy}` ended the connection"),
                    );
                    RegistryError::Unreachable { host, source }
                }
            };
        }
        error => super::answer::failure(host, error),
    };
    match error {
        RegistryError::TimedOut { host, what } => {
            RegistryError::TimedOut { host, what: format!("{what}, through the proxy `{proxy}`") }
        }
        RegistryError::Unreachable { host, source } => {
            let source = io::Error::new(source.kind(), format!("through the proxy `{proxy}`: {source}"));
            RegistryError::Unreachable { host, source }
        }
        error => error,
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
        return Some(Exception::Address(address, None));
    }
    let (name, port) = match word.rsplit_once(':') {
        Some((name, port)) => (name, Some(port.parse().ok()?)),
        None => (word, None),
    };
    if let Some(address) = literal(name) {
        return Some(Exception::Address(address, port));
    }
    let name = name.to_ascii_lowercase();
    let name = if name.starts_with("*.") { &name[1..] } else { &name };
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
            Exception::Address(wanted, wanted_port) => {
                literal(host) == Some(*wanted) && wanted_port.is_none_or(|wanted| wanted == port)
            }
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

    const EXCEPTIONS: &str = "10.0.0.0/8, .a.io,b.io,c.io:5000,1.2.3.4 ,*.d.io,*e.io,2001:db8::/32,[fd00::1]:5000,5.6.7.8:80,fd00::2,x:y,/8";

    #[test]
    fn exceptions_are_those_of_go() {
        let proxies = Proxies::new(Some(("S", "http://p:1")), Some(("H", "http://q:2")), EXCEPTIONS).unwrap();
        let direct = |host: &str, port: u16| proxies.of("https", host, port).is_none();
        for (host, port) in [
            ("10.9.9.9", 443),
            ("x.a.io", 443),
            ("b.io", 443),
            ("x.B.io", 443),
            ("c.io", 5000),
            ("1.2.3.4", 1),
            ("x.d.io", 1),
            ("[2001:db8:7::1]", 443),
            ("[fd00::1]", 5000),
            ("5.6.7.8", 80),
            ("[fd00::2]", 9),
        ] {
            assert!(direct(host, port), "{host}:{port}");
        }
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(direct(host, 443), "{host}");
        }
        for (host, port) in [
            ("11.0.0.1", 443),
            ("a.io", 443),
            ("xb.io", 443),
            ("c.io", 443),
            ("1.2.3.5", 1),
            ("d.io", 1),
            ("xe.io", 1),
            ("[2001:db9::1]", 443),
            ("[fd00::1]", 443),
            ("5.6.7.8", 443),
        ] {
            assert!(!direct(host, port), "{host}:{port}");
        }
        assert_eq!(proxies.of("http", "z.io", 80).unwrap().host(), "q");
        assert!(Proxies::new(Some(("S", "p:1")), None, "a.io,*").unwrap().of("https", "z.io", 443).is_none());
    }

    #[test]
    fn a_proxy_that_is_none_is_told_without_its_password() {
        for text in ["socks5://u:secret@p:1", "://u:secret", "http://"] {
            let error = Proxies::new(Some(("ALL_PROXY", text)), None, "").unwrap_err();
            assert!(matches!(error, RegistryError::Proxy { .. }));
            assert!(!format!("{error} {error:?}").contains("secret"));
        }
        let proxies = Proxies::new(Some(("S", "http://u:secret@p:1")), None, "").unwrap();
        assert!(!format!("{proxies:?}").contains("secret"));
    }
}
