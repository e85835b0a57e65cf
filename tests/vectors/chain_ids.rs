use serde_json::json;

use super::api::manifests::chain_ids;
use crate::harness;

#[test]
fn history_chainid() {
    harness::run(
        "history_chainid.jsonl",
        |case| case["name"].to_string(),
        |case| {
            let diff_ids: Vec<String> = serde_json::from_value(case["diff_ids"].clone()).unwrap_or_default();
            let chain_ids = chain_ids(&diff_ids).map_err(|error| format!("{error:?}"))?;
            harness::same("chain_ids", &case["chain_ids"], &json!(chain_ids))?;
            harness::same(
                "chain_id",
                &case["chain_id"],
                &json!(chain_ids.last().cloned().unwrap_or_default()),
            )
        },
    );
}
