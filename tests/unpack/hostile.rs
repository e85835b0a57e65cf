//! Layers nobody would build: refused or contained, and nothing outside the root is touched.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};

use consign::unpack::{EntryError, Options, Report, UnpackError};

use crate::layer::{Layer, Said};
use crate::place::{Memory, Place, is_root};

/// Unpacks into a root that has links to outside in reach of the layer's paths: `../outside` and the absolute path.
#[track_caller]
fn unpack(layers: &[Vec<u8>], options: &Options) -> (Place, Result<Report, UnpackError>) {
    let place = Place::new();
    let result = place.unpack(&Memory::plain(layers), options);
    place.assert_contained();
    (place, result)
}

/// Refused for this, and with `keep_going` left out while the rest is written.
#[track_caller]
fn refused(layer: Layer, is: impl Fn(&EntryError) -> bool) {
    let layers = [layer.file("after", "1").end()];
    let (_, result) = unpack(&layers, &Options::default());
    match result {
        Err(UnpackError::Entry(failure)) => assert!(is(&failure.error), "{failure:?}"),
        other => panic!("{other:?}"),
    }
    let (place, result) = unpack(&layers, &Options { keep_going: true, ..Options::default() });
    let report = result.unwrap();
    assert!(report.failed >= 1 && report.failures.iter().all(|failure| is(&failure.error)), "{report:?}");
    assert_eq!(place.tree()["after"], "1");
}

/// Written, but within the root.
#[track_caller]
fn contained(layers: &[Vec<u8>], wanted: &[&str]) -> Place {
    let (place, result) = unpack(layers, &Options::default());
    result.unwrap();
    assert_eq!(place.lines(), wanted);
    place
}

fn outside(error: &EntryError) -> bool {
    matches!(error, EntryError::Outside)
}

fn system(error: &EntryError) -> bool {
    matches!(error, EntryError::System { .. })
}

#[test]
fn paths_that_climb_out_are_refused() {
    for path in [
        "../outside/victim",
        "..",
        "a/../../outside/victim",
        "a/..",
        "/../outside/victim",
        "./../x",
        "a/../b",
    ] {
        refused(Layer::new().file(path, "x"), outside);
        refused(Layer::new().directory(path), outside);
        refused(Layer::new().symlink(path, "x"), outside);
        refused(Layer::new().whiteout(&format!("{path}/.wh.victim")), outside);
        refused(Layer::new().whiteout(&format!("{path}/.wh..wh..opq")), outside);
    }
}

#[test]
fn absolute_and_odd_paths_are_below_the_root() {
    contained(
        &[Layer::new().file("/etc/passwd", "x").file("//a///./b/.//c", "1").end()],
        &["a /", "a/b /", "a/b/c 1", "etc /", "etc/passwd x"],
    );
    // A name of dots and spaces is a name.
    contained(
        &[Layer::new().file("...", "1").file(" ", "2").file(".. ", "3").end()],
        &["  2", "..  3", "... 1"],
    );
}

#[test]
fn the_root_is_a_directory_and_stays_one() {
    for path in ["", ".", "/", "./", ".//.", "//"] {
        for kind in [b'0', b'2', b'3', b'6'] {
            let layer = Layer::new().entry(path, kind, "../outside", Said::default(), b"");
            refused(layer, |error| matches!(error, EntryError::RootReplaced));
        }
        refused(Layer::new().hard_link("x", path), |error| matches!(error, EntryError::LinkOutside { .. }));
    }
    let said = Said { mode: 0o1777, time: 7, ..Said::default() };
    for path in ["", ".", "/", "./"] {
        let place = contained(&[Layer::new().entry(path, b'5', "", said, b"").file("a", "").end()], &["a "]);
        let root = fs::metadata(place.root()).unwrap();
        assert_eq!((root.mode() & 0o7777, root.mtime()), (0o1777, 7));
    }
    // A whiteout of the root, or all of it opaque, is one of what is in it.
    contained(
        &[Layer::new().file("a", "1").end(), Layer::new().whiteout("/.wh..").whiteout("./.wh.").end()],
        &["a 1"],
    );
}

#[test]
fn nul_ends_a_name_and_long_names_are_refused() {
    contained(&[Layer::new().entry("a\0/../../outside", b'0', "", Said::default(), b"1").end()], &["a 1"]);
    refused(Layer::new().file(&"n".repeat(256), "x"), system);
    refused(Layer::new().file(&format!("{}/x", "n".repeat(256)), "x"), system);
    let long = "d/".repeat(2048) + "x";
    refused(Layer::new().file(&long, "x"), |error| matches!(error, EntryError::PathTooLong { .. }));
    refused(Layer::new().symlink("s", &"t/".repeat(3000)), system);
    refused(Layer::new().symlink("s", ""), system);
}

#[test]
fn a_path_as_deep_as_it_may_be_is_written_and_removed() {
    let deep = "d/".repeat(2040) + "x";
    let beside = "d/".repeat(1500) + "y";
    let place = Place::new();
    let lower = Layer::new().file(&deep, "1").file("a", "2").file(&beside, "3").file(&deep, "4").end();
    let report = place.unpack(&Memory::plain(std::slice::from_ref(&lower)), &Options::default()).unwrap();
    assert_eq!(report.entries, 4);
    let root = cap_std::fs::Dir::open_ambient_dir(place.root(), cap_std::ambient_authority()).unwrap();
    consign::unpack::discard(&root).unwrap();
    assert_eq!(place.lines(), Vec::<String>::new());
    // A whiteout takes it all away.
    contained(&[lower, Layer::new().whiteout(".wh.d").end()], &["a 2"]);
}

#[test]
fn nothing_is_written_through_a_link() {
    for target in ["../outside", "../outside/directory", "/", ".", "..", "dangling", "l"] {
        let link = || Layer::new().symlink("l", target);
        contained(&[link().file("l/victim", "x").end()], &["l /", "l/victim x"]);
        contained(
            &[link().file("l/directory/victim", "x").end()],
            &["l /", "l/directory /", "l/directory/victim x"],
        );
        contained(&[link().directory("l").end()], &["l /"]);
        contained(&[link().file("l", "x").end()], &["l x"]);
        contained(&[link().directory("l/directory").end()], &["l /", "l/directory /"]);
        contained(&[link().symlink("l/victim", "x").end()], &["l /", "l/victim -> x"]);
        // The link may be of a layer below.
        contained(&[link().end(), Layer::new().file("l/victim", "x").end()], &["l /", "l/victim x"]);
        // Whiteouts through it hide nothing.
        let shown = format!("l -> {target}");
        for hidden in ["l/.wh.victim", "l/.wh.directory", "l/.wh..wh..opq", "l/directory/.wh.victim"] {
            contained(&[link().end(), Layer::new().whiteout(hidden).end()], &[&shown]);
        }
        contained(&[link().end(), Layer::new().whiteout(".wh.l").end()], &[]);
        // Nor does a hard link lead through it.
        refused(link().hard_link("h", "l/victim"), system);
        refused(link().hard_link("h", "l/directory/victim"), system);
        contained(&[link().hard_link("h", "l").end()], &[&format!("h -> {target}"), &shown]);
    }
}

#[test]
fn the_link_may_be_absolute_and_right() {
    let place = Place::new();
    let outside = place.outside().display().to_string();
    let layer = Layer::new()
        .symlink("l", &outside)
        .file("l/victim", "x")
        .symlink("m", &format!("{outside}/victim"))
        .file("m", "y")
        .symlink("n", &format!("{outside}/victim"))
        .entry("n", b'0', "", Said { mode: 0o4777, uid: 5, ..Said::default() }, b"z");
    let options = Options { rootless: !rustix::process::geteuid().is_root(), ..Options::default() };
    place.unpack(&Memory::plain(&[layer.end()]), &options).unwrap();
    place.assert_contained();
    assert_eq!(place.lines(), ["l /", "l/victim x", "m y", "n z"]);
}

#[test]
fn hard_links_to_outside_are_refused() {
    for target in ["../outside/victim", "a/../../outside/victim", "/../outside/victim", ".."] {
        refused(Layer::new().hard_link("h", target), |error| matches!(error, EntryError::LinkOutside { .. }));
    }
    // Absolute ones are of the root, where there is no such file; nor is there one at all.
    let place = Place::new();
    let absolute = place.outside().join("victim").display().to_string();
    for target in [absolute.as_str(), "/etc/passwd", "nothing", "nothing/at/all"] {
        refused(Layer::new().hard_link("h", target), system);
    }
    // A directory has no other name.
    refused(Layer::new().directory("d").hard_link("h", "d"), system);
    // What is linked to is in the way of the link.
    refused(Layer::new().file("d/f", "x").hard_link("d", "d/f"), system);
}

#[test]
fn files_in_the_way_and_entries_there_twice_are_replaced() {
    contained(
        &[Layer::new().file("a", "1").directory("a").file("a", "2").symlink("a", "b").file("a", "3").end()],
        &["a 3"],
    );
    contained(
        &[Layer::new().file("a/b/c", "1").file("a/b", "2").file("a/b/c/d", "3").end()],
        &["a /", "a/b /", "a/b/c /", "a/b/c/d 3"],
    );
    contained(&[Layer::new().directory("a").directory("a/").directory("./a").end()], &["a /"]);
}

#[test]
fn devices_are_nodes_of_the_root_and_of_nobody_else() {
    if !is_root() {
        return;
    }
    let said = Said { mode: 0o666, device: (1, 3), ..Said::default() };
    let layer = Layer::new()
        .entry("null", b'3', "", said, b"")
        .entry("disk", b'4', "", Said { device: (7, 300), ..said }, b"")
        .entry("pipe", b'6', "", said, b"")
        .symlink("l", "../outside/victim")
        .entry("l", b'3', "", said, b"")
        .end();
    let place = contained(&[layer], &["disk device", "l device", "null device", "pipe pipe"]);
    let node = |path| fs::symlink_metadata(place.root().join(path)).unwrap();
    assert!(node("null").file_type().is_char_device() && node("disk").file_type().is_block_device());
    assert_eq!(rustix::fs::major(node("disk").rdev()), 7);
    assert_eq!(rustix::fs::minor(node("disk").rdev()), 300);
    assert_eq!(node("null").mode() & 0o7777, 0o666);
}

#[test]
fn owners_there_cannot_be_are_refused() {
    for id in ["4294967295", "4294967296", "18446744073709551615"] {
        for key in ["uid", "gid"] {
            let layers = [Layer::new().pax(&[(key, id.as_bytes())]).file("a", "x").end()];
            let (place, result) = unpack(&layers, &Options::default());
            let error = result.unwrap_err();
            let no_owner = matches!(&error, UnpackError::Entry(failure) if matches!(failure.error, EntryError::NoSuchOwner { .. }));
            assert!(no_owner || matches!(error, UnpackError::Layer { .. }), "{error}");
            assert_eq!(place.lines(), Vec::<String>::new());
        }
    }
}

#[test]
fn what_pax_says_counts_for_the_next_entry_whatever_ustar_says() {
    let smuggled = Layer::new().file("../outside/victim", "x").end();
    let layer =
        Layer::new().pax(&[("size", b"1024")]).raw("a", b'0', 0, &smuggled[..1024]).file("b", "1").end();
    let (place, result) = unpack(&[layer], &Options::default());
    result.unwrap();
    let tree = place.tree();
    assert_eq!(tree.keys().collect::<Vec<_>>(), ["a", "b"]);
    assert!(tree["a"].starts_with("../outside/victim\0"));
}

#[test]
fn headers_that_lie_end_the_layer() {
    let bad = [
        Layer::new().pax(&[("GNU.sparse.map", b"0,5000"), ("GNU.sparse.size", b"10")]).file("a", "x"),
        Layer::new().pax(&[("path", b"a\0b")]).file("a", "x"),
        Layer::new().pax(&[("size", b"1")]).pax(&[("size", b"2")]).file("a", "x"),
        Layer::new().raw("x", b'x', 2 << 20, b""),
        Layer::new().raw("x", b'L', 2 << 20, b""),
        Layer::new().raw("a", b'0', 1 << 40, b"x"),
        Layer::new().raw("a", b'V', 0, b""),
    ];
    for layer in bad {
        let (_, result) = unpack(&[layer.clone().end()], &Options::default());
        assert!(matches!(result, Err(UnpackError::Layer { layer: 0, .. })), "{result:?}");
        // There is no going on after the last good header.
        let (_, result) = unpack(&[layer.end()], &Options { keep_going: true, ..Options::default() });
        assert!(matches!(result, Err(UnpackError::Layer { layer: 0, .. })), "{result:?}");
    }
    // What follows the end is of no account.
    let trailing = [Layer::new().file("a", "1").end(), Layer::new().file("b", "2").end()].concat();
    contained(&[trailing], &["a 1"]);
}

#[test]
fn links_that_were_there_before_are_not_followed() {
    // The root is empty by contract; where it is not, links in it still lead nowhere.
    let place = Place::new();
    symlink(place.outside(), place.root().join("l")).unwrap();
    let layer = Layer::new().file("l/victim", "x").end();
    place.unpack(&Memory::plain(&[layer]), &Options::default()).unwrap();
    place.assert_contained();
    assert_eq!(place.lines(), ["l /", "l/victim x"]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
    #[test]
    fn no_layers_of_whatever_entries_reach_outside(
        entries in proptest::collection::vec((0..12usize, 0..9usize, 0..12usize, 0..3usize), 1..40),
    ) {
        const PATHS: [&str; 12] = [
            "a", "a/b", "a/b/c", "l", "l/victim", "l/directory/victim", "../outside/victim", "a/l/victim", ".wh.a",
            "l/.wh.victim", "a/.wh..wh..opq", ".",
        ];
        const LINKS: [&str; 12] = [
            "a", "a/b", "l", "../outside", "../outside/victim", "/", "..", ".", "l/victim", "a/l", "../../outside", "b",
        ];
        let mut layers = vec![Layer::new(), Layer::new(), Layer::new()];
        for (path, kind, link, layer) in entries {
            let kind = b"012567S35"[kind];
            let said = Said { mode: 0o755, device: (1, 3), ..Said::default() };
            let kind = if kind == b'S' || kind == b'3' { b'2' } else { kind };
            layers[layer] = layers[layer].clone().entry(PATHS[path], kind, LINKS[link], said, b"");
        }
        let layers: Vec<Vec<u8>> = layers.into_iter().map(Layer::end).collect();
        let place = Place::new();
        let _ = place.unpack(&Memory::plain(&layers), &Options { keep_going: true, ..Options::default() }).unwrap();
        place.assert_contained();
    }
}
