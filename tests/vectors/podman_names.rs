//! What podman 1.9.3 makes of names.

use serde_json::{Value, json};

use super::api::digests::DigestProblem;
use super::api::podman_names::*;
use super::api::references::{self, Reading, Reference, ReferenceProblem, Rules};
use crate::harness;

/// The kind of the peer's error, by a part of its text, for what could not be read.
fn check_unreadable(wanted: &Value, found: &Unreadable) -> Result<(), String> {
    let message = wanted["error"].as_str().unwrap_or_default();
    // Nothing is filled in by the first reading, everything by the second: one of them failed.
    let error = [Reading::AsWritten, Reading::Normalized]
        .into_iter()
        .find_map(|reading| references::parse(&found.text, reading, Rules::Podman).err())
        .ok_or_else(|| format!("{found:?} can be read"))?;
    let part = match error.problem {
        ReferenceProblem::Empty => "must have at least one component",
        ReferenceProblem::Uppercase(_) | ReferenceProblem::UppercasePath(_) => "must be lowercase",
        ReferenceProblem::TooLong(_) => "more than 255 characters",
        ReferenceProblem::Identifier => "64-byte hexadecimal",
        ReferenceProblem::Digest(DigestProblem::Unsupported(_)) => "unsupported digest algorithm",
        ReferenceProblem::Digest(DigestProblem::Length(_)) => "invalid checksum digest length",
        ReferenceProblem::Digest(DigestProblem::Format) => "invalid checksum digest format",
        _ => "invalid reference format",
    };
    if message.contains(part) { Ok(()) } else { Err(format!("{found:?}, but `{message}`")) }
}

/// A name in full, or why there is none, against `{ok, string | error}`.
fn check_name(what: &str, wanted: &Value, found: Result<ImageName, Unreadable>) -> Result<(), String> {
    harness::same(&format!("{what}: ok"), &wanted["ok"], &json!(found.is_ok()))?;
    match found {
        Ok(name) => harness::same(what, &wanted["string"], &json!(written(name))),
        Err(error) => check_unreadable(wanted, &error),
    }
}

fn written(name: ImageName) -> String {
    references::format(&Reference::Named(name))
}

#[test]
fn podman_names() {
    harness::run("podman_names.jsonl", harness::input, |case| {
        let input = case["input"].as_str().unwrap();
        harness::same("has_transport", &case["has_transport"], &json!(has_transport(input)))?;
        harness::same("strip_sha256", &case["strip_sha256"], &json!(strip_sha256(input)))?;
        check_name("normalized_tag", &case["normalized_tag"], normalized_tag(input))?;
        let decompose = decompose(input);
        harness::same("ok", &case["decompose"]["ok"], &json!(decompose.is_ok()))?;
        let parts = match decompose {
            Ok(parts) => parts,
            Err(error) => return check_unreadable(&case["decompose"], &error),
        };
        let wanted = &case["decompose"];
        harness::same("has_registry", &wanted["has_registry"], &json!(parts.has_registry))?;
        harness::same("unnormalized_ref", &wanted["unnormalized_ref"], &json!(parts.name))?;
        harness::same("image_base_name", &case["image_base_name"], &json!(parts.base_name))?;
        let compared = json!({"registry": parts.registry, "name": parts.repository, "tag": parts.tag});
        harness::same("suspicious", &case["suspicious_ref_name_tag_values_for_search"], &compared)?;
        qualified(&case["normalized_reference"], qualify(input, None))?;
        for (key, wanted) in case.as_object().unwrap() {
            if let Some(registry) = key.strip_prefix("reference_with_registry ") {
                qualified(wanted, qualify(input, Some(registry)))?;
            }
        }
        Ok(())
    });
}

fn qualified(wanted: &Value, found: Result<ImageName, QualifyError>) -> Result<(), String> {
    let called = wanted["error"].as_str().unwrap_or_default();
    match found {
        Ok(name) => check_name("qualified", wanted, Ok(name)),
        Err(QualifyError::Unreadable(error)) => check_name("qualified", wanted, Err(error)),
        Err(QualifyError::HasRegistry) => harness::same(
            "has a registry",
            &json!(true),
            &json!(called.contains("imageParts with a registry")),
        ),
        Err(QualifyError::NoRegistry) => harness::same(
            "has no registry",
            &json!(true),
            &json!(called.contains("imageParts without a registry")),
        ),
    }
}

#[test]
fn podman_match_repo_tag() {
    harness::run(
        "podman_match_repo_tag.jsonl",
        |case| format!("{} {}", case["input"], case["image_names"]),
        |case| {
            let names: Vec<String> = serde_json::from_value(case["image_names"].clone()).unwrap();
            let wanted = &case["result"];
            let found = match_repo_tag(case["input"].as_str().unwrap(), &names);
            harness::same("ok", &wanted["ok"], &json!(found.is_ok()))?;
            let message = wanted["error"].as_str().unwrap_or_default();
            match found {
                Ok(name) => harness::same("match", &wanted["match"], &json!(name)),
                Err(MatchError::Unreadable(error)) => check_unreadable(wanted, &error),
                Err(MatchError::NotFound) => {
                    harness::same("cause", &wanted["cause"], &json!("ErrRepoTagNotFound"))
                }
                Err(MatchError::Ambiguous(_)) => {
                    harness::same("multiple", &json!(true), &json!(message.contains("matched multiple")))
                }
            }
        },
    );
}

#[test]
fn podman_misc() {
    harness::run("podman_misc.jsonl", Value::to_string, |case| {
        let names = || -> Vec<String> { serde_json::from_value(case["names"].clone()).unwrap() };
        let input = case["input"].as_str().unwrap_or_default();
        match case["fn"].as_str().unwrap() {
            "ReposToMap" => match repositories(&names()) {
                Ok(found) => {
                    let found: serde_json::Map<String, Value> =
                        found.into_iter().map(|one| (one.name, json!(one.references))).collect();
                    harness::same("repositories", &case["result"], &Value::Object(found))
                }
                Err(error) => check_unreadable(&case["result"], &error),
            },
            "IsValidImageURI" => harness::same("valid", &case["valid"], &json!(is_image_uri(input))),
            "imageNameForSaveDestination" => {
                let id = case["image_id"].as_str().unwrap();
                let found = save_name(id, &names(), input).unwrap_or_default();
                harness::same("result", &case["result"], &json!(found))
            }
            other => Err(format!("no function `{other}`")),
        }
    });
}
