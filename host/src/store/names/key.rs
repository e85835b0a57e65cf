//! A name as the catalogue has it.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::digest::Digest;
use crate::store::catalog::target_at;
use crate::store::{Result, StoreError, Target};
use crate::types::ImageName;

/// A name as the catalogue has it: a repository, and `:tag` or `@digest`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) repository: String,
    pub(super) reference: String,
}

impl Key {
    /// Of a tag and a digest the digest counts; without either it is the tag `latest`.
    ///
    /// The guest made the name; that it cannot be anything else than a name is checked here again.
    pub(super) fn of(name: &ImageName) -> Result<Key> {
        let plain =
            |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        let wrong = |reason| Err(StoreError::UnusableName { name: written(name), reason });
        if !plain(&name.domain) || name.domain.contains(['/', '@']) {
            return wrong("its domain is none");
        }
        if !plain(&name.path) || name.path.contains([':', '@']) {
            return wrong("its path is none");
        }
        let reference = match (&name.digest, name.tag.as_deref().unwrap_or("latest")) {
            (Some(digest), _) => format!("@{}", digest.parse::<Digest>()?),
            (None, tag) if is_tag(tag) => format!(":{tag}"),
            (None, _) => return wrong("its tag is none"),
        };
        Ok(Key { repository: repository(name), reference })
    }

    pub(super) fn find(&self, connection: &Connection) -> rusqlite::Result<Option<Target>> {
        connection
            .prepare_cached(
                "SELECT media_type, digest, size FROM names WHERE repository = ? AND reference = ?",
            )?
            .query_row(params![self.repository, self.reference], |row| target_at(row, 0))
            .optional()
    }
}

/// Whether a name can be kept.
pub(in crate::store) fn is_usable(name: &ImageName) -> bool {
    Key::of(name).is_ok()
}

pub(in crate::store) fn repository(name: &ImageName) -> String {
    format!("{}/{}", name.domain, name.path)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= 128
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || byte == b'.' || byte == b'-')
}

/// The name for people.
pub(super) fn written(name: &ImageName) -> String {
    let tag = name.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
    let digest = name.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
    format!("{}/{}{tag}{digest}", name.domain, name.path).chars().take(400).collect()
}

/// The name from its columns.
pub(in crate::store) fn name_of(repository: &str, reference: &str) -> ImageName {
    let (domain, path) = repository.split_once('/').unwrap_or(("", repository));
    ImageName {
        domain: domain.into(),
        path: path.into(),
        tag: reference.strip_prefix(':').map(Into::into),
        digest: reference.strip_prefix('@').map(Into::into),
    }
}
