//! Images into a Docker daemon: what it takes, what it says, and what becomes of what breaks off.

use std::io::{self, Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use consign::docker_daemon::{Access, Address, Daemon as Connected, DaemonError, Patience, SendError};

use crate::daemon::{Daemon, answer};
use crate::place::{Place, fixtures};

fn connected(daemon: &Daemon) -> Connected {
    Connected::connect(&Address::parse(&daemon.host, false).unwrap(), &Access::default()).unwrap()
}

/// Some megabytes that are nowhere the same.
fn archive() -> Vec<u8> {
    (0..3_000_000u32).flat_map(|number| number.to_le_bytes()).collect()
}

#[test]
fn what_is_written_is_what_the_daemon_gets() {
    let place = Place::new();
    let said = "{\"stream\":\"Loaded image: x:1\\n\"}\n{\"status\":\"Loading\"}\n{\"stream\":\"and \\u001b[1mmore\"}";
    let daemon = Daemon::new(&place, move |_, stream| answer(stream, "200 OK", said));
    let archive = archive();
    let written = connected(&daemon).send(|out| {
        archive.chunks(100_001).try_for_each(|part| out.write_all(part))?;
        Ok::<_, io::Error>(archive.len())
    });
    let (length, said) = written.unwrap();
    assert_eq!(
        (length, &said[..]),
        (archive.len(), &["Loaded image: x:1".to_owned(), "and  [1mmore".to_owned()][..])
    );
    let requests = daemon.requests();
    assert_eq!(requests[1].line, "POST /v1.47/images/load?quiet=1");
    assert!(
        requests[1].headers.contains(&"content-type: application/x-tar".to_owned()),
        "{:?}",
        requests[1].headers
    );
    assert!(requests[1].body == archive);
}

#[test]
fn an_archive_that_is_not_written_to_its_end_is_broken_off() {
    let place = Place::new();
    let daemon = Daemon::new(&place, |_, stream| answer(stream, "200 OK", ""));
    let failed = connected(&daemon).send(|out| {
        out.write_all(&[7; 1 << 20])?;
        Err::<(), _>(io::Error::other("a layer is gone"))
    });
    assert!(
        matches!(&failed, Err(SendError::Archive(error)) if error.to_string() == "a layer is gone"),
        "{failed:?}"
    );
    // The request never came to its end.
    assert_eq!(daemon.lines(), ["GET /_ping"]);
}

#[test]
fn a_daemon_that_does_not_like_an_archive_says_why() {
    let place = Place::new();
    let said = r#"{"stream":"Loading"}{"errorDetail":{"message":"invalid tar header"},"error":"invalid tar header"}"#;
    let daemon = Daemon::new(&place, move |_, stream| answer(stream, "200 OK", said));
    let failed = connected(&daemon).send(|out| out.write_all(b"no tar")).unwrap_err();
    assert_eq!(failed.to_string(), "the Docker daemon did not take the image: invalid tar header");
}

#[test]
fn what_a_daemon_says_that_hangs_up_meanwhile_is_heard() {
    let place = Place::new();
    let socket = place.path("hangs-up.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.read(&mut [0; 4096]);
        answer(&mut stream, "507 Insufficient Storage", r#"{"message": "no space left on device"}"#);
    });
    let address = Address::parse(&format!("unix://{}", socket.display()), false).unwrap();
    let daemon = Connected::connect(&address, &Access::default()).unwrap();
    let mut written = 0u64;
    let failed = daemon.send(|out| {
        // More than any buffer holds; whoever goes on to its end takes a long time.
        for _ in 0..10_000 {
            out.write_all(&[7; 1 << 20])?;
            written += 1;
        }
        Ok::<_, io::Error>(())
    });
    let wanted = "the Docker daemon answered `/images/load?quiet=1` with 507: no space left on device";
    assert_eq!(failed.unwrap_err().to_string(), wanted);
    assert!(written < 1000, "{written}");
}

#[test]
fn a_daemon_that_says_nothing_or_does_not_end_is_not_waited_for_for_ever() {
    let place = Place::new();
    let daemon = Daemon::new(&place, |_, _| std::thread::sleep(Duration::from_secs(60)));
    let patience = Patience { idle: Duration::from_millis(300), ..Patience::default() };
    let access = Access { patience, ..Access::default() };
    let start = Instant::now();
    let silent = Connected::connect(&Address::parse(&daemon.host, false).unwrap(), &access).unwrap();
    let failed = silent.send(|out| out.write_all(b"x")).unwrap_err();
    assert!(matches!(failed, SendError::Daemon(DaemonError::Request { .. })), "{failed:?}");
    assert!(silent.save("x:1").is_err());
    assert!(start.elapsed() < Duration::from_secs(20));

    let place = Place::new();
    let daemon = Daemon::new(&place, |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
        while stream.write_all(&[b"{\"stream\":\"x\"}\n".repeat(1000).as_slice()].concat()).is_ok() {}
    });
    let failed = connected(&daemon).send(|out| out.write_all(b"x")).unwrap_err();
    assert!(matches!(failed, SendError::Daemon(DaemonError::Answer { .. })), "{failed:?}");
}

const TO: &str = "docker-daemon:example.com/x:1";

/// A daemon that takes everything.
fn taking(place: &Place) -> Daemon {
    Daemon::new(place, |_, stream| answer(stream, "200 OK", "{\"stream\":\"Loaded image: x\"}"))
}

#[test]
fn an_image_is_copied_to_a_daemon_as_skopeo_copies_it() {
    let place = Place::new();
    let daemon = taking(&place);
    let from = format!("docker-archive:{}:@0", fixtures().join("several.docker.tar").display());
    daemon.run(&place, &["copy", "-q", &from, TO]).ok();
    let ours = daemon.requests().pop().unwrap();
    assert_eq!(ours.line, "POST /v1.47/images/load?quiet=1");
    // It is one that is read again.
    let sent = place.file("sent.tar", &ours.body);
    let names = place.run(&["inspect", "-f", "{{.RepoTags}}", &format!("docker-archive:{sent}")]).ok();
    assert_eq!(names.text().trim(), "[example.com/x:1]");
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "skopeo is not installed");
        println!("not compared: skopeo is not installed");
        return;
    }
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    let mut skopeo = Command::new("skopeo");
    skopeo.args(["--policy", &policy, "copy", "-q", "--dest-daemon-host", &daemon.host, &from, TO]);
    let copied = skopeo.env("TMPDIR", place.path("tmp")).output().unwrap();
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let theirs = daemon.requests().pop().unwrap();
    assert_eq!(theirs.line, "POST /v1.22/images/load?quiet=1");
    assert!(ours.body == theirs.body);
    let is_type = |header: &&String| header.starts_with("content-type");
    assert_eq!(ours.headers.iter().find(is_type), theirs.headers.iter().find(is_type));
}

#[test]
fn an_image_of_the_store_is_pushed_to_a_daemon_and_that_is_an_event() {
    let place = Place::with(&["multi.oci.tar"]);
    let daemon = taking(&place);
    daemon.run(&place, &["push", "-q", "example.com/multi:1", TO]).ok();
    let sent = place.file("sent.tar", &daemon.requests().pop().unwrap().body);
    let found = place.run(&["resolve", "-q", &format!("docker-archive:{sent}")]).ok();
    let wanted = place.run(&["resolve", "-q", "example.com/multi:1"]).ok();
    assert_eq!(found.text(), wanted.text());
    let events = place.run(&["events", "--filter", "event=push"]).ok();
    assert!(events.text().contains(TO), "{}", events.text());
    daemon.run(&place, &["push", "-q", "example.com/multi:1", "docker-daemon:sha256:0"]).failed(2);
    let id = format!("docker-daemon:{}", wanted.text().trim());
    let refused = daemon.run(&place, &["push", "-q", "example.com/multi:1", &id]).failed(2);
    assert!(refused.stderr.contains("wanted a name with a tag"), "{}", refused.stderr);
}

#[test]
fn a_daemon_that_refuses_an_image_makes_the_push_fail_and_no_event() {
    let place = Place::with(&["multi.oci.tar"]);
    let said = r#"{"errorDetail":{"message":"no space left on device"},"error":"no space left on device"}"#;
    let daemon = Daemon::new(&place, move |_, stream| answer(stream, "200 OK", said));
    let refused = daemon.run(&place, &["push", "-q", "example.com/multi:1", TO]).failed(2);
    let wanted = "the Docker daemon did not take the image: no space left on device";
    assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    assert_eq!(place.run(&["events", "--filter", "event=push"]).ok().text(), "");
}
