use std::io::Read;
use std::time::{Duration, Instant};

use consign::digest::Digest;
use consign::registry::{Access, RegistryError};

use crate::server::{Body, Response, Server};
use crate::{access, registry, repository, user};

/// What reading the blob of these bytes comes to.
fn read(server: &Server, bytes: &[u8]) -> Result<(), RegistryError> {
    let mut found = Vec::new();
    let mut reader = repository(server).get_blob(&Digest::of(bytes), bytes.len() as u64)?.unwrap();
    match reader.read_to_end(&mut found) {
        Ok(_) => {
            assert!(found == bytes);
            Ok(())
        }
        Err(error) => Err(error.downcast().unwrap()),
    }
}

#[test]
fn other_bytes_than_were_asked_for_are_refused() {
    let server = Server::start(|_| Response::new(200).bytes("other!!"));
    let error = read(&server, b"content").unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let digest = Digest::of(b"content").to_string();
    let error = repository(&server).get_manifest(&digest).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let told = Digest::of(b"told").to_string();
    let header = told.clone();
    let server =
        Server::start(move |_| Response::new(200).header("docker-content-digest", &header).bytes("{}"));
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let error = repository(&server).head_manifest(&digest).unwrap_err();
    assert!(matches!(error, RegistryError::DigestMismatch { .. }), "{error}");
    let server =
        Server::start(|_| Response::new(200).header("docker-content-digest", "sha256:../x").bytes("{}"));
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::Answer { .. }), "{error}");
}

#[test]
fn more_or_fewer_bytes_than_announced_are_refused() {
    for length in [6, 8] {
        let server = Server::start(move |_| Response::new(200).bytes(vec![b'x'; length]));
        let error = read(&server, b"xxxxxxx").unwrap_err();
        assert!(matches!(error, RegistryError::SizeMismatch { wanted: 7, .. }), "{error}");
    }
    // Without a length, and without an end.
    let server = Server::start(|_| Response::new(200).body(Body::Endless));
    let error = read(&server, &[0; 1000]).unwrap_err();
    assert!(matches!(error, RegistryError::SizeMismatch { found: 1001, .. }), "{error}");
    for reference in ["1", "2"] {
        let error = repository(&server).get_manifest(reference).unwrap_err();
        assert!(matches!(error, RegistryError::TooLarge { limit: 4_194_304, .. }), "{error}");
    }
    let error = repository(&server).tags(10).unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
    let server =
        Server::start(|_| Response::new(200).header("content-length", "99999999999").body(Body::Endless));
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::TooLarge { .. }), "{error}");
}

#[test]
fn a_registry_that_falls_silent_is_given_up() {
    let start = Instant::now();
    let server = Server::start(|_| Response::new(200).body(Body::Stalled(b"con".to_vec(), 7)));
    let error = read(&server, b"content").unwrap_err();
    assert!(matches!(error, RegistryError::TimedOut { .. } | RegistryError::Answer { .. }), "{error}");
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::TimedOut { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn a_registry_that_breaks_off_again_and_again_is_given_up() {
    let server = Server::start(|request| match request.range() {
        None => Response::new(200).body(Body::Short(b"con".to_vec(), 7)),
        Some((first, _)) => Response::new(206)
            .header("content-range", format!("bytes {first}-6/7"))
            .body(Body::Short(Vec::new(), 7 - first)),
    });
    let error = read(&server, b"content").unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert_eq!(server.log().len(), 3);
}

#[test]
fn false_ranges_are_refused() {
    for (range, length) in [
        ("bytes 0-6/7", 7),
        ("bytes 3-5/7", 3),
        ("bytes 3-6/8", 4),
        ("bytes 4-6/7", 3),
        ("3-6", 3),
        ("nonsense", 4),
        ("bytes 6-3/7", 4),
    ] {
        let server = Server::start(move |_| {
            Response::new(206).header("content-range", range).bytes(vec![b'x'; length])
        });
        let opened = repository(&server).open_blob(&Digest::of(b"content"), 7, 3);
        let error = opened.map(drop).unwrap_err();
        assert!(matches!(error, RegistryError::Answer { .. }), "{range}: {error}");
    }
    // A part where all was asked for.
    let server =
        Server::start(|_| Response::new(206).header("content-range", "bytes 0-6/7").bytes("content"));
    assert!(matches!(read(&server, b"content").unwrap_err(), RegistryError::Refused { status: 206, .. }));
}

#[test]
fn trouble_that_does_not_pass_is_told_and_waiting_has_a_limit() {
    let server = Server::start(|_| Response::new(503).bytes("<html>down</html>"));
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 503, .. }), "{error}");
    assert_eq!(server.log().len(), 3);
    let server = Server::start(|_| Response::new(429).header("retry-after", "86400"));
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::Busy { .. }), "{error}");
    assert_eq!(server.log().len(), 1);
    let server = Server::start(|_| Response::new(429).header("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"));
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 429, .. }), "{error}");
    assert_eq!(server.log().len(), 3);
}

/// What `Retry-After` may be, and how long it is waited for.
#[test]
fn a_registry_is_left_alone_for_as_long_as_it_wants_within_the_limit() {
    const NOW: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    let ask = |status: u16, after: &'static str, date: Option<&'static str>| {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let server = Server::start(move |_| match count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => {
                let answer = Response::new(status).header("retry-after", after);
                date.iter().fold(answer, |answer, date| answer.header("date", *date))
            }
            _ => Response::new(200).bytes("{}"),
        });
        let start = Instant::now();
        let outcome = repository(&server).get_manifest("1").map(|found| assert!(found.is_some()));
        (outcome, start.elapsed(), server.log().len())
    };
    for status in [429, 503] {
        // A second, as such and as a date by the registry's clock, in each way of writing one.
        for (after, date) in [
            ("1", None),
            ("Sun, 06 Nov 1994 08:49:38 GMT", Some(NOW)),
            ("Sunday, 06-Nov-94 08:49:38 GMT", Some(NOW)),
            ("Sun Nov  6 08:49:38 1994", Some(NOW)),
        ] {
            let (outcome, waited, asked) = ask(status, after, date);
            outcome.unwrap();
            assert!(waited >= Duration::from_secs(1), "{after}: {waited:?}");
            assert_eq!(asked, 2);
        }
        // No time, time that is over, and what is none: as if nothing had been said.
        for (after, date) in [
            ("0", None),
            ("Fri, 31 Dec 1999 23:59:59 GMT", None),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(NOW)),
            (NOW, Some(NOW)),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("", None),
            ("Sun, 06 Nov 9999999 08:49:37 GMT", None),
        ] {
            let (outcome, waited, asked) = ask(status, after, date);
            outcome.unwrap();
            assert!(waited < Duration::from_millis(900), "{after}: {waited:?}");
            assert_eq!(asked, 2);
        }
        // More than is waited.
        for (after, date) in [
            ("3", None),
            ("86400", None),
            ("99999999999999999999999999", None),
            ("Fri, 31 Dec 9999 23:59:59 GMT", None),
            ("Sun, 06 Nov 1994 08:49:40 GMT", Some(NOW)),
        ] {
            let (outcome, waited, asked) = ask(status, after, date);
            let error = outcome.unwrap_err();
            assert!(matches!(error, RegistryError::Busy { .. }), "{after}: {error}");
            assert!(waited < Duration::from_millis(900) && asked == 1);
        }
    }
}

#[test]
fn credentials_do_not_follow_redirects() {
    let elsewhere = Server::start(|_| Response::new(200).bytes("content"));
    let target = elsewhere.url("/blob?signature=s3cret");
    let server = Server::start(move |request| match request.header("authorization") {
        None => Response::new(401).header("www-authenticate", "Basic realm=x"),
        Some(_) if request.path() == "/again" => Response::new(500),
        Some(_) if request.path().contains("/manifests/") => Response::new(307).header("location", "/again"),
        Some(_) => Response::new(307).header("location", &target),
    });
    let access = Access { credentials: Some(user()), ..access() };
    let repository = registry(&server, access).repository("a/b").unwrap();
    let mut found = Vec::new();
    repository.get_blob(&Digest::of(b"content"), 7).unwrap().unwrap().read_to_end(&mut found).unwrap();
    assert_eq!(found, b"content");
    assert!(elsewhere.log().iter().all(|request| request.header("authorization").is_none()));
    assert_eq!(elsewhere.log().len(), 1);
    // Nor to the registry itself.
    assert!(repository.get_manifest("1").is_err());
    let again: Vec<_> = server.log().into_iter().filter(|request| request.path() == "/again").collect();
    assert!(!again.is_empty() && again.iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn somebody_redirected_to_is_not_told_who_asks() {
    let elsewhere = Server::start(|_| {
        Response::new(401)
            .header("www-authenticate", "Basic realm=x")
            .header("location", "http://h/?key=s3cret")
    });
    let target = elsewhere.url("/blob?signature=s3cret");
    let server = Server::start(move |_| Response::new(302).header("location", &target));
    let access = Access { credentials: Some(user()), ..access() };
    let error = registry(&server, access).repository("a/b").unwrap().get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::Refused { status: 401, .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert!(elsewhere.log().iter().all(|request| request.header("authorization").is_none()));
}

#[test]
fn redirects_end_and_lead_to_http_alone() {
    let server = Server::start(|request| {
        let next = request.target.len();
        Response::new(302).header("location", format!("/{}", "x".repeat(next)))
    });
    let error = repository(&server).get_manifest("1").unwrap_err();
    assert!(matches!(error, RegistryError::TooManyRedirects { .. }), "{error}");
    for location in ["file:///etc/passwd", "", "http://user:pass@host/", "gopher://x"] {
        let server = Server::start(move |_| Response::new(302).header("location", location));
        let error = repository(&server).get_manifest("1").unwrap_err();
        let expected = if location.is_empty() { "redirects more than" } else { "wanted a URL" };
        assert!(error.to_string().contains(expected), "{location}: {error}");
        assert!(!error.to_string().contains("pass@"));
    }
}

#[test]
fn lists_that_go_in_a_circle_are_given_up() {
    for link in
        ["</v2/a/b/tags/list?n=100>; rel=next", "<?last=x>; rel=next", "</v2/a/b/tags/list?n=1>; rel=next"]
    {
        let server =
            Server::start(move |_| Response::new(200).header("link", link).bytes("{\"tags\":[\"1\"]}"));
        let error = repository(&server).tags(100).unwrap_err();
        assert!(matches!(error, RegistryError::Endless { .. }), "{error}");
        assert!(server.log().len() <= 2);
    }
    let server = Server::start(|_| {
        Response::new(200).header("link", "<http://127.0.0.2:1/x>; rel=next").bytes("{\"tags\":[\"1\"]}")
    });
    let error = repository(&server).tags(100).unwrap_err();
    assert!(matches!(error, RegistryError::ForbiddenPlace { .. }), "{error}");
}

#[test]
fn a_list_that_brings_new_tags_for_ever_is_given_up() {
    let server = Server::start(|request| {
        let page: usize = request.parameter("last").map_or(0, |last| last.parse().unwrap());
        let tags: Vec<String> = (0..90_000).map(|tag| format!("\"{page}.{tag}\"")).collect();
        Response::new(200)
            .header("link", format!("</v2/a/b/tags/list?last={}>; rel=next", page + 1))
            .bytes(format!("{{\"tags\":[{}]}}", tags.join(",")))
    });
    let error = repository(&server).tags(usize::MAX).unwrap_err();
    assert!(matches!(error, RegistryError::Endless { what: "tags", .. }), "{error}");
    assert_eq!(server.log().len(), 6);
    let some = repository(&server).tags(100_000).unwrap();
    assert!(some.more && some.tags.len() == 100_000);
}

#[test]
fn referrers_without_end_are_given_up() {
    let subject = Digest::of(b"subject");
    let index = |entries: &[String]| {
        format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[{}]}}",
            entries.join(",")
        )
    };
    // So many on each page, with an annotation so long; of those of no type, and of one that was asked for and of which there is none.
    let cases =
        [(0, 1, "pages", 64), (1, 1, "pages", 64), (999, 1, "manifests", 11), (1, 4_000_000, "bytes", 5)];
    for (each, annotation, wanted, requests) in cases {
        let annotation = "x".repeat(annotation);
        let server = Server::start(move |request| {
            let page: usize = request.parameter("last").map_or(0, |last| last.parse().unwrap());
            let entry = |number| {
                let digest = Digest::of(format!("{page} {number}").as_bytes());
                let media_type = "application/vnd.oci.image.manifest.v1+json";
                let described = format!("\"mediaType\":\"{media_type}\",\"digest\":\"{digest}\",\"size\":1");
                format!("{{{described},\"annotations\":{{\"a\":\"{annotation}\"}}}}")
            };
            let entries: Vec<String> = (0..each).map(entry).collect();
            let next = format!("<?last={}>; rel=\"next\"", page + 1);
            Response::new(200).header("link", next).bytes(index(&entries))
        });
        for artifact_type in [None, Some("a/x")] {
            server.forget();
            let error = repository(&server).referrers(&subject, artifact_type).unwrap_err();
            let is_told = matches!(&error, RegistryError::Endless { what, .. } if *what == wanted);
            assert!(is_told, "{error}");
            assert_eq!(server.log().len(), requests);
        }
    }
    // In a circle, and elsewhere.
    let empty = index(&[]);
    let server = Server::start(move |request| {
        Response::new(200).header("link", format!("<{}>; rel=next", request.target)).bytes(empty.clone())
    });
    let error = repository(&server).referrers(&subject, None).unwrap_err();
    assert!(matches!(error, RegistryError::Endless { what: "pages", limit: 64, .. }), "{error}");
    let empty = index(&[]);
    let server = Server::start(move |_| {
        Response::new(200).header("link", "<http://127.0.0.2:1/x>; rel=next").bytes(empty.clone())
    });
    let error = repository(&server).referrers(&subject, None).unwrap_err();
    assert!(matches!(error, RegistryError::ForbiddenPlace { .. }), "{error}");
    // Under the tag, where the registry does not list them.
    let many: Vec<String> = (0..10_001)
        .map(|number: u32| {
            let digest = Digest::of(&number.to_le_bytes());
            format!("{{\"mediaType\":\"a/b\",\"digest\":\"{digest}\",\"size\":1}}")
        })
        .collect();
    let many = index(&many);
    let server = Server::start(move |request| match request.path().contains("/referrers/") {
        true => Response::new(404),
        false => Response::new(200).bytes(many.clone()),
    });
    let error = repository(&server).referrers(&subject, None).unwrap_err();
    assert!(matches!(error, RegistryError::Answer { .. }), "{error}");
}

/// Names that a registry makes up: of files, of places, of other content.
#[test]
fn names_a_registry_makes_up_are_not_believed() {
    for tags in ["../../etc/passwd", "a/b", "", "-x", ".", "a b", "a\\u0000b", "a\\nb", &"x".repeat(129)] {
        let body = format!("{{\"name\":\"../..\",\"tags\":[\"{tags}\",\"good\"]}}");
        let server = Server::start(move |_| Response::new(200).bytes(body.as_bytes()));
        let found = repository(&server).tags(10).unwrap();
        assert_eq!((found.tags, found.malformed), (vec!["good".to_owned()], 1), "{tags:?}");
    }
    for digest in ["sha256:../../x", "sha256:", "sha256:ABC", "sha512:00", "x"] {
        let server =
            Server::start(move |_| Response::new(200).header("docker-content-digest", digest).bytes("{}"));
        let error = repository(&server).get_manifest("1").unwrap_err();
        assert!(matches!(error, RegistryError::Answer { .. }), "{digest}: {error}");
    }
}

#[test]
fn names_that_are_none_are_not_asked_for() {
    let server = Server::start(|_| Response::new(200));
    let registry = registry(&server, access());
    for path in ["", "/", "../x", "a//b", "A", "a?b", "a/../b", "a b", "a%2fb"] {
        assert!(matches!(registry.repository(path), Err(RegistryError::Name { .. })), "{path}");
    }
    let sandbox = std::sync::Arc::new(consign::sandbox::Sandbox::new(Default::default()).unwrap());
    for name in ["", "a/b", "user@host", "host:port", "host?x", "ho st", "host:99999"] {
        let error = consign::registry::Registry::new(name, access(), sandbox.clone());
        assert!(matches!(error, Err(RegistryError::Name { .. })), "{name}");
    }
    assert!(server.log().is_empty());
}
