//! Signatures that are attached to images: as many as there may be, and no more.

use std::sync::{Arc, Mutex};

use consign::digest::Digest;
use consign::policy::{Attachments, Signatures as _, SignaturesError};
use consign::registry::RegistryError;
use consign::sandbox::{Limits, Sandbox};
use serde_json::{Value, json};

use crate::repository;
use crate::server::{Response, Server, Shelf, registry};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const ARTIFACT: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

fn subject() -> Digest {
    Digest::of(b"signed")
}

/// What a registry that lists no referrers has of an image: under cosign's tag so many signatures of this size, and in
/// each manifest that refers to it so many.
fn shelf(under_tag: usize, referring: &[usize], size: usize) -> Arc<Mutex<Shelf>> {
    let shelf = Shelf::new();
    let tag = format!("sha256-{}", subject().hex());
    let signature = shelf.lock().unwrap().blob(&vec![b'x'; size]);
    let put = |tag: Option<&str>, number: usize, count: usize| -> Value {
        let layer = json!({"mediaType": "text/plain", "size": size, "digest": signature});
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": ARTIFACT, "annotations": {"number": number.to_string()},
            "config": {"mediaType": "text/plain", "size": 0, "digest": Digest::of(b"").to_string()},
            "layers": vec![layer; count],
        });
        let bytes = manifest.to_string();
        let digest = shelf.lock().unwrap().manifest(tag, MANIFEST, bytes.as_bytes());
        json!({"mediaType": MANIFEST, "artifactType": ARTIFACT, "size": bytes.len(), "digest": digest})
    };
    put(Some(&format!("{tag}.sig")), 0, under_tag);
    let entries: Vec<Value> = (1..).zip(referring).map(|(number, count)| put(None, number, *count)).collect();
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries});
    shelf.lock().unwrap().manifest(Some(&tag), INDEX, index.to_string().as_bytes());
    shelf
}

#[test]
fn as_many_attached_signatures_are_read_as_there_may_be_and_none_is_left_out_unsaid() {
    const MIB: usize = 1 << 20;
    let sandbox = Sandbox::new(Limits::default()).unwrap();
    for (under_tag, referring, size, wanted) in [
        (128, &[][..], 1, Ok(128)),
        (64, &[63, 1], 1, Ok(128)),
        (0, &[0; 128], 1, Ok(0)),
        (129, &[], 1, Err("128 signatures")),
        (128, &[1], 1, Err("128 signatures")),
        (64, &[63, 2], 1, Err("128 signatures")),
        (0, &[0; 129], 1, Err("128 signatures")),
        (8, &[], 4 * MIB, Ok(8)),
        (8, &[1], 4 * MIB, Err("33554432 bytes of signatures")),
        (1, &[], 4 * MIB + 1, Err("4194304 bytes of a signature")),
    ] {
        let server = registry(&shelf(under_tag, referring, size));
        let attachments = Attachments(repository(&server));
        let case = format!("{under_tag} {referring:?} {size}");
        let (of, kept) = (attachments.of(&subject(), &sandbox), attachments.kept(&subject(), &sandbox));
        match wanted {
            Ok(count) => assert_eq!((of.unwrap().len(), kept.unwrap().len()), (count, count), "{case}"),
            Err(reason) => {
                for error in [of.map(drop).unwrap_err(), kept.map(drop).unwrap_err()] {
                    assert!(matches!(error, SignaturesError::TooMany { .. }), "{case}: {error}");
                    assert_eq!(error.to_string(), format!("wanted at most {reason}, found more"), "{case}");
                }
            }
        }
    }
}

#[test]
fn whether_a_registry_keeps_signatures_itself_has_to_be_told() {
    for (status, is_told) in
        [(200, true), (401, true), (403, true), (404, true), (429, false), (500, false), (503, false)]
    {
        let server = Server::start(move |_| Response::new(status));
        let found = repository(&server).signatures(&subject());
        match found {
            Ok(list) => assert!(is_told && list.is_none(), "{status}"),
            Err(error) => {
                assert!(!is_told, "{status}: {error}");
                assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
            }
        }
    }
}
