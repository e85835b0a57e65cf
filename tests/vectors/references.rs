use serde_json::{Map, Value, json};

use super::api::digests::DigestProblem;
use super::api::references::*;
use crate::harness;

const READINGS: [(&str, Reading); 5] = [
    ("parse", Reading::AsWritten),
    ("parse_normalized_named", Reading::Normalized),
    ("parse_any_reference", Reading::Any),
    ("parse_docker_ref", Reading::Docker),
    ("parse_named", Reading::Canonical),
];

/// The variants of the peers, by the key that lists where they differ.
const VARIANTS: [(&str, Rules); 2] = [("", Rules::Docker), ("containers_image_differs", Rules::Podman)];

#[test]
fn reference_parse() {
    harness::run("reference_parse.jsonl", harness::input, |case| {
        let input = case["input"].as_str().unwrap();
        VARIANTS.iter().try_for_each(|(variant, rules)| {
            READINGS.iter().try_for_each(|(key, reading)| {
                let wanted = wanted(case, variant, key);
                let found = answer(&parse(input, *reading, *rules), wanted);
                harness::same(&format!("{variant} {key}"), wanted, &found)
            })
        })
    });
}

/// The answer a case lists for a reading, with the pointers to other readings followed. What a variant does
/// not list it has in common with the main one.
fn wanted<'a>(case: &'a Value, variant: &str, key: &str) -> &'a Value {
    let within = match case.get(variant) {
        Some(differing) if differing.get(key).is_some() => differing,
        _ => case,
    };
    match within[key].as_str() {
        Some("same_as_parse_normalized_named") => wanted(within, "", "parse_normalized_named"),
        Some("same_as_parse") => wanted(within, "", "parse"),
        _ => &within[key],
    }
}

/// An answer in the form of the cases. Texts of errors are given only where the case has no kind for them.
fn answer(answer: &Result<Reference, ReferenceError>, wanted: &Value) -> Value {
    let error = match answer {
        Ok(reference) => return shown(reference),
        Err(error) => error,
    };
    let kind = match &error.problem {
        ReferenceProblem::NotCanonical(_) => return json!("ErrNameNotCanonical"),
        ReferenceProblem::Empty => "ErrNameEmpty",
        ReferenceProblem::Unexpected(_) => "ErrReferenceInvalidFormat",
        ReferenceProblem::Uppercase(_) => "ErrNameContainsUppercase",
        ReferenceProblem::TooLong(_) => "ErrNameTooLong",
        ReferenceProblem::Digest(DigestProblem::Format) => "digest.ErrDigestInvalidFormat",
        ReferenceProblem::Digest(DigestProblem::Unsupported(_)) => "digest.ErrDigestUnsupported",
        ReferenceProblem::Digest(DigestProblem::Length(_)) => "digest.ErrDigestInvalidLength",
        ReferenceProblem::InvalidTag(_) => "ErrTagInvalidFormat",
        ReferenceProblem::InvalidDigest(_) => "ErrDigestInvalidFormat(reference)",
        ReferenceProblem::Identifier | ReferenceProblem::UppercasePath(_) => "other",
    };
    let text = wanted["error"].as_str().unwrap_or_default();
    let same_text = match &error.problem {
        ReferenceProblem::Identifier => text.ends_with("cannot specify 64-byte hexadecimal strings"),
        ReferenceProblem::UppercasePath(path) => {
            text.ends_with(&format!("repository name ({path}) must be lowercase"))
                || text.ends_with("repository name must be lowercase")
        }
        _ => true,
    };
    json!({ "ok": false, "error_kind": kind, "error": if same_text { text } else { "another text" } })
}

/// A reference with every field the cases list.
fn shown(reference: &Reference) -> Value {
    let mut fields = Map::new();
    let mut set = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
    set("ok", json!(true));
    set("string", json!(format(reference)));
    set("familiar_string", json!(familiar_string(reference)));
    match reference {
        Reference::Digest(digest) => {
            set("type", json!("digest-only"));
            set("digest", json!(digest));
        }
        Reference::Named(name) => {
            let is_name_only = name.tag.is_none() && name.digest.is_none();
            let bare = trim(name);
            let named = |name: ImageName| json!(format(&Reference::Named(name)));
            set("type", json!(kind(name)));
            set("name", named(bare.clone()));
            set("trim_named", named(bare));
            set("domain", json!(name.domain));
            set("path", json!(name.path));
            set("familiar_name", json!(familiar_name(name)));
            set("is_name_only", json!(is_name_only));
            set("tag_name_only", named(tag_name_only(name)));
            if let Some(tag) = &name.tag {
                set("tag", json!(tag));
            }
            if let Some(digest) = &name.digest {
                set("digest", json!(digest));
            }
        }
    }
    Value::Object(fields)
}

fn kind(name: &ImageName) -> &'static str {
    match (&name.tag, &name.digest) {
        (None, None) => "name-only",
        (Some(_), None) => "tagged",
        (None, Some(_)) => "canonical",
        (Some(_), Some(_)) => "tagged+digested",
    }
}

fn named(text: &str) -> ImageName {
    match parse(text, Reading::Normalized, Rules::Docker) {
        Ok(Reference::Named(name)) => name,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn reference_build() {
    harness::run(
        "reference_build.jsonl",
        |case| format!("{} {} {}", case["fn"], case["base"], case["arg"]),
        |case| {
            let arg = case["arg"].as_str().unwrap();
            let base = || named(case["base"].as_str().unwrap());
            let built = match case["fn"].as_str().unwrap() {
                "WithTag" => with_tag(&base(), arg),
                "WithDigest" => with_digest(&base(), arg),
                "WithName" => with_name(arg, Rules::Docker),
                other => return Err(format!("no function `{other}`")),
            };
            harness::same("out", &case["out"], &answer(&built.map(Reference::Named), &case["out"]))
        },
    );
}

#[test]
fn reference_match() {
    harness::run(
        "reference_match.jsonl",
        |case| format!("{} {}", case["pattern"], case["ref"]),
        |case| {
            let reference = Reference::Named(named(case["ref"].as_str().unwrap()));
            let found = familiar_match(case["pattern"].as_str().unwrap(), &reference);
            harness::same("match", &case["match"], &json!(found.as_ref().is_ok_and(|matches| *matches)))?;
            harness::same("is an error", &json!(case.get("error").is_some()), &json!(found.is_err()))
        },
    );
}

#[test]
fn reference_sort() {
    harness::run("reference_sort.jsonl", harness::input, |case| {
        let texts: Vec<String> = serde_json::from_value(case["input"].clone()).unwrap();
        harness::same("sorted", &case["sorted"], &json!(sort(&texts)))
    });
}
