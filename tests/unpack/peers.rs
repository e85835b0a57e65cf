//! What GNU tar, Python and umoci make of the same layers.

use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use consign::layer::entry::{Entry, Kind};
use consign::layer::tar::{Decoder, Visitor};
use consign::transport::tar_index::TarError;
use consign::unpack::Options;
use serde_json::{Value, json};

use crate::layer::{Layer, Said};
use crate::place::{Memory, Place, is_root, peer, tree_of};

/// What Python says of each member of the tar whose path it is given.
const LIST: &str = r#"
import json, sys, tarfile
kinds = {b"0": "file", b"\0": "file", b"7": "file", b"S": "file", b"1": "hard link", b"2": "symlink", b"3": "char",
         b"4": "block", b"5": "directory", b"6": "fifo"}
for member in tarfile.open(sys.argv[1], encoding="utf-8", errors="surrogateescape"):
    text = lambda name: name.encode("utf-8", "surrogateescape").decode("latin-1")
    kind = kinds[member.type]
    print(json.dumps({
        "path": text(member.name), "kind": kind, "mode": member.mode & 0o7777, "uid": member.uid, "gid": member.gid,
        "size": member.size if kind == "file" else 0, "seconds": int(member.mtime // 1),
        "link": text(member.linkname) if kind in ("hard link", "symlink") else "",
        "device": [member.devmajor, member.devminor] if kind in ("char", "block") else [0, 0],
        "content": member.offset_data if kind == "file" and not member.issparse() else 0,
    }))
"#;

struct List(Vec<Value>);

impl Visitor for List {
    type Error = TarError;

    fn entry(&mut self, entry: &Entry, content: u64) -> Result<(), TarError> {
        let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        let kind = match entry.kind {
            Kind::File => "file",
            Kind::HardLink => "hard link",
            Kind::Symlink => "symlink",
            Kind::CharDevice => "char",
            Kind::BlockDevice => "block",
            Kind::Directory => "directory",
            Kind::Fifo => "fifo",
        };
        let path = entry.path.strip_suffix(b"/").unwrap_or(&entry.path);
        self.0.push(json!({
            "path": text(path), "kind": kind, "mode": entry.mode, "uid": entry.uid, "gid": entry.gid,
            "size": entry.size, "seconds": entry.modified.seconds, "link": text(&entry.link),
            "device": [entry.device.0, entry.device.1],
            "content": if entry.kind == Kind::File && entry.sparse.is_none() { content } else { 0 },
        }));
        Ok(())
    }
}

fn listed(tar: &[u8]) -> Vec<Value> {
    let mut list = List(Vec::new());
    let mut decoder = Decoder::new();
    for piece in tar.chunks(10_000) {
        decoder.feed(piece, &mut list).unwrap();
    }
    decoder.finish().unwrap();
    list.0
}

fn listed_by_python(path: &Path) -> Vec<Value> {
    let output = Command::new("python3").args(["-c", LIST]).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

/// A directory of all kinds of files. `plain`: none that the oldest format has no room for.
fn files(place: &Path, plain: bool) {
    fs::create_dir_all(place.join("d/e")).unwrap();
    fs::write(place.join("d/file"), "content").unwrap();
    fs::write(place.join("d/empty"), "").unwrap();
    fs::write(place.join("d/block"), [7; 512]).unwrap();
    fs::hard_link(place.join("d/file"), place.join("d/hard")).unwrap();
    symlink("../d/file", place.join("d/soft")).unwrap();
    fs::set_permissions(place.join("d/file"), fs::Permissions::from_mode(0o4750)).unwrap();
    if plain {
        return;
    }
    let long = format!("{}/{}", "long-".repeat(30), "path-".repeat(40));
    fs::create_dir_all(place.join(&long)).unwrap();
    fs::write(place.join(&long).join("x".repeat(120)), "deep").unwrap();
    symlink("t".repeat(300), place.join("long-link")).unwrap();
    fs::write(place.join(std::ffi::OsStr::from_bytes(b"not-\xff\xfe-utf-8")), "bytes").unwrap();
    fs::write(place.join("ä ö\nü"), "odd").unwrap();
    let sparse = File::create(place.join("sparse")).unwrap();
    sparse.set_len(3 << 20).unwrap();
    for at in 0..40 {
        sparse.write_all_at(b"data", at * 65_536).unwrap();
    }
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(place.join("d/empty"), Some(2_000_000_000), Some(70_000)).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, place.join("fifo"), fifo, 0o600.into(), 0).unwrap();
        let char = rustix::fs::FileType::CharacterDevice;
        let device = rustix::fs::makedev(5, 1);
        rustix::fs::mknodat(rustix::fs::CWD, place.join("console"), char, 0o600.into(), device).unwrap();
    }
}

#[test]
fn what_gnu_tar_writes_is_listed_as_python_lists_it_and_unpacked_as_gnu_tar_unpacks_it() {
    if !(peer("tar") && peer("python3")) {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    for (number, arguments) in [
        &["--format=v7"][..],
        &["--format=oldgnu", "--sparse"],
        &["--format=gnu"],
        &["--format=gnu", "--sparse"],
        &["--format=ustar"],
        &["--format=posix", "--xattrs"],
        &["--format=posix", "--sparse", "--sparse-version=0.0"],
        &["--format=posix", "--sparse", "--sparse-version=0.1"],
        &["--format=posix", "--sparse", "--sparse-version=1.0"],
    ]
    .into_iter()
    .enumerate()
    {
        let plain = arguments[0].ends_with("v7") || arguments[0].ends_with("ustar");
        let from = work.path().join(format!("from{number}"));
        fs::create_dir(&from).unwrap();
        files(&from, plain);
        let path = work.path().join("tar");
        let mut tar = Command::new("tar");
        let made = tar.args(arguments).arg("-cf").arg(&path).arg("-C").arg(&from).arg(".").status().unwrap();
        assert!(made.success(), "{arguments:?}");
        let bytes = fs::read(&path).unwrap();
        assert_eq!(listed(&bytes), listed_by_python(&path), "{arguments:?}");

        if rustix::process::geteuid().is_root() {
            let there = work.path().join(format!("there{number}"));
            fs::create_dir(&there).unwrap();
            let mut tar = Command::new("tar");
            let unpacked = tar.args(["--xattrs", "-pxf"]).arg(&path).arg("-C").arg(&there).status().unwrap();
            assert!(unpacked.success(), "{arguments:?}");
            let place = Place::new();
            place.unpack(&Memory::plain(&[bytes]), &Options::default()).unwrap();
            assert_eq!(tree_of(&place.root()), tree_of(&there), "{arguments:?}");
            if !plain {
                let sparse = fs::metadata(place.root().join("sparse")).unwrap();
                assert!(!arguments.contains(&"--sparse") || sparse.blocks() * 512 < 1 << 20);
            }
        }
    }
}

#[test]
fn what_python_writes_is_listed_as_python_lists_it() {
    if !peer("python3") {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let from = work.path().join("from");
    fs::create_dir(&from).unwrap();
    files(&from, false);
    for format in ["GNU_FORMAT", "PAX_FORMAT"] {
        let path = work.path().join(format);
        let script = format!(
            "import sys, tarfile\nwith tarfile.open(sys.argv[1], 'w', format=tarfile.{format}, \
             errors='surrogateescape') as tar:\n  tar.add(sys.argv[2], '.')\n"
        );
        let mut python = Command::new("python3");
        let output = python.args(["-c", &script]).arg(&path).arg(&from).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(listed(&fs::read(&path).unwrap()), listed_by_python(&path), "{format}");
    }
}

/// Layers with what real ones have, and no directory that is left unsaid.
fn layers() -> Vec<Vec<u8>> {
    let of = |uid, gid, mode| Said { uid, gid, mode, ..Said::default() };
    let long = "long/".to_owned() + &"n".repeat(200);
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let base = Layer::new()
        .entry("./", b'5', "", Said { mode: 0o755, time: 5, ..Said::default() }, b"")
        .directory("./bin")
        .pax(&[("SCHILY.xattr.security.capability", &capability), ("mtime", b"1500000000.123456789")])
        .entry("./bin/ping", b'0', "", of(0, 0, 0o4755), b"ping")
        .directory("opaque")
        .file("opaque/hidden", "1")
        .directory("opaque/below")
        .file("opaque/below/hidden", "1")
        .directory("hides")
        .file("hides/one", "1")
        .file("hides/two", "2")
        .directory("hides/all")
        .file("hides/all/x", "2")
        .directory("long")
        .file(&long, "long")
        .named(b"bytes-\xff\xfe", b'0', b"", of(2_000_000, 5, 0o600), b"x")
        .symlink("link", "bin")
        .hard_link("hard-to-link", "link")
        .entry("null", b'3', "", Said { device: (1, 3), ..of(0, 0, 0o666) }, b"")
        .entry("pipe", b'6', "", of(7, 8, 0o600), b"")
        .pax(&[("SCHILY.xattr.user.a", b"a\0b")])
        .directory("attributes");
    let second = Layer::new()
        .whiteout("hides/.wh.one")
        .whiteout("hides/.wh.all")
        .hard_link("across", "bin/ping")
        .directory("opaque")
        .whiteout("opaque/.wh..wh..opq")
        .file("opaque/new", "2")
        .entry("bin", b'5', "", of(3, 4, 0o711), b"")
        .pax(&[("SCHILY.xattr.user.b", b"2")])
        .directory("attributes");
    let third = Layer::new()
        .file("long/file", "3")
        .whiteout(".wh.link")
        .directory("hides")
        .file("hides/two", "replaced")
        .file("null", "a file now");
    vec![base.end(), second.end(), third.end()]
}

#[test]
fn layers_are_unpacked_as_umoci_unpacks_them() {
    if !(is_root() && peer("umoci") && peer("python3")) {
        return;
    }
    let work = tempfile::tempdir().unwrap();
    let layout = work.path().join("layout");
    write_layout(&layout, &layers());
    for (rootless, arguments) in [(false, &[][..]), (true, &["--rootless"])] {
        let theirs = work.path().join(format!("umoci-{rootless}"));
        let mut umoci = Command::new("umoci");
        umoci.arg("unpack").args(arguments).arg("--image").arg(format!("{}:latest", layout.display()));
        let output = umoci.arg(&theirs).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let place = Place::new();
        let options = Options { rootless, ..Options::default() };
        place.unpack(&Memory::plain(&layers()), &options).unwrap();
        assert_eq!(tree_of(&place.root()), tree_of(&theirs.join("rootfs")), "{rootless}");
    }
}

fn write_layout(layout: &Path, layers: &[Vec<u8>]) {
    use consign::digest::Digest;

    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let blob = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({"mediaType": format!("application/vnd.oci.image.{media_type}"), "digest": digest.to_string(),
            "size": bytes.len()})
    };
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = json!({"architecture": "amd64", "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}});
    let config = blob("config.v1+json", config.to_string().as_bytes());
    let layers: Vec<Value> = layers.iter().map(|layer| blob("layer.v1.tar", layer)).collect();
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config, "layers": layers});
    let mut manifest = blob("manifest.v1+json", manifest.to_string().as_bytes());
    manifest["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    let index = json!({"schemaVersion": 2, "manifests": [manifest]});
    fs::write(layout.join("index.json"), index.to_string()).unwrap();
}
