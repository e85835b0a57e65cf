//! What a registry answers (distribution-spec 1.1), from stores.

use std::sync::Arc;

use serde_json::json;

use super::answer::{Answer, Body};
use super::head::Head;
use super::names::Repository;
use super::ranges::{self, Wanted};
use super::referrers::Referrers;
use super::route::{Route, Target};
use crate::digest::Digest;
use crate::document::media_type;
use crate::sandbox::{Sandbox, SandboxError};
use crate::source::DOCUMENT_LIMIT;
use crate::store::{self, Blob, Store, StoreError};
use crate::types::ImageName;
use crate::types::manifests::Document;

/// Stores as one registry that is only read. A name, and content, is that of the first store that has it.
pub struct Registry {
    pub(super) stores: Vec<Arc<Store>>,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) referrers: Referrers,
}

/// An answer, or a refusal.
pub(super) type Answered = Result<Answer, Answer>;

impl From<StoreError> for Answer {
    fn from(error: StoreError) -> Answer {
        let mut problem = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            problem.push_str(&format!(": {source}"));
        }
        Answer::broken(problem)
    }
}

impl From<SandboxError> for Answer {
    fn from(error: SandboxError) -> Answer {
        Answer::broken(error.to_string())
    }
}

impl Registry {
    /// Of these stores.
    pub fn new(stores: Vec<Arc<Store>>, sandbox: Arc<Sandbox>) -> Registry {
        let referrers = Referrers::new(stores.len());
        Registry { stores, sandbox, referrers }
    }

    /// What a request is answered with.
    pub(super) fn answer(&self, head: &Head) -> Answer {
        self.find(head).unwrap_or_else(|refusal| refusal)
    }

    fn find(&self, head: &Head) -> Answered {
        let Some(target) = Target::parse(&head.target) else {
            return Err(Answer::refusal(
                400,
                "NAME_INVALID",
                "the target is no path, or its escapes are none",
            ));
        };
        if target.route == Route::Elsewhere {
            return Err(Answer::refusal(404, "NAME_UNKNOWN", "there is nothing here but `/v2/`"));
        }
        if !matches!(head.method.as_str(), "GET" | "HEAD") {
            let refusal = Answer::refusal(405, "UNSUPPORTED", "this registry is only read");
            return Err(refusal.header("Allow", "GET, HEAD"));
        }
        match &target.route {
            Route::Base => Ok(Answer::json(200, &json!({}))),
            Route::AlmostBase => Ok(Answer::new(301).header("Location", "/v2/")),
            Route::Catalog => self.catalog(&target),
            Route::Tags { repository } => self.tags(&target, repository),
            Route::Manifest { repository, reference } => self.manifest(head, repository, reference),
            Route::Blob { repository, digest } => self.blob(head, repository, digest),
            Route::Referrers { repository, digest } => self.list_referrers(&target, repository, digest),
            Route::Uploads => Err(Answer::refusal(404, "BLOB_UPLOAD_UNKNOWN", "nothing is uploaded here")),
            Route::Elsewhere => Err(Answer::refusal(404, "NAME_UNKNOWN", "there is no such place")),
        }
    }

    fn manifest(&self, head: &Head, repository: &str, reference: &str) -> Answered {
        let repository = self.repository(repository)?;
        let by_digest = reference.contains(':');
        let found = if by_digest {
            let digest = digest(reference)?;
            self.holding(&repository, &digest)?.map(|store| (store, digest))
        } else {
            self.tagged(&repository, reference)?
        };
        let unknown = || {
            let message = format!("there is no manifest `{reference}` in this repository");
            Answer::refusal(404, "MANIFEST_UNKNOWN", &message)
        };
        let (store, digest) = found.ok_or_else(unknown)?;
        // A config under a tag, without any manifest, is an image that nobody could ask for.
        let Some(known) = store.documents().get(&digest)? else { return Err(unknown()) };
        let media_type = self.media_type(store, &known)?;
        if !accepts(head, media_type) {
            let message = format!("it is of the type `{media_type}`, which is not accepted");
            return Err(Answer::refusal(404, "MANIFEST_UNKNOWN", &message));
        }
        let blob = store.open_verified(&digest)?.ok_or_else(unknown)?;
        let answer = described(Answer::new(200), &digest, by_digest).header("Content-Type", media_type);
        if is_known(head, &digest) {
            return Ok(Answer { status: 304, ..answer }.body(Body::Absent));
        }
        Ok(answer.body(whole(blob)))
    }

    /// What a tag of a repository points at, and where.
    fn tagged(&self, repository: &Repository, tag: &str) -> Result<Option<(&Store, Digest)>, Answer> {
        let name = ImageName { tag: Some(tag.to_owned()), ..repository.name.clone() };
        for store in &self.stores {
            match store.names().get(&name) {
                Ok(Some(target)) => return Ok(Some((store, manifest_of(store, target.digest)?))),
                // What can be no tag is none.
                Ok(None) | Err(StoreError::UnusableName { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// The first store in which this content belongs to the repository and is there.
    pub(super) fn holding(&self, repository: &Repository, digest: &Digest) -> Result<Option<&Store>, Answer> {
        for (position, store) in self.stores.iter().enumerate() {
            if store.contains(digest)?.is_some() && self.belongs(position, &repository.name, digest)? {
                return Ok(Some(store));
            }
        }
        Ok(None)
    }

    /// The type of an index or a manifest: what is known of it, unless that is nothing or nonsense.
    fn media_type(&self, store: &Store, known: &store::Target) -> Result<&'static str, Answer> {
        use crate::types::manifests::Kind::{DockerList, DockerManifest, OciIndex, OciManifest};
        let kinds = [OciIndex, DockerList, OciManifest, DockerManifest];
        if let Some(kind) = kinds.into_iter().find(|kind| media_type(*kind) == known.media_type) {
            return Ok(media_type(kind));
        }
        let bytes = store.read(&known.digest, DOCUMENT_LIMIT)?.unwrap_or_default();
        match self.sandbox.parse_manifest(&bytes, None)? {
            Ok(Document::Index(index)) => Ok(media_type(index.kind)),
            Ok(Document::Manifest(manifest)) => Ok(media_type(manifest.kind)),
            Err(problem) => Err(Answer::broken(crate::resolve::document(&problem))),
        }
    }

    fn blob(&self, head: &Head, repository: &str, text: &str) -> Answered {
        let repository = self.repository(repository)?;
        let digest = digest(text)?;
        let unknown = || Answer::refusal(404, "BLOB_UNKNOWN", "there is no such blob in this repository");
        let store = self.holding(&repository, &digest)?.ok_or_else(unknown)?;
        let blob = store.open_blob(&digest)?.ok_or_else(unknown)?;
        let (size, wanted) = (blob.size(), store.documents().size_of(&digest)?);
        if wanted.is_some_and(|wanted| wanted != size) {
            return Err(StoreError::Corrupt { digest }.into());
        }
        let answer = |status| {
            described(Answer::new(status), &digest, true)
                .header("Content-Type", "application/octet-stream")
                .header("Accept-Ranges", "bytes")
        };
        if is_known(head, &digest) {
            return Ok(answer(304).body(Body::Absent));
        }
        match ranges::wanted(head, &etag(&digest), size) {
            Wanted::All => Ok(answer(200).body(whole(blob))),
            Wanted::Part { first, length } => {
                let range = format!("bytes {first}-{}/{size}", first + length - 1);
                let part = Body::Part { file: blob.into_file(), first, length };
                Ok(answer(206).header("Content-Range", range).body(part))
            }
            Wanted::Nothing => {
                let refusal = Answer::refusal(416, "UNSUPPORTED", "the range is outside of the blob");
                Err(refusal.header("Content-Range", format!("bytes */{size}")))
            }
        }
    }
}

/// What a name means that points at this: of a config the newest manifest that has all its layers here, as everywhere.
fn manifest_of(store: &Store, digest: Digest) -> Result<Digest, Answer> {
    let documents = store.documents();
    if documents.get(&digest)?.is_some() {
        return Ok(digest);
    }
    for manifest in documents.manifests(&digest)?.into_iter().rev() {
        let mut whole = true;
        for layer in documents.entries(&manifest.digest)? {
            whole &= store.contains(&layer.digest)?.is_some();
        }
        if whole {
            return Ok(manifest.digest);
        }
    }
    Ok(digest)
}

/// A digest as it stands in a target.
pub(super) fn digest(text: &str) -> Result<Digest, Answer> {
    text.parse().map_err(|error| Answer::refusal(400, "DIGEST_INVALID", &format!("{error}")))
}

fn etag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// With what is said of content. What has a digest stays what it is.
fn described(answer: Answer, digest: &Digest, immutable: bool) -> Answer {
    let answer = answer.header("Docker-Content-Digest", digest.to_string()).header("ETag", etag(digest));
    if immutable { answer.header("Cache-Control", "max-age=31536000") } else { answer }
}

fn whole(blob: Blob) -> Body {
    let length = blob.size();
    Body::Part { file: blob.into_file(), first: 0, length }
}

/// Whether the sender has this content (RFC 9110, "If-None-Match").
fn is_known(head: &Head, digest: &Digest) -> bool {
    let etag = etag(digest);
    let mut known = head.elements("if-none-match").map(|tag| tag.strip_prefix("W/").unwrap_or(tag));
    known.any(|tag| tag == "*" || tag == etag)
}

/// Whether the sender takes this type. Who does not say what is taken takes anything.
fn accepts(head: &Head, media_type: &str) -> bool {
    let mut said = false;
    for element in head.elements("accept") {
        said = true;
        let taken = element.split(';').next().unwrap_or_default().trim();
        let any = matches!(taken, "*/*" | "application/*" | "application/json");
        if any || taken.eq_ignore_ascii_case(media_type) {
            return true;
        }
    }
    !said
}
