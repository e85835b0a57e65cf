//! What podman 1.9.3 pulls.

use serde_json::{Value, json};

use super::api::podman_names::decompose;
use super::api::pull_goals::*;
use super::short_names::parsed;
use crate::harness;
use consign::registries_conf::Version1;

#[test]
fn podman_pull_goals() {
    harness::run("podman_pull_goals.jsonl", Value::to_string, |case| {
        let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
        let wanted = &case["result"];
        match text("fn").as_str() {
            "pullGoalFromPossiblyUnqualifiedName" => {
                let input = text("input");
                // The configuration is asked for only where it is needed.
                let needed = decompose(&input).is_ok_and(|parts| !parts.has_registry);
                let registries = match parsed(&text("registries_conf"), Version1::Converted) {
                    Ok(configuration) => configuration.search_registries,
                    Err(_) if needed => return harness::same("ok", &wanted["ok"], &json!(false)),
                    Err(_) => Vec::new(),
                };
                goal(wanted, goal_of(&Wanted::Name((input, registries))))
            }
            "pullGoalFromImageReference" => from_image_reference(&text("input"), wanted),
            "getPullRefPair" => {
                let pair = Wanted::Pair((text("src"), text("dest_name")));
                let found = goal_of(&pair);
                harness::same("ok", &wanted["ok"], &json!(found.is_ok()))?;
                match found {
                    Ok(goal) => {
                        let mut wanted = wanted.clone();
                        wanted.as_object_mut().unwrap().remove("ok");
                        harness::same("pair", &wanted, &shown(&goal.pairs[0]))
                    }
                    Err(error) => refused(wanted, &error),
                }
            }
            other => Err(format!("no function `{other}`")),
        }
    });
}

/// The peer reads archives and looks for directories itself. What an archive of its own has of names is seen in
/// its answer; one it could not read is one of which nothing is said.
fn from_image_reference(input: &str, wanted: &Value) -> Result<(), String> {
    let message = wanted["error"].as_str().unwrap_or_default();
    if wanted["stage"] == "ParseImageName" {
        return harness::same("a file is missing", &json!(true), &json!(message.contains("no such file")));
    }
    let read = input.contains("testdata/");
    let names = match &wanted["pairs"] {
        Value::Array(pairs) => pairs.iter().map(|pair| pair["image"].as_str().unwrap().to_owned()).collect(),
        // The name of this archive's image is in the message.
        _ => message.split('"').nth(1).into_iter().map(str::to_owned).collect(),
    };
    let config = format!("sha256:{}", "0".repeat(64));
    let contents = read.then_some(Contents { names, config });
    goal(wanted, goal_of(&Wanted::Source((input.to_owned(), contents))))
}

fn goal(wanted: &Value, found: Result<Goal, GoalError>) -> Result<(), String> {
    harness::same("ok", &wanted["ok"], &json!(found.is_ok()))
        .map_err(|wrong| format!("{wrong}: {found:?}"))?;
    let goal = match found {
        Ok(goal) => goal,
        Err(error) => return refused(wanted, &error),
    };
    let pairs: Vec<Value> = goal.pairs.iter().map(shown).collect();
    harness::same("pairs", &wanted["pairs"], &json!(pairs))?;
    harness::same("pull_all_pairs", &wanted["pull_all_pairs"], &json!(goal.all))?;
    harness::same("used", &wanted["used_search_registries"], &json!(goal.searched.is_some()))?;
    // An empty list is none there.
    let searched = goal.searched.filter(|searched| !searched.is_empty());
    harness::same("searched_registries", &wanted["searched_registries"], &json!(searched))
}

fn shown(pair: &Pair) -> Value {
    json!({"image": pair.image, "src": pair.source, "dst": pair.destination})
}

fn refused(wanted: &Value, error: &GoalError) -> Result<(), String> {
    let message = wanted["error"].as_str().unwrap_or_default();
    let parts: &[&str] = match error {
        GoalError::Name(_) => &["invalid reference format", "must be lowercase", "at least one component"],
        GoalError::Source(_) => &["unable to parse"],
        GoalError::Destination(_) => &["error parsing dest reference name"],
        GoalError::Unread => &["error opening file", "error retrieving manifest.json"],
    };
    let said = parts.iter().any(|part| message.contains(part));
    if said { Ok(()) } else { Err(format!("{error:?}, but `{message}`")) }
}
