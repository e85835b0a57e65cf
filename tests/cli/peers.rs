//! Archives and directories as buildah, podman and skopeo write them: the digests and IDs consign tells are theirs.
//!
//! Without these programs the tests say so and pass, unless `CONSIGN_REQUIRE_PEERS` is set.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::archive::{Tar, digest, hex, layer};
use crate::place::{Place, fixtures};

/// A tiny image in OCI and in Docker's format, in everything the peers write.
pub struct Workshop {
    pub directory: PathBuf,
}

/// Made once for all tests. `None` where a program is missing.
pub fn workshop() -> Option<&'static Workshop> {
    static WORKSHOP: OnceLock<Option<Workshop>> = OnceLock::new();
    WORKSHOP.get_or_init(make).as_ref()
}

fn make() -> Option<Workshop> {
    for program in ["buildah", "podman", "skopeo"] {
        if Command::new(program).arg("--version").output().is_err() {
            assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "{program} is not installed");
            println!("not compared: {program} is not installed");
            return None;
        }
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(directory.join("tmp")).unwrap();
    let at = |name: &str| directory.join(name).display().to_string();
    let storage = format!(
        "[storage]\ndriver = \"vfs\"\ngraphroot = \"{}\"\nrunroot = \"{}\"\n",
        at("graph"),
        at("run")
    );
    std::fs::write(at("storage.conf"), storage).unwrap();
    std::fs::write(at("policy.json"), r#"{"default": [{"type": "insecureAcceptAnything"}]}"#).unwrap();
    std::fs::write(at("one"), "one\n".repeat(1000)).unwrap();
    std::fs::write(at("two"), "two\n".repeat(1000)).unwrap();
    let workshop = Workshop { directory: directory.clone() };
    for format in ["oci", "docker"] {
        let container = workshop.run("buildah", &["from", "scratch"]);
        workshop.run("buildah", &["copy", "-q", &container, &at("one"), "/one"]);
        workshop
            .run("buildah", &["commit", "-q", "--format", format, &container, &format!("base-{format}:1")]);
        let container = workshop.run("buildah", &["from", &format!("localhost/base-{format}:1")]);
        workshop.run("buildah", &["copy", "-q", &container, &at("two"), "/two"]);
        workshop
            .run("buildah", &["config", "--label", "tiny=yes", "--env", "A=b", "--cmd", "/x", &container]);
        workshop
            .run("buildah", &["commit", "-q", "--format", format, &container, &format!("tiny-{format}:1")]);
    }
    Some(workshop)
}

impl Workshop {
    /// What the program printed, without the line's end.
    #[track_caller]
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        String::from_utf8(self.bytes(program, arguments)).unwrap().trim().to_owned()
    }

    #[track_caller]
    pub fn bytes(&self, program: &str, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.directory);
        command.env("CONTAINERS_STORAGE_CONF", self.directory.join("storage.conf"));
        command.env("TMPDIR", self.directory.join("tmp"));
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {}: {said}", arguments.join(" "));
        output.stdout
    }

    pub fn at(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// The ID podman has for an image of its store.
    pub fn id(&self, image: &str) -> String {
        format!("sha256:{}", self.run("podman", &["image", "inspect", "--format", "{{.Id}}", image]))
    }

    /// Copies an image of the store somewhere with skopeo.
    #[track_caller]
    pub fn copy(&self, options: &[&str], image: &str, destination: &str) {
        let source = format!("containers-storage:localhost/{image}");
        self.run("skopeo", &[&["copy", "-q"], options, &[&source, destination]].concat());
    }

    /// What consign says of an image read in place, and of it when it has been loaded, is what skopeo says.
    #[track_caller]
    fn compare(&self, image: &str) -> String {
        let digest = self.run("skopeo", &["inspect", "--format", "{{.Digest}}", image]);
        let raw = self.bytes("skopeo", &["inspect", "--raw", image]);
        let config = self.bytes("skopeo", &["inspect", "--config", "--raw", image]);
        let id = crate::archive::digest(&config);
        let place = Place::new();
        let resolved = place.run(&["resolve", "--format", "json", image]).ok().json();
        assert_eq!(resolved["target"]["digest"], digest, "{image}");
        assert_eq!(resolved["id"], id, "{image}");
        assert_eq!(place.run(&["inspect", "--raw", image]).ok().stdout, raw, "{image}");
        assert_eq!(place.run(&["inspect", "--config", image]).ok().stdout, config, "{image}");

        let loaded = place.run(&["load", "--format", "json", image]).ok().json();
        assert_eq!(loaded["roots"][0]["target"]["digest"], digest, "{image}");
        assert_eq!(place.run(&["inspect", "--raw", &digest]).ok().stdout, raw, "{image}");
        assert_eq!(place.run(&["inspect", "--config", &id]).ok().stdout, config, "{image}");
        assert_eq!(place.check()["problems"], json!([]), "{image}");
        id
    }
}

#[test]
fn what_podman_saves_has_podmans_ids_and_skopeos_digests() {
    let Some(workshop) = workshop() else { return };
    for format in ["oci", "docker"] {
        let image = format!("tiny-{format}:1");
        let id = workshop.id(&image);
        for kind in ["docker-archive", "oci-archive", "oci-dir", "docker-dir"] {
            let path = workshop.at(&format!("{format}.{kind}"));
            workshop.run("podman", &["save", "-q", "--format", kind, "-o", &path, &image]);
            let transport = match kind {
                "oci-dir" => "oci",
                "docker-dir" => "dir",
                archive => archive,
            };
            let told = workshop.compare(&format!("{transport}:{path}"));
            // Podman makes another config only where it turns a Docker image into an OCI one.
            if format == "oci" || kind.starts_with("docker") {
                assert_eq!(told, id, "{format} as {kind}");
            }
            // And the path alone is enough.
            let place = Place::new();
            place.run(&["load", "-q", &path]).ok();
            assert_eq!(place.images(), [told]);
        }
    }
}

#[test]
fn an_archive_of_several_images_has_each_under_its_names() {
    let Some(workshop) = workshop() else { return };
    let path = workshop.at("several.tar");
    let images = ["tiny-oci:1", "base-oci:1", "tiny-docker:1"];
    workshop.run("podman", &["tag", "tiny-oci:1", "example.com/other/name:2"]);
    let named = ["tiny-oci:1", "example.com/other/name:2", "base-oci:1", "tiny-docker:1"];
    let save = ["save", "-q", "-m", "--format", "docker-archive", "-o", &path];
    workshop.run("podman", &[&save[..], &named].concat());
    let place = Place::new();
    place.run(&["load", &path]).ok();
    for image in images {
        let resolved = place.run(&["resolve", "-q", &format!("localhost/{image}")]).ok();
        assert_eq!(resolved.text().trim(), workshop.id(image));
        let archived = format!("docker-archive:{path}:localhost/{image}");
        let digest = workshop.run("skopeo", &["inspect", "--format", "{{.Digest}}", &archived]);
        let resolved = place.run(&["resolve", "--format", "json", &archived]).ok().json();
        assert_eq!(resolved["manifest"]["digest"], digest);
    }
    let resolved = place.run(&["resolve", "-q", "example.com/other/name:2"]).ok();
    assert_eq!(resolved.text().trim(), workshop.id("tiny-oci:1"));
    place.check();
}

#[test]
fn what_skopeo_copies_has_skopeos_digests() {
    let Some(workshop) = workshop() else { return };
    for image in ["tiny-oci:1", "tiny-docker:1"] {
        let at = |name: &str| workshop.at(&format!("skopeo-{}-{name}", image.replace(':', "-")));
        let cases = [
            (&["--format", "oci"][..], format!("dir:{}", at("dir-oci"))),
            (&["--format", "v2s2"], format!("dir:{}", at("dir-docker"))),
            (&["--dest-compress", "--dest-compress-format", "gzip"], format!("dir:{}", at("dir-gzip"))),
            (&[], format!("oci:{}:one", at("oci"))),
            (&["--dest-compress", "--dest-compress-format", "zstd"], format!("oci:{}:zstd", at("oci-zstd"))),
            (&["--dest-oci-accept-uncompressed-layers"], format!("oci:{}:plain", at("oci-plain"))),
            (&[], format!("oci-archive:{}:example.com/tiny:1", at("oci.tar"))),
            (&[], format!("docker-archive:{}:example.com/tiny:1", at("docker.tar"))),
        ];
        for (options, destination) in cases {
            workshop.copy(options, image, &destination);
            let id = workshop.compare(&destination);
            if destination.contains("zstd") {
                let loaded = Place::new();
                loaded.run(&["load", "-q", &destination]).ok();
                let resolved = loaded.run(&["resolve", "--format", "json", &id]).ok().json();
                let layer = resolved["layers"][0]["mediaType"].as_str().unwrap();
                assert_eq!(layer, "application/vnd.oci.image.layer.v1.tar+zstd");
            }
        }
    }
}

#[test]
fn a_list_copied_by_skopeo_comes_whole() {
    let Some(workshop) = workshop() else { return };
    let source = format!("oci-archive:{}", fixtures().join("multi.oci.tar").display());
    for (name, options) in [("list-oci", &[][..]), ("list-docker", &["--format", "v2s2"])] {
        let destination = format!("dir:{}", workshop.at(name));
        workshop.run("skopeo", &[&["copy", "-q", "--all"], options, &[&source, &destination]].concat());
        let raw = workshop.bytes("skopeo", &["inspect", "--raw", &destination]);
        let place = Place::new();
        let loaded = place.run(&["load", "--format", "json", &destination]).ok().json();
        assert_eq!(loaded["roots"][0]["target"]["digest"], digest(&raw));
        assert_eq!(loaded["roots"][0]["images"].as_array().unwrap().len(), 8);
        assert_eq!(place.images().len(), 8);
        assert_eq!(place.run(&["inspect", "--raw", &destination]).ok().stdout, raw);
        assert_eq!(place.check()["problems"], json!([]));
        for platform in ["linux/amd64", "linux/arm64", "linux/arm/v6", "linux/s390x"] {
            let parts: Vec<&str> = platform.split('/').collect();
            let mut choice = vec!["--override-os", parts[0], "--override-arch", parts[1]];
            choice.extend(parts.get(2).into_iter().flat_map(|variant| ["--override-variant", variant]));
            let inspect = ["inspect", "--config", "--raw", &destination];
            let config = workshop.bytes("skopeo", &[&choice[..], &inspect].concat());
            let resolve = ["resolve", "-q", "--rules", "podman", "--platform", platform, &destination];
            assert_eq!(place.run(&resolve).ok().text().trim(), digest(&config), "{name} {platform}");
        }
    }
}

/// What `docker save` wrote before Docker 1.10, and later beside `manifest.json`: a directory for each layer, and
/// `repositories`. The layers, base first; the IDs of their directories.
fn legacy(layers: &[Vec<u8>]) -> (Tar, Vec<String>) {
    let mut tar = Tar::default();
    let mut ids: Vec<String> = Vec::new();
    for (position, bytes) in layers.iter().enumerate() {
        let id = hex(format!("layer {position}").as_bytes());
        let mut document = json!({
            "id": id, "created": format!("2014-06-0{}T00:00:00Z", position + 1), "os": "linux",
            "container_config": {"Cmd": ["/bin/sh", "-c", format!("step {position}")]},
        });
        if let Some(parent) = ids.last() {
            document["parent"] = json!(parent);
        }
        if position + 1 == layers.len() {
            document["architecture"] = json!("amd64");
            document["docker_version"] = json!("1.0.0");
            document["config"] = json!({"Env": ["A=b"], "Cmd": ["/x"]});
        }
        tar = tar
            .file(&format!("{id}/VERSION"), b"1.0")
            .json(&format!("{id}/json"), &document)
            .file(&format!("{id}/layer.tar"), bytes);
        ids.push(id);
    }
    let repositories = json!({"example.com/old": {"1": ids.last(), "latest": ids.last()}});
    (tar.json("repositories", &repositories), ids)
}

#[test]
fn a_legacy_archive_is_read_by_its_directories() {
    let layers = [layer("base"), layer("top")];
    let (tar, ids) = legacy(&layers);
    let place = Place::new();
    let path = place.file("old.tar", &tar.end());
    let loaded = place.run(&["load", "--format", "json", &path]).ok().json();
    assert_eq!(loaded["roots"][0]["names"], json!(["example.com/old:1", "example.com/old:latest"]));
    let inspected = place.run(&["inspect", "example.com/old"]).ok().json();
    let diff_ids: Vec<String> = layers.iter().map(|layer| digest(layer)).collect();
    assert_eq!(inspected[0]["RootFS"]["Layers"], json!(diff_ids));
    assert_eq!(inspected[0]["Config"]["Env"], json!(["A=b"]));
    assert_eq!(inspected[0]["Created"], "2014-06-02T00:00:00Z");
    let steps = inspected[0]["History"].as_array().unwrap();
    let created: Vec<&Value> = steps.iter().map(|step| &step["created_by"]).collect();
    assert_eq!(created, [&json!("/bin/sh -c step 0"), &json!("/bin/sh -c step 1")]);
    let config = place.run(&["inspect", "--config", "example.com/old:1"]).ok().stdout;
    assert_eq!(inspected[0]["Id"], digest(&config));
    // The old IDs are gone with the old format.
    place.run(&["resolve", &ids[1]]).failed(1);
    place.check();
}

#[test]
fn a_legacy_archive_with_a_manifest_goes_by_the_manifest() {
    let layers = [layer("base"), layer("top")];
    let (tar, ids) = legacy(&layers);
    let config =
        crate::archive::config("amd64", &layers.iter().map(|layer| digest(layer)).collect::<Vec<_>>());
    let name = format!("{}.json", hex(&config));
    let paths: Vec<String> = ids.iter().map(|id| format!("{id}/layer.tar")).collect();
    let manifest = json!([{"Config": name, "RepoTags": ["example.com/old:1"], "Layers": paths}]);
    let tar = tar.file(&name, &config).json("manifest.json", &manifest);
    let place = Place::new();
    let path = place.file("old.tar", &tar.end());
    place.run(&["load", "-q", &path]).ok();
    let resolved = place.run(&["resolve", "-q", "example.com/old:1"]).ok();
    assert_eq!(resolved.text().trim(), digest(&config));
    let Some(workshop) = workshop() else { return };
    workshop.compare(&format!("docker-archive:{path}"));
}

#[test]
fn names_mean_to_podman_what_they_mean_in_its_order() {
    let Some(workshop) = workshop() else { return };
    let place = Place::new();
    let images = ["localhost/tiny-oci:1", "localhost/base-docker:1"];
    for (at, image) in images.iter().enumerate() {
        let path = workshop.at(&format!("looked-up-{at}.tar"));
        workshop.run("podman", &["save", "-q", "--format", "docker-archive", "-o", &path, image]);
        place.run(&["load", "-q", &path]).ok();
    }
    let id = workshop.id(images[1]);
    let digits = id.strip_prefix("sha256:").unwrap();
    let like_an_id = format!("localhost/{}:latest", &digits[..12]);
    let given = ["one.example/looked-up:1", "docker.io/library/looked-up:2", &like_an_id];
    for name in given {
        workshop.run("podman", &["tag", images[0], name]);
        place.run(&["tag", images[0], name]).ok();
    }
    for (text, there) in [
        ("tiny-oci:1", true),
        ("tiny-oci", false),
        ("looked-up:1", true),
        ("one.example/looked-up:1", true),
        ("looked-up:2", true),
        ("library/looked-up:2", true),
        ("docker.io/looked-up:2", true),
        ("ked-up:1", false),
        (&digits[..12], true),
        (&digits[..20], true),
        (digits, true),
        (&id, true),
        (&id[..20], false),
        ("UPPER", false),
    ] {
        let mut podman = Command::new("podman");
        podman.args(["image", "inspect", "--format", "{{.Id}}", text]).current_dir(&workshop.directory);
        podman.env("CONTAINERS_STORAGE_CONF", workshop.at("storage.conf"));
        let wanted = podman.output().unwrap();
        let wanted = wanted.status.success().then(|| String::from_utf8(wanted.stdout).unwrap());
        let mut consign = place.command(&["resolve", "-q", "--lookup", "podman", text]);
        // The configuration is the one podman goes by.
        consign.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
        let found = consign.output().unwrap();
        let found = found.status.success().then(|| String::from_utf8(found.stdout).unwrap());
        assert_eq!(wanted.is_some(), there, "{text}");
        assert_eq!(found, wanted.map(|id| format!("sha256:{id}")), "{text}");
    }
    for name in given {
        workshop.run("podman", &["untag", images[0], name]);
    }
}
