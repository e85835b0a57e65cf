//! `consign import`: tarballs of root file systems.

use serde_json::{Value, json};

use crate::archive::{Tar, digest, gzip};
use crate::place::{Outcome, Place};
use crate::transcript::Transcript;

fn root() -> Vec<u8> {
    let noise: String = (0..300_000u32).map(|number| format!("{number} ")).collect();
    Tar::default()
        .link("etc/", b'5', "")
        .file("etc/os-release", b"ID=test\n")
        .link("bin", b'2', "usr/bin")
        .file("data", noise.as_bytes())
        .end()
}

fn import(place: &Place, arguments: &[&str], input: &[u8]) -> Outcome {
    let mut command = place.command(&[&["import"], arguments].concat());
    command.env("SOURCE_DATE_EPOCH", "1700000000").stdin(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The command need not read everything.
        let _ = std::io::Write::write_all(&mut stdin, &input);
    });
    let outcome = crate::place::wait_within(child, std::time::Duration::from_secs(60));
    writer.join().unwrap();
    outcome
}

#[test]
fn a_tarball_becomes_an_image_of_one_layer() {
    let root = root();
    let forms = [
        (root.clone(), "application/vnd.oci.image.layer.v1.tar"),
        (gzip(&root), "application/vnd.oci.image.layer.v1.tar+gzip"),
        (zstd::stream::encode_all(&root[..], 1).unwrap(), "application/vnd.oci.image.layer.v1.tar+zstd"),
    ];
    let mut ids = Vec::new();
    for (bytes, media_type) in forms {
        let place = Place::new();
        let path = place.file("root", &bytes);
        let arguments = ["--format", "json", "--platform", "linux/arm64", &path, "example.com/root"];
        let imported = import(&place, &arguments, b"").ok().json();
        assert_eq!(imported["layer"]["mediaType"], media_type);
        // As it came, not as it might have been compressed here.
        assert_eq!(imported["layer"]["digest"], digest(&bytes));
        assert_eq!(imported["diffId"], digest(&root));
        assert_eq!(imported["name"], "example.com/root:latest");
        let resolved = place.run(&["resolve", "--format", "json", "example.com/root"]).ok().json();
        assert_eq!(resolved["id"], imported["id"]);
        assert_eq!(resolved["manifest"]["digest"], imported["manifest"]["digest"]);
        assert_eq!(resolved["platform"], json!({"architecture": "arm64", "os": "linux"}));
        // From standard input it is the same.
        let again = import(&place, &["-q", "--platform", "linux/arm64", "-", "other"], &bytes).ok();
        assert_eq!(again.text().trim(), imported["id"]);
        assert_eq!(place.check()["problems"], json!([]));
        ids.push(imported["id"].clone());
    }
    // The image is what is in it, however that came.
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn the_config_says_what_was_asked_for() {
    let place = Place::new();
    let path = place.file("root", &root());
    let changes = [
        r#"CMD ["/bin/sh", "-l"]"#,
        "entrypoint /init --quick",
        "ENV A=1 B=\"$A 2\"",
        "ENV PATH /bin:/usr/bin",
        "EXPOSE 80 53/udp",
        "LABEL a.b=\"c d\" e=f",
        "ONBUILD RUN make",
        "STOPSIGNAL SIGINT",
        "USER me:us",
        "VOLUME /data /more",
        "WORKDIR /srv",
        "WORKDIR www",
        "HEALTHCHECK --interval=1m30s --retries=2 CMD curl -f localhost || exit 1",
    ];
    let mut arguments = vec!["-q", "--message", "made by hand", "--platform", "linux/arm/v7", &path];
    arguments.extend(changes.iter().flat_map(|change| ["--change", change]));
    let id = import(&place, &arguments, b"").ok().text().trim().to_owned();
    let config: Value = place.run(&["inspect", "--config", &id]).ok().json();
    assert_eq!(
        config,
        json!({
            "created": "2023-11-14T22:13:20Z", "architecture": "arm", "os": "linux", "variant": "v7",
            "config": {
                "User": "me:us", "ExposedPorts": {"53/udp": {}, "80/tcp": {}},
                "Env": ["A=1", "B= 2", "PATH=/bin:/usr/bin"],
                "Entrypoint": ["/bin/sh", "-c", "/init --quick"], "Cmd": ["/bin/sh", "-l"],
                "Volumes": {"/data": {}, "/more": {}}, "WorkingDir": "/srv/www",
                "Labels": {"a.b": "c d", "e": "f"}, "StopSignal": "SIGINT",
                "Healthcheck": {
                    "Test": ["CMD-SHELL", "curl -f localhost || exit 1"],
                    "Interval": 90_000_000_000u64, "Retries": 2,
                },
                "OnBuild": ["RUN make"],
            },
            "rootfs": {"type": "layers", "diff_ids": [digest(&root())]},
            "history": [{"created": "2023-11-14T22:13:20Z", "comment": "made by hand"}],
        })
    );
}

#[test]
fn what_is_no_tarball_is_refused_with_its_position() {
    let place = Place::new();
    let root = root();
    let mut broken = root.clone();
    broken[512] ^= 1;
    let gzipped = gzip(&root);
    let mut flipped = gzipped.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let bomb = Tar::default().file("zeros", &vec![0; 600 << 20]).end();
    let bomb = zstd::stream::encode_all(&bomb[..], 1).unwrap();
    let xz = [&[0xfd, b'7', b'z', b'X', b'Z', 0][..], &[0; 512]].concat();
    for (bytes, wanted) in [
        (&b""[..], "no tar header at byte 0: there is nothing"),
        (b"a text, not a tarball\n", "ends at byte 22"),
        (&[b'x'; 5000], "no tar header at byte 0"),
        (&broken, "no tar header at byte 512"),
        (&root[..root.len() - 5000], "archive is truncated: `data` needs bytes up to"),
        (&gzip(&root[..root.len() - 5000]), "archive is truncated: `data` needs bytes up to"),
        (&gzip(b"a text"), "ends at byte 6"),
        (&gzipped[..gzipped.len() / 2], "`gzip` data is truncated"),
        (&flipped, "`gzip` data is corrupt"),
        (b"BZh91AY&SY and so on", "found `bzip2`"),
        (&xz, "found `xz`"),
        (&bomb, "expands to more than"),
    ] {
        let outcome = import(&place, &["-", "x"], bytes);
        assert_eq!(outcome.code, Some(2), "{wanted}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(wanted), "{wanted}: {}", outcome.stderr);
        place.assert_empty();
        assert_eq!(std::fs::read_dir(place.root().join("ingest")).unwrap().count(), 0);
    }
    // The smallest tarball there is holds nothing.
    import(&place, &["-q", "-"], &[0; 1024]).ok();
    assert_eq!(place.images().len(), 1);
}

#[test]
fn mistakes_are_named() {
    let place = Place::new();
    Transcript::new(&place)
        .run("import nosuch.tar")
        .run("import .")
        .run("import https://example.com/root.tar")
        .run("import make.sh")
        .run("import -c RUN=make make.sh")
        .run("import -c EXPOSE=http make.sh")
        .run("import -c LABEL make.sh")
        .run("import --platform x/y/z/w make.sh")
        .run("import make.sh UPPER")
        .run("import make.sh name@sha256:0")
        .run("import")
        .assert("import_refused");
    let outcome =
        place.command(&["import", "multi.oci.tar"]).env("SOURCE_DATE_EPOCH", "yesterday").output().unwrap();
    assert_eq!(outcome.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&outcome.stderr).contains("found `yesterday`"));
}

#[test]
fn importing_under_a_name_takes_it_over() {
    let place = Place::new();
    let one = import(&place, &["-", "example.com/root:1"], &root()).ok().text().trim().to_owned();
    let two =
        import(&place, &["-m", "another", "-", "example.com/root:1"], &root()).ok().text().trim().to_owned();
    assert_ne!(one, two);
    let resolved = place.run(&["resolve", "-q", "example.com/root:1"]).ok();
    assert_eq!(resolved.text().trim(), two);
    // The first is still there, by its ID.
    place.run(&["resolve", "-q", &one]).ok();
    assert_eq!(place.check()["problems"], json!([]));
}
