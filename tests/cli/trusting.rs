//! Policies, signatures by gpg, skopeo and openssl: what is accepted and what is not, and that skopeo says the same
//! of the same files.
//!
//! Without skopeo the tests say so and go on without it, unless `CONSIGN_REQUIRE_PEERS` is set. What the signatures
//! are of and how they were made: tests/fixtures/signatures/make.py.

mod malformed;
mod openpgp;
mod taking;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::archive::digest;
use crate::place::{Outcome, Place, fixtures};
use crate::shelved::Shelved;
use Verdict::{Accepted, Refused, Undecided};

/// What the image is called, wherever it is.
pub const NAME: &str = "r.example.com/app:1";

/// What comes of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepted = 0,
    Refused = 1,
    Undecided = 2,
}

/// A registry with the fixtures' image, a lookaside storage, and a configuration that names both.
pub struct Stage {
    pub place: Place,
    pub registry: Shelved,
}

impl Stage {
    pub fn new() -> Stage {
        let stage = Stage { place: Place::new(), registry: Shelved::new() };
        let mut shelf = stage.registry.shelf.lock().unwrap();
        for entry in std::fs::read_dir(fixture("image")).unwrap() {
            let entry = entry.unwrap();
            let bytes = std::fs::read(entry.path()).unwrap();
            match entry.file_name().to_str().unwrap() {
                "version" => {}
                "manifest.json" => {
                    shelf.manifest(Some("1"), "application/vnd.oci.image.manifest.v1+json", &bytes);
                }
                _ => drop(shelf.blob(&bytes)),
            }
        }
        drop(shelf);
        let at = stage.registry.server.name();
        let table = |prefix: &str| {
            format!("[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{at}\"\ninsecure = true\n")
        };
        let text = ["r.example.com", "docker.io", "deep.r.example.net"].map(table).concat();
        stage.place.file("registries.conf", text.as_bytes());
        std::fs::create_dir_all(stage.place.path("registries.d")).unwrap();
        stage.lookaside(&format!("file://{}", stage.place.path("lookaside").display()), false);
        stage
    }

    /// Says where signatures are.
    pub fn lookaside(&self, url: &str, attachments: bool) {
        let text = format!(
            "default-docker:\n  # Where signatures are.\n  lookaside: \"{url}\"\n  use-sigstore-attachments: {attachments}\n"
        );
        std::fs::write(self.place.path("registries.d/default.yaml"), text).unwrap();
    }

    /// Puts exactly these into the lookaside storage, as signatures of the image in this repository.
    pub fn signed(&self, repository: &str, signatures: &[&str]) {
        let _ = std::fs::remove_dir_all(self.place.path("lookaside"));
        let directory =
            self.place.path(&format!("lookaside/{repository}@{}", manifest_digest().replace(':', "=")));
        std::fs::create_dir_all(&directory).unwrap();
        for (number, name) in signatures.iter().enumerate() {
            std::fs::copy(fixture(name), directory.join(format!("signature-{}", number + 1))).unwrap();
        }
    }

    pub fn policy(&self, policy: &Value) -> String {
        self.place.file("policy.json", policy.to_string().as_bytes())
    }

    pub fn consign(&self, arguments: &[&str]) -> Outcome {
        let mut command = self.place.command(arguments);
        command.env("CONTAINERS_REGISTRIES_CONF", self.place.path("registries.conf"));
        self.place.outcome_of(command)
    }

    pub fn explained(&self, policy: &Value, image: &str) -> (Verdict, Outcome) {
        let (policy, directory) = (self.policy(policy), self.place.path("registries.d"));
        let outcome = self.consign(&[
            "policy",
            "explain",
            "--policy",
            &policy,
            "--registries-d",
            directory.to_str().unwrap(),
            image,
        ]);
        let verdict = match outcome.code {
            Some(0) => Accepted,
            Some(1) => Refused,
            _ => Undecided,
        };
        (verdict, outcome)
    }

    /// Whether skopeo copies the image under the policy written last; and what it says.
    pub fn skopeo(&self, image: &str) -> (bool, String) {
        let to = self.place.path("copied");
        let _ = std::fs::remove_dir_all(&to);
        let mut command = Command::new("skopeo");
        command.env("HOME", self.place.path("tmp")).env("TMPDIR", self.place.path("tmp"));
        command.arg("--registries-conf").arg(self.place.path("registries.conf"));
        command.arg("--registries.d").arg(self.place.path("registries.d"));
        command.arg("--policy").arg(self.place.path("policy.json"));
        command.args(["--override-arch", "amd64", "copy", "-q", "--remove-signatures", image]);
        let output = command.arg(format!("dir:{}", to.display())).output().unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }
}

/// Whether skopeo is here.
pub fn has_skopeo() -> bool {
    let found = Command::new("skopeo").arg("--version").output().is_ok();
    if !found {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "skopeo is not installed");
        println!("not compared: skopeo is not installed");
    }
    found
}

/// Whether skopeo came to that because it was built without what it would take: Debian's knows no sigstore.
pub fn is_without_sigstore(told: &str) -> bool {
    told.contains("sigstore disabled")
}

pub fn fixture(name: &str) -> PathBuf {
    fixtures().join("signatures").join(name)
}

pub fn manifest_digest() -> String {
    digest(&std::fs::read(fixture("image/manifest.json")).unwrap())
}

fn key(name: &str) -> String {
    fixture(name).display().to_string()
}

/// A `signedBy` with this key file.
pub fn signed_by(name: &str) -> Value {
    json!({"type": "signedBy", "keyType": "GPGKeys", "keyPath": key(name)})
}

/// A `sigstoreSigned` with this key file.
pub fn sigstore_signed(name: &str) -> Value {
    json!({"type": "sigstoreSigned", "keyPath": key(name)})
}

/// The requirement, and what may be signed.
fn identified(mut requirement: Value, identity: Value) -> Value {
    requirement["signedIdentity"] = identity;
    requirement
}

/// These requirements for the image's registry; everything else is rejected.
pub fn strictly(requirements: Value) -> Value {
    json!({"default": [{"type": "reject"}], "transports": {"docker": {"r.example.com": requirements}}})
}

struct Case {
    what: &'static str,
    requirements: Value,
    signatures: Vec<&'static str>,
    wanted: Verdict,
    /// Where skopeo 1.9 comes to something else: why.
    deviates: Option<&'static str>,
}

fn case(what: &'static str, requirements: Value, signatures: &[&'static str], wanted: Verdict) -> Case {
    Case { what, requirements, signatures: signatures.to_vec(), wanted, deviates: None }
}

impl Case {
    fn deviating(self, why: &'static str) -> Case {
        Case { deviates: Some(why), ..self }
    }
}

/// All of them about `r.example.com/app:1`.
fn cases() -> Vec<Case> {
    let good = || signed_by("good.gpg");
    let p256 = || sigstore_signed("p256.pub");
    let identity = |kind: &str| json!({"type": kind});
    let data = |name: &str| {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(std::fs::read(fixture(name)).unwrap())
    };
    let mut cases = vec![
        case("anything", json!([{"type": "insecureAcceptAnything"}]), &[], Accepted),
        case("nothing", json!([{"type": "reject"}]), &["good.signature"], Refused),
        case(
            "anything and nothing",
            json!([{"type": "insecureAcceptAnything"}, {"type": "reject"}]),
            &[],
            Refused,
        ),
        case(
            "a base layer",
            json!([{"type": "signedBaseLayer", "baseLayerIdentity": {"type": "matchExact"}}]),
            &[],
            Refused,
        ),
        case("no signature", json!([good()]), &[], Refused),
        case("by skopeo", json!([good()]), &["skopeo.signature"], Accepted),
        case("by gpg", json!([good()]), &["good.signature"], Accepted),
        case("RSA", json!([signed_by("rsa.gpg")]), &["rsa.signature"], Accepted),
        case("ECDSA", json!([signed_by("ecdsa.gpg")]), &["ecdsa.signature"], Accepted),
        case("DSA", json!([signed_by("dsa.gpg")]), &["dsa.signature"], Undecided)
            .deviating("gpg knows it; ring does not, and nobody should sign with it"),
        case("not compressed", json!([good()]), &["uncompressed.signature"], Accepted),
        case("compressed by zlib", json!([good()]), &["zlib.signature"], Accepted),
        case("more that is optional", json!([good()]), &["made.signature"], Accepted),
        case("an unknown key", json!([good()]), &["other.signature"], Refused),
        case("an expired key", json!([signed_by("expired.gpg")]), &["expired.signature"], Refused),
        case("a revoked key", json!([signed_by("revoked.gpg")]), &["revoked.signature"], Refused),
        case("an expired subkey", json!([signed_by("oldsubkey.gpg")]), &["oldsubkey.signature"], Refused),
        case("an expired signature", json!([good()]), &["short-lived.signature"], Refused),
        case("SHA-1 by Ed25519", json!([good()]), &["sha1.signature"], Refused)
            .deviating("gpg takes it; RFC 9580 forbids it"),
        case("a subkey", json!([signed_by("subkey.gpg")]), &["subkey.signature"], Accepted).deviating(
            "that version compares the subkey's fingerprint with the primary key's; later ones do not",
        ),
        case("damaged", json!([good()]), &["damaged.signature"], Refused),
        case("cut off", json!([good()]), &["cut.signature"], Refused),
        case("not signed", json!([good()]), &["literal.signature"], Refused),
        case("signed twice", json!([signed_by("both.asc")]), &["two.signature"], Refused),
        case("another digest", json!([good()]), &["other-digest.signature"], Refused),
        case("another name", json!([good()]), &["other-name.signature"], Refused),
        case("another tag", json!([good()]), &["other-tag.signature"], Refused),
        case("no tag", json!([good()]), &["no-tag.signature"], Refused),
        case("no name", json!([good()]), &["no-name.signature"], Refused),
        case("another type", json!([good()]), &["other-type.signature"], Refused),
        case("unknown members", json!([good()]), &["more.signature"], Refused),
        case("members there twice", json!([good()]), &["twice.signature"], Refused),
        case("a fraction of a second", json!([good()]), &["fraction.signature"], Refused),
        case("no JSON", json!([good()]), &["no-json.signature"], Refused),
        case("armored", json!([good()]), &["armored.signature"], Undecided),
        case(
            "one of several",
            json!([good()]),
            &["other.signature", "other-tag.signature", "good.signature"],
            Accepted,
        ),
        case("none of several", json!([good()]), &["other.signature", "other-tag.signature"], Refused),
        case("one of another form", json!([good()]), &["p256.sigstore"], Refused),
        case(
            "two keys, both signed",
            json!([good(), signed_by("rsa.gpg")]),
            &["good.signature", "rsa.signature"],
            Accepted,
        ),
        case("two keys, one signed", json!([good(), signed_by("rsa.gpg")]), &["good.signature"], Refused),
        case("several keys in a file", json!([signed_by("both.asc")]), &["rsa.signature"], Accepted),
        case(
            "a key in the policy",
            json!([{"type": "signedBy", "keyType": "GPGKeys", "keyData": data("good.gpg")}]),
            &["good.signature"],
            Accepted,
        ),
        case(
            "several key files",
            json!([{"type": "signedBy", "keyType": "GPGKeys", "keyPaths": [key("other.gpg"), key("good.gpg")]}]),
            &["good.signature"],
            Accepted,
        ),
        case("no such key file", json!([signed_by("none.gpg")]), &["good.signature"], Undecided),
        case("no key", json!([signed_by("p256.pub")]), &["good.signature"], Undecided),
        case(
            "certificates",
            json!([{"type": "signedBy", "keyType": "X509Certificates", "keyPath": key("good.gpg")}]),
            &["good.signature"],
            Undecided,
        ),
        case("P-256", json!([p256()]), &["p256.sigstore"], Accepted),
        case("P-384", json!([sigstore_signed("p384.pub")]), &["p384.sigstore"], Accepted),
        case("RSA of sigstore", json!([sigstore_signed("rsa.pub")]), &["rsa.sigstore"], Accepted),
        case(
            "RSA, as PKCS #1 has it",
            json!([sigstore_signed("rsa-pkcs1.pub")]),
            &["rsa.sigstore"],
            Accepted,
        )
        .deviating("that version reads `PUBLIC KEY` alone"),
        case("Ed25519", json!([sigstore_signed("ed25519.pub")]), &["ed25519.sigstore"], Accepted),
        case("nothing optional", json!([p256()]), &["null.sigstore"], Accepted),
        case("a stranger", json!([p256()]), &["stranger.sigstore"], Refused),
        case("another digest of sigstore", json!([p256()]), &["other-digest.sigstore"], Refused),
        case("another name of sigstore", json!([p256()]), &["other-name.sigstore"], Refused),
        case("another type of sigstore", json!([p256()]), &["other-type.sigstore"], Refused),
        case("damaged, of sigstore", json!([p256()]), &["damaged.sigstore"], Refused),
        case("without its signature", json!([p256()]), &["bare.sigstore"], Refused),
        case("an attestation", json!([p256()]), &["attestation.sigstore"], Refused),
        case(
            "one of several of sigstore",
            json!([p256()]),
            &["good.signature", "stranger.sigstore", "p256.sigstore"],
            Accepted,
        ),
        case("both forms", json!([p256(), good()]), &["p256.sigstore", "good.signature"], Accepted),
        case(
            "several keys of sigstore",
            json!([{"type": "sigstoreSigned", "keyDatas": [data("stranger.pub"), data("p256.pub")]}]),
            &["p256.sigstore"],
            Accepted,
        )
        .deviating("that version knows no `keyDatas`"),
        case(
            "a key of sigstore in the policy",
            json!([{"type": "sigstoreSigned", "keyData": data("p256.pub")}]),
            &["p256.sigstore"],
            Accepted,
        ),
        case(
            "Fulcio",
            json!([{"type": "sigstoreSigned", "fulcio": {"caData": "", "oidcIssuer": "x", "subjectEmail": "y"}, "rekorPublicKeyData": ""}]),
            &["p256.sigstore"],
            Undecided,
        ),
        case(
            "a public log",
            json!([{"type": "sigstoreSigned", "keyPath": key("p256.pub"), "rekorPublicKeyPath": key("p256.pub")}]),
            &["p256.sigstore"],
            Undecided,
        ),
    ];
    for (kind, signature, wanted) in [
        ("matchExact", "good.signature", Accepted),
        ("matchExact", "by-digest.signature", Refused),
        ("matchExact", "other-tag.signature", Refused),
        ("matchRepository", "other-tag.signature", Accepted),
        ("matchRepository", "no-tag.signature", Accepted),
        ("matchRepository", "other-name.signature", Refused),
        ("matchRepoDigestOrExact", "by-digest.signature", Refused),
    ] {
        cases.push(case(kind, json!([identified(good(), identity(kind))]), &[signature], wanted));
    }
    let exact = |reference: &str| json!({"type": "exactReference", "dockerReference": reference});
    let repository = |reference: &str| json!({"type": "exactRepository", "dockerRepository": reference});
    let remap = |prefix: &str, signed: &str| json!({"type": "remapIdentity", "prefix": prefix, "signedPrefix": signed});
    for (rule, signature, wanted) in [
        (exact("r.example.com/app:2"), "other-tag.signature", Accepted),
        (exact("r.example.com/app:2"), "good.signature", Refused),
        (exact("busybox:1"), "hub.signature", Accepted),
        (repository("r.example.com/other"), "other-name.signature", Accepted),
        (repository("docker.io/library/busybox:7"), "hub.signature", Accepted),
        (repository("r.example.com/other"), "good.signature", Refused),
        (remap("r.example.com", "upstream.example.org/team"), "remapped.signature", Accepted),
        (remap("r.example.com/app", "upstream.example.org/team/app"), "remapped.signature", Accepted),
        (remap("r.example.com/ap", "upstream.example.org/team/ap"), "remapped.signature", Refused),
        (remap("elsewhere.example.com", "upstream.example.org/team"), "good.signature", Accepted),
        (remap("r.example.com", "upstream.example.org/team"), "good.signature", Refused),
    ] {
        cases.push(case("another identity", json!([identified(good(), rule)]), &[signature], wanted));
    }
    cases
}

#[test]
fn what_is_accepted_is_what_skopeo_accepts() {
    let (stage, has_skopeo) = (Stage::new(), has_skopeo());
    let image = format!("docker://{NAME}");
    let cases = cases();
    assert!(cases.len() >= 40);
    for Case { what, requirements, signatures, wanted, deviates } in cases {
        stage.signed("app", &signatures);
        let (found, outcome) = stage.explained(&strictly(requirements.clone()), &image);
        let said = format!("{what}: {requirements} {signatures:?}: {}{}", outcome.text(), outcome.stderr);
        assert_eq!(found, wanted, "{said}");
        assert!(!outcome.stderr.contains("panicked"), "{said}");
        if has_skopeo {
            let (copied, told) = stage.skopeo(&image);
            let same = copied == (wanted == Accepted);
            assert!(same == deviates.is_none() || is_without_sigstore(&told), "{said}\nskopeo: {told}");
        }
    }
}

#[test]
fn the_narrowest_scope_counts() {
    let (stage, has_skopeo) = (Stage::new(), has_skopeo());
    let (yes, no) = (json!([{"type": "insecureAcceptAnything"}]), json!([{"type": "reject"}]));
    let by_digest = format!("docker://r.example.com/app@{}", manifest_digest());
    let directory = fixture("image").display().to_string();
    let parent = fixtures().display().to_string();
    for (transport, scopes, image, matched) in [
        (
            "docker",
            json!({"r.example.com/app:1": yes, "r.example.com/app": no, "": no}),
            "docker://r.example.com/app:1",
            Some("r.example.com/app:1"),
        ),
        (
            "docker",
            json!({"r.example.com/app:2": no, "r.example.com/app": yes, "r.example.com": no}),
            "docker://r.example.com/app:1",
            Some("r.example.com/app"),
        ),
        (
            "docker",
            json!({"r.example.com/ap": no, "r.example.com": yes, "*.example.com": no}),
            "docker://r.example.com/app:1",
            Some("r.example.com"),
        ),
        (
            "docker",
            json!({"*.example.com": yes, "*.com": no}),
            "docker://r.example.com/app:1",
            Some("*.example.com"),
        ),
        (
            "docker",
            json!({"*.r.example.com": no, "*.com": yes, "": no}),
            "docker://r.example.com/app:1",
            Some("*.com"),
        ),
        (
            "docker",
            json!({"*.example.net": yes, "": no}),
            "docker://deep.r.example.net/a/b/c:1",
            Some("*.example.net"),
        ),
        (
            "docker",
            json!({"deep.r.example.net/a": yes, "deep.r.example.net/a/b/c/d": no, "": no}),
            "docker://deep.r.example.net/a/b/c:1",
            Some("deep.r.example.net/a"),
        ),
        (
            "docker",
            json!({"docker.io/library/busybox": yes, "": no}),
            "docker://busybox:1",
            Some("docker.io/library/busybox"),
        ),
        ("docker", json!({"docker.io": yes, "": no}), "docker://a/b:1", Some("docker.io")),
        ("docker", json!({"other.example.com": no, "": yes}), "docker://r.example.com/app:1", Some("")),
        (
            "docker",
            json!({"r.example.com/app:1": no, "r.example.com/app": yes}),
            by_digest.as_str(),
            Some("r.example.com/app"),
        ),
        ("docker", json!({"other.example.com": no}), "docker://r.example.com/app:1", None),
        ("dir", json!({"": no, &parent: yes, "/": no}), "", None),
        ("dir", json!({"": no, &parent: yes}), "dir:signatures/image", Some(&parent)),
        (
            "dir",
            json!({"": no, &parent: no, &directory: yes}),
            "dir:./signatures/../signatures/image",
            Some(&directory),
        ),
        ("atomic", json!({"": no}), "dir:signatures/image", None),
        (
            "oci-archive",
            json!({"": no, &format!("{parent}/multi.oci.tar"): yes}),
            "oci-archive:multi.oci.tar",
            Some(&format!("{parent}/multi.oci.tar")),
        ),
        (
            "docker-archive",
            json!({"": yes}),
            "docker-archive:several.docker.tar:localhost/single-amd64:1",
            Some(""),
        ),
    ] {
        if image.is_empty() {
            continue;
        }
        let default = if matched.is_some() { &no } else { &yes };
        let policy = json!({"default": default, "transports": {transport: scopes}});
        let (found, outcome) = stage.explained(&policy, image);
        assert_eq!(found, Accepted, "{policy} {image}: {}", outcome.stderr);
        let shown = match matched {
            None => ", default\n".to_owned(),
            Some("") => format!("all of `{transport}`\n"),
            Some(scope) => format!("`{transport}`, scope `{scope}`\n"),
        };
        assert!(outcome.text().contains(&shown), "{}", outcome.text());
        if has_skopeo && !image.contains(":.") && image.starts_with("docker:") {
            let (copied, told) = stage.skopeo(image);
            assert!(copied, "{policy} {image}: {told}");
        }
    }
}

#[test]
fn an_image_directory_has_its_signatures_with_it() {
    let (stage, has_skopeo) = (Stage::new(), has_skopeo());
    let copy = stage.place.path("signed");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(fixture("image")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    let image = format!("dir:{}", copy.display());
    let exact = json!({"type": "exactReference", "dockerReference": NAME});
    let policy = |requirement: Value| json!({"default": [requirement]});
    let ask = |requirement: Value, signatures: &[&str], wanted: Verdict| {
        put(&copy, signatures);
        let (found, outcome) = stage.explained(&policy(requirement), &image);
        assert_eq!(found, wanted, "{signatures:?}: {}", outcome.stderr);
        if has_skopeo {
            let (copied, told) = stage.skopeo(&image);
            assert!(copied == (wanted == Accepted) || is_without_sigstore(&told), "{signatures:?}: {told}");
        }
    };
    let good = || identified(signed_by("good.gpg"), exact.clone());
    ask(good(), &[], Refused);
    ask(good(), &["good.signature"], Accepted);
    ask(good(), &["other.signature", "stranger.sigstore", "good.signature"], Accepted);
    ask(good(), &["other-tag.signature"], Refused);
    // A directory has no name to compare with.
    ask(signed_by("good.gpg"), &["good.signature"], Refused);
    ask(identified(sigstore_signed("p256.pub"), exact.clone()), &["p256.sigstore"], Accepted);
}

fn put(directory: &Path, signatures: &[&str]) {
    for number in 1..=4 {
        let _ = std::fs::remove_file(directory.join(format!("signature-{number}")));
    }
    for (number, name) in signatures.iter().enumerate() {
        std::fs::copy(fixture(name), directory.join(format!("signature-{}", number + 1))).unwrap();
    }
}
