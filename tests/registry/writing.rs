use consign::digest::Digest;
use consign::registry::{Mounted, RegistryError};
use consign::types::Descriptor;

use crate::repository;
use crate::server::{Response, Server, Shelf, registry};

#[test]
fn blobs_go_in_one_piece_or_in_chunks() {
    let shelf = Shelf::new();
    let server = registry(&shelf);
    let repository = repository(&server);
    let bytes = vec![7; 100_000];
    let digest = Digest::of(&bytes);
    repository.put_blob(&digest, 100_000, &mut bytes.as_slice()).unwrap();
    assert!(shelf.lock().unwrap().blobs[&digest.to_string()] == bytes);
    let mut upload = repository.upload().unwrap();
    upload.chunk(b"abc").unwrap();
    upload.chunk(b"de").unwrap();
    assert_eq!(upload.sent(), 5);
    upload.finish(&Digest::of(b"abcde")).unwrap();
    repository.put_blob(&Digest::of(b""), 0, &mut std::io::empty()).unwrap();
    assert_eq!(shelf.lock().unwrap().blobs.len(), 3);
    let upload = repository.upload().unwrap();
    upload.cancel().unwrap();
    assert!(shelf.lock().unwrap().uploads.is_empty());
    let error = repository.put_blob(&Digest::of(b"x"), 1, &mut &b"y"[..]).unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 400, .. }), "{error}");
}

#[test]
fn a_blob_of_another_repository_is_mounted_or_can_be_uploaded() {
    let shelf = Shelf::new();
    let digest: Digest = shelf.lock().unwrap().blob(b"here").parse().unwrap();
    let server = registry(&shelf);
    let repository = repository(&server);
    assert!(matches!(repository.mount_blob(&digest, "c/d").unwrap(), Mounted::Done));
    let other = Digest::of(b"there");
    let Mounted::Upload(upload) = repository.mount_blob(&other, "c/d").unwrap() else { panic!("mounted") };
    upload.finish_with(&other, 5, &mut &b"there"[..]).unwrap();
    assert!(shelf.lock().unwrap().blobs.contains_key(&other.to_string()));
}

#[test]
fn manifests_are_put_and_deleted() {
    let shelf = Shelf::new();
    let server = registry(&shelf);
    let repository = repository(&server);
    repository.put_manifest("1", "application/vnd.oci.image.manifest.v1+json", b"{}").unwrap();
    assert!(repository.head_manifest("1").unwrap().is_some());
    assert!(repository.delete_manifest(&Digest::of(b"{}").to_string()).unwrap());
    assert!(!repository.delete_manifest(&Digest::of(b"{}").to_string()).unwrap());
    let liar =
        Server::start(|_| Response::new(201).header("docker-content-digest", Digest::of(b"x").to_string()));
    let error = crate::repository(&liar).put_manifest("1", "a/b", b"{}").unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
}

#[test]
fn upload_locations_of_all_shapes_are_gone_to() {
    for location in [
        "/v2/a/b/blobs/uploads/u0?state=s",
        "u0",
        "?go=on",
        "http://HOST/x/../v2/a/b/blobs/uploads/u0",
        "//HOST/up",
    ] {
        let server = Server::start(move |request| match request.method.as_str() {
            "POST" => {
                let host = request.header("host").unwrap();
                Response::new(202).header("location", location.replace("HOST", host))
            }
            _ => Response::new(if request.parameter("digest").is_some() { 201 } else { 400 }),
        });
        repository(&server).put_blob(&Digest::of(b"x"), 1, &mut &b"x"[..]).unwrap();
        let asked = server.asked();
        let wanted = match location {
            "u0" => "PUT /v2/a/b/blobs/uploads/u0?digest=",
            "?go=on" => "PUT /v2/a/b/blobs/uploads/?go=on&digest=",
            "//HOST/up" => "PUT /up?digest=",
            location if location.contains("state") => "PUT /v2/a/b/blobs/uploads/u0?state=s&digest=",
            _ => "PUT /v2/a/b/blobs/uploads/u0?digest=",
        };
        assert!(asked[1].starts_with(wanted), "{asked:?}");
    }
}

#[test]
fn what_refers_to_something_is_listed_where_the_registry_does_not_do_that_and_only_there() {
    let subject = Digest::of(b"subject");
    let entry = |number: u32| Descriptor {
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        digest: Digest::of(&number.to_le_bytes()).to_string(),
        size: 4,
        platform: None,
        annotations: vec![("a".to_owned(), "b".to_owned())],
        artifact_type: Some("a/x".to_owned()),
    };
    let tag = format!("sha256-{}", subject.hex());
    for status in [404, 200, 400, 403, 500] {
        let shelf = Shelf::new();
        let kept = shelf.clone();
        let server = Server::start(move |request| match request.path().contains("/referrers/") {
            true => Response::new(status),
            false => kept.lock().unwrap().answer(request),
        });
        let repository = repository(&server);
        let found: Vec<_> = [1, 2, 1].map(|number| repository.add_referrer(&subject, &entry(number))).into();
        match status {
            404 => {
                found.into_iter().collect::<Result<(), _>>().unwrap();
                assert_eq!(repository.referrers(&subject, None).unwrap(), [entry(1), entry(2)]);
            }
            200 => found.into_iter().collect::<Result<(), _>>().unwrap(),
            // Nobody knows whether it does.
            _ => {
                for outcome in found {
                    let error = outcome.unwrap_err();
                    assert!(matches!(error, RegistryError::Refused { status: told, .. } if told == status));
                }
            }
        }
        assert_eq!(shelf.lock().unwrap().manifests.contains_key(&tag), status == 404, "{status}");
    }
}

#[test]
fn a_list_of_referrers_that_is_full_is_not_made_one_that_cannot_be_read() {
    let subject = Digest::of(b"subject");
    let entry = |number: u32| Descriptor {
        media_type: "a/b".to_owned(),
        digest: Digest::of(&number.to_le_bytes()).to_string(),
        size: 4,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    };
    let media_type = "application/vnd.oci.image.index.v1+json";
    let entries: Vec<String> = (0..10_000)
        .map(|number| format!("{{\"mediaType\":\"a/b\",\"digest\":\"{}\",\"size\":4}}", entry(number).digest))
        .collect();
    let index = format!(
        "{{\"schemaVersion\":2,\"mediaType\":\"{media_type}\",\"manifests\":[{}]}}",
        entries.join(",")
    );
    let shelf = Shelf::new();
    let tag = format!("sha256-{}", subject.hex());
    let before = shelf.lock().unwrap().manifest(Some(&tag), media_type, index.as_bytes());
    let server = registry(&shelf);
    let repository = repository(&server);
    let error = repository.add_referrer(&subject, &entry(10_000)).unwrap_err();
    assert!(matches!(error, RegistryError::Endless { what: "manifests", limit: 10_000, .. }), "{error}");
    repository.add_referrer(&subject, &entry(9_999)).unwrap();
    assert_eq!(Digest::of(&shelf.lock().unwrap().manifests[&tag].1).to_string(), before);
    assert_eq!(repository.referrers(&subject, None).unwrap().len(), 10_000);
}
