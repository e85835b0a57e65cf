use super::*;
use crate::wit::exports::consign::image::transports::StoreLocation;

fn read(text: &str) -> Result<String, (u32, Problem)> {
    parse(text, None).map(|image| format(&image)).map_err(|error| (error.offset, error.problem))
}

#[test]
fn a_name_is_written_as_it_is_read() {
    for (text, written) in [
        ("docker://busybox", "docker://busybox:latest"),
        ("docker://a@@unknown-digest@@", "docker://a@@unknown-digest@@"),
        ("docker-archive:x.tar:a", "docker-archive:x.tar:docker.io/library/a:latest"),
        ("docker-archive:x.tar:@+1", "docker-archive:x.tar:@1"),
        ("oci:x", "oci:x:"),
        ("oci:x:a--b/c:d", "oci:x:a--b/c:d"),
        ("tarball:a:-", "tarball:a:-"),
        (
            "containers-storage:[vfs@/a+/b:c,d]e",
            "containers-storage:[vfs@/a+/b:c,d]docker.io/library/e:latest",
        ),
    ] {
        assert_eq!(read(text).as_deref(), Ok(written), "{text}");
        assert_eq!(read(written).as_deref(), Ok(written), "{written}");
    }
}

#[test]
fn the_error_says_where_in_the_whole_text() {
    use Problem::*;
    for (text, offset, problem) in [
        ("busybox", 7, NoTransport),
        ("foo:a", 0, UnknownTransport("foo".into())),
        ("docker:a", 7, NoSlashes),
        ("oci:x:@-1", 7, NegativePosition(-1)),
        ("oci:x:@", 7, InvalidPosition(String::new())),
        ("oci:x:a!", 7, InvalidRefName(Some('!'))),
        ("containers-storage:[a]b", 20, RelativeStorePath("a".into())),
        ("containers-storage:[/a", 19, InvalidStore),
        ("containers-storage:a@xyz", 21, NotAnId("xyz".into())),
        ("docker-daemon:a", 14, NoTagOrDigest),
        ("ostree:a", 0, Unsupported(Transport::Ostree)),
    ] {
        assert_eq!(read(text), Err((offset, problem)), "{text}");
    }
}

#[test]
fn a_shortened_id_is_what_the_host_found_it_to_be() {
    let id = "ab".repeat(32);
    let store = StoreLocation {
        driver: "vfs".into(),
        graph_root: "/g".into(),
        run_root: "/r".into(),
        options: Vec::new(),
    };
    let answer = || Some(StorageAnswer { store: Some(store.clone()), id: Some(id.clone()) });
    for text in ["containers-storage:ABC", "containers-storage:abab", "containers-storage:@abab"] {
        let question = ask_storage(text).expect("a question");
        let prefix = question.id_prefix.expect("a prefix");
        let image = parse(text, answer());
        if id.starts_with(&prefix) {
            assert_eq!(image.map(|image| image.id), Ok(Some(id.clone())), "{text}");
        } else {
            assert!(image.is_err(), "{text}");
        }
    }
    assert_eq!(ask_storage("containers-storage:ab").and_then(|question| question.id_prefix), None);
    assert_eq!(ask_storage("oci:abc"), None);
}

#[test]
fn a_name_with_a_tag_and_a_digest_has_no_place_in_a_policy_of_image_streams() {
    let digest = "0".repeat(64);
    let image = parse(&format!("atomic:example.com/ns/a:t@sha256:{digest}"), None).expect("a name");
    assert_eq!(policy(&image, None), None);
}

#[test]
fn nothing_that_is_read_makes_it_panic() {
    let pieces = [
        "docker",
        "oci",
        "containers-storage",
        "dir",
        ":",
        "/",
        "@",
        "[",
        "]",
        "+",
        "é",
        "a",
        "B",
        ",",
        "@@unknown-digest@@",
    ];
    let mut state = 1_u64;
    for _ in 0..50_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            match parse(&text, None) {
                Ok(image) => drop((policy(&image, Some("/a/b")), ask_storage(&text), format(&image))),
                Err(error) => assert!(text.is_char_boundary(error.offset as usize), "{text}: {error:?}"),
            }
        }
    }
}
