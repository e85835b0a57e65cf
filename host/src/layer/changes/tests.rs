use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::layer::entry::{Entry, Time};
use crate::layer::index::{Builder, Index, Scratch};
use crate::layer::tar::Visitor as _;

/// What a layer has at a path: kind, content, mode, owner, time.
#[derive(Debug, Clone)]
struct Given {
    path: String,
    kind: Kind,
    content: Vec<u8>,
    mode: u32,
    uid: u64,
    seconds: i64,
}

fn index(entries: &[Given]) -> Index {
    let mut builder = Builder::new(Scratch::default());
    let mut at = 0;
    for given in entries {
        let file = given.kind == Kind::File;
        let entry = Entry {
            path: given.path.clone().into(),
            kind: given.kind,
            size: if file { given.content.len() as u64 } else { 0 },
            mode: given.mode,
            uid: given.uid,
            modified: Time { seconds: given.seconds, nanoseconds: 0 },
            link: if file || given.kind == Kind::Directory { Vec::new() } else { given.content.clone() },
            ..Entry::default()
        };
        at += 512;
        builder.entry(&entry, at).unwrap();
        if file {
            builder.content(&given.content).unwrap();
            at += (given.content.len() as u64).next_multiple_of(512);
        }
    }
    // Layers with other entries are other layers.
    let diff_id = Digest::of(format!("{entries:?}").as_bytes());
    Index::open(builder.finish(&diff_id, at + 1024).unwrap(), &diff_id).unwrap()
}

fn file(path: &str, content: &str) -> Given {
    let content = content.as_bytes().to_vec();
    Given { path: path.into(), kind: Kind::File, content, mode: 0o644, uid: 0, seconds: 1 }
}

fn directory(path: &str) -> Given {
    Given { kind: Kind::Directory, mode: 0o755, ..file(path, "") }
}

/// Each change as docker writes it, with what is another.
fn lines(before: &[Vec<Given>], after: &[Vec<Given>], options: &Options) -> Vec<String> {
    let stack = |layers: &[Vec<Given>]| layers.iter().map(|entries| index(entries)).collect::<Vec<_>>();
    let (before, after) = (stack(before), stack(after));
    let changes = changes(Tree::new(&before), Tree::new(&after), options).unwrap();
    let line = |change: Change| {
        let letter = match (&change.before, &change.after) {
            (None, _) => 'A',
            (_, None) => 'D',
            _ => 'C',
        };
        let names: Vec<&str> = change.aspects.iter().map(|aspect| aspect.name()).collect();
        format!("{letter} /{} {}", String::from_utf8_lossy(&change.path), names.join(",")).trim().to_owned()
    };
    changes.map(|change| line(change.unwrap())).collect()
}

#[test]
fn a_change_says_what_is_another_and_changes_the_directories_above_it() {
    let base = vec![directory("d"), directory("d/e"), file("d/e/f", "one"), file("g", "g"), file("same", "")];
    let top = vec![
        file("d/e/f", "two"),
        Given { mode: 0o600, uid: 7, ..file("g", "g") },
        file("same", ""),
        file("d/new", "x"),
        file("d/.wh.e2", ""),
    ];
    let both = [base.clone(), top];
    assert_eq!(
        lines(&[base], &both, &Options::default()),
        ["C /d", "C /d/e", "C /d/e/f content", "A /d/new", "C /g mode,owner"]
    );
}

#[test]
fn what_goes_is_told_with_all_that_was_in_it() {
    let base = vec![directory("d"), file("d/a", ""), directory("d/b"), file("d/b/c", "")];
    let top = vec![file(".wh.d", "")];
    assert_eq!(
        lines(std::slice::from_ref(&base), &[base.clone(), top], &Options::default()),
        ["D /d", "D /d/a", "D /d/b", "D /d/b/c"]
    );
}

#[test]
fn times_of_files_count_unless_they_are_ignored_and_those_of_directories_never() {
    let base = vec![directory("d"), file("f", "x")];
    let top = vec![Given { seconds: 2, ..directory("d") }, Given { seconds: 2, ..file("f", "x") }];
    let both = [base.clone(), top];
    assert_eq!(lines(std::slice::from_ref(&base), &both, &Options::default()), ["C /f time"]);
    assert_eq!(lines(&[base], &both, &Options { ignored: vec![Aspect::Time] }), [""; 0]);
}

#[test]
fn another_kind_is_one_change_and_what_was_below_goes() {
    let base = vec![directory("d"), file("d/a", "")];
    let both = [base.clone(), vec![file("d", "x")]];
    assert_eq!(lines(&[base], &both, &Options::default()), ["C /d kind,mode", "D /d/a"]);
}

#[test]
fn a_file_and_a_hard_link_to_the_same_content_are_the_same() {
    let link = Given { kind: Kind::HardLink, ..file("b", "a") };
    let (linked, copied) = (vec![file("a", "x"), link], vec![file("a", "x"), file("b", "x")]);
    assert_eq!(lines(&[linked], &[copied], &Options::default()), [""; 0]);
}

#[test]
fn the_root_is_a_change_where_itself_is_another() {
    let base = vec![directory("./"), file("a", "")];
    let top = vec![Given { mode: 0o700, ..directory("./") }];
    let both = [base.clone(), top];
    assert_eq!(lines(&[base], &both, &Options::default()), ["C / mode"]);
}

/// All that is compared of a path.
type Facts = (Kind, u32, u64, Option<i64>, Vec<u8>, Option<String>);

fn facts(tree: &Tree<'_>, node: &Node) -> Facts {
    let target = tree.target(node).unwrap().unwrap_or_else(|| node.clone());
    match tree.record(&target).unwrap() {
        None => (Kind::Directory, IMPLIED_MODE, 0, None, Vec::new(), None),
        Some(record) => {
            let time = (record.kind != Kind::Directory).then_some(record.modified.seconds);
            let mode = if record.kind == Kind::Symlink { 0 } else { record.mode };
            let digest = record.digest.map(|digest| digest.to_string());
            (record.kind, mode, record.uid, time, record.link().to_vec(), digest)
        }
    }
}

fn any_given() -> impl Strategy<Value = Given> {
    let name = prop_oneof![3 => Just("a"), 3 => Just("b"), 1 => Just("+"), 1 => Just(".wh.a")];
    let path = proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"));
    let kind = prop_oneof![4 => Just(Kind::File), 3 => Just(Kind::Directory), 1 => Just(Kind::Symlink)];
    let mode = prop_oneof![Just(0o755), Just(0o644)];
    (path, kind, "[xy]", mode, 0..2u64, 1..3i64).prop_map(|(path, kind, content, mode, uid, seconds)| Given {
        path,
        kind,
        content: content.into_bytes(),
        mode,
        uid,
        seconds,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn changes_applied_to_what_was_make_what_is(
        layers in proptest::collection::vec(proptest::collection::vec(any_given(), 0..8), 1..5),
        shared in 0..5usize,
        others in proptest::collection::vec(proptest::collection::vec(any_given(), 0..8), 0..3),
    ) {
        let shared = &layers[..shared.min(layers.len())];
        let before: Vec<Index> = layers.iter().map(|entries| index(entries)).collect();
        let after: Vec<Index> = shared.iter().chain(&others).map(|entries| index(entries)).collect();
        let (before, after) = (Tree::new(&before), Tree::new(&after));
        let all = |tree: &Tree<'_>| -> BTreeMap<Vec<u8>, Facts> {
            let nodes = tree.walk(b"").unwrap().map(Result::unwrap);
            nodes.map(|node| (node.path.clone(), facts(tree, &node))).collect()
        };
        let mut made = all(&before);
        for change in changes(before, after, &Options::default()).unwrap().map(Result::unwrap) {
            match &change.after {
                Some(node) => made.insert(change.path, facts(&after, node)),
                None => made.remove(&change.path),
            };
        }
        prop_assert_eq!(made, all(&after));
        prop_assert_eq!(changes(after, after, &Options::default()).unwrap().count(), 0);
    }
}
