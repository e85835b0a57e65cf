use consign::digest::Digest;
use consign::registry::{Mounted, RegistryError};

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
