//! Images in podman's storage, read where they are: what skopeo reads there, byte for byte.
//!
//! Storages made by skopeo need it; without it those tests say so and pass, unless `CONSIGN_REQUIRE_PEERS` is set.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::archive::{Tar, digest, hex};
use crate::place::{Outcome, Place, fixtures};

const SMALL: &str = "example.com/small:1";
const SMALL_ID: &str = "9c4994d660a92a3bad11f74b93b6463ace6724b000bd0bae6471c7963af7f82b";
/// What was pulled; its layers are compressed.
const SMALL_MANIFEST: &str = "sha256:8f540d35a79e5958ddd487a8eaea0cb134a180a71e6af31e88fc164deffe4af9";

/// The image of the fixture, as its storage is named in full.
fn small() -> String {
    format!("containers-storage:[vfs@{}+/run]{SMALL}", fixtures().join("storage").display())
}

/// A copy of the fixture's storage, to be damaged.
struct Copied {
    place: Place,
}

impl Copied {
    fn new() -> Copied {
        let place = Place::new();
        let copied =
            Command::new("cp").arg("-a").arg(fixtures().join("storage")).arg(place.path("storage")).status();
        assert!(copied.unwrap().success());
        Copied { place }
    }

    fn image(&self) -> String {
        format!("containers-storage:[vfs@{}+/run]{SMALL}", self.path("").display())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path("storage").join(name)
    }

    fn layers(&self) -> Vec<Value> {
        let bytes = std::fs::read(self.path("vfs-layers/layers.json")).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The directory of the base layer, or of the top one.
    fn files(&self, layer: usize) -> PathBuf {
        self.path("vfs/dir").join(self.layers()[layer]["id"].as_str().unwrap())
    }

    fn split(&self, layer: usize) -> PathBuf {
        self.path("vfs-layers").join(format!("{}.tar-split.gz", self.layers()[layer]["id"].as_str().unwrap()))
    }

    /// Loading ends in this, and nothing of it is in the store.
    #[track_caller]
    fn is_refused(&self, code: i32, wanted: &str) {
        let refused = self.place.run(&["load", "-q", &self.image()]).failed(code);
        assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
        self.place.assert_empty();
    }
}

#[test]
fn an_image_of_a_storage_is_what_was_pulled() {
    let place = Place::new();
    let resolved = place.run(&["resolve", "--format", "json", &small()]).ok().json();
    assert_eq!(resolved["target"]["digest"], SMALL_MANIFEST);
    assert_eq!(resolved["id"], format!("sha256:{SMALL_ID}"));
    assert_eq!(digest(&place.run(&["inspect", "--raw", &small()]).ok().stdout), SMALL_MANIFEST);
    let inspected = place.run(&["inspect", &small()]).ok().json();
    assert_eq!(inspected[0]["RepoTags"], json!([SMALL]));
    assert_eq!(inspected[0]["RepoDigests"], json!([format!("example.com/small@{SMALL_MANIFEST}")]));
    let history = place.run(&["history", "--format", "json", &small()]).ok().json();
    assert_eq!(history.as_array().unwrap().len(), 2, "{history}");
}

#[test]
fn files_of_an_image_in_a_storage_are_those_of_its_layers() {
    let place = Place::new();
    let wanted: String = (1..=1000).map(|number| format!("{number}\n")).collect();
    for path in ["/etc/numbers", "/etc/hard", "/etc/link"] {
        assert_eq!(place.run(&["cat", &small(), path]).ok().text(), wanted, "{path}");
    }
    assert_eq!(place.run(&["cat", &small(), "/etc/release"]).ok().text(), "top\n");
    let base = place.run(&["ls", "--layer", "0", &small(), "/opt"]).ok();
    assert!(base.text().ends_with("\ngone\n") || base.text().starts_with("gone\n"), "{}", base.text());
    let long = "long".repeat(30);
    assert_eq!(place.run(&["ls", &small(), "/opt"]).ok().text(), format!("{long}\nnew\n"));
    // The top layer takes away what the base layer has.
    place.run(&["cat", &small(), "/opt/gone/file"]).failed(1);
    let root = place.path("root").display().to_string();
    place.run(&["unpack", &small(), &root]).ok();
    assert_eq!(std::fs::read_to_string(Path::new(&root).join("etc/release")).unwrap(), "top\n");
    assert!(!Path::new(&root).join("opt/gone").exists());
}

#[test]
fn what_is_loaded_from_a_storage_names_the_layers_that_are_there() {
    let place = Place::new();
    let loaded = place.run(&["load", "--format", "json", &small()]).ok().json();
    assert_eq!(loaded["roots"][0]["names"], json!([SMALL]));
    assert_eq!(loaded["roots"][0]["images"][0]["id"], format!("sha256:{SMALL_ID}"));
    let manifest = place.run(&["inspect", "--raw", SMALL]).ok().json();
    let config = place.run(&["inspect", "--config", SMALL]).ok().json();
    let layers = manifest["layers"].as_array().unwrap();
    let named: Vec<_> = layers.iter().map(|layer| layer["digest"].clone()).collect();
    assert_eq!(json!(named), config["rootfs"]["diff_ids"]);
    for layer in layers {
        assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar");
    }
    assert_eq!(place.check()["problems"], json!([]));
    // The same by a part of its ID, and pulled.
    let storage = fixtures().join("storage").display().to_string();
    for text in [&SMALL_ID[..12], SMALL_ID, &format!("example.com/small@{SMALL_MANIFEST}")] {
        let other = Place::new();
        other.run(&["pull", "-q", &format!("containers-storage:[{storage}]{text}")]).ok();
        assert_eq!(other.images(), [format!("sha256:{SMALL_ID}")], "{text}");
        let resolved = other.run(&["resolve", "--format", "json", SMALL_ID]).ok().json();
        assert_eq!(resolved["manifest"]["digest"], loaded["roots"][0]["target"]["digest"], "{text}");
    }
}

#[test]
fn the_storage_is_the_one_that_storage_conf_names() {
    let place = Place::new();
    let storage = fixtures().join("storage").display().to_string();
    let run = |place: &Place, conf: &str| -> Outcome {
        let path = place.file("storage.conf", conf.as_bytes());
        let mut command = place.command(&["resolve", "-q", "containers-storage:example.com/small:1"]);
        command.env("CONTAINERS_STORAGE_CONF", path);
        // The same whoever runs the tests.
        command.env("_CONTAINERS_USERNS_CONFIGURED", "done").env("HOME", "/nowhere").env("BASE", &storage);
        place.outcome_of(command)
    };
    let found = |conf: &str| assert_eq!(run(&place, conf).ok().text().trim(), format!("sha256:{SMALL_ID}"));
    found(&format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{storage}\"\n"));
    found(&format!("[storage]\ngraphroot = \"{storage}\"\n"));
    found("[storage]\nrootless_storage_path = \"$BASE\"\n");
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.display();
    found(&format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{empty}\"\n[storage.options]\nadditionalimagestores = [\"{storage}\"]\n"
    ));
    let refused = run(&place, &format!("[storage]\ndriver = \"vfs\"\ngraphroot = \"{empty}\"\n")).failed(1);
    assert!(
        refused.stderr.contains("`containers-storage:example.com/small:1` is not there"),
        "{}",
        refused.stderr
    );
    let refused = run(&place, "[storage]\ndriver = 3\n").failed(2);
    assert!(refused.stderr.contains("storage.conf`, line 2: "), "{}", refused.stderr);
    let refused =
        run(&place, &format!("[storage]\ndriver = \"btrfs\"\ngraphroot = \"{storage}\"\n")).failed(2);
    assert!(refused.stderr.contains("wanted the storage driver `overlay` or `vfs`, found `btrfs`"));
    let refused = run(&place, "[storage]\ngraphroot = \"/nowhere/at/all\"\n").failed(2);
    assert!(refused.stderr.contains("opening the storage `/nowhere/at/all`"), "{}", refused.stderr);
}

#[test]
fn a_file_that_was_changed_is_named_and_nothing_is_stored() {
    let copied = Copied::new();
    std::fs::write(copied.files(1).join("etc/release"), "tip\n").unwrap();
    copied.is_refused(1, "the file `etc/release` of the layer was changed");
    // Nor is it shown for what it was.
    let shown = copied.place.run(&["cat", &copied.image(), "/etc/release"]);
    assert_ne!(shown.code, Some(0), "{}", shown.text());
    std::fs::remove_file(copied.files(1).join("etc/release")).unwrap();
    copied.is_refused(2, "the file `etc/release` of the layer cannot be read");
    let root = copied.place.path("root");
    copied.place.run(&["unpack", &copied.image(), root.to_str().unwrap()]).failed(2);
    assert!(!root.exists());
}

#[test]
fn a_damaged_tar_split_is_an_error_and_nothing_is_stored() {
    let copied = Copied::new();
    let whole = std::fs::read(copied.split(0)).unwrap();
    std::fs::write(copied.split(0), &whole[..whole.len() / 2]).unwrap();
    copied.is_refused(2, "tar-split");
    std::fs::write(copied.split(0), b"no gzip").unwrap();
    copied.is_refused(2, "tar-split");
    std::fs::remove_file(copied.split(0)).unwrap();
    copied.is_refused(2, ".tar-split.gz` failed");
    // Well formed, and of another layer.
    std::fs::copy(copied.split(1), copied.split(0)).unwrap();
    copied.place.run(&["load", &copied.image()]);
    copied.place.assert_empty();
}

#[test]
fn records_that_do_not_agree_with_the_image_are_errors() {
    let copied = Copied::new();
    let list = copied.path("vfs-layers/layers.json");
    let layers = copied.layers();
    let change = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut changed = layers.clone();
        change(&mut changed);
        std::fs::write(&list, json!(changed).to_string()).unwrap();
    };
    change(&|layers| layers[1]["parent"] = json!(""));
    copied.is_refused(2, "has 2 layers, the storage has 1 of them");
    change(&|layers| drop(layers.remove(0)));
    copied.is_refused(2, "is missing, which the image");
    change(&|layers| layers[0]["diff-digest"] = json!(digest(b"other")));
    let refused = copied.place.run(&["load", &copied.image()]);
    assert!(refused.code.is_some_and(|code| code != 0), "{}", refused.text());
    copied.place.assert_empty();
    change(&|layers| layers[0]["diff-size"] = json!(7));
    copied.place.run(&["load", &copied.image()]);
    copied.place.assert_empty();
    change(&|_| ());
    let manifest = copied.path("vfs-images").join(SMALL_ID).join("manifest");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("gzip", "pizg")).unwrap();
    copied.is_refused(1, &format!("wanted content with digest `{SMALL_MANIFEST}`"));
    std::fs::write(copied.path("vfs-images/images.json"), "{").unwrap();
    copied.is_refused(2, "images.json` is no list of a containers storage");
}

/// A storage that skopeo fills, by its configuration.
struct Filled {
    conf: PathBuf,
    home: PathBuf,
}

impl Drop for Filled {
    /// The storage library mounts its directory over itself, and leaves it so.
    fn drop(&mut self) {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let home = self.home.canonicalize().unwrap_or_default();
        if mounts.lines().any(|line| line.split(' ').nth(4) == home.to_str()) {
            Command::new("umount").arg(&home).status().unwrap();
        }
    }
}

/// `None` where skopeo is not installed.
fn storage(place: &Place, driver: &str) -> Option<Filled> {
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "skopeo is not installed");
        println!("not compared: skopeo is not installed");
        return None;
    }
    let at = |name: &str| place.path(name).display().to_string();
    let text = format!(
        "[storage]\ndriver = \"{driver}\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
        at("graph"),
        at("run")
    );
    std::fs::write(place.path("storage.conf"), text).unwrap();
    std::fs::write(place.path("policy.json"), r#"{"default": [{"type": "insecureAcceptAnything"}]}"#)
        .unwrap();
    Some(Filled { conf: place.path("storage.conf"), home: place.path("graph").join(driver) })
}

fn skopeo(place: &Place, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut command = Command::new("skopeo");
    command.arg("--policy").arg(place.path("policy.json")).args(arguments).current_dir(place.path("tmp"));
    command.env("CONTAINERS_STORAGE_CONF", place.path("storage.conf")).env("TMPDIR", place.path("tmp"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(output.stdout) } else { Err(said) }
}

/// A pax header before an entry, with these records.
fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let length = (rest..).find(|length| length.to_string().len() + rest == *length).unwrap();
        bytes.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
    }
    let mut header = Tar::default().link("PaxHeader", b'x', "").cut();
    header[124..136].copy_from_slice(format!("{:011o}\0", bytes.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    [header, bytes].concat()
}

/// Two layers of what tars have that has to come out again as it went in.
fn layers() -> [Vec<u8>; 2] {
    let long = format!("{}/file", "directory/".repeat(20));
    let mut zeros = vec![0; 3 << 20];
    zeros.extend_from_slice(b"end");
    let base = [
        Tar::default().link("etc/", b'5', "").file("etc/a", b"first").link("etc/hard", b'1', "etc/a").cut(),
        Tar::default()
            .link("etc/link", b'2', "a")
            .link("etc/absolute", b'2', "/etc/a")
            .file("empty", b"")
            .cut(),
        pax(&[("path", &long), ("mtime", "1600000000.123456789")]),
        Tar::default().file("short", b"a long name").cut(),
        pax(&[("SCHILY.xattr.user.key", "value")]),
        Tar::default().file("attributes", b"attributes").cut(),
        Tar::default().file("sparse", &zeros).file("gone", b"gone").file("dir/old", b"old").end(),
        // Writers fill the last block of 10 KiB.
        vec![0; 4096],
    ]
    .concat();
    let mut odd = Tar::default().file("odd", b"no text").cut();
    odd[..5].copy_from_slice(b"o\xff\xe9d\0");
    odd[148..156].copy_from_slice(b"        ");
    let sum: u32 = odd[..512].iter().map(|byte| u32::from(*byte)).sum();
    odd[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let top = [
        Tar::default().file(".wh.gone", b"").file("dir/.wh..wh..opq", b"").file("dir/new", b"new").cut(),
        odd,
        Tar::default().file("etc/a", b"second").end(),
    ]
    .concat();
    [base, top]
}

#[test]
fn what_skopeo_stored_is_what_skopeo_reads_whichever_driver_stored_it() {
    let mut compared = BTreeSet::new();
    for driver in ["vfs", "overlay"] {
        let place = Place::new();
        let Some(filled) = storage(&place, driver) else { return };
        let [base, top] = layers();
        let diff_ids = [digest(&base), digest(&top)];
        let mut layout = crate::archive::Layout::default();
        let layers = [crate::archive::gzip(&base), crate::archive::gzip(&top)];
        let image = layout.image("amd64", &layers, &diff_ids);
        layout.root(image, Some("x"));
        let archive = place.file("image.oci.tar", &layout.tar());
        let stored = "containers-storage:example.com/x:1";
        if let Err(error) = skopeo(&place, &["copy", "-q", &format!("oci-archive:{archive}:x"), stored]) {
            assert_ne!(driver, "vfs", "{error}");
            println!("not compared: {driver} cannot be used here: {error}");
            continue;
        }
        compared.insert(driver);
        let copied = place.path("dir").display().to_string();
        skopeo(&place, &["copy", "-q", stored, &format!("dir:{copied}")]).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = place.command(arguments);
            command.env("CONTAINERS_STORAGE_CONF", &filled.conf);
            place.outcome_of(command)
        };
        assert_eq!(
            run(&["inspect", "--raw", stored]).ok().stdout,
            skopeo(&place, &["inspect", "--raw", stored]).unwrap()
        );
        let theirs = skopeo(&place, &["inspect", "--config", "--raw", stored]).unwrap();
        assert_eq!(run(&["inspect", "--config", stored]).ok().stdout, theirs);
        run(&["load", "-q", stored]).ok();
        let ours = run(&["inspect", "--raw", "example.com/x:1"]).ok().json();
        let theirs: Value =
            serde_json::from_slice(&std::fs::read(place.path("dir/manifest.json")).unwrap()).unwrap();
        assert_eq!(ours["config"]["digest"], theirs["config"]["digest"]);
        for (ours, theirs) in
            ours["layers"].as_array().unwrap().iter().zip(theirs["layers"].as_array().unwrap())
        {
            assert_eq!((&ours["digest"], &ours["size"]), (&theirs["digest"], &theirs["size"]), "{driver}");
        }
        // Layer by layer the bytes that were pulled.
        for layer in [&base, &top] {
            let at = place.root().join("blobs/sha256").join(hex(layer));
            assert!(std::fs::read(at).unwrap() == **layer, "{driver}");
        }
        assert_eq!(place.check()["problems"], json!([]), "{driver}");
        // And what is seen of the files in place is what is seen of them in the store.
        let listed = |image: &str| run(&["ls", "-l", "-R", image]).ok().text().to_owned();
        assert_eq!(listed(stored), listed("example.com/x:1"), "{driver}");
        run(&["layers", stored]).ok();
        assert_eq!(run(&["cat", stored, "/etc/hard"]).ok().text(), "first", "{driver}");
        assert_eq!(run(&["cat", stored, "/etc/a"]).ok().text(), "second", "{driver}");
        let sparse = run(&["cat", stored, "/sparse"]).ok().stdout;
        assert!(sparse.len() == (3 << 20) + 3 && sparse.ends_with(b"end"), "{driver}");
        let directory = place.path("");
        drop((filled, place));
        assert!(!directory.exists(), "{driver}");
    }
    assert!(compared.contains("vfs"), "{compared:?}");
}

#[test]
fn an_image_is_copied_out_of_a_storage_without_a_store() {
    let place = Place::new();
    let layout = format!("oci:{}:x", place.path("layout").display());
    place.run(&["copy", "-q", &small(), &layout]).ok();
    let copied = place.run(&["inspect", "--raw", &layout]).ok().stdout;
    place.run(&["load", "-q", &small()]).ok();
    assert_eq!(place.run(&["inspect", "--raw", SMALL]).ok().stdout, copied);
}

#[test]
fn an_image_whose_layers_were_never_compressed_keeps_its_digest() {
    let place = Place::new();
    let Some(filled) = storage(&place, "vfs") else { return };
    let archive = fixtures().join("several.docker.tar").display().to_string();
    let stored = "containers-storage:example.com/single:1";
    skopeo(&place, &["copy", "-q", &format!("docker-archive:{archive}:@0"), stored]).unwrap();
    let copied = format!("dir:{}", place.path("dir").display());
    skopeo(&place, &["copy", "-q", stored, &copied]).unwrap();
    let wanted = digest(&std::fs::read(place.path("dir/manifest.json")).unwrap());
    let mut command = place.command(&["load", "--format", "json", stored]);
    command.env("CONTAINERS_STORAGE_CONF", &filled.conf);
    let loaded = place.outcome_of(command).ok().json();
    assert_eq!(loaded["roots"][0]["target"]["digest"], wanted);
}

#[test]
fn a_name_of_an_image_that_is_not_there_is_a_definite_no() {
    let place = Place::new();
    let storage = fixtures().join("storage").display().to_string();
    for name in ["example.com/small:2", "small:1", "docker.io/library/small:1", "0000000000000000"] {
        let refused = place.run(&["resolve", &format!("containers-storage:[{storage}]{name}")]).failed(1);
        assert!(refused.stderr.contains("is not there"), "{}", refused.stderr);
    }
    let text = format!("containers-storage:[{storage}]@{}", &SMALL_ID[..5]);
    place.run(&["resolve", &text]).ok();
}
