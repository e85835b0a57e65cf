use std::io::Read;

use crate::family::family;
use crate::place::{Place, fixtures};
use crate::transcript::Transcript;

#[test]
fn an_image_is_shown_as_docker_inspect_shows_it() {
    let place = Place::with(&["multi.oci.tar", "several.docker.tar"]);
    Transcript::new(&place)
        .run("inspect example.com/multi:1 --platform linux/arm/v6")
        .run("inspect localhost/single-amd64:1 --format table")
        .run("inspect localhost/single-amd64:1 nosuch --format table")
        .run("inspect nosuch")
        .run("inspect docker-archive:several.docker.tar:@1 --format table")
        .run("inspect --raw example.com/multi:1")
        .run("inspect --raw example.com/multi:1 --platform linux/arm/v6")
        .run("inspect --raw localhost/single-amd64:1")
        .run("inspect --config localhost/single-amd64:1")
        .run("inspect --raw --config localhost/single-amd64:1")
        .assert("inspect");
}

/// The content of a file of a tar.
fn member(archive: &str, name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(fixtures().join(archive)).unwrap().read_to_end(&mut bytes).unwrap();
    let mut at = 0;
    while bytes[at] != 0 {
        let text = |range: std::ops::Range<usize>| {
            let field = &bytes[at..][range];
            let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
            std::str::from_utf8(&field[..end]).unwrap().trim().to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).unwrap();
        if text(0..100).trim_start_matches("./") == name {
            return bytes[at + 512..][..size].to_vec();
        }
        at += 512 + size.next_multiple_of(512);
    }
    panic!("{archive} has no {name}");
}

#[test]
fn config_and_manifest_are_byte_for_byte_what_the_archive_has() {
    let place = Place::with(&["multi.oci.tar", "several.docker.tar"]);
    let id = "07f640cb8759772bacafb264ee210c96df6833a47e723c2b9c4b9eb3382c2bf9";
    let config = member("several.docker.tar", &format!("{id}.json"));
    assert_eq!(member("multi.oci.tar", &format!("blobs/sha256/{id}")), config);
    for image in
        [id, "localhost/single-amd64:1", "docker-archive:several.docker.tar:localhost/single-amd64:1"]
    {
        assert_eq!(place.run(&["inspect", "--config", image]).ok().stdout, config);
    }
    let index = "74f795c7b906ec0ea292be67855a8fe3962ade561e7a7d1693e84e1e7ba86c53";
    let index = member("multi.oci.tar", &format!("blobs/sha256/{index}"));
    for image in ["example.com/multi:1", "oci-archive:multi.oci.tar"] {
        assert_eq!(place.run(&["inspect", "--raw", image]).ok().stdout, index);
    }
    let manifest = "5e4565593bac5ffefb9024d6ff79aae43805fd043dfe57bbf3a0f4a4b05488ad";
    let manifest = member("multi.oci.tar", &format!("blobs/sha256/{manifest}"));
    let shown = place.run(&["inspect", "--raw", "--platform", "linux/arm/v6", "example.com/multi:1"]);
    assert_eq!(shown.ok().stdout, manifest);
}

#[test]
fn templates_say_what_scripts_ask_for() {
    let place = family();
    for (template, wanted) in [
        ("{{.Id}}", "sha256:"),
        ("{{.ID}} {{.Os}}/{{.Architecture}}{{.Variant}}", "linux/amd64"),
        ("{{json .Config.Cmd}}", r#"["/x","y z"]"#),
        ("{{range .Config.Env}}{{println .}}{{end}}", "A=b\nC=d\n"),
        (
            "{{.Config.Labels.kind}} {{index .Config.Labels \"kind\"}} {{.Config.Labels.nosuch}}",
            "app app <no value>",
        ),
        ("{{range $port, $_ := .Config.ExposedPorts}}{{$port}}{{end}}", "80/tcp"),
        (
            "{{if .Config.Healthcheck}}checked{{else}}unchecked{{end}} {{.Config.StopTimeout}}",
            "unchecked <nil>",
        ),
        ("{{len .RootFS.Layers}} {{join .RepoTags \", \"}}", "2 example.com/app:1"),
        (
            "{{.Annotations}} {{.ManifestType}}",
            "map[org.example.note:kept] application/vnd.oci.image.manifest.v1+json",
        ),
        ("{{.Consign.Sizes.Shared}} {{.Size}} {{.Comment}}", "4096 4096"),
    ] {
        let shown = place.run(&["inspect", "-f", template, "example.com/app:1"]).ok();
        assert!(shown.text().contains(wanted), "{template}: {}", shown.text());
    }
    let both = place.run(&["inspect", "-f", "{{.RepoTags}}", "app:2", "example.com/base:1"]).ok();
    assert_eq!(both.text(), "[app:2]\n[example.com/base:1]\n");
    let wrong = place.run(&["inspect", "-f", "{{.Nosuch}}", "app:2"]).failed(2);
    assert!(wrong.stderr.contains("found `Nosuch`, at byte 2"), "{}", wrong.stderr);
    let unread = place.run(&["inspect", "-f", "{{.Id}", "app:2"]).failed(2);
    assert!(unread.stderr.contains("not a template: wanted"), "{}", unread.stderr);
}

#[test]
fn sizes_say_what_an_image_shares() {
    let place = family();
    let sizes = |image: &str| {
        let document = place.run(&["inspect", image]).ok().json();
        let sizes = &document[0]["Consign"]["Sizes"];
        ["Unpacked", "Shared", "Unique"].map(|key| sizes[key].as_u64().unwrap())
    };
    assert_eq!(sizes("example.com/base:1"), [2048, 2048, 0]);
    assert_eq!(sizes("app:2"), [6144, 4096, 2048]);
}
