//! `consign save`: what is written is read back as it was.
//! The peers are asked in `exchanging.rs`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::archive::{Layout, OCI_INDEX, digest, docker_archive, gzip, layer};
use crate::place::{Place, fixtures};
use crate::transcript::Transcript;

const FORMS: [(&str, &str); 4] = [
    ("docker-archive", "docker-archive"),
    ("oci-archive", "oci-archive"),
    ("oci-dir", "oci"),
    ("docker-dir", "dir"),
];

/// Every file below a directory, with its bytes.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                found.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What a store says of an image: its documents and its layers.
fn resolved(place: &Place, image: &str) -> Value {
    let mut resolved = place.run(&["resolve", "--format", "json", image]).ok().json();
    for key in ["input", "matched", "steps", "considered", "target"] {
        resolved[key].take();
    }
    resolved
}

/// A place with images of every kind: several in one archive, an index, compressed layers, shared layers.
fn full() -> Place {
    let place = Place::with(&["several.docker.tar", "multi.oci.tar", "attested.oci.tar"]);
    let shared = layer(&"shared ".repeat(300_000));
    let (one, two) = (layer("one"), layer(&"two ".repeat(400_000)));
    let mut layout = Layout::default();
    let zstd = zstd::stream::encode_all(&two[..], 3).unwrap();
    let diff_ids = [digest(&shared), digest(&one), digest(&two)];
    let image = layout.image("amd64", &[gzip(&shared), one.clone(), zstd], &diff_ids);
    layout.root(image, Some("example.com/mixed:1"));
    let image = layout.image("amd64", &[gzip(&shared), one], &diff_ids[..2]);
    layout.root(image, Some("example.com/base:1"));
    let archive = place.file("full.tar", &layout.tar());
    place.run(&["load", "-q", &archive]).ok();
    place
}

#[test]
fn what_is_saved_is_loaded_again_as_it_was() {
    let place = full();
    for (form, transport) in FORMS {
        for image in ["localhost/single-arm64v8:1", "example.com/mixed:1", "example.com/multi:1"] {
            let path = place.path("out").display().to_string();
            let saved =
                place.run(&["save", "--format", form, "-o", &path, "--report", "json", image]).ok().json();
            assert_eq!(saved["output"], path);
            let other = Place::new();
            other.run(&["load", "-q", &format!("{transport}:{path}")]).ok();
            other.check();
            let (before, after) = (resolved(&place, image), other.images());
            assert!(after.contains(&before["id"].as_str().unwrap().to_owned()), "{form} {image}");
            let id = before["id"].as_str().unwrap();
            let after = resolved(&other, id);
            if form == "docker-archive" {
                // No manifest is kept; layers are uncompressed.
                assert_eq!(after["config"]["digest"], before["config"]["digest"]);
                let diff_ids = |of: &Value| -> Vec<Value> {
                    of["layers"].as_array().unwrap().iter().map(|layer| layer["diffId"].clone()).collect()
                };
                assert_eq!(diff_ids(&after), diff_ids(&before));
                assert_eq!(after["layers"][0]["digest"], after["layers"][0]["diffId"]);
            } else {
                assert_eq!(after["manifest"]["digest"], before["manifest"]["digest"], "{form} {image}");
                assert_eq!(after["layers"], before["layers"], "{form} {image}");
                let target = saved["roots"][0]["written"]["digest"].as_str().unwrap();
                assert_eq!(saved["roots"][0]["stored"]["digest"], target);
                let raw = |place: &Place| place.run(&["inspect", "--raw", target]).ok().stdout;
                assert_eq!(raw(&other), raw(&place));
            }
            if form != "docker-dir" {
                other.run(&["resolve", "-q", image]).ok();
            }
            if Path::new(&path).is_dir() {
                std::fs::remove_dir_all(&path).unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
        }
    }
    assert_eq!(place.check()["problems"], json!([]));
}

#[test]
fn an_archive_is_the_one_podman_made_byte_for_byte() {
    let place = Place::with(&["several.docker.tar"]);
    let names = ["localhost/single-amd64:1", "localhost/multi-amd64:latest", "localhost/single-arm64v8:1"];
    let saved = place.run(&[&["save"], &names[..]].concat()).ok();
    assert!(saved.stdout == std::fs::read(fixtures().join("several.docker.tar")).unwrap());
}

#[test]
fn the_same_images_are_the_same_bytes() {
    let (place, other) = (full(), full());
    let images = ["example.com/mixed:1", "example.com/base:1", "example.com/multi:1"];
    for form in ["docker-archive", "oci-archive"] {
        let save = [&["save", "--format", form], &images[..]].concat();
        let first = place.run(&save).ok().stdout;
        // To a file, to a pipe, from another store: it is the same.
        let path = place.path("again").display().to_string();
        place.run(&[&save[..], &["-o", &path]].concat()).ok();
        assert!(std::fs::read(&path).unwrap() == first, "{form}");
        assert!(other.run(&save).ok().stdout == first, "{form}");
    }
    for form in ["oci-dir", "docker-dir"] {
        let saved = |place: &Place, name: &str, options: &[&str]| {
            let path = place.path(name);
            let save = ["save", "--format", form, "-o", path.to_str().unwrap(), "example.com/multi:1"];
            place.run(&[&save[..], options].concat()).ok();
            files(&path)
        };
        let first = saved(&place, &format!("{form}.1"), &[]);
        assert_eq!(saved(&other, &format!("{form}.2"), &["--compress"]).len(), first.len());
        assert_eq!(saved(&place, &format!("{form}.3"), &["--link"]), first, "{form}");
    }
}

#[test]
fn shared_layers_are_written_once_and_every_tag_is_kept() {
    let place = full();
    place.run(&["tag", "example.com/base:1", "debian", "debian:12"]).ok();
    let path = place.path("out.tar").display().to_string();
    let images = ["debian", "example.com/mixed:1", "debian:12", "example.com/base:1"];
    place.run(&[&["save", "-o", &path], &images[..]].concat()).ok();
    let names =
        String::from_utf8(std::process::Command::new("tar").args(["-tf", &path]).output().unwrap().stdout)
            .unwrap();
    let layers = names.lines().filter(|name| name.ends_with(".tar") && !name.contains('/')).count();
    assert_eq!(layers, 3, "{names}");
    let other = Place::new();
    let loaded = other.run(&["load", "--format", "json", &path]).ok().json();
    assert_eq!(
        loaded["roots"][0]["names"],
        json!(["docker.io/library/debian:latest", "docker.io/library/debian:12", "example.com/base:1"])
    );
    assert_eq!(loaded["roots"][1]["names"], json!(["example.com/mixed:1"]));
    assert_eq!(other.images().len(), 2);
}

#[test]
fn an_image_can_be_given_more_names_and_needs_none() {
    let place = full();
    let id = resolved(&place, "example.com/mixed:1")["id"].as_str().unwrap().to_owned();
    for (form, transport) in &FORMS[..2] {
        let path = place.path("out.tar").display().to_string();
        let names = |arguments: &[&str]| {
            place.run(&[&["save", "--format", form, "-o", &path], arguments].concat()).ok();
            let loaded = Place::new().run(&["load", "--format", "json", &format!("{transport}:{path}")]);
            let roots = loaded.ok().json()["roots"].take();
            let names = roots.as_array().unwrap().iter().flat_map(|root| root["names"].as_array().unwrap());
            names.map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&[&id]), [""; 0], "{form}");
        assert_eq!(names(&[&id[7..19], "--additional-tag", "x/y:2"]), ["docker.io/x/y:2"], "{form}");
        let both = names(&["example.com/mixed:1", "--additional-tag", "x", "--additional-tag", "y:3"]);
        assert_eq!(both, ["example.com/mixed:1", "docker.io/library/x:latest", "docker.io/library/y:3"]);
    }
}

#[test]
fn one_platform_is_saved_when_asked_for() {
    let place = Place::with(&["multi.oci.tar"]);
    for (form, transport) in FORMS {
        let path = place.path(form).display().to_string();
        let save =
            ["save", "--format", form, "-o", &path, "--platform", "linux/arm/v6", "example.com/multi:1"];
        place.run(&save).ok();
        let other = Place::new();
        let loaded = other.run(&["load", "--format", "json", &format!("{transport}:{path}")]).ok().json();
        let images = loaded["roots"][0]["images"].as_array().unwrap();
        assert_eq!(images.len(), 1, "{form}");
        assert_eq!(images[0]["platform"]["variant"], "v6", "{form}");
        assert_eq!(loaded["roots"][0]["absent"], json!([]));
    }
    // With the index, whose digest stays.
    let path = place.path("sparse").display().to_string();
    let save = ["save", "--format", "oci-archive", "-o", &path, "--sparse", "--platform", "linux/arm64"];
    let saved = place.run(&[&save[..], &["--report", "json", "example.com/multi:1"]].concat()).ok().json();
    let root = &saved["roots"][0];
    assert_eq!((&root["stored"], root["absent"].as_array().unwrap().len()), (&root["written"], 7));
    let loaded = Place::new().run(&["load", "--format", "json", &path]).ok().json();
    assert_eq!(loaded["roots"][0]["target"]["digest"], root["stored"]["digest"]);
    assert_eq!(loaded["roots"][0]["images"].as_array().unwrap().len(), 1);
}

#[test]
fn an_index_names_only_what_is_with_it_unless_asked() {
    let place = Place::new();
    place.run(&["load", "-q", "--platform", "linux/arm/v7", "multi.oci.tar"]).ok();
    let reload = |path: &str| Place::new().run(&["load", "--format", "json", path]).ok().json();
    let save = |options: &[&str], name: &str, image: &str| {
        let path = place.path(name).display().to_string();
        let save = ["save", "--format", "oci-archive", "-o", &path, "--report", "json", image];
        let saved = place.run(&[&save[..], options].concat()).ok().json();
        (saved["roots"][0].clone(), reload(&path)["roots"][0].clone())
    };
    // One image is left: it stands for itself.
    let (saved, loaded) = save(&[], "one", "example.com/multi:1");
    assert_eq!(loaded["target"]["digest"], saved["written"]["digest"]);
    assert_eq!(loaded["target"]["digest"], loaded["images"][0]["manifest"]);
    assert_eq!(saved["absent"].as_array().unwrap().len(), 7);
    assert_eq!(loaded["absent"], json!([]));
    assert_eq!(loaded["names"], json!(["example.com/multi:1"]));
    // Several are left: another index lists them.
    place.run(&["load", "-q", "--platform", "linux/386", "multi.oci.tar"]).ok();
    let (saved, loaded) = save(&[], "two", "example.com/multi:1");
    assert_ne!(saved["written"]["digest"], saved["stored"]["digest"]);
    assert_eq!(saved["written"]["mediaType"], OCI_INDEX);
    assert_eq!(loaded["target"]["digest"], saved["written"]["digest"]);
    assert_eq!((loaded["images"].as_array().unwrap().len(), &loaded["absent"]), (2, &json!([])));
    // It stays as it is.
    let (saved, loaded) = save(&["--sparse"], "sparse", "example.com/multi:1");
    assert_eq!(saved["written"], saved["stored"]);
    assert_eq!(loaded["images"].as_array().unwrap().len(), 2);
    assert_eq!(loaded["absent"].as_array().unwrap().len(), 6);
    Transcript::new(&place)
        .run("save --format oci-archive --all-platforms -o x example.com/multi:1")
        .run("save --format oci-dir --all-platforms -o x example.com/multi:1")
        .run("save --platform linux/amd64 -o x example.com/multi:1")
        .run("save --all-platforms -o x example.com/multi:1")
        .run("save --sparse -o x example.com/multi:1")
        .assert("save_absent");
    assert!(!fixtures().join("x").exists());
}

#[test]
fn an_image_goes_with_what_is_attested_of_it() {
    let place = Place::new();
    place.run(&["load", "-q", "--platform", "linux/386", "attested.oci.tar"]).ok();
    let path = place.path("attested").display().to_string();
    place.run(&["save", "--format", "oci-archive", "-o", &path, "example.com/attested:1"]).ok();
    let other = Place::with(&[&path]);
    let index = other.run(&["inspect", "--raw", "example.com/attested:1"]).ok().json();
    let platforms = index["manifests"].as_array().unwrap().iter();
    let platforms: Vec<&Value> = platforms.map(|entry| &entry["platform"]["architecture"]).collect();
    assert_eq!(platforms, ["386", "unknown"]);
}

#[test]
fn layers_are_compressed_when_asked() {
    let place = Place::new();
    let big = layer(&"compressible ".repeat(200_000));
    let tar = docker_archive(&["example.com/plain:1"], &[("a.tar", big.clone())], &[digest(&big)]);
    let archive = place.file("plain.tar", &tar.end());
    place.run(&["load", "-q", &archive]).ok();
    for (form, transport) in &FORMS[1..] {
        let path = place.path(form).display().to_string();
        let save = ["save", "--compress", "--format", form, "-o", &path, "--report", "json"];
        let saved = place.run(&[&save[..], &["example.com/plain:1"]].concat()).ok().json();
        assert!(saved["written"]["bytes"].as_u64().unwrap() < 100_000, "{saved}");
        let other = Place::new();
        other.run(&["load", "-q", &format!("{transport}:{path}")]).ok();
        assert_eq!(other.images(), place.images());
        let layers = resolved(&other, &other.images()[0])["layers"].take();
        assert_eq!(layers[0]["diffId"], digest(&big));
        assert_ne!(layers[0]["digest"], digest(&big));
    }
    // Each way gives other bytes, and the same ones every time.
    let mut digests = Vec::new();
    for (method, media_type) in [
        ("gzip:1", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        ("gzip:9", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        ("zstd", "application/vnd.docker.image.rootfs.diff.tar.zstd"),
        ("zstd:19", "application/vnd.docker.image.rootfs.diff.tar.zstd"),
    ] {
        let layer = |name: &str| {
            let path = place.path(name).display().to_string();
            let save = ["save", "--compress", method, "--format", "oci-archive", "-o", &path];
            place.run(&[&save[..], &["example.com/plain:1"]].concat()).ok();
            let other = Place::new();
            other.run(&["load", "-q", &path]).ok();
            assert_eq!(other.images(), place.images());
            let mut manifest = other.run(&["inspect", "--raw", "example.com/plain:1"]).ok().json();
            manifest["layers"][0].take()
        };
        let saved = layer("once");
        assert_eq!(saved["mediaType"], media_type);
        assert_eq!(layer("twice"), saved);
        digests.push(saved["digest"].to_string());
    }
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), 4);
    Transcript::new(&place)
        .run("save --compress -o x example.com/plain:1")
        .run("save --format oci-archive -o x --compress zstd:23 example.com/plain:1")
        .run("save --format oci-archive -o x --compress example.com/plain:1")
        .assert("save_compress");
    // Nothing is left of temporary files.
    assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_saved_is_refused_and_leaves_nothing() {
    let place = full();
    std::fs::create_dir(place.path("full")).unwrap();
    place.file("full/file", b"x");
    place.file("file", b"before");
    let at = |name: &str| place.path(name).display().to_string();
    Transcript::new(&place)
        .run("save nosuch:1")
        .run("save")
        .run(&format!("save -o {} nosuch:1", at("file")))
        .run(&format!("save -o {} example.com/base:1", at("full")))
        .run(&format!("save -o {} example.com/base:1", at("no/such/directory")))
        .run(&format!("save --format oci-dir -o {} example.com/base:1", at("full")))
        .run(&format!("save --format oci-dir -o {} example.com/base:1", at("file")))
        .run("save --format oci-dir example.com/base:1")
        .run("save --report json example.com/base:1")
        .run(&format!("save --format docker-dir -o {} example.com/base:1 debian", at("new")))
        .run(&format!("save --format docker-dir -o {} example.com/base:1 example.com/mixed:1", at("new")))
        .run(&format!("save --additional-tag x -o {} example.com/base:1 example.com/mixed:1", at("new")))
        .run(&format!("save --additional-tag UPPER -o {} example.com/base:1", at("new")))
        .run("save oci-archive:multi.oci.tar")
        .run("save --format tar example.com/base:1")
        .assert("save_refused");
    assert_eq!(std::fs::read(place.path("file")).unwrap(), b"before");
    let mut left: Vec<_> =
        std::fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["file", "full", "full.tar", "store", "tmp"]);
}

#[test]
fn an_archive_is_not_written_to_a_terminal() {
    let place = full();
    // `script` gives a command a terminal.
    let line = format!("{} save example.com/base:1", env!("CARGO_BIN_EXE_consign"));
    let output = std::process::Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .env("CONSIGN_ROOT", place.root())
        .stdin(std::process::Stdio::null())
        .output();
    let Ok(output) = output else {
        println!("not run: there is no `script`");
        return;
    };
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("found a terminal on standard output"), "{text}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = full();
    let script = r#""$CONSIGN" save example.com/mixed:1 | head -c 100 > /dev/null; exit ${PIPESTATUS[0]}"#;
    let output = std::process::Command::new("bash")
        .args(["-c", script])
        .env("CONSIGN", env!("CARGO_BIN_EXE_consign"))
        .env("CONSIGN_ROOT", place.root())
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn an_existing_file_is_replaced_and_an_empty_directory_filled() {
    use std::os::unix::fs::MetadataExt as _;
    let place = full();
    let target = place.file("target", b"before");
    let link = place.path("link");
    std::os::unix::fs::symlink(&target, &link).unwrap();
    place.run(&["save", "-o", link.to_str().unwrap(), "example.com/base:1"]).ok();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(std::fs::read(&target).unwrap().len() > 1 << 20);
    let directory = place.path("empty");
    std::fs::create_dir(&directory).unwrap();
    let before = std::fs::metadata(&directory).unwrap().ino();
    let path = directory.to_str().unwrap();
    place.run(&["save", "--format", "oci-dir", "-o", path, "example.com/base:1"]).ok();
    assert_eq!(std::fs::metadata(&directory).unwrap().ino(), before);
    let mut names: Vec<_> =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["blobs", "index.json", "oci-layout"]);
    // A device is written to as it is.
    place.run(&["save", "-o", "/dev/null", "example.com/base:1"]).ok();
}

#[test]
fn a_directory_shares_the_stores_files_when_asked() {
    use std::os::unix::fs::MetadataExt as _;
    let place = full();
    let path = place.path("linked");
    place
        .run(&["save", "--link", "--format", "oci-dir", "-o", path.to_str().unwrap(), "example.com/mixed:1"])
        .ok();
    let layers = resolved(&place, "example.com/mixed:1")["layers"].take();
    for layer in layers.as_array().unwrap() {
        let blob = format!("blobs/{}", layer["digest"].as_str().unwrap().replace(':', "/"));
        let inode = |path: &Path| std::fs::metadata(path.join(&blob)).unwrap().ino();
        assert_eq!(inode(&path), inode(&place.root()));
    }
    assert_eq!(place.check()["problems"], json!([]));
}

#[test]
fn a_damaged_blob_is_not_passed_on() {
    let place = full();
    let layers = resolved(&place, "example.com/mixed:1")["layers"].take();
    for layer in layers.as_array().unwrap() {
        let hex = layer["digest"].as_str().unwrap().replace(':', "/");
        let path = place.root().join("blobs").join(hex);
        let good = std::fs::read(&path).unwrap();
        let mut bad = good.clone();
        let middle = bad.len() / 2;
        bad[middle] ^= 1;
        std::fs::write(&path, &bad).unwrap();
        for form in ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] {
            let out = place.path("out").display().to_string();
            let outcome = place.run(&["save", "--format", form, "-o", &out, "example.com/mixed:1"]);
            assert!(matches!(outcome.code, Some(1 | 2)), "{form}: {outcome:?}");
            let said = outcome.stderr.contains("damaged") || outcome.stderr.contains("decompressed");
            assert!(said && !place.path("out").exists(), "{form}: {}", outcome.stderr);
        }
        std::fs::remove_file(&path).unwrap();
        let outcome = place.run(&["save", "-q", "example.com/mixed:1"]).failed(1);
        assert!(outcome.stderr.contains("not complete in the store"), "{}", outcome.stderr);
        std::fs::write(&path, &good).unwrap();
    }
    place.run(&["save", "-q", "example.com/mixed:1"]).ok();
}
