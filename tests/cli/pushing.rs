//! Pushing to registries of the tests, those that behave and those that do not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::archive::{Layout, digest, gzip, layer};
use crate::place::Place;
use crate::server::{Body, Request, Response, Server, Shelf};
use crate::shelved::{Shelved, index, machine, noise, small};

/// An image in the store, under this name.
fn stored(place: &Place, image: impl Fn(&mut Layout) -> Value, name: &str) -> Value {
    let mut layout = Layout::default();
    let target = image(&mut layout);
    layout.root(target.clone(), None);
    let archive = place.file("image.tar", &layout.tar());
    place.run(&["load", "-q", "--name", name, &archive]).ok();
    target
}

fn count(server: &Server, method: &str, what: &str) -> usize {
    server.asked().iter().filter(|line| line.starts_with(method) && line.contains(what)).count()
}

/// A registry that behaves but for what `wrong` says.
fn odd(
    wrong: impl Fn(&Request, &mut Shelf) -> Option<Response> + Send + Sync + 'static,
) -> (Arc<Mutex<Shelf>>, Server) {
    let shelf = Shelf::new();
    let server = {
        let shelf = shelf.clone();
        Server::start(move |request| {
            let mut shelf = shelf.lock().unwrap();
            match wrong(request, &mut shelf) {
                Some(response) => response,
                None => shelf.answer(request),
            }
        })
    };
    (shelf, server)
}

#[test]
fn an_image_is_sent_once_and_then_asked_about() {
    let (place, registry) = (Place::new(), Shelved::new());
    let image = stored(&place, |layout| small(layout, "x"), "example.com/x:1");
    let name = registry.name("a/b:1");
    let file = place.path("digest");
    let pushed = place.run(&["push", "example.com/x:1", &name, "--digestfile", file.to_str().unwrap()]).ok();
    let wanted = image["digest"].as_str().unwrap();
    assert_eq!(pushed.text(), format!("Pushed image: {name} ({wanted})\n"));
    assert_eq!(
        pushed.stderr.lines().filter(|line| line.contains(" pushed (")).count(),
        3,
        "{}",
        pushed.stderr
    );
    assert_eq!(std::fs::read_to_string(file).unwrap(), wanted);
    // The tag is the last thing there is.
    let asked = registry.server.asked();
    assert!(asked.last().unwrap().starts_with("PUT /v2/a/b/manifests/1"), "{asked:?}");
    assert_eq!(count(&registry.server, "POST", "/uploads/"), 3);
    registry.server.forget();
    let again = place.run(&["push", "-q", "example.com/x:1", &name]).ok();
    assert_eq!(again.text().trim(), wanted);
    assert_eq!((count(&registry.server, "HEAD", "/blobs/"), count(&registry.server, "POST", "")), (3, 0));
    let other = Place::new();
    other.run(&["pull", "-q", &name]).ok();
    assert_eq!(digest(&other.run(&["inspect", "--raw", &name]).ok().stdout), wanted);
    let events = place.run(&["events", "--since", "1h", "--filter", "event=push", "--format", "json"]).ok();
    let event: Value = serde_json::from_str(events.text().lines().next().unwrap()).unwrap();
    assert_eq!(event["Name"], name);
    assert_eq!(events.text().lines().count(), 2);
}

#[test]
fn what_another_repository_has_is_taken_over_from_there() {
    let place = Place::new();
    // Blobs are in repositories here.
    let (shelf, server) = odd(|request, shelf| {
        let repository =
            request.path().split("/blobs/").next().unwrap().trim_start_matches("/v2/").to_owned();
        let linked =
            |shelf: &Shelf, digest: &str| shelf.uploads.contains_key(&format!("{repository} {digest}"));
        match (request.method.as_str(), request.parameter("mount")) {
            ("HEAD", _) if request.path().contains("/blobs/") => {
                let digest = request.path().rsplit('/').next().unwrap();
                (!linked(shelf, digest)).then(|| Response::new(404))
            }
            ("POST", Some(digest)) => {
                let from = request.parameter("from").unwrap();
                let known = shelf.uploads.contains_key(&format!("{from} {digest}"));
                if !known {
                    return Some(
                        shelf.answer(&Request { target: request.path().to_owned(), ..request.clone() }),
                    );
                }
                shelf.uploads.insert(format!("{repository} {digest}"), Vec::new());
                Some(Response::new(201).header("docker-content-digest", digest))
            }
            ("PUT", _) if request.path().contains("/uploads/") => {
                let digest = request.parameter("digest").unwrap();
                let repository = repository.clone();
                let response = shelf.answer(request);
                shelf.uploads.insert(format!("{repository} {digest}"), Vec::new());
                Some(response)
            }
            _ => None,
        }
    });
    stored(&place, |layout| small(layout, "x"), "example.com/x:1");
    let push = |repository: &str| {
        let report = place.run(&[
            "push",
            "--report",
            "json",
            "example.com/x:1",
            &format!("{}/{repository}", server.name()),
        ]);
        let report = report.ok().json();
        ["sent", "mounted", "present"].map(|how| report[how]["blobs"].as_u64().unwrap())
    };
    assert_eq!(push("a/b:1"), [3, 0, 0]);
    assert_eq!(push("a/c:1"), [0, 3, 0]);
    assert_eq!(push("a/c:2"), [0, 0, 3]);
    // What was there once need not be there now: then it is sent, by the upload that was begun in place of it.
    shelf.lock().unwrap().uploads.clear();
    server.forget();
    assert_eq!(push("a/d:1"), [3, 0, 0]);
    assert_eq!(count(&server, "POST", ""), 3);
    // Pulled from there it is as good.
    let other = Place::new();
    other.run(&["pull", "-q", &format!("{}/a/d:1", server.name())]).ok();
    let target = format!("{}/a/e:1", server.name());
    let report = other.run(&["push", "--report", "json", &format!("{}/a/d:1", server.name()), &target]);
    assert_eq!(report.ok().json()["mounted"]["blobs"], 2);
}

#[test]
fn an_index_is_pushed_whole_or_in_part() {
    let (place, registry) = (Place::new(), Shelved::new());
    let image = stored(&place, index, "example.com/x:1");
    let push = |arguments: &[&str]| {
        let all = [&["push", "-q", "example.com/x:1"], arguments].concat();
        place.run(&all).ok().text().trim().to_owned()
    };
    assert_eq!(push(&[&registry.name("a/whole:1")]), image["digest"]);
    let shelf = |reference: &str| registry.shelf.lock().unwrap().manifests.get(reference).cloned();
    assert_eq!(digest(&shelf("1").unwrap().1), image["digest"]);
    let document: Value = serde_json::from_slice(&shelf("1").unwrap().1).unwrap();
    let one = push(&[&registry.name("a/one:2"), "--platform", "linux/s390x"]);
    assert_eq!(document["manifests"][2]["digest"], one);
    // A place that has one of three pushes that one, all if asked to, or says so.
    let other = Place::new();
    let name = registry.name("a/whole:1");
    other.run(&["pull", "-q", &name]).ok();
    let alone = other.run(&["push", "-q", &name, &registry.name("b/c:3")]).ok();
    assert_eq!(document["manifests"][0]["digest"], alone.text().trim());
    let refused = other.run(&["push", "--all-platforms", &name, &registry.name("b/c:4")]).failed(1);
    assert!(refused.stderr.contains("is not complete in the store"), "{}", refused.stderr);
    assert_eq!(shelf("4"), None);
    let sparse = other.run(&["push", "-q", "--sparse", &name, &registry.name("b/c:5")]).ok();
    assert_eq!(sparse.text().trim(), image["digest"]);
}

#[test]
fn nothing_is_named_where_a_blob_is_not_taken() {
    let place = Place::new();
    stored(&place, index, "example.com/x:1");
    let failing = Arc::new(AtomicUsize::new(0));
    let (shelf, server) = {
        let failing = failing.clone();
        odd(move |request, _| {
            let fail = request.method == "PUT"
                && request.path().contains("/uploads/")
                && failing.fetch_add(1, Ordering::Relaxed) == 3;
            fail.then(|| Response::new(400).bytes("{\"errors\":[{\"code\":\"BLOB_UPLOAD_INVALID\"}]}"))
        })
    };
    let refused = place.run(&["push", "example.com/x:1", &format!("{}/a/b:1", server.name())]).failed(2);
    assert!(refused.stderr.contains("BLOB_UPLOAD_INVALID"), "{}", refused.stderr);
    let shelf = shelf.lock().unwrap();
    assert!(shelf.manifests.is_empty());
    // What was begun was given up.
    assert!(shelf.uploads.is_empty(), "{:?}", server.asked());
}

#[test]
fn a_registry_that_is_busy_or_breaks_off_is_asked_again() {
    for (status, header) in [(429, Some("0")), (503, Some("1")), (500, None)] {
        let place = Place::new();
        stored(&place, |layout| small(layout, "x"), "example.com/x:1");
        let refusals = Arc::new(AtomicUsize::new(0));
        let (shelf, server) = {
            let refusals = refusals.clone();
            odd(move |request, _| {
                let put = request.method == "PUT" && refusals.fetch_add(1, Ordering::Relaxed) < 2;
                put.then(|| match header {
                    Some(after) => Response::new(status).header("retry-after", after),
                    None => Response::new(status),
                })
            })
        };
        place.run(&["push", "-q", "example.com/x:1", &format!("{}/a/b:1", server.name())]).ok();
        assert!(shelf.lock().unwrap().uploads.is_empty());
        assert_eq!(shelf.lock().unwrap().blobs.len(), 3);
    }
    let place = Place::new();
    stored(&place, |layout| small(layout, "x"), "example.com/x:1");
    let broken = Arc::new(AtomicUsize::new(0));
    let (_, server) = {
        let broken = broken.clone();
        odd(move |request, _| {
            let put = request.method == "PUT" && broken.fetch_add(1, Ordering::Relaxed) < 1;
            put.then(|| Response::new(201).body(Body::Nothing))
        })
    };
    let name = format!("{}/a/b:1", server.name());
    place.run(&["push", "-q", "example.com/x:1", &name]).ok();
    broken.store(0, Ordering::Relaxed);
    let (_, busy) = odd(|request, _| {
        (request.method == "POST").then(|| Response::new(429).header("retry-after", "86400"))
    });
    let refused = place.run(&["push", "example.com/x:1", &format!("{}/a/b:1", busy.name())]).failed(2);
    assert!(refused.stderr.contains("wants to be asked again"), "{}", refused.stderr);
}

#[test]
fn a_registry_that_takes_content_for_something_else_is_not_believed() {
    let place = Place::new();
    stored(&place, |layout| small(layout, "x"), "example.com/x:1");
    for what in ["/uploads/", "/manifests/"] {
        let (_, server) = odd(move |request, shelf| {
            (request.method == "PUT" && request.path().contains(what)).then(|| {
                let answer = shelf.answer(request);
                let headers = Vec::new();
                Response { headers, ..answer }.header("docker-content-digest", digest(b"another"))
            })
        });
        let refused =
            place.run(&["push", "-q", "example.com/x:1", &format!("{}/a/b:1", server.name())]).failed(1);
        assert!(refused.stderr.contains(&digest(b"another")), "{}", refused.stderr);
    }
}

#[test]
fn damaged_content_is_not_sent_to_its_end() {
    let (place, registry) = (Place::new(), Shelved::new());
    let bytes = crate::archive::Tar::default().file("noise", &noise(3 << 20)).end();
    let image =
        |layout: &mut Layout| layout.image(machine(), std::slice::from_ref(&bytes), &[digest(&bytes)]);
    stored(&place, image, "example.com/x:1");
    let path = place.root().join(digest(&bytes).replace(':', "/").replace("sha256", "blobs/sha256"));
    let mut damaged = std::fs::read(&path).unwrap();
    damaged[1 << 20] ^= 1;
    let mut permissions = std::fs::metadata(&path).unwrap().permissions();
    #[allow(clippy::permissions_set_readonly_false)]
    permissions.set_readonly(false);
    std::fs::set_permissions(&path, permissions).unwrap();
    std::fs::write(&path, damaged).unwrap();
    let refused = place.run(&["push", "-q", "example.com/x:1", &registry.name("a/b:1")]).failed(1);
    assert!(refused.stderr.contains(&digest(&bytes)), "{}", refused.stderr);
    let shelf = registry.shelf.lock().unwrap();
    assert!(shelf.manifests.is_empty() && !shelf.blobs.contains_key(&digest(&bytes)));
}

#[test]
fn compressing_changes_manifests_and_keeps_the_image() {
    let (place, registry) = (Place::new(), Shelved::new());
    // Longer than one chunk.
    let long = crate::archive::Tar::default().file("noise", &noise(20 << 20)).end();
    let plain = [long, layer("small")];
    let diff_ids = plain.clone().map(|layer| digest(&layer));
    let image = |layout: &mut Layout| layout.image(machine(), &plain, &diff_ids);
    let target = stored(&place, image, "example.com/x:1");
    for (arguments, suffix) in [
        (&["--compression", "gzip:1"][..], "tar+gzip"),
        (&["--compression-format", "zstd", "--compression-level", "1"], "tar+zstd"),
    ] {
        registry.server.forget();
        let name = registry.name("a/b:1");
        let all = [&["push", "-q", "example.com/x:1", &name], arguments].concat();
        let pushed = place.run(&all).ok().text().trim().to_owned();
        assert_ne!(target["digest"], pushed);
        assert!(count(&registry.server, "PATCH", "/uploads/") >= 2, "{:?}", registry.server.asked());
        let other = Place::new();
        other.run(&["pull", "-q", &name]).ok();
        let resolved = other.run(&["resolve", "--format", "json", &name]).ok().json();
        assert_eq!(resolved["manifest"]["digest"], pushed);
        for (layer, diff_id) in resolved["layers"].as_array().unwrap().iter().zip(&diff_ids) {
            assert_eq!(layer["diffId"], *diff_id, "{resolved}");
            assert!(layer["mediaType"].as_str().unwrap().ends_with(suffix), "{resolved}");
        }
        assert_eq!(other.images(), place.images());
        // The same bytes again: what is compressed so already is not compressed again.
        let again = registry.name("a/c:1");
        let all = [&["push", "-q", &name, &again], arguments].concat();
        assert_eq!(other.run(&all).ok().text().trim(), pushed);
    }
    let refused =
        ["push", "example.com/x:1", &registry.name("a/b:1"), "--compression", "zstd", "--format", "v2s2"];
    let refused = place.run(&refused).failed(2);
    assert!(refused.stderr.contains("zstd"), "{}", refused.stderr);
}

#[test]
fn a_chunk_that_was_not_answered_is_asked_about() {
    let place = Place::new();
    let long = crate::archive::Tar::default().file("noise", &noise(20 << 20)).end();
    let image = |layout: &mut Layout| layout.image(machine(), std::slice::from_ref(&long), &[digest(&long)]);
    stored(&place, image, "example.com/x:1");
    for took_it in [true, false] {
        let chunks = Arc::new(AtomicUsize::new(0));
        let (shelf, server) = {
            let chunks = chunks.clone();
            odd(move |request, shelf| {
                if request.method == "GET" && request.path().contains("/uploads/") {
                    let id = request.path().rsplit('/').next().unwrap().to_owned();
                    let last = shelf.uploads[&id].len().saturating_sub(1);
                    return Some(
                        Response::new(204).header("range", format!("0-{last}")).header("location", id),
                    );
                }
                if request.method != "PATCH" || chunks.fetch_add(1, Ordering::Relaxed) != 1 {
                    return None;
                }
                if took_it {
                    shelf.answer(request);
                }
                Some(Response::new(202).body(Body::Nothing))
            })
        };
        let name = format!("{}/a/b:1", server.name());
        place.run(&["push", "-q", "example.com/x:1", &name, "--compression", "gzip:1"]).ok();
        assert!(shelf.lock().unwrap().uploads.is_empty());
        assert_eq!(count(&server, "GET", "/uploads/"), 1);
        let other = Place::new();
        other.run(&["pull", "-q", &name]).ok();
        other.check();
    }
}

#[test]
fn a_name_without_a_destination_is_where_it_goes() {
    let (place, registry) = (Place::new(), Shelved::new());
    let name = registry.name("a/b:7");
    stored(&place, |layout| small(layout, "x"), &name);
    place.run(&["push", "-q", &name]).ok();
    assert!(registry.shelf.lock().unwrap().manifests.contains_key("7"));
    let id = place.images().remove(0);
    let refused = place.run(&["push", &id]).failed(2);
    assert!(refused.stderr.contains("has no name to be pushed to"), "{}", refused.stderr);
    place.run(&["push", "example.com/nosuch", &registry.name("a/b")]).failed(1);
    // By its digest a name means one image.
    let wrong = registry.name(&format!("a/b@{}", digest(b"other")));
    let refused = place.run(&["push", "-q", &name, &wrong]).failed(1);
    assert!(refused.stderr.contains("wanted to push"), "{}", refused.stderr);
    for transport in ["docker-archive", "oci-archive", "oci", "dir"] {
        let target = format!("{transport}:{}", place.path(transport).display());
        place.run(&["push", "-q", &name, &target]).ok();
        let resolved = place.run(&["resolve", "-q", &target]).ok();
        assert_eq!(resolved.text().trim(), id);
    }
}

#[test]
fn gzip_layers_and_plain_ones_are_pushed_as_they_are() {
    let (place, registry) = (Place::new(), Shelved::new());
    let layers = [layer("plain"), gzip(&layer("gzip")), zstd::encode_all(&layer("zstd")[..], 1).unwrap()];
    let diff_ids = ["plain", "gzip", "zstd"].map(|content| digest(&layer(content)));
    let image = |layout: &mut Layout| layout.image(machine(), &layers, &diff_ids);
    let target = stored(&place, image, "example.com/x:1");
    let pushed = place.run(&["push", "-q", "example.com/x:1", &registry.name("a/b:1")]).ok();
    assert_eq!(target["digest"], pushed.text().trim());
    let shelf = registry.shelf.lock().unwrap();
    assert!(layers.iter().all(|layer| shelf.blobs[&digest(layer)] == *layer));
}
