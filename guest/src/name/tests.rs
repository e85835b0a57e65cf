use super::*;

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn read(text: &str, reading: Reading) -> Result<String, (u32, Problem)> {
    parse(text, reading, Rules::Docker)
        .map(|reference| format(&reference))
        .map_err(|error| (error.offset, error.problem))
}

#[test]
fn names_are_completed() {
    for (text, whole) in [
        ("busybox", "docker.io/library/busybox"),
        ("a/b", "docker.io/a/b"),
        ("index.docker.io/a", "docker.io/library/a"),
        ("localhost/a:1", "localhost/a:1"),
        ("UPPER/a", "UPPER/a"),
        ("[::1]:5000/a", "[::1]:5000/a"),
        ("a_b.c/d", "a_b.c/d"),
    ] {
        assert_eq!(read(text, Reading::Normalized).as_deref(), Ok(whole), "{text}");
    }
}

#[test]
fn an_identifier_is_a_digest_only_in_the_reading_any() {
    let hex = &DIGEST[7..];
    assert_eq!(read(hex, Reading::Any).as_deref(), Ok(DIGEST));
    assert_eq!(read(hex, Reading::Normalized), Err((0, Problem::Identifier)));
    assert_eq!(read(hex, Reading::AsWritten).as_deref(), Ok(hex));
}

#[test]
fn the_reading_docker_drops_a_tag_beside_a_digest() {
    let whole = format!("docker.io/library/a@{DIGEST}");
    assert_eq!(read(&format!("a:1@{DIGEST}"), Reading::Docker), Ok(whole));
}

#[test]
fn the_error_says_where() {
    use crate::types::ReferenceProblem::*;
    for (text, offset, problem) in [
        ("", 0, Unexpected(None)),
        ("a b", 1, Unexpected(Some(' '))),
        ("example.com/ns//a", 15, Unexpected(Some('/'))),
        ("a:", 2, Unexpected(None)),
        ("a:-x", 2, Unexpected(Some('-'))),
        ("example.com:port/a", 12, Unexpected(Some('p'))),
        ("example.com/Aa", 12, UppercasePath("Aa".into())),
        ("Foo_bar.x/y", 3, Uppercase(Some('_'))),
        ("a@sha256:00", 11, Unexpected(None)),
        ("日本", 0, Unexpected(Some('日'))),
    ] {
        assert_eq!(read(text, Reading::Normalized), Err((offset, problem)), "{text}");
    }
    let short = "a:1@sha256:0123456789abcdef0123456789abcdef";
    let length = crate::wit::exports::consign::image::digests::DigestProblem::Length((64, 32));
    assert_eq!(read(short, Reading::Normalized), Err((43, Digest(length.clone()))));
    let short = format!("example.com/{short}");
    assert_eq!(read(&short, Reading::AsWritten), Err((55, Digest(length))));
}

#[test]
fn the_letters_outside_ascii_that_are_lower_case_within_count() {
    assert_eq!(read("\u{212a}", Reading::AsWritten), Err((0, Problem::Uppercase(Some('\u{212a}')))));
    assert_eq!(read("a:\u{130}", Reading::AsWritten), Err((2, Problem::Uppercase(Some('\u{130}')))));
}

#[test]
fn the_length_limit_is_on_the_path_for_docker_and_on_the_name_for_podman() {
    let text = format!("example.com/{}", "a".repeat(255));
    assert!(parse(&text, Reading::Normalized, Rules::Docker).is_ok());
    let error = parse(&text, Reading::Normalized, Rules::Podman).expect_err("267 bytes");
    assert_eq!(error.problem, Problem::TooLong((255, 267)));
}

#[test]
fn a_name_has_no_tag() {
    let error = with_name("localhost:5000/a:b", Rules::Docker).expect_err("a tag");
    assert_eq!((error.offset, error.problem), (16, Problem::Unexpected(Some(':'))));
}

#[test]
fn a_malformed_pattern_is_an_error_whatever_the_name() {
    let name = parse("busybox", Reading::Normalized, Rules::Docker).expect("a name");
    for (pattern, offset) in [("[", 1), ("zzz[]", 4), ("*[a-", 4), ("a\\", 2), ("[a-]", 3)] {
        let error = familiar_match(pattern, &name).expect_err(pattern);
        assert_eq!(error.offset, offset, "{pattern}");
    }
}

/// A few thousand texts made of the pieces the grammar cares about, the same in every run.
fn texts() -> impl Iterator<Item = String> {
    let pieces = [
        "a",
        "B",
        "0",
        ".",
        "_",
        "__",
        "-",
        "/",
        ":",
        "@",
        "[",
        "]",
        "::1",
        "é",
        "localhost",
        "docker.io",
        "library",
        "x.y:5",
        "latest",
        "sha256",
        DIGEST,
        " ",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    (0..20_000).map(move |_| {
        let count = next(8);
        (0..count).map(|_| pieces[next(pieces.len())]).collect()
    })
}

#[test]
fn what_was_read_is_read_again_as_the_same() {
    for text in texts() {
        for rules in [Rules::Docker, Rules::Podman] {
            for reading in [Reading::AsWritten, Reading::Normalized, Reading::Docker] {
                let Ok(first) = parse(&text, reading, rules) else { continue };
                // Without a domain a path is completed when it is read again.
                if matches!(&first, Reference::Named(name) if name.domain.is_empty() && reading != Reading::AsWritten)
                {
                    continue;
                }
                let again = parse(&format(&first), reading, rules);
                assert_eq!(again.as_ref(), Ok(&first), "{text}");
                if reading == Reading::Normalized {
                    let familiar = familiar_string(&first);
                    assert_eq!(parse(&familiar, reading, rules).as_ref(), Ok(&first), "{text}: {familiar}");
                }
            }
        }
    }
}

#[test]
fn an_error_points_into_the_text() {
    for text in texts() {
        for reading in [Reading::AsWritten, Reading::Any, Reading::Canonical] {
            let Err(error) = parse(&text, reading, Rules::Docker) else { continue };
            assert!(text.is_char_boundary(error.offset as usize), "{text}: {error:?}");
            if let Problem::Unexpected(found) = error.problem {
                assert_eq!(text[error.offset as usize..].chars().next(), found, "{text}");
            }
        }
    }
}
