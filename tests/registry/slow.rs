//! Registries that are slow on purpose. Each wait has an end.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use consign::digest::Digest;
use consign::registry::{Access, Patience, Proxies, RegistryError, Security};

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

unsafe extern "C" {
    /// POSIX's, which may be called again.
    safe fn listen(socket: i32, backlog: i32) -> i32;
}

/// Somebody who listens, takes nothing, and has no room for more. `None`: this system has room nevertheless.
fn full() -> Option<(TcpListener, Vec<TcpStream>)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_eq!(listen(listener.as_raw_fd(), 0), 0);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while waiting.len() < 64 {
        match TcpStream::connect_timeout(&address, Duration::from_millis(500)) {
            Ok(stream) => waiting.push(stream),
            Err(_) => return Some((listener, waiting)),
        }
    }
    None
}

#[test]
fn connections_that_nobody_answers_are_given_up_after_as_long_as_is_said() {
    let Some((listener, _waiting)) = full() else {
        println!("not tried: this system takes any number of connections");
        return;
    };
    let name = listener.local_addr().unwrap().to_string();
    let proxy = format!("http://{name}");
    let proxies = Proxies::new(Some(("S", &proxy)), Some(("H", &proxy)), "").unwrap();
    let sandbox = std::sync::Arc::new(consign::sandbox::Sandbox::new(Default::default()).unwrap());
    const CONNECT: Duration = Duration::from_millis(400);
    for security in [Security::Plain, Security::Verified] {
        for (host, proxies, wanted) in [
            (&name[..], Proxies::default(), format!("`{name}`")),
            ("registry.example.com", proxies.clone(), format!("through the proxy `{name}`")),
        ] {
            let patience = Patience { connect: CONNECT, idle: Duration::from_secs(60), ..access().patience };
            let patience = Patience { retries: 0, ..patience };
            let access = Access { security, patience, proxies, ..access() };
            let registry = consign::registry::Registry::new(host, access, sandbox.clone()).unwrap();
            let start = Instant::now();
            let error = in_time(|| registry.ping());
            assert!(start.elapsed() >= CONNECT - Duration::from_millis(50), "{:?}", start.elapsed());
            let is_told =
                matches!(&error, RegistryError::TimedOut { what, .. } if what.contains("a connection"));
            assert!(is_told && error.to_string().contains(&wanted), "{error}");
        }
    }
}

/// A server of TLS that begins to say who it is, byte by byte.
#[test]
fn handshakes_that_drip_are_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                // A record of 16 KiB with a handshake in it.
                let bytes = [0x16, 3, 3, 0x40, 0, 2, 0, 0x3f, 0xfc].into_iter().chain(std::iter::repeat(0));
                for byte in bytes.take(1000) {
                    if stream.write_all(&[byte]).is_err() {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(50));
                }
            });
        }
    });
    let (connect, idle) = (Duration::from_millis(500), Duration::from_secs(60));
    let patience = Patience { connect, idle, retries: 0, ..access().patience };
    let access = Access { security: Security::Verified, patience, ..access() };
    let sandbox = std::sync::Arc::new(consign::sandbox::Sandbox::new(Default::default()).unwrap());
    let registry = consign::registry::Registry::new(&name, access, sandbox).unwrap();
    let error = in_time(|| registry.ping());
    assert!(matches!(error, RegistryError::TimedOut { .. }), "{error}");
}

/// A proxy that takes its time to open a tunnel, which leads to somebody who says nothing.
#[test]
fn a_tunnel_and_the_handshake_in_it_have_the_time_of_one_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head);
                std::thread::sleep(Duration::from_millis(1500));
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
                std::thread::sleep(Duration::from_secs(20));
            });
        }
    });
    let (connect, idle) = (Duration::from_secs(2), Duration::from_secs(60));
    let patience = Patience { connect, idle, retries: 0, ..access().patience };
    let proxies = Proxies::new(Some(("S", &proxy)), None, "").unwrap();
    let access = Access { security: Security::Verified, patience, proxies, ..access() };
    let sandbox = std::sync::Arc::new(consign::sandbox::Sandbox::new(Default::default()).unwrap());
    let registry = consign::registry::Registry::new("registry.example.com", access, sandbox).unwrap();
    let start = Instant::now();
    let error = in_time(|| registry.ping());
    assert!(matches!(error, RegistryError::TimedOut { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_millis(3000), "{:?}", start.elapsed());
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
