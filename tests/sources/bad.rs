//! Archives no builder would write: each is refused with an error that names the thing, and leaves the store
//! as it was.

use consign::layer::compression::CompressionError;
use consign::load::{LoadError, Options};
use consign::source::SourceError;
use consign::transport::tar_index::TarError;
use serde_json::json;

use crate::archive::{
    Layout, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Tar, config, descriptor, digest, docker_archive,
    gzip, hex, layer,
};
use crate::{Place, open, open_dir};

/// Loads, expects an error, and that nothing was kept.
#[track_caller]
fn refused(bytes: &[u8]) -> LoadError {
    let place = Place::new();
    let error = place.load_bytes(bytes).unwrap_err();
    place.assert_empty();
    error
}

/// The error with its causes, as it is shown.
fn text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

macro_rules! assert_refused {
    ($bytes:expr, $pattern:pat $(if $guard:expr)?, [$($part:expr),* $(,)?]) => {{
        let error = refused(&$bytes);
        let shown = text(&error);
        assert!(matches!(&error, $pattern $(if $guard)?), "{error:?}");
        $(assert!(shown.contains($part), "{shown}");)*
    }};
}

/// A layout of one image, and its layer's and manifest's descriptors.
fn one_image() -> (Layout, serde_json::Value, serde_json::Value) {
    let mut layout = Layout::default();
    let content = layer("content");
    let stored = descriptor(OCI_LAYER, &content);
    let image = layout.image("amd64", std::slice::from_ref(&content), &[digest(&content)]);
    layout.root(image.clone(), Some("example.com/x:1"));
    (layout, stored, image)
}

#[test]
fn truncated_archives_say_where() {
    let (layout, stored, _) = one_image();
    let whole = layout.tar();
    for cut in [100, 600, 1200, whole.len() / 2] {
        let error = refused(&whole[..cut]);
        let shown = text(&error);
        assert!(shown.contains(&format!("byte {cut}")), "{cut}: {shown}");
    }
    // Cut between two entries: what is missing is named, and that it may have been cut off.
    let cut = Tar::default().file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#);
    let cut = cut.json("index.json", &json!({"schemaVersion": 2, "manifests": layout.entries})).cut();
    assert_refused!(cut, LoadError::Source(SourceError::Missing { cut_at: Some(_), .. }), ["end marker"]);
    let mut without = layout.clone();
    without.remove(&stored);
    let name = stored["digest"].as_str().unwrap();
    assert_refused!(
        without.to_tar().cut(),
        LoadError::Source(SourceError::Missing { cut_at: Some(_), .. }),
        [name, "end marker"]
    );
    let compressed = gzip(&whole);
    assert_refused!(
        compressed[..compressed.len() / 2],
        LoadError::Source(SourceError::Compression { source: CompressionError::Truncated { .. } }),
        ["truncated"]
    );
}

#[test]
fn entries_outside_the_archive_are_refused() {
    let (layout, ..) = one_image();
    for name in ["/etc/passwd", "../../etc/passwd", "blobs/../../x"] {
        let bytes = layout.to_tar().file(name, b"x").end();
        assert_refused!(bytes, LoadError::Source(SourceError::Tar(TarError::UnsafeName { .. })), [name]);
    }
    let content = layer("x");
    let tar = docker_archive(&["x:1"], &[], &[digest(&content)]);
    drop(tar);
    for target in ["/etc/passwd", "../../etc/passwd", "layer.tar", "missing"] {
        let configuration = config("amd64", &[digest(&content)]);
        let tar = Tar::default()
            .file("c.json", &configuration)
            .link("layer.tar", b'2', target)
            .json("manifest.json", &json!([{"Config": "c.json", "Layers": ["layer.tar"]}]));
        assert_refused!(
            tar.end(),
            LoadError::Source(SourceError::Tar(TarError::BadLink { .. })),
            ["layer.tar", target]
        );
    }
}

#[test]
fn names_that_decide_are_there_once() {
    let content = layer("x");
    for name in ["manifest.json", "repositories", "index.json", "oci-layout"] {
        let tar = docker_archive(&["x:1"], &[("l.tar", content.clone())], &[digest(&content)]);
        let tar = tar.file(name, b"[]").file(&format!("./{name}"), b"[]");
        assert_refused!(
            tar.end(),
            LoadError::Source(SourceError::Tar(TarError::Duplicate { .. })),
            [name, "twice"]
        );
    }
}

#[test]
fn digests_with_path_characters_or_upper_case_are_refused() {
    let upper = format!("sha256:{}", "A".repeat(64));
    let short = "sha256:abc".to_owned();
    let path = format!("sha256:../../../../{}", "a".repeat(52));
    let other = format!("md5:{}", "a".repeat(32));
    for wrong in [upper, short, path, other] {
        let pointer = |media_type: &str| json!({"mediaType": media_type, "digest": wrong, "size": 10});
        let mut layout = Layout::default();
        layout.root(pointer(OCI_MANIFEST), None);
        assert_refused!(layout.tar(), LoadError::Source(_), [&wrong[..10]]);

        let mut layout = Layout::default();
        let index = layout.index(&[pointer(OCI_MANIFEST)]);
        layout.root(index, None);
        assert_refused!(layout.tar(), LoadError::Source(_), [&wrong[..10]]);

        let mut layout = Layout::default();
        let config = layout.blob(OCI_CONFIG, &config("amd64", &[digest(b"")]));
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [pointer(OCI_LAYER)]});
        let manifest = layout.json(OCI_MANIFEST, &manifest);
        layout.root(manifest, None);
        assert_refused!(layout.tar(), LoadError::Source(_), [&wrong[..10]]);

        let tar = docker_archive(&["x:1"], &[("l.tar", layer("x"))], std::slice::from_ref(&wrong));
        assert_refused!(tar.end(), LoadError::Source(_), [&wrong[..10]]);
    }
}

#[test]
fn sizes_that_lie_are_found() {
    let (layout, stored, image) = one_image();
    let digest = stored["digest"].as_str().unwrap();
    let size = stored["size"].as_u64().unwrap();
    // The blob is shorter or longer than announced.
    for length in [size - 512, size + 512] {
        let mut lying = layout.clone();
        lying.replace(&stored, &vec![0; usize::try_from(length).unwrap()]);
        assert_refused!(lying.tar(), LoadError::Source(SourceError::SizeMismatch { .. }), [digest]);
    }
    // The root's descriptor lies.
    for size in [0, 1, 1 << 20] {
        let mut lying = layout.clone();
        lying.entries[0]["size"] = json!(size);
        let digest = image["digest"].as_str().unwrap();
        assert_refused!(lying.tar(), LoadError::Source(SourceError::SizeMismatch { .. }), [digest]);
    }
    // Two documents announce the same blob with two sizes.
    let mut lying = layout.clone();
    let mut other = stored.clone();
    other["size"] = json!(size + 1);
    let config = lying.blob(OCI_CONFIG, &config("arm", &[digest.to_owned()]));
    let manifest =
        lying.json(OCI_MANIFEST, &json!({"schemaVersion": 2, "config": config, "layers": [other]}));
    lying.root(manifest, None);
    assert_refused!(lying.tar(), LoadError::Source(SourceError::SizeMismatch { .. }), [digest]);
}

#[test]
fn digests_that_lie_are_found() {
    let (layout, stored, image) = one_image();
    let size = usize::try_from(stored["size"].as_u64().unwrap()).unwrap();
    let mut lying = layout.clone();
    lying.replace(&stored, &vec![7; size]);
    let error = refused(&lying.tar());
    assert!(matches!(error, LoadError::Store(_)), "{error:?}");
    assert!(text(&error).contains(stored["digest"].as_str().unwrap()));

    let mut lying = layout.clone();
    let size = usize::try_from(image["size"].as_u64().unwrap()).unwrap();
    lying.replace(&image, &vec![b' '; size]);
    assert_refused!(
        lying.tar(),
        LoadError::Source(SourceError::DigestMismatch { .. }),
        [image["digest"].as_str().unwrap()]
    );

    // A config whose file name is another's digest.
    let configuration = config("amd64", &[]);
    let name = format!("{}.json", hex(b"another"));
    let tar = Tar::default()
        .file(&name, &configuration)
        .json("manifest.json", &json!([{"Config": name, "RepoTags": ["x:1"], "Layers": []}]));
    assert_refused!(tar.end(), LoadError::Source(SourceError::DigestMismatch { .. }), [&hex(b"another")]);
}

#[test]
fn diff_ids_that_lie_are_found() {
    let content = layer("content");
    let wrong = digest(b"something else");
    for stored in [gzip(&content), zstd::stream::encode_all(&content[..], 1).unwrap(), content.clone()] {
        let mut layout = Layout::default();
        let image = layout.image("amd64", std::slice::from_ref(&stored), std::slice::from_ref(&wrong));
        layout.root(image, Some("example.com/x:1"));
        assert_refused!(
            layout.tar(),
            LoadError::DiffId { .. },
            [&wrong, &digest(&content), &digest(&stored)]
        );
    }
    // In a docker archive a plain layer's diff ID is its digest.
    let tar = docker_archive(&["x:1"], &[("l.tar", content.clone())], std::slice::from_ref(&wrong));
    assert_refused!(tar.end(), LoadError::Store(_), [&wrong, &digest(&content)]);
    let tar = docker_archive(&["x:1"], &[("l.tar", gzip(&content))], std::slice::from_ref(&wrong));
    assert_refused!(tar.end(), LoadError::DiffId { .. }, [&wrong, &digest(&content)]);
}

#[test]
fn a_known_blob_does_not_pass_with_a_wrong_diff_id() {
    let content = layer("content");
    let stored = gzip(&content);
    let with = |diff_id: String| {
        let mut layout = Layout::default();
        let image = layout.image("amd64", std::slice::from_ref(&stored), &[diff_id]);
        layout.root(image, Some("example.com/x:1"));
        layout.tar()
    };
    let place = Place::new();
    place.load_bytes(&with(digest(&content))).unwrap();
    let before = place.store.blobs().unwrap();
    let error = place.load_bytes(&with(digest(b"wrong"))).unwrap_err();
    assert!(matches!(error, LoadError::DiffId { .. }), "{error:?}");
    assert_eq!(place.store.blobs().unwrap(), before);
    place.check();
}

#[test]
fn missing_parts_are_named() {
    let (layout, stored, image) = one_image();
    for descriptor in [&stored, &image] {
        let mut without = layout.clone();
        without.remove(descriptor);
        let name = descriptor["digest"].as_str().unwrap();
        assert_refused!(without.tar(), LoadError::Source(SourceError::Missing { cut_at: None, .. }), [name]);
    }
    let manifest = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["gone.tar"]}]);
    let missing_config = Tar::default().json("manifest.json", &manifest).end();
    assert_refused!(missing_config, LoadError::Source(SourceError::Missing { .. }), ["c.json"]);
    let configuration = config("amd64", &[digest(b"")]);
    let missing_layer = Tar::default().file("c.json", &configuration).json("manifest.json", &manifest).end();
    assert_refused!(missing_layer, LoadError::Source(SourceError::Missing { .. }), ["gone.tar"]);
    let count = Tar::default().file("c.json", &config("amd64", &[])).json("manifest.json", &manifest).end();
    assert_refused!(
        count,
        LoadError::Source(SourceError::LayerCount { layers: 1, diff_ids: 0, .. }),
        ["c.json"]
    );
    assert_refused!(
        Tar::default().file("x", b"y").end(),
        LoadError::Source(SourceError::Missing { .. }),
        ["manifest.json"]
    );
    let error = open_dir(tempfile::tempdir().unwrap().path()).err().unwrap();
    assert!(matches!(error, SourceError::Missing { .. }), "{error:?}");
}

#[test]
fn huge_documents_are_refused_before_they_are_read() {
    let huge = vec![b' '; 100 << 20];
    let manifest = Tar::default().file("manifest.json", &huge).end();
    assert_refused!(
        manifest,
        LoadError::Source(SourceError::TooLarge { .. }),
        ["manifest.json", "104857600"]
    );
    let index = Tar::default().file("index.json", &huge).end();
    assert_refused!(index, LoadError::Source(SourceError::TooLarge { .. }), ["index.json", "104857600"]);
    let mut layout = Layout::default();
    let manifest = layout.blob(OCI_MANIFEST, &huge);
    layout.root(manifest.clone(), None);
    let name = manifest["digest"].as_str().unwrap().to_owned();
    assert_refused!(layout.tar(), LoadError::Source(SourceError::TooLarge { .. }), [&name, "104857600"]);
}

#[test]
fn indexes_that_refer_to_themselves_or_too_deep_or_too_wide_end() {
    // An index cannot hold its own digest, so it claims one.
    let mut layout = Layout::default();
    let claimed = json!({"mediaType": OCI_INDEX, "digest": digest(b"me"), "size": 300});
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [claimed]}).to_string();
    layout.blobs.insert(format!("sha256/{}", hex(b"me")), format!("{index:300}").into_bytes());
    layout.root(claimed, None);
    assert_refused!(layout.tar(), LoadError::Source(SourceError::DigestMismatch { .. }), [&hex(b"me")]);

    let mut layout = Layout::default();
    let mut next = layout.plain_image("amd64", "x");
    for _ in 0..20 {
        next = layout.index(&[next]);
    }
    layout.root(next, None);
    assert_refused!(layout.tar(), LoadError::Source(SourceError::TooMany { .. }), ["within each other"]);

    let mut layout = Layout::default();
    let entries: Vec<_> = (0..10_001).map(|n: u32| descriptor(OCI_MANIFEST, &n.to_le_bytes())).collect();
    let index = layout.index(&entries);
    layout.root(index.clone(), None);
    let name = index["digest"].as_str().unwrap();
    assert_refused!(layout.tar(), LoadError::Source(SourceError::Document { .. }), [name, "10001"]);
}

#[test]
fn an_index_seen_many_times_is_walked_once() {
    // Two to the power of seven paths to one image.
    let mut layout = Layout::default();
    let mut next = layout.plain_image("amd64", "x");
    for level in 0..6 {
        let mut twin = next.clone();
        twin["annotations"] = json!({"level": level.to_string()});
        next = layout.index(&[next, twin]);
    }
    layout.root(next, None);
    let place = Place::new();
    let loaded = place.load_bytes(&layout.tar()).unwrap();
    assert_eq!(loaded.roots[0].images.len(), 1);
    place.check();
}

#[test]
fn bombs_end_early() {
    let options = Options {
        expansion: consign::layer::compression::Expansion { floor: 1 << 20, ratio: 10 },
        ..Options::default()
    };
    let zeros = vec![0; 32 << 20];
    for bomb in [gzip(&zeros), zstd::stream::encode_all(&zeros[..], 1).unwrap()] {
        let mut layout = Layout::default();
        let image = layout.image("amd64", std::slice::from_ref(&bomb), &[digest(&zeros)]);
        layout.root(image, None);
        let place = Place::new();
        let error = place.load(&*open(&layout.tar()).unwrap(), &options).unwrap_err();
        assert!(
            matches!(&error, LoadError::Layer { source: CompressionError::TooLarge { .. }, .. }),
            "{error:?}"
        );
        assert!(text(&error).contains(&digest(&bomb)));
        place.assert_empty();
    }
    let spool = tempfile::tempdir().unwrap();
    let archive = consign::transport::archive::Options { expansion: options.expansion, ..Default::default() };
    let error = consign::transport::archive::Archive::open(
        crate::file(&gzip(&zeros)),
        Some(&crate::dir(spool.path())),
        archive,
    )
    .unwrap_err();
    assert!(
        matches!(&error, SourceError::Compression { source: CompressionError::TooLarge { .. } }),
        "{error:?}"
    );
}

#[test]
fn broken_and_foreign_compression_is_named() {
    let content = gzip(&layer("content"));
    let trailing = [&content[..], b"garbage garbage garbage"].concat();
    let xz = [&[0xfd, b'7', b'z', b'X', b'Z', 0][..], &[0; 100]].concat();
    for (stored, named) in
        [(trailing, "corrupt"), (content[..content.len() - 9].to_vec(), "truncated"), (xz, "xz")]
    {
        let mut layout = Layout::default();
        let image = layout.image("amd64", std::slice::from_ref(&stored), &[digest(b"x")]);
        layout.root(image, None);
        assert_refused!(layout.tar(), LoadError::Layer { .. }, [named, &digest(&stored)]);
    }
    for (bytes, named) in [(&[0xfd, b'7', b'z', b'X', b'Z', 0][..], "xz"), (b"BZh91AY&SY", "bzip2")] {
        assert_refused!(
            bytes,
            LoadError::Source(SourceError::Compression { source: CompressionError::Unsupported { .. } }),
            [named]
        );
    }
    assert_refused!(
        [b'x'; 4096],
        LoadError::Source(SourceError::Tar(TarError::BadHeader { .. })),
        ["byte 0"]
    );
    assert_refused!([], LoadError::Source(SourceError::Missing { .. }), ["manifest.json"]);
}

#[test]
fn names_that_are_none_are_refused() {
    let content = layer("x");
    let tar = docker_archive(&["UPPER CASE"], &[("l.tar", content.clone())], &[digest(&content)]);
    assert_refused!(tar.end(), LoadError::Source(SourceError::BadName { .. }), ["UPPER CASE"]);
}

#[test]
fn legacy_ancestors_in_a_circle_end() {
    let (a, b) = ("a".repeat(64), "b".repeat(64));
    let tar = Tar::default()
        .json(&format!("{a}/json"), &json!({"id": a, "parent": b, "created": "2014-01-01T00:00:00Z"}))
        .json(&format!("{b}/json"), &json!({"id": b, "parent": a, "created": "2014-01-01T00:00:00Z"}))
        .file(&format!("{a}/layer.tar"), b"")
        .file(&format!("{b}/layer.tar"), b"")
        .json("repositories", &json!({"x": {"1": a}}));
    assert_refused!(tar.end(), LoadError::Source(SourceError::TooMany { .. }), ["ancestors"]);
    let outside = Tar::default().json("repositories", &json!({"x": {"1": "../../etc"}})).end();
    assert_refused!(outside, LoadError::Source(SourceError::Missing { .. }), ["../../etc/json"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn any_damage_gives_an_image_or_an_error(at in 0usize..6000, with: u8, cut in 0usize..6000) {
        let (layout, ..) = one_image();
        let mut bytes = layout.tar();
        let length = bytes.len();
        bytes[at % length] = with;
        if cut % 3 == 0 {
            bytes.truncate(cut % length);
        }
        let place = Place::new();
        match place.load_bytes(&bytes) {
            Ok(_) => place.check(),
            Err(_) => place.assert_empty(),
        }
    }
}
