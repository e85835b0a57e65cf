//! Where a daemon is.

use std::fmt::{self, Display};
use std::path::PathBuf;

use super::DaemonError;
use crate::registry::is_loopback;

/// Where a daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A host and a port of this machine. Elsewhere everybody on the way could read and change what is said.
    Tcp(String),
    /// A host and a port, anywhere, over TLS.
    Tls(String),
}

impl Address {
    /// What the daemon is called in requests.
    pub(super) fn host(&self) -> &str {
        match self {
            Address::Unix(_) => "localhost",
            Address::Tcp(host) | Address::Tls(host) => host,
        }
    }
}

impl Address {
    /// Reads `unix://PATH`, `tcp://HOST[:PORT]`, `http://HOST[:PORT]` or `https://HOST[:PORT]`; the port is 2375 where it is not
    /// written, with TLS 2376. `tcp` is over TLS where `tls` says so, and to other machines.
    ///
    /// # Errors
    ///
    /// [`DaemonError::Address`] for anything else, and for `http` to another machine.
    pub fn parse(text: &str, tls: bool) -> Result<Address, DaemonError> {
        let wrong = || DaemonError::Address { found: text.chars().take(300).collect() };
        let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
        if scheme == "unix" && rest.starts_with('/') {
            return Ok(Address::Unix(rest.into()));
        }
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let is_here = is_loopback(host);
        let tls = match scheme {
            "https" => true,
            "tcp" => tls || !is_here,
            "http" if is_here => false,
            _ => return Err(wrong()),
        };
        let has_port = match host.rsplit_once(':') {
            Some((_, port)) => !host.ends_with(']') && port.parse::<u16>().is_ok(),
            None => false,
        };
        let host = match (has_port, tls) {
            (true, _) => host.to_owned(),
            (false, true) => format!("{host}:2376"),
            (false, false) => format!("{host}:2375"),
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte);
        if !host.bytes().all(is_host) || host.starts_with(':') {
            return Err(wrong());
        }
        Ok(if tls { Address::Tls(host) } else { Address::Tcp(host) })
    }
}

impl Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Address::Tcp(host) => write!(formatter, "tcp://{host}"),
            Address::Tls(host) => write!(formatter, "https://{host}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_encrypted_stays_on_this_machine() {
        for (text, tls, shown) in [
            ("unix:///var/run/docker.sock", true, "unix:///var/run/docker.sock"),
            ("tcp://127.0.0.1:99", false, "tcp://127.0.0.1:99"),
            ("tcp://127.0.0.1:99", true, "https://127.0.0.1:99"),
            ("tcp://localhost", false, "tcp://localhost:2375"),
            ("tcp://localhost", true, "https://localhost:2376"),
            ("http://localhost", true, "tcp://localhost:2375"),
            ("https://localhost:2376", false, "https://localhost:2376"),
            ("tcp://10.0.0.1:2375", false, "https://10.0.0.1:2375"),
            ("tcp://example.com", false, "https://example.com:2376"),
            ("https://example.com:99/", false, "https://example.com:99"),
            ("http://[::1]:2375/", false, "tcp://[::1]:2375"),
            ("tcp://[::1]", false, "tcp://[::1]:2375"),
        ] {
            assert_eq!(Address::parse(text, tls).unwrap().to_string(), shown);
        }
        for text in [
            "",
            "/var/run/docker.sock",
            "unix://docker.sock",
            "http://10.0.0.1:2375",
            "http://example.com:2375",
            "tcp://",
            "https://:1",
            "tcp://localhost:2375/path",
            "tcp://user@localhost:2375",
            "ssh://localhost",
            "npipe:////./pipe/docker_engine",
        ] {
            assert!(Address::parse(text, false).is_err(), "{text}");
        }
    }
}
