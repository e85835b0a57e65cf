use std::sync::Arc;

use consign::registry::{Access, Credentials, RegistryError, Secret};

use crate::server::{Request, Response, Server};
use crate::{access, registry, user};

/// `user:hunter2`.
const PAIR: &str = "Basic dXNlcjpodW50ZXIy";

fn challenged(challenge: &str) -> Response {
    Response::new(401)
        .header("www-authenticate", challenge)
        .bytes("{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"who?\"}]}")
}

fn ask(server: &Server, access: Access) -> Result<(), RegistryError> {
    registry(server, access)
        .repository("a/b")
        .unwrap()
        .get_manifest("1")
        .map(|found| assert!(found.is_some()))
}

/// A token server whose tokens are called after what they are for, and a registry that wants them.
fn with_tokens(check: impl Fn(&Request) -> Response + Send + Sync + 'static) -> (Server, Server) {
    let tokens = Server::start(check);
    let realm = tokens.url("/token?x=1");
    let server = Server::start(move |request| {
        if request.header("authorization") == Some("Bearer t") {
            Response::new(200).bytes("{}")
        } else {
            challenged(&format!("Bearer realm=\"{realm}\",service=\"s s\",scope=\"repository:z:pull\""))
        }
    });
    (server, tokens)
}

#[test]
fn a_password_is_sent_when_it_is_asked_for() {
    let server = Server::start(|request| match request.header("authorization") {
        Some(PAIR) => Response::new(200).bytes("{}"),
        _ => challenged("Basic realm=\"r\""),
    });
    ask(&server, Access { credentials: Some(user()), ..access() }).unwrap();
    let sent: Vec<_> =
        server.log().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(PAIR.to_owned())]);
    let error = ask(&server, access()).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { sent: false, .. }), "{error}");
    assert!(error.to_string().contains("who?"));
    let wrong = Credentials::Basic { username: "user".into(), password: Secret::new("wr0ng") };
    let error = ask(&server, Access { credentials: Some(wrong), ..access() }).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { sent: true, .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("wr0ng"));
}

#[test]
fn tokens_are_had_for_what_is_done_and_used_again() {
    let (server, tokens) = with_tokens(|request| {
        assert_eq!(request.parameter("service").unwrap(), "s s");
        assert_eq!(request.parameter("scope").unwrap(), "repository:a/b:pull");
        Response::new(200).bytes("{\"access_token\":\"t\",\"expires_in\":300}")
    });
    let repository = registry(&server, access()).repository("a/b").unwrap();
    for _ in 0..3 {
        repository.get_manifest("1").unwrap().unwrap();
    }
    assert_eq!((server.log().len(), tokens.log().len()), (4, 1));
    assert!(tokens.log()[0].target.starts_with("/token?x=1&service=s%20s&scope=repository%3Aa%2Fb%3Apull"));
    // Many at once ask for one token.
    let server = Arc::new(with_tokens(|_| Response::new(200).bytes("{\"token\":\"t\"}")));
    let repository = registry(&server.0, access()).repository("a/b").unwrap();
    repository.get_manifest("1").unwrap().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| repository.get_manifest("1").unwrap().unwrap());
        }
    });
    assert_eq!(server.1.log().len(), 1);
}

#[test]
fn a_user_and_an_identity_token_are_shown_to_the_token_server_alone() {
    let (server, tokens) = with_tokens(|request| {
        let known = request.header("authorization") == Some(PAIR) && request.method == "GET";
        if known { Response::new(200).bytes("{\"token\":\"t\"}") } else { Response::new(401) }
    });
    ask(&server, Access { credentials: Some(user()), ..access() }).unwrap();
    assert!(server.log().iter().all(|request| request.header("authorization") != Some(PAIR)));
    let error = ask(&server, access()).unwrap_err();
    assert!(matches!(error, RegistryError::Unauthorized { sent: false, .. }), "{error}");
    drop(tokens);
    let (server, tokens) = with_tokens(|request| {
        let known = request.method == "POST"
            && request.parameter("grant_type").as_deref() == Some("refresh_token")
            && request.parameter("refresh_token").as_deref() == Some("id/entity")
            && request.parameter("scope").as_deref() == Some("repository:a/b:pull");
        if known {
            Response::new(200).bytes("{\"access_token\":\"t\",\"refresh_token\":\"n\"}")
        } else {
            Response::new(401)
        }
    });
    let identity = Credentials::Identity(Secret::new("id/entity"));
    ask(&server, Access { credentials: Some(identity), ..access() }).unwrap();
    assert!(!tokens.asked()[0].contains("entity"));
    let bearer = Credentials::Bearer(Secret::new("t"));
    ask(&server, Access { credentials: Some(bearer), ..access() }).unwrap();
    assert_eq!(tokens.log().len(), 1);
}

#[test]
fn ways_that_are_not_known_are_told() {
    let server = Server::start(|_| challenged("Negotiate, Digest realm=x"));
    let error = ask(&server, Access { credentials: Some(user()), ..access() }).unwrap_err();
    assert!(error.to_string().contains("`negotiate`, `digest`"), "{error}");
}
