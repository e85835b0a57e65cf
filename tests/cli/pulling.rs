use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::archive::{Layout, digest};
use crate::place::Place;
use crate::server::{Body, Response, Server, Shelf};
use crate::shelved::{Shelved, index, machine, noise, put, small};

/// How many requests of each kind came: manifests asked about, manifests, blobs.
pub fn asked(server: &Server) -> (usize, usize, usize) {
    let log = server.asked();
    let count = |method: &str, what: &str| {
        log.iter().filter(|line| line.starts_with(method) && line.contains(what)).count()
    };
    (count("HEAD", "/manifests/"), count("GET", "/manifests/"), count("GET", "/blobs/"))
}

#[test]
fn an_image_is_pulled_once_and_then_asked_about_once() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "first");
    registry.put(&layout, "1", &image);
    let name = registry.name("a/b:1");
    let pulled = place.run(&["pull", &name]).ok();
    assert_eq!(pulled.text(), format!("Pulled image: {name} ({})\n", image["digest"].as_str().unwrap()));
    assert_eq!(
        pulled.stderr.lines().filter(|line| line.contains(" pulled (")).count(),
        2,
        "{}",
        pulled.stderr
    );
    assert_eq!(asked(&registry.server), (0, 1, 3));
    registry.server.forget();
    let again = place.run(&["pull", &name]).ok();
    assert!(again.text().starts_with("Image is up to date: "), "{}", again.text());
    assert_eq!((asked(&registry.server), registry.server.log().len()), ((1, 0, 0), 1));
    // The same image elsewhere: nothing of it is fetched but the manifest.
    registry.server.forget();
    place.run(&["pull", "-q", &registry.name("c/d:1")]).ok();
    assert_eq!(asked(&registry.server), (0, 1, 0));
    // Another image under the name.
    let other = small(&mut layout, "second");
    registry.put(&layout, "1", &other);
    place.run(&["pull", "-q", &name]).ok();
    let resolved = place.run(&["resolve", "--format", "json", &name]).ok().json();
    assert_eq!(resolved["manifest"]["digest"], other["digest"]);
    let events = place.run(&["events", "--since", "1h", "--filter", "event=pull", "--format", "json"]).ok();
    assert_eq!(events.text().lines().count(), 3);
    place.check();
}

#[test]
fn a_policy_says_when_the_registry_is_asked() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    registry.put(&layout, "1", &image);
    let name = registry.name("a/b:1");
    place.run(&["pull", "--policy", "never", &name]).failed(1);
    assert!(registry.server.log().is_empty());
    place.run(&["pull", "--policy", "missing", &name]).ok();
    registry.server.forget();
    for policy in ["missing", "never"] {
        place.run(&["pull", "--policy", policy, &name]).ok();
    }
    assert!(registry.server.log().is_empty());
    // By its digest it is another name, of the same image.
    let by_digest = registry.name(&format!("a/b@{}", image["digest"].as_str().unwrap()));
    place.run(&["pull", "--policy", "missing", &by_digest]).ok();
    registry.server.forget();
    place.run(&["pull", "--policy", "missing", &by_digest]).ok();
    assert!(registry.server.log().is_empty());
    drop(registry);
    place.run(&["pull", "--policy", "newer", "--retry", "0", &name]).ok();
    place.run(&["pull", "--policy", "always", "--retry", "0", &name]).failed(2);
}

#[test]
fn one_platform_several_or_all_are_pulled_and_the_index_stays_whole() {
    let registry = Shelved::new();
    let mut layout = Layout::default();
    let image = index(&mut layout);
    registry.put(&layout, "1", &image);
    let name = registry.name("a/b:1");
    let count = |arguments: &[&str]| {
        let place = Place::new();
        let pulled = place.run(&[&["pull", "--format", "json", &name], arguments].concat()).ok().json();
        let raw = place.run(&["inspect", "--raw", &name]).ok().stdout;
        assert_eq!(digest(&raw), image["digest"]);
        place.check();
        assert_eq!(pulled[0]["target"]["digest"], image["digest"]);
        (pulled[0]["images"].as_array().unwrap().len(), place.images().len())
    };
    assert_eq!(count(&[]), (1, 1));
    assert_eq!(count(&["--platform", "linux/s390x,linux/riscv64"]), (2, 2));
    assert_eq!(count(&["--all-platforms"]), (3, 3));
    let place = Place::new();
    place.run(&["pull", "-q", &name]).ok();
    registry.server.forget();
    // The others later: what is here is not fetched.
    place.run(&["pull", "-q", "--all-platforms", &name]).ok();
    assert_eq!((asked(&registry.server), place.images().len()), ((1, 2, 4), 3));
    let refused = place.run(&["pull", &name, "--platform", "linux/mips64le"]).failed(1);
    assert!(refused.stderr.contains("linux/s390x"), "{}", refused.stderr);
}

#[test]
fn an_image_without_the_label_is_not_fetched() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "prod");
    registry.put(&layout, "1", &image);
    let name = registry.name("a/b:1");
    for (label, found) in [("other", "none"), ("stage=test", "`prod`")] {
        let refused = place.run(&["pull", "--require-label", label, &name]).failed(1);
        assert!(refused.stderr.contains(&format!("wanted the label `{label}`")), "{}", refused.stderr);
        assert!(refused.stderr.contains(&format!("found {found}")), "{}", refused.stderr);
    }
    assert_eq!(asked(&registry.server), (0, 2, 2));
    let file = place.path("digest");
    let arguments = ["pull", "--require-label", "stage=prod", "--require-label", "stage", "--digestfile"];
    place.run(&[&arguments[..], &[file.to_str().unwrap(), &name]].concat()).ok();
    assert_eq!(std::fs::read_to_string(file).unwrap(), image["digest"].as_str().unwrap());
}

/// An image of one large layer and one small.
fn large(layout: &mut Layout, size: usize) -> (serde_json::Value, String) {
    let bytes = crate::archive::Tar::default().file("noise", &noise(size)).end();
    let small = crate::archive::layer("small");
    let image = layout.image(machine(), &[bytes.clone(), small.clone()], &[digest(&bytes), digest(&small)]);
    (image, digest(&bytes))
}

#[test]
fn a_pull_that_was_killed_goes_on_where_it_was() {
    const SIZE: usize = 20 << 20;
    let mut layout = Layout::default();
    let (image, blob) = large(&mut layout, SIZE);
    let shelf = Shelf::new();
    put(&mut shelf.lock().unwrap(), &layout, "1", &image);
    let stalls = Arc::new(AtomicBool::new(true));
    let (flag, content) = (stalls.clone(), shelf.clone());
    let server = Server::start(move |request| {
        let answer = content.lock().unwrap().answer(request);
        match answer.body.clone() {
            Body::Bytes(bytes) if flag.load(Ordering::Relaxed) && request.path().ends_with(&blob) => {
                let length = bytes.len();
                answer.body(Body::Stalled(bytes[..length / 10 * 9].to_vec(), length))
            }
            _ => answer,
        }
    });
    let place = Place::new();
    let name = format!("{}/a/b:1", server.name());
    let mut child = place.command(&["pull", "-q", &name]).spawn().unwrap();
    let partial = || {
        let files = std::fs::read_dir(place.root().join("ingest")).into_iter().flatten().flatten();
        let partial = files.filter(|file| file.file_name().to_string_lossy().starts_with("partial-"));
        partial.map(|file| file.metadata().unwrap().len()).sum::<u64>()
    };
    let start = Instant::now();
    while partial() < (SIZE / 10 * 8) as u64 {
        assert!(start.elapsed() < Duration::from_secs(30), "{}", partial());
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.assert_empty();
    let here = partial();
    assert!(here >= (SIZE / 10 * 8) as u64);
    stalls.store(false, Ordering::Relaxed);
    server.forget();
    place.run(&["pull", "-q", &name]).ok();
    let most = SIZE as u64 + 100_000 - here;
    assert!(server.sent() < most, "{} of at most {most}", server.sent());
    assert_eq!((place.images().len(), partial()), (1, 0));
    place.check();
}

#[test]
fn what_another_pull_left_is_not_believed() {
    let mut layout = Layout::default();
    let (image, blob) = large(&mut layout, 3 << 20);
    let registry = Shelved::new();
    registry.put(&layout, "1", &image);
    let name = registry.name("a/b:1");
    for left in [vec![7; 1 << 20], vec![7; (3 << 20) + 2048], vec![7; 9 << 20], Vec::new()] {
        let place = Place::new();
        place.run(&["images"]).ok();
        let hex = blob.strip_prefix("sha256:").unwrap();
        std::fs::write(place.root().join(format!("ingest/partial-sha256-{hex}")), left).unwrap();
        place.run(&["pull", "-q", &name]).ok();
        place.check();
    }
}

#[test]
fn a_large_layer_comes_in_several_parts_at_once() {
    const SIZE: usize = 70 << 20;
    let mut layout = Layout::default();
    let (image, blob) = large(&mut layout, SIZE);
    let registry = Shelved::new();
    registry.put(&layout, "1", &image);
    for ranges in [true, false] {
        registry.shelf.lock().unwrap().ranges = ranges;
        registry.server.forget();
        let place = Place::new();
        place.run(&["pull", "-q", &registry.name("a/b:1")]).ok();
        let parts = registry.server.log().into_iter().filter(|request| request.path().ends_with(&blob));
        let parts = parts.filter(|request| request.range().is_some()).count();
        assert_eq!(parts, if ranges { (SIZE + 2048).div_ceil(2 << 20) } else { 1 });
        assert_eq!(place.images().len(), 1);
    }
}

#[test]
fn several_pulls_of_one_image_at_once_all_succeed() {
    let mut layout = Layout::default();
    let (image, _) = large(&mut layout, 5 << 20);
    let registry = Shelved::new();
    registry.put(&layout, "1", &image);
    let place = Place::new();
    place.run(&["images"]).ok();
    let children: Vec<_> = ["a/b:1", "a/b:1", "c/d:1", "e/f:1"]
        .map(|name| place.command(&["pull", "-q", &registry.name(name)]).spawn().unwrap())
        .into();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(place.images().len(), 1);
    place.check();
}

#[test]
fn content_that_is_not_what_it_should_be_leaves_nothing() {
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    let blobs: Vec<String> = layout.blobs.values().map(|bytes| digest(bytes)).collect();
    let place = Place::new();
    for blob in &blobs {
        for spoil in ["other", "short", "long", "endless", "absent", "type"] {
            let shelf = Shelf::new();
            put(&mut shelf.lock().unwrap(), &layout, "1", &image);
            // Blobs are sent as no type.
            let is_blob = image["digest"] != *blob;
            let blob = blob.clone();
            let server = Server::start(move |request| {
                let mut answer = shelf.lock().unwrap().answer(request);
                let Body::Bytes(bytes) = answer.body.clone() else { return answer };
                if !request.path().ends_with(&blob) {
                    return answer;
                }
                match spoil {
                    "other" => {
                        let mut other = bytes;
                        other[0] ^= 1;
                        answer.bytes(other)
                    }
                    "short" => answer.body(Body::Short(bytes[1..].to_vec(), bytes.len())),
                    "long" => answer.bytes([bytes, b"more".to_vec()].concat()),
                    "endless" => answer.body(Body::Endless),
                    "absent" => Response::new(404),
                    // A manifest that is sent as something else than it says it is.
                    _ => {
                        for (name, value) in &mut answer.headers {
                            if name == "content-type" {
                                *value = crate::archive::OCI_INDEX.to_owned();
                            }
                        }
                        answer
                    }
                }
            });
            let name = format!("{}/a/b@{}", server.name(), image["digest"].as_str().unwrap());
            let outcome = place.run(&["pull", "-q", "--retry", "0", &name]);
            if is_blob && spoil == "type" {
                outcome.ok();
                place.run(&["rm", "-f", &name]).ok();
            } else {
                let code = outcome.code.unwrap();
                outcome.failed(code);
                assert!(code == 1 || code == 2);
            }
            place.assert_empty();
            place.run(&["gc"]).ok();
        }
    }
}
