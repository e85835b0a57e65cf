//! The component, pushed into a registry and run from there.

use serde_json::{Value, json};

use crate::archive::{OCI_MANIFEST, digest};
use crate::place::{Outcome, Place, fixtures};
use crate::shelved::Shelved;

const CONFIG: &str = "application/vnd.wasm.config.v0+json";

/// The document that a descriptor of the registry's means.
fn document(registry: &Shelved, descriptor: &Value) -> Value {
    let shelf = registry.shelf.lock().unwrap();
    serde_json::from_slice(&shelf.blobs[descriptor["digest"].as_str().unwrap()]).unwrap()
}

#[test]
fn the_component_is_pushed_as_wkg_pushes_components() {
    let (place, registry) = (Place::new(), Shelved::new());
    let name = registry.name("wasm/consign:0.1.0");
    let push = |arguments: &[&str]| {
        let mut command = place.command(&[&["component", "push", "-q", &name], arguments].concat());
        command.env("SOURCE_DATE_EPOCH", "1700000000");
        place.outcome_of(command).ok().text().trim().to_owned()
    };
    let pushed = push(&["--world", "names", "--author", "somebody", "--annotation", "a=b"]);
    let shelf = || registry.shelf.lock().unwrap();
    let (media_type, manifest) = shelf().manifests["0.1.0"].clone();
    assert_eq!((media_type.as_str(), digest(&manifest)), (OCI_MANIFEST, pushed.clone()));
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["annotations"]["a"], "b");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.title"], "consign");
    let [layer] = manifest["layers"].as_array().unwrap().as_slice() else { panic!("{manifest}") };
    let component = place.run(&["component", "--world", "names"]).ok().stdout;
    assert_eq!(layer["mediaType"], "application/wasm");
    assert_eq!(layer["annotations"], json!({"org.opencontainers.image.title": "names.wasm"}));
    assert_eq!(shelf().blobs[layer["digest"].as_str().unwrap()], component);
    assert_eq!(manifest["config"]["mediaType"], CONFIG);
    let config = document(&registry, &manifest["config"]);
    assert_eq!(
        (&config["created"], &config["author"], &config["architecture"], &config["os"]),
        (&"2023-11-14T22:13:20Z".into(), &"somebody".into(), &"wasm".into(), &"wasip2".into())
    );
    assert_eq!(config["layerDigests"], json!([layer["digest"]]));
    assert_eq!(config["component"]["imports"], json!([]));
    let exports = config["component"]["exports"].as_array().unwrap();
    assert!(exports.iter().any(|name| name.as_str().unwrap().starts_with("consign:image/references@")));
    // The same again is the same; it can be copied like everything else.
    assert_eq!(push(&["--world", "names", "--author", "somebody", "--annotation", "a=b"]), pushed);
    let copy = registry.name("wasm/copy:1");
    let copied = place.run(&["copy", "-q", &format!("docker://{name}"), &format!("docker://{copy}")]).ok();
    assert_eq!(copied.text().trim(), pushed);
    let file = place.file("no.wasm", b"\0asm\x01\0\0\0");
    let refused = place.run(&["component", "push", &name, "--file", &file]).failed(2);
    assert!(refused.stderr.contains("wanted a component"), "{}", refused.stderr);
    // By its digest a name means one component.
    let wrong = registry.name(&format!("wasm/consign@{}", digest(b"other")));
    let refused = place.run(&["component", "push", &wrong]).failed(1);
    assert!(refused.stderr.contains("wanted to push"), "{}", refused.stderr);
}

/// A document, without what is `null` in it.
fn known(document: &mut Value) {
    document.as_object_mut().unwrap().retain(|_, value| !value.is_null());
}

/// What wkg 0.16.1 wrote of this component, by `oci push` with and without `-a somebody --annotation a=b`
/// `--annotation org.opencontainers.image.source=https://example.com`.
#[test]
fn config_manifest_and_annotations_are_those_of_wkg() {
    let (place, registry) = (Place::new(), Shelved::new());
    let fixture = |name: &str| -> Value {
        serde_json::from_slice(&std::fs::read(fixtures().join("wkg").join(name)).unwrap()).unwrap()
    };
    let said = ["--author", "somebody", "--annotation", "a=b", "--annotation"];
    let said = [&said[..], &["org.opencontainers.image.source=https://example.com"]].concat();
    for (wanted, arguments) in [("plain", &[][..]), ("annotated", &said)] {
        let name = registry.name(&format!("wasm/one:{wanted}"));
        let file = ["component", "push", "-q", &name, "--file", "wkg/component.wasm"];
        place.run(&[&file, arguments].concat()).ok();
        let manifest = registry.shelf.lock().unwrap().manifests[wanted].1.clone();
        let mut manifest: Value = serde_json::from_slice(&manifest).unwrap();
        let mut config = document(&registry, &manifest["config"]);
        let (mut wkgs, mut its_config) =
            (fixture(&format!("manifest-{wanted}.json")), fixture(&format!("config-{wanted}.json")));
        // The time is another, and wkg writes `null` for what it does not know.
        for config in [&mut config, &mut its_config] {
            let created = config["created"].take();
            assert!(created.as_str().unwrap().ends_with('Z'), "{created}");
            known(&mut config["component"]);
            known(config);
        }
        assert_eq!(config, its_config);
        for manifest in [&mut manifest, &mut wkgs] {
            manifest["config"]["digest"].take();
            manifest["config"]["size"].take();
        }
        assert_eq!(manifest, wkgs);
    }
    // A package of interfaces is nothing that runs.
    let name = registry.name("wasm/package:1");
    let refused = place.run(&["component", "push", &name, "--file", "wkg/package.wasm"]).failed(2);
    assert!(refused.stderr.contains("wanted a component"), "{}", refused.stderr);
}

/// A place with an image, and files with the components of all worlds.
fn with_components() -> Place {
    let place = Place::with(&["multi.oci.tar"]);
    for world in ["names", "resolver", "sources", "podman"] {
        let file = place.path(world);
        place.run(&["component", "--world", world, "-o", file.to_str().unwrap()]).ok();
    }
    place
}

fn resolve(place: &Place, components: &[&str]) -> Outcome {
    let mut arguments: Vec<&str> =
        components.iter().flat_map(|component| ["--component", component]).collect();
    arguments.extend(["resolve", "-q", "example.com/multi:1"]);
    place.run(&arguments)
}

/// It was not run, and this was said of it where there is a compiler.
#[track_caller]
fn refused(outcome: Outcome, code: i32, reason: &str) {
    let (code, reason) =
        if cfg!(feature = "jit") { (code, reason) } else { (2, "there is no compiler in this executable") };
    let outcome = outcome.failed(code);
    assert!(outcome.stderr.contains(reason), "{}", outcome.stderr);
    assert_eq!(outcome.text(), "");
}

#[test]
fn another_component_is_run_where_there_is_a_compiler() {
    let (place, registry) = (with_components(), Shelved::new());
    let name = registry.name("wasm/consign:1");
    let pushed = place.run(&["component", "push", "-q", &name]).ok();
    let file = |world: &str| place.path(world).display().to_string();
    let by_digest = format!("docker://{}@{}", registry.name("wasm/consign"), pushed.text().trim());
    let plain = place.run(&["resolve", "-q", "example.com/multi:1"]).ok().stdout;
    for components in [
        vec![file("resolver")],
        vec![format!("docker://{name}")],
        vec![by_digest],
        vec![file("podman"), file("sources"), file("resolver")],
    ] {
        let outcome = resolve(&place, &components.iter().map(String::as_str).collect::<Vec<_>>());
        if cfg!(feature = "jit") {
            assert_eq!(outcome.ok().stdout, plain);
        } else {
            let refused = outcome.failed(2);
            assert!(refused.stderr.contains("there is no compiler"), "{}", refused.stderr);
            assert!(refused.stderr.contains("--features jit"), "{}", refused.stderr);
        }
    }
}

#[test]
fn what_is_no_component_to_run_is_refused() {
    let (place, registry) = (with_components(), Shelved::new());
    let file = |name: &str| place.path(name).display().to_string();
    let text = place.file("text", b"not one");
    refused(resolve(&place, &[&text]), 2, "wanted a component, found something else");
    let module = place.run(&["component", "--core"]).ok().stdout;
    refused(
        resolve(&place, &[&place.file("module", &module)]),
        2,
        "wanted a component, found something else",
    );
    refused(resolve(&place, &[&file("names")]), 2, "wanted a component of the world");
    refused(resolve(&place, &[&file("resolver"), &file("resolver")]), 2, "wanted one component of the world");
    refused(resolve(&place, &[&file("nosuch")]), 2, "No such file");
    let large = std::fs::File::create(place.path("large")).unwrap();
    large.set_len((64 << 20) + 1).unwrap();
    refused(resolve(&place, &[&file("large")]), 2, "wanted at most 67108864 bytes, found more");

    let image = registry.name("a/b:1");
    place.run(&["push", "-q", "example.com/multi:1", &image]).ok();
    let wanted = "wanted a WebAssembly component";
    refused(resolve(&place, &[&format!("docker://{image}")]), 2, wanted);
    refused(resolve(&place, &[&format!("docker://{}", registry.name("a/b:nosuch"))]), 1, "is not there");
    refused(resolve(&place, &["docker://"]), 2, "");
}

#[test]
fn a_component_that_a_registry_changed_is_not_run() {
    let (place, registry) = (with_components(), Shelved::new());
    let name = registry.name("wasm/consign:1");
    let pushed = place.run(&["component", "push", "-q", &name]).ok();
    let pushed = pushed.text().trim();
    let at = format!("docker://{name}");
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut shelf = registry.shelf.lock().unwrap();
        let mut manifest: Value = serde_json::from_slice(&shelf.manifests[pushed].1).unwrap();
        change(&mut manifest);
        shelf.manifest(Some("1"), OCI_MANIFEST, manifest.to_string().as_bytes());
    };
    // Two layers, another kind of layer, another kind of config, more bytes than are read.
    changed(&|manifest| {
        let layer = manifest["layers"][0].clone();
        manifest["layers"].as_array_mut().unwrap().push(layer);
    });
    refused(resolve(&place, &[&at]), 2, "found 2 layers");
    changed(&|manifest| manifest["layers"][0]["mediaType"] = "application/octet-stream".into());
    refused(resolve(&place, &[&at]), 2, "found a layer of `application/octet-stream`");
    changed(&|manifest| manifest["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into());
    refused(resolve(&place, &[&at]), 2, "found a config of");
    changed(&|manifest| manifest["layers"][0]["size"] = ((64 << 20) + 1).into());
    refused(resolve(&place, &[&at]), 2, "wanted at most 67108864 bytes");
    // Asked for by its digest, it is that one.
    let by_digest = format!("docker://{}@{}", registry.name("wasm/consign"), digest(b"other"));
    refused(resolve(&place, &[&by_digest]), 1, "is not there");
    // Other bytes under the layer's digest.
    let layer = {
        let shelf = registry.shelf.lock().unwrap();
        let manifest: Value = serde_json::from_slice(&shelf.manifests[pushed].1).unwrap();
        manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
    };
    changed(&|_| ());
    registry.shelf.lock().unwrap().blobs.get_mut(&layer).unwrap()[100] ^= 1;
    refused(resolve(&place, &[&at]), 1, &format!("wanted content with digest `{layer}`"));
}

#[test]
fn a_component_that_the_policy_refuses_is_not_fetched() {
    let (place, registry) = (with_components(), Shelved::new());
    let name = registry.name("wasm/consign:1");
    place.run(&["component", "push", "-q", &name]).ok();
    let directory = place.path("home/.config/containers");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("policy.json"), r#"{"default": [{"type": "reject"}]}"#).unwrap();
    registry.server.forget();
    let run = |component: &str| {
        let mut command = place.command(&["--component", component, "resolve", "-q", "example.com/multi:1"]);
        command.env("HOME", place.path("home"));
        place.outcome_of(command)
    };
    refused(run(&format!("docker://{name}")), 1, "`reject`");
    assert!(registry.server.asked().iter().all(|line| !line.contains("/blobs/")));
    // A file is the user's own.
    if cfg!(feature = "jit") {
        run(place.path("resolver").to_str().unwrap()).ok();
    }
}
