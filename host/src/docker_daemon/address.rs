//! Where a daemon is.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use super::DaemonError;
use crate::registry::is_loopback;

/// Where a daemon is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A host and a port of this machine. Elsewhere everybody on the way could read and change what is said.
    Tcp(String),
}

impl Address {
    /// What the daemon is called in requests.
    pub(super) fn host(&self) -> &str {
        match self {
            Address::Unix(_) => "localhost",
            Address::Tcp(host) => host,
        }
    }
}

impl FromStr for Address {
    type Err = DaemonError;

    /// Reads `unix://PATH`, `tcp://HOST:PORT` or `http://HOST:PORT`; without a port it is 2375.
    fn from_str(text: &str) -> Result<Self, DaemonError> {
        let wrong = || DaemonError::Address { found: text.to_owned() };
        match text.split_once("://") {
            Some(("unix", path)) if path.starts_with('/') => Ok(Address::Unix(path.into())),
            Some(("tcp" | "http", host)) => {
                let host = host.strip_suffix('/').unwrap_or(host);
                let is_port = |port: &str| port.parse::<u16>().is_ok();
                let host = match host.rsplit_once(':') {
                    Some((_, port)) if is_port(port) && !host.ends_with(']') => host.to_owned(),
                    _ => format!("{host}:2375"),
                };
                let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte);
                if host.bytes().all(is_host) && is_loopback(&host) {
                    Ok(Address::Tcp(host))
                } else {
                    Err(wrong())
                }
            }
            _ => Err(wrong()),
        }
    }
}

impl Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(formatter, "unix://{}", path.display()),
            Address::Tcp(host) => write!(formatter, "tcp://{host}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sockets_and_ports_of_this_machine_are_addresses_and_nothing_else_is() {
        for (text, shown) in [
            ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
            ("tcp://127.0.0.1:99", "tcp://127.0.0.1:99"),
            ("tcp://localhost", "tcp://localhost:2375"),
            ("http://[::1]:2375/", "tcp://[::1]:2375"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
        }
        for text in [
            "",
            "/var/run/docker.sock",
            "unix://docker.sock",
            "tcp://10.0.0.1:2375",
            "tcp://example.com:2375",
            "tcp://localhost:2375/path",
            "tcp://user@localhost:2375",
            "https://localhost:2376",
            "ssh://localhost",
            "npipe:////./pipe/docker_engine",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
