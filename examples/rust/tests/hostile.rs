//! Hostile input through the embedded component, under limits set here: an error in bounded time, and the next
//! call works.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "support/components.rs"]
mod components;

use std::fmt::Write;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use embed::content::Host;
use embed::manifests::{Document, ManifestError, ManifestProblem};
use embed::references::{Reading, Reference};
use embed::resolution::{Options, ResolveError, Subject};
use embed::types::{ContentError, Descriptor, ImageName, Platform, Rules};
use embed::{Component, Fault, Images, Instance, Limits};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An instance under these limits.
fn instance(limits: Limits) -> Instance {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    let bytes = BYTES.get_or_init(|| components::component("resolver"));
    Component::new(bytes, limits).unwrap().instance()
}

/// The instance answers, whatever came before.
#[track_caller]
fn works(instance: &mut Instance) {
    let parsed = instance.call(Images::default(), |resolver, store| {
        let references = resolver.consign_image_references();
        references.call_parse(store, "debian:12", Reading::Normalized, Rules::Docker)
    });
    let Ok(Ok(Reference::Named(name))) = parsed else { panic!("{parsed:?}") };
    assert_eq!(name.path, "library/debian");
}

/// Runs `call` within five seconds, which is many times what it takes, then a harmless one.
#[track_caller]
fn bounded<R>(what: &str, instance: &mut Instance, call: impl FnOnce(&mut Instance) -> R) -> R {
    let start = Instant::now();
    let answer = call(instance);
    let took = start.elapsed();
    println!("{what}: {took:?}");
    assert!(took < Duration::from_secs(5), "{what}: {took:?}");
    works(instance);
    answer
}

fn parse(instance: &mut Instance, document: &[u8]) -> Result<Result<Document, ManifestError>, Fault> {
    instance.call(Images::default(), |resolver, store| {
        resolver.consign_image_manifests().call_parse(store, document, Some(INDEX))
    })
}

fn sort(instance: &mut Instance, names: &[String]) -> Result<Vec<String>, Fault> {
    instance.call(Images::default(), |resolver, store| {
        resolver.consign_image_references().call_sort(store, names)
    })
}

/// An index of almost 4 MiB, with almost as many entries as an index may have.
fn large_index() -> Vec<u8> {
    let mut text = format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":["#);
    for number in 0..9_999 {
        let comma = if number == 0 { "" } else { "," };
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let key = "k".repeat(150);
        write!(
            text,
            r#"{comma}{{"mediaType":"{media_type}","digest":"sha256:{number:064x}","size":1,"annotations":{{"{key}":""}}}}"#
        )
        .unwrap();
    }
    text.push_str("]}");
    assert!(text.len() > 3 << 20 && text.len() < 4 << 20, "{}", text.len());
    text.into_bytes()
}

#[test]
fn work_without_end_is_out_of_fuel() {
    let names: Vec<String> =
        (0..200_000).map(|number| format!("example.com/{:x}:1", number * 7919)).collect();
    let mut instance = instance(Limits { memory: 256 << 20, fuel: 1_000_000 });
    for _ in 0..3 {
        let fault = bounded("a loop", &mut instance, |instance| sort(instance, &names)).unwrap_err();
        assert!(matches!(fault, Fault::OutOfFuel(1_000_000)), "{fault:?}");
    }
    let index = large_index();
    let fault = bounded("a large index", &mut instance, |instance| parse(instance, &index)).unwrap_err();
    assert!(matches!(fault, Fault::OutOfFuel(1_000_000)), "{fault:?}");
}

#[test]
fn growing_without_end_is_out_of_memory() {
    let index = large_index();
    let mut small = instance(Limits { memory: 6 << 20, ..Limits::default() });
    for _ in 0..3 {
        let fault = bounded("memory", &mut small, |instance| parse(instance, &index)).unwrap_err();
        assert!(matches!(fault, Fault::OutOfMemory(0x60_0000)), "{fault:?}");
    }
    // A text that does not even fit is no different.
    let text = vec!["a".repeat(8 << 20)];
    let fault = bounded("a long text", &mut small, |instance| sort(instance, &text)).unwrap_err();
    assert!(matches!(fault, Fault::OutOfMemory(_)), "{fault:?}");
    // Under the default limits it is an index like any other.
    let mut large = instance(Limits::default());
    let parsed = bounded("the same index", &mut large, |instance| parse(instance, &index)).unwrap();
    assert!(matches!(parsed, Ok(Document::Index(index)) if index.entries.len() == 9_999));
}

#[test]
fn deep_documents_are_refused() {
    let mut instance = instance(Limits::default());
    for (open, close) in [("[", "]"), (r#"{"manifests":["#, "]}")] {
        let depth = (4 << 20) / (open.len() + close.len());
        let within = open.repeat(depth) + &close.repeat(depth);
        let unclosed = open.repeat(depth);
        for inner in [within, unclosed] {
            let whole = format!(r#"{{"schemaVersion":2,"x":{inner}}}"#);
            let document = &whole.as_bytes()[..whole.len().min(4 << 20)];
            let answer = bounded("a deep document", &mut instance, |instance| parse(instance, document));
            let error = answer.unwrap().unwrap_err();
            assert!(matches!(&error.problem, ManifestProblem::TooLarge((_, 128, _))), "{error:?}");
        }
    }
}

/// Content in which every index leads to another one, for ever.
struct Endless(u64);

impl Endless {
    fn next(&mut self) -> Descriptor {
        self.0 += 1;
        Descriptor {
            media_type: INDEX.to_owned(),
            digest: format!("sha256:{:064x}", self.0),
            size: 1000,
            platform: None,
            annotations: Vec::new(),
            artifact_type: None,
        }
    }
}

impl Host for Endless {
    fn find(&mut self, _: ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(Some(self.next()))
    }

    fn search(&mut self, _: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok((0..100_000).map(|_| self.next()).collect())
    }

    fn read(&mut self, _: Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        let entries: Vec<String> = (0..100)
            .map(|_| self.next())
            .map(|next| format!(r#"{{"mediaType":"{INDEX}","digest":"{}","size":1000}}"#, next.digest))
            .collect();
        let index =
            format!(r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[{}]}}"#, entries.join(","));
        Ok(Some(index.into_bytes()))
    }

    fn indexes(&mut self, _: String) -> Result<Vec<Descriptor>, ContentError> {
        self.search(String::new())
    }

    fn manifests(&mut self, _: String) -> Result<Vec<Descriptor>, ContentError> {
        self.search(String::new())
    }
}

#[test]
fn content_without_end_ends() {
    let mut instance = instance(Limits::default());
    let linux = Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    };
    let options = Options { platform: Some(linux.clone()), host: linux, rules: Rules::Docker };
    let mut resolve = |text: &str| {
        let subject = Subject::Text(text.to_owned());
        let resolved =
            bounded(text, &mut instance, |instance| instance.resolve(Endless(0), &subject, &options));
        resolved.map(|(answer, _)| answer.unwrap_err())
    };
    let refusal = resolve("example.com/indexes").unwrap();
    assert!(matches!(refusal, ResolveError::Limit(_)), "{refusal:?}");
}
