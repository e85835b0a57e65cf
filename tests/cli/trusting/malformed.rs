//! Policies and registries.d that cannot be gone by: which file, line and key.

use serde_json::json;

use super::{Stage, has_skopeo};

#[test]
fn a_malformed_policy_is_told_by_file_line_and_key() {
    let (stage, has_skopeo) = (Stage::new(), has_skopeo());
    let signed = |rest: &str| format!("{{\"default\":[{{\"type\":\"signedBy\"{rest}}}]}}");
    let key = ",\"keyType\":\"GPGKeys\",\"keyPath\":\"/x\"";
    let identity = |rest: &str| signed(&format!("{key},\"signedIdentity\":{{{rest}}}"));
    let sigstore = |rest: &str| format!("{{\"default\":[{{\"type\":\"sigstoreSigned\"{rest}}}]}}");
    let scope = |transport: &str, scope: &str| {
        format!(
            "{{\"default\":[{{\"type\":\"reject\"}}],\n\"transports\":{{\"{transport}\":{{\"{scope}\":[{{\"type\":\"reject\"}}]}}}}}}"
        )
    };
    for (text, wanted) in [
        (String::new(), "line 1: something else than JSON"),
        ("{\n\"default\": nonsense}".into(), "line 2: something else than JSON"),
        ("{\"default\":[{\"type\":\"reject\"}]} {}".into(), "line 1: something else than JSON"),
        ("[]".into(), "wanted an object, found an array"),
        ("{}".into(), "line 1: wanted `default`, found none"),
        ("{\"default\":[]}".into(), "`default`: wanted at least one requirement, found none"),
        ("{\"default\":null}".into(), "`default`: wanted an array, found null"),
        ("{\"default\":[{\"type\":\"reject\"}],\n\n\"more\":1}".into(), "line 3: `more` is not known there"),
        ("{\"default\":[{\"type\":\"reject\"}],\n\"Transports\":{}}".into(), "line 2: `Transports` is not known there"),
        ("{\"default\":[{\"type\":\"reject\"}],\n\"default\":[{\"type\":\"insecureAcceptAnything\"}]}".into(), "line 2: `default` is there twice"),
        ("{\"default\":[{\"type\":\"reject\",\"type\":\"insecureAcceptAnything\"}]}".into(), "`default[0].type` is there twice"),
        ("{\"default\":[{\"type\":\"reject\",\"keyPath\":\"x\"}]}".into(), "`default[0].keyPath` is not known there"),
        ("{\"default\":[{}]}".into(), "wanted `default[0].type`, found none"),
        ("{\"default\":[{\"type\":\"Reject\"}]}".into(), "found the type `Reject`"),
        ("{\"default\":[{\"type\":\"reject\"}],\"transports\":{\"docker\":{\"a\":[{\"type\":\"reject\"}],\"a\":[{\"type\":\"reject\"}]}}}".into(), "`transports.docker.a` is there twice"),
        (signed(key).replace("\"keyType\":\"GPGKeys\",", ""), "wanted `default[0].keyType`, found none"),
        (signed(key).replace("GPGKeys", "gpgkeys"), "`default[0].keyType`: wanted `GPGKeys`, found `gpgkeys`"),
        (signed(",\"keyType\":\"GPGKeys\""), "wanted one of `keyPath`, `keyPaths` and `keyData`, found none"),
        (signed(&format!("{key},\"keyData\":\"aGk=\"")), "`default[0].keyData`: wanted no other key beside `keyPath`, found one"),
        (signed(",\"keyType\":\"GPGKeys\",\"keyPath\":\"\""), "`default[0].keyPath`: wanted a path, found nothing"),
        (signed(",\"keyType\":\"GPGKeys\",\"keyData\":\"!\""), "`default[0].keyData`: wanted base64, found something else"),
        (signed(",\"keyType\":\"GPGKeys\",\"keyPath\":7"), "`default[0].keyPath`: wanted a string, found a number"),
        (identity("\"type\":\"matchAnything\""), "found the type `matchAnything`"),
        (identity("\"type\":\"matchExact\",\"dockerReference\":\"a:1\""), "`default[0].signedIdentity.dockerReference` is not known there"),
        (identity("\"type\":\"exactReference\""), "wanted `default[0].signedIdentity.dockerReference`, found none"),
        (identity("\"type\":\"exactReference\",\"dockerReference\":\"r.io/a\""), "wanted an image name with a tag or a digest, found `r.io/a`"),
        (identity("\"type\":\"exactReference\",\"dockerReference\":\"A B\""), "wanted an image name, found `A B`"),
        (identity("\"type\":\"exactRepository\",\"dockerRepository\":\"\""), "wanted an image name, found ``"),
        (identity("\"type\":\"remapIdentity\",\"prefix\":\"r.io/a:1\",\"signedPrefix\":\"r.io\""), "wanted a registry, or a repository with one, found `r.io/a:1`"),
        (identity("\"type\":\"remapIdentity\",\"prefix\":\"r.io\""), "wanted `default[0].signedIdentity.signedPrefix`, found none"),
        (sigstore(""), "wanted one of `keyPath`, `keyPaths`, `keyData` and `keyDatas`, found none"),
        (sigstore(",\"keyType\":\"GPGKeys\",\"keyPath\":\"/x\""), "`default[0].keyType` is not known there"),
        (scope("dir", "relative"), "wanted an absolute path below `/`"),
        (scope("dir", "/"), "found the scope `/`"),
        (scope("dir", "/a/../b"), "line 2: `transports.dir`: wanted an absolute path"),
        (scope("oci", "/a/"), "found the scope `/a/`"),
        (scope("docker-archive", "/a"), "wanted no scope but the empty one"),
        (scope("docker-daemon", &format!("sha256:{}", "0".repeat(64))), "wanted a name"),
    ] {
        let file = stage.place.file("policy.json", text.as_bytes());
        let outcome = stage.consign(&["policy", "explain", "--policy", &file, "dir:signatures/image"]).failed(2);
        assert!(outcome.stderr.contains(&file) && outcome.stderr.contains(wanted), "{text}: {}", outcome.stderr);
        if has_skopeo {
            let (copied, _) = stage.skopeo(&format!("dir:{}", super::fixture("image").display()));
            assert!(!copied, "{text}");
        }
    }
}

#[test]
fn a_malformed_registries_d_is_told_by_file_line_and_key() {
    let stage = Stage::new();
    let accept = json!({"default": [{"type": "insecureAcceptAnything"}]});
    for (text, wanted) in [
        (
            "docker:\n  r.io:\n    lookaside: [x]\n",
            "line 3: `docker.r.io.lookaside`: wanted a string, found an array",
        ),
        (
            "docker:\n  r.io: {lookaside: 'ftp://x'}\n",
            "`docker.r.io.lookaside`: wanted a URL of `file`, `http` or `https`, found `ftp://x`",
        ),
        (
            "docker:\n  r.io:\n    use-sigstore-attachments: perhaps\n",
            "line 3: `docker.r.io.use-sigstore-attachments`: wanted a boolean",
        ),
        ("docker:\n  r.io: {}\n  r.io: {}\n", "line 3: `docker.r.io` is there twice"),
        ("docker: [\n", "line "),
        ("default-docker: &a {}\ndocker:\n  r.io: *a\n", "line 3: an alias, which is not supported here"),
        (
            "default-docker:\n  lookaside: file:///x\n",
            "`default-docker`: wanted it in one file alone, found it in",
        ),
        ("a: 1\n---\nb: 2\n", "a second document"),
    ] {
        stage.place.file("registries.d/more.yaml", text.as_bytes());
        let (_, outcome) = stage.explained(&accept, "docker://r.example.com/app:1");
        let outcome = outcome.failed(2);
        let file = stage.place.path("registries.d/more.yaml").display().to_string();
        assert!(
            outcome.stderr.contains(&file) && outcome.stderr.contains(wanted),
            "{text}: {}",
            outcome.stderr
        );
    }
}
