//! Unpacking without being root.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use consign::unpack::{Lost, Options};

use crate::layer::{Layer, Said};
use crate::place::{Memory, Place};

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
    let record = |path: &str| {
        let mut value = [0; 64];
        let name = "user.rootlesscontainers";
        let length = rustix::fs::lgetxattr(place.root().join(path), name, &mut value[..]).ok()?;
        Some(value[..length].to_vec())
    };
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

/// The library's own part as another user: this test again, as nobody.
#[test]
fn directories_that_are_closed_to_their_owner_are_written_to_all_the_same() {
    if rustix::process::geteuid().is_root() {
        let program = std::env::current_exe().unwrap();
        let copy = tempfile::tempdir().unwrap();
        let runnable = copy.path().join("unpack");
        fs::copy(program, &runnable).unwrap();
        fs::set_permissions(copy.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&runnable);
        command.args([
            "--exact",
            "rootless::directories_that_are_closed_to_their_owner_are_written_to_all_the_same",
        ]);
        command.env("TMPDIR", copy.path()).current_dir(copy.path());
        match command.output() {
            Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout)),
            Err(error) => {
                assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "{error}");
                println!("not run: there is no `setpriv`");
            }
        }
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
