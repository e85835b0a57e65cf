use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::digest::Digest;
use crate::layer::entry::{Entry, Time};
use crate::layer::index::{Builder, Scratch};
use crate::layer::tar::Visitor as _;

/// `path`, `path/` for a directory, `path -> target` for a symbolic link, `path => target` for a hard one.
fn entry(text: &str) -> Entry {
    let mut entry = Entry { mode: 0o644, modified: Time { seconds: 1, nanoseconds: 0 }, ..Entry::default() };
    let path = if let Some((path, target)) = text.split_once(" -> ") {
        entry.kind = Kind::Symlink;
        entry.link = target.into();
        path
    } else if let Some((path, target)) = text.split_once(" => ") {
        entry.kind = Kind::HardLink;
        entry.link = target.into();
        path
    } else {
        entry.kind = if text.ends_with('/') { Kind::Directory } else { Kind::File };
        text
    };
    entry.path = path.into();
    entry
}

fn index(entries: &[&str]) -> Index {
    let mut builder = Builder::new(Scratch::default());
    for (at, text) in entries.iter().enumerate() {
        builder.entry(&entry(text), 512 * (at as u64 + 1)).unwrap();
    }
    let diff_id = Digest::of(b"");
    let bytes = builder.finish(&diff_id, 512 * (entries.len() as u64 + 2)).unwrap();
    Index::open(bytes, &diff_id).unwrap()
}

/// Which of the layer's entries it is, in the order of the tar: each has a block.
fn number(index: &Index, position: usize) -> usize {
    (index.get(position).unwrap().header / 512) as usize
}

fn stack(layers: &[&[&str]]) -> Vec<Index> {
    layers.iter().map(|entries| index(entries)).collect()
}

/// The tree as text: `path`, the layer that gave it, and the position of its entry there.
fn shown(layers: &[&[&str]]) -> Vec<String> {
    let layers = stack(layers);
    let tree = Tree::new(&layers);
    let show = |node: Result<Node, _>| {
        let node = node.unwrap();
        assert_eq!(tree.get(&node.path).unwrap().as_ref(), Some(&node), "look-up and walk agree");
        let path = String::from_utf8_lossy(&node.path).into_owned();
        match node.entry {
            Some(entry) => format!("{path} {}.{}", node.layer, number(&layers[node.layer], entry)),
            None => format!("{path} {}", node.layer),
        }
    };
    tree.walk(b"").unwrap().map(show).collect()
}

#[test]
fn an_upper_layer_stands_for_the_lower_and_directories_are_joined() {
    assert_eq!(
        shown(&[&["a/", "a/x", "a/y", "b"], &["a/", "a/y", "c"]]),
        ["a 1.0", "a/x 0.1", "a/y 1.1", "b 0.3", "c 1.2"]
    );
}

#[test]
fn what_is_in_a_directory_follows_it_whatever_its_name() {
    let shown = shown(&[&["a-b", "a/", "a/z", "a.b", "a/\u{1}", "ab"]]);
    let paths: Vec<&str> = shown.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(paths, ["a", "a/\u{1}", "a/z", "a-b", "a.b", "ab"]);
}

#[test]
fn whiteouts_hide_lower_layers_alone_wherever_they_stand() {
    assert_eq!(shown(&[&["a", "b"], &[".wh.a"]]), ["b 0.1"]);
    assert_eq!(shown(&[&["a"], &["a", ".wh.a"]]), ["a 1.0"]);
    assert_eq!(shown(&[&["a"], &[".wh.a", "a"]]), ["a 1.1"]);
    // A directory that is hidden and made again is another.
    assert_eq!(shown(&[&["d/", "d/a"], &["d/b", ".wh.d"]]), ["d 1", "d/b 1.0"]);
    // A name that sorts after its whiteout, and one that sorts before it.
    assert_eq!(shown(&[&["!", "~"], &[".wh.!", ".wh.~"]]), [""; 0]);
    // It does not matter of what kind it is.
    assert_eq!(shown(&[&["d/", "d/a"], &[".wh.d/"]]), [""; 0]);
}

#[test]
fn an_opaque_directory_hides_what_lower_layers_have_in_it() {
    let expected = ["d 1.0", "d/b 1.1"];
    assert_eq!(shown(&[&["d/", "d/a"], &["d/", "d/b", "d/.wh..wh..opq"]]), expected);
    assert_eq!(shown(&[&["d/", "d/a"], &["d/.wh..wh..opq", "d/b"]]), ["d 0.0", "d/b 1.1"]);
    assert_eq!(shown(&[&["d/a"], &["d/.wh..wh..opq"]]), ["d 0"]);
    assert_eq!(shown(&[&["d/", "d/a"], &[".wh..wh..opq", "b"]]), ["b 1.1"]);
}

#[test]
fn whiteouts_of_what_is_not_there_do_nothing() {
    assert_eq!(shown(&[&["a"], &["new/.wh.gone", "new/.wh..wh..opq", ".wh.x"]]), ["a 0.0"]);
    assert_eq!(shown(&[&[".wh.a", "a"]]), ["a 0.1"]);
}

#[test]
fn names_of_aufs_and_whiteouts_of_directories_themselves_do_nothing() {
    let odd = ["d/.wh..wh.plnk", "d/.wh..wh.aufs", "d/.wh.", "d/.wh..", "d/.wh...", ".wh..", ".wh..."];
    assert_eq!(shown(&[&["d/", "d/a"], &odd]), ["d 0.0", "d/a 0.1"]);
    // A file that is named `.wh` cannot be in a layer, its whiteout can.
    assert_eq!(shown(&[&[".wh", "a"], &[".wh..wh"]]), ["a 0.1"]);
    // Below a name like that of a whiteout there are files.
    assert_eq!(shown(&[&["d/.wh.z/b"]]), ["d 0", "d/.wh.z 0", "d/.wh.z/b 0.0"]);
}

#[test]
fn kinds_replace_each_other() {
    assert_eq!(shown(&[&["a/", "a/b"], &["a"]]), ["a 1.0"]);
    assert_eq!(shown(&[&["a"], &["a/", "a/b"]]), ["a 1.0", "a/b 1.1"]);
    assert_eq!(shown(&[&["a -> b", "b/", "b/x"], &["a/", "a/y"]]), ["a 1.0", "a/y 1.1", "b 0.1", "b/x 0.2"]);
    // What was under a directory does not come back.
    assert_eq!(shown(&[&["a/", "a/b"], &["a"], &["a/", "a/c"]]), ["a 2.0", "a/c 2.1"]);
}

#[test]
fn a_file_under_a_file_makes_it_a_directory_and_a_file_over_a_directory_takes_what_is_in_it() {
    assert_eq!(shown(&[&["a", "a/b"]]), ["a 0", "a/b 0.1"]);
    assert_eq!(shown(&[&["a"], &["a/b"]]), ["a 1", "a/b 1.0"]);
    assert_eq!(shown(&[&["a/", "a/b", "a"]]), ["a 0.2"]);
    assert_eq!(shown(&[&["a/b", "a", "a/"]]), ["a 0.2"]);
    assert_eq!(shown(&[&["a/b", "a", "a/c", "a/d"]]), ["a 0", "a/c 0.2", "a/d 0.3"]);
}

#[test]
fn of_several_entries_with_one_path_the_last_counts() {
    assert_eq!(shown(&[&["a", "./a", "/a"]]), ["a 0.2"]);
    assert_eq!(shown(&[&["a//b", "a/./b/"]]), ["a 0", "a/b 0.1"]);
}

#[test]
fn entries_that_lead_out_of_a_layer_are_not_there() {
    assert_eq!(shown(&[&["../a", "a/../b", "/../c", "ok", "..", "a/.."]]), ["ok 0.3"]);
    // The root stays a directory.
    assert_eq!(shown(&[&["./ -> etc", ". -> /", "a"]]), ["a 0.2"]);
    let layers = stack(&[&["./", "a"], &["./ -> etc"]]);
    assert_eq!(Tree::new(&layers).get(b"").unwrap().unwrap().entry, Some(0));
}

#[test]
fn a_walk_can_begin_in_any_directory() {
    let layers = stack(&[&["a/", "a/b/x", "a/b/y", "c"], &["a/b/.wh.x", "a/b/z/w"], &["c/d"]]);
    let tree = Tree::new(&layers);
    let walk = |directory: &str| {
        let nodes = tree.walk(directory.as_bytes()).unwrap();
        nodes.map(|node| String::from_utf8(node.unwrap().path).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(walk(""), ["a", "a/b", "a/b/y", "a/b/z", "a/b/z/w", "c", "c/d"]);
    assert_eq!(walk("a/b"), ["a/b/y", "a/b/z", "a/b/z/w"]);
    assert_eq!(walk("a/b/y"), [""; 0]);
    assert_eq!(walk("nowhere"), [""; 0]);
}

fn target(layers: &[&[&str]], path: &str) -> Option<(usize, usize)> {
    let layers = stack(layers);
    let tree = Tree::new(&layers);
    let node = tree.get(path.as_bytes()).unwrap().unwrap();
    let target = tree.target(&node).unwrap()?;
    Some((target.layer, number(&layers[target.layer], target.entry.unwrap())))
}

#[test]
fn a_hard_link_leads_to_what_its_target_was_when_it_was_made() {
    assert_eq!(target(&[&["a", "b => a"]], "b"), Some((0, 0)));
    assert_eq!(target(&[&["a", "b => /a", "a"]], "b"), Some((0, 0)));
    assert_eq!(target(&[&["a", "b => a", "c => b"]], "c"), Some((0, 0)));
    assert_eq!(target(&[&["a"], &["b => ./a"]], "b"), Some((0, 0)));
    assert_eq!(target(&[&["a"], &["b => a"], &["a"]], "b"), Some((0, 0)));
    assert_eq!(target(&[&["a"], &["b => a", ".wh.a"]], "b"), Some((0, 0)));
    assert_eq!(target(&[&["a"], &["c => a"], &["c => a"]], "c"), Some((0, 0)));
    assert_eq!(target(&[&["s -> x", "b => s"]], "b"), Some((0, 0)));
}

#[test]
fn a_hard_link_to_nothing_leads_nowhere() {
    assert_eq!(target(&[&["b => a", "a"]], "b"), None);
    assert_eq!(target(&[&["a"], &[".wh.a", "b => a"]], "b"), None);
    assert_eq!(target(&[&["a/", "b => a"]], "b"), None);
    assert_eq!(target(&[&["b => b"]], "b"), None);
    assert_eq!(target(&[&["b => ../x"]], "b"), None);
    assert_eq!(target(&[&["b => c", "c => b"]], "c"), None);
    // Symbolic links on the way are not followed.
    assert_eq!(target(&[&["d/f", "s -> d", "b => s/f"]], "b"), None);
}

fn resolved(layers: &Vec<Index>, path: &str, follow: Follow) -> Result<String, NoSuchPath> {
    match Tree::new(layers).resolve(path.as_bytes(), follow) {
        Ok(node) => Ok(String::from_utf8(node.path).unwrap()),
        Err(PathError::Missing(missing)) => Err(missing),
        Err(PathError::Layer(error)) => panic!("{error}"),
    }
}

#[test]
fn symbolic_links_are_followed_within_the_image() {
    let layers = stack(&[
        &["usr/lib/x", "lib -> usr/lib", "etc/os -> ../usr/lib/x", "abs -> /lib/x", "out -> ../../../etc"],
        &["d/self -> .", "d/up -> ../../../..", "d/f", "h => lib", "slash -> d/"],
    ]);
    let last = |path| resolved(&layers, path, Follow::Last);
    for (path, leads) in [
        ("/lib/x", "usr/lib/x"),
        ("etc/os", "usr/lib/x"),
        ("abs", "usr/lib/x"),
        ("out/os", "usr/lib/x"),
        ("d/self/self/f", "d/f"),
        ("d/up/d/f", "d/f"),
        ("../..//./d/f", "d/f"),
        ("h/x", "usr/lib/x"),
        ("slash/f", "d/f"),
        ("", ""),
        ("/", ""),
    ] {
        assert_eq!(last(path), Ok(leads.to_owned()), "{path}");
    }
    assert_eq!(resolved(&layers, "lib", Follow::NotLast), Ok("lib".to_owned()));
    assert_eq!(resolved(&layers, "lib/", Follow::NotLast), Ok("usr/lib".to_owned()));
    assert_eq!(last("d/f/"), Err(NoSuchPath::NotADirectory { path: b"d/f".to_vec() }));
    assert_eq!(last("d/f/.."), Err(NoSuchPath::NotADirectory { path: b"d/f".to_vec() }));
    assert_eq!(last("lib/y/z"), Err(NoSuchPath::NotFound { path: b"usr/lib/y".to_vec() }));
}

#[test]
fn circles_of_symbolic_links_end() {
    let layers = stack(&[&["a -> b", "b -> a", "c -> c/x", "d -> d"]]);
    for path in ["a", "c", "d", "a/x"] {
        let error = resolved(&layers, path, Follow::Last).unwrap_err();
        assert!(matches!(error, NoSuchPath::TooManyLinks { .. }), "{path}: {error}");
    }
    assert_eq!(resolved(&layers, "d", Follow::NotLast), Ok("d".to_owned()));
}

#[test]
fn the_history_of_a_path_says_who_gave_and_who_hid_it() {
    let layers = stack(&[
        &["d/", "d/f"],
        &["d/f"],
        &["other"],
        &["d/.wh.f"],
        &["d/.wh.f"],
        &["d/f"],
        &["d/", "d/.wh..wh..opq"],
        &["d/f"],
        &["d"],
    ]);
    let tree = Tree::new(&layers);
    let gave = |layer: usize, wanted| {
        let mut positions = 0..layers[layer].len();
        let entry = positions.find(|position| number(&layers[layer], *position) == wanted);
        Event::Gave(Node { path: b"d/f".to_vec(), layer, entry })
    };
    let hid = |layer, hidden| Event::Hid { layer, hidden };
    let history = tree.history(b"d/f").unwrap();
    let expected = [
        gave(0, 1),
        gave(1, 0),
        hid(3, Hidden::Whiteout { path: b"d/f".to_vec() }),
        gave(5, 0),
        hid(6, Hidden::Opaque { directory: b"d".to_vec() }),
        gave(7, 0),
        hid(8, Hidden::Replaced { path: b"d".to_vec() }),
    ];
    assert_eq!(history, expected);
    assert_eq!(tree.history(b"nothing").unwrap(), []);
}

/// The same, done as it is on a disk: entry by entry.
#[derive(Default)]
struct Model {
    nodes: BTreeMap<String, Made>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Made {
    layer: usize,
    entry: Option<usize>,
    directory: bool,
    /// The entry it is another name for, or its own.
    target: Option<(usize, usize)>,
}

impl Model {
    fn below(&self, path: &str) -> Vec<String> {
        let inside = |other: &&String| path.is_empty() || other.starts_with(&format!("{path}/"));
        self.nodes.keys().filter(inside).cloned().collect()
    }

    fn parents(&mut self, layer: usize, path: &str) {
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            if !self.nodes.get(parent).is_some_and(|made| made.directory) {
                let made = Made { layer, entry: None, directory: true, target: None };
                self.nodes.insert(parent.to_owned(), made);
            }
        }
    }

    /// Takes away what lower layers have; what this one has stays, and so do its directories.
    fn hide(&mut self, layer: usize, paths: Vec<String>) {
        for path in &paths {
            if self.nodes.get(path).is_some_and(|made| made.layer < layer) {
                self.nodes.remove(path);
            }
        }
        for path in paths {
            if self.nodes.contains_key(&path) {
                self.parents(layer, &path);
            }
        }
    }

    fn apply(&mut self, layer: usize, entries: &[Entry]) {
        for (position, entry) in entries.iter().enumerate() {
            let path = String::from_utf8(entry.path.clone()).unwrap();
            let path = path.trim_end_matches('/');
            let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
            if name == ".wh..wh..opq" {
                self.hide(layer, self.below(directory));
                continue;
            }
            if let Some(hidden) = name.strip_prefix(".wh.") {
                let path = [directory, hidden].join("/");
                let path = path.trim_start_matches('/').to_owned();
                let below = self.below(&path);
                self.hide(layer, [vec![path], below].concat());
                continue;
            }
            let target = match entry.kind {
                Kind::HardLink => {
                    let link = String::from_utf8(entry.link.clone()).unwrap();
                    self.nodes.get(&link).and_then(|made| made.target)
                }
                Kind::Directory => None,
                _ => Some((layer, position)),
            };
            self.parents(layer, path);
            let is = entry.kind == Kind::Directory;
            if !is || !self.nodes.get(path).is_some_and(|made| made.directory) {
                for below in self.below(path) {
                    self.nodes.remove(&below);
                }
            }
            let made = Made { layer, entry: Some(position), directory: is, target };
            self.nodes.insert(path.to_owned(), made);
        }
    }
}

fn any_path() -> impl Strategy<Value = String> {
    let name = prop_oneof![4 => Just("a"), 4 => Just("b"), 1 => Just("a-"), 1 => Just("+")];
    proptest::collection::vec(name, 1..4).prop_map(|names| names.join("/"))
}

fn any_entry() -> impl Strategy<Value = String> {
    let marked = |path: String, mark: fn(&str) -> String| {
        let (directory, name) = path.rsplit_once('/').map_or(("", &*path), |parts| parts);
        [directory, &mark(name)].join("/").trim_start_matches('/').to_owned()
    };
    prop_oneof![
        4 => any_path(),
        4 => any_path().prop_map(|path| path + "/"),
        1 => any_path().prop_map(|path| path + " -> x"),
        2 => (any_path(), any_path()).prop_map(|(path, target)| format!("{path} => {target}")),
        3 => any_path().prop_map(move |path| marked(path, |name| format!(".wh.{name}"))),
        2 => any_path().prop_map(move |path| marked(path, |_| ".wh..wh..opq".to_owned())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_merged_tree_is_the_one_that_layers_make_when_they_are_applied(
        layers in proptest::collection::vec(proptest::collection::vec(any_entry(), 0..9), 0..5)
    ) {
        let mut model = Model::default();
        for (layer, entries) in layers.iter().enumerate() {
            let entries: Vec<Entry> = entries.iter().map(|text| entry(text)).collect();
            model.apply(layer, &entries);
        }
        let texts: Vec<Vec<&str>> =
            layers.iter().map(|entries| entries.iter().map(String::as_str).collect()).collect();
        let indexes: Vec<Index> = texts.iter().map(|entries| index(entries)).collect();
        let tree = Tree::new(&indexes);
        let made = |node: &Node| {
            let directory = match node.entry {
                Some(entry) => indexes[node.layer].get(entry).unwrap().kind == Kind::Directory,
                None => true,
            };
            let target = tree.target(node).unwrap().filter(|_| !directory);
            let numbered = |layer: usize, entry| (layer, number(&indexes[layer], entry));
            let target = target.map(|target| numbered(target.layer, target.entry.unwrap()));
            let entry = node.entry.map(|entry| number(&indexes[node.layer], entry));
            Made { layer: node.layer, entry, directory, target }
        };
        let path = |node: &Node| String::from_utf8(node.path.clone()).unwrap();
        let walked: Vec<Node> = tree.walk(b"").unwrap().map(Result::unwrap).collect();
        let found: BTreeMap<String, Made> = walked.iter().map(|node| (path(node), made(node))).collect();
        prop_assert_eq!(&found, &model.nodes);
        prop_assert!(walked.is_sorted_by(|a, b| order(&a.path, &b.path).is_lt()));
        for node in &walked {
            prop_assert_eq!(tree.get(&node.path).unwrap(), Some(node.clone()));
            let inside: Vec<Node> = tree.walk(&node.path).unwrap().map(Result::unwrap).collect();
            let is_below = |other: &&Node| is_below(&other.path, &node.path);
            let expected: Vec<Node> = walked.iter().filter(is_below).cloned().collect();
            prop_assert_eq!(inside, expected);
            // Whoever gave it last is the last of its history.
            let history = tree.history(&node.path).unwrap();
            prop_assert_eq!(history.last(), Some(&Event::Gave(node.clone())));
        }
        for absent in ["a", "a/b", "b/a", "a/a/a", "a/+", "b/a-/b"] {
            if !model.nodes.contains_key(absent) {
                prop_assert_eq!(tree.get(absent.as_bytes()).unwrap(), None);
                let history = tree.history(absent.as_bytes()).unwrap();
                prop_assert!(!matches!(history.last(), Some(Event::Gave(_))));
            }
        }
    }
}

#[test]
fn names_and_paths_that_no_file_system_takes_are_not_there() {
    let (name, longer) = ("n".repeat(255), "n".repeat(256));
    let deep = ["a/".repeat(2047), "a".to_owned()].concat();
    let deeper = ["b/".repeat(2047), "bc".to_owned()].concat();
    let layers = stack(&[&[&*name, &*longer, &*deep, &*deeper]]);
    let tree = Tree::new(&layers);
    // A directory for each component, and the file.
    assert_eq!(tree.walk(b"").unwrap().count(), 2048 + 1);
    assert!(tree.get(name.as_bytes()).unwrap().is_some() && tree.get(longer.as_bytes()).unwrap().is_none());
    assert!(tree.resolve(deep.as_bytes(), Follow::Last).is_ok());
    assert!(tree.resolve(deeper.as_bytes(), Follow::Last).is_err());
}
