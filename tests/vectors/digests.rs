use std::collections::BTreeMap;

use serde_json::json;

use super::api::digests::*;
use crate::harness;

#[test]
fn digest_compute() {
    harness::run(
        "digest_compute.jsonl",
        |case| case["input_utf8"].to_string(),
        |case| {
            let bytes = case["input_utf8"].as_str().unwrap().as_bytes();
            for (name, algorithm) in
                [("sha256", Algorithm::Sha256), ("sha384", Algorithm::Sha384), ("sha512", Algorithm::Sha512)]
            {
                harness::same(name, &case[name], &json!(compute(algorithm, bytes)))?;
            }
            Ok(())
        },
    );
}

#[test]
fn digest_parse() {
    harness::run("digest_parse.jsonl", harness::input, |case| {
        let input = case["input"].as_str().unwrap();
        harness::same("form", &case["anchored_regexp_match"], &json!(is_well_formed(input)))?;
        let found = parse(input);
        harness::same("ok", &case["ok"], &json!(found.is_ok()))?;
        match found {
            Ok(DigestParts { algorithm, encoded }) => {
                let name = match algorithm {
                    Algorithm::Sha256 => "sha256",
                    Algorithm::Sha384 => "sha384",
                    Algorithm::Sha512 => "sha512",
                };
                harness::same("algorithm", &case["algorithm"], &json!(name))?;
                harness::same("encoded", &case["encoded"], &json!(encoded))?;
                harness::same("string", &case["string"], &json!(format!("{name}:{encoded}")))
            }
            Err(error) => harness::same("kind", &case["error_kind"], &json!(kind(&error))),
        }
    });
}

fn kind(error: &DigestError) -> &'static str {
    match error.problem {
        DigestProblem::Format => "digest.ErrDigestInvalidFormat",
        DigestProblem::Unsupported(_) => "digest.ErrDigestUnsupported",
        DigestProblem::Length(_) => "digest.ErrDigestInvalidLength",
    }
}

#[test]
fn digestset() {
    harness::run(
        "digestset.jsonl",
        |case| case["name"].to_string(),
        |case| {
            let mut set = Set::new();
            case["ops"].as_array().unwrap().iter().enumerate().try_for_each(|(number, op)| {
                let arg = op["arg"].as_str().unwrap_or_default();
                let done = |result: Result<(), DigestError>| match result {
                    Ok(()) => ("result", json!("ok")),
                    Err(error) => ("error_kind", json!(kind(&error))),
                };
                let (field, found) = match op["op"].as_str().unwrap() {
                    "add" => done(set.add(arg)),
                    "remove" => done(set.remove(arg)),
                    "lookup" => match set.lookup(arg) {
                        Ok(digest) => ("result", json!(digest)),
                        Err(LookupError::NotFound) => ("error_kind", json!("ErrDigestNotFound")),
                        Err(LookupError::Ambiguous(_)) => ("error_kind", json!("ErrDigestAmbiguous")),
                    },
                    "all" => ("result", json!(set.all())),
                    "short_code_table" => {
                        let length = u32::try_from(op["length"].as_u64().unwrap()).unwrap();
                        let table: BTreeMap<_, _> = set.short_code_table(length).into_iter().collect();
                        ("result", json!(table))
                    }
                    other => return Err(format!("no operation `{other}`")),
                };
                harness::same(&format!("operation {number}, {op}"), &op[field], &found)
            })
        },
    );
}
