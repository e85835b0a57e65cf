//! What is listed of a layer is what Python and GNU tar list of the same tar.
//!
//! Without them the test says so and passes, unless `CONSIGN_REQUIRE_PEERS` is set.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::archive::{digest, docker_archive};
use crate::place::Place;

/// Archives in a directory, in every form that Python and GNU tar write.
const WRITE: &str = r#"
import io, os, subprocess, sys, tarfile
from tarfile import REGTYPE, LNKTYPE, SYMTYPE, CHRTYPE, BLKTYPE, DIRTYPE, FIFOTYPE
out = sys.argv[1]
long = "/".join("directory-%d-" % n + "l" * 60 for n in range(6))

def members(form):
    yield "d", DIRTYPE, {"mode": 0o1777}
    yield "d/file", REGTYPE, {"mode": 0o4750, "uid": 1000, "gid": 1001, "content": b"content"}
    yield "d/empty", REGTYPE, {"mode": 0}
    yield "d/block", REGTYPE, {"mode": 0o2755, "content": b"7" * 512}
    yield "d/hard", LNKTYPE, {"linkname": "d/file"}
    yield "d/soft", SYMTYPE, {"linkname": "../d/file", "mode": 0o777}
    yield "d/char", CHRTYPE, {"devmajor": 5, "devminor": 1}
    yield "d/disk", BLKTYPE, {"devmajor": 7, "devminor": 300}
    yield "d/pipe", FIFOTYPE, {"mode": 0o600}
    yield "d/a name of several words", REGTYPE, {}
    if form == "ustar":
        yield "p" * 90 + "/" + "n" * 90, REGTYPE, {}
        return
    yield long, DIRTYPE, {"mode": 0o755}
    yield long + "/" + "x" * 200, REGTYPE, {"content": b"deep"}
    yield "long-link", SYMTYPE, {"linkname": "t" * 300}
    yield "long-hard", LNKTYPE, {"linkname": long + "/" + "x" * 200}
    yield "not-\udcff\udcfe-utf-8", REGTYPE, {}
    yield "\u00e4 \u00f6\n\u00fc", REGTYPE, {}
    yield "huge-owner", REGTYPE, {"uid": 2_000_000_000, "gid": 2 ** 32 - 2}
    yield "before-1970", REGTYPE, {"mtime": -86399}
    yield "far-future", REGTYPE, {"mtime": 2 ** 33 + 5}
    if form == "pax":
        yield "fraction", REGTYPE, {"mtime": 1500000000.25}
        yield "fraction-before-1970", REGTYPE, {"mtime": -1.5}
        yield "attributes", REGTYPE, {"pax_headers": {"SCHILY.xattr.user.a": "b", "SCHILY.xattr.user.empty": ""}}

forms = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
for name, form in forms.items():
    with tarfile.open(f"{out}/python-{name}.tar", "w", format=form, encoding="utf-8", errors="surrogateescape") as tar:
        for path, kind, said in members(name):
            info = tarfile.TarInfo(path)
            content = said.pop("content", b"")
            info.type, info.size, info.mtime = kind, len(content), 1000000000
            for key, value in said.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(content))

# What a file system has, by GNU tar.
def files(root, plain):
    os.makedirs(f"{root}/d/e")
    for path, content in [("file", "content"), ("empty", ""), ("block", "7" * 512)]:
        open(f"{root}/d/{path}", "w").write(content)
    os.link(f"{root}/d/file", f"{root}/d/hard")
    os.symlink("../d/file", f"{root}/d/soft")
    os.chmod(f"{root}/d/file", 0o4750)
    os.utime(f"{root}/d/block", ns=(0, 1_500_000_000_123_456_789))
    if plain:
        return
    os.mkfifo(f"{root}/d/pipe")
    os.makedirs(f"{root}/{long}")
    open(f"{root}/{long}/" + "x" * 200, "w").write("deep")
    os.symlink("t" * 300, f"{root}/long-link")
    open(os.fsencode(root) + b"/not-\xff\xfe-utf-8", "w").write("bytes")
    with open(f"{root}/sparse", "wb") as sparse:
        for at in range(40):
            sparse.seek(at * 65536)
            sparse.write(b"data")
        sparse.truncate(3 << 20)
    os.utime(f"{root}/sparse", ns=(0, -5 * 10 ** 9))

for number, arguments in enumerate([
    ["--format=v7"], ["--format=ustar"], ["--format=oldgnu", "--sparse"], ["--format=gnu"], ["--format=gnu", "--sparse"],
    ["--format=posix"], ["--format=posix", "--sparse", "--sparse-version=0.0"],
    ["--format=posix", "--sparse", "--sparse-version=0.1"], ["--format=posix", "--sparse", "--sparse-version=1.0"],
]):
    root = f"{out}/files-{number}"
    plain = arguments[0] in ("--format=v7", "--format=ustar")
    files(root, plain)
    tar = f"{out}/tar-{number}{'-'.join(arguments)}.tar"
    subprocess.run(["tar", *arguments, "-cf", tar, "-C", root, "."], check=True)
"#;

/// What Python says of each member, but the root.
const LIST: &str = r#"
import json, sys, tarfile
from decimal import Decimal
kinds = {b"0": "file", b"\0": "file", b"S": "file", b"1": "hard-link", b"2": "symlink", b"3": "char-device",
         b"4": "block-device", b"5": "directory", b"6": "fifo"}
for member in tarfile.open(sys.argv[1], encoding="utf-8", errors="surrogateescape"):
    text = lambda name: name.encode("utf-8", "surrogateescape").hex()
    path = member.name[2:] if member.name.startswith("./") else member.name
    if path == ".":
        continue
    kind = kinds[member.type]
    time = Decimal(str(member.pax_headers.get("mtime", member.mtime)))
    print(json.dumps({
        "path": text(path), "kind": kind, "mode": "%04o" % (member.mode & 0o7777), "uid": member.uid, "gid": member.gid,
        "size": member.size if kind == "file" else None, "nanoseconds": str(int(time * 10 ** 9)),
        "link": text(member.linkname.removeprefix("./")) if kind in ("hard-link", "symlink") else "",
        "device": [member.devmajor, member.devminor] if kind.endswith("device") else None,
        "xattrs": {name[13:]: value.encode("utf-8", "surrogateescape").hex()
                   # To Go's reader, by which odd tars are read, a record without a value says nothing.
                   for name, value in member.pax_headers.items() if name.startswith("SCHILY.xattr.") and value},
    }))
"#;

fn python(script: &str, argument: &Path) -> String {
    let output = Command::new("python3").args(["-c", script]).arg(argument).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// By path, in hexadecimal, what is said of it.
type Listed = BTreeMap<String, BTreeMap<&'static str, Value>>;

const FIELDS: [&str; 9] = ["kind", "mode", "uid", "gid", "size", "nanoseconds", "link", "device", "xattrs"];

fn by_python(tar: &Path) -> Listed {
    let lines = python(LIST, tar);
    let one = |line: &str| {
        let said: Value = serde_json::from_str(line).unwrap();
        let fields = FIELDS.map(|field| (field, said[field].clone()));
        (said["path"].as_str().unwrap().to_owned(), fields.into_iter().collect())
    };
    lines.lines().map(one).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// What `ls --format json` says, in the same words.
fn by_consign(place: &Place, image: &str) -> Listed {
    let documents = place.run(&["ls", "-Ra", "--format", "json", image]).ok().json();
    let one = |document: &Value| {
        let text = |name: &str| document[name].as_str().map(str::to_owned);
        let path = text("pathHex").unwrap_or_else(|| hex(&text("path").unwrap()[1..]));
        let linked = text("hardLink").map(|path| hex(&path[1..]));
        let target = text("targetHex").or(text("target").map(|target| hex(&target)));
        let time: jiff::Timestamp = text("modified").unwrap().parse().unwrap();
        let device = document["device"].as_object();
        let kind = if linked.is_some() { "hard-link".to_owned() } else { text("kind").unwrap() };
        let said = [
            kind.into(),
            document["mode"].clone(),
            document["uid"].clone(),
            document["gid"].clone(),
            document["size"].clone(),
            time.as_nanosecond().to_string().into(),
            linked.or(target).unwrap_or_default().into(),
            device
                .map_or(Value::Null, |device| vec![device["major"].clone(), device["minor"].clone()].into()),
            document.get("xattrs").cloned().unwrap_or_else(|| Value::Object(serde_json::Map::new())),
        ];
        (path, FIELDS.into_iter().zip(said).collect())
    };
    // Directories that nothing is said of are not in the tar.
    let said = documents.as_array().unwrap().iter().filter(|document| !document["modified"].is_null());
    said.map(one).collect()
}

/// What is common to a line of `tar -tv` and one of `ls -l`: mode, owner, size or device, minute, name with target.
fn by_tar(tar: &Path) -> BTreeMap<String, [String; 5]> {
    let mut command = Command::new("tar");
    command
        .args(["--numeric-owner", "--full-time", "-tvf"])
        .arg(tar)
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let (mode, rest) = line.split_once(' ').unwrap();
        let (owner, rest) = rest.split_once(' ').unwrap();
        let (size, rest) = rest.trim_start().split_once(' ').unwrap();
        let (day, rest) = rest.split_once(' ').unwrap();
        let (time, name) = rest.split_once(' ').unwrap();
        // Times have columns as wide as fractions are.
        let name = name.trim_start();
        let name = name.strip_prefix("./").unwrap_or(name).replace("link to ./", "link to ");
        let shown = name.split(" -> ").next().unwrap().split(" link to ").next().unwrap();
        let path = shown.trim_end_matches('/').to_owned();
        if !path.is_empty() {
            let minute = format!("{day} {}", &time[..5]);
            let name = if mode.starts_with('d') { path.clone() } else { name };
            found.insert(path, [mode.to_owned(), owner.to_owned(), size.to_owned(), minute, name]);
        }
    }
    found
}

/// The same of `ls -l`.
fn by_long_listing(place: &Place, image: &str) -> BTreeMap<String, [String; 5]> {
    let listing = place.run(&["ls", "-lRa", image]).ok();
    let one = |line: &str| {
        let mut rest = line;
        let mut next = || {
            let (word, after) = rest.trim_start().split_once(' ').unwrap();
            rest = after;
            word.to_owned()
        };
        let (mode, uid, gid) = (next(), next(), next());
        let mut size = next();
        if size.ends_with(',') {
            size += &next();
        }
        let day = next();
        if day == "-" {
            return None;
        }
        let minute = format!("{day} {}", next());
        let name = rest.strip_prefix('/').unwrap().replace(" link to /", " link to ");
        let path = name.split(" -> ").next().unwrap().split(" link to ").next().unwrap().to_owned();
        Some((path, [mode, format!("{uid}/{gid}"), size, minute, name]))
    };
    listing.text().lines().filter_map(one).collect()
}

#[test]
fn what_is_listed_of_a_layer_is_what_python_and_gnu_tar_list_of_the_tar() {
    let runs = |program| Command::new(program).arg("--version").output().is_ok();
    if !(runs("python3") && runs("tar")) {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "wanted python3 and tar");
        println!("not run: there is no python3, or no tar");
        return;
    }
    let place = Place::new();
    let archives = tempfile::tempdir().unwrap();
    python(WRITE, archives.path());
    let mut compared = 0;
    for entry in std::fs::read_dir(archives.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "tar") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let layer = std::fs::read(&path).unwrap();
        let diff_ids = [digest(&layer)];
        let image = docker_archive(&["example.com/a:1"], &[("layer.tar", layer)], &diff_ids).end();
        let image = format!("docker-archive:{}", place.file("image.tar", &image));

        let (mut wanted, mut found) = (by_python(&path), by_consign(&place, &image));
        assert!(wanted.len() >= 7, "{name}");
        // Of another name `ls` shows what the file is, tars what they say of the link.
        for (path, said) in &mut wanted {
            if said["kind"] == "hard-link" {
                let named = |fields: &mut BTreeMap<&'static str, Value>| {
                    fields.retain(|field, _| ["kind", "link"].contains(field))
                };
                named(said);
                found.get_mut(path).map(named).unwrap();
            }
        }
        for (path, wanted) in &wanted {
            assert_eq!(found.get(path), Some(wanted), "{name}: {path}");
        }
        assert_eq!(found.len(), wanted.len(), "{name}");

        let (wanted, mut found) = (by_tar(&path), by_long_listing(&place, &image));
        for (path, mut wanted) in wanted {
            let mut found = found.remove(&path).unwrap_or_else(|| panic!("{name}: {path}"));
            if wanted[0].starts_with('h') {
                wanted[..4].fill(String::new());
                found[..4].fill(String::new());
            } else if wanted[0].starts_with('l') {
                // The length of the target is what file systems say, tars say 0.
                wanted[2].clone_from(&found[2]);
            }
            assert_eq!(found, wanted, "{name}");
        }
        assert_eq!(found.keys().collect::<Vec<_>>(), Vec::<&String>::new(), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 12);
}
