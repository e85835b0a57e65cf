//! What buildah, podman and skopeo wrote, loaded, saved in every form and read by skopeo, podman and umoci: every
//! digest stays.
//!
//! Without these programs the tests say so and pass, unless `CONSIGN_REQUIRE_PEERS` is set.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::archive::digest;
use crate::peers::{Workshop, workshop};
use crate::place::Place;

/// Forms as consign names them, and as containers/image does.
const FORMS: [(&str, &str); 4] = [
    ("docker-archive", "docker-archive"),
    ("oci-archive", "oci-archive"),
    ("oci-dir", "oci"),
    ("docker-dir", "dir"),
];

/// What every reader has to find.
struct Expected {
    id: String,
    manifest: Vec<u8>,
    diff_ids: Vec<String>,
}

/// An image that peers wrote, in a store of its own, under the name `example.com/tiny:1`.
struct Loaded {
    place: Place,
    expected: Expected,
}

const NAME: &str = "example.com/tiny:1";

fn load(source: &str) -> Loaded {
    let place = Place::new();
    let loaded = place.run(&["load", "--format", "json", source]).ok().json();
    let id = loaded["roots"][0]["images"][0]["id"].as_str().unwrap().to_owned();
    let target = loaded["roots"][0]["target"]["digest"].as_str().unwrap();
    place.run(&["tag", target, NAME]).ok();
    let manifest = place.run(&["inspect", "--raw", NAME]).ok().stdout;
    let config = place.run(&["inspect", "--config", NAME]).ok().json();
    let diff_ids = config["rootfs"]["diff_ids"].as_array().unwrap().iter();
    let diff_ids = diff_ids.map(|diff_id| diff_id.as_str().unwrap().to_owned()).collect();
    Loaded { expected: Expected { id, manifest, diff_ids }, place }
}

impl Loaded {
    fn save(&self, form: &str) -> String {
        let path = self.place.path(form).display().to_string();
        self.place.run(&["save", "--format", form, "-o", &path, NAME]).ok();
        path
    }

    /// Skopeo finds the same documents, and the layers are those that they name.
    fn skopeo_reads(&self, workshop: &Workshop, form: &str, transport: &str) {
        let path = self.save(form);
        let manifest: Value = serde_json::from_slice(&self.expected.manifest).unwrap();
        let docker = manifest["mediaType"].as_str().is_some_and(|media_type| media_type.contains("docker"));
        // Skopeo 1.9 finds by name only what has OCI's media types in a layout; what is alone it takes.
        let nameless = transport == "dir" || (docker && transport.starts_with("oci"));
        let named = if nameless { String::new() } else { format!(":{NAME}") };
        let image = format!("{transport}:{path}{named}");
        let config = workshop.bytes("skopeo", &["inspect", "--config", "--raw", &image]);
        assert_eq!(digest(&config), self.expected.id, "{image}");
        let raw = workshop.bytes("skopeo", &["inspect", "--raw", &image]);
        if form == "docker-archive" {
            // It keeps no manifest; the one that is made up names uncompressed layers.
            let manifest: Value = serde_json::from_slice(&raw).unwrap();
            let layers = manifest["layers"].as_array().unwrap().iter();
            let layers: Vec<&str> = layers.map(|layer| layer["digest"].as_str().unwrap()).collect();
            assert_eq!(layers, self.expected.diff_ids, "{image}");
        } else {
            assert!(raw == self.expected.manifest, "{image}");
        }
        // Copying reads, and verifies, every byte.
        let copy = self.place.path("copy").display().to_string();
        workshop.run("skopeo", &["copy", "-q", &image, &format!("dir:{copy}")]);
        let again = Place::new();
        again.run(&["load", "-q", &format!("dir:{copy}")]).ok();
        assert_eq!(again.images(), [self.expected.id.as_str()], "{image}");
        std::fs::remove_dir_all(copy).unwrap();
    }

    /// Podman loads it as the same image, under its name where the form keeps one.
    fn podman_loads(&self, workshop: &Workshop, form: &str) {
        let path = self.place.path(form).display().to_string();
        let (root, run) = (self.place.path("podman"), self.place.path("run"));
        let storage =
            ["--storage-driver=vfs", "--root", root.to_str().unwrap(), "--runroot", run.to_str().unwrap()];
        let podman = |arguments: &[&str]| workshop.run("podman", &[&storage[..], arguments].concat());
        podman(&["load", "-q", "-i", &path]);
        let id = self.expected.id.split_once(':').unwrap().1;
        let image = if form == "docker-dir" { id } else { NAME };
        let inspected: Value = serde_json::from_str(&podman(&["image", "inspect", image])).unwrap();
        assert_eq!(inspected[0]["Id"], id, "{form}");
        assert_eq!(inspected[0]["RootFS"]["Layers"], json!(self.expected.diff_ids), "{form}");
        podman(&["rmi", "-f", id]);
    }
}

#[test]
fn every_digest_stays_whoever_wrote_it_and_whoever_reads_it() {
    let Some(workshop) = workshop() else { return };
    for format in ["oci", "docker"] {
        let image = format!("tiny-{format}:1");
        let mut sources = Vec::new();
        for (kind, transport) in FORMS {
            let path = workshop.at(&format!("exchange-{format}.{kind}"));
            workshop.run("podman", &["save", "-q", "--format", kind, "-o", &path, &image]);
            sources.push((format!("{transport}:{path}"), kind.ends_with("archive")));
        }
        let at = |name: &str| workshop.at(&format!("exchange-{format}-skopeo-{name}"));
        for (options, destination) in [
            (&["--dest-compress", "--dest-compress-format", "zstd"][..], format!("oci:{}:a", at("zstd"))),
            (&["--dest-oci-accept-uncompressed-layers"], format!("oci:{}:a", at("plain"))),
            (&[], format!("oci-archive:{}:a", at("oci.tar"))),
            (&[], format!("docker-archive:{}:a:1", at("docker.tar"))),
            (&["--dest-compress"], format!("dir:{}", at("dir"))),
        ] {
            workshop.copy(options, &image, &destination);
            sources.push((destination, false));
        }
        for (source, with_podman) in sources {
            let loaded = load(&source);
            for (form, transport) in FORMS {
                loaded.skopeo_reads(workshop, form, transport);
                // Podman makes a name of a layout's path, which then must not have capitals.
                if with_podman && form != "oci-dir" {
                    loaded.podman_loads(workshop, form);
                }
            }
            assert_eq!(loaded.place.check()["problems"], json!([]));
        }
    }
}

#[test]
fn an_archive_is_podmans_and_skopeos_byte_for_byte() {
    let Some(workshop) = workshop() else { return };
    for format in ["oci", "docker"] {
        let names = [format!("localhost/tiny-{format}:1"), format!("localhost/base-{format}:1")];
        let path = workshop.at(&format!("bytes-{format}.tar"));
        let save = ["save", "-q", "-m", "--format", "docker-archive", "-o", &path, &names[0], &names[1]];
        workshop.run("podman", &save);
        let place = Place::new();
        place.run(&["load", "-q", &path]).ok();
        // The layers of another copy are compressed: it is the same archive.
        let compressed = Place::new();
        let layout = workshop.at(&format!("bytes-{format}"));
        for name in &names {
            let image = name.strip_prefix("localhost/").unwrap();
            workshop.copy(&[], image, &format!("oci:{layout}:{name}"));
        }
        compressed.run(&["load", "-q", &format!("oci:{layout}")]).ok();
        let podmans = std::fs::read(&path).unwrap();
        assert!(place.run(&["save", &names[0], &names[1]]).ok().stdout == podmans, "{format}");
        if format == "oci" {
            // Of a Docker image skopeo makes another config for a layout.
            assert!(compressed.run(&["save", &names[0], &names[1]]).ok().stdout == podmans);
        }
        let copied = workshop.at(&format!("bytes-{format}-skopeo.tar"));
        workshop.copy(&[], &format!("tiny-{format}:1"), &format!("docker-archive:{copied}:{}", names[0]));
        let skopeos = std::fs::read(&copied).unwrap();
        assert!(place.run(&["save", &names[0]]).ok().stdout == skopeos, "{format}");
    }
}

#[test]
fn a_list_of_platforms_survives_whole() {
    let Some(workshop) = workshop() else { return };
    for fixture in ["multi.oci.tar", "attested.oci.tar"] {
        let place = Place::with(&[fixture]);
        let name = format!("example.com/{}:1", fixture.split('.').next().unwrap());
        let raw = place.run(&["inspect", "--raw", &name]).ok().stdout;
        for (form, transport) in &FORMS[1..] {
            let path = place.path(form).display().to_string();
            place.run(&["save", "--format", form, "--all-platforms", "-o", &path, &name]).ok();
            let named = if *form == "docker-dir" { String::new() } else { format!(":{name}") };
            let image = format!("{transport}:{path}{named}");
            assert!(workshop.bytes("skopeo", &["inspect", "--raw", &image]) == raw, "{image}");
            if fixture == "multi.oci.tar" {
                // Skopeo copies no index within an index.
                let copy = place.path(&format!("{form}.copy")).display().to_string();
                workshop.run("skopeo", &["copy", "-q", "--all", &image, &format!("dir:{copy}")]);
                let copied = Place::new();
                copied.run(&["load", "-q", &format!("dir:{copy}")]).ok();
                assert_eq!(copied.images(), place.images(), "{image}");
            }
            let again = Place::new();
            let loaded = again.run(&["load", "--format", "json", &format!("{transport}:{path}")]).ok().json();
            assert_eq!(loaded["roots"][0]["target"]["digest"], digest(&raw), "{image}");
            assert_eq!(loaded["roots"][0]["absent"], json!([]));
            assert_eq!(again.images(), place.images(), "{image}");
        }
    }
}

#[test]
fn umoci_reads_a_layout() {
    let Some(workshop) = workshop() else { return };
    if Command::new("umoci").arg("--version").output().is_err() {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "umoci is not installed");
        println!("not compared: umoci is not installed");
        return;
    }
    let source = workshop.at("umoci-source");
    workshop.copy(&[], "tiny-oci:1", &format!("oci:{source}:a"));
    let loaded = load(&format!("oci:{source}"));
    let path = loaded.save("oci-dir");
    let listed = workshop.run("umoci", &["ls", "--layout", &path]);
    assert_eq!(listed, NAME);
    let bundle = loaded.place.path("bundle").display().to_string();
    workshop.run("umoci", &["raw", "unpack", "--image", &format!("{path}:{NAME}"), &bundle]);
    let one = std::fs::read(Path::new(&bundle).join("one")).unwrap();
    assert_eq!(one, "one\n".repeat(1000).into_bytes());
}

#[test]
fn what_is_imported_is_an_image_for_the_peers() {
    let Some(workshop) = workshop() else { return };
    let root = workshop.at("import-root");
    std::fs::create_dir_all(Path::new(&root).join("etc")).unwrap();
    std::fs::write(Path::new(&root).join("etc/os-release"), "ID=test\n").unwrap();
    let tarball = workshop.at("import.tar");
    workshop.run("tar", &["-C", &root, "-cf", &tarball, "."]);
    let changes = [
        "-c",
        "CMD [\"/x\"]",
        "-c",
        "ENV A=b",
        "-c",
        "EXPOSE 80",
        "-c",
        "LABEL a=b",
        "-c",
        "USER me",
        "-m",
        "by hand",
    ];
    let id = workshop.run("podman", &[&["import", "-q"], &changes[..], &[&tarball, NAME]].concat());
    let place = Place::new();
    place.run(&[&["import", "-q"], &changes[..], &[&tarball, NAME]].concat()).ok();
    let podmans: Value = serde_json::from_str(&workshop.run("podman", &["image", "inspect", &id])).unwrap();
    let path = place.path("out.tar").display().to_string();
    place.run(&["save", "--format", "oci-archive", "-o", &path, NAME]).ok();
    let config = ["inspect", "--config", &format!("oci-archive:{path}")];
    let ours: Value = serde_json::from_str(&workshop.run("skopeo", &config)).unwrap();
    for key in ["Cmd", "Env", "ExposedPorts", "Labels", "User"] {
        assert_eq!(ours["config"][key], podmans[0]["Config"][key], "{key}");
    }
    assert_eq!(ours["rootfs"]["diff_ids"], podmans[0]["RootFS"]["Layers"]);
    assert_eq!(ours["history"][0]["comment"], podmans[0]["History"][0]["comment"]);
    assert_eq!((&ours["os"], &ours["architecture"]), (&podmans[0]["Os"], &podmans[0]["Architecture"]));
    workshop.run("podman", &["rmi", "-f", &id]);
    workshop.run("podman", &["load", "-q", "-i", &path]);
    let loaded: Value = serde_json::from_str(&workshop.run("podman", &["image", "inspect", NAME])).unwrap();
    assert_eq!(loaded[0]["Id"], place.images()[0]["sha256:".len()..]);
    workshop.run("podman", &["rmi", "-f", NAME]);
}
