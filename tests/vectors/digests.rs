use serde_json::json;

use super::api::digests::{Algorithm, compute};
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
