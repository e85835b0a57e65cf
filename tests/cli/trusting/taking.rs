//! Where a policy stands in the way: `pull`, `load`, and what `policy explain` says beforehand.

use serde_json::{Value, json};

use super::{NAME, Stage, fixture, manifest_digest, signed_by, sigstore_signed, strictly};
use crate::archive::{Layout, digest};
use crate::server::{Response, Server};
use crate::shelved::index;

fn pull(stage: &Stage, arguments: &[&str]) -> crate::place::Outcome {
    let (policy, directory) = (stage.place.path("policy.json"), stage.place.path("registries.d"));
    let given = [
        "pull",
        "--signature-policy",
        policy.to_str().unwrap(),
        "--registries-d",
        directory.to_str().unwrap(),
    ];
    stage.consign(&[&given, arguments].concat())
}

#[test]
fn a_layer_is_fetched_after_the_policy_has_accepted_the_manifest() {
    let stage = Stage::new();
    stage.policy(&strictly(json!([signed_by("good.gpg")])));
    stage.signed("app", &["other.signature"]);
    let refused = pull(&stage, &[NAME, "--platform", "linux/amd64"]).failed(1);
    assert!(
        refused.stderr.contains("`docker`, scope `r.example.com`): requirement 1, `signedBy`"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("a key that is not trusted"), "{}", refused.stderr);
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(fixture("image/manifest.json")).unwrap()).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap();
    assert!(stage.registry.server.asked().iter().all(|line| !line.contains(layer)));
    stage.place.assert_empty();
    stage.signed("app", &["good.signature"]);
    pull(&stage, &[NAME, "--platform", "linux/amd64"]).ok();
    assert!(stage.registry.server.asked().iter().any(|line| line.contains(layer)));
    // What is here is asked about again.
    stage.signed("app", &[]);
    let refused = pull(&stage, &[NAME, "--platform", "linux/amd64"]).failed(1);
    assert!(refused.stderr.contains("a signature is required, and there is none"), "{}", refused.stderr);
    pull(&stage, &["--policy", "missing", NAME, "--platform", "linux/amd64"]).ok();
    stage.place.check();
}

#[test]
fn of_an_index_the_chosen_image_counts_and_of_all_of_it_everything() {
    let stage = Stage::new();
    let mut layout = Layout::default();
    let image = index(&mut layout);
    stage.registry.put(&layout, "2", &image);
    let by_digest = |digest: &str| format!("docker://r.example.com/app@{digest}");
    let (yes, no) = (json!([{"type": "insecureAcceptAnything"}]), json!([{"type": "reject"}]));
    stage.policy(&json!({"default": no, "transports": {"docker": {"r.example.com/app:2": yes}}}));
    pull(&stage, &["-q", "r.example.com/app:2"]).ok();
    let explained = stage.consign(&[
        "policy",
        "explain",
        "--policy",
        stage.place.path("policy.json").to_str().unwrap(),
        "--all-platforms",
        "--format",
        "json",
        "docker://r.example.com/app:2",
    ]);
    let explained = explained.ok().json();
    assert_eq!(explained["manifests"].as_array().unwrap().len(), 4);
    assert_eq!(explained["manifests"][0]["digest"], image["digest"]);
    assert_eq!(
        explained["manifests"][0]["matched"],
        json!({"transport": "docker", "scope": "r.example.com/app:2"})
    );
    assert_eq!(
        explained["manifests"][0]["requirements"],
        json!([{"number": 1, "type": "insecureAcceptAnything", "outcome": "accepted", "reason": null}])
    );
    // By its digest it has another name.
    let image = by_digest(image["digest"].as_str().unwrap());
    let refused = pull(&stage, &["-q", &image]).failed(1);
    assert!(
        refused.stderr.contains("(default): requirement 1, `reject`: everything is rejected"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_cosign_attaches_is_found_under_its_tag_and_among_referrers_where_that_is_wanted() {
    let stage = Stage::new();
    let kept: Value = {
        let bytes = std::fs::read(fixture("p256.sigstore")).unwrap();
        let start = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        serde_json::from_slice(&bytes[start..]).unwrap()
    };
    let payload = {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.decode(kept["payload"].as_str().unwrap()).unwrap()
    };
    let manifest = |artifact_type: Option<&str>| {
        let mut manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "size": 2, "digest": digest(b"{}")},
            "layers": [{"mediaType": kept["mimeType"], "size": payload.len(), "digest": digest(&payload), "annotations": kept["annotations"]}],
        });
        if let Some(artifact_type) = artifact_type {
            manifest["artifactType"] = artifact_type.into();
        }
        manifest.to_string().into_bytes()
    };
    let tag = manifest_digest().replace(':', "-");
    let put = |tag: Option<&str>, media_type: &str, bytes: &[u8]| {
        let mut shelf = stage.registry.shelf.lock().unwrap();
        shelf.blob(&payload);
        shelf.manifest(tag, media_type, bytes)
    };
    let policy = strictly(json!([sigstore_signed("p256.pub")]));
    let image = format!("docker://{NAME}");
    let nowhere = format!("file://{}", stage.place.path("nowhere").display());
    let asked = |attachments: bool| {
        stage.lookaside(&nowhere, attachments);
        stage.explained(&policy, &image).0
    };
    const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
    assert_eq!(asked(true), super::Refused);
    put(Some(&format!("{tag}.sig")), OCI, &manifest(None));
    assert_eq!(asked(true), super::Accepted);
    if super::has_skopeo() {
        let (copied, told) = stage.skopeo(&image);
        assert!(copied || super::is_without_sigstore(&told), "{told}");
    }
    assert_eq!(asked(false), super::Refused);
    stage.registry.shelf.lock().unwrap().manifests.remove(&format!("{tag}.sig"));
    assert_eq!(asked(true), super::Refused);
    let artifact = "application/vnd.dev.cosign.artifact.sig.v1+json";
    let bytes = manifest(Some(artifact));
    let signature = put(None, OCI, &bytes);
    let referrers = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": OCI, "size": bytes.len(), "digest": signature, "artifactType": artifact}],
    });
    put(Some(&tag), "application/vnd.oci.image.index.v1+json", referrers.to_string().as_bytes());
    assert_eq!(asked(true), super::Accepted);
    // What is listed and not there is no answer.
    stage.registry.shelf.lock().unwrap().blobs.remove(&digest(&payload));
    assert_eq!(asked(true), super::Undecided);
}

#[test]
fn a_lookaside_storage_may_be_on_a_server() {
    let stage = Stage::new();
    let path = format!("/store/app@{}/signature-1", manifest_digest().replace(':', "="));
    let good = std::fs::read(fixture("good.signature")).unwrap();
    let server = Server::start(move |request| match request.path() {
        found if found == path => Response::new(200).bytes(good.clone()),
        found if found.starts_with("/store/") => Response::new(404),
        _ => Response::new(500),
    });
    let policy = strictly(json!([signed_by("good.gpg")]));
    let image = format!("docker://{NAME}");
    stage.lookaside(&format!("http://{}/store", server.name()), false);
    assert_eq!(stage.explained(&policy, &image).0, super::Accepted);
    stage.lookaside(&format!("http://{}/store/none", server.name()), false);
    assert_eq!(stage.explained(&policy, &image).0, super::Refused);
    assert!(server.log().iter().all(|request| request.header("authorization").is_none()));
    let gone = format!("http://{}/store", server.name());
    drop(server);
    stage.lookaside(&gone, false);
    assert_eq!(stage.explained(&policy, &image).0, super::Undecided);
}

#[test]
fn a_registry_may_keep_signatures_itself_and_then_the_lookaside_storage_does_not_count() {
    use base64::Engine as _;
    let stage = Stage::new();
    let shelf = stage.registry.shelf.clone();
    let list = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let (kept, path) = (list.clone(), format!("/extensions/v2/app/signatures/{}", manifest_digest()));
    let server = Server::start(move |request| match request.path() {
        "/v2/" => Response::new(200).header("X-Registry-Supports-Signatures", "1"),
        found if found == path => match kept.lock().unwrap().as_str() {
            "" => Response::new(500),
            list => Response::new(200).bytes(list),
        },
        _ => shelf.lock().unwrap().answer(request),
    });
    let table = format!(
        "[[registry]]\nprefix = \"r.example.com\"\nlocation = \"{}\"\ninsecure = true\n",
        server.name()
    );
    stage.place.file("registries.conf", table.as_bytes());
    let policy = strictly(json!([signed_by("good.gpg")]));
    let image = format!("docker://{NAME}");
    let listed = |names: &[&str], kind: &str| {
        let signature = |name: &&str| {
            let content = base64::prelude::BASE64_STANDARD.encode(std::fs::read(fixture(name)).unwrap());
            json!({"schemaVersion": 2, "name": format!("{}@{name}", manifest_digest()), "type": kind, "content": content})
        };
        json!({"signatures": names.iter().map(signature).collect::<Vec<_>>()}).to_string()
    };
    for (text, wanted) in [
        (listed(&["other.signature", "good.signature"], "atomic"), super::Accepted),
        (listed(&["other.signature"], "atomic"), super::Refused),
        (listed(&["good.signature"], "x509"), super::Refused),
        (listed(&[], "atomic"), super::Refused),
        ("nonsense".to_owned(), super::Undecided),
        (String::new(), super::Undecided),
    ] {
        stage.signed("app", &["good.signature"]);
        list.lock().unwrap().clone_from(&text);
        let (found, outcome) = stage.explained(&policy, &image);
        assert_eq!(found, wanted, "{text}: {}{}", outcome.text(), outcome.stderr);
        if super::has_skopeo() {
            let (copied, told) = stage.skopeo(&image);
            assert_eq!(copied, wanted == super::Accepted, "{text}: {told}");
        }
    }
}

#[test]
fn what_is_copied_is_asked_about_and_what_is_refused_has_no_name_anywhere() {
    let stage = Stage::new();
    let policy = stage.policy(&strictly(json!([signed_by("good.gpg")])));
    let (directory, layout) = (stage.place.path("registries.d"), stage.place.path("layout"));
    let to = format!("oci:{}", layout.display());
    let image = format!("docker://{NAME}");
    let copy = |to: &str| {
        let directory = directory.to_str().unwrap();
        let given = ["copy", "--policy", &policy, "--registries-d", directory, "--platform", "linux/amd64"];
        // Layouts keep none.
        let remove: &[&str] = if to.starts_with("oci:") { &["--remove-signatures"] } else { &[] };
        stage.consign(&[&given[..], remove, &[&image, to]].concat())
    };
    stage.signed("app", &["other-name.signature"]);
    for to in [&to, "r.example.com/here:1"] {
        let refused = copy(to).failed(1);
        assert!(refused.stderr.contains("it is for `r.example.com/other:1`"), "{}", refused.stderr);
    }
    assert!(!layout.join("index.json").exists());
    stage.place.assert_empty();
    stage.signed("app", &["good.signature"]);
    copy(&to).ok();
    assert!(layout.join("index.json").exists());
    copy("r.example.com/here:1").ok();
    stage.place.check();
}

#[test]
fn loading_asks_too_and_a_policy_that_is_named_has_to_be_there() {
    let stage = Stage::new();
    let none = stage.place.path("none.json").display().to_string();
    for arguments in [
        vec!["load", "--policy", &none, "multi.oci.tar"],
        vec!["pull", "--signature-policy", &none, "oci-archive:multi.oci.tar"],
        vec!["policy", "explain", "--policy", &none, "oci-archive:multi.oci.tar"],
    ] {
        let refused = stage.consign(&arguments).failed(2);
        assert!(refused.stderr.contains("wanted a policy, found none"), "{}", refused.stderr);
    }
    let (yes, no) = (json!([{"type": "insecureAcceptAnything"}]), json!([{"type": "reject"}]));
    let policy = stage.policy(&json!({"default": no, "transports": {"docker-archive": {"": yes}}}));
    for source in ["multi.oci.tar", "oci-archive:multi.oci.tar", "dir:signatures/image", "signatures/image"] {
        let refused = stage.consign(&["load", "--policy", &policy, source]).failed(1);
        assert!(refused.stderr.contains("everything is rejected"), "{}", refused.stderr);
    }
    let archive = std::fs::read(super::fixtures().join("multi.oci.tar")).unwrap();
    stage.place.run_with(&["load", "--policy", &policy], &archive).failed(1);
    stage.place.assert_empty();
    stage.consign(&["load", "-q", "--policy", &policy, "several.docker.tar"]).ok();
    stage.place.check();
}

#[test]
fn a_user_s_own_policy_comes_before_the_system_s() {
    let stage = Stage::new();
    let home = stage.place.path("home");
    std::fs::create_dir_all(home.join(".config/containers")).unwrap();
    std::fs::write(home.join(".config/containers/policy.json"), "{\"default\":[{\"type\":\"reject\"}]}")
        .unwrap();
    let mut command = stage.place.command(&["load", "several.docker.tar"]);
    command.env("HOME", &home);
    let refused = stage.place.outcome_of(command).failed(1);
    assert!(refused.stderr.contains("everything is rejected"), "{}", refused.stderr);
    stage.place.assert_empty();
}
