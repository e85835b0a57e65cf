//! Archives no builder would write, given to the command: a clear error that names the thing, exit code 1 or 2,
//! bounded time and memory, and nothing in the store.

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::archive::{
    Layout, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Tar, config, descriptor, digest, docker_archive,
    gzip, hex, layer,
};
use crate::place::{Outcome, Place, fixtures};

/// What a load may take. The binary alone, without optimisation, is mapped with 60 MB.
const TIME: Duration = Duration::from_secs(20);
const MEMORY: u64 = 400 << 20;

/// Runs the command with the shell's limit on address space, and measures how much of it it used at most.
pub fn measured(place: &Place, arguments: &[&str]) -> (Outcome, u64) {
    let start = Instant::now();
    let child = place.command(arguments).spawn().unwrap();
    let pid = child.id();
    let watcher = std::thread::spawn(move || {
        let mut peak = 0;
        // The kernel keeps the high-water mark; it is gone with the process.
        while let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) {
            let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:")) else { break };
            let kilobytes: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
            peak = peak.max(kilobytes * 1024);
            std::thread::sleep(Duration::from_micros(200));
        }
        peak
    });
    let outcome = crate::place::wait_within(child, TIME);
    println!("{:?} {:?}", start.elapsed(), outcome.code);
    (outcome, watcher.join().unwrap())
}

/// Loads the file and resolves in it; both are refused, with errors that name these things.
#[track_caller]
fn refused_file(place: &Place, path: &str, code: i32, named: &[&str]) {
    let (outcome, memory) = measured(place, &["load", path]);
    let outcome = outcome.failed(code);
    assert!(outcome.stdout.is_empty(), "{}", outcome.text());
    let error = outcome.stderr.lines().find(|line| line.starts_with("consign: ")).unwrap();
    for name in named {
        assert!(error.contains(name), "wanted {name} in: {error}");
    }
    assert!(error.len() < 1200, "an error of {} bytes", error.len());
    assert!(memory < MEMORY, "{memory} bytes of memory");
    place.assert_empty();
    let report = place.check();
    assert_eq!(report["problems"], json!([]), "something was left behind");
    assert_eq!(std::fs::read_dir(place.path("tmp")).unwrap().count(), 0);
}

#[track_caller]
fn refused(bytes: &[u8], code: i32, named: &[&str]) {
    let place = Place::new();
    let path = place.file("archive.tar", bytes);
    refused_file(&place, &path, code, named);
    let outcome = place.run_with(&["load", "-q"], bytes).failed(code);
    assert!(outcome.stdout.is_empty());
    place.assert_empty();
}

/// A layout of one image, its layer's and its manifest's descriptors.
fn one_image() -> (Layout, Value, Value) {
    let mut layout = Layout::default();
    let content = layer("content");
    let image = layout.image("amd64", std::slice::from_ref(&content), &[digest(&content)]);
    layout.root(image.clone(), Some("example.com/x:1"));
    (layout, descriptor(OCI_LAYER, &content), image)
}

fn text(descriptor: &Value) -> &str {
    descriptor["digest"].as_str().unwrap()
}

#[test]
fn truncated_archives_are_refused() {
    let whole = one_image().0.tar();
    for cut in [1, 100, 511, 700, whole.len() / 2, whole.len() - 1600] {
        refused(&whole[..cut], 2, &["archive.tar", &format!("byte {cut}")]);
    }
    for fixture in ["multi.oci.tar", "several.docker.tar"] {
        let whole = std::fs::read(fixtures().join(fixture)).unwrap();
        // tar writes more zeros after the end; those are no loss.
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
        for part in 1..8 {
            refused(&whole[..end * part / 8], 2, &["archive.tar", "byte"]);
        }
    }
    let compressed = gzip(&whole);
    refused(&compressed[..compressed.len() / 2], 2, &["archive.tar", "truncated"]);
    let compressed = zstd::stream::encode_all(&whole[..], 1).unwrap();
    refused(&compressed[..compressed.len() - 5], 2, &["archive.tar", "truncated"]);
}

#[test]
fn entries_outside_the_archive_are_refused() {
    let (layout, ..) = one_image();
    for name in ["/etc/passwd", "../../../../etc/passwd", "blobs/../../x", "blobs/sha256/.."] {
        refused(&layout.to_tar().file(name, b"x").end(), 2, &[name]);
    }
    let content = layer("x");
    let tar = |kind, target| {
        Tar::default()
            .file("c.json", &config("amd64", &[digest(&content)]))
            .link("layer.tar", kind, target)
            .json("manifest.json", &json!([{"Config": "c.json", "Layers": ["layer.tar"]}]))
            .end()
    };
    for target in ["/etc/passwd", "../../../etc/passwd", "/dev/zero", "layer.tar"] {
        refused(&tar(b'2', target), 2, &["layer.tar", target]);
        refused(&tar(b'1', target), 2, &["layer.tar"]);
    }
    // Devices and fifos are no files.
    for kind in [b'3', b'4', b'6'] {
        refused(&tar(kind, ""), 2, &["layer.tar"]);
    }
}

#[test]
fn documents_that_are_there_twice_are_refused() {
    let content = layer("x");
    for name in ["manifest.json", "repositories", "index.json", "oci-layout"] {
        let tar = docker_archive(&["x:1"], &[("l.tar", content.clone())], &[digest(&content)]);
        refused(&tar.file(name, b"[]").file(&format!("./{name}"), b"[]").end(), 2, &[name, "twice"]);
    }
    // Two members of one object, and members that differ in letter case only.
    let manifest = |text: &str| Tar::default().file("manifest.json", text.as_bytes()).end();
    refused(&manifest(r#"[{"Config":"a","Config":"b","Layers":[]}]"#), 2, &["manifest.json", "Config"]);
}

#[test]
fn digests_that_are_none_are_refused() {
    let upper = format!("sha256:{}", "A".repeat(64));
    let path = format!("sha256:../../../../{}", "a".repeat(52));
    let dots = format!("../../sha256:{}", "a".repeat(64));
    for wrong in [upper, path, dots, "sha256:abc".into(), format!("md5:{}", "a".repeat(32)), String::new()] {
        let pointer = |media_type: &str| json!({"mediaType": media_type, "digest": wrong, "size": 10});
        let named: Vec<&str> = wrong.get(..10).into_iter().collect();
        let mut layout = Layout::default();
        layout.root(pointer(OCI_MANIFEST), None);
        refused(&layout.tar(), 2, &named);
        let mut layout = Layout::default();
        let index = layout.index(&[pointer(OCI_MANIFEST)]);
        layout.root(index, None);
        refused(&layout.tar(), 2, &named);
        let mut layout = Layout::default();
        let config = layout.blob(OCI_CONFIG, &config("amd64", &[digest(b"")]));
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [pointer(OCI_LAYER)]});
        let manifest = layout.json(OCI_MANIFEST, &manifest);
        layout.root(manifest, None);
        refused(&layout.tar(), 2, &named);
        let tar = docker_archive(&["x:1"], &[("l.tar", layer("x"))], std::slice::from_ref(&wrong));
        refused(&tar.end(), 2, &named);
    }
}

#[test]
fn content_that_is_another_than_announced_is_a_definite_no() {
    let (layout, stored, image) = one_image();
    let size = stored["size"].as_u64().unwrap() as usize;
    for bytes in [vec![0; size - 512], vec![0; size + 512], vec![7; size]] {
        let mut lying = layout.clone();
        lying.replace(&stored, &bytes);
        refused(&lying.tar(), 1, &[text(&stored)]);
    }
    for size in [0u64, 1, 1 << 20, u64::from(u32::MAX)] {
        let mut lying = layout.clone();
        lying.entries[0]["size"] = json!(size);
        refused(&lying.tar(), if size > 4 << 20 { 2 } else { 1 }, &[text(&image)]);
    }
    let mut lying = layout.clone();
    lying.replace(&image, &vec![b' '; image["size"].as_u64().unwrap() as usize]);
    refused(&lying.tar(), 1, &[text(&image)]);
    // A layer that is what its descriptor says and not what the config says.
    let mut lying = Layout::default();
    let content = layer("content");
    let image = lying.image("amd64", std::slice::from_ref(&content), &[digest(b"something else")]);
    lying.root(image, None);
    refused(&lying.tar(), 1, &[&digest(b"something else")]);
}

#[test]
fn missing_parts_are_named() {
    let (layout, stored, image) = one_image();
    for part in [&stored, &image] {
        let mut without = layout.clone();
        without.remove(part);
        refused(&without.tar(), 2, &[text(part), "missing"]);
    }
    let manifest = json!([{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["gone.tar"]}]);
    refused(&Tar::default().json("manifest.json", &manifest).end(), 2, &["c.json"]);
}

#[test]
fn huge_and_deep_documents_are_refused() {
    let huge = vec![b' '; 100 << 20];
    refused(&Tar::default().file("manifest.json", &huge).end(), 2, &["manifest.json", "104857600"]);
    refused(&Tar::default().file("index.json", &huge).end(), 2, &["index.json", "104857600"]);
    let mut layout = Layout::default();
    let manifest = layout.blob(OCI_MANIFEST, &huge);
    layout.root(manifest.clone(), None);
    refused(&layout.tar(), 2, &[text(&manifest), "104857600"]);
    drop(huge);
    for deep in ["[".repeat(1 << 20), r#"{"a":"#.repeat(1 << 19)] {
        refused(&Tar::default().file("manifest.json", deep.as_bytes()).end(), 2, &["manifest.json"]);
        for media_type in [OCI_MANIFEST, OCI_INDEX] {
            let mut layout = Layout::default();
            let document = layout.blob(media_type, deep.as_bytes());
            layout.root(document.clone(), None);
            refused(&layout.tar(), 2, &[text(&document)]);
        }
        let mut layout = Layout::default();
        let document = layout.blob(OCI_CONFIG, deep.as_bytes());
        let manifest =
            json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": document, "layers": []});
        let manifest = layout.json(OCI_MANIFEST, &manifest);
        layout.root(manifest, None);
        refused(&layout.tar(), 2, &[text(&document)]);
    }
}

#[test]
fn indexes_that_hold_themselves_or_too_much_are_refused() {
    // An index cannot hold its own digest, so it claims one.
    let mut layout = Layout::default();
    let claimed = json!({"mediaType": OCI_INDEX, "digest": digest(b"me"), "size": 300});
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [claimed]}).to_string();
    layout.blobs.insert(format!("sha256/{}", hex(b"me")), format!("{index:300}").into_bytes());
    layout.root(claimed, None);
    refused(&layout.tar(), 1, &[&hex(b"me")]);

    let mut layout = Layout::default();
    let mut next = layout.plain_image("amd64", "x");
    for _ in 0..1000 {
        next = layout.index(&[next]);
    }
    layout.root(next, None);
    refused(&layout.tar(), 2, &["within each other"]);

    let mut layout = Layout::default();
    let entries: Vec<_> = (0..10_001).map(|n: u32| descriptor(OCI_MANIFEST, &n.to_le_bytes())).collect();
    let index = layout.index(&entries);
    layout.root(index.clone(), None);
    refused(&layout.tar(), 2, &[text(&index), "10001"]);
}

#[test]
fn bombs_end_early() {
    // 1 GiB of zeros; what this little data may expand to is less.
    let zeros = vec![0; 64 << 20];
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    for _ in 0..16 {
        std::io::Write::write_all(&mut encoder, &zeros).unwrap();
        std::io::Write::write_all(&mut zstd, &zeros).unwrap();
    }
    drop(zeros);
    for bomb in [encoder.finish().unwrap(), zstd.finish().unwrap()] {
        println!("{} bytes", bomb.len());
        let mut layout = Layout::default();
        let image = layout.image("amd64", std::slice::from_ref(&bomb), &[digest(b"x")]);
        layout.root(image, None);
        let place = Place::new();
        let path = place.file("bomb.tar", &layout.tar());
        refused_file(&place, &path, 2, &[&digest(&bomb)]);
        let path = place.file("bomb", &bomb);
        refused_file(&place, &path, 2, &["bomb"]);
    }
}

#[test]
fn names_that_are_none_are_refused() {
    let content = layer("x");
    for name in ["UPPER CASE", "../../etc:1", "x@sha256:abc", ""] {
        let tar = docker_archive(&[name], &[("l.tar", content.clone())], &[digest(&content)]);
        refused(&tar.end(), 2, &[name]);
    }
}

#[test]
fn reading_in_place_refuses_the_same() {
    let (layout, _, image) = one_image();
    let mut lying = layout.clone();
    lying.replace(&image, &vec![b' '; image["size"].as_u64().unwrap() as usize]);
    let place = Place::new();
    let path = place.file("archive.tar", &lying.tar());
    for command in ["resolve", "inspect"] {
        let outcome = place.run(&[command, "--platform", "linux/amd64", &format!("oci-archive:{path}")]);
        let outcome = outcome.failed(1);
        assert!(outcome.stderr.contains(text(&image)), "{}", outcome.stderr);
    }
    for cut in [100, 700, 3000] {
        let path = place.file("cut.tar", &layout.tar()[..cut]);
        for transport in ["oci-archive", "docker-archive"] {
            place.run(&["resolve", &format!("{transport}:{path}")]).failed(2);
        }
    }
    // A directory's files are opened beneath it, whatever they link to.
    let directory = place.path("layout");
    std::fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
    std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.join("index.json")).unwrap();
    let outcome = place.run(&["resolve", &format!("oci:{}", directory.display())]).failed(2);
    assert!(!outcome.stderr.contains("root"), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("index.json"), "{}", outcome.stderr);
}

#[test]
fn a_load_that_runs_out_of_address_space_is_no_crash_of_the_store() {
    let place = Place::new();
    let (layout, ..) = one_image();
    let path = place.file("archive.tar", &layout.tar());
    let mut command = std::process::Command::new("sh");
    // The component's memory is reserved ahead, so this is what is there for everything else, too.
    command.args([
        "-c",
        "ulimit -v 100000 && exec \"$0\" load -q \"$1\"",
        env!("CARGO_BIN_EXE_consign"),
        &path,
    ]);
    command.env("CONSIGN_ROOT", place.root());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(0) || output.status.code() == Some(2),
        "{:?} {said}",
        output.status.signal()
    );
    place.check();
}
