//! Unpacking without being root.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use consign::unpack::{Lost, Options};

use crate::layer::{Layer, Said};
use crate::place::{Memory, Place, peer, tree_of};

/// cap_net_raw, permitted and effective, version 2.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn layers() -> [Vec<u8>; 2] {
    let of = |uid, gid, mode| Said { uid, gid, mode, ..Said::default() };
    let lower = Layer::new()
        .entry("closed", b'5', "", of(0, 0, 0o555), b"")
        .entry("closed/f", b'0', "", of(1000, 1001, 0o444), b"x")
        .entry("secret", b'5', "", of(0, 42, 0o000), b"")
        .entry("secret/d", b'5', "", of(0, 0, 0o100), b"")
        .entry("secret/d/f", b'0', "", of(0, 0, 0), b"y")
        .entry("null", b'3', "", Said { device: (1, 3), ..of(0, 6, 0o666) }, b"")
        .entry("pipe", b'6', "", of(0, 0, 0o600), b"")
        .pax(&[("SCHILY.xattr.user.mine", b"1"), ("SCHILY.xattr.security.capability", &CAPABILITY)])
        .entry("x", b'0', "", of(0, 0, 0o400), b"")
        .entry("s", b'2', "x", of(7, 7, 0o777), b"");
    let upper = Layer::new()
        .file("closed/g", "z")
        .whiteout("closed/.wh.f")
        .file("secret/d/h", "")
        .whiteout("secret/d/.wh.f");
    [lower.end(), upper.end()]
}

#[test]
fn owners_are_recorded_and_nothing_is_given_away() {
    let place = Place::new();
    let options = Options { rootless: true, ..Options::default() };
    let report = place.unpack(&Memory::plain(&layers()[..1]), &options).unwrap();
    assert_eq!(report.failed, 0);
    assert_eq!(report.lost[&Lost::Device].count, 1);
    // Links take no attributes of users.
    assert_eq!((report.lost[&Lost::Owner].count, &report.lost[&Lost::Owner].path[..]), (1, &b"s"[..]));
    let record = |path: &str| xattr(&place, path, "user.rootlesscontainers");
    let caller = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    if caller.0 == 0 {
        // uid 1000, gid 1001; uid unchanged, gid 42.
        assert_eq!(record("closed/f"), Some(vec![0x08, 0xe8, 0x07, 0x10, 0xe9, 0x07]));
        assert_eq!(record("secret"), Some(vec![0x08, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x10, 42]));
        assert_eq!(record("closed"), None);
    }
    for path in ["closed", "null", "pipe", "s", "secret", "x"] {
        let found = fs::symlink_metadata(place.root().join(path)).unwrap();
        assert_eq!((found.uid(), found.gid()), caller, "{path}");
    }
    let mode = |path: &str| fs::symlink_metadata(place.root().join(path)).unwrap().mode();
    assert_eq!(mode("null"), 0o100_666);
    assert_eq!([mode("closed") & 0o7777, mode("secret") & 0o7777, mode("x") & 0o7777], [0o555, 0, 0o400]);
}

/// The library's own part as another user: the test again, as nobody. False where it is nobody who runs it.
fn is_run_as_nobody(test: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return false;
    }
    let program = std::env::current_exe().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let runnable = copy.path().join("unpack");
    fs::copy(program, &runnable).unwrap();
    fs::set_permissions(copy.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&runnable);
    command.args(["--exact", &format!("rootless::{test}")]);
    command.env("TMPDIR", copy.path()).current_dir(copy.path());
    match command.output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
        }
        Err(error) => {
            assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "{error}");
            println!("not run: there is no `setpriv`");
        }
    }
    true
}

#[test]
fn directories_that_are_closed_to_their_owner_are_written_to_all_the_same() {
    if is_run_as_nobody("directories_that_are_closed_to_their_owner_are_written_to_all_the_same") {
        return;
    }
    let place = Place::new();
    let options = Options { rootless: true, ..Options::default() };
    let report = place.unpack(&Memory::plain(&layers()), &options).unwrap();
    assert_eq!(report.failed, 0);
    assert_eq!(report.lost[&Lost::Attribute].count, 1);
    let mode = |path: &str| fs::symlink_metadata(place.root().join(path)).unwrap().mode() & 0o7777;
    assert_eq!([mode("closed"), mode("secret")], [0o555, 0]);
    assert_eq!(fs::read_to_string(place.root().join("closed/g")).unwrap(), "z");
    assert!(!place.root().join("closed/f").exists());
    // Without `rootless` it is an error, and not the first entry's.
    let refused = Place::new();
    let layer =
        Layer::new().file("a", "").entry("b", b'0', "", Said { uid: 5, ..Said::default() }, b"").end();
    let error = refused.unpack(&Memory::plain(&[layer]), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("setting its owner"), "{error}");
    // What cannot be looked into can be removed.
    let root = cap_std::fs::Dir::open_ambient_dir(place.root(), cap_std::ambient_authority()).unwrap();
    consign::unpack::discard(&root).unwrap();
    assert!(place.lines().is_empty());
}

/// What an ordinary user can read again.
fn readable() -> Vec<u8> {
    let of = |uid, gid, mode| Said { uid, gid, mode, ..Said::default() };
    Layer::new()
        .entry("./", b'5', "", of(0, 0, 0o755), b"")
        .entry("bin", b'5', "", of(0, 0, 0o2755), b"")
        .entry("bin/su", b'0', "", of(0, 0, 0o4755), b"su")
        .entry("bin/wall", b'0', "", of(0, 5, 0o2755), b"wall")
        .pax(&[("SCHILY.xattr.security.capability", &CAPABILITY), ("SCHILY.xattr.user.mine", b"1")])
        .entry("bin/ping", b'0', "", of(0, 0, 0o755), b"ping")
        .entry("tmp", b'5', "", of(0, 0, 0o1777), b"")
        .entry("dev", b'5', "", of(0, 0, 0o755), b"")
        .entry("dev/null", b'3', "", Said { device: (1, 3), ..of(0, 6, 0o666) }, b"")
        .entry("dev/disk", b'4', "", Said { device: (8, 1), ..of(0, 6, 0o660) }, b"")
        .entry("pipe", b'6', "", of(7, 8, 0o600), b"")
        .entry("home", b'5', "", of(1000, 1001, 0o700), b"")
        .entry("home/file", b'0', "", of(1000, 1001, 0o600), b"mine")
        .hard_link("home/other-name", "home/file")
        .entry("home/link", b'2', "file", of(1000, 1001, 0o777), b"")
        .end()
}

/// Unpacked as nobody, with what could not be set.
fn as_nobody() -> (Place, consign::unpack::Report) {
    let place = Place::new();
    let options = Options { rootless: true, ..Options::default() };
    let report = place.unpack(&Memory::plain(&[readable()]), &options).unwrap();
    assert_eq!(report.failed, 0);
    place.assert_contained();
    (place, report)
}

fn xattr(place: &Place, path: &str, name: &str) -> Option<Vec<u8>> {
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(place.root().join(path), name, &mut value[..]).ok()?;
    Some(value[..length].to_vec())
}

#[test]
fn bits_of_set_user_id_and_set_group_id_stay_and_are_the_callers() {
    if is_run_as_nobody("bits_of_set_user_id_and_set_group_id_stay_and_are_the_callers") {
        return;
    }
    let (place, _) = as_nobody();
    let caller = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    for (path, mode) in [("bin", 0o2755), ("bin/su", 0o4755), ("bin/wall", 0o2755), ("tmp", 0o1777)] {
        let found = fs::metadata(place.root().join(path)).unwrap();
        assert_eq!((found.mode() & 0o7777, found.uid(), found.gid()), (mode, caller.0, caller.1), "{path}");
    }
}

#[test]
fn devices_are_empty_files_with_their_mode_and_their_owner_recorded() {
    if is_run_as_nobody("devices_are_empty_files_with_their_mode_and_their_owner_recorded") {
        return;
    }
    let (place, report) = as_nobody();
    let lost = &report.lost[&Lost::Device];
    assert_eq!((lost.count, &lost.path[..]), (2, &b"dev/null"[..]));
    for (path, mode) in [("dev/null", 0o100_666), ("dev/disk", 0o100_660)] {
        let found = fs::symlink_metadata(place.root().join(path)).unwrap();
        assert_eq!((found.mode(), found.len(), found.mtime()), (mode, 0, 1_000_000_000), "{path}");
        // uid unchanged, gid 6.
        let record = vec![0x08, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x10, 6];
        assert_eq!(xattr(&place, path, "user.rootlesscontainers"), Some(record), "{path}");
    }
    // A pipe anybody may make; it takes no attribute of users.
    assert_eq!(fs::symlink_metadata(place.root().join("pipe")).unwrap().mode(), 0o010_600);
    assert_eq!(report.lost[&Lost::Owner].count, 2);
}

#[test]
fn capabilities_are_left_out_and_said_and_attributes_of_users_kept() {
    if is_run_as_nobody("capabilities_are_left_out_and_said_and_attributes_of_users_kept") {
        return;
    }
    let (place, report) = as_nobody();
    let lost = &report.lost[&Lost::Attribute];
    let wanted = (1, &b"bin/ping"[..], &b"security.capability"[..]);
    assert_eq!((lost.count, &lost.path[..], &lost.what[..]), wanted);
    assert_eq!(xattr(&place, "bin/ping", "security.capability"), None);
    assert_eq!(xattr(&place, "bin/ping", "user.mine").as_deref(), Some(&b"1"[..]));
}

#[test]
fn what_was_unpacked_without_being_root_and_is_read_again_is_the_same_tree() {
    if is_run_as_nobody("what_was_unpacked_without_being_root_and_is_read_again_is_the_same_tree")
        || !(peer("tar") && peer("python3"))
    {
        return;
    }
    let (place, _) = as_nobody();
    let mut tar = std::process::Command::new("tar");
    // Records are read by who knows them; to the tar the owner is the root that the caller is.
    tar.args([
        "--format=posix",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=user.*",
    ]);
    let output = tar.args(["-cf", "-", "-C"]).arg(place.root()).arg(".").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again = Place::new();
    let options = Options { rootless: true, ..Options::default() };
    let report = again.unpack(&Memory::plain(&[output.stdout]), &options).unwrap();
    assert!(report.lost.is_empty() && report.failed == 0, "{report:?}");
    assert_eq!(tree_of(&again.root()), tree_of(&place.root()));
}
