//! Looking into the layers of images.

use consign::layer::entry::{Entry, Kind};
use consign::layer::hold;
use consign::layer::opened::Layer;
use serde_json::{Value, json};

use crate::layered::{entry, layer, layout, loaded, tar};
use crate::place::Place;
use crate::transcript::Transcript;

fn base() -> Vec<u8> {
    layer(&[
        "./",
        "etc/",
        "etc/passwd=root\n",
        "etc/motd=welcome\n",
        "etc/.hidden=x",
        "usr/",
        "usr/lib/",
        "usr/lib/libx.so.1=library",
        "usr/lib/libx.so -> libx.so.1",
        "usr/lib/hard => usr/lib/libx.so.1",
        "lib -> usr/lib",
        "var/",
        "var/cache/",
        "var/cache/one=111",
        "var/cache/two=222222",
    ])
}

fn top() -> Vec<u8> {
    layer(&[
        "etc/",
        "etc/passwd=root\nuser\n",
        "etc/.wh.motd=",
        "var/cache/.wh..wh..opq=",
        "var/cache/three=3",
        "loop -> loop",
    ])
}

fn example() -> (Place, String) {
    let images: [(&str, &[Vec<u8>]); 2] =
        [("example.com/base:1", &[base()]), ("example.com/app:1", &[base(), top()])];
    loaded(&images)
}

#[test]
fn what_is_in_an_image_is_listed() {
    let (place, _) = example();
    Transcript::new(&place)
        .run("ls example.com/app:1")
        .run("ls example.com/app:1 /etc -a")
        .run("ls example.com/app:1 -l / lib/libx.so.1 lib/")
        .run("ls example.com/app:1 -R")
        .run("ls example.com/app:1 -Ra var etc/passwd")
        .run("ls example.com/app:1 -d -l lib usr")
        .run("ls example.com/app:1 --layer 1 -R")
        .run("ls example.com/app:1 --layer 0 etc")
        .run("ls example.com/app:1 -l -H var/cache")
        .run("ls example.com/app:1 --format json usr/lib")
        .run("ls example.com/app:1 /etc/motd")
        .run("ls example.com/app:1 /etc/passwd/x /loop nowhere /var")
        .run("ls example.com/app:1 --layer 2")
        .run("ls example.com/app:1 --layer abcdef")
        .run("ls nosuch")
        .assert("ls");
}

#[test]
fn files_are_written_out_and_links_are_followed() {
    let (place, _) = example();
    Transcript::new(&place)
        .run("cat example.com/app:1 /etc/passwd")
        .run("cat example.com/base:1 etc/passwd lib/libx.so usr/lib/hard")
        .run("cat example.com/app:1 /etc/pasword")
        .run("cat example.com/app:1 /etc")
        .run("cat example.com/app:1 /etc/nothing /var/cache/three /loop")
        .run("cat example.com/base:1 --platform linux/arm64 /etc/passwd")
        .assert("cat");
}

#[test]
fn files_are_found_by_name_kind_and_size() {
    let (place, _) = example();
    Transcript::new(&place)
        .run("find example.com/app:1 libx*")
        .run("find example.com/app:1 /etc/*")
        .run("find example.com/app:1 **/cache/*")
        .run("find example.com/app:1 --type l")
        .run("find example.com/app:1 --type h,d")
        .run("find example.com/app:1 * --size +8 --type f -l")
        .run("find example.com/app:1 --layer 1")
        .run("find example.com/app:1 passwd --format json")
        .run("find example.com/app:1 [x")
        .run("find example.com/app:1 --size ten")
        .run("find example.com/app:1 nothing")
        .assert("find");
}

#[test]
fn what_differs_is_told() {
    let (place, _) = example();
    Transcript::new(&place)
        .run("diff example.com/app:1")
        .run("diff example.com/app:1 --layer 0")
        .run("diff example.com/app:1 --long")
        .run("diff example.com/base:1 example.com/app:1")
        .run("diff example.com/app:1 example.com/base:1 -q")
        .run("diff example.com/base:1 example.com/base:1")
        .run("diff example.com/base:1 example.com/app:1 --path etc --format json")
        .run("diff example.com/base:1 example.com/app:1 --ignore content,time -q")
        .run("diff example.com/base:1 example.com/app:1 --layer 1")
        .assert("diff");
}

#[test]
fn layers_are_listed_with_what_they_waste() {
    let (place, _) = example();
    Transcript::new(&place)
        .run("layers example.com/app:1")
        .run("layers example.com/app:1 -q")
        .run("layers example.com/app:1 --format json")
        .run("layers example.com/app:1 --format {{.Layer}}|{{.Wasted}}|{{.MediaType}}|{{.CreatedBy}}")
        .assert("layers");
}

#[test]
fn stored_or_in_place_it_is_the_same() {
    let (place, archive) = example();
    let directory = place.path("layout");
    std::fs::create_dir(&directory).unwrap();
    let mut unpack = std::process::Command::new("tar");
    assert!(unpack.arg("-xf").arg(&archive).arg("-C").arg(&directory).status().unwrap().success());
    let docker = place.path("docker.tar");
    let docker = docker.to_str().unwrap();
    place.run(&["save", "-q", "-o", docker, "example.com/app:1"]).ok();
    let images = [
        format!("oci-archive:{archive}:example.com/app:1"),
        format!("oci:{}:example.com/app:1", directory.display()),
        format!("docker-archive:{docker}"),
    ];
    let commands: [&[&str]; 6] = [
        &["ls", "-lRa"],
        &["ls", "-R", "--format", "json"],
        &["cat", "/lib/libx.so", "/etc/passwd"],
        &["find", "--size", "+1"],
        &["diff"],
        &["diff", "--layer", "0", "--format", "json"],
    ];
    for image in &images {
        for command in commands {
            let run = |image: &str| {
                let arguments = [&command[..1], &[image], &command[1..]].concat();
                place.run(&arguments).ok()
            };
            let (stored, found) = (run("example.com/app:1"), run(image));
            assert_eq!(found.text(), stored.text(), "{image} {command:?}");
            assert_eq!(found.stderr, stored.stderr, "{image} {command:?}");
        }
    }
    // What lies where is another matter.
    let layers = |image: &str| place.run(&["layers", "--format", "json", image]).ok().json();
    for member in ["diffID", "chainID", "uncompressedSize", "entries", "wasted", "createdBy"] {
        assert_eq!(layers(&images[2])[1][member], layers("example.com/app:1")[1][member], "{member}");
    }
}

#[test]
fn names_that_are_no_text_are_escaped_and_given_in_full() {
    let named = |path: &[u8]| (Entry { path: path.to_vec(), mode: 0o644, ..Entry::default() }, Vec::new());
    let entries = [named(b"caf\xc3\xa9"), named(b"caf\xe9"), named(b"a\nb\\\x1b[31m"), named(b"tab\there")];
    let (place, _) = loaded(&[("example.com/odd:1", &[tar(&entries)])]);
    let listed = place.run(&["ls", "example.com/odd:1"]).ok();
    assert_eq!(listed.text(), "a\\nb\\\\\\033[31m\ncafé\ncaf\\351\ntab\\there\n");
    let raw = place.run(&["ls", "-0", "example.com/odd:1"]).ok();
    assert_eq!(raw.stdout, b"a\nb\\\x1b[31m\0caf\xc3\xa9\0caf\xe9\0tab\there\0");
    let documents = place.run(&["ls", "--format", "json", "example.com/odd:1"]).ok().json();
    assert_eq!(documents[2]["path"], json!("/caf\\351"));
    assert_eq!(documents[2]["pathHex"], json!("636166e9"));
    assert!(documents[1].get("pathHex").is_none());
}

/// What hostile layers come to: nothing of them leads out of the image, and what is sound is still there.
#[test]
fn hostile_layers_are_contained() {
    let base = layer(&["etc/", "etc/passwd=image\n", "dir/", "dir/file=x", "keep=kept"]);
    let hostile = layer(&[
        "../outside=x",
        "dir/../../outside=x",
        "/absolute=in the image",
        "./ -> /etc",
        "/ -> /etc",
        "up -> ../../../../etc/passwd",
        "abs -> /etc/passwd",
        "self -> self/x",
        "hard => ../../../etc/passwd",
        "later => never",
        "keep/below=y",
        "twice=1",
        "twice=2",
        "etc/.wh.nothing=",
        "none/.wh.x=",
        "dir/.wh...=",
        "dir/.wh..=",
        "dir/.wh.=",
    ]);
    let long = ["long/".repeat(900), "=deep".to_owned()].concat();
    let nasty = tar(&[entry("null/"), entry(&long)]);
    let (place, archive) = loaded(&[("example.com/hostile:1", &[base, hostile, nasty])]);
    for image in ["example.com/hostile:1", &format!("oci-archive:{archive}")] {
        let listed = place.run(&["find", image, "/**", "--format", "json"]).ok().json();
        let paths: Vec<&str> =
            listed.as_array().unwrap().iter().map(|entry| entry["path"].as_str().unwrap()).collect();
        assert!(paths.iter().all(|path| !path.contains("..") && !path.contains("outside")), "{paths:?}");
        for there in ["/absolute", "/dir/file", "/etc/passwd", "/keep/below", "/null"] {
            assert!(paths.contains(&there), "{there}");
        }
        let cat = |path: &str| place.run(&["cat", image, path]);
        for link in ["up", "abs"] {
            assert_eq!(cat(link).ok().text(), "image\n", "{link}");
        }
        assert_eq!(cat("/../../../etc/passwd").ok().text(), "image\n");
        assert_eq!(cat("twice").ok().text(), "2");
        assert_eq!(cat(long.trim_end_matches("/=deep")).code, Some(1));
        for nothing in ["hard", "later", "self", "keep", "/outside"] {
            cat(nothing).failed(1);
        }
    }
}

#[test]
fn a_layer_that_is_not_what_it_should_be_is_refused() {
    let (good, bad) = (layer(&["a=good"]), layer(&["a=evil"]));
    let mut images = layout(&[("example.com/a:1", std::slice::from_ref(&good))]);
    let blob = crate::archive::descriptor("", &good);
    images.replace(&blob, &bad);
    let place = Place::new();
    let archive = place.file("bad.tar", &images.tar());
    let image = format!("oci-archive:{archive}");
    // All of it is read for its digests.
    let refused = place.run(&["diff", &image]).failed(1);
    assert!(refused.stderr.contains("wanted content with digest"), "{}", refused.stderr);
}

#[test]
fn a_held_layer_stays_until_it_is_released() {
    let (place, _) = example();
    let store = place.store();
    let layers = place.run(&["layers", "--format", "json", "example.com/app:1"]).ok().json();
    let chain_id = |layer: usize| layers[layer]["chainID"].as_str().unwrap().parse().unwrap();
    let (base, top) = (chain_id(0), chain_id(1));
    assert!(hold::hold(&store, &top, "one").unwrap() && hold::hold(&store, &top, "one").unwrap());
    assert!(hold::hold(&store, &base, "one").unwrap() && hold::hold(&store, &top, "two").unwrap());
    assert_eq!(hold::holders(&store, &top).unwrap(), ["one", "two"]);
    assert!(!hold::hold(&store, &consign::digest::Digest::of(b"x"), "one").unwrap());
    assert!(hold::hold(&store, &top, "").is_err());
    place.run(&["rm", "-f", "example.com/base:1", "example.com/app:1"]);
    place.run(&["gc"]).ok();
    let read = || {
        let layer = Layer::get(&store, &top).unwrap()?;
        let record = layer.index().ok()?.find(b"etc/passwd").unwrap()?;
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut layer.file(record.position).unwrap(), &mut content).unwrap();
        Some(content)
    };
    assert_eq!(read().unwrap(), b"root\nuser\n");
    assert!(hold::release(&store, &top, "one").unwrap() && !hold::release(&store, &top, "one").unwrap());
    place.run(&["prune", "-af"]).ok();
    assert!(read().is_some());
    // What is open is read to its end.
    let layer = Layer::get(&store, &top).unwrap().unwrap();
    let mut open = layer.uncompressed().unwrap();
    assert!(hold::release(&store, &top, "two").unwrap() && hold::release(&store, &base, "one").unwrap());
    place.run(&["prune", "-af"]).ok();
    place.run(&["gc"]).ok();
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut open, &mut tar).unwrap();
    assert_eq!(tar, self::top());
    assert!(read().is_none());
    assert_eq!(place.run(&["images", "--format", "json"]).ok().json(), Value::Array(Vec::new()));
}

#[test]
fn an_image_without_layers_has_nothing_in_it() {
    let (place, _) = loaded(&[("example.com/empty:1", &[])]);
    assert_eq!(place.run(&["ls", "-lRa", "example.com/empty:1"]).ok().text(), "");
    assert_eq!(place.run(&["diff", "example.com/empty:1"]).ok().text(), "");
    place.run(&["cat", "example.com/empty:1", "x"]).failed(1);
    place.run(&["ls", "--layer", "0", "example.com/empty:1"]).failed(1);
}

#[test]
fn devices_and_attributes_are_shown() {
    let special = |path: &str, kind, device| {
        (Entry { path: path.into(), kind, device, mode: 0o600, ..Entry::default() }, Vec::new())
    };
    let mut capable = entry("ping=x");
    capable.0.mode = 0o4755;
    capable.0.xattrs = vec![(b"security.capability".to_vec(), vec![1, 0, 0, 2])];
    let entries = [
        special("null", Kind::CharDevice, (1, 3)),
        special("sda", Kind::BlockDevice, (8, 0)),
        special("pipe", Kind::Fifo, (0, 0)),
        capable,
    ];
    let (place, _) = loaded(&[("example.com/devices:1", &[tar(&entries)])]);
    Transcript::new(&place)
        .run("ls -l example.com/devices:1")
        .run("ls --format json example.com/devices:1")
        .assert("ls_devices");
}

/// What is in a directory, by path, with the content of files.
fn found(directory: &std::path::Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        for entry in std::fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            let kind = std::fs::symlink_metadata(&path).unwrap().file_type();
            if kind.is_dir() {
                found.push(format!("{name}/"));
                left.push(path);
            } else if kind.is_symlink() {
                found.push(format!("{name} -> {}", std::fs::read_link(&path).unwrap().display()));
            } else {
                found.push(format!("{name}={}", std::fs::read_to_string(&path).unwrap().trim_end()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn files_are_copied_out_as_docker_cp_does_it() {
    let (place, _) = example();
    let out = place.path("out");
    std::fs::create_dir(&out).unwrap();
    let path = |name: &str| out.join(name).to_str().unwrap().to_owned();
    let copy = |source: &str, to: &str| place.run(&["cp", &format!("example.com/app:1:{source}"), to]);
    copy("/etc/passwd", &path("renamed")).ok();
    copy("/etc/passwd", &path("")).ok();
    copy("/usr/lib", &path("libs")).ok();
    copy("/usr/lib", &path("")).ok();
    copy("/var/cache/.", &path("")).ok();
    copy("/lib", &path("link")).ok();
    copy("/lib/libx.so", &path("")).ok();
    place.run(&["cp", "-L", "example.com/app:1:/usr/lib/libx.so", &path("followed")]).ok();
    let lib = ["", "hard=library", "libx.so -> libx.so.1", "libx.so.1=library"];
    let expected = |directory: &str| lib.map(|name| format!("{directory}/{name}")).to_vec();
    let mut wanted = [expected("libs"), expected("lib")].concat();
    wanted.extend(
        [
            "renamed=root\nuser",
            "passwd=root\nuser",
            "three=3",
            "link -> usr/lib",
            "libx.so -> libx.so.1",
            "followed=library",
        ]
        .map(str::to_owned),
    );
    wanted.sort();
    assert_eq!(found(&out), wanted);
    // Files take the place of files, and directories are joined.
    std::fs::write(out.join("lib/mine"), "mine").unwrap();
    std::fs::write(out.join("lib/libx.so.1"), "changed").unwrap();
    copy("/usr/lib", &path("")).ok();
    assert!(found(&out).contains(&"lib/mine=mine".to_owned()));
    assert!(found(&out).contains(&"lib/libx.so.1=library".to_owned()));
    // What is in the way stays.
    copy("/etc", &path("renamed")).failed(2);
    copy("/etc/passwd", &path("no/such/place")).failed(2);
    copy("/etc/passwd", &path("new/")).failed(2);
    std::fs::create_dir(out.join("three.d")).unwrap();
    std::fs::rename(out.join("three"), out.join("was")).unwrap();
    std::fs::rename(out.join("three.d"), out.join("three")).unwrap();
    copy("/var/cache/.", &path("")).failed(2);
    place.run(&["cp", "example.com/app:1", &path("x")]).failed(2);
    copy("/nothing", &path("x")).failed(1);
    assert!(found(&out).iter().all(|name| !name.starts_with('.') && !name.starts_with('x')));
}

#[test]
fn a_copy_to_standard_output_is_a_tar() {
    let (place, archive) = example();
    let list = |source: &str| {
        let tar = place.run(&["cp", source, "-"]).ok().stdout;
        let file = place.file("copied.tar", &tar);
        let output = std::process::Command::new("tar").args(["-tf", &file]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(list("example.com/app:1:/etc"), ["etc/", "etc/.hidden", "etc/passwd"]);
    assert_eq!(list("example.com/app:1:/etc/."), [".hidden", "passwd"]);
    assert_eq!(list("example.com/app:1:/etc/passwd"), ["passwd"]);
    let image = format!("oci-archive:{archive}:example.com/base:1:/usr/lib");
    assert_eq!(list(&image), ["lib/", "lib/hard", "lib/libx.so", "lib/libx.so.1"]);
}

#[test]
fn a_copy_leaves_nothing_outside_of_where_it_goes() {
    let hostile = layer(&["d/", "d/link -> /", "d/link/etc/evil=x", "d/up -> ../../..", "d/up/evil=x"]);
    let (place, _) = loaded(&[("example.com/hostile:1", &[hostile])]);
    let out = place.path("out");
    std::fs::create_dir(&out).unwrap();
    // A link is there that leads away, too.
    std::fs::create_dir_all(place.path("away")).unwrap();
    std::fs::create_dir(out.join("d")).unwrap();
    std::os::unix::fs::symlink(place.path("away"), out.join("d/link")).unwrap();
    let copy = place.run(&["cp", "example.com/hostile:1:/d", out.to_str().unwrap()]);
    copy.failed(2);
    assert_eq!(found(&place.path("away")), [""; 0]);
    std::fs::remove_file(out.join("d/link")).unwrap();
    place.run(&["cp", "example.com/hostile:1:/d", out.to_str().unwrap()]).ok();
    let wanted = ["d/", "d/link/", "d/link/etc/", "d/link/etc/evil=x", "d/up/", "d/up/evil=x"];
    assert_eq!(found(&out), wanted);
    assert!(!std::path::Path::new("/etc/evil").exists());
}
