//! How the command reaches registries: proxies of the environment, `certs.d`, and login where certificates and tokens count.

use std::os::unix::fs::symlink;

use crate::certificate::Certificate;
use crate::place::{Outcome, Place};
use crate::proxy::{Manner, Proxy, names};
use crate::server::{Request, Response, Server};
use crate::tls;

fn tags(_: &Request) -> Response {
    Response::new(200).bytes("{\"tags\":[\"1\"]}")
}

#[test]
fn proxies_are_those_of_the_environment() {
    let (place, server) = (Place::new(), Server::start(tags));
    let name = "registry.invalid:5000";
    let list = |variables: &[(&str, &str)]| {
        let image = format!("{name}/a/b");
        let mut command =
            place.command(&["tags", "list", "-q", "--retry", "0", "--tls-verify=false", &image]);
        command.envs(variables.iter().copied());
        place.outcome_of(command)
    };
    let proxy = Proxy::to(&[(name, server.name())]);
    let (url, bare) = (format!("http://{}", proxy.name()), proxy.name());
    let other = Proxy::start(Manner { hosts: names(&[]), ..Manner::default() });
    let other_url = format!("http://{}", other.name());
    for variables in [
        [("HTTP_PROXY", url.as_str()), ("HTTPS_PROXY", url.as_str())],
        [("http_proxy", &bare), ("https_proxy", &bare)],
        [("ALL_PROXY", &url), ("all_proxy", &other_url)],
        [("all_proxy", &url), ("NO_PROXY", "valid,registry.invalid:80,192.0.2.0/24")],
    ] {
        let before = proxy.log().len();
        assert_eq!(list(&variables).ok().text(), "1\n", "{variables:?}");
        assert_eq!(
            proxy.asked()[before..].last().unwrap(),
            &format!("GET http://{name}/v2/a/b/tags/list?n=1000")
        );
    }
    // Those in capitals count first, as in Go, and those of a scheme before those of all.
    let all = [
        ("HTTP_PROXY", url.as_str()),
        ("http_proxy", &other_url),
        ("HTTPS_PROXY", &url),
        ("https_proxy", &other_url),
        ("ALL_PROXY", &other_url),
    ];
    list(&all).ok();
    assert!(other.log().is_empty());
    // Exceptions are gone to without, which here leads nowhere.
    let before = proxy.log().len();
    for exception in ["*", "registry.invalid", ".invalid", "*.invalid", "invalid:5000"] {
        for variable in ["NO_PROXY", "no_proxy"] {
            list(&[("ALL_PROXY", url.as_str()), (variable, exception)]).failed(2);
        }
    }
    assert_eq!(proxy.log().len(), before);
    // Beside a CGI program's request nothing but what is in small letters counts.
    list(&[("HTTP_PROXY", other_url.as_str()), ("HTTPS_PROXY", &url), ("REQUEST_METHOD", "GET")]).failed(2);
    assert!(other.log().is_empty());
    let refused = list(&[("ALL_PROXY", "socks5://me:s3cret@127.0.0.1:1")]).failed(2);
    assert!(refused.stderr.contains("`ALL_PROXY`: wanted a proxy's URL"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("s3cret"), "{}", refused.stderr);
}

/// What podman and docker have in `certs.d` of distributions: links out of it, links to what is not installed, other files.
#[test]
fn certificates_of_certs_d_may_be_links() {
    let place = Place::new();
    let authority = Certificate::authority("authority");
    let shown = authority.by("here", &["127.0.0.1"]);
    let server = Server::start_tls(tls::config(&shown, None), tags);
    let pki = place.path("pki");
    std::fs::create_dir(&pki).unwrap();
    std::fs::write(pki.join("ca.pem"), authority.pem()).unwrap();
    let list = |variables: &[(&str, &str)], arguments: &[&str]| -> Outcome {
        let image = format!("{}/a/b", server.name());
        let words = ["tags", "list", "-q", "--retry", "0", "--tls-verify", &image];
        let mut command = place.command(&[&words[..], arguments].concat());
        command.envs(variables.iter().copied());
        place.outcome_of(command)
    };
    let refused = list(&[], &[]).failed(2);
    let wanted = "its certificate is not accepted: it is of no authority that is known here";
    assert!(refused.stderr.contains(wanted), "{}", refused.stderr);
    for (variable, below) in
        [("HOME", ".config/containers/certs.d"), ("XDG_CONFIG_HOME", "containers/certs.d")]
    {
        let base = place.path(variable);
        let directory = base.join(below).join(server.name());
        std::fs::create_dir_all(&directory).unwrap();
        symlink(pki.join("ca.pem"), directory.join("ca.crt")).unwrap();
        symlink("/nowhere/redhat-uep.pem", directory.join("redhat-ca.crt")).unwrap();
        symlink("/nowhere/key.pem", directory.join("client.key")).unwrap();
        std::fs::write(directory.join("README"), "nothing").unwrap();
        list(&[(variable, base.to_str().unwrap())], &[]).ok();
        list(&[], &["--cert-dir", directory.to_str().unwrap()]).ok();
        std::fs::remove_file(directory.join("ca.crt")).unwrap();
        std::fs::write(directory.join("ca.crt"), "nonsense").unwrap();
        let refused = list(&[(variable, base.to_str().unwrap())], &[]).failed(2);
        let wanted = format!("`{}/ca.crt`: wanted certificates in PEM, found none", directory.display());
        assert!(refused.stderr.contains(&wanted), "{}", refused.stderr);
    }
    let refused = list(&[], &["--cert-dir", "/nowhere"]).failed(2);
    assert!(refused.stderr.contains("reading `/nowhere`"), "{}", refused.stderr);
}

#[test]
fn authorities_of_the_system_are_where_its_variables_say() {
    let place = Place::new();
    let authority = Certificate::authority("authority");
    let server = Server::start_tls(tls::config(&authority.by("here", &["127.0.0.1"]), None), tags);
    let (file, empty, pki) = (place.file("ca.pem", b""), place.path("empty"), place.path("pki"));
    std::fs::create_dir(&empty).unwrap();
    std::fs::create_dir(&pki).unwrap();
    for path in [std::path::Path::new(&file), &pki.join("1.pem")] {
        std::fs::write(path, authority.pem()).unwrap();
    }
    symlink("/nowhere", pki.join("0.pem")).unwrap();
    let image = format!("{}/a/b", server.name());
    let list = |variables: &[(&str, &str)]| -> Outcome {
        let mut command = place.command(&["tags", "list", "-q", "--retry", "0", "--tls-verify", &image]);
        command.envs(variables.iter().copied());
        place.outcome_of(command)
    };
    let directories = format!("{}:{}", empty.display(), pki.display());
    for (variable, value) in [
        ("SSL_CERT_FILE", file.as_str()),
        ("SSL_CERT_DIR", pki.to_str().unwrap()),
        ("SSL_CERT_DIR", &directories),
    ] {
        list(&[(variable, value)]).ok();
    }
    let large = place.path("large");
    std::fs::File::create(&large).unwrap().set_len((8 << 20) + 1).unwrap();
    for (variable, value, wanted) in [
        ("SSL_CERT_DIR", empty.to_str().unwrap(), "it is of no authority that is known here"),
        ("SSL_CERT_DIR", "/nowhere", "reading `/nowhere`"),
        ("SSL_CERT_FILE", "/nowhere", "reading `/nowhere`"),
        ("SSL_CERT_FILE", large.to_str().unwrap(), "wanted at most 8388608 bytes, found more"),
    ] {
        let refused = list(&[(variable, value)]).failed(2);
        assert!(refused.stderr.contains(wanted), "{variable}={value}: {}", refused.stderr);
    }
}

/// On the loopback any certificate is good enough, unless registries.conf or the command line says more.
#[test]
fn registries_conf_and_the_command_line_say_whether_certificates_count() {
    let place = Place::new();
    let server = Server::start_tls(tls::config(&Certificate::authority("itself"), None), tags);
    let image = format!("{}/a/b", server.name());
    place.run(&["tags", "list", "-q", &image]).ok();
    place.run(&["tags", "list", "-q", "--tls-verify=false", &image]).ok();
    place.run(&["tags", "list", "-q", "--tls-verify=true", &image]).failed(2);
    // Somewhere else what registries.conf calls insecure is.
    let proxy = Proxy::to(&[("registry.example.com:443", server.name())]);
    let list = |conf: &str| {
        let conf = place.file("registries.conf", conf.as_bytes());
        let mut command = place.command(&["tags", "list", "-q", "registry.example.com/a/b"]);
        command.env("CONTAINERS_REGISTRIES_CONF", conf).env("HTTPS_PROXY", proxy.name());
        place.outcome_of(command)
    };
    let refused = list("").failed(2);
    assert!(refused.stderr.contains("its certificate is not accepted"), "{}", refused.stderr);
    list("[[registry]]\nlocation = 'registry.example.com'\ninsecure = true\n").ok();
    assert!(
        proxy.asked().iter().all(|asked| asked == "CONNECT registry.example.com:443"),
        "{:?}",
        proxy.asked()
    );
}
