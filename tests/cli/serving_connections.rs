//! The connections of a store that is served: who waits for whom, and for how long.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use crate::archive::digest;
use crate::place::Place;
use crate::served::{Connection, Served};
use crate::serving::with_layer;
use crate::shelved::noise;

#[test]
fn connections_serve_several_requests_also_when_they_come_at_once() {
    let (place, _, blob) = with_layer(&noise(100_000));
    let served = Served::start(&place, &[]);
    let mut connection = served.connect();
    for _ in 0..3 {
        assert_eq!(connection.ask("GET", "/v2/", &[]).status, 200);
        assert_eq!(connection.ask("HEAD", &format!("/v2/example.com/one/blobs/{blob}"), &[]).status, 200);
    }
    let request = |target: &str, more: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n{more}\r\n");
    let target = format!("/v2/example.com/one/blobs/{blob}");
    let pipelined = [&target, "/v2/nosuch/manifests/1", &target, "/v2/"].map(|target| request(target, ""));
    connection.send(&pipelined.concat());
    let statuses: Vec<u16> = (0..4).map(|_| connection.reply("GET").unwrap().status).collect();
    assert_eq!(statuses, [200, 404, 200, 200]);
    connection.send(&request("/v2/", "Connection: close\r\n"));
    assert_eq!(connection.reply("GET").unwrap().header("connection"), Some("close"));
    assert!(connection.is_over());
    let mut old = served.connect();
    old.send("GET /v2/ HTTP/1.0\r\n\r\n");
    assert_eq!(old.reply("GET").unwrap().status, 200);
    assert!(old.is_over());
    let mut absolute = served.connect();
    assert_eq!(absolute.ask("GET", "http://x/v2/", &[]).status, 200);
}

/// What a connection is answered to this, and whether it ends then.
fn refused(served: &Served, text: &str) -> Option<u16> {
    let mut connection = served.connect();
    // It may be ended before all is sent.
    let _ = connection.reader.get_mut().write_all(text.as_bytes());
    let status = connection.reply("GET").map(|reply| reply.status);
    assert!(connection.is_over(), "{}", &text[..text.len().min(60)]);
    status
}

#[test]
fn what_is_no_request_is_refused_and_ends_the_connection() {
    let place = Place::with(&["several.docker.tar"]);
    let served = Served::start(&place, &[]);
    let long = "x".repeat(20_000);
    for (text, status) in [
        ("nonsense\r\n\r\n".to_owned(), 400),
        ("GET /v2/ HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("GET /v2/ HTTP/3.0\r\nHost: x\r\n\r\n".to_owned(), 505),
        ("GET /v2/ HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n".to_owned(), 400),
        ("GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n".to_owned(), 400),
        (
            "GET /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
                .to_owned(),
            400,
        ),
        (format!("GET /v2/{long} HTTP/1.1\r\nHost: x\r\n\r\n"), 414),
        (format!("GET /v2/ HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n"), 431),
        (format!("GET /v2/ HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: b\r\n".repeat(100)), 431),
        ("\x16\x03\x01\x02\0\x01\0".to_owned(), 400),
    ] {
        assert_eq!(refused(&served, &text), Some(status), "{}", &text[..text.len().min(60)]);
    }
    // Control characters of a target are not passed on, neither in answers nor in what is said of requests.
    let escaped = served.get("/v2/a%0d%0aX:%20y/tags/list");
    assert_eq!((escaped.status, escaped.header("x")), (400, None));
    assert_eq!(served.get("/v2/").status, 200);
}

#[test]
fn those_who_keep_others_waiting_give_way() {
    let place = Place::with(&["several.docker.tar"]);
    let served = Served::start(&place, &["--connections", "2"]);
    // Two that have nothing to say do not keep a third one out.
    let mut idle: Vec<Connection> = (0..2).map(|_| served.connect()).collect();
    for connection in &mut idle {
        assert_eq!(connection.ask("GET", "/v2/", &[]).status, 200);
        // The answer is here before its thread is idle: the first one is to be so first.
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(served.get("/v2/").status, 200);
    assert!(idle[0].is_over());
    // A head that does not end is waited for 10 s, however its bytes trickle.
    let start = Instant::now();
    let mut slow = served.connect();
    slow.send("GET /v2/ HTTP/1.1\r\nHost: x\r\n");
    slow.reader.get_ref().set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut first = [0; 12];
    while let Err(error) = slow.reader.read_exact(&mut first) {
        assert!(start.elapsed() < Duration::from_secs(20), "{error}");
        let _ = slow.reader.get_mut().write_all(b"X: y\r\n");
    }
    assert_eq!(&first, b"HTTP/1.1 408");
    assert!(start.elapsed() > Duration::from_secs(8));
}

#[test]
fn an_answer_underway_survives_a_removal_and_is_waited_for_at_the_end() {
    let content = noise(24 << 20);
    let (place, _, blob) = with_layer(&content);
    let served = Served::start(&place, &[]);
    let mut connection = served.connect();
    let mut idle = served.connect();
    assert_eq!(idle.ask("GET", "/v2/", &[]).status, 200);
    let target = format!("/v2/example.com/one/blobs/{blob}");
    connection.send(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
    let mut head = [0; 15];
    connection.reader.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    place.run(&["rm", "example.com/one:1"]).ok();
    place.run(&["gc"]).ok();
    assert_eq!(place.check()["blobs"], 0);
    assert_eq!(served.get(&target).status, 404);
    served.terminate();
    // Nobody new, and nobody who is idle.
    assert!(idle.is_over());
    let mut rest = Vec::new();
    connection.reader.read_to_end(&mut rest).unwrap();
    let start = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(digest(&rest[start..]), blob);
    assert_eq!(served.wait().code, Some(0));
}

#[test]
fn many_clients_at_once_cost_little_memory() {
    let (place, _, blob) = with_layer(&noise(20 << 20));
    let served = Served::start(&place, &[]);
    let name = served.name("example.com/one:1");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| Place::new().run(&["pull", "-q", "--platform", "linux/amd64", &name]).ok());
        }
        for _ in 0..8 {
            scope.spawn(|| {
                let reply = served.get(&format!("/v2/example.com/one/blobs/{blob}"));
                assert_eq!(digest(&reply.body), blob);
            });
        }
    });
    assert!(served.peak() < 64 << 10, "{} KiB", served.peak());
}

#[test]
fn who_has_no_password_is_told_nothing_but_that() {
    let place = Place::with(&["several.docker.tar"]);
    // `htpasswd -nbBC 5 bench bench`; and one that takes longer to try.
    let users = format!(
        "bench:$2y$05$CUhG1.TzsB8X.7fIpftZG.sBlkeKi43xuQqJn556CVJ150SAqgoMi\nslow:{}\n",
        bcrypt::hash("bench", 11).unwrap()
    );
    let file = place.file("htpasswd", users.as_bytes());
    let served = Served::start(&place, &["--htpasswd", &file]);
    let target = "/v2/localhost/single-amd64/manifests/1";
    let basic = |pair: &str| format!("Basic {}", BASE64_STANDARD.encode(pair));
    for target in ["/v2/", target, "/v2/nosuch/manifests/1", "/v2/_catalog", "/elsewhere"] {
        for wrong in
            [None, Some(basic("bench:other")), Some(basic("nobody:bench")), Some("Bearer x".to_owned())]
        {
            let headers: Vec<(&str, &str)> =
                wrong.iter().map(|value| ("Authorization", value.as_str())).collect();
            let refused = served.ask("GET", target, &headers);
            assert_eq!(refused.refusal(), (401, "UNAUTHORIZED".into()), "{target}");
            assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"consign\""));
        }
    }
    let right = |user: &str, times: usize| {
        let started = Instant::now();
        let header = basic(&format!("{user}:bench"));
        for _ in 0..times {
            assert_eq!(served.ask("GET", target, &[("Authorization", &header)]).status, 200);
        }
        started.elapsed()
    };
    right("bench", 200);
    // Passwords are slow to try, and tried once.
    let (tried, known) = (right("slow", 1), right("slow", 200));
    assert!(known < tried * 50, "{tried:?}, {known:?}");
    // Clients that know it have it.
    let name = served.name("localhost/single-amd64:1");
    let other = Place::new();
    other.run(&["pull", &name]).failed(2);
    other.run(&["pull", "-q", "--platform", "linux/amd64", "--creds", "bench:bench", &name]).ok();
    assert_eq!(served.stop().code, Some(0));
    let plain = place.file("plain", b"bench:bench\n");
    let refused = place.run(&["serve", "--registry", "127.0.0.1:0", "--htpasswd", &plain]).failed(2);
    assert!(refused.stderr.contains("line 1: wanted a hash of bcrypt"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("bench:bench"));
}
