use super::*;
use crate::wit::exports::consign::image::short_names::ConfigurationProblem as Problem;

fn configuration(aliases: &[(&str, &str)], registries: &[&str], mode: Mode) -> Configuration {
    Configuration {
        aliases: aliases.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        search_registries: registries.iter().map(|registry| (*registry).into()).collect(),
        mode,
    }
}

fn names(found: Result<Completion, Error>) -> Vec<String> {
    found.map(|found| found.candidates.iter().map(written).collect()).unwrap_or_default()
}

#[test]
fn an_ambiguous_name_lists_what_it_could_mean() {
    let registries = configuration(&[], &["quay.io", "docker.io/"], Mode::Enforcing);
    let error = complete("app:1", Purpose::Pull, false, &registries).err();
    let Some(Error::Ambiguous(candidates)) = error else { panic!("{error:?}") };
    assert_eq!(
        candidates.iter().map(written).collect::<Vec<_>>(),
        ["quay.io/app:1", "docker.io/library/app:1"]
    );
    // To look for what is here there is nothing to choose.
    assert_eq!(
        names(complete("app:1", Purpose::Local, false, &registries)),
        ["localhost/app:1", "quay.io/app:1", "docker.io/library/app:1"]
    );
}

#[test]
fn the_last_alias_counts_and_an_empty_one_takes_it_away() {
    let aliases = [("a", "one.example/a"), ("a", "two.example/a"), ("b", "one.example/b"), ("b", "")];
    let registries = configuration(&aliases, &["quay.io"], Mode::Permissive);
    assert_eq!(names(complete("a", Purpose::Pull, false, &registries)), ["two.example/a:latest"]);
    assert_eq!(names(complete("b", Purpose::Pull, false, &registries)), ["quay.io/b:latest"]);
}

#[test]
fn aliases_that_lead_in_a_circle_are_told_with_their_way() {
    let aliases = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "e")];
    let wrong = check(&configuration(&aliases, &[], Mode::Disabled));
    let way = |at: usize| match &wrong[at].problem {
        Problem::Short(way) => way.join(" "),
        other => panic!("{other:?}"),
    };
    assert_eq!(wrong.len(), 4);
    assert_eq!(
        (way(0), way(1), way(2), way(3)),
        ("a b c a".into(), "b c a b".into(), "c a b c".into(), "d e".into())
    );
}

#[test]
fn a_way_of_many_aliases_is_not_told_to_its_end() {
    let many: Vec<(String, String)> = (0..1000).map(|n| (format!("a{n}"), format!("a{}", n + 1))).collect();
    let long = Configuration { aliases: many, search_registries: Vec::new(), mode: Mode::Disabled };
    let wrong = check(&long);
    assert_eq!(wrong.len(), 1000);
    assert!(wrong.iter().all(|one| matches!(&one.problem, Problem::Short(way) if way.len() <= 18)));
}

#[test]
fn every_entry_that_cannot_be_is_told() {
    let aliases =
        [("UP", "q.io/a"), ("q.io/a", "q.io/b"), ("a:1", "q.io/a"), ("v", "q.io/a:1"), ("w", "q.io/A")];
    let registries = ["https://q.io", "q.io/ns", "", "q.io:5000/"];
    let wrong = check(&configuration(&aliases, &registries, Mode::Disabled));
    let entries: Vec<&str> = wrong.iter().map(|one| one.entry.as_str()).collect();
    assert_eq!(entries, ["UP", "q.io/a", "a:1", "v", "w", "https://q.io", "q.io/ns", ""]);
}
