//! Where an image is pulled from: `[[registry]]` tables with their prefixes, locations and mirrors
//! (containers/image, pkg/sysregistriesv2).

use super::{Registries, RegistriesConfError};
use crate::sandbox::Sandbox;
use crate::types::references::{Reading, Reference};
use crate::types::{ImageName, Rules};

/// A `[[registry]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryTable {
    /// Names it is about: those that are this, or go on after it; `*.domain` stands for all subdomains.
    pub prefix: String,
    /// What stands in place of the prefix. Empty: the prefix itself, which is then of subdomains.
    pub location: String,
    /// HTTP, and HTTPS with any certificate, are good enough.
    pub insecure: bool,
    /// Nothing may be pulled.
    pub blocked: bool,
    /// In the order in which they are tried, before the location.
    pub mirrors: Vec<Mirror>,
    /// The file it is in.
    pub file: String,
}

/// A `[[registry.mirror]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// What stands in place of the prefix.
    pub location: String,
    /// HTTP, and HTTPS with any certificate, are good enough.
    pub insecure: bool,
    /// What is pulled from it.
    pub pull_from: PullFrom,
}

/// What a mirror is asked for (`pull-from-mirror`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullFrom {
    /// Whatever.
    All,
    /// Images by digest.
    DigestOnly,
    /// Images by tag.
    TagOnly,
}

/// A place to pull an image from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What the image is called there.
    pub name: ImageName,
    /// HTTP, and HTTPS with any certificate, are good enough.
    pub insecure: bool,
}

impl RegistryTable {
    /// Whether two tables with one prefix can both be.
    pub(super) fn agrees(&self, other: &RegistryTable) -> bool {
        self.insecure == other.insecure && self.blocked == other.blocked
    }

    /// How many bytes of a reference the prefix stands for.
    fn matches(&self, reference: &str) -> Option<usize> {
        let end = match self.prefix.strip_prefix('*') {
            Some(domain) if domain.starts_with('.') => {
                let at = reference.find(domain).filter(|at| !reference[..*at].contains('/'))?;
                at + domain.len()
            }
            _ => reference.starts_with(&self.prefix).then_some(self.prefix.len())?,
        };
        matches!(reference.as_bytes().get(end), None | Some(b':' | b'@' | b'/')).then_some(end)
    }
}

impl Registries {
    /// The table that a reference in full is about: the one with the longest prefix.
    pub fn table(&self, reference: &str) -> Option<&RegistryTable> {
        let fitting = self.tables.values().filter(|table| table.matches(reference).is_some());
        fitting.max_by_key(|table| table.prefix.len())
    }

    /// Where an image is pulled from, in order: the mirrors that are asked for it, then its own place.
    ///
    /// # Errors
    ///
    /// [`RegistriesConfError::Blocked`] where nothing may be pulled, [`RegistriesConfError::Location`] where what a
    /// location makes of the name is none; [`RegistriesConfError::Sandbox`] where the component did not answer.
    pub fn endpoints(
        &self,
        sandbox: &Sandbox,
        name: &ImageName,
    ) -> Result<Vec<Endpoint>, RegistriesConfError> {
        let reference = crate::resolve::name(name);
        let Some(table) = self.table(&reference) else {
            return Ok(vec![Endpoint { name: name.clone(), insecure: false }]);
        };
        if table.blocked {
            return Err(RegistriesConfError::Blocked {
                file: table.file.clone(),
                prefix: table.prefix.clone(),
                name: reference,
            });
        }
        let end = table.matches(&reference).unwrap_or_default();
        let mut endpoints = Vec::new();
        let mirrors = table.mirrors.iter().filter(|mirror| match mirror.pull_from {
            PullFrom::All => true,
            PullFrom::DigestOnly => name.digest.is_some(),
            PullFrom::TagOnly => name.digest.is_none(),
        });
        let mirrors = mirrors.map(|mirror| (mirror.location.as_str(), mirror.insecure));
        for (location, insecure) in mirrors.chain([(table.location.as_str(), table.insecure)]) {
            let text = match location {
                "" => reference.clone(),
                location => format!("{location}{}", &reference[end..]),
            };
            let parsed = sandbox.parse_reference(&text, Reading::Normalized, Rules::Podman)?;
            let Ok(Reference::Named(name)) = parsed else {
                return Err(RegistriesConfError::Location {
                    file: table.file.clone(),
                    prefix: table.prefix.clone(),
                    name: text,
                });
            };
            endpoints.push(Endpoint { name, insecure });
        }
        Ok(endpoints)
    }
}
