use crate::archive::Layout;
use crate::place::Place;
use crate::pulling_places::configured;
use crate::shelved::{Shelved, small};
use crate::terminal::{self, Terminal, typed};

#[test]
fn a_name_without_a_registry_is_every_candidate_in_order() {
    let (place, first, second) = (Place::new(), Shelved::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    second.put(&layout, "1", &image);
    let configuration = format!(
        "unqualified-search-registries = ['{}', '{}']\nshort-name-mode = 'permissive'\n[aliases]\nknown = '{}/other/name'\n",
        first.server.name(),
        second.server.name(),
        second.server.name()
    );
    for lookup in ["podman", "podman-1"] {
        let run = |name: &str| configured(&place, &configuration, &["pull", "-q", "--lookup", lookup, name]);
        run("app:1").ok();
        assert_eq!((first.server.log().len(), second.server.log().is_empty()), (1, false));
        let failed = run("app:2").failed(1);
        for registry in [&first, &second] {
            assert!(failed.stderr.contains(&registry.name("app:2")), "{}", failed.stderr);
        }
        first.server.forget();
    }
    configured(&place, &configuration, &["pull", "-q", "--lookup", "podman", "known:1"]).ok();
    assert!(second.server.asked().iter().any(|line| line.contains("/v2/other/name/manifests/1")));
}

#[test]
fn who_is_at_a_terminal_is_asked_which_one_is_meant_and_not_a_second_time() {
    if !terminal::available() {
        println!("not tried: there is no script(1)");
        return;
    }
    // Root's answers are the machine's, which are not this test's to write to.
    if !terminal::can_be_nobody() {
        println!("not tried: there are no user namespaces");
        return;
    }
    for mode in ["permissive", "enforcing"] {
        let (place, first, second) = (Place::new(), Shelved::new(), Shelved::new());
        let mut layout = Layout::default();
        let image = small(&mut layout, "x");
        for registry in [&first, &second] {
            registry.put(&layout, "1", &image);
        }
        let configuration = format!(
            "unqualified-search-registries = ['{}', '{}']\nshort-name-mode = '{mode}'\n",
            first.server.name(),
            second.server.name()
        );
        let file = place.file("registries.conf", configuration.as_bytes());
        let cache = place.path("cache");
        let environment =
            [("CONTAINERS_REGISTRIES_CONF", file), ("XDG_CACHE_HOME", cache.to_str().unwrap().to_owned())];
        let pull = ["pull", "--lookup", "podman", "app:1"];
        let Terminal { code, shown } =
            terminal::run_as_nobody(&place, &pull, &environment, &[typed("[1-2]: ", "7")]);
        assert_eq!(code, Some(2), "{shown}");
        assert!(first.server.log().is_empty() && second.server.log().is_empty());
        let Terminal { code, shown } =
            terminal::run_as_nobody(&place, &pull, &environment, &[typed("[1-2]: ", "2")]);
        assert_eq!(code, Some(0), "{shown}");
        for at in [first.name("app:1"), second.name("app:1")] {
            assert!(shown.contains(&at), "{shown}");
        }
        assert!(first.server.log().is_empty() && !second.server.log().is_empty());
        let recorded = std::fs::read_to_string(cache.join("containers/short-name-aliases.conf")).unwrap();
        assert_eq!(recorded, format!("[aliases]\n  \"app\" = \"{}\"\n", second.name("app")));
        let Terminal { code, shown } = terminal::run_as_nobody(&place, &pull, &environment, &[]);
        assert_eq!(code, Some(0), "{shown}");
        assert!(!shown.contains("[1-2]"), "{shown}");
    }
}
