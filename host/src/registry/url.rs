//! URLs: of registries, and of where they point.

use crate::types::registries::Url;

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

pub(super) fn port(url: &Url) -> u16 {
    url.port.unwrap_or_else(|| default_port(&url.scheme))
}

pub(super) fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

pub(super) fn same_origin(left: &Url, right: &Url) -> bool {
    left.scheme == right.scheme && left.host == right.host && port(left) == port(right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_not_told() {
        let url = Url {
            scheme: "https".into(),
            host: "h".into(),
            port: None,
            target: "/blob?X-Signature=s3cret".into(),
        };
        assert_eq!(shown(&url), "https://h/blob");
    }
}
