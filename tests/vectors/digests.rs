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
            Err(error) => {
                let kind = match error.problem {
                    DigestProblem::Format => "digest.ErrDigestInvalidFormat",
                    DigestProblem::Unsupported(_) => "digest.ErrDigestUnsupported",
                    DigestProblem::Length(_) => "digest.ErrDigestInvalidLength",
                };
                harness::same("kind", &case["error_kind"], &json!(kind))
            }
        }
    });
}
