//! Content written by somebody who is mistaken, or worse.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use consign::content::{Content, ContentError};
use consign::digest::Digest;
use consign::resolve::{ResolveError, resolve};
use consign::sandbox::{Limits, Sandbox};
use consign::types::resolution::{Options, ResolveError as Refusal, Resolved, Subject};
use consign::types::{self, Descriptor, ImageName, Rules};
use serde_json::json;

use crate::{OnFind, platform, works};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Answers the same to every question of a kind.
#[derive(Default)]
struct Answers {
    found: Option<Descriptor>,
    several: Vec<Descriptor>,
    /// By digest.
    bytes: BTreeMap<String, Vec<u8>>,
    /// To every read that `bytes` does not answer.
    other_bytes: Option<Vec<u8>>,
    asked: AtomicUsize,
}

impl Answers {
    fn put(&mut self, media_type: &str, bytes: Vec<u8>) -> Descriptor {
        let descriptor = descriptor(media_type, &Digest::of(&bytes).to_string(), bytes.len() as u64);
        self.bytes.insert(descriptor.digest.clone(), bytes);
        descriptor
    }

    fn index(&mut self, entries: &[Descriptor]) -> Descriptor {
        let entry = |entry: &Descriptor| json!({"mediaType": entry.media_type, "digest": entry.digest, "size": entry.size});
        let entries: Vec<_> = entries.iter().map(entry).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
        self.put(INDEX, index.to_string().into_bytes())
    }

    fn image(&mut self) -> Descriptor {
        let config =
            json!({"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}});
        let config = self.put(CONFIG, config.to_string().into_bytes());
        let config = json!({"mediaType": CONFIG, "digest": config.digest, "size": config.size});
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []});
        self.put(MANIFEST, manifest.to_string().into_bytes())
    }
}

impl Content for Answers {
    fn find(&self, _: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(self.found.clone())
    }

    fn search(&self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.several.clone())
    }

    fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(self.bytes.get(&target.digest).or(self.other_bytes.as_ref()).cloned())
    }

    fn indexes(&self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.several.clone())
    }

    fn manifests(&self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.several.clone())
    }
}

fn descriptor(media_type: &str, digest: &str, size: u64) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: digest.into(),
        size,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

/// Resolves the name `x` for linux/arm64, within a second, on a sandbox that works afterwards.
#[track_caller]
fn ask(content: Answers, text: &str) -> Result<Resolved, ResolveError> {
    let sandbox = Sandbox::new(Limits::default()).unwrap();
    let options =
        Options { platform: Some(platform("amd64")), host: platform("amd64"), rules: Rules::Docker };
    let start = Instant::now();
    let answer = resolve(&sandbox, Arc::new(content), &Subject::Text(text.into()), &options);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    works(&sandbox);
    answer.map(|resolution| resolution.image)
}

#[track_caller]
fn refused(content: Answers) -> Refusal {
    match ask(content, "x").unwrap_err() {
        ResolveError::Refused(refusal, _) => *refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_that_are_others_never_reach_the_guest() {
    let mut content = Answers::default();
    let image = content.image();
    let whole = content.bytes[&image.digest].clone();
    let mut changed = whole.clone();
    changed[10] ^= 1;
    for bytes in [changed, Vec::new(), whole[1..].to_vec(), [&whole[..], b" "].concat(), b"{}".to_vec()] {
        let mut content = Answers { found: Some(image.clone()), ..Answers::default() };
        content.image();
        content.bytes.insert(image.digest.clone(), bytes);
        let refusal = refused(content);
        assert!(
            matches!(&refusal, Refusal::Content(types::ContentError::Corrupt(digest)) if *digest == image.digest),
            "{refusal:?}"
        );
    }
    let mut whole = Answers::default();
    whole.found = Some(whole.image());
    assert!(ask(whole, "x").is_ok());
}

#[test]
fn a_document_of_another_kind_is_named() {
    for (media_type, bytes) in [
        (INDEX, &br#"{"schemaVersion":2,"config":{},"layers":[]}"#[..]),
        (MANIFEST, br#"{"schemaVersion":2,"manifests":[]}"#),
        (MANIFEST, b"\x1f\x8b\x08 not JSON at all"),
        (MANIFEST, b""),
        (CONFIG, b"[]"),
    ] {
        let mut content = Answers::default();
        let document = content.put(media_type, bytes.to_vec());
        content.found = Some(document.clone());
        let refusal = refused(content);
        assert!(
            matches!(&refusal, Refusal::Document((target, _)) if target.digest == document.digest),
            "{media_type}: {refusal:?}"
        );
    }
    let mut content = Answers::default();
    let document = content.put("text/html", b"<html>".to_vec());
    content.found = Some(document);
    let refusal = refused(content);
    assert!(matches!(refusal, Refusal::NotAnImage(_)), "{refusal:?}");
}

#[test]
fn descriptors_that_cannot_be_are_refused_before_anything_is_read() {
    for (digest, size) in [
        (format!("sha256:{}", "a".repeat(64)), u64::MAX),
        (format!("sha256:{}", "a".repeat(64)), (4 << 20) + 1),
        ("../../../etc/passwd".to_owned(), 10),
        (String::new(), 0),
        ("sha256:".repeat(100_000), 10),
    ] {
        let content = Answers {
            found: Some(descriptor(MANIFEST, &digest, size)),
            other_bytes: Some(vec![b' '; 10]),
            ..Answers::default()
        };
        let refusal = refused(content);
        assert!(
            matches!(
                refusal,
                Refusal::Content(types::ContentError::TooLarge(_) | types::ContentError::Corrupt(_))
            ),
            "{refusal:?}"
        );
    }
}

#[test]
fn indexes_in_indexes_end() {
    let mut content = Answers::default();
    let mut next = content.image();
    for _ in 0..50 {
        next = content.index(&[next]);
    }
    content.found = Some(next);
    let refusal = refused(content);
    assert!(matches!(&refusal, Refusal::Limit((what, 8)) if what.contains("indexes")), "{refusal:?}");
}

#[test]
fn lists_without_end_are_cut() {
    let mut content = Answers::default();
    let image = content.image();
    let candidate = |number: u64| descriptor(CONFIG, &format!("sha256:{number:064x}"), 10);
    content.several = (0..300_000).map(candidate).collect();
    content.several.push(image);
    match ask(content, "abc").unwrap_err() {
        ResolveError::Refused(refusal, _) => match *refusal {
            Refusal::Ambiguous(candidates) => assert!(candidates.len() <= 16, "{}", candidates.len()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn however_many_indexes_may_hold_an_image_only_so_many_are_read() {
    // An image for another platform than was asked for, and indexes that say nothing about it.
    let mut content = Answers::default();
    let manifest = content.image();
    let wrong: Vec<Descriptor> = (0..1000u32)
        .map(|number| {
            let absent = descriptor(MANIFEST, &Digest::of(&number.to_le_bytes()).to_string(), 10);
            content.index(&[absent])
        })
        .collect();
    content.several = wrong;
    content.found = Some(manifest);
    let sandbox = Sandbox::new(Limits::default()).unwrap();
    let options =
        Options { platform: Some(platform("s390x")), host: platform("amd64"), rules: Rules::Docker };
    let content = Arc::new(content);
    let answer = resolve(&sandbox, content.clone(), &Subject::Text("x".into()), &options).unwrap_err();
    assert!(
        matches!(&answer, ResolveError::Refused(refusal, _) if matches!(**refusal, Refusal::Platform(_))),
        "{answer:?}"
    );
    let asked = content.asked.load(Ordering::Relaxed);
    assert!(asked <= 256, "{asked}");
}

#[test]
fn content_that_panics_takes_its_own_call_with_it_and_no_other() {
    let sandbox = Sandbox::new(Limits::default()).unwrap();
    let options = Options { platform: None, host: platform("amd64"), rules: Rules::Docker };
    for _ in 0..2 {
        let subject = Subject::Text("x".into());
        let panics = Arc::new(OnFind(|| panic!("on purpose")));
        let call = AssertUnwindSafe(|| resolve(&sandbox, panics, &subject, &options));
        assert!(catch_unwind(call).is_err());
        works(&sandbox);
    }
}

#[test]
fn content_that_cannot_be_had_is_its_own_error() {
    let sandbox = Sandbox::new(Limits::default()).unwrap();
    let options = Options { platform: None, host: platform("amd64"), rules: Rules::Docker };
    let unavailable = OnFind(|| Err(ContentError::Unavailable { reason: "the cable is out".into() }));
    let error = resolve(&sandbox, Arc::new(unavailable), &Subject::Text("x".into()), &options).unwrap_err();
    assert!(!error.is_no());
    assert_eq!(error.to_string(), "the cable is out");
}
