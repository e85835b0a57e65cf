//! URLs of `http` and `https` (RFC 3986), and links (RFC 8288).

use super::is_visible;
use crate::prelude::*;
use crate::wit::exports::consign::image::registries::Url;

/// Bytes of a URL.
const MAX_URL: usize = 8 << 10;
/// Links of one answer that are looked at.
const MAX_LINKS: usize = 32;

/// Where a URL, or what is relative to one, leads.
pub fn locate(base: &str, reference: &str) -> Option<Url> {
    let reference = reference.trim();
    let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
    if base.len() > MAX_URL
        || reference.len() > MAX_URL
        || !reference.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return None;
    }
    if let Some(whole) = whole(reference) {
        return whole;
    }
    let base = whole(base)??;
    if let Some(rest) = reference.strip_prefix("//") {
        return whole(&format!("{}://{rest}", base.scheme))?;
    }
    let (path, query) =
        base.target.split_once('?').map_or((base.target.as_str(), None), |(path, query)| (path, Some(query)));
    let target = if reference.is_empty() {
        query.map_or(path.to_owned(), |query| format!("{path}?{query}"))
    } else if reference.starts_with('?') {
        format!("{path}{reference}")
    } else if reference.starts_with('/') {
        normal(reference)
    } else {
        let directory = path.rfind('/').map_or("/", |slash| &path[..=slash]);
        normal(&format!("{directory}{reference}"))
    };
    (target.len() <= MAX_URL).then_some(Url { target, ..base })
}

/// Reads a whole URL. `None`: it has no scheme; `Some(None)`: it is none of these.
fn whole(text: &str) -> Option<Option<Url>> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme {
        return None;
    }
    Some(of_parts(&scheme.to_ascii_lowercase(), rest))
}

fn of_parts(scheme: &str, rest: &str) -> Option<Url> {
    if !matches!(scheme, "http" | "https") {
        return None;
    }
    let rest = rest.strip_prefix("//")?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let target = target.split_once('#').map_or(target, |(before, _)| before);
    // A user, and a password with it, has no place in what a registry points at.
    if authority.contains('@') || !(target.is_empty() || is_visible(target)) {
        return None;
    }
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, after) = rest.split_once(']')?;
            let address = address.parse::<core::net::Ipv6Addr>().ok()?;
            let port = match after {
                "" => None,
                after => Some(after.strip_prefix(':')?),
            };
            (format!("[{address}]"), port)
        }
        None => {
            let (host, port) = match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            };
            let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            if host.is_empty() || !host.bytes().all(is_host) {
                return None;
            }
            (host.to_ascii_lowercase(), port)
        }
    };
    let port = match port {
        None | Some("") => None,
        Some(port) => Some(u16::try_from(super::number(port)?).ok().filter(|port| *port > 0)?),
    };
    let target = if target.starts_with('/') { normal(target) } else { format!("/{target}") };
    Some(Url { scheme: scheme.to_owned(), host, port, target })
}

/// A target without `.` and `..` in its path (RFC 3986, 5.2.4).
fn normal(target: &str) -> String {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    let mut normal = format!("/{}", kept.join("/"));
    if let Some(query) = query {
        normal.push('?');
        normal.push_str(query);
    }
    normal
}

/// The next page that `Link` headers tell of.
pub fn next_page(base: &str, links: &[String]) -> Option<Url> {
    let mut looked_at = 0;
    for header in links {
        let mut rest = header.as_str();
        while let Some((_, after)) = rest.split_once('<') {
            let (reference, parameters) = after.split_once('>')?;
            looked_at += 1;
            if looked_at > MAX_LINKS {
                return None;
            }
            let (own, next) = own_parameters(parameters);
            if own.iter().any(|parameter| is_next(parameter)) {
                return locate(base, reference);
            }
            rest = next;
        }
    }
    None
}

/// The parameters up to the comma before the next link, and what follows.
fn own_parameters(text: &str) -> (Vec<&str>, &str) {
    let (mut own, mut start, mut quoted) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b';' | b',' if !quoted => {
                own.push(&text[start..at]);
                start = at + 1;
                if byte == b',' {
                    return (own, &text[start..]);
                }
            }
            _ => {}
        }
    }
    own.push(&text[start..]);
    (own, "")
}

fn is_next(parameter: &str) -> bool {
    parameter.split_once('=').is_some_and(|(name, value)| {
        let value = value.trim().trim_matches('"');
        name.trim().eq_ignore_ascii_case("rel")
            && value.split_ascii_whitespace().any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}
