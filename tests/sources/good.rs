use std::collections::BTreeSet;
use std::sync::Arc;

use consign::content::Content;
use consign::load::{Options, Platforms};
use consign::resolve::resolve;
use consign::source::{Selector, Source, SourceContent, select};
use consign::types::platforms::Matcher;
use consign::types::resolution::{Options as Wanted, Subject};
use consign::types::{Platform, Rules};
use serde_json::json;

use crate::archive::{
    Layout, OCI_CONFIG, OCI_MANIFEST, Tar, config, digest, docker_archive, gzip, hex, layer,
};
use crate::{Place, fixture, open, open_dir, open_fixture, sandbox};

fn platform(architecture: &str, variant: Option<&str>) -> Platform {
    Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        variant: variant.map(Into::into),
        os_version: None,
        os_features: Vec::new(),
    }
}

fn only(architecture: &str, variant: Option<&str>) -> Options {
    let matcher = Matcher::OnlyStrict(platform(architecture, variant));
    Options { platforms: Some(Platforms { matcher, host_os: "linux".into() }), ..Options::default() }
}

#[test]
fn an_index_comes_with_every_platform_and_unchanged() {
    let place = Place::new();
    let source = open_fixture("multi.oci.tar");
    let loaded = place.load(&*source, &Options::default()).unwrap();
    let [root] = &loaded.roots[..] else { panic!("{loaded:?}") };
    assert_eq!(
        root.descriptor.digest,
        "sha256:74f795c7b906ec0ea292be67855a8fe3962ade561e7a7d1693e84e1e7ba86c53"
    );
    let architectures: Vec<String> = root
        .images
        .iter()
        .map(|image| {
            let variant = image.platform.variant.as_deref().map(|variant| format!("/{variant}"));
            image.platform.architecture.clone() + &variant.unwrap_or_default()
        })
        .collect();
    assert_eq!(architectures, ["amd64", "arm64/v8", "arm/v5", "arm/v6", "arm/v7", "386", "riscv64", "s390x"]);
    assert_eq!((loaded.written.blobs, loaded.present.blobs), (8, 0));
    // Everything in the archive, byte for byte: eight configs, manifests and layers, and the index.
    assert_eq!(place.store.blobs().unwrap().len(), 25);
    place.check();
    let name = place.store.names().list().unwrap();
    assert_eq!(name.len(), 1);
    assert_eq!((name[0].name.domain.as_str(), name[0].name.path.as_str()), ("example.com", "multi"));
}

#[test]
fn a_second_load_writes_nothing() {
    let place = Place::new();
    for (written, present) in [(8, 0), (0, 8)] {
        let loaded = place.load(&*open_fixture("multi.oci.tar"), &Options::default()).unwrap();
        assert_eq!((loaded.written.blobs, loaded.present.blobs), (written, present));
    }
    place.check();
}

#[test]
fn attestations_and_nested_indexes_come_along_and_are_no_images() {
    let place = Place::new();
    let loaded = place.load(&*open_fixture("attested.oci.tar"), &Options::default()).unwrap();
    assert_eq!(loaded.roots[0].absent, []);
    let all = std::fs::read(fixture("attested.oci.tar")).unwrap();
    let listed = tar_names(&all).filter(|name| name.starts_with("blobs/sha256/") && !name.ends_with('/'));
    assert_eq!(place.store.blobs().unwrap().len(), listed.count());
    let images = place.store.images().len().unwrap();
    assert_eq!(
        loaded.roots[0].images.iter().map(|image| &image.id).collect::<BTreeSet<_>>().len() as u64,
        images
    );
    place.check();
}

/// Names in a tar whose names are short.
fn tar_names(tar: &[u8]) -> impl Iterator<Item = String> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let block = tar.get(at..at + 512)?;
        let name = String::from_utf8(block[..100].split(|byte| *byte == 0).next()?.to_vec()).ok()?;
        let size = std::str::from_utf8(&block[124..135]).ok()?.trim_matches(['\0', ' ']).to_owned();
        let size = usize::from_str_radix(&size, 8).ok()?;
        at += 512 + size.next_multiple_of(512);
        (!name.is_empty()).then_some(name)
    })
}

#[test]
fn only_the_wanted_platform_is_taken_and_the_index_kept() {
    let place = Place::new();
    let source = open_fixture("multi.oci.tar");
    let loaded = place.load(&*source, &only("arm", Some("v6"))).unwrap();
    assert_eq!(loaded.roots[0].images.len(), 1);
    assert_eq!(loaded.roots[0].images[0].platform, platform("arm", Some("v6")));
    // Index, manifest, config, layer.
    assert_eq!(place.store.blobs().unwrap().len(), 4);
    place.check();

    let error = Place::new().load(&*source, &only("mips", None)).unwrap_err().to_string();
    assert!(error.contains("has no image for the wanted platform; there is `linux/386`, "), "{error}");
}

#[test]
fn a_platform_the_index_does_not_tell_is_looked_up_in_the_config() {
    let mut layout = Layout::default();
    let entries = ["amd64", "arm64"].map(|architecture| layout.plain_image(architecture, architecture));
    let index = layout.index(&entries);
    layout.root(index, Some("example.com/x:1"));
    let place = Place::new();
    let loaded = place.load(&*open(&layout.tar()).unwrap(), &only("arm64", None)).unwrap();
    assert_eq!(loaded.roots[0].images.len(), 1);
    assert_eq!(loaded.roots[0].images[0].platform.architecture, "arm64");
    place.check();
}

#[test]
fn images_for_other_platforms_are_passed_over() {
    let place = Place::new();
    let source = open_fixture("several.docker.tar");
    let loaded = place.load(&*source, &only("arm64", None)).unwrap();
    let names: Vec<&str> =
        loaded.roots.iter().flat_map(|root| &root.names).map(|name| name.path.as_str()).collect();
    assert_eq!(names, ["single-arm64v8"]);
    assert_eq!(place.store.blobs().unwrap().len(), 3);
    place.check();

    // An index without any, beside one that has it; an artifact in it goes with it.
    let mut layout = Layout::default();
    let arm = layout.plain_image("arm64", "arm");
    let amd = layout.plain_image("amd64", "amd");
    let empty = layout.blob("application/vnd.oci.empty.v1+json", b"{}");
    let artifact = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": []});
    let artifact = layout.json(OCI_MANIFEST, &artifact);
    let without = layout.index(&[amd, artifact]);
    let with = layout.index(&[arm]);
    layout.root(without, Some("without"));
    layout.root(with, Some("with"));
    let place = Place::new();
    let loaded = place.load(&*open(&layout.tar()).unwrap(), &only("arm64", None)).unwrap();
    assert_eq!(loaded.roots.len(), 1);
    assert_eq!(loaded.roots[0].names[0].path, "with");
    assert!(place.store.check().unwrap().is_sound());
    assert_eq!(place.store.names().len().unwrap(), 1);
}

#[test]
fn absent_platforms_stay_absent() {
    let mut layout = Layout::default();
    let present = layout.plain_image("amd64", "here");
    let absent = layout.plain_image("arm64", "gone");
    layout.remove(&absent);
    let index = layout.index(&[present, absent.clone()]);
    layout.root(index, Some("example.com/x:1"));
    let place = Place::new();
    let loaded = place.load_bytes(&layout.tar()).unwrap();
    assert_eq!(loaded.roots[0].images.len(), 1);
    assert_eq!(loaded.roots[0].absent[0].digest, absent["digest"].as_str().unwrap());
    place.check();
}

#[test]
fn several_images_and_tags_of_a_docker_archive_come() {
    let place = Place::new();
    let source = open_fixture("several.docker.tar");
    let loaded = place.load(&*source, &Options::default()).unwrap();
    let names: Vec<usize> = loaded.roots.iter().map(|root| root.names.len()).collect();
    assert_eq!(names, [2, 1]);
    assert_eq!(place.store.names().len().unwrap(), 3);
    place.check();
}

#[test]
fn compressed_and_piped_archives_are_the_same_archive() {
    let plain = std::fs::read(fixture("multi.oci.tar")).unwrap();
    let wanted = open(&plain).unwrap().roots().to_vec();
    for bytes in [gzip(&plain), zstd::stream::encode_all(&plain[..], 3).unwrap()] {
        let source = open(&bytes).unwrap();
        assert_eq!(source.roots(), wanted);
        Place::new().load(&*source, &Options::default()).unwrap();
    }
    let (reader, mut writer) = std::io::pipe().unwrap();
    let feed = std::thread::spawn(move || std::io::Write::write_all(&mut writer, &gzip(&plain)).unwrap());
    let source = crate::open_file(std::os::fd::OwnedFd::from(reader).into()).unwrap();
    feed.join().unwrap();
    assert_eq!(source.roots(), wanted);
}

#[test]
fn layers_of_every_compression_are_kept_as_they_came() {
    let plain = layer("content");
    let zstd = zstd::stream::encode_all(&plain[..], 3).unwrap();
    for stored in [plain.clone(), gzip(&plain), zstd] {
        let mut layout = Layout::default();
        let image = layout.image("amd64", std::slice::from_ref(&stored), &[digest(&plain)]);
        layout.root(image, None);
        let place = Place::new();
        place.load_bytes(&layout.tar()).unwrap();
        let kept = place.store.read(&digest(&stored).parse().unwrap(), 1 << 20).unwrap();
        assert_eq!(kept.as_deref(), Some(&stored[..]));
        let known = place.store.layers().blobs(&digest(&plain).parse().unwrap()).unwrap();
        assert_eq!((known.len(), known[0].unpacked_size), (1, plain.len() as u64));
        place.check();

        // As a layer of a docker archive, too.
        let place = Place::new();
        let archive = docker_archive(&["x:1"], &[("layer.tar", stored.clone())], &[digest(&plain)]);
        place.load_bytes(&archive.end()).unwrap();
        assert!(place.store.contains(&digest(&stored).parse().unwrap()).unwrap().is_some());
        place.check();
    }
}

#[test]
fn linked_layers_and_repeated_layers_are_one_blob() {
    let content = layer("one");
    let config = config("amd64", &[digest(&content), digest(&content), digest(&content)]);
    let manifest = json!([{"Config": "c.json", "RepoTags": ["x:1"],
        "Layers": ["old/layer.tar", "hard.tar", "layer.tar"]}]);
    let tar = Tar::default()
        .file("./layer.tar", &content)
        .link("old/layer.tar", b'2', "../layer.tar")
        .link("hard.tar", b'1', "layer.tar")
        .file("c.json", &config)
        .json("manifest.json", &manifest);
    let place = Place::new();
    let loaded = place.load_bytes(&tar.end()).unwrap();
    assert_eq!(loaded.written.blobs, 1);
    place.check();
}

#[test]
fn the_layout_before_manifest_json_loads() {
    let (base, top) = (layer("base"), layer("top"));
    let (low, high) = ("1".repeat(64), "2".repeat(64));
    let created = "2014-01-01T00:00:00Z";
    let json = |id: &str, parent: Option<&str>| {
        let mut value = json!({"id": id, "created": created, "docker_version": "1.9.0", "architecture": "amd64",
            "os": "linux", "config": {"Cmd": ["sh"]}, "container_config": {"Cmd": ["step"]}});
        if let Some(parent) = parent {
            value["parent"] = json!(parent);
        }
        value
    };
    let tar = Tar::default()
        .file(&format!("{low}/layer.tar"), &base)
        .json(&format!("{low}/json"), &json(&low, None))
        .file(&format!("{high}/layer.tar"), &top)
        .json(&format!("{high}/json"), &json(&high, Some(&low)))
        .json("repositories", &json!({"old/image": {"1": high, "latest": high}, "base": {"1": low}}));
    let place = Place::new();
    let loaded = place.load_bytes(&tar.end()).unwrap();
    assert_eq!(loaded.roots.len(), 2);
    let names: Vec<&str> =
        loaded.roots.iter().flat_map(|root| &root.names).map(|name| name.path.as_str()).collect();
    assert_eq!(names, ["library/base", "old/image", "old/image"]);
    assert_eq!(loaded.written.blobs, 2);
    place.check();
}

#[test]
fn a_docker_archive_with_a_layout_in_it_keeps_its_manifest() {
    let mut layout = Layout::default();
    let mut image = layout.plain_image("amd64", "x");
    image["annotations"] = json!({"io.containerd.image.name": "docker.io/library/x:1",
        "org.opencontainers.image.ref.name": "1"});
    let digest = image["digest"].as_str().unwrap().to_owned();
    layout.root(image, None);
    let stored = layout.blobs.keys().find(|_| true).unwrap().clone();
    let manifest = json!([{"Config": format!("blobs/{stored}"), "RepoTags": ["x:1"], "Layers": []}]);
    let source = open(&layout.to_tar().json("manifest.json", &manifest).end()).unwrap();
    let [root] = source.roots() else { panic!("{:?}", source.roots()) };
    assert_eq!(root.descriptor.digest, digest);
    assert_eq!((root.names[0].path.as_str(), root.names[0].tag.as_deref()), ("library/x", Some("1")));
}

#[test]
fn directories_of_both_kinds_load() {
    let unpacked = tempfile::tempdir().unwrap();
    let mut layout = Layout::default();
    let image = layout.plain_image("amd64", "x");
    std::fs::create_dir_all(unpacked.path().join("blobs/sha256")).unwrap();
    let plain = unpacked.path().join("dir");
    std::fs::create_dir(&plain).unwrap();
    for (path, bytes) in &layout.blobs {
        std::fs::write(unpacked.path().join("blobs").join(path), bytes).unwrap();
        let hex = path.strip_prefix("sha256/").unwrap();
        let is_manifest = image["digest"].as_str().unwrap().ends_with(hex);
        std::fs::write(plain.join(if is_manifest { "manifest.json" } else { hex }), bytes).unwrap();
    }
    std::fs::write(plain.join("version"), "Directory Transport Version: 1.1\n").unwrap();
    let index = json!({"schemaVersion": 2, "manifests": [image]});
    std::fs::write(unpacked.path().join("index.json"), index.to_string()).unwrap();
    for path in [unpacked.path(), &plain] {
        let source = open_dir(path).unwrap();
        assert_eq!(source.roots()[0].descriptor.digest, image["digest"].as_str().unwrap());
        let place = Place::new();
        place.load(&*source, &Options::default()).unwrap();
        place.check();
    }
}

#[test]
fn artifacts_are_kept_and_their_blobs_not_taken_for_layers() {
    let mut layout = Layout::default();
    let blob = layout.blob("application/spdx+json", b"{}");
    let empty = layout.blob("application/vnd.oci.empty.v1+json", b"{}");
    let artifact = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": [blob],
        "artifactType": "application/spdx+json"});
    let artifact = layout.json(OCI_MANIFEST, &artifact);
    // As BuildKit writes attestations: an image config, and layers that are none.
    let statement = layout.blob("application/vnd.in-toto+json", b"{\"statement\":1}");
    let config = layout.blob(OCI_CONFIG, &config("unknown", &[]));
    let attestation =
        json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [statement]});
    let attestation = layout.json(OCI_MANIFEST, &attestation);
    layout.root(artifact, Some("a"));
    layout.root(attestation, Some("b"));
    let place = Place::new();
    let loaded = place.load_bytes(&layout.tar()).unwrap();
    assert!(loaded.roots.iter().all(|root| root.images.is_empty()));
    assert_eq!(place.store.blobs().unwrap().len(), layout.blobs.len());
    place.check();
}

#[test]
fn what_is_in_an_archive_resolves_in_place() {
    let source: Arc<dyn Source> = open_fixture("multi.oci.tar").into();
    let position = select(&*source, &Selector::Only).unwrap();
    let root = source.roots()[position].descriptor.clone();
    let content = Arc::new(SourceContent::new(source, sandbox().clone()));
    let wanted = Wanted {
        platform: Some(platform("arm", Some("v6"))),
        host: platform("amd64", None),
        rules: Rules::Docker,
    };
    let ask = |subject: Subject| resolve(sandbox(), content.clone(), &subject, &wanted).unwrap().image;
    let by_target = ask(Subject::Target(root));
    assert_eq!(by_target.platform, platform("arm", Some("v6")));
    let by_name = ask(Subject::Text("example.com/multi:1".into()));
    assert_eq!(by_name.config, by_target.config);
    let id = by_target.config.digest.strip_prefix("sha256:").unwrap();
    assert_eq!(ask(Subject::Text(id[..12].into())).config.digest, by_target.config.digest);
    assert_eq!(content.indexes(&by_target.config.digest).unwrap().len(), 1);
    assert_eq!(content.manifests(&by_target.config.digest).unwrap().len(), 1);
    assert_eq!(content.search(&hex(b"nothing")).unwrap(), []);
}
