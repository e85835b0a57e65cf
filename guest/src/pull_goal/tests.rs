use super::*;

#[test]
fn all_names_of_an_archive_are_wanted_and_the_id_where_there_is_none() {
    let contents = |names: &[&str]| Contents {
        names: names.iter().map(|name| (*name).into()).collect(),
        config: format!("sha256:{}", "a".repeat(64)),
    };
    let goal = |source: &str, names: &[&str]| {
        goal_of(Wanted::Source((source.into(), Some(contents(names))))).unwrap()
    };
    let destinations =
        |goal: &Goal| goal.pairs.iter().map(|pair| pair.destination.clone()).collect::<Vec<_>>();
    let archive = goal("docker-archive:/a.tar", &["b:1", "q.io/c:2"]);
    assert_eq!(
        (destinations(&archive), archive.all),
        (vec!["localhost/b:1".into(), "q.io/c:2".into()], true)
    );
    let layout = goal("oci-archive:/a.tar", &["q.io/c:2"]);
    assert_eq!((destinations(&layout), layout.all), (vec!["q.io/c:2".into()], false));
    let nameless = goal("docker-archive:/a.tar", &[]);
    assert_eq!(destinations(&nameless), [format!("@{}", "a".repeat(64))]);
}

#[test]
fn an_archive_of_which_nothing_is_said_has_no_goal() {
    assert!(matches!(goal_of(Wanted::Source(("oci-archive:/a.tar".into(), None))), Err(Error::Unread)));
}
