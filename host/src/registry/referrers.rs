//! What refers to a manifest: signatures, attestations, bills of material (distribution-spec, "Listing
//! Referrers").

use super::exchange::{Ask, Place};
use super::url::shown;
use super::{RegistryError, Repository};
use crate::digest::Digest;
use crate::document::{OCI_INDEX, empty_index};
use crate::save::document::index_bytes;
use crate::source::DOCUMENT_LIMIT;
use crate::types::Descriptor;
use crate::types::manifests::{Document, Kind};

/// Pages of one list.
const MAX_PAGES: usize = 64;
/// Manifests that refer to one.
const MAX_REFERRERS: usize = 10_000;

/// Bytes of all pages of one list: each entry may have as many annotations as a page has room for.
const MAX_BYTES: usize = 16 << 20;

/// The tag that clients list them under where the registry does not.
fn tag(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm().name(), digest.hex())
}

impl Repository {
    /// The manifests that refer to the one with this digest, in the registry's order; those of this artifact
    /// type where one is given. A registry that does not list them is asked for the index that clients keep
    /// under the tag `algorithm-hex` instead.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Answer`] for what is no index, [`RegistryError::Endless`] for more than 64 pages, 10,000
    /// manifests or 16 MiB; any other where it could not be told.
    pub fn referrers(
        &self,
        digest: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, RegistryError> {
        let mut target = self.target(&format!("referrers/{digest}"));
        if let Some(artifact_type) = artifact_type {
            target.push_str(&format!("?artifactType={}", super::auth::encoded(artifact_type)));
        }
        let (mut found, mut read) = (Vec::new(), 0);
        let mut place = Place::Own(target);
        for page in 0.. {
            let ask = Ask { place, ..Ask::get(String::new(), self.pulling()) }.header("accept", OCI_INDEX);
            let answer = self.registry.send(ask)?;
            if page == 0 && answer.status() == 404 {
                answer.done();
                found = self.referrers_by_tag(digest)?;
                break;
            }
            let answer = answer.expect(&[200])?;
            let (base, shown, links) = (answer.base(), shown(answer.url()), answer.all("link"));
            let next = self.next_page(&answer, &base, &links)?;
            let bytes = answer.bytes(DOCUMENT_LIMIT)?;
            read += bytes.len();
            if read > MAX_BYTES {
                return Err(RegistryError::Endless { url: shown, what: "bytes", limit: MAX_BYTES });
            }
            found.extend(self.entries(&bytes, &shown)?);
            if found.len() > MAX_REFERRERS {
                return Err(RegistryError::Endless { url: shown, what: "manifests", limit: MAX_REFERRERS });
            }
            let Some(next) = next else { break };
            if page + 1 == MAX_PAGES {
                return Err(RegistryError::Endless { url: shown, what: "pages", limit: MAX_PAGES });
            }
            place = Place::At(next);
        }
        // Whether the registry chose by type or not.
        found.retain(|entry| {
            artifact_type.is_none_or(|wanted| entry.artifact_type.as_deref() == Some(wanted))
        });
        Ok(found)
    }

    /// Lists a manifest among those that refer to the one with this digest, where the registry does not do that by itself:
    /// in the index under the tag `algorithm-hex` (distribution-spec, "Referrers Tag Schema").
    ///
    /// # Errors
    ///
    /// As [`referrers`](Repository::referrers), and what a manifest is not put for.
    pub fn add_referrer(&self, digest: &Digest, entry: &Descriptor) -> Result<(), RegistryError> {
        let target = self.target(&format!("referrers/{digest}"));
        let ask = Ask::get(target, self.pulling()).header("accept", OCI_INDEX);
        // Whatever else it answers does not say whether it lists them.
        let answer = self.registry.send(ask)?.expect(&[200, 404])?;
        let lists = answer.status() == 200;
        answer.done();
        if lists {
            return Ok(());
        }
        let mut entries = self.referrers_by_tag(digest)?;
        if entries.iter().any(|known| known.digest == entry.digest) {
            return Ok(());
        }
        // With more nobody could read it here.
        if entries.len() >= MAX_REFERRERS {
            let url = self.target(&format!("manifests/{}", tag(digest)));
            return Err(RegistryError::Endless { url, what: "manifests", limit: MAX_REFERRERS });
        }
        entries.push(entry.clone());
        self.put_manifest(&tag(digest), OCI_INDEX, &index_bytes(&empty_index(Kind::OciIndex), &entries))
    }

    fn referrers_by_tag(&self, digest: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let tag = tag(digest);
        match self.get_manifest(&tag)? {
            Some(index) => self.entries(&index.bytes, &tag),
            None => Ok(Vec::new()),
        }
    }

    fn entries(&self, bytes: &[u8], url: &str) -> Result<Vec<Descriptor>, RegistryError> {
        let wrong = |reason: String| RegistryError::Answer { url: url.to_owned(), reason };
        match self.registry.sandbox().parse_manifest(bytes, Some(OCI_INDEX))? {
            Ok(Document::Index(index)) => Ok(index.entries),
            Ok(Document::Manifest(_)) => Err(wrong("wanted an index, found a manifest".to_owned())),
            Err(problem) => Err(wrong(crate::resolve::document(&problem))),
        }
    }
}
