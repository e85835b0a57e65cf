//! The store as a registry: what it answers, to whom, and what it does not fall for.

use std::io::Write;

use serde_json::{Value, json};

use crate::archive::{Layout, OCI_INDEX, OCI_MANIFEST, digest};
use crate::place::Place;
use crate::served::{Reply, Served};
use crate::shelved::noise;

const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A store with an image of one layer, which is this, and what its parts are called.
pub fn with_layer(layer: &[u8]) -> (Place, String, String) {
    let mut layout = Layout::default();
    let tar = crate::archive::Tar::default().file("file", layer).end();
    let image = layout.image("amd64", std::slice::from_ref(&tar), &[digest(&tar)]);
    layout.root(image.clone(), Some("example.com/one:1"));
    let place = Place::new();
    let archive = place.file("one.tar", &layout.tar());
    place.run(&["load", "-q", &archive]).ok();
    (place, image["digest"].as_str().unwrap().to_owned(), digest(&tar))
}

/// Adds `example.com/zstd:1`: an image that this fixture brought, with its layers compressed anew.
pub fn with_zstd(place: &Place, image: &str, fixture: &str) {
    let archive = place.path("zstd.tar");
    let archive = archive.to_str().unwrap();
    let save = ["save", "-q", "--format", "oci-archive", "--compress", "zstd", "-o", archive];
    place.run(&[&save[..], &["--platform", "linux/amd64", image]].concat()).ok();
    // It has the name of the other, which takes it back.
    place.run(&["load", "-q", archive]).ok();
    place.run(&["tag", image, "example.com/zstd:1"]).ok();
    place.run(&["load", "-q", fixture]).ok();
}

#[test]
fn what_is_served_is_pulled_with_every_digest_unchanged() {
    let place = Place::with(&["multi.oci.tar", "attested.oci.tar", "several.docker.tar"]);
    with_zstd(&place, "localhost/single-amd64:1", "several.docker.tar");
    place.run(&["tag", "example.com/multi:1", "library-image:2", "127.0.0.1:5000/a/b:3"]).ok();
    let served = Served::start(&place, &[]);
    for (stored, path) in [
        ("example.com/multi:1", "example.com/multi:1"),
        ("example.com/attested:1", "example.com/attested:1"),
        ("localhost/single-amd64:1", "localhost/single-amd64:1"),
        ("example.com/zstd:1", "example.com/zstd:1"),
        ("library-image:2", "library/library-image:2"),
        ("library-image:2", "library-image:2"),
        ("library-image:2", "docker.io/library/library-image:2"),
        ("127.0.0.1:5000/a/b:3", "127.0.0.1_5000/a/b:3"),
    ] {
        let other = Place::new();
        let name = served.name(path);
        other.run(&["pull", "-q", "--all-platforms", &name]).ok();
        let raw = |place: &Place, name: &str| place.run(&["inspect", "--raw", name]).ok().stdout;
        assert_eq!(raw(&other, &name), raw(&place, stored), "{path}");
        other.check();
        assert_eq!(raw(&place, &format!("docker://{name}")), raw(&place, stored), "{path}");
    }
    assert_eq!(served.stop().code, Some(0));
    place.check();
}

#[test]
fn manifests_are_answered_by_tag_and_by_digest() {
    let place = Place::with(&["multi.oci.tar", "several.docker.tar"]);
    let served = Served::start(&place, &[]);
    let raw = place.run(&["inspect", "--raw", "example.com/multi:1"]).ok().stdout;
    let wanted = digest(&raw);
    let by_tag = served.get("/v2/example.com/multi/manifests/1");
    assert_eq!((by_tag.status, &by_tag.body), (200, &raw));
    assert_eq!(by_tag.header("content-type"), Some(OCI_INDEX));
    assert_eq!(by_tag.header("docker-content-digest"), Some(wanted.as_str()));
    assert_eq!(by_tag.header("etag"), Some(format!("\"{wanted}\"").as_str()));
    assert_eq!(by_tag.header("docker-distribution-api-version"), Some("registry/2.0"));
    // An image of the index has no name of its own, and belongs to the repository all the same; another's does not.
    let index: Value = serde_json::from_slice(&raw).unwrap();
    let entry = index["manifests"][0]["digest"].as_str().unwrap();
    for reference in [wanted.as_str(), entry, &entry.replace(':', "%3A")] {
        let target = format!("/v2/example.com/multi/manifests/{reference}");
        assert_eq!(served.get(&target).status, 200, "{target}");
        let head = served.ask("HEAD", &target, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), served.get(&target).header("content-length"));
        let elsewhere = served.get(&format!("/v2/localhost/single-amd64/manifests/{reference}"));
        assert_eq!(elsewhere.refusal(), (404, "MANIFEST_UNKNOWN".into()));
    }
    let docker = served.get("/v2/localhost/single-amd64/manifests/1");
    assert_eq!(docker.header("content-type"), Some(DOCKER_MANIFEST));
    // A name that was given to an ID points at a config, and means its manifest.
    let id = place.run(&["resolve", "-q", "--platform", "linux/amd64", "localhost/single-amd64:1"]).ok();
    place.run(&["tag", id.text().trim(), "x/by-id:1"]).ok();
    let raw = place.run(&["inspect", "--raw", "--platform", "linux/amd64", "x/by-id:1"]).ok().stdout;
    let by_id = served.get("/v2/x/by-id/manifests/1");
    assert_eq!(by_id.body, raw);
    for layer in by_id.json()["layers"].as_array().unwrap() {
        let target = format!("/v2/x/by-id/blobs/{}", layer["digest"].as_str().unwrap());
        assert_eq!(served.ask("HEAD", &target, &[]).status, 200);
    }
    // Who has it already, and who takes something else.
    let target = "/v2/example.com/multi/manifests/1";
    let ask = |name: &str, value: &str| served.ask("GET", target, &[(name, value)]).status;
    let etag = format!("\"{wanted}\"");
    assert_eq!((ask("If-None-Match", &etag), ask("If-None-Match", &format!("\"x\", W/{etag}"))), (304, 304));
    assert_eq!((ask("If-None-Match", "*"), ask("If-None-Match", "\"x\"")), (304, 200));
    let accepted = format!("{OCI_MANIFEST}, {OCI_INDEX};q=0.5");
    assert_eq!(
        (ask("Accept", &accepted), ask("Accept", "*/*"), ask("Accept", OCI_MANIFEST)),
        (200, 200, 404)
    );
    for (target, status, code) in [
        ("/v2/example.com/multi/manifests/2", 404, "MANIFEST_UNKNOWN"),
        ("/v2/example.com/multi/manifests/-", 404, "MANIFEST_UNKNOWN"),
        ("/v2/example.com/multi/manifests/sha256:1", 400, "DIGEST_INVALID"),
        ("/v2/UPPER/manifests/1", 400, "NAME_INVALID"),
        ("/v2/../manifests/1", 400, "NAME_INVALID"),
        ("/v2/a//b/manifests/1", 400, "NAME_INVALID"),
        ("/v2/%2e%2e/%2e%2e/manifests/1", 400, "NAME_INVALID"),
        ("/v2/a:1/manifests/1", 400, "NAME_INVALID"),
        ("/v2/%zz/manifests/1", 400, "NAME_INVALID"),
        ("/v2/nosuch/manifests/1", 404, "MANIFEST_UNKNOWN"),
        ("/v1/", 404, "NAME_UNKNOWN"),
        ("/", 404, "NAME_UNKNOWN"),
    ] {
        assert_eq!(served.get(target).refusal(), (status, code.into()), "{target}");
    }
    assert_eq!((served.get("/v2/").status, served.get("/v2").header("location")), (200, Some("/v2/")));
}

#[test]
fn blobs_are_answered_whole_and_in_parts() {
    let content = noise(300_000);
    let (place, manifest, blob) = with_layer(&content);
    let served = Served::start(&place, &[]);
    let target = format!("/v2/example.com/one/blobs/{blob}");
    let whole = served.get(&target);
    assert_eq!((whole.status, digest(&whole.body)), (200, blob.clone()));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let size = whole.body.len();
    let part = |range: &str| served.ask("GET", &target, &[("Range", range)]);
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=1000-200999", 1000, 200_999),
        ("bytes=299000-", 299_000, size - 1),
        ("bytes=-10", size - 10, size - 1),
    ] {
        let part = part(range);
        assert_eq!((part.status, &part.body), (206, &whole.body[first..=last].to_vec()), "{range}");
        assert_eq!(part.header("content-range"), Some(format!("bytes {first}-{last}/{size}").as_str()));
    }
    let beyond = part("bytes=99999999-");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{size}").as_str()));
    assert_eq!(part("bytes=0-1,5-6").body, whole.body);
    let changed = [("Range", "bytes=0-0"), ("If-Range", "\"another\"")];
    assert_eq!(served.ask("GET", &target, &changed).status, 200);
    let head = served.ask("HEAD", &target, &[("Range", "bytes=0-0")]);
    assert_eq!((head.status, head.header("content-length")), (200, Some(size.to_string().as_str())));
    let unknown = digest(b"unknown");
    for (target, status, code) in [
        (format!("/v2/example.com/one/blobs/{unknown}"), 404, "BLOB_UNKNOWN"),
        (format!("/v2/example.com/other/blobs/{blob}"), 404, "BLOB_UNKNOWN"),
        ("/v2/example.com/one/blobs/sha256:1".to_owned(), 400, "DIGEST_INVALID"),
        ("/v2/example.com/one/blobs/uploads/1".to_owned(), 404, "BLOB_UPLOAD_UNKNOWN"),
    ] {
        assert_eq!(served.get(&target).refusal(), (status, code.into()), "{target}");
    }
    // What is not as long as it should be is not sent, nor a document with other bytes; and nobody is told where it lies.
    let path = |digest: &str| place.root().join("blobs").join(digest.replace(':', "/"));
    std::fs::OpenOptions::new().append(true).open(path(&blob)).unwrap().write_all(b"x").unwrap();
    assert_eq!(served.get(&target).refusal(), (500, "UNKNOWN".into()));
    let mut document = std::fs::read(path(&manifest)).unwrap();
    document[0] ^= 1;
    std::fs::write(path(&manifest), document).unwrap();
    let damaged = served.get("/v2/example.com/one/manifests/1");
    assert_eq!(damaged.refusal(), (500, "UNKNOWN".into()));
    assert!(!String::from_utf8(damaged.body).unwrap().contains("blobs"));
}

#[test]
fn tags_and_repositories_are_listed_page_by_page() {
    let place = Place::with(&["several.docker.tar"]);
    let tags = ["c", "a", "b", "B"].map(|tag| format!("example.com/many:{tag}"));
    let names = ["x/y", "z", "127.0.0.1:5000/p", "[::1]:5000/q"];
    let tag = ["tag", "localhost/single-amd64:1"];
    place.run(&[&tag[..], &tags.each_ref().map(String::as_str), &names].concat()).ok();
    let served = Served::start(&place, &[]);
    let list = |target: &str, member: &str| {
        let reply = served.get(target);
        assert_eq!(reply.status, 200, "{target}");
        (reply.json()[member].clone(), reply.header("link").map(str::to_owned))
    };
    let all = "/v2/example.com/many/tags/list";
    assert_eq!(list(all, "name").0, "example.com/many");
    assert_eq!(list(all, "tags"), (json!(["B", "a", "b", "c"]), None));
    let next = |target: &str| Some(format!("<{target}>; rel=\"next\""));
    let first = list(&format!("{all}?n=3"), "tags");
    assert_eq!(first, (json!(["B", "a", "b"]), next(&format!("{all}?last=b&n=3"))));
    assert_eq!(list(&format!("{all}?last=b&n=3"), "tags"), (json!(["c"]), None));
    assert_eq!(list(&format!("{all}?n=4"), "tags").1, None);
    assert_eq!(list(&format!("{all}?n=0"), "tags"), (json!([]), None));
    assert_eq!(served.get(&format!("{all}?n=x")).refusal(), (400, "PAGINATION_NUMBER_INVALID".into()));
    assert_eq!(served.get("/v2/nosuch/tags/list").refusal(), (404, "NAME_UNKNOWN".into()));
    // Without the one that nobody could ask for.
    let repositories = json!([
        "127.0.0.1_5000/p",
        "example.com/many",
        "library/z",
        "localhost/multi-amd64",
        "localhost/single-amd64",
        "localhost/single-arm64v8",
        "x/y"
    ]);
    assert_eq!(list("/v2/_catalog", "repositories"), (repositories.clone(), None));
    let (mut target, mut found) = ("/v2/_catalog?n=2".to_owned(), Vec::new());
    loop {
        let (page, link) = list(&target, "repositories");
        found.extend(page.as_array().unwrap().clone());
        let Some(link) = link else { break };
        target = link.strip_prefix('<').unwrap().split('>').next().unwrap().to_owned();
    }
    assert_eq!(json!(found), repositories);
    let tags = place.run(&["tags", "list", "-q", &served.name("example.com/many")]).ok();
    assert_eq!(tags.text(), "B\na\nb\nc\n");
}

#[test]
fn what_refers_to_a_manifest_is_listed() {
    let mut layout = Layout::default();
    let image = layout.plain_image("amd64", "x");
    layout.root(image.clone(), Some("example.com/a/b:1"));
    let mut artifacts = Vec::new();
    for (kind, number) in [("sbom", 1), ("signature", 2), ("signature", 3)] {
        let empty = layout.blob("application/vnd.oci.empty.v1+json", b"{}");
        let artifact = layout.json(
            OCI_MANIFEST,
            &json!({
                "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": empty, "layers": [empty],
                "artifactType": format!("example/{kind}"), "subject": image,
                "annotations": {"number": number.to_string()},
            }),
        );
        layout.root(artifact.clone(), Some(&format!("elsewhere.example/{kind}:{number}")));
        artifacts.push(artifact["digest"].as_str().unwrap().to_owned());
    }
    let place = Place::new();
    let archive = place.file("a.tar", &layout.tar());
    let served = {
        // Nothing is there when it begins.
        place.run(&["images"]).ok();
        Served::start(&place, &[])
    };
    let target = format!("/v2/example.com/a/b/referrers/{}", image["digest"].as_str().unwrap());
    assert_eq!(served.get(&target).json()["manifests"], json!([]));
    place.run(&["load", "-q", &archive]).ok();
    let all = served.get(&target);
    assert_eq!(all.header("content-type"), Some(OCI_INDEX));
    let listed = |reply: &Reply| -> Vec<String> {
        let entries = reply.json()["manifests"].as_array().unwrap().clone();
        entries.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect()
    };
    let mut sorted = artifacts.clone();
    sorted.sort();
    assert_eq!(listed(&all), sorted);
    let sbom = served.get(&format!("{target}?artifactType=example%2Fsbom"));
    assert_eq!(sbom.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(listed(&sbom), artifacts[..1]);
    assert_eq!(sbom.json()["manifests"][0]["artifactType"], "example/sbom");
    assert_eq!(sbom.json()["manifests"][0]["annotations"], json!({"number": "1"}));
    // They belong to the repository of what they refer to, and to no third one.
    for (repository, status) in [("example.com/a/b", 200), ("elsewhere.example/sbom", 200), ("x/y", 404)] {
        let found = served.get(&format!("/v2/{repository}/manifests/{}", artifacts[0])).status;
        assert_eq!(found, status, "{repository}");
    }
    assert_eq!(served.get("/v2/x/y/referrers/sha256:1").refusal(), (400, "DIGEST_INVALID".into()));
    assert_eq!(listed(&served.get(&target.replace("a/b", "c/d"))), [] as [&str; 0]);
    // The newest goes, and another comes in its place.
    place.run(&["untag", "elsewhere.example/signature:3"]).ok();
    place.run(&["gc"]).ok();
    let left = listed(&served.get(&target));
    assert!(!left.contains(&artifacts[2]) && left.len() == 2, "{left:?}");
    place.run(&["load", "-q", &archive]).ok();
    assert_eq!(listed(&served.get(&target)), sorted);
}

#[test]
fn nothing_is_written() {
    let place = Place::with(&["several.docker.tar"]);
    let served = Served::start(&place, &[]);
    let digest = digest(b"x");
    for (method, target) in [
        ("POST", "/v2/a/b/blobs/uploads/".to_owned()),
        ("PUT", "/v2/a/b/manifests/1".to_owned()),
        ("PATCH", "/v2/a/b/blobs/uploads/7".to_owned()),
        ("DELETE", format!("/v2/a/b/manifests/{digest}")),
        ("DELETE", format!("/v2/a/b/blobs/{digest}")),
        ("OPTIONS", "/v2/".to_owned()),
    ] {
        let refused = served.ask(method, &target, &[]);
        assert_eq!(refused.refusal(), (405, "UNSUPPORTED".into()), "{method} {target}");
        assert_eq!(refused.header("allow"), Some("GET, HEAD"));
    }
    // A small body is read and dropped; who waits for leave to send one is told no.
    let mut connection = served.connect();
    connection.send("PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(connection.reply("PUT").unwrap().status, 405);
    assert_eq!(connection.ask("GET", "/v2/", &[]).status, 200);
    let expected =
        connection.ask("PUT", "/v2/a/manifests/1", &[("Content-Length", "5"), ("Expect", "100-continue")]);
    assert_eq!((expected.status, expected.header("connection")), (405, Some("close")));
    assert!(connection.is_over());
    // One of which nobody knows the end is not waited for.
    let mut connection = served.connect();
    connection.send("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(connection.reply("POST").unwrap().status, 405);
    drop(connection);
    // `consign delete` says so.
    let reference = format!("docker://{}/localhost/single-amd64:1", served.name);
    let refused = place.run(&["delete", &reference]).failed(1);
    assert!(
        refused.stderr.contains("does not delete") && refused.stderr.contains("hint:"),
        "{}",
        refused.stderr
    );
}

#[test]
fn additional_stores_are_served_after_the_own_one() {
    let (place, other) = (Place::with(&["several.docker.tar"]), Place::with(&["multi.oci.tar"]));
    other.run(&["tag", "example.com/multi:1", "localhost/single-amd64:1", "localhost/single-amd64:2"]).ok();
    let served = Served::start(&place, &["--additional-store", other.root().to_str().unwrap()]);
    let digest = |target: &str| served.get(target).header("docker-content-digest").unwrap().to_owned();
    let own = place.run(&["inspect", "--raw", "localhost/single-amd64:1"]).ok().stdout;
    assert_eq!(digest("/v2/localhost/single-amd64/manifests/1"), crate::archive::digest(&own));
    let multi = digest("/v2/example.com/multi/manifests/1");
    assert_eq!(digest("/v2/localhost/single-amd64/manifests/2"), multi);
    assert_eq!(served.get("/v2/localhost/single-amd64/tags/list").json()["tags"], json!(["1", "2"]));
    let third = Place::new();
    third.run(&["pull", "-q", "--all-platforms", &served.name("localhost/single-amd64:2")]).ok();
}

#[test]
fn what_cannot_be_served_is_said() {
    let place = Place::with(&["several.docker.tar"]);
    let nonsense = place.file("nonsense", b"x");
    for (arguments, wanted) in [
        (&["--registry", "nonsense"][..], "wanted HOST:PORT"),
        (&["--registry", "127.0.0.1:0", "--cert", &nonsense], "--key"),
        (
            &["--registry", "127.0.0.1:0", "--cert", &nonsense, "--key", &nonsense],
            "wanted certificates in PEM",
        ),
        (&["--registry", "192.0.2.1:1"], "listening at `192.0.2.1:1` failed"),
        (&[], "--registry"),
    ] {
        let failed = place.run(&[&["serve"][..], arguments].concat()).failed(2);
        assert!(failed.stderr.contains(wanted), "{}", failed.stderr);
    }
}
