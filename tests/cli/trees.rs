//! The files consign lists are those that peers unpack.
//!
//! Without umoci the test says so and passes, unless `CONSIGN_REQUIRE_PEERS` is set. `CONSIGN_CORPUS` names a directory
//! with `layouts/`, whose images are compared too.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use consign::layer::entry::{Entry, Kind, Time};
use serde_json::Value;

use crate::archive::{Layout, digest};
use crate::layered::{entry, tar};
use crate::place::Place;

/// What is compared of a file: kind, mode, owner, size, time, target.
type Facts = (String, u32, (u64, u64), Option<u64>, i64, String);

/// What a peer made, by path as the bytes that it is.
fn unpacked(root: &Path) -> BTreeMap<Vec<u8>, Facts> {
    let mut found = BTreeMap::new();
    let mut left = vec![PathBuf::new()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(root.join(&directory)).unwrap() {
            let path = directory.join(entry.unwrap().file_name());
            let metadata = std::fs::symlink_metadata(root.join(&path)).unwrap();
            let kind = match metadata.mode() & 0o170_000 {
                0o040_000 => "directory",
                0o100_000 => "file",
                0o120_000 => "symlink",
                0o020_000 => "char-device",
                0o060_000 => "block-device",
                _ => "fifo",
            };
            let target = std::fs::read_link(root.join(&path)).unwrap_or_default();
            let facts = (
                kind.to_owned(),
                if kind == "symlink" { 0 } else { metadata.mode() & 0o7777 },
                (metadata.uid().into(), metadata.gid().into()),
                (kind == "file").then_some(metadata.len()),
                metadata.mtime(),
                hex(target.as_os_str().as_bytes()),
            );
            if kind == "directory" {
                left.push(path.clone());
            }
            found.insert(path.as_os_str().as_bytes().to_vec(), facts);
        }
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().map(|digit| (digit as char).to_digit(16).unwrap() as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// What consign lists.
fn listed(documents: &Value) -> BTreeMap<Vec<u8>, Facts> {
    let one = |document: &Value| {
        let text = |name: &str| document[name].as_str().unwrap_or_default().to_owned();
        let path = match document["pathHex"].as_str() {
            Some(path) => unhex(path),
            None => text("path").into_bytes()[1..].to_vec(),
        };
        let target = match document["targetHex"].as_str() {
            Some(target) => target.to_owned(),
            None => hex(text("target").as_bytes()),
        };
        let kind = text("kind");
        let mode = u32::from_str_radix(&text("mode"), 8).unwrap();
        let time = text("modified").parse::<jiff::Timestamp>().map_or(0, |time| time.as_second());
        // Half a second before 1970 is in the second before it.
        let owner = (document["uid"].as_u64().unwrap(), document["gid"].as_u64().unwrap());
        let mode = if kind == "symlink" { 0 } else { mode };
        (path, (kind, mode, owner, document["size"].as_u64(), time, target))
    };
    documents.as_array().unwrap().iter().map(one).collect()
}

fn compare(place: &Place, layout: &Path, name: &str) {
    let bundle = place.path(&format!("bundle-{}", name.replace(['/', ':'], "-")));
    let mut umoci = Command::new("umoci");
    umoci.args(["unpack", "--image"]).arg(format!("{}:{name}", layout.display())).arg(&bundle);
    let output = umoci.output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let image = format!("oci:{}:{name}", layout.display());
    let documents = place.run(&["ls", "-Ra", "--format", "json", &image]).ok().json();
    let (mut wanted, mut found) = (unpacked(&bundle.join("rootfs")), listed(&documents));
    // What no layer describes is made when it is unpacked.
    let implied = |document: &&Value| document["modified"].is_null();
    for document in documents.as_array().unwrap().iter().filter(implied) {
        let path = document["path"].as_str().unwrap().as_bytes()[1..].to_vec();
        for side in [&mut wanted, &mut found] {
            side.get_mut(&path).unwrap().4 = 0;
        }
    }
    same(name, &found, &wanted);
    std::fs::remove_dir_all(&bundle).unwrap();
}

#[track_caller]
fn same(name: &str, found: &BTreeMap<Vec<u8>, Facts>, wanted: &BTreeMap<Vec<u8>, Facts>) {
    for ((path, found), (other, wanted)) in found.iter().zip(wanted) {
        let path = String::from_utf8_lossy(path);
        assert_eq!((&*path, found), (&*String::from_utf8_lossy(other), wanted), "{name}");
    }
    assert_eq!(found.len(), wanted.len(), "{name}");
}

fn peer() -> bool {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    let there = Command::new("umoci").arg("--version").output().is_ok();
    if !(there && root) {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "wanted umoci, and to be root");
        println!("not compared: umoci is not installed, or somebody else than root runs the tests");
    }
    there && root
}

#[test]
fn the_files_that_are_listed_are_those_umoci_unpacks() {
    if !peer() {
        return;
    }
    let at = |mut file: (Entry, Vec<u8>), seconds| {
        file.0.modified = Time { seconds, nanoseconds: 0 };
        file
    };
    let named = |path: &[u8], mode| (Entry { path: path.to_vec(), mode, ..Entry::default() }, Vec::new());
    let node = |path: &str, kind, device| {
        (Entry { path: path.into(), kind, device, mode: 0o620, gid: 5, ..Entry::default() }, Vec::new())
    };
    let owned = (Entry { uid: 2_000_000, gid: 77, ..entry("owned=abc").0 }, b"abc".to_vec());
    let long = format!("{}/{}", "long".repeat(40), "name".repeat(50));
    let base = tar(&[
        entry("dir/"),
        entry("dir/a=1"),
        entry("dir/b=22"),
        entry("dir/sub/"),
        entry("dir/sub/c=333"),
        at(entry("old=x"), 1),
        owned,
        named(b"caf\xe9 \xff", 0o4755),
        named(b"-dash+plus.dot", 0o644),
        entry(&format!("{}/", "long".repeat(40))),
        entry(&format!("{long}=deep")),
        entry("link -> dir/a"),
        entry("dangling -> ../../nowhere"),
        entry("first=shared"),
        entry("second => first"),
        node("pipe", Kind::Fifo, (0, 0)),
        node("null", Kind::CharDevice, (1, 3)),
        entry("implied/below/file=x"),
        entry("replaced/"),
        entry("replaced/gone=x"),
        entry("opaque/"),
        entry("opaque/gone=x"),
        entry(".wh=named so"),
    ]);
    let top = tar(&[
        entry("dir/"),
        entry("dir/.wh.a="),
        entry("dir/d=4444"),
        entry("dir/.wh.sub="),
        entry("replaced=file now"),
        entry("opaque/"),
        entry("opaque/new=y"),
        entry("opaque/.wh..wh..opq="),
        entry("third => first"),
        entry(".wh.nothing="),
        entry(".wh..wh="),
        entry("link/"),
        entry("link/inside=z"),
    ]);
    let last = tar(&[entry("dir/sub/"), entry("dir/sub/again=1"), entry(".wh.first=")]);
    let layers = [base, top, last];
    let images = [("one", &layers[..1]), ("two", &layers[..2]), ("three", &layers[..])];
    let place = Place::new();
    let mut layout = Layout::default();
    for (name, layers) in images {
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
        let manifest = layout.image("amd64", layers, &diff_ids);
        layout.root(manifest, Some(name));
    }
    let archive = place.file("images.tar", &layout.tar());
    let directory = place.path("layout");
    std::fs::create_dir(&directory).unwrap();
    let mut unpack = Command::new("tar");
    assert!(unpack.arg("-xf").arg(archive).arg("-C").arg(&directory).status().unwrap().success());
    for (name, _) in images {
        compare(&place, &directory, name);
    }
}

/// However odd the layers are: what is listed is what is written.
#[test]
fn the_files_that_are_listed_are_those_that_are_unpacked() {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !root {
        println!("not compared: owners can only be set by root");
        return;
    }
    let cases: &[&[&[&str]]] = &[
        &[&["base=x"], &["new/.wh.gone="]],
        &[&["base=x"], &["new/.wh..wh..opq="]],
        &[&["d/", "d/f=x", "e=y"], &["d/.wh.=", "d/.wh..=", "d/.wh...=", "d/.wh..wh.plnk=x"]],
        &[&["real/", "link -> real"], &["link/x=1"]],
        &[&["real/", "link -> real", "link/x=1"]],
        &[&["real/", "real/x=1", "link -> real"], &["link/.wh.x="]],
        &[&["a=x", "a/b=y"]],
        &[&["a=x"], &["a/b=y"]],
        &[&["a/", "a/b=y", "a=x"]],
        &[&["a/b=y", "a=x", "a/c=z"], &["a/.wh.c=", "a/d=1"]],
        &[&["a=x", "a=yy", "./a=zzz"]],
        &[&["a=x", "b => a", "a=yyy"]],
        &[&["a=x"], &["b => a", ".wh.a="]],
        &[&["a=x"], &[".wh.a=", "b => a"]],
        &[&["b => a", "a=x"]],
        &[&["d/", "d/f=x", "s -> d", "b => s/f"]],
        &[&["d/", "d/../e=x", "../f=x", "/g=x", "./ -> etc"]],
        &[&["a=x"], &["a=yy", ".wh.a="], &[".wh.a=", "a=zzz"]],
        &[&["d/", "d/a=x"], &[".wh.d=", "d/b=y"]],
        &[&["d/", "d/a=x"], &["d/b=y", ".wh.d="]],
        &[&["d/", "d/a=x"], &["d/", "d/b=y", "d/.wh..wh..opq="]],
        &[&["d/", "d/a=x"], &[".wh..wh..opq=", "b=y"]],
        &[&["d/", "d/a=x"], &["d/.wh.zz/b=y"]],
        &[&["d/", "d/s/", "d/s/x=1"], &["d=file"], &["d/", "d/y=2"]],
    ];
    let place = Place::new();
    let mut layout = Layout::default();
    let names: Vec<String> = (0..cases.len()).map(|at| format!("example.com/case{at}:1")).collect();
    for (name, layers) in names.iter().zip(cases) {
        let layers: Vec<Vec<u8>> = layers.iter().map(|entries| crate::layered::layer(entries)).collect();
        let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
        let manifest = layout.image("amd64", &layers, &diff_ids);
        layout.root(manifest, Some(name));
    }
    place.run(&["load", "-q", &place.file("cases.tar", &layout.tar())]).ok();
    for (at, (name, layers)) in names.iter().zip(cases).enumerate() {
        let directory = place.path(&format!("case{at}"));
        place.run(&["unpack", "--keep-going", name, directory.to_str().unwrap()]);
        let documents = place.run(&["ls", "-Ra", "--format", "json", name]).ok().json();
        let (mut found, mut wanted) = (listed(&documents), unpacked(&directory));
        // A link to nothing is told, and cannot be made.
        found.retain(|_, facts| facts.0 != "hard-link");
        for facts in found.values_mut().chain(wanted.values_mut()) {
            if facts.0 == "directory" {
                facts.4 = 0;
            }
        }
        same(&format!("{layers:?}"), &found, &wanted);
    }
}

#[test]
fn the_files_of_large_images_are_those_umoci_unpacks() {
    let Some(corpus) = std::env::var_os("CONSIGN_CORPUS") else {
        println!("not compared: CONSIGN_CORPUS is not set");
        return;
    };
    if !peer() {
        return;
    }
    let place = Place::new();
    for name in ["debian", "edge", "layers127", "python"] {
        let layout = Path::new(&corpus).join("layouts").join(name);
        let index = std::fs::read(layout.join("index.json")).unwrap();
        let index: Value = serde_json::from_slice(&index).unwrap();
        let tag = &index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"];
        compare(&place, &layout, tag.as_str().unwrap());
    }
}
