use consign::digest::Digest;

use crate::archive::{Layout, digest, gzip, layer};
use crate::place::Place;
use crate::server::{Body, Server, Shelf};
use crate::shelved::{Shelved, machine, put};

/// An image of one layer with a file `file`, and the layer's diff ID.
fn image(layout: &mut Layout, content: &str) -> (serde_json::Value, Digest) {
    let plain = layer(content);
    let image = layout.image(machine(), &[gzip(&plain)], &[digest(&plain)]);
    (image, digest(&plain).parse().unwrap())
}

/// How many stored forms of a layer are verified, how many are not, and whether there is an index.
fn known(place: &Place, diff_id: &Digest) -> (usize, usize, bool) {
    let store = place.store();
    let (forms, claims) =
        (store.layers().blobs(diff_id).unwrap(), store.layers().unverified(diff_id).unwrap());
    (forms.len(), claims.len(), store.kept_index(diff_id).is_some())
}

/// An image in a registry of its own, pulled and not undone.
fn pulled(content: &str) -> (Place, Shelved, String, Digest) {
    let (place, registry, mut layout) = (Place::new(), Shelved::new(), Layout::default());
    let (image, diff_id) = image(&mut layout, content);
    registry.put(&layout, "1", &image);
    let name = registry.name("a/b:1");
    place.run(&["pull", "-q", "--defer", &name]).ok();
    assert_eq!(known(&place, &diff_id), (0, 1, false));
    (place, registry, name, diff_id)
}

#[test]
fn a_layer_is_verified_and_indexed_when_it_is_first_read() {
    let (first, second) = ("content of the file", vec!["unpack", "save", "check"]);
    let (place, _, name, diff_id) = pulled(first);
    let size =
        || place.run(&["inspect", "--format", "{{.Size}}", &name]).ok().text().trim().parse::<u64>().unwrap();
    let stored = size();
    assert_eq!(place.run(&["cat", &name, "file"]).ok().text(), first);
    assert_eq!(known(&place, &diff_id), (1, 0, true));
    assert_eq!(size(), layer(first).len() as u64);
    assert!(stored < size() && stored > 0, "{stored}");
    place.check();
    for command in second {
        let (place, _, name, diff_id) = pulled(command);
        match command {
            "unpack" => {
                place.run(&["unpack", &name, place.path("root").to_str().unwrap()]).ok();
                assert_eq!(std::fs::read_to_string(place.path("root/file")).unwrap(), command);
            }
            "save" => drop(place.run(&["save", "-o", place.path("x.tar").to_str().unwrap(), &name]).ok()),
            _ => drop(place.check()),
        }
        assert_eq!(known(&place, &diff_id), (1, 0, true), "{command}");
    }
}

#[test]
fn pulling_again_with_verification_verifies_what_is_here() {
    let (place, registry, name, diff_id) = pulled("x");
    registry.server.forget();
    place.run(&["pull", "-q", &registry.name("c/d:1")]).ok();
    assert!(
        !registry.server.asked().iter().any(|line| line.contains("/blobs/")),
        "{:?}",
        registry.server.asked()
    );
    assert_eq!(known(&place, &diff_id), (1, 0, true));
    // What is verified stays so.
    place.run(&["pull", "-q", "--defer", &name]).ok();
    place.run(&["pull", "-q", "--defer", &registry.name("e/f:1")]).ok();
    assert_eq!(known(&place, &diff_id), (1, 0, true));
    for name in [name, registry.name("c/d:1"), registry.name("e/f:1")] {
        place.run(&["rm", &name]).ok();
    }
    assert_eq!(known(&place, &diff_id), (0, 0, false));
    place.assert_empty();
}

#[test]
fn a_layer_that_is_another_shows_when_it_is_read_and_when_it_is_checked() {
    for spoilt in ["another", "no gzip"] {
        let (place, registry, mut layout) = (Place::new(), Shelved::new(), Layout::default());
        let bytes = match spoilt {
            "another" => gzip(&layer("another")),
            _ => [&gzip(&layer("another"))[..20], &[0xff; 100]].concat(),
        };
        let image = layout.image(machine(), &[bytes], &[digest(&layer("said"))]);
        registry.put(&layout, "1", &image);
        let name = registry.name("a/b:1");
        place.run(&["pull", "-q", &name]).failed(if spoilt == "another" { 1 } else { 2 });
        place.assert_empty();
        place.run(&["pull", "-q", "--defer", &name]).ok();
        let failed = place.run(&["cat", &name, "file"]).failed(2);
        let wanted = if spoilt == "another" { "wanted the diff ID" } else { "cannot be decompressed" };
        assert!(failed.stderr.contains(wanted) && failed.stdout.is_empty(), "{}", failed.stderr);
        place.run(&["unpack", &name, place.path("root").to_str().unwrap()]).failed(2);
        assert!(!place.path("root").exists());
        let checked = place.run(&["check"]).failed(1);
        assert!(checked.text().contains(wanted), "{}", checked.text());
        place.run(&["check", "--repair"]).failed(1);
        place.assert_empty();
    }
}

#[test]
fn an_image_that_lies_about_a_layer_does_not_spoil_another() {
    let (place, registry, mut layout) = (Place::new(), Shelved::new(), Layout::default());
    let honest = layer("what the other image has, long enough to come after the other one by its size");
    // The liar's blob is the smaller one, which is looked at first.
    let liar = layout.image(machine(), &[gzip(&layer("lie"))], &[digest(&honest)]);
    registry.put(&layout, "lie", &liar);
    place.run(&["pull", "-q", "--defer", &registry.name("a/b:lie")]).ok();
    let other = layout.image(machine(), &[gzip(&honest)], &[digest(&honest)]);
    registry.put(&layout, "1", &other);
    place.run(&["pull", "-q", "--defer", &registry.name("a/b:1")]).ok();
    assert_eq!(known(&place, &digest(&honest).parse().unwrap()), (0, 2, false));
    assert!(place.run(&["cat", &registry.name("a/b:1"), "file"]).ok().text().starts_with("what the other"));
    assert_eq!(known(&place, &digest(&honest).parse().unwrap()), (1, 1, true));
}

#[test]
fn the_digests_of_what_is_fetched_are_verified_at_once() {
    let (place, mut layout) = (Place::new(), Layout::default());
    let (image, _) = image(&mut layout, "x");
    let shelf = Shelf::new();
    put(&mut shelf.lock().unwrap(), &layout, "1", &image);
    let spoilt = digest(&gzip(&layer("x")));
    let server = Server::start(move |request| {
        let answer = shelf.lock().unwrap().answer(request);
        match answer.body.clone() {
            Body::Bytes(mut bytes) if request.path().ends_with(&spoilt) => {
                bytes[12] ^= 1;
                answer.bytes(bytes)
            }
            _ => answer,
        }
    });
    place.run(&["pull", "-q", "--defer", &format!("{}/a/b:1", server.name())]).failed(1);
    place.assert_empty();
}
