//! Requests through proxies, and what a registry that is elsewhere may not point to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use consign::registry::{
    Access, Certificates, Patience, Proxies, Registry, RegistryError, Repository, Security,
};
use consign::sandbox::{Limits, Sandbox};

use crate::certificate::Certificate;
use crate::proxy::{Manner, Proxy, names};
use crate::server::{Request, Response, Server};
use crate::{access, tls, user};

const NAME: &str = "registry.example.com:5000";
/// `user:hunter2`.
const PAIR: &str = "Basic dXNlcjpodW50ZXIy";
/// `me:s3 cret`.
const PROXY_PAIR: &str = "Basic bWU6czMgY3JldA==";

fn repository(proxy: &Proxy, access: Access) -> Repository {
    let url = format!("http://me:s3%20cret@{}", proxy.name());
    let proxies = Proxies::new(Some(("HTTPS_PROXY", &url)), Some(("HTTP_PROXY", &url)), "").unwrap();
    let sandbox = Arc::new(Sandbox::new(Limits::default()).unwrap());
    let access = Access { proxies, credentials: Some(user()), ..access };
    Registry::new(NAME, access, sandbox).unwrap().repository("a/b").unwrap()
}

/// A registry that wants `user:hunter2`.
fn guarded(request: &Request) -> Response {
    match request.header("authorization") {
        Some(PAIR) => Response::new(200).bytes("{}"),
        _ => Response::new(401).header("www-authenticate", "Basic realm=\"r\""),
    }
}

fn passing(hosts: &[(&str, String)]) -> Proxy {
    Proxy::start(Manner { hosts: names(hosts), wanted: Some(PROXY_PAIR.to_owned()), ..Manner::default() })
}

#[test]
fn requests_without_tls_are_made_in_full_to_the_proxy() {
    let server = Server::start(guarded);
    let proxy = passing(&[(NAME, server.name())]);
    let repository = repository(&proxy, access());
    assert_eq!(repository.get_manifest("1").unwrap().unwrap().bytes, b"{}");
    assert_eq!(proxy.asked(), ["GET http://registry.example.com:5000/v2/a/b/manifests/1"; 2]);
    for request in proxy.log() {
        assert_eq!(request.header("host"), Some(NAME));
        assert_eq!(request.header("proxy-authorization"), Some(PROXY_PAIR));
    }
    // What is sent along arrives.
    repository.put_manifest("2", "a/b", b"content").unwrap();
    assert_eq!(server.log().last().unwrap().body, b"content");
    assert!(server.log().iter().all(|request| request.header("authorization") != Some(PROXY_PAIR)));
}

#[test]
fn what_is_encrypted_goes_through_a_tunnel_and_the_proxy_learns_nothing() {
    let authority = Certificate::authority("authority");
    let shown = authority.by("registry", &["registry.example.com"]);
    let server = Server::start_tls(tls::config(&shown, None), guarded);
    let proxy = passing(&[(NAME, server.name())]);
    let certificates = Certificates::authorities(authority.pem().as_bytes());
    let verified = Access { security: Security::Verified, certificates, ..access() };
    let repository = repository(&proxy, verified);
    for _ in 0..3 {
        repository.get_manifest("1").unwrap().unwrap();
    }
    // The tunnel stays.
    assert_eq!(proxy.asked(), ["CONNECT registry.example.com:5000"]);
    assert_eq!(proxy.log()[0].header("proxy-authorization"), Some(PROXY_PAIR));
    assert_eq!(proxy.log()[0].header("authorization"), None);
    let log = server.log();
    assert_eq!(log.len(), 4);
    assert!(log.iter().all(|request| request.header("proxy-authorization").is_none()));
    assert!(log.iter().all(|request| request.header("authorization") != Some(PROXY_PAIR)));
}

#[test]
fn a_registry_that_may_be_insecure_is_found_through_a_proxy_either_way() {
    let server = Server::start(guarded);
    let proxy = passing(&[(NAME, server.name())]);
    let unverified = Access { security: Security::Unverified, ..access() };
    repository(&proxy, unverified).get_manifest("1").unwrap().unwrap();
    let wanted =
        ["CONNECT registry.example.com:5000", "GET http://registry.example.com:5000/v2/a/b/manifests/1"];
    assert_eq!(proxy.asked()[..2], wanted);
}

#[test]
fn a_proxy_that_refuses_is_told_with_its_status_and_without_secrets() {
    for (security, refusal, tries) in [
        (Security::Plain, None, 1),
        (Security::Verified, None, 1),
        (Security::Plain, Some(407), 1),
        (Security::Verified, Some(407), 1),
        (Security::Verified, Some(403), 1),
        (Security::Verified, Some(502), 3),
    ] {
        let manner =
            Manner { refuses: refusal, wanted: Some("Basic b3RoZXI=".to_owned()), ..Manner::default() };
        let proxy = Proxy::start(manner);
        let error =
            repository(&proxy, Access { security, ..access() }).get_manifest("1").map(drop).unwrap_err();
        let wanted = refusal.unwrap_or(407);
        let shown = format!("{error} {error:?}");
        let is_told = matches!(&error, RegistryError::ProxyRefused { status, proxy: told, .. }
            if *status == wanted && *told == proxy.name());
        assert!(is_told, "{shown}");
        assert!(!shown.contains("s3") && !shown.contains("hunter2") && !shown.contains("bWU6"), "{shown}");
        assert_eq!(proxy.log().len(), tries, "{security:?} {refusal:?}");
    }
    // In the registry's place: nobody knows whose answer it is.
    let proxy = passing(&[]);
    let error = repository(&proxy, access()).get_manifest("1").map(drop).unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 502, .. }), "{error}");
}

#[test]
fn a_proxy_that_hangs_or_is_not_there_is_given_up_and_named() {
    for security in [Security::Plain, Security::Verified] {
        let patience = Patience { connect: Duration::from_millis(400), retries: 0, ..access().patience };
        let access = Access { security, patience, ..access() };
        let proxy = Proxy::start(Manner { hangs: true, ..Manner::default() });
        let start = Instant::now();
        let error = repository(&proxy, access.clone()).get_manifest("1").map(drop).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
        assert!(matches!(error, RegistryError::TimedOut { .. }), "{error}");
        assert!(error.to_string().contains(&format!("through the proxy `{}`", proxy.name())), "{error}");
        let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = format!("http://{nobody}");
        let proxies = Proxies::new(Some(("S", &url)), Some(("H", &url)), "").unwrap();
        let sandbox = Arc::new(Sandbox::new(Limits::default()).unwrap());
        let registry = Registry::new(NAME, Access { proxies, ..access }, sandbox).unwrap();
        let error = registry.ping().unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(&format!("through the proxy `{nobody}`")), "{source}");
    }
}

/// A registry that is elsewhere points to this machine and its link, by address and by name: with realms, redirects and
/// uploads.
#[test]
fn a_registry_that_is_elsewhere_may_not_point_here() {
    let here = Server::start(|_| Response::new(200).bytes("{\"token\":\"t\"}"));
    let port = here.name().rsplit_once(':').unwrap().1.to_owned();
    for host in
        ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"]
    {
        let place = format!("http://{host}:{port}/token?key=s3cret");
        let realm = place.clone();
        let server = Server::start(move |request| match (request.method.as_str(), request.path()) {
            ("GET", "/v2/a/b/manifests/1") => Response::new(401)
                .header("www-authenticate", format!("Bearer realm=\"{realm}\",service=\"s\"")),
            ("POST", _) => Response::new(202).header("location", realm.clone()),
            _ => Response::new(307).header("location", realm.clone()),
        });
        let proxy = passing(&[(NAME, server.name())]);
        let repository = repository(&proxy, access());
        let digest = consign::digest::Digest::of(b"x");
        for outcome in [
            repository.get_manifest("1").map(drop),
            repository.get_manifest("2").map(drop),
            repository.put_blob(&digest, 1, &mut &b"x"[..]),
        ] {
            let error = outcome.unwrap_err();
            assert!(matches!(error, RegistryError::ForbiddenPlace { .. }), "{host}: {error}");
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
        assert!(here.log().is_empty(), "{host}: {:?}", here.asked());
        assert!(proxy.asked().iter().all(|asked| asked.contains(NAME)), "{:?}", proxy.asked());
    }
}
