//! Signatures go where their images go, as skopeo takes them along, or that is refused; and new ones are made by gpg.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::archive::{Layout, digest};
use crate::place::{Outcome, Place, fixtures};
use crate::registries::{Registry, installed};
use crate::shelved::{Shelved, index, small};

/// A place with a registries.d, a policy that accepts everything, and an image directory that is signed.
struct Signed {
    place: Place,
    signature: Vec<u8>,
    digest: String,
}

impl Signed {
    fn new() -> Signed {
        let place = Place::new();
        place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
        std::fs::create_dir(place.path("registries.d")).unwrap();
        let signed = place.path("signed");
        std::fs::create_dir(&signed).unwrap();
        for entry in std::fs::read_dir(fixtures().join("signatures/image")).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), signed.join(entry.file_name())).unwrap();
        }
        let signature = std::fs::read(fixtures().join("signatures/good.signature")).unwrap();
        std::fs::write(signed.join("signature-1"), &signature).unwrap();
        std::fs::write(signed.join("signature-2"), &signature).unwrap();
        let digest = digest(&std::fs::read(signed.join("manifest.json")).unwrap());
        Signed { place, signature, digest }
    }

    fn path(&self, name: &str) -> String {
        self.place.path(name).display().to_string()
    }

    /// Says where signatures are, and where they are put.
    fn configure(&self, lookaside: &str, staging: Option<&str>) {
        let staging = staging.map(|url| format!("  lookaside-staging: \"{url}\"\n")).unwrap_or_default();
        let text = format!("default-docker:\n  lookaside: \"{lookaside}\"\n{staging}");
        std::fs::write(self.place.path("registries.d/default.yaml"), text).unwrap();
    }

    fn copy(&self, arguments: &[&str]) -> Outcome {
        let directory = self.path("registries.d");
        self.place.run(&[&["copy", "-q", "--registries-d", &directory], arguments].concat())
    }

    fn skopeo(&self, arguments: &[&str]) -> bool {
        let (policy, directory) = (self.path("policy.json"), self.path("registries.d"));
        let mut command = Command::new("skopeo");
        command.args(["--policy", &policy, "--registries.d", &directory, "copy", "-q"]).args(arguments);
        command.env("TMPDIR", self.place.path("tmp")).env("GNUPGHOME", self.place.path("gnupg"));
        command.output().unwrap().status.success()
    }

    fn from(&self) -> String {
        format!("dir:{}", self.path("signed"))
    }
}

/// Files below a directory, by their paths in it.
fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut waiting: Vec<PathBuf> = vec![directory.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().display().to_string();
                found.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn signatures_go_from_directories_to_lookaside_storages_and_back() {
    let signed = Signed::new();
    let registry = Shelved::new();
    let (reading, staging) = (signed.path("reading"), signed.path("staging"));
    signed.configure(&format!("file://{reading}"), Some(&format!("file://{staging}")));
    let there = format!("docker://{}", registry.name("a/b:1"));
    signed.copy(&[&signed.from(), &there]).ok();
    let kept = format!("a/b@{}", signed.digest.replace(':', "="));
    let wanted =
        ["signature-1", "signature-2"].map(|name| (format!("{kept}/{name}"), signed.signature.clone()));
    assert_eq!(files(Path::new(&staging)), wanted);
    // Before the image has a name they are there; what is there is replaced.
    let more = Path::new(&staging).join(&kept).join("signature-3");
    std::fs::write(&more, "old").unwrap();
    signed.copy(&[&signed.from(), &there]).ok();
    assert_eq!(files(Path::new(&staging)), wanted);
    // Those who publish it copy one to the other.
    let back = signed.path("back");
    signed.copy(&[&there, &format!("dir:{back}")]).ok();
    assert!(!Path::new(&back).join("signature-1").exists());
    std::fs::rename(&staging, &reading).unwrap();
    signed.copy(&[&there, &format!("dir:{back}")]).ok();
    assert_eq!(files(Path::new(&back)), files(&signed.place.path("signed")));
    // From registry to registry, and into a directory that had others.
    let other = Shelved::new();
    let elsewhere = format!("docker://{}", other.name("c/d:2"));
    signed.copy(&[&there, &elsewhere]).ok();
    let moved: Vec<String> = files(Path::new(&staging)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(moved, ["1", "2"].map(|number| format!("{}/signature-{number}", kept.replace("a/b", "c/d"))));
    signed.copy(&["--remove-signatures", &there, &format!("dir:{back}")]).ok();
    assert!(!Path::new(&back).join("signature-1").exists());
}

#[test]
fn what_cannot_have_signatures_is_refused_unless_they_stay_behind() {
    let signed = Signed::new();
    let compared = installed(&["skopeo"]);
    for (to, name) in [("oci", "x"), ("oci-archive", "x"), ("docker-archive", "example.com/x:1"), ("dir", "")]
    {
        let target = |who: &str| {
            let path = signed.path(&format!("{who}-{to}"));
            if name.is_empty() { format!("{to}:{path}") } else { format!("{to}:{path}:{name}") }
        };
        let copied = signed.copy(&[&signed.from(), &target("ours")]);
        if to == "dir" {
            copied.ok();
        } else {
            let refused = copied.failed(2);
            assert!(refused.stderr.contains("cannot hold signatures"), "{}", refused.stderr);
            assert!(refused.stderr.contains("hint: --remove-signatures"), "{}", refused.stderr);
            assert!(!Path::new(&signed.path(&format!("ours-{to}"))).exists());
        }
        if compared {
            assert_eq!(signed.skopeo(&[&signed.from(), &target("theirs")]), to == "dir", "{to}");
        }
        signed.copy(&["--remove-signatures", &signed.from(), &target("ours")]).ok();
    }
    // Another image is not the one that is signed.
    for change in [&["--format", "v2s2"][..], &["--compression", "zstd"]] {
        let to = format!("dir:{}", signed.path("changed"));
        let refused = signed.copy(&[change, &[&signed.from(), &to]].concat()).failed(2);
        assert!(refused.stderr.contains("is signed, and would be another one"), "{}", refused.stderr);
        assert!(!Path::new(&signed.path("changed")).exists());
    }
    // A server cannot be written to, and nothing is named there.
    let registry = Shelved::new();
    signed.configure("http://127.0.0.1:1/x", None);
    let there = format!("docker://{}", registry.name("a/b:1"));
    let refused = signed.copy(&[&signed.from(), &there]).failed(2);
    assert!(refused.stderr.contains("lookaside-staging"), "{}", refused.stderr);
    assert!(registry.shelf.lock().unwrap().manifests.is_empty());
    signed.copy(&["--remove-signatures", &signed.from(), &there]).ok();
}

#[test]
fn signatures_of_sigstore_are_attached_as_skopeo_attaches_them() {
    if !installed(&["skopeo", "docker-registry"]) {
        return;
    }
    let signed = Signed::new();
    let sigstore = fixtures().join("signatures/p256.sigstore");
    std::fs::copy(&sigstore, signed.place.path("signed").join("signature-2")).unwrap();
    let registry = Registry::start(&signed.place.path(""), "", "");
    let there = |rest: &str| format!("docker://{}/{rest}", registry.name);
    let storage = signed.path("storage");
    let configure = |attached: bool| {
        let text = format!(
            "default-docker:\n  lookaside: \"file://{storage}\"\n  use-sigstore-attachments: {attached}\n"
        );
        std::fs::write(signed.place.path("registries.d/default.yaml"), text).unwrap();
    };
    configure(false);
    let refused = signed.copy(&[&signed.from(), &there("ours:1")]).failed(2);
    assert!(refused.stderr.contains("use-sigstore-attachments"), "{}", refused.stderr);
    assert!(!signed.skopeo(&["--dest-tls-verify=false", &signed.from(), &there("theirs:1")]));
    configure(true);
    let tag = format!("{}.sig", signed.digest.replace(':', "-"));
    let attached = |repository: &str| {
        let raw = signed.place.run(&["inspect", "--raw", &there(&format!("{repository}:{tag}"))]).ok();
        raw.json()["layers"].clone()
    };
    signed.copy(&[&signed.from(), &there("ours:1")]).ok();
    assert!(signed.skopeo(&["--dest-tls-verify=false", &signed.from(), &there("theirs:1")]));
    assert_eq!(attached("ours"), attached("theirs"));
    // What is there stays there, once.
    signed.copy(&[&signed.from(), &there("theirs:1")]).ok();
    assert_eq!(attached("ours"), attached("theirs"));
    signed.copy(&[&there("ours:1"), &there("again:1")]).ok();
    assert_eq!(attached("again"), attached("ours"));
    let kept = |directory: &str, number: usize| {
        let bytes = std::fs::read(format!("{directory}/signature-{number}")).unwrap();
        let (format, text) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap());
        assert_eq!(format, b"\0sigstore-json");
        serde_json::from_slice::<serde_json::Value>(text).unwrap()
    };
    let back = signed.path("back");
    signed.copy(&[&there("ours:1"), &format!("dir:{back}")]).ok();
    assert_eq!(kept(&back, 2), kept(&signed.path("signed"), 2));
    assert_eq!(std::fs::read(format!("{back}/signature-1")).unwrap(), signed.signature);
}

/// A key of gpg's without a passphrase. The agent that comes along ends with it.
struct Keys<'a> {
    place: &'a Place,
    key: String,
}

impl Keys<'_> {
    fn new(place: &Place) -> Keys<'_> {
        let home = place.path("gnupg");
        std::fs::create_dir(&home).unwrap();
        std::fs::set_permissions(&home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
        let keys = Keys { place, key: String::new() };
        keys.gpg(&["--quick-generate-key", "test@example.com", "ed25519", "sign", "never"]);
        let listed = String::from_utf8(keys.gpg(&["--list-keys", "--with-colons"])).unwrap();
        let key = listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap();
        let exported = keys.gpg(&["--export"]);
        place.file("key.gpg", &exported);
        Keys { key: key.trim_matches(':').to_owned(), place }
    }

    fn gpg(&self, arguments: &[&str]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command
            .args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""])
            .args(arguments);
        let output = command.env("GNUPGHOME", self.place.path("gnupg")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    fn run(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.place.command(arguments);
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env("GNUPGHOME", self.place.path("gnupg")).env("PATH", path);
        self.place.outcome_of(command)
    }
}

impl Drop for Keys<'_> {
    fn drop(&mut self) {
        let mut command = Command::new("gpgconf");
        let _ = command.args(["--kill", "all"]).env("GNUPGHOME", self.place.path("gnupg")).status();
    }
}

#[test]
fn what_is_signed_by_gpg_on_its_way_is_accepted_here_and_by_skopeo() {
    if !installed(&["gpg", "gpgconf", "skopeo", "docker-registry"]) {
        return;
    }
    let signed = Signed::new();
    let keys = Keys::new(&signed.place);
    let registry = Registry::start(&signed.place.path(""), "", "");
    let storage = signed.path("storage");
    signed.configure(&format!("file://{storage}"), None);
    let directory = signed.path("registries.d");
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    layout.root(image, Some("one"));
    let all = index(&mut layout);
    layout.root(all, Some("all"));
    let archive = signed.place.file("source.tar", &layout.tar());
    let from = |name: &str| format!("oci-archive:{archive}:{name}");
    let policy = signed.place.file(
        "signed.json",
        format!(
            r#"{{"default": [{{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "{}"}}]}}"#,
            signed.path("key.gpg")
        )
        .as_bytes(),
    );
    let sign = ["--sign-by", &keys.key, "--registries-d", &directory];
    signed.place.run(&["load", "-q", "--name", "example.com/one:1", &from("one")]).ok();
    let there = |rest: &str| format!("docker://{}/{rest}", registry.name);
    keys.run(&[&["copy", "-q", &from("one"), &there("a/one:1")], &sign[..]].concat()).ok();
    keys.run(&[&["copy", "-q", "--all", &from("all"), &there("a/all:1")], &sign[..]].concat()).ok();
    keys.run(&[&["push", "-q", "example.com/one:1", &there("a/pushed:1")], &sign[..]].concat()).ok();
    // The index and each of its images.
    let of = |name: &str| files(Path::new(&storage)).iter().filter(|(file, _)| file.contains(name)).count();
    assert_eq!((of("a/one@"), of("a/all@"), of("a/pushed@")), (1, 4, 1));
    let skopeo = |options: &[&str], from: &str| {
        let to = tempfile::tempdir().unwrap();
        let to = format!("dir:{}/x", to.path().display());
        let mut command = Command::new("skopeo");
        command.args(["--policy", &policy, "--registries.d", &directory, "copy", "-q"]).args(options);
        let output = command.args(["--src-tls-verify=false", from, &to]).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (name, options) in [("a/one:1", &[][..]), ("a/all:1", &["--all"]), ("a/pushed:1", &[])] {
        let explain = ["policy", "explain", "--policy", &policy, "--registries-d", &directory];
        let all: &[&str] = if options.is_empty() { &[] } else { &["--all-platforms"] };
        signed.place.run(&[&explain[..], all, &[&there(name)]].concat()).ok();
        let (accepted, said) = skopeo(options, &there(name));
        assert!(accepted, "{name}: {said}");
    }
    // As another name, beside what is there, and not at all.
    let to = format!("dir:{}", signed.path("named"));
    let nameless = keys.run(&["copy", &from("one"), &to, "--sign-by", &keys.key]).failed(2);
    assert!(nameless.stderr.contains("--sign-identity"), "{}", nameless.stderr);
    let named =
        ["--sign-by", &keys.key, "--sign-identity", "example.com/named:1", "--registries-d", &directory];
    keys.run(&[&["copy", "-q", &there("a/one:1"), &to], &named[..]].concat()).ok();
    let written = signed.place.path("named");
    assert!(written.join("signature-2").exists() && !written.join("signature-3").exists());
    let again = std::fs::read(written.join("signature-2")).unwrap();
    let plain = signed.place.file("signature", &again);
    let plain = String::from_utf8(keys.gpg(&["--decrypt", &plain])).unwrap();
    assert!(plain.contains("\"docker-reference\":\"example.com/named:1\""), "{plain}");
    let unknown =
        keys.run(&["copy", &from("one"), &there("a/no:1"), "--sign-by", "0123456789ABCDEF"]).failed(2);
    assert!(
        unknown.stderr.contains("`gpg` does not sign with the key `0123456789ABCDEF`"),
        "{}",
        unknown.stderr
    );
    signed.place.run(&["inspect", "--raw", &there("a/no:1")]).failed(1);
}

#[test]
fn signatures_of_an_index_and_of_its_images_go_along() {
    let signed = Signed::new();
    let registry = Shelved::new();
    let mut layout = Layout::default();
    let image = index(&mut layout);
    registry.put(&layout, "1", &image);
    let storage = signed.path("storage");
    signed.configure(&format!("file://{storage}"), None);
    let one = |bytes: &[u8]| {
        let directory = format!("{storage}/a/b@{}", digest(bytes).replace(':', "="));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(format!("{directory}/signature-1"), &signed.signature).unwrap();
    };
    for (_, bytes) in registry.shelf.lock().unwrap().manifests.values() {
        one(bytes);
    }
    let there = format!("docker://{}", registry.name("a/b:1"));
    let (all, own) = (signed.path("all"), signed.path("own"));
    signed.copy(&["--all", &there, &format!("dir:{all}")]).ok();
    let names: Vec<String> = files(Path::new(&all)).into_iter().map(|(name, _)| name).collect();
    let signatures = |suffix: &str| names.iter().filter(|name| name.ends_with(suffix)).count();
    assert_eq!((signatures("signature-1"), signatures("manifest.json")), (4, 4));
    signed.copy(&[&there, &format!("dir:{own}")]).ok();
    let names: Vec<String> = files(Path::new(&own)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.iter().filter(|name| name.contains("signature")).count(), 1);
    // And out of the directory again.
    let back = format!("docker://{}", registry.name("c/d:1"));
    signed.copy(&["--all", &format!("dir:{all}"), &back]).ok();
    assert_eq!(files(Path::new(&storage)).iter().filter(|(name, _)| name.starts_with("c/d@")).count(), 4);
}

/// A program in gpg's place.
#[test]
fn who_signs_may_say_much_and_has_to_come_to_an_end() {
    let signed = Signed::new();
    let bin = signed.place.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let copy = |script: &str, name: &str| {
        let program = bin.join("gpg");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let to = format!("dir:{}", signed.path(name));
        let options = ["--remove-signatures", "--sign-by", "me", "--sign-identity", "example.com/x:1"];
        let mut command =
            signed.place.command(&[&["copy", "-q"], &options[..], &[&signed.from(), &to]].concat());
        command.env("PATH", &path);
        signed.place.outcome_of(command)
    };
    let much =
        "i=0; while [ $i -lt 5000 ]; do echo warning, and one more of them, as long >&2; i=$((i+1)); done";
    copy(&format!("{much}; cat"), "much").ok();
    let payload = std::fs::read(signed.place.path("much/signature-1")).unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(payload["critical"]["image"]["docker-manifest-digest"], signed.digest);
    for (script, wanted) in [
        ("cat >/dev/null; exec yes", "wanted a signature of at most 1048576 bytes, found more"),
        ("echo no such key >&2; exit 2", "does not sign with the key `me`: no such key"),
        ("cat >/dev/null", "it does not say why"),
        ("cat; exit 1", "it does not say why"),
        (&format!("{much}; exit 2"), "does not sign with the key `me`: warning, and"),
    ] {
        let refused = copy(script, "refused").failed(2);
        assert!(refused.stderr.contains(wanted), "{script}: {}", refused.stderr);
        assert!(refused.stderr.len() < 10_000, "{}", refused.stderr.len());
        assert!(!signed.place.path("refused/manifest.json").exists());
    }
}
