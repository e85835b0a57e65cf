//! skopeo and podman pull from a store that is served; registries delete what they are asked to.
//!
//! Without these programs the tests say so and pass, unless `CONSIGN_REQUIRE_PEERS` is set.

use crate::archive::digest;
use crate::place::{Place, fixtures};
use crate::registries::{Registry, certificate, installed, push, run};
use crate::served::Served;
use crate::serving::with_zstd;

/// A store with images of all kinds, and their names.
fn filled() -> (Place, [&'static str; 4]) {
    let place = Place::with(&["multi.oci.tar", "attested.oci.tar", "several.docker.tar"]);
    with_zstd(&place, "example.com/multi:1", "multi.oci.tar");
    let names =
        ["example.com/multi:1", "example.com/attested:1", "example.com/zstd:1", "localhost/single-amd64:1"];
    (place, names)
}

#[test]
fn skopeo_copies_what_is_served_with_every_digest_unchanged() {
    if !installed(&["skopeo"]) {
        return;
    }
    let (place, names) = filled();
    let served = Served::start(&place, &[]);
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    std::thread::scope(|scope| {
        for (position, name) in names.iter().enumerate() {
            let (place, served, policy) = (&place, &served, &policy);
            scope.spawn(move || {
                let source = format!("docker://{}", served.name(name));
                let target = format!("dir:{}", place.path(&format!("copy{position}")).display());
                // It takes no index in an index.
                let nested = name.contains("attested");
                let flags = ["--override-os=linux", "--override-arch=amd64", "copy", "-q"];
                let copied =
                    ["--preserve-digests", "--src-tls-verify=false", "--policy", policy, &source, &target];
                let all: &[&str] = if nested { &[] } else { &["--all"] };
                run("skopeo", &[&flags[..], all, &copied].concat(), &fixtures());
                let raw = place.run(&["inspect", "--raw", name]).ok().stdout;
                let platform = ["inspect", "--raw", "--rules", "podman", "--platform", "linux/amd64", name];
                let wanted = if nested { place.run(&platform).ok().stdout } else { raw.clone() };
                let copied = place.path(&format!("copy{position}/manifest.json"));
                assert_eq!(std::fs::read(copied).unwrap(), wanted, "{name}");
                let inspected = ["inspect", "--raw", "--tls-verify=false", &source];
                assert_eq!(run("skopeo", &inspected, &fixtures()), raw);
            });
        }
    });
    let repository = format!("docker://{}", served.name("example.com/multi"));
    let tags = run("skopeo", &["list-tags", "--tls-verify=false", &repository], &fixtures());
    let tags: serde_json::Value = serde_json::from_slice(&tags).unwrap();
    assert_eq!(tags["Tags"], serde_json::json!(["1"]));
    assert_eq!(served.stop().code, Some(0));
}

#[test]
fn podman_pulls_what_is_served() {
    if !installed(&["podman"]) || !rustix::process::geteuid().is_root() {
        return;
    }
    let (place, names) = filled();
    let served = Served::start(&place, &[]);
    let (root, runroot) = (place.path("podman"), place.path("podman-run"));
    let (root, runroot) = (root.display().to_string(), runroot.display().to_string());
    let podman = |arguments: &[&str]| {
        let storage = ["--storage-driver=vfs", "--root", &root, "--runroot", &runroot];
        run("podman", &[&storage[..], arguments].concat(), &place.path(""))
    };
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    for name in names {
        let image = served.name(name);
        let pull =
            ["pull", "-q", "--tls-verify=false", "--arch", "amd64", "--signature-policy", &policy, &image];
        let id = String::from_utf8(podman(&pull)).unwrap();
        let wanted = place.run(&["resolve", "-q", name, "--platform", "linux/amd64"]).ok();
        assert_eq!(format!("sha256:{}", id.trim()), wanted.text().trim(), "{name}");
        let raw = place.run(&["inspect", "--raw", name]).ok().stdout;
        let inspected = podman(&["inspect", "--format", "{{.RepoDigests}}", &image]);
        assert!(String::from_utf8(inspected).unwrap().contains(&digest(&raw)), "{name}");
    }
}

#[test]
fn a_store_is_served_with_a_certificate() {
    if !installed(&["openssl"]) {
        return;
    }
    let place = Place::with(&["multi.oci.tar"]);
    let directory = place.path("");
    let authority = certificate(&directory, "authority", None);
    let (key, file) = certificate(&directory, "server", Some(&authority));
    let served = Served::start(&place, &["--cert", file.to_str().unwrap(), "--key", key.to_str().unwrap()]);
    let certificates = place.path("certificates");
    std::fs::create_dir(&certificates).unwrap();
    std::fs::copy(&authority.1, certificates.join("ca.crt")).unwrap();
    let other = Place::new();
    let image = served.name("example.com/multi:1");
    let pull = ["pull", "-q", "--tls-verify", "--all-platforms", &image];
    assert!(other.run(&pull).failed(2).stderr.contains("it is of no authority that is known here"));
    other.run(&[&pull[..], &["--cert-dir", certificates.to_str().unwrap()]].concat()).ok();
    let raw = |place: &Place, name: &str| place.run(&["inspect", "--raw", name]).ok().stdout;
    assert_eq!(raw(&other, &image), raw(&place, "example.com/multi:1"));
    // Who does not speak TLS is told nothing, and is no harm.
    let mut plain = served.connect();
    plain.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n");
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut plain.reader, &mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(served.stop().code, Some(0));
}

#[test]
fn an_image_is_deleted_from_docker_registry() {
    if !installed(&["docker-registry", "skopeo"]) {
        return;
    }
    let place = Place::new();
    let registry = Registry::start(&place.path(""), "", "");
    let name = |rest: &str| format!("docker://{}/a/{rest}", registry.name);
    push(&place, "oci-archive:multi.oci.tar", &name("b:1"));
    push(&place, "oci-archive:multi.oci.tar", &name("b:2"));
    push(&place, "docker-archive:several.docker.tar:@0", &name("b:other"));
    push(&place, "docker-archive:several.docker.tar:@0", &name("c:1"));
    let digest = digest(&place.run(&["inspect", "--raw", &name("b:1")]).ok().stdout);
    let deleted = place.run(&["delete", "--format", "json", &name("b:1")]).ok().json();
    assert_eq!(deleted["digest"], digest.as_str());
    // Both tags were of one image.
    for gone in [name("b:1"), name("b:2"), name(&format!("b@{digest}"))] {
        place.run(&["inspect", "--raw", &gone]).failed(1);
        place.run(&["delete", &gone]).failed(1);
    }
    place.run(&["inspect", "--raw", &name("b:other")]).ok();
    let by_digest = crate::archive::digest(&place.run(&["inspect", "--raw", &name("c:1")]).ok().stdout);
    place.run(&["delete", &name(&format!("c@{by_digest}"))]).ok();
    place.run(&["inspect", "--raw", &name("c:1")]).failed(1);
    let wrong = place.run(&["delete", "example.com/x"]).failed(2);
    assert!(wrong.stderr.contains("wanted docker://NAME"), "{}", wrong.stderr);
}
