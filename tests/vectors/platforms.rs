use serde_json::{Value, json};

use super::api::platforms::{
    Matcher, Platform, PlatformProblem, format, format_all, matches, normalize, order, parse,
};
use crate::harness;

/// The operating system of the machine the cases were observed on, unless a case says otherwise.
const HOST_OS: &str = "linux";

/// Go's JSON form of a platform.
pub fn platform(value: &Value) -> Platform {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let optional = |key: &str| Some(text(key)).filter(|text| !text.is_empty());
    Platform {
        os: text("os"),
        architecture: text("architecture"),
        variant: optional("variant"),
        os_version: optional("os.version"),
        os_features: value["os.features"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|feature| feature.as_str().unwrap().to_owned())
            .collect(),
    }
}

fn platforms(value: &Value) -> Vec<Platform> {
    match value {
        Value::Array(list) => list.iter().map(platform).collect(),
        one => vec![platform(one)],
    }
}

fn written(platform: &Platform) -> Value {
    let mut value = json!({"os": platform.os, "architecture": platform.architecture});
    if let Some(variant) = &platform.variant {
        value["variant"] = json!(variant);
    }
    if let Some(version) = &platform.os_version {
        value["os.version"] = json!(version);
    }
    if !platform.os_features.is_empty() {
        value["os.features"] = json!(platform.os_features);
    }
    value
}

/// `linux/arm/v6`, as the cases name their hosts; an arm64 host's variant is v8 except on Windows.
fn host(text: &str) -> Platform {
    let mut parts = text.split('/').map(str::to_owned);
    Platform {
        os: parts.next().unwrap(),
        architecture: parts.next().unwrap(),
        variant: parts.next(),
        os_version: None,
        os_features: Vec::new(),
    }
}

/// The problem the peer's message speaks of.
fn problem(message: &str) -> PlatformProblem {
    let says = |part| message.contains(part);
    match () {
        () if says("wildcards not yet supported") => PlatformProblem::Wildcard,
        () if says("is an invalid OS component of") => PlatformProblem::OperatingSystem,
        () if says("has an invalid OS version") => PlatformProblem::OsVersion,
        () if says("has invalid OS features") => PlatformProblem::OsFeature,
        () if says("is an invalid component of") => PlatformProblem::Component,
        () if says("unknown operating system or architecture") => PlatformProblem::Unknown,
        () if says("cannot parse platform specifier") => PlatformProblem::TooManyComponents,
        () => panic!("no problem known for `{message}`"),
    }
}

fn check_parse(case: &Value) -> Result<(), String> {
    let host = host(case["host"].as_str().unwrap());
    let specifier = case["specifier"].as_str().unwrap();
    let parsed = match parse(specifier, &host) {
        Ok(parsed) => parsed,
        Err(error) => {
            let found = std::format!("{:?}", error.problem);
            let Some(message) = case["error"].as_str() else {
                return Err(std::format!("refused: {error:?}"));
            };
            let offset = usize::try_from(error.offset).unwrap();
            if !specifier.is_char_boundary(offset) || !specifier.contains(&error.component) {
                return Err(std::format!("offset or component is not in the string: {error:?}"));
            }
            return harness::same("problem", &json!(std::format!("{:?}", problem(message))), &json!(found));
        }
    };
    if case["ok"] != true {
        return Err(std::format!("accepted: {}", written(&parsed)));
    }
    let normal = normalize(&parsed, &host.os);
    harness::same("parsed", &case["parsed"], &written(&parsed))?;
    harness::same("format", &case["format"], &json!(format(&parsed)))?;
    harness::same("format_all", &case["format_all"], &json!(format_all(&parsed)))?;
    harness::same("normalized", &case["normalized"], &written(&normal))?;
    harness::same("normalized_format", &case["normalized_format"], &json!(format(&normal)))?;
    harness::same("normalized_format_all", &case["normalized_format_all"], &json!(format_all(&normal)))
}

#[test]
fn platform_parse() {
    harness::run("platform_parse.jsonl", |case| case["specifier"].to_string(), check_parse);
}

#[test]
fn platform_parse_hosts() {
    let key = |case: &Value| std::format!("{} on {}", case["specifier"], case["host"]);
    harness::run("platform_parse_hosts.jsonl", key, check_parse);
}

#[test]
fn platform_normalize() {
    harness::run(
        "platform_normalize.jsonl",
        |case| case["platform"].to_string(),
        |case| {
            let platform = platform(&case["platform"]);
            let normal = normalize(&platform, HOST_OS);
            harness::same("normalized", &case["normalized"], &written(&normal))?;
            harness::same("format", &case["format"], &json!(format(&platform)))?;
            harness::same("format_all", &case["format_all"], &json!(format_all(&platform)))?;
            harness::same("normalized_format", &case["normalized_format"], &json!(format(&normal)))
        },
    );
}

#[test]
fn platform_match() {
    harness::run(
        "platform_match.jsonl",
        |case| std::format!("{} on {}", case["candidate"], case["wanted"]),
        |case| {
            let (wanted, candidate) = (platform(&case["wanted"]), platform(&case["candidate"]));
            let check = |key: &str, matcher: Matcher| {
                harness::same(key, &case[key], &json!(matches(&matcher, &candidate, HOST_OS)))
            };
            check("new_matcher", Matcher::Exact(wanted.clone()))?;
            check("only", Matcher::Only(wanted.clone()))?;
            check("only_strict", Matcher::OnlyStrict(wanted.clone()))?;
            check("any", Matcher::Any(vec![wanted.clone()]))?;
            check("only_os", Matcher::OnlyOs(wanted.clone()))?;
            check("docker_only_with_fallback", Matcher::DockerWithFallback(wanted.clone()))
        },
    );
}

#[test]
fn platform_order() {
    harness::run(
        "platform_order.jsonl",
        |case| std::format!("{} {} {}", case["comparer"], case["wanted"], case["candidates"]),
        |case| {
            let (wanted, candidates) = (platforms(&case["wanted"]), platforms(&case["candidates"]));
            let matcher = match case["comparer"].as_str().unwrap() {
                "only" => Matcher::Only(wanted[0].clone()),
                "only_strict" => Matcher::OnlyStrict(wanted[0].clone()),
                "ordered" => Matcher::Ordered(wanted),
                "any" => Matcher::Any(wanted),
                other => return Err(std::format!("no comparer `{other}`")),
            };
            let matching: Vec<usize> = (0..candidates.len())
                .filter(|&position| matches(&matcher, &candidates[position], HOST_OS))
                .collect();
            harness::same("matching", &case["matching"], &json!(matching))?;
            let sorted = order(&matcher, &candidates, HOST_OS);
            harness::same("stable_sorted", &case["stable_sorted"], &json!(sorted))
        },
    );
}
