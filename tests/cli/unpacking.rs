//! Images unpacked by the command: stored and in place, whole or not at all, as bundles that run.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::archive::{Layout, Tar, digest, gzip, layer};
use crate::place::Place;
use crate::transcript::Transcript;

/// An archive of an image of these layers; its path.
fn archive(place: &Place, name: &str, layers: &[Vec<u8>], config: Value) -> String {
    let mut layout = Layout::default();
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    let stored: Vec<Vec<u8>> = layers.iter().map(|layer| gzip(layer)).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "config": config, "author": "somebody",
        "created": "2024-05-06T07:08:09Z", "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let image = layout.image_with(config.to_string().as_bytes(), &stored);
    layout.root(image, Some("example.com/unpack:1"));
    place.file(name, &layout.tar())
}

fn tree(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let below = tree(&entry.path()).into_iter().map(|(path, what)| (format!("{name}/{path}"), what));
            found.extend(below.collect::<Vec<_>>());
        } else {
            found.insert(name, fs::read_to_string(entry.path()).unwrap_or_default());
        }
    }
    found
}

fn wanted() -> BTreeMap<String, String> {
    [("etc/passwd", PASSWD), ("file", "two")].map(|(path, text)| (path.to_owned(), text.to_owned())).into()
}

const PASSWD: &str = "app:x:1000:1001::/home/app:/bin/sh\n";

fn layers() -> Vec<Vec<u8>> {
    vec![
        Tar::default().file("etc/passwd", PASSWD.as_bytes()).file("file", b"one").file("gone", b"").end(),
        Tar::default().file("file", b"two").file(".wh.gone", b"").end(),
    ]
}

#[test]
fn an_image_is_unpacked_from_the_store_and_from_where_it_lies() {
    let place = Place::new();
    let archive = archive(&place, "image.tar", &layers(), json!({}));
    place.run(&["load", "-q", &archive]).ok();
    for (name, image) in [("stored", "example.com/unpack:1"), ("in-place", &format!("oci-archive:{archive}"))]
    {
        let directory = place.path(name);
        let outcome = place.run(&["unpack", image, directory.to_str().unwrap()]).ok();
        assert_eq!((outcome.text(), outcome.stderr.as_str()), ("", ""));
        assert_eq!(tree(&directory), wanted());
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o7777, 0o755);
        // An empty directory is filled, another is left alone.
        let there = place.path(&format!("{name}-there"));
        fs::create_dir(&there).unwrap();
        place.run(&["unpack", "-q", image, there.to_str().unwrap()]).ok();
        assert_eq!(tree(&there), wanted());
        place.run(&["unpack", image, there.to_str().unwrap()]).failed(2);
        assert_eq!(tree(&there), wanted());
    }
}

#[test]
fn what_is_said_of_an_unpacking_is_the_same_every_time() {
    let place = Place::new();
    let archive = archive(&place, "image.tar", &layers(), json!({}));
    let evil = vec![Tar::default().file("../evil", b"x").file("good", b"y").end()];
    let evil = self::archive(&place, "evil.tar", &evil, json!({}));
    fs::write(place.path("a-file"), "").unwrap();
    let at = |name: &str| place.path(name).display().to_string();
    Transcript::new(&place)
        .run(&format!("load -q {archive}"))
        .run(&format!("unpack example.com/unpack:1 {} --format json", at("one")))
        .run(&format!("unpack example.com/unpack:1 {}", at("one")))
        .run(&format!("unpack example.com/unpack:1 {}", at("a-file")))
        .run(&format!("unpack example.com/unpack:1 {}", at("no/such/directory")))
        .run(&format!("unpack example.com/nosuch:1 {}", at("two")))
        .run(&format!("unpack --platform linux/s390x example.com/unpack:1 {}", at("two")))
        .run(&format!("unpack oci-archive:{evil} {}", at("evil")))
        .run(&format!("unpack --keep-going oci-archive:{evil} {}", at("evil")))
        .run(&format!("unpack -k --format json oci-archive:{evil} {}", at("more-evil")))
        .assert("unpack");
    assert_eq!(tree(&place.path("evil")), [("good".to_owned(), "y".to_owned())].into());
    assert!(!place.path("evil/../../evil").exists());
}

#[test]
fn of_an_image_that_is_not_what_it_should_be_nothing_is_left() {
    let place = Place::new();
    let good = layer("good");
    let cases: [(Vec<u8>, String, &str); 3] = [
        // Another layer than the config says.
        (gzip(&layer("other")), digest(&good), "diff ID"),
        // Compressed content that is cut.
        (gzip(&good)[..60].to_vec(), digest(&good), "truncated"),
        // No tar at all.
        (gzip(&[7; 2000]), digest(&[7; 2000]), "no tar header"),
    ];
    for (number, (blob, diff_id, named)) in cases.into_iter().enumerate() {
        let mut layout = Layout::default();
        let first = layer("first");
        let image = layout.image("amd64", &[gzip(&first), blob], &[digest(&first), diff_id]);
        layout.root(image, None);
        let archive = place.file(&format!("{number}.tar"), &layout.tar());
        let image = format!("oci-archive:{archive}");
        let new = place.path(&format!("new{number}"));
        let there = place.path(&format!("there{number}"));
        fs::create_dir(&there).unwrap();
        let before = fs::metadata(&there).unwrap().permissions().mode();
        for directory in [&new, &there] {
            let outcome = place.run(&["unpack", "-k", &image, directory.to_str().unwrap()]).failed(1);
            assert!(outcome.stderr.contains(named), "{}", outcome.stderr);
        }
        assert!(!new.exists());
        assert_eq!(fs::read_dir(&there).unwrap().count(), 0);
        assert_eq!(fs::metadata(&there).unwrap().permissions().mode(), before);
    }
    let hidden = fs::read_dir(place.path(""))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'));
    assert_eq!(hidden.count(), 0);
}

fn config() -> Value {
    json!({
        "User": "app",
        "Env": ["PATH=/bin", "A=b=c"],
        "Entrypoint": ["/bin/entry"],
        "Cmd": ["--flag", "x y"],
        "WorkingDir": "/srv",
        "Labels": {"com.example": "1"},
        "ExposedPorts": {"80/tcp": {}, "443": {}},
        "Volumes": {"/data": {}},
        "StopSignal": "SIGINT",
    })
}

#[test]
fn a_bundle_says_how_to_start_what_is_in_it() {
    let place = Place::new();
    let archive = archive(&place, "image.tar", &layers(), config());
    let bundle = place.path("bundle");
    place.run(&["unpack", "--bundle", &format!("oci-archive:{archive}"), bundle.to_str().unwrap()]).ok();
    assert_eq!(tree(&bundle.join("rootfs")), wanted());
    let document: Value = serde_json::from_slice(&fs::read(bundle.join("config.json")).unwrap()).unwrap();
    let process = &document["process"];
    assert_eq!(process["args"], json!(["/bin/entry", "--flag", "x y"]));
    assert_eq!(process["user"], json!({"uid": 1000, "gid": 1001}));
    assert_eq!(process["env"], json!(["PATH=/bin", "TERM=xterm", "HOME=/home/app", "A=b=c"]));
    assert_eq!(process["cwd"], "/srv");
    assert_eq!(document["root"]["path"], "rootfs");
    let annotations = json!({
        "org.opencontainers.image.os": "linux",
        "org.opencontainers.image.architecture": "amd64",
        "org.opencontainers.image.author": "somebody",
        "org.opencontainers.image.created": "2024-05-06T07:08:09Z",
        "org.opencontainers.image.stopSignal": "SIGINT",
        "org.opencontainers.image.exposedPorts": "443,80/tcp",
        "com.example": "1",
    });
    assert_eq!(document["annotations"], annotations);
    let mounts = document["mounts"].as_array().unwrap();
    assert!(mounts.iter().any(|mount| mount["destination"] == "/data" && mount["type"] == "tmpfs"));
    // A user who is not in the image: nothing is left.
    let nobody = self::archive(&place, "nobody.tar", &layers(), json!({"User": "nosuch"}));
    let refused = place.path("refused");
    let outcome = place
        .run(&["unpack", "--bundle", &format!("oci-archive:{nobody}"), refused.to_str().unwrap()])
        .failed(2);
    assert!(outcome.stderr.contains("found `nosuch`"), "{}", outcome.stderr);
    assert!(!refused.exists());
}

#[test]
fn runtimes_take_a_bundle() {
    let Some(runtime) =
        ["runc", "crun"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok())
    else {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "there is neither runc nor crun");
        println!("not run: there is neither runc nor crun");
        return;
    };
    let place = Place::new();
    let archive = archive(&place, "image.tar", &layers(), config());
    for rootless in [&[][..], &["--rootless"]] {
        let name = format!("bundle{}", rootless.len());
        let bundle = place.path(&name);
        let image = format!("oci-archive:{archive}");
        let arguments = [&["unpack", "--bundle"][..], rootless, &[&image, bundle.to_str().unwrap()]].concat();
        place.run(&arguments).ok();
        // The document is read before anything is done that this machine may not let be done.
        let mut command = Command::new(runtime);
        command
            .arg("--root")
            .arg(place.path("run"))
            .args(["create", "--bundle"])
            .arg(&bundle)
            .arg("consign-test");
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        for complaint in
            ["parse", "invalid", "unknown", "config.json", "ociVersion", "spec", "JSON", "schema"]
        {
            assert!(!said.contains(complaint), "{runtime}: {said}");
        }
        println!("{runtime} create: {:?} {said}", output.status);
        let _ = Command::new(runtime)
            .arg("--root")
            .arg(place.path("run"))
            .args(["delete", "-f", "consign-test"])
            .output();
    }
}
