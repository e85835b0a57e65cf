//! Owners, modes, times and attributes.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use consign::unpack::{Lost, Options};

use crate::layer::{Layer, Said};
use crate::place::{Memory, Place, is_root};

/// Mode, owner, group, seconds and nanoseconds of the last change.
fn said(place: &Place, path: &str) -> (u32, u32, u32, i64, i64) {
    let found = fs::symlink_metadata(place.root().join(path)).unwrap();
    (found.mode() & 0o7777, found.uid(), found.gid(), found.mtime(), found.mtime_nsec())
}

fn unpack(layers: &[Vec<u8>]) -> Place {
    let place = Place::new();
    let report = place.unpack(&Memory::plain(layers), &Options::default()).unwrap();
    assert!(report.lost.is_empty(), "{report:?}");
    place
}

fn xattr(place: &Place, path: &str, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 1000];
    let length = rustix::fs::lgetxattr(place.root().join(path), name, &mut value[..]).ok()?;
    value.truncate(length);
    Some(value)
}

#[test]
fn modes_and_times_are_those_of_the_layer_whatever_the_umask() {
    let file = |mode| Said { mode, time: 1_234_567_890, ..Said::default() };
    let mut layer = Layer::new();
    for mode in [0o000, 0o644, 0o666, 0o777, 0o4755, 0o2755, 0o1777, 0o7777] {
        layer = layer.entry(&format!("f{mode:o}"), b'0', "", file(mode), b"x");
        layer = layer.entry(&format!("d{mode:o}"), b'5', "", file(mode), b"");
        layer = layer.entry(&format!("d{mode:o}/below"), b'0', "", file(mode), b"x");
    }
    let layer =
        layer.pax(&[("mtime", b"-3.25")]).symlink("s", "x").pax(&[("mtime", b"5.000000001")]).file("n", "");
    let place = unpack(&[layer.end()]);
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for mode in [0o000, 0o644, 0o666, 0o777, 0o4755, 0o2755, 0o1777, 0o7777] {
        for path in [format!("f{mode:o}"), format!("d{mode:o}"), format!("d{mode:o}/below")] {
            assert_eq!(said(&place, &path), (mode, 0, 0, 1_234_567_890, 0), "{path}");
        }
    }
    assert_eq!((said(&place, "s").3, said(&place, "s").4), (-4, 750_000_000));
    assert_eq!((said(&place, "n").3, said(&place, "n").4), (5, 1));
}

#[test]
fn directories_have_their_time_whatever_comes_into_them_later() {
    let time = |time| Said { mode: 0o755, time, ..Said::default() };
    let lower = Layer::new()
        .entry("d", b'5', "", time(100), b"")
        .entry("d/e", b'5', "", time(200), b"")
        .file("d/e/f", "1");
    // The root is said last, a directory after what is in it, another one never.
    let lower = lower.file("x/y", "2").entry("x", b'5', "", time(300), b"").file("made/up/file", "3");
    let lower = lower.entry(".", b'5', "", time(400), b"").end();
    let upper = Layer::new().file("d/new", "4").file("d/e/f", "5").file("x/z", "").file("top", "").end();
    let place = unpack(&[lower, upper]);
    let times = ["d", "d/e", "x", "made", "made/up", "."].map(|path| said(&place, path).3);
    assert_eq!(times, [100, 200, 300, 0, 0, 400]);
    assert_eq!(said(&place, "made").0, 0o755);
    // The later layer's word counts.
    let upper = Layer::new().entry("d", b'5', "", Said { mode: 0o700, ..time(500) }, b"").end();
    let lower = Layer::new().entry("d", b'5', "", time(100), b"").file("d/f", "1").end();
    let place = unpack(&[lower, upper]);
    assert_eq!((said(&place, "d").0, said(&place, "d").3), (0o700, 500));
}

#[test]
fn owners_are_numbers_and_links_have_them_too() {
    if !is_root() {
        return;
    }
    let of = |uid, gid, mode| Said { uid, gid, mode, ..Said::default() };
    let layer = Layer::new()
        .entry("f", b'0', "", of(1000, 50, 0o6755), b"x")
        .entry("d", b'5', "", of(7, 8, 0o2775), b"")
        // Its group would be handed down.
        .entry("d/f", b'0', "", of(0, 0, 0o644), b"x")
        .entry("d/e", b'5', "", of(0, 0, 0o755), b"")
        .file("d/made/up", "x")
        .entry("s", b'2', "nowhere", of(9, 10, 0o777), b"")
        .entry("p", b'6', "", of(11, 12, 0o600), b"")
        .pax(&[("uid", b"2000000000"), ("gid", b"2000000001")])
        .file("large", "")
        .end();
    let place = unpack(&[layer]);
    let owner = |path| (said(&place, path).0, said(&place, path).1, said(&place, path).2);
    assert_eq!(owner("f"), (0o6755, 1000, 50));
    assert_eq!(owner("d"), (0o2775, 7, 8));
    assert_eq!(owner("d/f"), (0o644, 0, 0));
    assert_eq!(owner("d/e"), (0o755, 0, 0));
    assert_eq!(owner("d/made"), (0o755, 0, 0));
    assert_eq!((owner("s").1, owner("s").2), (9, 10));
    assert_eq!(owner("p"), (0o600, 11, 12));
    assert_eq!((owner("large").1, owner("large").2), (2_000_000_000, 2_000_000_001));
    // A directory of a layer below gets its new owner.
    let upper = Layer::new().entry("d", b'5', "", of(0, 0, 0o755), b"").end();
    let lower = Layer::new().entry("d", b'5', "", of(7, 8, 0o700), b"").end();
    assert_eq!(said(&unpack(&[lower, upper]), "d").1, 0);
}

#[test]
fn capabilities_and_other_attributes_are_kept() {
    if !is_root() {
        return;
    }
    // cap_net_raw, permitted and effective, version 2.
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let layer = Layer::new()
        .pax(&[("SCHILY.xattr.security.capability", &capability), ("SCHILY.xattr.user.nul", b"a\0b")])
        .entry("ping", b'0', "", Said { uid: 5, mode: 0o4755, ..Said::default() }, b"x")
        .pax(&[("SCHILY.xattr.user.d", b"1"), ("SCHILY.xattr.user.e", b"2")])
        .directory("d")
        .pax(&[("SCHILY.xattr.trusted.t", b"3")])
        .symlink("s", "x")
        .end();
    let upper = Layer::new().pax(&[("SCHILY.xattr.user.e", b"4")]).directory("d").end();
    let place = unpack(&[layer, upper]);
    assert_eq!(xattr(&place, "ping", "security.capability").as_deref(), Some(&capability[..]));
    assert_eq!(xattr(&place, "ping", "user.nul").as_deref(), Some(&b"a\0b"[..]));
    assert_eq!(said(&place, "ping").0, 0o4755);
    assert_eq!(xattr(&place, "d", "user.d"), None);
    assert_eq!(xattr(&place, "d", "user.e").as_deref(), Some(&b"4"[..]));
    assert_eq!(xattr(&place, "s", "trusted.t").as_deref(), Some(&b"3"[..]));
}

#[test]
fn attributes_that_are_the_machines_or_unknown_are_left_out_and_said() {
    let place = Place::new();
    let layer = Layer::new()
        .pax(&[
            ("SCHILY.xattr.security.selinux", b"x"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("SCHILY.xattr.nonsense", b"z"),
        ])
        .directory("d")
        .end();
    let report = place.unpack(&Memory::plain(&[layer]), &Options::default()).unwrap();
    let lost = &report.lost[&Lost::Attribute];
    assert_eq!((lost.count, &lost.path[..], &lost.what[..]), (3, &b"d"[..], &b"nonsense"[..]));
    assert_eq!(xattr(&place, "d", "trusted.overlay.opaque"), None);
}

#[test]
fn access_lists_are_not_handed_down() {
    let list = [
        2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4, 0, 5, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255,
        255, 255,
    ];
    let place = Place::new();
    let layer = Layer::new()
        .pax(&[("SCHILY.xattr.system.posix_acl_default", &list)])
        .directory("d")
        .file("d/f", "x")
        .directory("d/e")
        .end();
    let report = place.unpack(&Memory::plain(&[layer]), &Options::default()).unwrap();
    if !report.lost.is_empty() {
        println!("not run: the file system keeps no access control lists");
        return;
    }
    assert!(xattr(&place, "d", "system.posix_acl_default").is_some());
    for path in ["d/f", "d/e"] {
        assert_eq!(xattr(&place, path, "system.posix_acl_access"), None, "{path}");
        assert_eq!(xattr(&place, path, "system.posix_acl_default"), None, "{path}");
    }
    assert_eq!((said(&place, "d/f").0, said(&place, "d/e").0), (0o644, 0o755));
}
