//! registries.d: where signatures are that registries do not keep (containers-registries.d(5)).

use std::collections::BTreeMap;
use std::io::ErrorKind;

use cap_std::fs::Dir;

use super::DocumentError;
use super::document::{self, At, Node, Value};
use crate::text_file;
use crate::types::transports::PolicyScope;

/// What all files together say.
#[derive(Debug, Default)]
pub struct RegistriesD {
    default: Option<Namespace>,
    /// By name, registry or part of one, as in policies.
    namespaces: BTreeMap<String, Namespace>,
}

/// What is said of a namespace, and by which file.
#[derive(Debug, Clone)]
struct Namespace {
    file: String,
    lookaside: Option<String>,
    staging: Option<String>,
    use_attachments: Option<bool>,
}

impl RegistriesD {
    /// Reads the `*.yaml` files of a directory. `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// [`DocumentError`] for a file that cannot be read or is not what it should be, and for a namespace that two
    /// files speak of.
    pub fn read(directory: &Dir, path: &str) -> Result<RegistriesD, DocumentError> {
        let failed = |file: &str, source| DocumentError::Read { file: file.to_owned(), source };
        let mut names = Vec::new();
        for entry in directory.entries().map_err(|error| failed(path, error))? {
            let name = entry.map_err(|error| failed(path, error))?.file_name();
            names.extend(name.into_string().ok().filter(|name| name.ends_with(".yaml")));
        }
        names.sort();
        let mut whole = RegistriesD::default();
        for name in names {
            let file = format!("{path}/{name}");
            let read =
                text_file::read(directory, &name).and_then(|text| text.ok_or(ErrorKind::NotFound.into()));
            let text = read.map_err(|error| failed(&file, error))?;
            whole.add(&file, &text)?;
        }
        Ok(whole)
    }

    /// Takes in a file's text.
    fn add(&mut self, file: &str, text: &str) -> Result<(), DocumentError> {
        let root = document::yaml(file, text)?;
        let at = At { file, key: "", node: &root };
        if matches!(root.value, Value::Null) {
            return Ok(());
        }
        for (key, node) in at.members()? {
            let at = At { file, key, node };
            match key.as_str() {
                "default-docker" if !matches!(node.value, Value::Null) => {
                    let other = self.default.replace(namespace(at)?);
                    told_once(at, other.as_ref())?;
                }
                "docker" if !matches!(node.value, Value::Null) => {
                    for (name, node) in at.members()? {
                        let at = At { key: &at.below(name), node, ..at };
                        let other = self.namespaces.insert(name.clone(), namespace(at)?);
                        told_once(at, other.as_ref())?;
                    }
                }
                // Others read these files, too.
                _ => {}
            }
        }
        Ok(())
    }

    /// The URL of the lookaside storage for images of this scope. `None`: none is said.
    pub fn lookaside(&self, scope: &PolicyScope) -> Option<&str> {
        self.narrowest(scope).find_map(|namespace| namespace.lookaside.as_deref())
    }

    /// The URL of the one that signatures of such images are put into, which may be another. `None`: none is said.
    pub fn staging(&self, scope: &PolicyScope) -> Option<&str> {
        let mut places = self.narrowest(scope);
        places.find_map(|namespace| namespace.staging.as_deref().or(namespace.lookaside.as_deref()))
    }

    /// Whether signatures of sigstore are looked for beside images of this scope; they are not where nothing is
    /// said.
    pub fn uses_attachments(&self, scope: &PolicyScope) -> bool {
        self.narrowest(scope).find_map(|namespace| namespace.use_attachments).unwrap_or(false)
    }

    fn narrowest(&self, scope: &PolicyScope) -> impl Iterator<Item = &Namespace> {
        let names = std::iter::once(&scope.identity).chain(&scope.namespaces);
        let found: Vec<&Namespace> = names.filter_map(|name| self.namespaces.get(name)).collect();
        found.into_iter().chain(&self.default)
    }
}

fn told_once(at: At<'_, '_>, other: Option<&Namespace>) -> Result<(), DocumentError> {
    match other {
        Some(other) => Err(at.value("it in one file alone", format!("it in `{}`, too", other.file))),
        None => Ok(()),
    }
}

fn namespace(at: At<'_, '_>) -> Result<Namespace, DocumentError> {
    let mut found =
        Namespace { file: at.file.to_owned(), lookaside: None, staging: None, use_attachments: None };
    let (mut older, mut older_staging) = (None, None);
    if matches!(at.node.value, Value::Null) {
        return Ok(found);
    }
    for (key, node) in at.members()? {
        let at = At { key: &at.below(key), node, ..at };
        let is_there = |node: &Node| !matches!(node.value, Value::Null);
        match key.as_str() {
            "lookaside" if is_there(node) => found.lookaside = Some(url(at)?),
            "sigstore" if is_there(node) => older = Some(url(at)?),
            "lookaside-staging" if is_there(node) => found.staging = Some(url(at)?),
            "sigstore-staging" if is_there(node) => older_staging = Some(url(at)?),
            "use-sigstore-attachments" if is_there(node) => found.use_attachments = Some(at.boolean()?),
            _ => {}
        }
    }
    found.lookaside = found.lookaside.or(older).filter(|url| !url.is_empty());
    found.staging = found.staging.or(older_staging).filter(|url| !url.is_empty());
    Ok(found)
}

/// A URL of a scheme that storages can have.
fn url(at: At<'_, '_>) -> Result<String, DocumentError> {
    let text = at.string()?;
    let known = ["file:///", "http://", "https://"];
    if text.is_empty() || known.iter().any(|scheme| text.starts_with(scheme)) {
        return Ok(text.to_owned());
    }
    Err(at.value("a URL of `file`, `http` or `https`", format!("`{text}`")))
}
