//! What layers hide (image-spec, layer.md, "Whiteouts").

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use consign::unpack::Options;

use crate::layer::{Layer, Said};
use crate::place::{Memory, Place, unpacked};

fn base() -> Vec<u8> {
    Layer::new()
        .directory("a")
        .file("a/one", "1")
        .file("a/two", "2")
        .directory("a/b")
        .file("a/b/three", "3")
        .file("c", "4")
        .end()
}

#[test]
fn a_whiteout_hides_a_file_or_a_directory_of_the_layers_below() {
    assert_eq!(
        unpacked(&[base(), Layer::new().whiteout("a/.wh.one").whiteout(".wh.c").end()]),
        ["a /", "a/b /", "a/b/three 3", "a/two 2"]
    );
    assert_eq!(unpacked(&[base(), Layer::new().whiteout(".wh.a").end()]), ["c 4"]);
    assert_eq!(
        unpacked(&[base(), Layer::new().whiteout("a/.wh.b/").end()]),
        ["a /", "a/one 1", "a/two 2", "c 4"]
    );
}

#[test]
fn an_opaque_directory_hides_what_layers_below_have_in_it_wherever_it_is_said() {
    let opaque = "a/.wh..wh..opq";
    let wanted = ["a /", "a/b /", "a/b/new 6", "a/new 5", "c 4"];
    let new = |layer: Layer| layer.file("a/new", "5").directory("a/b").file("a/b/new", "6");
    assert_eq!(unpacked(&[base(), new(Layer::new().whiteout(opaque)).end()]), wanted);
    assert_eq!(unpacked(&[base(), new(Layer::new()).whiteout(opaque).end()]), wanted);
    let between = Layer::new().file("a/new", "5").whiteout(opaque).file("a/b/new", "6");
    assert_eq!(unpacked(&[base(), between.end()]), wanted);
    assert_eq!(unpacked(&[base(), Layer::new().whiteout(".wh..wh..opq").file("only", "").end()]), ["only "]);
}

#[test]
fn a_whiteout_never_hides_what_its_own_layer_has() {
    let wanted = ["a /", "a/new 5", "c 4"];
    assert_eq!(unpacked(&[base(), Layer::new().whiteout(".wh.a").file("a/new", "5").end()]), wanted);
    assert_eq!(unpacked(&[base(), Layer::new().file("a/new", "5").whiteout(".wh.a").end()]), wanted);
    let same = Layer::new().file("c", "new").whiteout(".wh.c").end();
    assert_eq!(unpacked(&[Layer::new().file("c", "old").end(), same]), ["c new"]);
    let link = Layer::new().file("x", "1").hard_link("c", "x").whiteout(".wh.c").end();
    assert_eq!(unpacked(&[Layer::new().file("c", "old").end(), link]), ["c 1", "x 1"]);
}

#[test]
fn what_is_said_of_a_hidden_directory_is_hidden_with_it() {
    let said = Said { mode: 0o2700, time: 5, ..Said::default() };
    let lower = Layer::new().entry("a", b'5', "", said, b"").file("a/old", "1").end();
    for upper in [
        Layer::new().whiteout(".wh.a").file("a/new", "2").end(),
        Layer::new().file("a/new", "2").whiteout(".wh.a").end(),
    ] {
        let place = Place::new();
        place.unpack(&Memory::plain(&[lower.clone(), upper]), &Options::default()).unwrap();
        let a = fs::metadata(place.root().join("a")).unwrap();
        assert_eq!((a.mode() & 0o7777, a.mtime()), (0o755, 0));
        assert_eq!(place.lines(), ["a /", "a/new 2"]);
    }
    // An opaque directory is the same directory.
    let place = Place::new();
    let upper = Layer::new().file("a/new", "2").whiteout("a/.wh..wh..opq").end();
    place.unpack(&Memory::plain(&[lower, upper]), &Options::default()).unwrap();
    let a = fs::metadata(place.root().join("a")).unwrap();
    assert_eq!((a.mode() & 0o7777, a.mtime()), (0o2700, 5));
    assert_eq!(place.lines(), ["a /", "a/new 2"]);
}

#[test]
fn whiteouts_of_what_is_not_there_hide_nothing() {
    let nothing = Layer::new()
        .whiteout(".wh.nothing")
        .whiteout("no/such/.wh.file")
        .whiteout("no/.wh..wh..opq")
        .whiteout("c/.wh.below-a-file")
        .whiteout("c/.wh..wh..opq")
        .whiteout(&format!("a/.wh.{}", "n".repeat(255)))
        .end();
    assert_eq!(unpacked(&[base(), nothing.clone()]), unpacked(&[base()]));
    assert_eq!(unpacked(&[nothing]), Vec::<String>::new());
    // In the base layer there is nothing below to hide.
    assert_eq!(unpacked(&[Layer::new().file("a", "1").whiteout(".wh.a").end()]), ["a 1"]);
}

#[test]
fn names_that_are_no_whiteouts_of_anything_do_nothing() {
    let odd = Layer::new()
        .whiteout("a/.wh.")
        .whiteout("a/.wh..")
        .whiteout("a/.wh...")
        .whiteout("a/.wh..wh.plnk")
        .whiteout("a/.wh..wh.aufs");
    assert_eq!(unpacked(&[base(), odd.end()]), unpacked(&[base()]));
    // A file whose name is the prefix alone can be hidden; here by the longer name.
    let named = Layer::new().file(".whx", "1").end();
    assert_eq!(unpacked(&[named, Layer::new().whiteout(".wh..whx").end()]), Vec::<String>::new());
}

#[test]
fn hiding_leaves_the_time_of_the_directory_alone() {
    let place = Place::new();
    let upper = Layer::new().whiteout("a/.wh.one").file("a/b/new", "1").whiteout(".wh.c").end();
    place.unpack(&Memory::plain(&[base(), upper]), &Options::default()).unwrap();
    for path in ["a", "a/b"] {
        assert_eq!(fs::metadata(place.root().join(path)).unwrap().mtime(), 1_000_000_000, "{path}");
    }
}
