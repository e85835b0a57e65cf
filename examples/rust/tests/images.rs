//! Content held in memory: what is found in it, and what it refuses.
#![allow(clippy::unwrap_used)]

#[path = "support/components.rs"]
mod components;

use std::sync::OnceLock;

use embed::resolution::{Matched, Options, Resolved, Subject, Verdict};
use embed::selection::Reason;
use embed::types::{Platform, Rules};
use embed::{Component, Images, Instance, Limits};

const ARCHIVE: &[u8] = include_bytes!("../../../tests/fixtures/attested.oci.tar");
const NAME: &str = "example.com/attested:1";

fn instance() -> Instance {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    let compile = || Component::new(&components::component("resolver"), Limits::default()).unwrap();
    COMPONENT.get_or_init(compile).instance()
}

fn options(architecture: &str, variant: Option<&str>) -> Options {
    let platform = Platform {
        os: "linux".to_owned(),
        architecture: architecture.to_owned(),
        variant: variant.map(str::to_owned),
        os_version: None,
        os_features: Vec::new(),
    };
    Options { platform: Some(platform.clone()), host: platform, rules: Rules::Docker }
}

fn resolve(images: &Images, text: &str, options: &Options) -> Resolved {
    let subject = Subject::Text(text.to_owned());
    instance().resolve(images.clone(), &subject, options).unwrap().0.unwrap()
}

#[test]
fn an_image_is_found_by_name_digest_id_and_the_beginning_of_one() {
    let images = Images::read(ARCHIVE, &mut instance()).unwrap();
    let options = options("arm", Some("v6"));
    let by_name = resolve(&images, NAME, &options);
    assert_eq!(by_name.platform.variant.as_deref(), Some("v6"));
    let id = &by_name.config.digest;
    for (text, matched) in [
        (id.clone(), Matched::Digest(id.clone())),
        (id["sha256:".len()..].to_owned(), Matched::Digest(id.clone())),
        (id["sha256:".len()..][..12].to_owned(), Matched::Prefix(id.clone())),
    ] {
        let found = resolve(&images, &text, &options);
        assert_eq!((&found.config.digest, &found.matched), (id, &matched), "{text}");
    }
    // The digests of the index and of the manifest, which are no image's ID.
    let manifest = by_name.manifest.as_ref().unwrap();
    for target in [&by_name.target, manifest] {
        assert_eq!(resolve(&images, &target.digest, &options).config.digest, *id);
    }
    let under_repository = format!("example.com/attested@{}", by_name.target.digest);
    assert_eq!(resolve(&images, &under_repository, &options).config.digest, *id);
}

#[test]
fn every_entry_has_its_reason() {
    let images = Images::read(ARCHIVE, &mut instance()).unwrap();
    let subject = Subject::Text(NAME.to_owned());
    let resolved = instance().resolve(images, &subject, &options("arm", Some("v6")));
    let (_, explanation) = resolved.unwrap();
    let verdicts: Vec<&Verdict> = explanation.considered.iter().map(|entry| &entry.verdict).collect();
    assert_eq!(verdicts.len(), 16);
    assert_eq!(verdicts[0], &Verdict::PassedOver(Reason::OtherArchitecture("amd64".to_owned())));
    assert_eq!(verdicts[1], &Verdict::PassedOver(Reason::Outranked(2)));
    assert_eq!(verdicts[2], &Verdict::Chosen);
    assert_eq!(verdicts[3], &Verdict::PassedOver(Reason::OtherVariant(Some("v7".to_owned()))));
    assert!(verdicts[8..].iter().all(|verdict| **verdict == Verdict::PassedOver(Reason::Attestation)));
}

#[test]
fn what_lies_or_is_no_archive_is_refused() {
    let read = |bytes: &[u8]| Images::read(bytes, &mut instance()).map(drop).unwrap_err().to_string();
    // One letter of a config is another: its digest is another too.
    let mut changed = ARCHIVE.to_vec();
    let text = b"\"architecture\":\"s390x\"";
    let at = changed.windows(text.len()).position(|window| window == text).unwrap();
    changed[at + 2] ^= 1;
    let error = read(&changed);
    assert!(error.starts_with("wanted content with digest `"), "{error}");
    // It ends within that config.
    let error = read(&ARCHIVE[..at]);
    assert!(error.starts_with("wanted content with digest `"), "{error}");
    for bytes in [&b""[..], b"not an archive", &[0; 4096]] {
        assert!(!read(bytes).is_empty());
    }
}
