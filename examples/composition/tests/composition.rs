//! The composed components: what they import, and that they answer.
#![allow(clippy::unwrap_used)]

#[path = "../../rust/tests/support/components.rs"]
mod components;

use std::sync::OnceLock;

use composition::{IMAGES, NORMALISE, Normaliser, compose, interface};
use embed::resolution::{Matched, Options, ResolveError, Resolved, Subject};
use embed::types::{Platform, Rules};
use embed::{Component, Fault, Images, Limits};

/// The resolver with its images.
fn resolver() -> &'static [u8] {
    static COMPOSED: OnceLock<Vec<u8>> = OnceLock::new();
    COMPOSED.get_or_init(|| compose(IMAGES, &components::component("resolver")).unwrap())
}

fn normaliser() -> &'static [u8] {
    static COMPOSED: OnceLock<Vec<u8>> = OnceLock::new();
    COMPOSED.get_or_init(|| compose(&components::component("names"), NORMALISE).unwrap())
}

#[test]
fn what_is_composed_imports_nothing_and_exports_what_it_did_and_its_types() {
    let whole = components::component("resolver");
    assert_eq!(
        interface(&whole).unwrap().imports,
        ["consign:image/types@0.1.0", "consign:image/content@0.1.0"]
    );
    assert!(interface(IMAGES).unwrap().imports.is_empty());
    let composed = interface(resolver()).unwrap();
    assert!(composed.imports.is_empty(), "{composed:?}");
    let types = vec!["consign:image/types@0.1.0".to_owned()];
    assert_eq!(composed.exports, [types, interface(&whole).unwrap().exports].concat());

    let imports = interface(NORMALISE).unwrap().imports;
    assert!(imports.contains(&"consign:image/references@0.1.0".to_owned()), "{imports:?}");
    let composed = interface(normaliser()).unwrap();
    assert!(composed.imports.is_empty(), "{composed:?}");
    assert_eq!(composed.exports, ["normalise"]);
}

/// A linker that has nothing serves both.
#[test]
fn what_is_composed_runs_where_nothing_can_be_imported() {
    let engine = wasmtime::Engine::default();
    for composed in [resolver(), normaliser()] {
        let component = wasmtime::component::Component::from_binary(&engine, composed).unwrap();
        let linker = wasmtime::component::Linker::new(&engine);
        let mut store = wasmtime::Store::new(&engine, ());
        linker.instantiate(&mut store, &component).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_an_error() {
    let error = compose(NORMALISE, &components::component("resolver")).unwrap_err().to_string();
    assert!(error.contains("does not have an export named `consign:image/types@"), "{error}");
    let error = compose(b"not a component", NORMALISE).unwrap_err().to_string();
    assert!(error.starts_with("the provider: "), "{error}");
    // Images serve the types that references speak in, and nothing else of what is wanted.
    let error = compose(IMAGES, NORMALISE).unwrap_err().to_string();
    assert!(error.contains("does not have an export named `consign:image/references@"), "{error}");
}

fn platform(text: &str) -> Platform {
    let mut parts = text.split('/').map(str::to_owned);
    Platform {
        os: parts.next().unwrap(),
        architecture: parts.next().unwrap(),
        variant: parts.next(),
        os_version: None,
        os_features: Vec::new(),
    }
}

/// Resolves in the composed component; the host's content has nothing and is not asked.
fn resolve(text: &str, wanted: Option<&str>) -> Result<Resolved, ResolveError> {
    static COMPONENT: OnceLock<Component> = OnceLock::new();
    let component = COMPONENT.get_or_init(|| Component::new(resolver(), Limits::default()).unwrap());
    let options =
        Options { platform: wanted.map(platform), host: platform("linux/amd64"), rules: Rules::Docker };
    let subject = Subject::Text(text.to_owned());
    component.instance().resolve(Images::default(), &subject, &options).unwrap().0
}

#[test]
fn images_are_resolved_by_name_digest_and_id() {
    let name = "example.com/attested:1";
    for (wanted, found) in [
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/amd64", "linux/amd64"),
        ("linux/s390x", "linux/s390x"),
    ] {
        let by_name = resolve(name, Some(wanted)).unwrap();
        assert_eq!(by_name.platform, platform(found));
        assert_eq!(by_name.layers.len(), 1);
        assert!(!by_name.indexes.is_empty());

        let digest = format!("example.com/attested@{}", by_name.target.digest);
        assert_eq!(resolve(&digest, Some(wanted)).unwrap().config, by_name.config);
        // `linux/arm/v6` as an ID: no index was asked, the config says it.
        let by_id = resolve(&by_name.config.digest, Some(wanted)).unwrap();
        assert_eq!(by_id.config.digest, by_name.config.digest);
        let prefix = &by_name.config.digest["sha256:".len()..][..12];
        let by_prefix = resolve(prefix, None).unwrap();
        assert_eq!(by_prefix.matched, Matched::Prefix(by_name.config.digest));
    }
    assert!(matches!(resolve(name, Some("windows/amd64")), Err(ResolveError::Platform(_))));
    assert!(matches!(resolve("example.com/other:1", None), Err(ResolveError::NotFound(_))));
    assert!(matches!(resolve("example.com/attested:2", None), Err(ResolveError::NotFound(_))));
    assert!(matches!(resolve("UPPER", None), Err(ResolveError::Name(_))));
}

#[test]
fn names_are_normalised() {
    let mut normaliser = Normaliser::new(normaliser()).unwrap();
    for (text, wanted) in [
        ("debian", Ok("docker.io/library/debian:latest")),
        ("ghcr.io/x/y:1", Ok("ghcr.io/x/y:1")),
        ("localhost:5000/a", Ok("localhost:5000/a:latest")),
        ("a//b", Err("at byte 2")),
        ("Debian", Err("at byte 0")),
    ] {
        match (normaliser.normalise(text).unwrap(), wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
            (Err(found), Err(wanted)) => assert!(found.contains(wanted), "{text}: {found}"),
            (found, wanted) => panic!("{text}: wanted {wanted:?}, found {found:?}"),
        }
    }
}

#[test]
fn limits_hold_for_the_whole_of_it() {
    let limits = Limits { memory: 8 << 20, fuel: 10_000_000 };
    let mut instance = Component::new(resolver(), limits).unwrap().instance();
    let options = Options { platform: None, host: platform("linux/amd64"), rules: Rules::Docker };
    let mut resolve = |text: String| instance.resolve(Images::default(), &Subject::Text(text), &options);
    for _ in 0..3 {
        let fault = resolve("a".repeat(16 << 20)).unwrap_err();
        assert!(matches!(fault, Fault::OutOfMemory(_)), "{fault:?}");
        let fault = resolve("a/".repeat(1 << 20)).unwrap_err();
        assert!(matches!(fault, Fault::OutOfFuel(_)), "{fault:?}");
        assert!(resolve("example.com/attested:1".to_owned()).unwrap().0.is_ok());
    }
    let mut normaliser = Normaliser::new(normaliser()).unwrap();
    assert!(normaliser.normalise(&"a".repeat(64 << 20)).is_err());
}
