//! Every kind of image against every registry: pushed, looked at, pulled, copied, listed and deleted with its digest
//! unchanged; read there by skopeo and podman, and read here as they put it there.
//!
//! Without these programs the tests say so and pass, unless `CONSIGN_REQUIRE_PEERS` is set.

use std::process::{Command, Output};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::archive::digest;
use crate::kinds::{Form, Kind, kinds};
use crate::place::{Outcome, Place};
use crate::registries::{Registry, certificate, installed, issue, run};
use crate::served::Served;
use crate::server::Server;

/// A store with images of all kinds, a registry, and programs that know its password.
struct Session {
    place: Place,
    kinds: Vec<Kind>,
    /// `host:port`.
    registry: String,
    /// What takes long is left to another session.
    brief: bool,
}

impl Session {
    /// With credentials for the registry, whether it asks for them or not.
    fn new(place: Place, kinds: Vec<Kind>, registry: &str, brief: bool) -> Session {
        let secret = BASE64_STANDARD.encode("bench:bench");
        let auths = json!({"auths": {registry: {"auth": secret}}});
        place.file("auth.json", auths.to_string().as_bytes());
        place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
        Session { place, kinds, registry: registry.to_owned(), brief }
    }

    fn path(&self, name: &str) -> String {
        self.place.path(name).display().to_string()
    }

    /// What an image is called in the registry.
    fn there(&self, repository: &str, kind: &Kind) -> String {
        format!("docker://{}/{repository}/{}:1", self.registry, kind.name)
    }

    fn on(&self, place: &Place, arguments: &[&str]) -> Outcome {
        let mut command = place.command(arguments);
        command.env("REGISTRY_AUTH_FILE", self.path("auth.json"));
        place.outcome_of(command)
    }

    fn consign(&self, arguments: &[&str]) -> Outcome {
        self.on(&self.place, arguments)
    }

    /// The digest of what is at a reference.
    #[track_caller]
    fn digest(&self, reference: &str) -> String {
        digest(&self.consign(&["inspect", "--raw", reference]).ok().stdout)
    }

    fn peer(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(self.place.path("tmp"));
        command.env("REGISTRY_AUTH_FILE", self.path("auth.json")).env("TMPDIR", self.place.path("tmp"));
        command.output().unwrap()
    }

    #[track_caller]
    fn skopeo(&self, arguments: &[&str]) -> Vec<u8> {
        let policy = self.path("policy.json");
        let options = ["--policy", &policy, "--override-os=linux", "--override-arch=amd64"];
        let output = self.peer("skopeo", &[&options[..], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        output.stdout
    }

    #[track_caller]
    fn podman(&self, arguments: &[&str]) -> String {
        let (root, runroot) = (self.path("podman"), self.path("podman-run"));
        let storage = ["--storage-driver=vfs", "--root", &root, "--runroot", &runroot];
        let output = self.peer("podman", &[&storage[..], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Whether podman is asked. It takes a second for each image, and for each of many layers.
    fn has_podman(&self, kind: &Kind) -> bool {
        let brief = self.brief && !matches!(kind.name, "gzip" | "docker" | "index");
        kind.podman_pulls() && rustix::process::geteuid().is_root() && !brief
    }

    /// Everything there is to do with an image that is in the registry, but changing it.
    fn reads(&self, repository: &str, kind: &Kind) {
        let there = self.there(repository, kind);
        let what = format!("{there} ({})", self.registry);
        assert_eq!(self.digest(&there), kind.digest(), "{what}");
        if kind.form != Form::Artifact {
            let inspected = self.consign(&["inspect", "--platform", "linux/amd64", &there]).ok().json();
            assert_eq!(inspected[0]["Id"], kind.id.as_str(), "{what}");
        }
        let listed = self.consign(&["tags", "list", "-q", there.trim_end_matches(":1")]).ok();
        assert_eq!(listed.text(), "1\n", "{what}");
        let other = Place::new();
        let name = there.strip_prefix("docker://").unwrap();
        if kind.form == Form::Artifact {
            // It has no platform, and runs nowhere.
            self.on(&other, &["pull", "-q", "--all-platforms", name]).ok();
        } else {
            let pulled = self.on(&other, &["pull", "-q", "--all-platforms", name]).ok();
            assert!(pulled.text().contains(&kind.id), "{what}: {}", pulled.text());
        }
        let raw = other.run(&["inspect", "--raw", name]).ok().stdout;
        assert_eq!(digest(&raw), kind.digest(), "{what}");
        other.check();
        let at = |form: &str| self.path(&format!("{repository}-{}-{form}", kind.name));
        let (layout, directory) = (at("oci"), at("dir"));
        for to in [format!("oci:{layout}:x"), format!("dir:{directory}")] {
            let copied = self.consign(&["copy", "-q", "--all", "--preserve-digests", &there, &to]).ok();
            assert_eq!(copied.text().trim(), kind.digest(), "{to}");
        }
        let listed = std::fs::read(format!("{layout}/index.json")).unwrap();
        let listed: Value = serde_json::from_slice(&listed).unwrap();
        assert_eq!(listed["manifests"][0]["digest"], kind.digest(), "{what}");
        let blob = format!("{layout}/blobs/{}", kind.digest().replace(':', "/"));
        for manifest in [blob, format!("{directory}/manifest.json")] {
            assert_eq!(digest(&std::fs::read(&manifest).unwrap()), kind.digest(), "{manifest}");
        }
        let archive = self.path(&format!("{repository}-{}.tar", kind.name));
        let to = format!("docker-archive:{archive}:example.com/x:1");
        let copied = self.consign(&["copy", "-q", "--platform", "linux/amd64", &there, &to]);
        match kind.form {
            Form::Artifact => drop(copied.failed(2)),
            // Their layers are elsewhere, and an archive has no way to say so.
            Form::Foreign => assert!(matches!(copied.code, Some(1 | 2)), "{what}: {}", copied.stderr),
            _ => {
                copied.ok();
                let id = self.consign(&["resolve", "-q", &format!("docker-archive:{archive}")]).ok();
                assert_eq!(id.text().trim(), kind.id, "{what}");
            }
        }
    }

    /// What skopeo and podman make of it.
    fn peers_read(&self, repository: &str, kind: &Kind) {
        let there = self.there(repository, kind);
        let raw = self.skopeo(&["inspect", "--raw", "--tls-verify=false", &there]);
        assert_eq!(digest(&raw), kind.digest(), "{there}");
        if kind.skopeo_copies() {
            let directory = self.path(&format!("{repository}-{}-skopeo", kind.name));
            let copy = ["copy", "-q", "--all", "--preserve-digests", "--src-tls-verify=false"];
            self.skopeo(&[&copy[..], &[&there, &format!("dir:{directory}")]].concat());
            let copied = std::fs::read(format!("{directory}/manifest.json")).unwrap();
            assert_eq!(digest(&copied), kind.digest(), "{there}");
        }
        if self.has_podman(kind) {
            let name = there.strip_prefix("docker://").unwrap();
            let policy = self.path("policy.json");
            let pull =
                ["pull", "-q", "--tls-verify=false", "--arch=amd64", "--signature-policy", &policy, name];
            assert_eq!(format!("sha256:{}", self.podman(&pull)), kind.id, "{there}");
            let digests = self.podman(&["image", "inspect", "--format", "{{.RepoDigests}}", name]);
            assert!(digests.contains(kind.digest()), "{there}: {digests}");
        }
    }

    /// What skopeo puts there is what is read here.
    fn peers_write(&self, kind: &Kind) {
        if kind.skopeo_copies() {
            let (there, from) = (self.there("skopeo", kind), self.path(&format!("a-{}-dir", kind.name)));
            let copy = ["copy", "-q", "--all", "--preserve-digests", "--dest-tls-verify=false"];
            self.skopeo(&[&copy[..], &[&format!("dir:{from}"), &there]].concat());
            assert_eq!(self.digest(&there), kind.digest());
            let other = Place::new();
            let name = there.strip_prefix("docker://").unwrap();
            self.on(&other, &["pull", "-q", "--all-platforms", name]).ok();
            assert_eq!(digest(&other.run(&["inspect", "--raw", name]).ok().stdout), kind.digest(), "{there}");
        }
        if self.has_podman(kind) {
            let there = self.there("podman", kind);
            let name = self.there("a", kind);
            let file = self.path("podman.digest");
            let push = ["push", "-q", "--tls-verify=false", "--digestfile", &file];
            self.podman(&[&push[..], &[name.strip_prefix("docker://").unwrap(), &there]].concat());
            let wanted = std::fs::read_to_string(&file).unwrap();
            let other = Place::new();
            let name = there.strip_prefix("docker://").unwrap();
            let pulled = self.on(&other, &["pull", "-q", name]).ok();
            assert_eq!(digest(&other.run(&["inspect", "--raw", name]).ok().stdout), wanted, "{there}");
            // It may have made another config of Docker's manifests, and then says so itself.
            assert!(pulled.text().starts_with("sha256:"), "{there}");
        }
    }

    /// All there is for a registry that is written to.
    fn all(&self) {
        for kind in &self.kinds {
            let there = self.there("a", kind);
            let pushed = self.consign(&["push", "-q", "--all-platforms", &kind.stored(), &there]).ok();
            assert_eq!(pushed.text().trim(), kind.digest(), "{there}");
            self.reads("a", kind);
            self.peers_read("a", kind);
            self.peers_write(kind);
            let again = self.there("b", kind);
            let copied = self.consign(&["copy", "-q", "--all", "--preserve-digests", &there, &again]).ok();
            assert_eq!((copied.text().trim(), self.digest(&again)), (kind.digest(), kind.digest().into()));
            let deleted = self.consign(&["delete", "--format", "json", &again]).ok().json();
            assert_eq!(deleted["digest"], kind.digest(), "{again}");
            self.consign(&["inspect", "--raw", &again]).failed(1);
            self.consign(&["inspect", "--raw", &there]).ok();
        }
    }
}

/// A store that has them all.
fn filled() -> (Place, Vec<Kind>) {
    let (place, kinds) = (Place::new(), kinds());
    for kind in &kinds {
        let archive = place.file(&format!("{}.tar", kind.name), &kind.layout.tar());
        place.run(&["load", "-q", "--name", &kind.stored(), &archive]).ok();
        let raw = place.run(&["inspect", "--raw", &kind.stored()]).ok().stdout;
        assert_eq!(digest(&raw), kind.digest(), "{}", kind.name);
    }
    (place, kinds)
}

/// Layers by URL are for a registry to allow.
const URLS: &str = "validation: {manifests: {urls: {allow: [\"^https://example.com/\"]}}}";

#[test]
fn every_kind_goes_through_a_plain_registry() {
    if !installed(&["docker-registry", "skopeo", "podman"]) {
        return;
    }
    let (place, kinds) = filled();
    let registry = Registry::start(&place.path(""), "", URLS);
    Session::new(place, kinds, &registry.name, false).all();
}

#[test]
fn every_kind_goes_through_a_registry_with_passwords() {
    if !installed(&["docker-registry", "skopeo", "podman", "htpasswd"]) {
        return;
    }
    let (place, kinds) = filled();
    let password = run("htpasswd", &["-Bbn", "bench", "bench"], &place.path(""));
    let file = place.file("htpasswd", &password);
    let auth = format!("{URLS}\nauth: {{htpasswd: {{realm: x, path: {file}}}}}");
    let registry = Registry::start(&place.path(""), "", &auth);
    Session::new(place, kinds, &registry.name, true).all();
}

#[test]
fn every_kind_goes_through_a_registry_with_tokens() {
    if !installed(&["docker-registry", "skopeo", "podman", "openssl"]) {
        return;
    }
    let (place, kinds) = filled();
    let (key, certificate) = certificate(&place.path(""), "token", None);
    let (signing, chain) = (key.clone(), certificate.clone());
    let issuer = Server::start(move |request| issue(request, &signing, &chain));
    let auth = format!(
        "{URLS}\nauth: {{token: {{realm: \"{}\", service: corpus, issuer: corpus, rootcertbundle: {}}}}}",
        issuer.url("/token"),
        certificate.display()
    );
    let registry = Registry::start(&place.path(""), "", &auth);
    Session::new(place, kinds, &registry.name, true).all();
}

#[test]
fn every_kind_is_served_out_of_a_store() {
    if !installed(&["skopeo", "podman"]) {
        return;
    }
    let (place, kinds) = filled();
    // Where they are in the registry.
    for kind in &kinds {
        let name = format!("docker.io/a/{}:1", kind.name);
        place.run(&["tag", &kind.stored(), &name]).ok();
    }
    let served = Served::start(&place, &[]);
    let session = Session::new(place, kinds, &served.name, true);
    for kind in &session.kinds {
        session.reads("a", kind);
        session.peers_read("a", kind);
        let refused =
            session.consign(&["push", "--all-platforms", &kind.stored(), &session.there("b", kind)]);
        assert!(matches!(refused.code, Some(1 | 2)), "{}", refused.stderr);
        assert!(refused.stderr.contains("405"), "{}", refused.stderr);
        let refused = session.consign(&["delete", &session.there("a", kind)]).failed(1);
        assert!(refused.stderr.contains("does not delete"), "{}", refused.stderr);
    }
    assert_eq!(served.stop().code, Some(0));
}

/// What Docker made before 2017; a registry gives it to whoever takes it. Its digest is of a part of it, and what its
/// layers become nobody says.
#[test]
fn a_manifest_of_schema_1_is_refused_by_name() {
    let manifest = json!({
        "schemaVersion": 1, "name": "a/b", "tag": "1", "architecture": "amd64",
        "fsLayers": [{"blobSum": digest(b"layer")}],
        "history": [{"v1Compatibility": "{\"id\":\"x\",\"os\":\"linux\",\"architecture\":\"amd64\"}"}],
        "signatures": [{"header": {"alg": "ES256"}, "signature": "x", "protected": "x"}],
    });
    let bytes = manifest.to_string();
    for media_type in [
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/json",
    ] {
        let (place, bytes) = (Place::new(), bytes.clone());
        let server = Server::start(move |_| {
            crate::server::Response::new(200).header("content-type", media_type).bytes(bytes.clone())
        });
        let name = format!("{}/a/b:1", server.name());
        let there = format!("docker://{name}");
        let to = format!("dir:{}", place.path("dir").display());
        for arguments in [
            &["pull", &name][..],
            &["pull", "--all-platforms", &name],
            &["inspect", &there],
            &["copy", &there, &to],
            &["copy", "--all", &there, &format!("docker://{}/c/d:1", server.name())],
        ] {
            let refused = place.run(arguments).failed(2);
            assert!(refused.stderr.contains("schema 1"), "{arguments:?}: {}", refused.stderr);
        }
        assert!(!place.path("dir").exists());
        assert!(!server.asked().iter().any(|line| line.starts_with("PUT") || line.contains("/blobs/")));
        place.assert_empty();
    }
}
