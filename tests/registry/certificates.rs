//! Certificates that are wrong, one way after the other, on both sides.

use std::collections::BTreeMap;

use consign::registry::{Access, Certificates, RegistryError, Security};

use crate::certificate::{Certificate, Wanted};
use crate::server::{Response, Server};
use crate::{access, registry, tls};

const HERE: &[&str] = &["127.0.0.1"];

fn serve(shown: &Certificate, clients: Option<&Certificate>) -> Server {
    Server::start_tls(tls::config(shown, clients), |_| Response::new(200).bytes("{}"))
}

fn verified(certificates: Certificates) -> Access {
    Access { security: Security::Verified, certificates, ..access() }
}

fn trusting(authority: &Certificate) -> Certificates {
    Certificates::read_authorities("ca.crt", authority.pem().as_bytes()).unwrap()
}

fn ping(server: &Server, access: Access) -> Result<(), RegistryError> {
    registry(server, access).ping()
}

#[test]
fn a_registry_has_to_show_a_certificate_of_a_known_authority_for_its_name_and_this_day() {
    let authority = Certificate::authority("authority");
    ping(&serve(&authority.by("here", HERE), None), verified(trusting(&authority))).unwrap();
    let of = |names, days| {
        Certificate::new(&Wanted { name: "x", is_authority: false, names, days }, Some(&authority))
    };
    let (other, namesake) = (Certificate::authority("other"), Certificate::authority("authority"));
    for (shown, wanted) in [
        (other.by("here", HERE), "it is of no authority that is known here"),
        (namesake.by("here", HERE), "its signature is not its authority's"),
        (of(HERE, (-30, -1)), "it has expired"),
        (of(HERE, (1, 30)), "it is not valid yet"),
        (of(&["127.0.0.2", "localhost"], (-1, 30)), "it is for another name"),
        (of(&[], (-1, 30)), "it is for another name"),
    ] {
        let server = serve(&shown, None);
        let error = ping(&server, verified(trusting(&authority))).unwrap_err();
        let wanted = format!("`{}`: its certificate is not accepted: {wanted}", server.name());
        assert_eq!(error.to_string(), wanted);
        assert!(server.log().is_empty());
        // Where that is configured, any is good enough.
        ping(&server, Access { security: Security::Unverified, ..access() }).unwrap();
    }
}

/// As `openssl req -x509` makes them: marked as an authority's.
#[test]
fn a_certificate_that_certifies_itself_is_good_where_it_is_known_and_for_its_name_and_this_day() {
    let of =
        |names, days| Certificate::new(&Wanted { name: "itself", is_authority: true, names, days }, None);
    let shown = of(HERE, (-1, 30));
    ping(&serve(&shown, None), verified(trusting(&shown))).unwrap();
    let other = of(HERE, (-1, 30));
    for (shown, known, wanted) in [
        (&of(&["127.0.0.2"], (-1, 30)), None, "it is for another name"),
        (&of(HERE, (-30, -1)), None, "it has expired"),
        (&of(HERE, (1, 30)), None, "it is not valid yet"),
        (&shown, Some(&other), "its certificate is not accepted"),
    ] {
        let error = ping(&serve(shown, None), verified(trusting(known.unwrap_or(shown)))).unwrap_err();
        assert!(matches!(error, RegistryError::Untrusted { .. }), "{error}");
        assert!(error.to_string().contains(wanted), "{error}");
    }
}

#[test]
fn a_registry_without_tls_is_not_asked_where_it_has_to_have_it() {
    let server = Server::start(|_| Response::new(200));
    let error = ping(&server, verified(Certificates::default())).unwrap_err();
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error}");
    assert!(server.log().is_empty());
    ping(&server, Access { security: Security::Unverified, ..access() }).unwrap();
}

#[test]
fn who_asks_is_shown_to_the_registry_that_wants_it_and_to_nobody_else() {
    let authority = Certificate::authority("authority");
    let server = serve(&authority.by("here", HERE), Some(&authority));
    let shown = |client: &Certificate| {
        Certificates::shown(("me.cert", client.pem().as_bytes()), ("me.key", client.key_pem().as_bytes()))
            .unwrap()
    };
    let with = |client: &Certificate| {
        let mut certificates = trusting(&authority);
        certificates.extend(shown(client));
        verified(certificates)
    };
    let (me, stranger) = (authority.by("me", &[]), Certificate::authority("stranger").by("me", &[]));
    ping(&server, with(&me)).unwrap();
    for (access, wanted) in [
        (verified(trusting(&authority)), "it wants to be shown a client's certificate"),
        (with(&stranger), "it does not accept the client's certificate"),
    ] {
        let error = ping(&server, access).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
    }
    let target = format!("https://{}/x", server.name());
    let elsewhere = Server::start_tls(tls::config(&authority.by("there", HERE), None), move |_| {
        Response::new(307).header("location", &target)
    });
    let before = server.log().len();
    let error = registry(&elsewhere, with(&me)).repository("a/b").unwrap().get_manifest("1").unwrap_err();
    assert!(error.to_string().contains("it wants to be shown a client's certificate"), "{error}");
    assert_eq!(server.log().len(), before);
}

#[test]
fn files_that_are_no_certificates_are_named() {
    let authority = Certificate::authority("authority");
    let (me, other) = (authority.by("me", &[]), authority.by("other", &[]));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    let read = |files: &[(&str, &String)]| {
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        Certificates::of_directory("certs.d/r.io", &files)
    };
    let (certificate, key, other_key) = (me.pem(), me.key_pem(), other.key_pem());
    let all = read(&[("ca.crt", &authority.pem()), ("me.cert", &certificate), ("me.key", &key)]).unwrap();
    assert_eq!(all.authority_count(), 1);
    for (files, wanted) in [
        (&[("ca.crt", &key)][..], "ca.crt`: wanted certificates in PEM, found none"),
        (&[("ca.crt", &nonsense)], "ca.crt`: wanted certificates in PEM, found none"),
        (&[("ca.crt", &"x".to_owned())], "ca.crt`: wanted certificates in PEM, found none"),
        (&[("me.cert", &certificate)], "me.cert`: wanted `me.key` beside it, found none"),
        (&[("me.key", &key)], "me.key`: wanted `me.cert` beside it, found none"),
        (
            &[("me.cert", &certificate), ("me.key", &certificate)],
            "me.key`: wanted a private key in PEM, found none",
        ),
        (&[("me.cert", &nonsense), ("me.key", &key)], "me.cert`: wanted certificates in PEM, found none"),
        (
            &[("me.cert", &certificate), ("me.key", &other_key)],
            "me.key`: wanted the key of `certs.d/r.io/me.cert`, found another",
        ),
    ] {
        let error = read(files).unwrap_err();
        assert_eq!(error.to_string(), format!("`certs.d/r.io/{wanted}"));
    }
}
