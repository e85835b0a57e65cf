use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# none\nbin:x:2:3::/bin:/x\n1000:x:5:6::/odd:/x\nbroken\n\
                      app:x:1000:1001::/home/app:/bin/sh\nbad:x:nan:0::/:/x\n";
const GROUP: &str = "root:x:0:\nwheel:x:10:root,app\nstaff:x:50:app\nown:x:1001:app\nbad:x:y:app\n";

fn rootfs() -> (tempfile::TempDir, Dir) {
    let place = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(place.path().join("usr/etc")).unwrap();
    std::fs::write(place.path().join("usr/etc/passwd"), PASSWD).unwrap();
    std::fs::write(place.path().join("usr/etc/group"), GROUP).unwrap();
    let dir = Dir::open_ambient_dir(place.path(), cap_std::ambient_authority()).unwrap();
    // From the image's root, not from this machine's.
    std::os::unix::fs::symlink("/usr/etc", place.path().join("etc")).unwrap();
    (place, dir)
}

#[test]
fn users_are_looked_up_in_the_image() {
    let (_place, rootfs) = rootfs();
    let find = |text| find_user(&rootfs, text).map(|user| (user.uid, user.gid, user.additional));
    assert_eq!(find(""), Ok((0, 0, vec![10])));
    assert_eq!(find("root"), Ok((0, 0, vec![10])));
    assert_eq!(find("app"), Ok((1000, 1001, vec![10, 50])));
    assert_eq!(find("app:staff"), Ok((1000, 50, vec![])));
    assert_eq!(find("app:7"), Ok((1000, 7, vec![])));
    assert_eq!(find("2"), Ok((2, 3, vec![])));
    // A name is a name although it looks like a number.
    assert_eq!(find("1000"), Ok((5, 6, vec![])));
    assert_eq!(find("77"), Ok((77, 0, vec![])));
    assert_eq!(find("77:app"), Err("wanted a group of the image, found `app`".into()));
    assert_eq!(find("nobody"), Err("wanted a user of the image, found `nobody`".into()));
    assert!(find("bad").is_err());
    assert!(find("4294967295").is_err() && find("-1").is_err());
    assert_eq!(find_user(&rootfs, "app").unwrap().home.as_deref(), Some("/home/app"));
    let empty = tempfile::tempdir().unwrap();
    let empty = Dir::open_ambient_dir(empty.path(), cap_std::ambient_authority()).unwrap();
    assert_eq!(find_user(&empty, "3:4").map(|user| (user.uid, user.gid)), Ok((3, 4)));
}

#[test]
fn a_list_of_users_that_leads_out_of_the_image_is_not_read() {
    let (place, rootfs) = rootfs();
    let passwd = place.path().join("usr/etc/passwd");
    std::fs::remove_file(&passwd).unwrap();
    std::os::unix::fs::symlink("../../../../../../../../etc/passwd", &passwd).unwrap();
    // There, `etc/passwd` of the image is this link again.
    assert!(find_user(&rootfs, "root").is_err());
    std::fs::remove_file(&passwd).unwrap();
    rustix::fs::mkfifoat(&rootfs, "usr/etc/passwd", rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    assert!(find_user(&rootfs, "root").is_err());
}
