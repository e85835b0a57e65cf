//! What refers to a manifest (distribution-spec, "Listing Referrers"): manifests of the store that have it as their
//! `subject`. The catalogue does not know subjects, so each document is read once and its subject is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::answer::{Answer, Body};
use super::names::linked;
use super::registry::{Answered, Registry, digest};
use super::route::Target;
use crate::digest::Digest;
use crate::document::{empty_index, media_type, referring};
use crate::registry::encoded;
use crate::sandbox::Sandbox;
use crate::save::document::index_bytes;
use crate::source::DOCUMENT_LIMIT;
use crate::store::Store;
use crate::types::manifests::{Document, Kind};
use crate::types::{Descriptor, ImageName};

/// Documents that are asked for at a time.
const BATCH: usize = 256;
/// Bytes of a page, about.
const PAGE: usize = 2 << 20;
/// How far from referrer to referrer it is looked for a manifest that has a name.
const STEPS: usize = 4;

/// The subjects of what is in each store.
pub(super) struct Referrers(Vec<Mutex<Known>>);

#[derive(Default)]
struct Known {
    /// The catalogue's version when its documents were listed last.
    version: Option<i64>,
    /// Number and digest of the newest document then.
    newest: Option<(u64, Digest)>,
    subjects: BTreeMap<Digest, Digest>,
    referrers: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl Known {
    /// Reads the documents that have come since.
    fn catch_up(&mut self, store: &Store, sandbox: &Sandbox) -> Result<(), Answer> {
        let version = store.events().version()?;
        if self.version == Some(version) {
            return Ok(());
        }
        // Where the newest is gone another may have its number, and be new.
        if let Some((number, digest)) = &self.newest
            && store.documents().numbered(*number)?.as_ref() != Some(digest)
        {
            *self = Known::default();
        }
        loop {
            let after = self.newest.as_ref().map_or(0, |(number, _)| *number);
            let documents = store.documents().after(after, BATCH)?;
            if documents.is_empty() {
                self.version = Some(version);
                return Ok(());
            }
            for (number, target) in documents {
                if let Some((_, Some(subject))) = read(store, sandbox, &target.digest)? {
                    self.referrers.entry(subject.clone()).or_default().insert(target.digest.clone());
                    self.subjects.insert(target.digest.clone(), subject);
                }
                self.newest = Some((number, target.digest));
            }
        }
    }
}

/// A document as its descriptor has it, and its subject. `None`: it cannot be read, which is for others to tell.
fn read(
    store: &Store,
    sandbox: &Sandbox,
    digest: &Digest,
) -> Result<Option<(Descriptor, Option<Digest>)>, Answer> {
    let Some(bytes) = store.read(digest, DOCUMENT_LIMIT).ok().flatten() else { return Ok(None) };
    let Ok(document) = sandbox.parse_manifest(&bytes, None)? else { return Ok(None) };
    let kind = match &document {
        Document::Manifest(manifest) => manifest.kind,
        Document::Index(index) => index.kind,
    };
    let (descriptor, subject) = referring(document, media_type(kind), digest, bytes.len() as u64);
    Ok(Some((descriptor, subject.and_then(|subject| subject.digest.parse().ok()))))
}

impl Referrers {
    pub(super) fn new(stores: usize) -> Referrers {
        Referrers((0..stores).map(|_| Mutex::default()).collect())
    }
}

impl Registry {
    /// Asks what is known of one of the stores, after it was brought up to date.
    fn known<T>(&self, store: usize, ask: impl FnOnce(&Known) -> T) -> Result<Option<T>, Answer> {
        let (Some(known), Some(store)) = (self.referrers.0.get(store), self.stores.get(store)) else {
            return Ok(None);
        };
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        known.catch_up(store, &self.sandbox)?;
        Ok(Some(ask(&known)))
    }

    /// Whether content of one of the stores belongs to a repository: a name leads to it, or to what it refers to.
    pub(super) fn belongs(
        &self,
        position: usize,
        repository: &ImageName,
        digest: &Digest,
    ) -> Result<bool, Answer> {
        let Some(store) = self.stores.get(position) else { return Ok(false) };
        let mut next = BTreeSet::from([digest.clone()]);
        for _ in 0..STEPS {
            let mut documents = BTreeSet::new();
            for digest in &next {
                if store.names().lead_to(repository, digest)? {
                    return Ok(true);
                }
                documents.extend(store.documents().above(digest)?);
            }
            let subjects = |known: &Known| {
                documents.iter().filter_map(|digest| known.subjects.get(digest).cloned()).collect()
            };
            next = self.known(position, subjects)?.unwrap_or_default();
            if next.is_empty() {
                break;
            }
        }
        Ok(false)
    }

    /// What refers to a manifest of a repository, by digest.
    pub(super) fn list_referrers(&self, target: &Target, path: &str, text: &str) -> Answered {
        let repository = self.repository(path)?;
        let subject = digest(text)?;
        let after = target.parameter("last").map(digest).transpose()?;
        let wanted = target.parameter("artifactType").filter(|wanted| !wanted.is_empty());
        // By digest, with the store that each is in.
        let mut found = BTreeMap::new();
        for position in 0..self.stores.len() {
            if self.belongs(position, &repository.name, &subject)? {
                let referrers = self.known(position, |known| known.referrers.get(&subject).cloned())?;
                for digest in referrers.flatten().into_iter().flatten() {
                    found.entry(digest).or_insert(position);
                }
            }
        }
        found.retain(|digest, _| after.as_ref().is_none_or(|after| digest > after));
        let (mut entries, mut bytes, mut more) = (Vec::new(), 0, false);
        for (digest, position) in found {
            let Some(store) = self.stores.get(position) else { continue };
            // It may have been removed.
            if store.documents().get(&digest)?.is_none() {
                continue;
            }
            let Some((mut entry, _)) = read(store, &self.sandbox, &digest)? else { continue };
            if wanted.is_some_and(|wanted| entry.artifact_type.as_deref() != Some(wanted)) {
                continue;
            }
            let mut size = 512;
            size += entry.annotations.iter().map(|(key, value)| key.len() + value.len() + 16).sum::<usize>();
            if size > PAGE {
                // No page could have it otherwise; who needs them asks for the manifest.
                entry.annotations.clear();
                size = 512;
            }
            more = bytes + size > PAGE;
            if more {
                break;
            }
            bytes += size;
            entries.push(entry);
        }
        let last = entries.last().filter(|_| more).map(|entry| entry.digest.clone());
        let link = last.map(|last| {
            let filter = wanted.map(|wanted| format!("artifactType={}&", encoded(wanted)));
            format!("/v2/{path}/referrers/{subject}?{}last={last}", filter.unwrap_or_default())
        });
        let answer = Answer::new(200).header("Content-Type", media_type(Kind::OciIndex));
        let answer = match wanted {
            Some(_) => answer.header("OCI-Filters-Applied", "artifactType"),
            None => answer,
        };
        Ok(linked(answer.body(Body::Bytes(index_bytes(&empty_index(Kind::OciIndex), &entries))), link))
    }
}
