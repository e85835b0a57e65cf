//! Images out of a Docker daemon: one of the tests, which speaks as Docker's does, well or badly; and podman's service,
//! which speaks the same API.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::archive::{digest, docker_archive, layer};
use crate::daemon::{Daemon, Request, Stream, answer, begin, chunk};
use crate::place::{Place, fixtures};

const NAME: &str = "docker-daemon:example.com/x:1";

/// What Docker gives for an image of one layer; and the layer's digest.
fn archive() -> (Vec<u8>, String) {
    let layer = layer("content");
    let diff_id = digest(&layer);
    (
        docker_archive(&["example.com/x:1"], &[("layer.tar", layer)], std::slice::from_ref(&diff_id)).end(),
        diff_id,
    )
}

/// A daemon with that image, which gives its archive as `give` does.
fn giving(place: &Place, give: impl Fn(&mut dyn Stream, &[u8]) + Send + Sync + 'static) -> Daemon {
    Daemon::new(place, answers(give))
}

/// Answers of such a daemon.
pub fn answers(
    give: impl Fn(&mut dyn Stream, &[u8]) + Send + Sync + 'static,
) -> impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static {
    let (archive, _) = archive();
    move |request, stream| match request.line.as_str() {
        "GET /v1.47/images/example.com/x:1/json" => {
            answer(stream, "200 OK", r#"{"Id": "sha256:…", "Size": 7}"#)
        }
        "GET /v1.47/images/get?names=example.com%2Fx%3A1" => give(stream, &archive),
        _ => answer(stream, "404 Not Found", r#"{"message": "No such image"}"#),
    }
}

#[test]
fn an_image_of_a_daemon_is_that_of_the_archive_it_gives() {
    let place = Place::new();
    let daemon = giving(&place, |stream, archive| {
        begin(stream);
        archive.chunks(1000).for_each(|part| assert!(chunk(stream, part)));
        chunk(stream, b"");
    });
    let (archive, diff_id) = archive();
    let file = format!("docker-archive:{}", place.file("x.tar", &archive));
    for arguments in [&["inspect", "--raw"][..], &["inspect"], &["history"], &["ls", "-l", "-R"]] {
        let of = |image| daemon.run(&place, &[arguments, &[image]].concat()).ok().stdout;
        assert_eq!(String::from_utf8_lossy(&of(NAME)), String::from_utf8_lossy(&of(&file)), "{arguments:?}");
    }
    daemon.run(&place, &["load", "-q", NAME]).ok();
    let config = place.run(&["inspect", "--config", "example.com/x:1"]).ok().json();
    assert_eq!(config["rootfs"]["diff_ids"], json!([diff_id]));
    let other = Place::new();
    daemon.run(&other, &["pull", "-q", NAME]).ok();
    assert_eq!(other.images(), place.images());
    let wanted = [
        "GET /_ping",
        "GET /v1.47/images/example.com/x:1/json",
        "GET /v1.47/images/get?names=example.com%2Fx%3A1",
    ];
    assert_eq!(daemon.lines()[..3], wanted);
    assert!(std::fs::read_dir(place.path("tmp")).unwrap().next().is_none());
}

#[test]
fn the_image_is_asked_for_as_skopeo_asks_for_it() {
    let place = Place::new();
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "skopeo is not installed");
        println!("not compared: skopeo is not installed");
        return;
    }
    let id = digest(b"config");
    let daemon = Daemon::new(&place, |_, stream| answer(stream, "200 OK", r#"{"Size": 7}"#));
    for image in [NAME.to_owned(), format!("docker-daemon:{id}")] {
        let mut skopeo = Command::new("skopeo");
        skopeo.args(["inspect", "--daemon-host", &daemon.host, &image]).output().unwrap();
        daemon.run(&place, &["inspect", &image]).failed(2);
    }
    let asked = |line: &String| line.split_once("/images/get?").map(|(_, query)| query.to_owned());
    let asked: Vec<_> = daemon.lines().iter().filter_map(asked).collect();
    let (by_name, by_id) = ("names=example.com%2Fx%3A1", format!("names={}", id.replace(':', "%3A")));
    assert_eq!(asked, [by_name, by_name, &by_id, &by_id]);
}

#[test]
fn an_image_a_daemon_does_not_have_is_a_definite_no() {
    let place = Place::new();
    let daemon =
        Daemon::new(&place, |_, stream| answer(stream, "404 Not Found", r#"{"message": "No such image"}"#));
    let refused = daemon.run(&place, &["load", NAME]).failed(1);
    assert!(refused.stderr.contains("`docker-daemon:example.com/x:1` is not there"), "{}", refused.stderr);
    place.assert_empty();
}

#[test]
fn what_a_daemon_says_is_passed_on_printable_and_not_long() {
    let place = Place::new();
    let message = format!("no space left\u{1b}[2J {}", "x".repeat(100_000));
    let body = json!({"message": message}).to_string();
    let daemon = Daemon::new(&place, move |_, stream| answer(stream, "500 Internal Server Error", &body));
    let refused = daemon.run(&place, &["load", NAME]).failed(2);
    let wanted = "the Docker daemon answered `/images/example.com/x:1/json` with 500: no space left [2J xxx";
    assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    assert!(refused.stderr.len() < 2000 && !refused.stderr.contains('\u{1b}'));
    place.assert_empty();
}

#[test]
fn an_archive_that_breaks_off_is_an_error_and_nothing_is_stored() {
    for give in [
        // In the middle of a chunk.
        (|stream: &mut dyn Stream, archive: &[u8]| {
            begin(stream);
            let _ = stream.write_all(format!("{:x}\r\n", archive.len()).as_bytes());
            let _ = stream.write_all(&archive[..archive.len() / 2]);
        }) as fn(&mut dyn Stream, &[u8]),
        // Without the last chunk, and so perhaps not all of it.
        |stream, archive| {
            begin(stream);
            chunk(stream, archive);
        },
        // Before the answer.
        |_, _| (),
        |stream, _| {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-");
        },
        |stream, _| {
            let _ = stream.write_all(b"what?\r\n\r\n");
        },
    ] {
        let place = Place::new();
        let daemon = giving(&place, give);
        let refused = daemon.run(&place, &["load", NAME]).failed(2);
        assert!(refused.stderr.contains("docker-daemon:example.com/x:1"), "{}", refused.stderr);
        place.assert_empty();
        assert!(std::fs::read_dir(place.path("tmp")).unwrap().next().is_none());
    }
}

#[test]
fn an_archive_without_end_is_not_read_for_ever() {
    let place = Place::new();
    let daemon = giving(&place, |stream, archive| {
        begin(stream);
        chunk(stream, &archive[..archive.len() - 1024]);
        let part = vec![0; 1 << 20];
        while chunk(stream, &part) {}
    });
    let refused = daemon.run(&place, &["load", NAME]).failed(2);
    let wanted = "bytes of an archive from the Docker daemon, found more";
    assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    place.assert_empty();
}

#[test]
fn what_is_no_daemon_is_told() {
    for (answered, wanted) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK",
            "the Docker daemon's answer to `/version` is not one",
        ),
        (
            "HTTP/1.1 200 OK\r\nApi-Version: 1.47/../x\r\nContent-Length: 2\r\n\r\nOK",
            "wanted a Docker daemon at `unix://",
        ),
        ("SSH-2.0-OpenSSH_9.2\r\n", "the request `/_ping` to the Docker daemon failed"),
        ("", "the request `/_ping` to the Docker daemon failed"),
    ] {
        let place = Place::new();
        let daemon = Daemon::with(&place, move |_, stream| {
            let _ = stream.write_all(answered.as_bytes());
            stream.end();
        });
        let refused = daemon.run(&place, &["resolve", NAME]).failed(2);
        // A connection that is closed after an answer is opened again; nobody is asked twice for nothing.
        let told = refused.stderr.contains(wanted) || answered.contains("200 OK\r\nContent-Length");
        assert!(told, "{answered:?}: {}", refused.stderr);
    }
}

#[test]
fn a_daemon_from_before_pings_told_versions_is_asked_for_its_version() {
    let place = Place::new();
    let daemon = Daemon::with(&place, |request, stream| match request.line.as_str() {
        "GET /_ping" => answer(stream, "200 OK", "OK"),
        "GET /version" => answer(stream, "200 OK", r#"{"Version": "1.13.1", "ApiVersion": "1.26"}"#),
        _ => answer(stream, "404 Not Found", r#"{"message": "no such image"}"#),
    });
    daemon.run(&place, &["resolve", NAME]).failed(1);
    assert_eq!(daemon.lines(), ["GET /_ping", "GET /version", "GET /v1.26/images/example.com/x:1/json"]);
}

#[test]
fn without_tls_a_daemon_is_nowhere_but_on_this_machine() {
    let place = Place::new();
    for (host, wanted) in [
        ("http://192.0.2.1:2375", "or http://HOST:PORT of this machine, found `http://192.0.2.1:2375`"),
        ("ssh://somebody@example.com", "found `ssh://somebody@example.com`"),
        ("unix:///nowhere/docker.sock", "reaching the Docker daemon at `unix:///nowhere/docker.sock`"),
    ] {
        let mut command = place.command(&["inspect", NAME]);
        command.env("DOCKER_HOST", host);
        let refused = place.outcome_of(command).failed(2);
        assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    }
}

/// Podman's service, ended with the test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_image_comes_from_podmans_service_as_podman_saves_it() {
    let place = Place::new();
    if Command::new("podman").arg("--version").output().is_err() {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "podman is not installed");
        println!("not compared: podman is not installed");
        return;
    }
    let (graph, run) = (place.path("graph"), place.path("run"));
    let podman = || {
        let mut command = Command::new("podman");
        command.arg("--storage-driver=vfs").arg("--root").arg(&graph).arg("--runroot").arg(&run);
        command.env("TMPDIR", place.path("tmp")).stdin(Stdio::null());
        command
    };
    let archive = fixtures().join("several.docker.tar");
    let loaded = podman().args(["load", "-q", "-i"]).arg(&archive).output().unwrap();
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    let socket = place.path("podman.sock");
    let mut service = podman();
    service.args(["system", "service", "-t", "60"]).arg(format!("unix://{}", socket.display()));
    let _service = Service(service.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let start = Instant::now();
    while !socket.exists() && start.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    let run = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
        place.outcome_of(command)
    };
    let image = "docker-daemon:localhost/single-amd64:1";
    let found: Value = run(&["resolve", "--format", "json", image]).ok().json();
    let wanted = format!("docker-archive:{}:localhost/single-amd64:1", archive.display());
    let wanted = run(&["resolve", "--format", "json", &wanted]).ok().json();
    assert_eq!(found["id"], wanted["id"]);
    assert_eq!(found["layers"], wanted["layers"]);
    run(&["load", "-q", image]).ok();
    assert_eq!(json!(place.images()), json!([wanted["id"]]));
    run(&["resolve", "docker-daemon:localhost/nothing:1"]).failed(1);
    // And back, under another name.
    let id = place.images()[0].clone();
    run(&["push", "-q", &id, "docker-daemon:example.com/back:2"]).ok();
    let inspect =
        podman().args(["image", "inspect", "--format", "{{.Id}}", "example.com/back:2"]).output().unwrap();
    assert_eq!(format!("sha256:{}", String::from_utf8_lossy(&inspect.stdout).trim()), id);
}
