//! Debian's docker-registry: plain, with a password, with tokens, with certificates. What skopeo and podman push is
//! pulled with every digest unchanged.
//!
//! Without these programs the tests say so and pass, unless `CONSIGN_REQUIRE_PEERS` is set.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::place::{Outcome, Place, fixtures};
use crate::server::{Response, Server};

/// Whether these programs are here.
pub fn installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| {
        let probe = Command::new(program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        probe.is_err()
    });
    if let Some(program) = missing {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "{program} is not installed");
        println!("not compared: {program} is not installed");
    }
    missing.is_none()
}

/// A docker-registry on a port of its own. It ends with this value.
pub struct Registry {
    child: Child,
    pub name: String,
}

impl Registry {
    /// With this in its configuration, and its content below a directory.
    pub fn start(directory: &Path, http: &str, rest: &str) -> Registry {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n  \
             delete: {{enabled: true}}\nhttp:\n  addr: 127.0.0.1:{port}\n  secret: x\n{http}\n{rest}\n",
            directory.join("content").display()
        );
        let file = directory.join(format!("{port}.yml"));
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(file).env_clear().stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let (registry, start) = (Registry { child, name: format!("127.0.0.1:{port}") }, Instant::now());
        while std::net::TcpStream::connect(&registry.name).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "docker-registry did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub fn run(program: &str, arguments: &[&str], directory: &Path) -> Vec<u8> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(directory).env("TMPDIR", directory);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Has skopeo push a fixture.
pub fn push(place: &Place, source: &str, target: &str) {
    let policy = place.file("policy.json", br#"{"default": [{"type": "insecureAcceptAnything"}]}"#);
    let arguments = ["copy", "-q", "--all", "--dest-tls-verify=false", "--policy"];
    run("skopeo", &[&arguments[..], &[&policy, source, target]].concat(), &fixtures());
}

#[test]
fn what_skopeo_pushes_is_pulled_with_every_digest_unchanged() {
    if !installed(&["docker-registry", "skopeo"]) {
        return;
    }
    let place = Place::new();
    let registry = Registry::start(&place.path(""), "", "");
    for (source, tag) in
        [("oci-archive:multi.oci.tar", "multi"), ("docker-archive:several.docker.tar:@0", "docker")]
    {
        let name = format!("{}/a/b:{tag}", registry.name);
        let target = format!("docker://{name}");
        push(&place, source, &target);
        let raw = run("skopeo", &["inspect", "--raw", "--tls-verify=false", &target], &fixtures());
        let pulled = place.run(&["pull", "--all-platforms", "--format", "json", &name]).ok().json();
        assert_eq!(pulled[0]["target"]["digest"], crate::archive::digest(&raw));
        assert_eq!(place.run(&["inspect", "--raw", &name]).ok().stdout, raw);
        assert_eq!(place.run(&["inspect", "--raw", &target]).ok().stdout, raw);
    }
    let tags = place.run(&["tags", "list", "-q", &format!("{}/a/b", registry.name)]).ok();
    let mut tags: Vec<&str> = tags.text().lines().collect();
    tags.sort_unstable();
    assert_eq!(tags, ["docker", "multi"]);
    place.check();
}

/// Logs in, pulls, and does neither with another password.
fn guarded(place: &Place, name: &str, image: &str) {
    let auth = place.path("auth.json");
    let login = |password: &str| -> Outcome {
        let mut command = place.command(&["login", "-u", "bench", "--password-stdin", name]);
        let mut child = command.env("REGISTRY_AUTH_FILE", &auth).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        crate::place::wait_within(child, Duration::from_secs(30))
    };
    let pull = || {
        let mut command = place.command(&["pull", "-q", image]);
        place.outcome_of({
            command.env("REGISTRY_AUTH_FILE", &auth);
            command
        })
    };
    let push = |destination: &str| {
        let mut command = place.command(&["push", "-q", "--all-platforms", image, destination]);
        command.env("REGISTRY_AUTH_FILE", &auth);
        place.outcome_of(command)
    };
    login("wr0ng").failed(1);
    login("bench").ok();
    pull().ok();
    // What is known of another repository is taken over from there, as far as the token reaches.
    let mut all = place.command(&["pull", "-q", "--all-platforms", image]);
    all.env("REGISTRY_AUTH_FILE", &auth);
    place.outcome_of(all).ok();
    for repository in ["pushed/one", "pushed/two"] {
        let pushed = push(&format!("{name}/{repository}:1")).ok();
        let raw = place.run(&["inspect", "--raw", image]).ok().stdout;
        assert_eq!(pushed.text().trim(), crate::archive::digest(&raw));
    }
    let mut logout = place.command(&["logout", name]);
    logout.env("REGISTRY_AUTH_FILE", &auth);
    place.outcome_of(logout).ok();
}

#[test]
fn docker_registry_is_pulled_from_with_a_password_and_with_tokens() {
    if !installed(&["docker-registry", "skopeo", "htpasswd", "openssl"]) {
        return;
    }
    let place = Place::new();
    let open = Registry::start(&place.path(""), "", "");
    push(&place, "oci-archive:multi.oci.tar", &format!("docker://{}/a/b:1", open.name));
    let password = run("htpasswd", &["-Bbn", "bench", "bench"], &place.path(""));
    let file = place.file("htpasswd", &password);
    let registry =
        Registry::start(&place.path(""), "", &format!("auth: {{htpasswd: {{realm: x, path: {file}}}}}"));
    let image = format!("{}/a/b:1", registry.name);
    place.run(&["pull", &image]).failed(2);
    guarded(&place, &registry.name, &image);
    let (key, certificate) = certificate(&place.path(""), "token", None);
    let (signing, chain) = (key.clone(), certificate.clone());
    let issuer = Server::start(move |request| issue(request, &signing, &chain));
    let auth = format!(
        "auth: {{token: {{realm: \"{}\", service: corpus, issuer: corpus, rootcertbundle: {}}}}}",
        issuer.url("/token"),
        certificate.display()
    );
    let registry = Registry::start(&place.path(""), "", &auth);
    guarded(&place, &registry.name, &format!("{}/a/b:1", registry.name));
    // Without credentials, whatever is open to all.
    place.run(&["pull", "-q", "--all-platforms", &format!("{}/a/b:1", registry.name)]).ok();
    place.check();
}

/// A token server's answer: nobody may pull, `bench` may do what he asks for.
pub fn issue(request: &crate::server::Request, key: &Path, certificate: &Path) -> Response {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    let known = match request.header("authorization") {
        None => false,
        Some(header) if *header == format!("Basic {}", BASE64_STANDARD.encode("bench:bench")) => true,
        Some(_) => return Response::new(401).bytes("{}"),
    };
    let access: Vec<serde_json::Value> = request
        .parameter("scope")
        .iter()
        .map(|scope| {
            let (rest, actions) = scope.rsplit_once(':').unwrap();
            let (kind, name) = rest.split_once(':').unwrap();
            let actions: Vec<&str> = actions.split(',').filter(|action| known || *action == "pull").collect();
            serde_json::json!({"type": kind, "name": name, "actions": actions})
        })
        .collect();
    let pem = std::fs::read_to_string(certificate).unwrap();
    let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let head = serde_json::json!({"typ": "JWT", "alg": "RS256", "x5c": [der]});
    let claims = serde_json::json!({
        "iss": "corpus", "sub": if known { "bench" } else { "" }, "aud": "corpus",
        "exp": now + 300, "nbf": now - 10, "iat": now, "jti": now.to_string(), "access": access,
    });
    let part = |value: &serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&head), part(&claims));
    let mut sign = Command::new("openssl");
    sign.args(["dgst", "-sha256", "-sign"]).arg(key).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut sign = sign.spawn().unwrap();
    sign.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.encode(sign.wait_with_output().unwrap().stdout);
    Response::new(200).bytes(format!("{{\"token\":\"{message}.{signature}\",\"expires_in\":300}}"))
}

/// A key and a certificate for 127.0.0.1, by itself or by another's key: their files.
pub fn certificate(directory: &Path, name: &str, by: Option<&(PathBuf, PathBuf)>) -> (PathBuf, PathBuf) {
    let (key, file) = (directory.join(format!("{name}.key")), directory.join(format!("{name}.crt")));
    let (key_text, file_text) = (key.display().to_string(), file.display().to_string());
    let subject = format!("/CN={name}");
    let mut arguments =
        vec!["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", &subject];
    arguments.extend(["-keyout", &key_text, "-out", &file_text]);
    let by = by.map(|(key, file)| (key.display().to_string(), file.display().to_string()));
    if let Some((by_key, by_file)) = &by {
        arguments.extend(["-CA", by_file, "-CAkey", by_key]);
        arguments.extend([
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ]);
    }
    run("openssl", &arguments, directory);
    (key, file)
}

#[test]
fn certificates_of_certs_d_are_believed_and_shown() {
    if !installed(&["docker-registry", "skopeo", "openssl"]) {
        return;
    }
    let place = Place::new();
    let directory = place.path("");
    let authority = certificate(&directory, "authority", None);
    let (key, server) = certificate(&directory, "server", Some(&authority));
    let (client_key, client) = certificate(&directory, "client", Some(&authority));
    let open = Registry::start(&directory, "", "");
    push(&place, "oci-archive:multi.oci.tar", &format!("docker://{}/a/b:1", open.name));
    let tls = format!(
        "  tls:\n    certificate: {}\n    key: {}\n    clientcas: [{}]",
        server.display(),
        key.display(),
        authority.1.display()
    );
    let registry = Registry::start(&directory, &tls, "");
    let image = format!("{}/a/b:1", registry.name);
    let certificates = directory.join("home/.config/containers/certs.d").join(&registry.name);
    std::fs::create_dir_all(&certificates).unwrap();
    let pull = |arguments: &[&str]| {
        let mut command = place.command(&[&["pull", "-q", "--retry", "0", &image], arguments].concat());
        command.env("HOME", directory.join("home"));
        place.outcome_of(command)
    };
    // Nobody knows its authority; then it does not know who asks.
    let refused = pull(&["--tls-verify"]).failed(2);
    assert!(refused.stderr.contains("it is of no authority that is known here"), "{}", refused.stderr);
    std::fs::copy(&authority.1, certificates.join("ca.crt")).unwrap();
    pull(&["--tls-verify"]).failed(2);
    std::fs::copy(&client, certificates.join("me.cert")).unwrap();
    let lacking = pull(&["--tls-verify"]).failed(2);
    assert!(lacking.stderr.contains("me.cert`: wanted `me.key` beside it"), "{}", lacking.stderr);
    std::fs::copy(&client_key, certificates.join("me.key")).unwrap();
    pull(&["--tls-verify"]).ok();
    let other = Place::new();
    let path = certificates.display().to_string();
    other.run(&["pull", "-q", "--tls-verify", "--cert-dir", &path, &image]).ok();
    // On the loopback any certificate will do.
    other.run(&["tags", "list", "--cert-dir", &path, &format!("{}/a/b", registry.name)]).ok();
    std::fs::write(certificates.join("ca.crt"), "nonsense").unwrap();
    let malformed = pull(&["--tls-verify"]).failed(2);
    assert!(
        malformed.stderr.contains("ca.crt`: wanted certificates in PEM, found none"),
        "{}",
        malformed.stderr
    );
}
