//! What a request asks for, by its target (distribution-spec, "Endpoints").

/// What is asked for. Names and references are as they were written, without escapes, and not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    /// Whether this is a registry.
    Base,
    /// The same, without the slash that belongs at its end.
    AlmostBase,
    Catalog,
    Tags {
        repository: String,
    },
    Manifest {
        repository: String,
        reference: String,
    },
    Blob {
        repository: String,
        digest: String,
    },
    Referrers {
        repository: String,
        digest: String,
    },
    /// Where content is uploaded to.
    Uploads,
    /// Nothing that there is.
    Elsewhere,
}

/// A target, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) route: Route,
    /// In order, without escapes.
    query: Vec<(String, String)>,
}

impl Target {
    /// `None`: it is none, or its escapes are not.
    pub(super) fn parse(target: &str) -> Option<Target> {
        // With a URL in place of a path the request was meant for a proxy; its path says as much.
        let path = match target.strip_prefix("http://").or_else(|| target.strip_prefix("https://")) {
            Some(rest) => rest.find('/').and_then(|start| rest.get(start..))?,
            None => target,
        };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = unescaped(path, false)?;
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((unescaped(key, true)?, unescaped(value, true)?))
        };
        let query = query.split('&').filter(|text| !text.is_empty()).map(pair).collect::<Option<Vec<_>>>()?;
        Some(Target { route: route(&path)?, query })
    }

    /// The first parameter of this name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn route(path: &str) -> Option<Route> {
    if !path.starts_with('/') {
        return None;
    }
    let rest = match path.strip_prefix("/v2") {
        Some("") => return Some(Route::AlmostBase),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    };
    let Some(rest) = rest else { return Some(Route::Elsewhere) };
    if rest.is_empty() {
        return Some(Route::Base);
    }
    if rest == "_catalog" {
        return Some(Route::Catalog);
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return Some(Route::Tags { repository: repository.to_owned() });
    }
    let Some((before, last)) = rest.rsplit_once('/') else { return Some(Route::Elsewhere) };
    if before.ends_with("/blobs/uploads") {
        return Some(Route::Uploads);
    }
    let last = last.to_owned();
    let Some((repository, kind)) = before.rsplit_once('/') else { return Some(Route::Elsewhere) };
    let repository = repository.to_owned();
    Some(match kind {
        "manifests" => Route::Manifest { repository, reference: last },
        "blobs" if last == "uploads" => Route::Uploads,
        "blobs" => Route::Blob { repository, digest: last },
        "referrers" => Route::Referrers { repository, digest: last },
        _ => Route::Elsewhere,
    })
}

/// Without its percent escapes; `form`: `+` is a blank. `None` for escapes that are none, and for what is not
/// visible.
fn unescaped(text: &str, form: bool) -> Option<String> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let (mut plain, mut bytes) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => u8::try_from(digit(bytes.next())? << 4 | digit(bytes.next())?).ok()?,
            b'+' if form => b' ',
            byte => byte,
        });
    }
    let plain = String::from_utf8(plain).ok()?;
    (!plain.contains(char::is_control)).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route_of(target: &str) -> Option<Route> {
        Target::parse(target).map(|target| target.route)
    }

    #[test]
    fn targets_are_taken_apart_from_their_ends() {
        let manifest = |repository: &str, reference: &str| Route::Manifest {
            repository: repository.into(),
            reference: reference.into(),
        };
        for (target, wanted) in [
            ("/v2/", Route::Base),
            ("http://h:5000/v2/?x=y", Route::Base),
            ("/v2", Route::AlmostBase),
            ("/v2/_catalog?n=3", Route::Catalog),
            ("/v2/a/b/manifests/1", manifest("a/b", "1")),
            ("/v2/a/manifests/b/manifests/1", manifest("a/manifests/b", "1")),
            ("/v2/a/tags/list/manifests/1", manifest("a/tags/list", "1")),
            ("/v2/a/manifests/sha256%3Ax", manifest("a", "sha256:x")),
            ("/v2/%2e%2e/manifests/1", manifest("..", "1")),
            ("/v2/a/tags/list", Route::Tags { repository: "a".into() }),
            ("/v2/a/blobs/x", Route::Blob { repository: "a".into(), digest: "x".into() }),
            ("/v2/a/referrers/x", Route::Referrers { repository: "a".into(), digest: "x".into() }),
            ("/v2/a/blobs/uploads/", Route::Uploads),
            ("/v2/a/blobs/uploads/7", Route::Uploads),
            ("/v2/a", Route::Elsewhere),
            ("/v2a/", Route::Elsewhere),
            ("/v1/", Route::Elsewhere),
            ("/", Route::Elsewhere),
        ] {
            assert_eq!(route_of(target), Some(wanted), "{target}");
        }
        for wrong in ["*", "v2/", "/v2/%", "/v2/%4", "/v2/%zz", "/v2/%0a", "/v2/%ff", "/?a=%", "http://h", ""]
        {
            assert_eq!(route_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_first_of_a_parameter_counts() {
        let target = Target::parse("/v2/?n=3&n=4&last=a%2Bb+c&x").unwrap();
        assert_eq!(target.parameter("n"), Some("3"));
        assert_eq!(target.parameter("last"), Some("a+b c"));
        assert_eq!(target.parameter("x"), Some(""));
        assert_eq!(target.parameter("y"), None);
    }
}
