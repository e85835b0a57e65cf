use super::*;
use crate::sandbox::Limits;

fn parse(text: &str) -> Result<File, RegistriesConfError> {
    File::parse("r.conf", text, Version1::Refused)
}

fn message(text: &str) -> String {
    let file =
        parse(text).and_then(|file| Registries::of(&Sandbox::new(Limits::default())?, vec![file]).map(drop));
    file.unwrap_err().to_string()
}

#[test]
fn wrong_types_are_told_with_key_and_line() {
    for (text, wanted) in [
        ("\nshort-name-mode = 3", "line 2: `short-name-mode`: wanted a string, found an integer"),
        (
            "unqualified-search-registries = ['a.io', 1]",
            "line 1: `unqualified-search-registries[1]`: wanted a string, found an integer",
        ),
        (
            "unqualified-search-registries = 'a.io'",
            "line 1: `unqualified-search-registries`: wanted an array of strings, found a string",
        ),
        ("aliases = []", "line 1: `aliases`: wanted a table, found an array"),
        ("[aliases]\na = true", "line 2: `aliases.a`: wanted a string, found a boolean"),
        (
            "[[registry]]\nlocation='a.io'\n[[registry.mirror]]\ninsecure = 'yes'",
            "line 4: `registry[0].mirror[0].insecure`: wanted a boolean, found a string",
        ),
        ("registries = 1", "line 1: `registries`: wanted a table, found an integer"),
    ] {
        assert_eq!(message(text), format!("`r.conf`, {wanted}"));
    }
}

#[test]
fn values_that_cannot_be_are_told_with_what_was_wanted() {
    for (text, wanted) in [
        (
            "short-name-mode = 'ask'",
            "`r.conf`, line 1: `short-name-mode`: wanted `enforcing`, `permissive` or `disabled`, found `ask`",
        ),
        (
            "[aliases]\na = 'b'\nb = 'a'",
            "`r.conf`: `a`: wanted a repository with a registry, found a circle of aliases: `a` → `b` → `a`",
        ),
        (
            "[aliases]\na = 'b'",
            "`r.conf`: `a`: wanted a repository with a registry, found another short name: `a` → `b`",
        ),
        (
            "[aliases]\na = 'q.io/a:1'",
            "`r.conf`: `a`: wanted a repository, found a tag or a digest in `q.io/a:1`",
        ),
        ("unqualified-search-registries = ['q.io/ns']", "`r.conf`: `q.io/ns`: wanted host[:port]"),
        (
            "unqualified-search-registries = ['https://q.io']",
            "`r.conf`: `https://q.io`: wanted host[:port], found a URL",
        ),
    ] {
        assert_eq!(message(text), wanted);
    }
    assert!(message("a = [\n").starts_with("`r.conf`, line "));
}

#[test]
fn version_1_is_named_or_converted() {
    let text =
        "[registries.search]\nregistries = ['a.io', 'b.io']\n[registries.block]\nregistries = ['c.io']";
    assert!(matches!(parse(text), Err(RegistriesConfError::Version1 { .. })));
    let file = File::parse("r.conf", text, Version1::Converted).unwrap();
    assert_eq!(file.search_registries.unwrap(), ["a.io", "b.io"]);
    let mixed = format!("short-name-mode = 'disabled'\n{text}");
    let mixed = File::parse("r.conf", &mixed, Version1::Converted);
    assert!(matches!(mixed, Err(RegistriesConfError::Mixed { .. })));
}

#[test]
fn later_files_count_and_their_names_are_kept() {
    let file = |path: &str, text: &str| File::parse(path, text, Version1::Refused).unwrap();
    let files = vec![
        file(
            "main",
            "unqualified-search-registries=['a.io']\nshort-name-mode='disabled'\n[aliases]\nx='a.io/x'\ny='a.io/y'",
        ),
        file("10", "[aliases]\nx='b.io/x'"),
        file("20", "unqualified-search-registries=[]\nshort-name-mode='enforcing'"),
    ];
    let whole = Registries::of(&Sandbox::new(Limits::default()).unwrap(), files).unwrap();
    assert_eq!(
        (whole.searched(), whole.alias("x"), whole.alias("y")),
        (Some("20"), Some("10"), Some("main"))
    );
    assert_eq!(whole.configuration().mode, Mode::Enforcing);
    assert!(whole.configuration().search_registries.is_empty());
}

#[test]
fn drop_in_files_are_read_in_order_and_others_are_not() {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("20.conf", "short-name-mode = 'enforcing'"),
        ("10.conf", "short-name-mode = 'disabled'"),
        ("30.conf.bak", "short-name-mode = 7"),
    ] {
        std::fs::write(place.path().join(name), text).unwrap();
    }
    std::fs::create_dir(place.path().join("40.conf")).unwrap();
    let directory = Dir::open_ambient_dir(place.path(), cap_std::ambient_authority()).unwrap();
    let files = File::read_directory(&directory, "d").unwrap();
    let read: Vec<_> = files.iter().map(|file| (file.path.as_str(), file.mode)).collect();
    assert_eq!(read, [("d/10.conf", Some(Mode::Disabled)), ("d/20.conf", Some(Mode::Enforcing))]);
    assert!(File::read(&directory, "absent", "absent", Version1::Refused).unwrap().is_none());
    std::fs::write(place.path().join("big"), vec![b'#'; 2 << 20]).unwrap();
    let big = File::read(&directory, "big", "big", Version1::Refused);
    assert!(matches!(big, Err(RegistriesConfError::Read { .. })));
}

/// Where a name is pulled from, with `!` after what may be insecure; or the error.
fn endpoints(text: &str, name: &str) -> String {
    let sandbox = Sandbox::new(Limits::default()).unwrap();
    let whole = Registries::of(&sandbox, vec![parse(text).unwrap()]).unwrap();
    let reading = crate::types::references::Reading::Normalized;
    let Ok(crate::types::references::Reference::Named(name)) =
        sandbox.parse_reference(name, reading, crate::types::Rules::Docker).unwrap()
    else {
        panic!("{name}")
    };
    match whole.endpoints(&sandbox, &name) {
        Ok(endpoints) => {
            let shown = endpoints.iter().map(|endpoint| {
                format!(
                    "{}{}",
                    crate::resolve::name(&endpoint.name),
                    if endpoint.insecure { "!" } else { "" }
                )
            });
            shown.collect::<Vec<_>>().join(" ")
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn names_are_pulled_from_mirrors_and_locations() {
    let text = "
        [[registry]]
        location = 'docker.io'
        [[registry.mirror]]
        location = 'm.io/hub/'
        insecure = true
        [[registry.mirror]]
        location = 'd.io'
        pull-from-mirror = 'digest-only'
        [[registry.mirror]]
        location = 't.io'
        pull-from-mirror = 'tag-only'
        [[registry]]
        prefix = 'docker.io/library/debian'
        location = 'q.io/os/debian'
        insecure = true
        [[registry]]
        prefix = '*.example.com'
        blocked = true
        [[registry]]
        prefix = '*.sub.example.com'
        insecure = true
        [[registry]]
        prefix = 'by.io'
        location = 'by.io'
        mirror-by-digest-only = true
        mirror = [{location = 'c.io/by'}]";
    let digest = format!("@sha256:{}", "0".repeat(64));
    for (name, wanted) in [
        ("a.io/x:1", "a.io/x:1".to_owned()),
        (
            "busybox:1",
            "m.io/hub/library/busybox:1! t.io/library/busybox:1 docker.io/library/busybox:1".to_owned(),
        ),
        (
            &format!("busybox{digest}"),
            ["m.io/hub", "d.io", "docker.io"]
                .map(|place| format!("{place}/library/busybox{digest}"))
                .join(" ")
                .replacen(' ', "! ", 1),
        ),
        ("debian:12", "q.io/os/debian:12!".to_owned()),
        (
            "debian-slim:12",
            "m.io/hub/library/debian-slim:12! t.io/library/debian-slim:12 docker.io/library/debian-slim:12"
                .to_owned(),
        ),
        (
            "a.example.com/x:1",
            "`a.example.com/x:1` may not be pulled: `r.conf` blocks `*.example.com`".to_owned(),
        ),
        ("example.com/x:1", "example.com/x:1".to_owned()),
        ("a.sub.example.com/x:1", "a.sub.example.com/x:1!".to_owned()),
        ("by.io/x:1", "by.io/x:1".to_owned()),
        (&format!("by.io/x{digest}"), format!("c.io/by/x{digest} by.io/x{digest}")),
    ] {
        assert_eq!(endpoints(text, name), wanted, "{name}");
    }
}

#[test]
fn registry_tables_that_cannot_be_are_told() {
    for (text, wanted) in [
        (
            "[[registry]]\nprefix = 'a.io'",
            "line 1: `registry[0].location`: wanted the place of a registry, found ``",
        ),
        (
            "[[registry]]\nlocation='a.io'\n[[registry.mirror]]\ninsecure=true",
            "line 3: `registry[0].mirror[0].location`: wanted the place of a mirror, found ``",
        ),
        (
            "[[registry]]\nlocation='a.io'\npull-from-mirror='all'",
            "line 3: `registry[0].pull-from-mirror`: wanted it in a mirror's table, found `all`",
        ),
        (
            "[[registry]]\nlocation='a.io'\nmirror=[{location='b.io', pull-from-mirror='some'}]",
            "line 3: `registry[0].mirror[0].pull-from-mirror`: wanted `all`, `digest-only` or `tag-only`, found `some`",
        ),
        (
            "[[registry]]\nlocation='a.io'\n[[registry]]\nlocation='a.io'\nblocked=true",
            "line 3: `registry[1]`: wanted one answer for a prefix, found `a.io`",
        ),
    ] {
        assert_eq!(message(text), format!("`r.conf`, {wanted}"));
    }
}
