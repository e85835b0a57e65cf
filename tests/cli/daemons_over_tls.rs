//! Docker daemons over TLS, with the certificates of Docker's client; two of them in one copy.

use std::path::Path;

use crate::certificate::Certificate;
use crate::daemon::{Daemon, Request, Stream, answer, begin, chunk};
use crate::daemons::answers;
use crate::place::Place;
use crate::tls;

const NAME: &str = "docker-daemon:example.com/x:1";
const HERE: &[&str] = &["127.0.0.1"];

fn giving() -> impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static {
    answers(|stream, archive| {
        begin(stream);
        chunk(stream, archive);
        chunk(stream, b"");
    })
}

fn taking(request: &Request, stream: &mut dyn Stream) {
    assert!(request.line.starts_with("POST /v1.47/images/load"), "{}", request.line);
    answer(stream, "200 OK", r#"{"stream": "Loaded image: example.com/y:2\n"}"#);
}

/// The directory of somebody's `ca.pem`, `cert.pem` and `key.pem`.
fn directory(place: &Place, name: &str, authority: &Certificate, client: Option<&Certificate>) -> String {
    let path = place.path(name);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("ca.pem"), authority.pem()).unwrap();
    if let Some(client) = client {
        std::fs::write(path.join("cert.pem"), client.pem()).unwrap();
        std::fs::write(path.join("key.pem"), client.key_pem()).unwrap();
    }
    path.display().to_string()
}

#[test]
fn a_daemon_is_reached_as_docker_s_client_reaches_it() {
    let place = Place::new();
    let authority = Certificate::authority("authority");
    let (shown, me) = (authority.by("daemon", HERE), authority.by("me", &[]));
    let daemon = Daemon::over_tls(tls::config(&shown, Some(&authority)), giving());
    let certificates = directory(&place, "certificates", &authority, Some(&me));
    let home = place.path("home");
    std::fs::create_dir_all(&home).unwrap();
    directory(&place, "home/.docker", &authority, Some(&me));
    let home = home.display().to_string();
    let run = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = place.command(&[&["inspect", "--config", NAME], arguments].concat());
        command.env("DOCKER_HOST", &daemon.host).envs(variables.iter().copied());
        place.outcome_of(command)
    };
    for (variables, arguments) in [
        (&[("DOCKER_CERT_PATH", certificates.as_str()), ("DOCKER_TLS_VERIFY", "1")][..], &[][..]),
        (&[("DOCKER_CERT_PATH", certificates.as_str())], &[]),
        (&[("DOCKER_TLS_VERIFY", "1"), ("HOME", home.as_str())], &[]),
        (&[], &["--cert-dir", certificates.as_str()]),
    ] {
        let config = run(variables, arguments).ok().json();
        assert_eq!(config["rootfs"]["type"], "layers");
    }
    // Without TLS nothing is understood.
    run(&[], &[]).failed(2);
    let plain = daemon.host.replace("tcp", "http");
    run(&[("DOCKER_HOST", plain.as_str())], &["--cert-dir", certificates.as_str()]).failed(2);
}

#[test]
fn daemons_whose_certificates_are_wrong_are_refused_and_so_are_files() {
    let place = Place::new();
    let (authority, other) = (Certificate::authority("authority"), Certificate::authority("other"));
    let me = authority.by("me", &[]);
    let daemon = Daemon::over_tls(tls::config(&authority.by("daemon", HERE), Some(&authority)), giving());
    let elsewhere =
        Daemon::over_tls(tls::config(&authority.by("daemon", &["docker.example.com"]), None), giving());
    let run = |daemon: &Daemon, directory: &str, arguments: &[&str]| {
        let of = ["resolve", "--cert-dir", directory, "--daemon-host", &daemon.host, NAME];
        place.run(&[&of[..], arguments].concat())
    };
    let good = directory(&place, "good", &authority, Some(&me));
    run(&daemon, &good, &[]).ok();
    let alone = directory(&place, "alone", &authority, None);
    let wrong = directory(&place, "wrong", &other, Some(&me));
    for (daemon, directory, wanted) in [
        (&daemon, &alone, "it wants to be shown a client's certificate"),
        (&daemon, &wrong, "it is of no authority that is known here"),
        (&elsewhere, &good, "it is for another name"),
    ] {
        let refused = run(daemon, directory, &[]).failed(2);
        assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    }
    run(&elsewhere, &good, &["--tls-verify=false"]).ok();
    let good = Path::new(&good);
    std::fs::write(good.join("key.pem"), "nonsense").unwrap();
    let refused = run(&daemon, good.to_str().unwrap(), &[]).failed(2);
    assert!(
        refused.stderr.contains("key.pem`: wanted a private key in PEM, found none"),
        "{}",
        refused.stderr
    );
    std::fs::remove_file(good.join("key.pem")).unwrap();
    let refused = run(&daemon, good.to_str().unwrap(), &[]).failed(2);
    assert!(
        refused.stderr.contains("cert.pem`: wanted `key.pem` beside it, found none"),
        "{}",
        refused.stderr
    );
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let refused = run(&daemon, empty.to_str().unwrap(), &[]).failed(2);
    assert!(refused.stderr.contains("wanted `ca.pem`, or `cert.pem` and `key.pem`"), "{}", refused.stderr);
}

#[test]
fn an_image_is_copied_from_one_daemon_to_another() {
    let place = Place::new();
    let (ours, theirs) = (Certificate::authority("ours"), Certificate::authority("theirs"));
    let (me, guest) = (ours.by("me", &[]), theirs.by("guest", &[]));
    let from = Daemon::over_tls(tls::config(&ours.by("from", HERE), Some(&ours)), giving());
    let to = Daemon::over_tls(tls::config(&theirs.by("to", HERE), Some(&theirs)), taking);
    let source =
        ["--src-daemon-host", &from.host, "--src-cert-dir", &directory(&place, "a", &ours, Some(&me))];
    let target =
        ["--dest-daemon-host", &to.host, "--dest-cert-dir", &directory(&place, "b", &theirs, Some(&guest))];
    let copy = ["copy", "-q", NAME, "docker-daemon:example.com/y:2"];
    place.run(&[&copy[..], &source, &target].concat()).ok();
    assert_eq!(to.lines(), ["GET /_ping", "POST /v1.47/images/load?quiet=1"]);
    assert_eq!(from.lines()[..2], ["GET /_ping", "GET /v1.47/images/example.com/x:1/json"]);
    // What arrived is an archive with the new name.
    let archive = place.file("arrived.tar", &to.requests()[1].body);
    place.run(&["resolve", &format!("docker-archive:{archive}:example.com/y:2")]).ok();
    // The source's daemon is nobody's destination.
    let other = ["--src-daemon-host", &from.host, "--daemon-host", "unix:///nowhere/docker.sock"];
    let refused = place.run(&[&copy[..], &other, &source[2..]].concat()).failed(2);
    assert!(refused.stderr.contains("unix:///nowhere/docker.sock"), "{}", refused.stderr);
}
