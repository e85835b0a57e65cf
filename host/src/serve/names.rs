//! Repositories as requests name them, and lists of repositories and tags.
//!
//! A repository of docker.io is its path, with or without `docker.io/` before it; any other has its domain before it.
//! A path cannot have the colon before a port, for which `_` stands: `localhost_5000/x`. Domains that have capitals,
//! or are addresses in brackets, cannot be asked for.

use std::collections::BTreeSet;

use serde_json::json;

use super::answer::Answer;
use super::registry::{Answered, Registry};
use super::route::Target;
use crate::registry::encoded;
use crate::types::references::{Reading, Reference};
use crate::types::{ImageName, Rules};

/// Names in one page of a list, at most.
const PAGE: usize = 1000;
/// Bytes of a repository's path.
const LONGEST: usize = 255;

/// A repository that was asked for.
pub(super) struct Repository {
    /// As it was asked for.
    pub(super) path: String,
    /// Without tag and digest.
    pub(super) name: ImageName,
}

impl Registry {
    /// The repository that a path means.
    pub(super) fn repository(&self, path: &str) -> Result<Repository, Answer> {
        let invalid = || Answer::refusal(400, "NAME_INVALID", "wanted the path of a repository");
        if path.len() > LONGEST {
            return Err(invalid());
        }
        let mut name = self.parse(path)?.ok_or_else(invalid)?;
        // What is meant first is there, or nothing is.
        if let Some(ported) = with_port(path)
            && !self.is_there(&name)?
            && let Some(other) = self.parse(&ported)?
        {
            name = other;
        }
        Ok(Repository { path: path.to_owned(), name })
    }

    fn parse(&self, path: &str) -> Result<Option<ImageName>, Answer> {
        let parsed = self.sandbox.parse_reference(path, Reading::Normalized, Rules::Docker)?;
        Ok(match parsed {
            Ok(Reference::Named(name)) if name.tag.is_none() && name.digest.is_none() => Some(name),
            _ => None,
        })
    }

    fn is_there(&self, repository: &ImageName) -> Result<bool, Answer> {
        for store in &self.stores {
            if store.names().has_repository(repository)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The tags of a repository, by the bytes of their names.
    pub(super) fn tags(&self, target: &Target, path: &str) -> Answered {
        let repository = self.repository(path)?;
        if !self.is_there(&repository.name)? {
            return Err(Answer::refusal(404, "NAME_UNKNOWN", "there is no such repository"));
        }
        let page = Page::of(target)?;
        let mut tags = BTreeSet::new();
        for store in &self.stores {
            tags.extend(store.names().tags_after(&repository.name, page.after, page.limit + 1)?);
        }
        let (tags, link) = page.cut(tags, &format!("/v2/{path}/tags/list"));
        Ok(linked(Answer::json(200, &json!({"name": repository.path, "tags": tags})), link))
    }

    /// The repositories there are, by the bytes of their paths.
    pub(super) fn catalog(&self, target: &Target) -> Answered {
        let page = Page::of(target)?;
        let mut paths = BTreeSet::new();
        for store in &self.stores {
            store.names().each_repository(|name| {
                let path = path_of(&name).filter(|path| path.as_str() > page.after);
                paths.extend(path);
                if paths.len() > page.limit + 1 {
                    paths.pop_last();
                }
            })?;
        }
        let (paths, link) = page.cut(paths, "/v2/_catalog");
        Ok(linked(Answer::json(200, &json!({"repositories": paths})), link))
    }
}

/// With the address of the next page, if there is one.
pub(super) fn linked(answer: Answer, next: Option<String>) -> Answer {
    match next {
        Some(next) => answer.header("Link", format!("<{next}>; rel=\"next\"")),
        None => answer,
    }
}

/// Which part of a list is asked for.
struct Page<'a> {
    after: &'a str,
    limit: usize,
}

impl<'a> Page<'a> {
    fn of(target: &'a Target) -> Result<Page<'a>, Answer> {
        let limit = match target.parameter("n") {
            None => PAGE,
            Some(text) => {
                let wrong = || Answer::refusal(400, "PAGINATION_NUMBER_INVALID", "wanted a number as `n`");
                text.parse::<usize>().map_err(|_| wrong())?.min(PAGE)
            }
        };
        Ok(Page { after: target.parameter("last").unwrap_or_default(), limit })
    }

    /// What belongs on this page, and where the next one is.
    fn cut(&self, names: BTreeSet<String>, path: &str) -> (Vec<String>, Option<String>) {
        let more = names.len() > self.limit;
        let names: Vec<String> = names.into_iter().take(self.limit).collect();
        let last = names.last().filter(|_| more);
        let next = last.map(|last| format!("{path}?last={}&n={}", encoded(last), self.limit));
        (names, next)
    }
}

/// What a repository is asked for by. `None`: it cannot be.
fn path_of(name: &ImageName) -> Option<String> {
    if name.domain == "docker.io" {
        return Some(name.path.clone());
    }
    let askable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:".contains(&byte);
    name.domain.bytes().all(askable).then(|| format!("{}/{}", name.domain.replace(':', "_"), name.path))
}

/// The path with the port that its first component may be meant to have.
fn with_port(path: &str) -> Option<String> {
    let (domain, rest) = path.split_once('/')?;
    let (host, port) = domain.rsplit_once('_')?;
    let is_port = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    (is_port && !host.is_empty()).then(|| format!("{host}:{port}/{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_with_a_port_has_a_path() {
        let name = |domain: &str, path: &str| ImageName {
            domain: domain.into(),
            path: path.into(),
            tag: None,
            digest: None,
        };
        for (known, path) in [
            (name("docker.io", "library/x"), Some("library/x")),
            (name("ghcr.io", "a/b"), Some("ghcr.io/a/b")),
            (name("127.0.0.1:5000", "a/b"), Some("127.0.0.1_5000/a/b")),
            (name("Capital.example", "a"), None),
            (name("[::1]:5000", "a"), None),
        ] {
            assert_eq!(path_of(&known).as_deref(), path);
        }
        assert_eq!(with_port("127.0.0.1_5000/a/b").as_deref(), Some("127.0.0.1:5000/a/b"));
        for none in ["a_b/c", "a_/c", "_1/c", "a_1", "a_123456/c"] {
            assert_eq!(with_port(none), None, "{none}");
        }
    }
}
