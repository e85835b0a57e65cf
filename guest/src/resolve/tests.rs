use std::collections::BTreeMap;

use super::machine::{Machine, World, drive};
use super::*;
use crate::digest;
use crate::types::{ContentError, Rules};
use crate::wit::exports::consign::image::digests::Algorithm;
use crate::wit::exports::consign::image::resolution::{Answer, Explanation, Verdict};
use crate::wit::exports::consign::image::selection::Reason;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Content in memory.
#[derive(Default)]
struct Memory {
    names: BTreeMap<String, Descriptor>,
    blobs: BTreeMap<String, Vec<u8>>,
    images: Vec<Descriptor>,
    indexes: Vec<Descriptor>,
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.into(),
        digest: digest::compute(Algorithm::Sha256, bytes),
        size: bytes.len() as u64,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

fn platform(text: &str) -> Platform {
    let mut parts = text.split('/').map(str::to_owned);
    Platform {
        os: parts.next().unwrap_or_default(),
        architecture: parts.next().unwrap_or_default(),
        variant: parts.next(),
        os_version: None,
        os_features: Vec::new(),
    }
}

fn options(wanted: Option<&str>) -> Options {
    Options { platform: wanted.map(platform), host: platform("linux/amd64"), rules: Rules::Docker }
}

impl Memory {
    fn put(&mut self, media_type: &str, text: String) -> Descriptor {
        let descriptor = descriptor(media_type, text.as_bytes());
        self.blobs.insert(descriptor.digest.clone(), text.into_bytes());
        descriptor
    }

    /// An image without layers whose config says this platform.
    fn image(&mut self, stated: &str) -> Descriptor {
        let stated = platform(stated);
        let variant = stated.variant.map(|variant| format!(r#","variant":"{variant}""#)).unwrap_or_default();
        let config = self.put(
            CONFIG,
            format!(
                r#"{{"os":"{}","architecture":"{}"{variant},"rootfs":{{"type":"layers","diff_ids":[]}}}}"#,
                stated.os, stated.architecture
            ),
        );
        self.images.push(config.clone());
        self.put(
            MANIFEST,
            format!(
                r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{{"mediaType":"{CONFIG}","digest":"{}","size":{}}},"layers":[]}}"#,
                config.digest, config.size
            ),
        )
    }

    fn index(&mut self, entries: &[(&Descriptor, Option<&str>)]) -> Descriptor {
        let entries: Vec<String> = entries
            .iter()
            .map(|(entry, stated)| {
                let stated = stated.map(platform).map(|stated| {
                    let variant = stated.variant.map(|v| format!(r#","variant":"{v}""#)).unwrap_or_default();
                    format!(
                        r#","platform":{{"os":"{}","architecture":"{}"{variant}}}"#,
                        stated.os, stated.architecture
                    )
                });
                format!(
                    r#"{{"mediaType":"{}","digest":"{}","size":{}{}}}"#,
                    entry.media_type,
                    entry.digest,
                    entry.size,
                    stated.unwrap_or_default()
                )
            })
            .collect();
        self.put(
            INDEX,
            format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#, entries.join(",")),
        )
    }

    fn name(&mut self, name: &str, target: &Descriptor) {
        self.names.insert(name.into(), target.clone());
    }

    fn resolve(&mut self, text: &str, wanted: Option<&str>) -> Result<Resolved, ResolveError> {
        self.explained(text, wanted).0
    }

    fn explained(
        &mut self,
        text: &str,
        wanted: Option<&str>,
    ) -> (Result<Resolved, ResolveError>, Explanation) {
        let (subject, options) = (Subject::Text(text.into()), options(wanted));
        let mut machine = Machine::start(|ask| resolve(ask, subject, options));
        drive(self, &mut machine);
        let explanation = machine.explain();
        (machine.finish(), explanation)
    }
}

impl World for Memory {
    fn find(&mut self, name: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(self.names.get(&name::format(&Reference::Named(name.clone()))).cloned())
    }

    fn search(&mut self, prefix: &str) -> Result<Vec<Descriptor>, ContentError> {
        let fits = |image: &&Descriptor| {
            image.digest.starts_with(prefix) || encoded(&image.digest).starts_with(prefix)
        };
        Ok(self.images.iter().filter(fits).cloned().collect())
    }

    fn read(&mut self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        Ok(self.blobs.get(&target.digest).cloned())
    }

    fn indexes(&mut self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.indexes.clone())
    }

    fn manifests(&mut self, _: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(Vec::new())
    }
}

const NAME: &str = "docker.io/library/x:latest";

#[test]
fn the_best_variant_of_an_index_wins_and_the_others_say_why_not() {
    let mut memory = Memory::default();
    let [v5, v6, v7] = ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"].map(|stated| memory.image(stated));
    let index = memory.index(&[
        (&v5, Some("linux/arm/v5")),
        (&v6, Some("linux/arm/v6")),
        (&v7, Some("linux/arm/v7")),
    ]);
    memory.name(NAME, &index);
    let (resolved, explanation) = memory.explained("x", Some("linux/arm/v6"));
    assert_eq!(resolved.unwrap().manifest.unwrap().digest, v6.digest);
    let verdicts: Vec<Verdict> = explanation.considered.into_iter().map(|entry| entry.verdict).collect();
    assert_eq!(
        verdicts,
        [
            Verdict::PassedOver(Reason::Outranked(1)),
            Verdict::Chosen,
            Verdict::PassedOver(Reason::OtherVariant(Some("v7".into()))),
        ]
    );
}

#[test]
fn an_image_in_a_nested_index_is_found_and_both_indexes_are_named() {
    let mut memory = Memory::default();
    let image = memory.image("linux/arm64");
    let other = memory.image("linux/s390x");
    let nested = memory.index(&[(&image, Some("linux/arm64"))]);
    let index = memory.index(&[(&other, Some("linux/s390x")), (&nested, None)]);
    memory.name(NAME, &index);
    let (resolved, Explanation { considered, .. }) = memory.explained("x", Some("linux/arm64"));
    let resolved = resolved.unwrap();
    let indexes: Vec<&str> = resolved.indexes.iter().map(|index| index.digest.as_str()).collect();
    assert_eq!(indexes, [index.digest.as_str(), nested.digest.as_str()]);
    assert_eq!(considered[1].verdict, Verdict::Chosen);
    assert_eq!((considered[2].depth, &considered[2].verdict), (1, &Verdict::Chosen));
}

#[test]
fn an_entry_without_a_platform_is_judged_by_its_config() {
    let mut memory = Memory::default();
    let image = memory.image("linux/s390x");
    let index = memory.index(&[(&image, None)]);
    memory.name(NAME, &index);
    assert!(memory.resolve("x", Some("linux/s390x")).is_ok());
    let (outcome, explanation) = memory.explained("x", Some("linux/amd64"));
    assert!(matches!(outcome, Err(ResolveError::Platform(_))), "{outcome:?}");
    assert_eq!(explanation.considered[0].verdict, Verdict::ConfigDisagrees(platform("linux/s390x")));
}

#[test]
fn an_image_that_fits_and_is_not_here_is_named() {
    let mut memory = Memory::default();
    let absent = descriptor(MANIFEST, b"elsewhere");
    let index = memory.index(&[(&absent, Some("linux/amd64"))]);
    memory.name(NAME, &index);
    let (outcome, explanation) = memory.explained("x", None);
    let Err(ResolveError::Incomplete(target)) = outcome else { panic!("what is not here was found") };
    assert_eq!(target.digest, absent.digest);
    assert_eq!(explanation.considered[0].verdict, Verdict::Absent);
    assert_eq!(explanation.steps.len(), 1);
}

#[test]
fn a_name_whose_content_is_gone_does_not_hide_an_id() {
    let mut memory = Memory::default();
    memory.image("linux/amd64");
    let id = memory.images[0].digest.clone();
    let prefix = &encoded(&id)[..12];
    memory.name(&format!("docker.io/library/{prefix}:latest"), &descriptor(CONFIG, b"gone"));
    let (resolved, explanation) = memory.explained(prefix, None);
    assert_eq!(resolved.unwrap().matched, Matched::Prefix(id));
    assert!(explanation.steps.iter().any(|step| matches!(step, Step::Dangling(_))));
}

#[test]
fn a_tag_that_looks_like_an_id_wins() {
    let mut memory = Memory::default();
    memory.image("linux/amd64");
    let named = memory.image("linux/s390x");
    let prefix = encoded(&memory.images[0].digest)[..12].to_owned();
    memory.name(&format!("docker.io/library/{prefix}:latest"), &named);
    assert_eq!(memory.resolve(&prefix, None).unwrap().manifest.unwrap().digest, named.digest);
}

#[test]
fn a_prefix_of_several_ids_lists_them() {
    let mut memory = Memory::default();
    for stated in ["linux/amd64", "linux/arm64", "linux/s390x", "linux/386", "linux/ppc64le"] {
        for variant in 0..8 {
            memory.image(&format!("{stated}/w{variant}"));
        }
    }
    // 40 IDs have 16 first digits between them.
    let by_digit =
        |digit: char| memory.images.iter().filter(|image| encoded(&image.digest).starts_with(digit)).count();
    let digit = "0123456789abcdef".chars().find(|digit| by_digit(*digit) > 1).unwrap();
    let wanted = by_digit(digit);
    let Err(ResolveError::Ambiguous(candidates)) = memory.resolve(&digit.to_string(), None) else {
        panic!("one of several was taken")
    };
    assert_eq!(candidates.len(), wanted);
}

#[test]
fn a_config_that_is_wrong_is_overruled_by_a_stored_index() {
    let mut memory = Memory::default();
    let image = memory.image("linux/amd64");
    let index = memory.index(&[(&descriptor(MANIFEST, b"other"), None), (&image, Some("linux/arm64"))]);
    memory.name(NAME, &image);
    assert!(matches!(memory.resolve("x", Some("linux/arm64")), Err(ResolveError::Platform(_))));
    memory.indexes.push(index.clone());
    let (resolved, explanation) = memory.explained("x", Some("linux/arm64"));
    assert!(resolved.is_ok());
    assert!(explanation.steps.contains(&Step::Vouched(index)));
}

#[test]
fn an_index_that_holds_itself_ends() {
    // A digest cannot be known before the content; a host that does not check can still be lied to.
    let mut memory = Memory::default();
    let own = Descriptor { size: 300, ..descriptor(INDEX, b"itself") };
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{INDEX}","digest":"{}","size":300}}]}}"#,
        own.digest
    );
    memory.blobs.insert(own.digest.clone(), text.into_bytes());
    memory.name(NAME, &own);
    assert!(matches!(memory.resolve("x", None), Err(ResolveError::Limit(_))));
}

#[test]
fn an_answer_of_the_wrong_kind_is_absence_and_an_unasked_one_is_ignored() {
    let (subject, options) = (Subject::Text("x".into()), options(None));
    let mut machine = Machine::start(|ask| resolve(ask, subject, options));
    assert!(matches!(machine.next(), Request::Find(_)));
    machine.supply(Answer::Content(None));
    assert_eq!(machine.next(), Request::Done);
    machine.supply(Answer::Found(None));
    assert_eq!(machine.finish(), Err(ResolveError::NotFound(NAME.into())));
}

#[test]
fn a_world_that_fails_fails_the_resolution() {
    let (subject, options) = (Subject::Text("x".into()), options(None));
    let mut machine = Machine::start(|ask| resolve(ask, subject, options));
    machine.supply(Answer::Failed(ContentError::Unavailable("gone".into())));
    assert_eq!(machine.finish(), Err(ResolveError::Content(ContentError::Unavailable("gone".into()))));
}
