use std::process::Command;
use std::time::Duration;

use crate::archive::Layout;
use crate::place::Place;
use crate::server::{Response, Server, Shelf};
use crate::shelved::{Shelved, put, small};
use crate::terminal::{Terminal, typed};

/// A helper, as a script, first on the path.
fn helper(place: &Place, name: &str, script: &str) -> std::ffi::OsString {
    use std::os::unix::fs::PermissionsExt as _;
    let file = place.file(&format!("docker-credential-{name}"), format!("#!/bin/sh\n{script}\n").as_bytes());
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = place.path("").into_os_string();
    path.push(":/usr/bin:/bin");
    path
}

/// A registry that wants `user:hunter2`.
fn guarded() -> Shelved {
    let shelf = Shelf::new();
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    put(&mut shelf.lock().unwrap(), &layout, "1", &image);
    let content = shelf.clone();
    let server = Server::start(move |request| match request.header("authorization") {
        Some("Basic dXNlcjpodW50ZXIy") => content.lock().unwrap().answer(request),
        _ => Response::new(401).header("www-authenticate", "Basic realm=\"r\""),
    });
    Shelved { shelf, server }
}

#[test]
fn credentials_are_kept_used_and_forgotten() {
    let (place, registry) = (Place::new(), guarded());
    let (name, auth) = (registry.server.name(), place.path("auth/auth.json"));
    let run = |arguments: &[&str], input: &str| {
        let mut command = place.command(arguments);
        command.env("REGISTRY_AUTH_FILE", &auth).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        crate::place::wait_within(child, Duration::from_secs(20))
    };
    let pull = ["pull", "-q", &registry.name("a/b:1")];
    let refused = run(&pull, "").failed(2);
    assert!(refused.stderr.contains("consign login"), "{}", refused.stderr);
    let refused = run(&["login", "-u", "user", "--password-stdin", &name], "wr0ng\n").failed(1);
    assert!(!refused.stderr.contains("wr0ng") && !auth.exists());
    assert_eq!(
        run(&["login", "-u", "user", "--password-stdin", &name], "hunter2\n").ok().text(),
        "Login Succeeded!\n"
    );
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&auth).unwrap().permissions().mode() & 0o777, 0o600);
    run(&pull, "").ok();
    run(&["logout", &name], "").ok();
    run(&["logout", &name], "").failed(1);
    run(&["tags", "list", &registry.name("a/b")], "").failed(2);
}

#[test]
fn helpers_are_asked_and_those_that_hang_or_talk_nonsense_are_given_up() {
    let (place, registry) = (Place::new(), guarded());
    let auth = place.file("auth.json", b"{\"credsStore\": \"tiny\"}");
    let list = |script: &str| {
        let path = helper(&place, "tiny", script);
        let mut command: Command = place.command(&["tags", "list", "-q", &registry.name("a/b")]);
        command.env("REGISTRY_AUTH_FILE", &auth).env("PATH", path);
        place.outcome_of(command)
    };
    let answer = "printf '{\"Username\":\"user\",\"Secret\":\"hunter2\"}'";
    assert_eq!(
        list(&format!("[ $1 = get ] && [ \"$(cat)\" = {} ] && {answer}", registry.server.name())).ok().text(),
        "1\n"
    );
    let absent = list("echo credentials not found in native keychain; exit 1").failed(2);
    assert!(absent.stderr.contains("wants other credentials"), "{}", absent.stderr);
    for (script, wanted) in [
        ("echo s3cret; exit 1", "wanted success, found a failure"),
        ("echo s3cret >&2; exit 3", "wanted success, found a failure"),
        ("echo s3cret >&2; echo '{\"Username\":\"u\"}'", "wanted an object with `Username` and `Secret`"),
        ("echo s3cret", "wanted an object with `Username` and `Secret`, found something else"),
        ("yes s3cret", "wanted at most 65536 bytes, found more"),
    ] {
        let failed = list(script).failed(2);
        assert!(failed.stderr.contains(wanted), "{}", failed.stderr);
        assert!(!failed.stderr.contains("s3cret"), "{}", failed.stderr);
    }
    let malformed = place.file("auth.json", b"{\n\"auths\": {\"x\": s3cret}}");
    let failed = list("exit 1").failed(2);
    assert!(failed.stderr.contains(&format!("`{malformed}`, line 2")), "{}", failed.stderr);
    assert!(!failed.stderr.contains("s3cret"), "{}", failed.stderr);
}

#[test]
fn registries_conf_says_which_helpers_are_asked_and_in_which_order() {
    let (place, registry) = (Place::new(), guarded());
    let path = helper(
        &place,
        "one",
        "case $1 in get) cat > /dev/null; [ -e kept ] && cat kept || { echo credentials not found in native keychain; exit 1; };;
         store) cat > kept;; erase) cat > /dev/null; rm kept;; esac",
    );
    let conf = place.file("registries.conf", b"credential-helpers = ['containers-auth.json', 'one']");
    let auth = place.file("auth.json", b"{}");
    let run = |arguments: &[&str], input: &str| {
        let mut command = place.command(arguments);
        command.env("REGISTRY_AUTH_FILE", &auth).env("PATH", &path).env("CONTAINERS_REGISTRIES_CONF", &conf);
        command.current_dir(place.path("")).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
        crate::place::wait_within(child, Duration::from_secs(20))
    };
    let list = ["tags", "list", "-q", &registry.name("a/b")];
    run(&list, "").failed(2);
    place.file("kept", b"{\"Username\":\"user\",\"Secret\":\"hunter2\"}");
    run(&list, "").ok();
    place.file("auth.json", b"{\"auths\":{\"127.0.0.1\":[]}}");
    // What is wrong with one does not matter where another has them.
    run(&list, "").ok();
    std::fs::remove_file(place.path("kept")).unwrap();
    assert!(run(&list, "").failed(2).stderr.contains("`auths.127.0.0.1`"));
    place.file("registries.conf", b"credential-helpers = ['one']");
    let login = ["login", "-u", "user", "--password-stdin", &registry.server.name()];
    assert!(run(&login, "hunter2").ok().stderr.contains("kept in `docker-credential-one`"));
    run(&list, "").ok();
    run(&["logout", &registry.server.name()], "").ok();
    assert!(!place.path("kept").exists());
}

#[test]
fn who_logs_in_is_asked_on_the_terminal_and_the_password_is_not_shown() {
    if !crate::terminal::available() {
        println!("not tried: there is no script(1)");
        return;
    }
    let (place, registry) = (Place::new(), guarded());
    let auth = place.path("auth.json");
    let environment = [("REGISTRY_AUTH_FILE", auth.to_str().unwrap().to_owned())];
    let dialogue = [typed("Username: ", "user"), typed("Password: ", "hunter2")];
    let Terminal { code, shown } =
        crate::terminal::run(&place, &["login", &registry.server.name()], &environment, &dialogue);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Username: user") && shown.contains("Login Succeeded!"), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let list = ["tags", "list", "-q", &registry.name("a/b")];
    assert_eq!(crate::terminal::run(&place, &list, &environment, &[]).code, Some(0));
    // A user on the command line types the password.
    let list = [&list[..], &["--creds", "user"]].concat();
    let Terminal { code, shown } =
        crate::terminal::run(&place, &list, &[], &[typed("Password: ", "hunter2")]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    // Without a terminal nobody can be asked.
    let failed = place.run(&["login", &registry.server.name()]);
    assert_ne!(failed.code, Some(0));
}

/// Every kind of credentials, in every place, against registries that refuse, redirect and talk: nothing that is printed
/// has a secret.
#[test]
fn no_secret_is_in_any_message() {
    const SECRETS: [&str; 2] = ["s3cretpass", "dXNlcjpzM2NyZXRwYXNz"];
    type Answers = fn(&crate::server::Request) -> Response;
    let answers: [Answers; 7] = [
        |_| Response::new(401).header("www-authenticate", "Basic realm=x"),
        |_| Response::new(401).header("www-authenticate", "Negotiate"),
        |_| Response::new(403).bytes("{\"errors\":[{\"code\":\"DENIED\",\"message\":\"no\"}]}"),
        |request| match request.header("authorization") {
            None => Response::new(401).header("www-authenticate", "Basic realm=x"),
            Some(_) => {
                Response::new(307).header("location", "http://user:s3cretpass@127.0.0.1:1/x?key=s3cretpass")
            }
        },
        |request| match request.header("authorization") {
            None => Response::new(401).header("www-authenticate", "Basic realm=x"),
            Some(_) => Response::new(307).header("location", "http://127.0.0.1:1/x?key=s3cretpass"),
        },
        |request| match request.path() {
            "/token" => Response::new(200).bytes("{\"token\":\"s3cretpass \",\"x\":"),
            _ => Response::new(401)
                .header("www-authenticate", "Bearer realm=\"/token?key=s3cretpass\",service=\"x\""),
        },
        |request| match request.path() {
            "/token" => Response::new(200).bytes("{\"token\":\"s3cretpass\"}"),
            _ => Response::new(401)
                .header("www-authenticate", "Bearer realm=\"/token\",error=\"invalid_token\""),
        },
    ];
    for answer in answers {
        let (place, server) = (Place::new(), Server::start(answer));
        let name = format!("{}/a/b:1", server.name());
        let source = format!("docker://{name}");
        let auths = |entry: &str| format!("{{\"auths\":{{\"{}\":{{{entry}}}}}}}", server.name());
        for file in [
            auths("\"auth\":\"dXNlcjpzM2NyZXRwYXNz\""),
            auths("\"identitytoken\":\"s3cretpass\""),
            auths("\"registrytoken\":\"s3cretpass\""),
            auths("\"auth\":\"dXNlcjpzM2NyZXRwYXNz\",,"),
            auths("\"auth\":\"s3cretpass!\""),
            auths("\"username\":\"user\",\"password\":\"s3cretpass\""),
        ] {
            let auth = place.file("auth.json", file.as_bytes());
            for arguments in [
                &["pull", "--retry", "0", &name][..],
                &["inspect", "--retry", "0", &source],
                &["tags", "list", "--retry", "0", &name[..name.len() - 2]],
            ] {
                let outcome = place.run(&[arguments, &["--authfile", &auth]].concat());
                assert_ne!(outcome.code, Some(0));
                check_silent(&outcome, &SECRETS);
            }
        }
        let outcome = place.run(&["pull", "--retry", "0", "--creds", "user:s3cretpass", &name]);
        check_silent(&outcome, &SECRETS);
        let outcome =
            place.run_with(&["login", "-u", "user", "--password-stdin", &server.name()], b"s3cretpass");
        check_silent(&outcome, &SECRETS);
        for variable in ["http_proxy", "HTTPS_PROXY"] {
            for proxy in [
                "http://user:s3cretpass@127.0.0.1:1",
                "socks5://user:s3cretpass@127.0.0.1:1",
                "http://user:s3cretpass@",
            ] {
                let mut command =
                    place.command(&["pull", "--retry", "0", "--tls-verify=false", "r.invalid/a/b:1"]);
                command.env(variable, proxy);
                check_silent(&place.outcome_of(command), &SECRETS);
            }
        }
    }
}

fn check_silent(outcome: &crate::place::Outcome, secrets: &[&str]) {
    let stdout = String::from_utf8_lossy(&outcome.stdout);
    for secret in secrets {
        assert!(!outcome.stderr.contains(secret) && !stdout.contains(secret), "{stdout}{}", outcome.stderr);
    }
    assert!(!outcome.stderr.contains("panicked"), "{}", outcome.stderr);
}
