//! Registries that are slow on purpose. Each wait has an end.

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use consign::digest::Digest;
use consign::registry::{Access, Patience, RegistryError, Security};

use crate::server::{Body, Response, Server};
use crate::{access, registry, repository};

fn in_time<T>(work: impl FnOnce() -> Result<T, RegistryError>) -> RegistryError {
    let start = Instant::now();
    let error = work().map(drop).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}: {error}", start.elapsed());
    error
}

#[test]
fn heads_that_do_not_come_or_do_not_end_are_given_up() {
    // Something accepts, and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = listener.local_addr().unwrap().to_string();
    for security in [Security::Plain, Security::Verified] {
        let patience = Patience { connect: Duration::from_millis(300), ..access().patience };
        let sandbox = std::sync::Arc::new(consign::sandbox::Sandbox::new(Default::default()).unwrap());
        let access = Access { security, patience, ..access() };
        let registry = consign::registry::Registry::new(&name, access, sandbox).unwrap();
        let error = in_time(|| registry.ping());
        assert!(matches!(error, RegistryError::TimedOut { .. }), "{error}");
    }
    let server = Server::start(|_| Response::new(200).body(Body::SlowHead));
    let error = in_time(|| repository(&server).get_manifest("1"));
    assert!(matches!(error, RegistryError::TimedOut { .. }), "{error}");
}

#[test]
fn bodies_that_drip_are_given_up() {
    let drip = || Response::new(200).body(Body::Dripping(Duration::from_millis(50), 10_000));
    let server = Server::start(move |_| drip());
    let repository = repository(&server);
    let error = in_time(|| repository.get_manifest("1"));
    assert!(matches!(error, RegistryError::TimedOut { .. }), "{error}");
    assert!(error.to_string().contains("it sends too slowly"), "{error}");
    let digest = Digest::of(b"x");
    let mut bytes = Vec::new();
    let error = in_time(|| match repository.get_blob(&digest, 10_000)?.unwrap().read_to_end(&mut bytes) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.downcast().unwrap()),
    });
    assert!(matches!(error, RegistryError::TimedOut { .. } | RegistryError::SizeMismatch { .. }), "{error}");
    // A refusal is one without its body.
    let server =
        Server::start(|_| Response::new(403).body(Body::Dripping(Duration::from_millis(50), 10_000)));
    let error = in_time(|| self::repository(&server).get_manifest("1"));
    assert!(matches!(error, RegistryError::Refused { status: 403, .. }), "{error}");
}

#[test]
fn a_body_that_is_slow_but_fast_enough_is_read() {
    let server = Server::start(|_| Response::new(200).body(Body::Dripping(Duration::from_millis(10), 100)));
    let slow = Access { patience: Patience { slowest: 10, ..access().patience }, ..access() };
    let repository = registry(&server, slow).repository("a/b").unwrap();
    assert_eq!(repository.get_manifest("1").unwrap().unwrap().bytes, vec![b'x'; 100]);
}

#[test]
fn a_registry_that_brings_a_byte_a_connection_is_given_up() {
    let content = vec![b'x'; 10_000];
    let server = Server::start(move |request| match request.range() {
        None => Response::new(200).body(Body::Short(b"x".to_vec(), 10_000)),
        Some((first, _)) => Response::new(206)
            .header("content-range", format!("bytes {first}-9999/10000"))
            .body(Body::Short(b"x".to_vec(), 10_000 - first)),
    });
    let mut found = Vec::new();
    let mut reader = repository(&server).get_blob(&Digest::of(&content), 10_000).unwrap().unwrap();
    reader.read_to_end(&mut found).unwrap_err();
    assert_eq!(server.log().len(), 3);
}
