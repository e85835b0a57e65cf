use std::io::Read;

use consign::digest::Digest;
use consign::registry::RegistryError;

use crate::repository;
use crate::server::{Body, Response, Server, Shelf, registry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn noise(length: usize) -> Vec<u8> {
    let mut state = 7u32;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn read(
    repository: &consign::registry::Repository,
    digest: &Digest,
    size: u64,
) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    let mut reader = repository.get_blob(digest, size)?.unwrap();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.downcast().unwrap()),
    }
}

#[test]
fn manifests_and_blobs_are_read_and_what_is_absent_is_none() {
    let shelf = Shelf::new();
    let digest = shelf.lock().unwrap().manifest(Some("1"), MANIFEST, b"{}");
    let blob: Digest = shelf.lock().unwrap().blob(b"content").parse().unwrap();
    let server = registry(&shelf);
    let repository = repository(&server);
    let head = repository.head_manifest("1").unwrap().unwrap();
    assert_eq!((head.digest.unwrap().to_string(), head.size), (digest.clone(), Some(2)));
    assert_eq!(head.media_type, MANIFEST);
    let fetched = repository.get_manifest(&digest).unwrap().unwrap();
    assert_eq!((fetched.bytes.as_slice(), fetched.digest.to_string()), (&b"{}"[..], digest));
    assert_eq!(repository.head_blob(&blob).unwrap(), Some(7));
    assert_eq!(read(&repository, &blob, 7).unwrap(), b"content");
    let other = Digest::of(b"other");
    assert!(repository.head_manifest("2").unwrap().is_none());
    assert!(repository.get_manifest("2").unwrap().is_none());
    assert!(repository.head_blob(&other).unwrap().is_none());
    assert!(repository.open_blob(&other, 5, 0).unwrap().is_none());
    assert_eq!(repository.tags(100).unwrap().tags, ["1"]);
}

#[test]
fn a_blob_is_read_from_any_place_on() {
    let bytes = noise(300_000);
    let shelf = Shelf::new();
    let digest: Digest = shelf.lock().unwrap().blob(&bytes).parse().unwrap();
    let server = registry(&shelf);
    let repository = repository(&server);
    for ranges in [true, false] {
        shelf.lock().unwrap().ranges = ranges;
        for (from, end) in [(0, 300_000), (100, 300_000), (0, 10), (299_999, 300_000), (300_000, 300_000)] {
            let mut found = Vec::new();
            let mut reader = repository.open_range(&digest, 300_000, from, end).unwrap().unwrap();
            reader.read_to_end(&mut found).unwrap();
            assert!(found == bytes[usize::try_from(from).unwrap()..usize::try_from(end).unwrap()]);
        }
    }
}

#[test]
fn what_breaks_off_is_taken_up_where_it_broke() {
    let bytes = noise(200_000);
    let digest = Digest::of(&bytes);
    let content = bytes.clone();
    let server = Server::start(move |request| match request.range() {
        None => Response::new(200).body(Body::Short(content[..50_000].to_vec(), content.len())),
        Some((first, _)) => {
            let end = (first + 60_000).min(content.len());
            Response::new(206)
                .header("content-range", format!("bytes {first}-{}/{}", content.len() - 1, content.len()))
                .body(Body::Short(content[first..end].to_vec(), content.len() - first))
        }
    });
    assert!(read(&repository(&server), &digest, 200_000).unwrap() == bytes);
    let ranges: Vec<_> = server.log().iter().map(|request| request.range().map(|range| range.0)).collect();
    assert_eq!(ranges, [None, Some(50_000), Some(110_000), Some(170_000)]);
}

#[test]
fn a_registry_that_has_passing_trouble_is_asked_again() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
        0 => Response::new(429).header("retry-after", "0"),
        1 => Response::new(200).body(Body::Nothing),
        _ => Response::new(200).header("content-type", MANIFEST).bytes("{}"),
    });
    assert_eq!(repository(&server).get_manifest("1").unwrap().unwrap().bytes, b"{}");
    assert_eq!(server.log().len(), 3);
}

#[test]
fn tags_are_collected_page_by_page_up_to_a_limit() {
    let server = Server::start(|request| {
        let last: usize = request.parameter("last").map_or(0, |last| last.parse().unwrap());
        let tags: Vec<String> = (last + 1..=last + 3).map(|tag| tag.to_string()).collect();
        let page = Response::new(200).bytes(format!("{{\"tags\":{tags:?}}}"));
        if last < 9 {
            page.header("link", format!("</v2/a/b/tags/list?last={}>; rel=\"next\"", last + 3))
        } else {
            page
        }
    });
    let repository = repository(&server);
    assert_eq!(repository.tags(1000).unwrap().tags.len(), 12);
    let some = repository.tags(4).unwrap();
    assert_eq!((some.tags.join(" "), some.more), ("1 2 3 4".to_owned(), true));
    assert!(repository.tags(6).unwrap().more && !repository.tags(12).unwrap().more);
}

#[test]
fn referrers_are_listed_by_the_registry_or_by_tag() {
    let entry = |kind: &str| {
        let digest = Digest::of(kind.as_bytes());
        format!(
            "{{\"mediaType\":\"{MANIFEST}\",\"digest\":\"{digest}\",\"size\":1,\"artifactType\":\"{kind}\"}}"
        )
    };
    let index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{},{}]}}",
        entry("a/x"),
        entry("a/y")
    );
    let subject = Digest::of(b"subject");
    for by_tag in [false, true] {
        let (index, wanted) = (index.clone(), format!("/manifests/sha256-{}", subject.hex()));
        let server = Server::start(move |request| {
            let here = if by_tag {
                request.target.ends_with(&wanted)
            } else {
                request.path().contains("/referrers/")
            };
            if here { Response::new(200).bytes(index.clone()) } else { Response::new(404) }
        });
        let repository = repository(&server);
        assert_eq!(repository.referrers(&subject, None).unwrap().len(), 2);
        let some = repository.referrers(&subject, Some("a/y")).unwrap();
        assert_eq!(some[0].digest, Digest::of(b"a/y").to_string());
        assert_eq!(some.len(), 1);
    }
}
