//! Lists of images to be copied, in the shape that `skopeo sync --src yaml` reads, as YAML or as TOML:
//!
//! ```yaml
//! registry.example.com:
//!   tls-verify: false
//!   credentials: {username: john, password: secret}
//!   images:
//!     busybox: []                      # every tag
//!     redis: ["1.0", "sha256:…"]
//!   images-by-tag-regex:
//!     nginx: ^1\.13\.[12]-alpine$
//!   images-by-semver:
//!     alpine: ">= 3.12.0"
//! ```
//!
//! ```
//! use consign::sync::{Form, List};
//!
//! let list = List::parse("[\"r.example.com\".images]\nredis = [\"1.0\", \"2.0\"]\n", Form::Toml)?;
//! assert_eq!(list.registries[0].host, "r.example.com");
//! assert_eq!(list.registries[0].images[0].tags.among(&[]), ["1.0", "2.0"]);
//! # Ok::<(), consign::sync::ListError>(())
//! ```

mod node;
mod tags;

use std::path::PathBuf;

use crate::registry::Secret;
use node::Node;
pub use tags::Tags;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// YAML 1.2, one document without aliases.
    Yaml,
    /// TOML.
    Toml,
}

/// A list cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// It is no YAML or TOML.
    #[error("line {line}: {reason}")]
    Syntax {
        /// From 1.
        line: usize,
        /// The parser's words.
        reason: String,
    },
    /// Something else belongs there.
    #[error("`{key}`: wanted {wanted}, found {found}")]
    Entry {
        /// The keys that lead there, with dots between.
        key: String,
        /// What belongs there.
        wanted: &'static str,
        /// What is there.
        found: String,
    },
}

/// Images to be copied.
#[derive(Debug, Clone)]
pub struct List {
    /// In the order of the file.
    pub registries: Vec<Registry>,
}

/// What is to be copied from one registry, and how it is reached.
#[derive(Debug, Clone)]
pub struct Registry {
    /// `host[:port]`.
    pub host: String,
    /// In the order of the file: by tags, by patterns, by versions.
    pub images: Vec<Image>,
    /// User and password.
    pub credentials: Option<(String, Secret)>,
    /// Whether it has to show a certificate of a known authority.
    pub tls_verify: Option<bool>,
    /// Certificates, as in a directory below `certs.d`.
    pub cert_dir: Option<PathBuf>,
}

/// A repository, and what of it is copied.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its path in the registry.
    pub path: String,
    /// Which tags.
    pub tags: Tags,
}

impl List {
    /// Reads a list.
    ///
    /// # Errors
    ///
    /// A [`ListError`] with the place of what is wrong.
    pub fn parse(text: &str, form: Form) -> Result<List, ListError> {
        let root = match form {
            Form::Yaml => node::yaml(text)?,
            Form::Toml => node::toml(text)?,
        };
        let registries = root.map("", "registries")?.iter();
        Ok(List {
            registries: registries.map(|(host, node)| registry(host, node)).collect::<Result<_, _>>()?,
        })
    }
}

fn registry(host: &str, node: &Node) -> Result<Registry, ListError> {
    let mut registry = Registry {
        host: host.to_owned(),
        images: Vec::new(),
        credentials: None,
        tls_verify: None,
        cert_dir: None,
    };
    for (key, node) in node.map(host, "what to copy from the registry")? {
        let place = format!("{host}.{key}");
        match key.as_str() {
            "images" => add(&mut registry, &place, node, |place, node| {
                let tags = node.list(place, "a list of tags")?.iter();
                let tags: Vec<String> =
                    tags.map(|tag| tag.text(place, "a tag").map(str::to_owned)).collect::<Result<_, _>>()?;
                Ok(if tags.is_empty() { Tags::All } else { Tags::Named(tags) })
            })?,
            "images-by-tag-regex" => add(&mut registry, &place, node, |place, node| {
                Tags::matching(node.text(place, "a regular expression")?, place)
            })?,
            "images-by-semver" => add(&mut registry, &place, node, |place, node| {
                Tags::versions(node.text(place, "a range of versions")?, place)
            })?,
            "credentials" => registry.credentials = Some(credentials(&place, node)?),
            "tls-verify" => registry.tls_verify = Some(node.boolean(&place)?),
            "cert-dir" => registry.cert_dir = Some(node.text(&place, "a path")?.into()),
            _ => {
                let wanted =
                    "images, images-by-tag-regex, images-by-semver, credentials, tls-verify or cert-dir";
                return Err(ListError::Entry { key: host.to_owned(), wanted, found: format!("`{key}`") });
            }
        }
    }
    Ok(registry)
}

fn add(
    registry: &mut Registry,
    place: &str,
    node: &Node,
    tags: impl Fn(&str, &Node) -> Result<Tags, ListError>,
) -> Result<(), ListError> {
    for (path, node) in node.map(place, "repositories")? {
        let tags = tags(&format!("{place}.{path}"), node)?;
        registry.images.push(Image { path: path.clone(), tags });
    }
    Ok(())
}

fn credentials(place: &str, node: &Node) -> Result<(String, Secret), ListError> {
    let wanted = "`username` and `password`";
    let (mut username, mut password) = (String::new(), String::new());
    for (key, node) in node.map(place, wanted)? {
        let text = node.text(&format!("{place}.{key}"), "a string")?.to_owned();
        match key.as_str() {
            "username" => username = text,
            "password" => password = text,
            _ => {
                return Err(ListError::Entry { key: place.to_owned(), wanted, found: format!("`{key}`") });
            }
        }
    }
    Ok((username, Secret::new(&password)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const YAML: &str = "
r.example.com:5000:
  tls-verify: false
  cert-dir: /certs
  credentials: {username: john, password: 's3cret'}
  images:
    busybox: []
    all:
    a/redis: [1.10, \"2.0\", sha256:0000]
  images-by-tag-regex:
    nginx: ^1\\.13\\.[12]-alpine$
  images-by-semver:
    alpine: '>= 3.12.0 < 4 || 2.x'
quay.io:
  images: {coreos/etcd: [latest]}
";

    #[test]
    fn yaml_and_toml_say_the_same() {
        let toml = "
[\"r.example.com:5000\"]
tls-verify = false
cert-dir = \"/certs\"
credentials = {username = \"john\", password = \"s3cret\"}
[\"r.example.com:5000\".images]
busybox = []
all = []
\"a/redis\" = [\"1.10\", \"2.0\", \"sha256:0000\"]
[\"r.example.com:5000\".images-by-tag-regex]
nginx = '^1\\.13\\.[12]-alpine$'
[\"r.example.com:5000\".images-by-semver]
alpine = '>= 3.12.0 < 4 || 2.x'
[\"quay.io\".images]
\"coreos/etcd\" = [\"latest\"]
";
        let known: Vec<String> =
            ["1.13.1-alpine", "1.13.3-alpine", "3.12", "v3.99.1", "4.0.0", "2.7", "edge", "3.13.0-rc1"]
                .map(String::from)
                .into();
        for list in [List::parse(YAML, Form::Yaml).unwrap(), List::parse(toml, Form::Toml).unwrap()] {
            let mut registries = list.registries;
            registries.sort_by(|left, right| right.host.cmp(&left.host));
            let [first, second] = &registries[..] else { panic!("{registries:?}") };
            assert_eq!((first.host.as_str(), second.host.as_str()), ("r.example.com:5000", "quay.io"));
            assert_eq!((first.tls_verify, second.tls_verify), (Some(false), None));
            assert_eq!(first.credentials.as_ref().unwrap().0, "john");
            assert!(!format!("{first:?}").contains("s3cret"));
            let tags =
                |path: &str| first.images.iter().find(|image| image.path == path).unwrap().tags.among(&known);
            assert_eq!(tags("busybox"), known);
            assert_eq!(tags("all"), known);
            assert_eq!(tags("a/redis"), ["1.10", "2.0", "sha256:0000"]);
            assert_eq!(tags("nginx"), ["1.13.1-alpine"]);
            assert_eq!(tags("alpine"), ["3.12", "v3.99.1", "2.7"]);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, wanted) in [
            ("a: [", "line 2"),
            ("- a", "wanted registries, found a list"),
            ("a: {b: c}", "`a`: wanted images,"),
            ("a: {images: {b: c}}", "`a.images.b`: wanted a list of tags, found `c`"),
            ("a: {images: {b: [[c]]}}", "`a.images.b`: wanted a tag, found a list"),
            ("a: {images-by-tag-regex: {b: '('}}", "`a.images-by-tag-regex.b`: wanted a regular expression"),
            ("a: {images-by-semver: {b: '>= x1'}}", "`a.images-by-semver.b`: wanted a range of versions"),
            ("a: {tls-verify: maybe}", "`a.tls-verify`: wanted true or false, found `maybe`"),
            ("a: &x {images: {b: [c]}}\nd: *x", "aliases"),
            ("a: {images: {b: [c]}}\na: {}", "`a`"),
            ("a: {credentials: {token: x}}", "`a.credentials`: wanted `username` and `password`"),
        ] {
            let error = List::parse(text, Form::Yaml).unwrap_err().to_string();
            assert!(error.contains(wanted), "{text}: {error}");
        }
        let error = List::parse("[a.images]\nb = \"c\"", Form::Toml).unwrap_err().to_string();
        assert!(error.contains("`a.images.b`: wanted a list of tags"), "{error}");
        assert!(List::parse("a = [", Form::Toml).unwrap_err().to_string().starts_with("line 1"));
    }
}
