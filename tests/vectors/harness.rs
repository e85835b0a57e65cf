//! Runs a file of cases and holds its failures against the list of known deviations.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

/// The repository's root; the examples' tests lie deeper in it than the command's.
fn root() -> PathBuf {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = above.find(|folder| folder.join("tests/vectors/harness.rs").exists());
    root.expect("the package is within the repository").to_owned()
}

/// The folder the cases come from: `CONSIGN_VECTORS` (relative to the workspace root), or the
/// project's own copy.
pub fn folder() -> PathBuf {
    let root = root();
    match std::env::var_os("CONSIGN_VECTORS") {
        Some(folder) => root.join(folder),
        None => root.join("tests/vectors/data"),
    }
}

/// The cases of one file, one JSON object a line. A missing file has no cases.
pub fn cases(file: &str) -> Vec<Value> {
    let path = folder().join(file);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("{file}: not in {}", folder().display());
        return Vec::new();
    };
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(number, line)| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), number + 1))
        })
        .collect()
}

/// `deviations.jsonl`: `{"file", "case", "reason"}` a line, where `case` is the case's key.
fn deviations() -> &'static BTreeMap<(String, String), String> {
    static LIST: OnceLock<BTreeMap<(String, String), String>> = OnceLock::new();
    LIST.get_or_init(|| {
        let path = root().join("tests/vectors/deviations.jsonl");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| {
                let entry: Value = serde_json::from_str(line).expect("deviations.jsonl is JSON lines");
                let text =
                    |key: &str| entry[key].as_str().expect("file, case and reason are strings").to_owned();
                ((text("file"), text("case")), text("reason"))
            })
            .collect()
    })
}

/// Runs every case of `file` through `check`, which returns what was wrong. `key` names a case, and is
/// what deviations are listed by.
///
/// Panics when a case fails that is not listed, and when a listed one passes.
pub fn run(file: &str, key: impl Fn(&Value) -> String, mut check: impl FnMut(&Value) -> Result<(), String>) {
    let cases = cases(file);
    let mut failures = Vec::new();
    let mut deviating = BTreeSet::new();
    let mut passing_but_listed = BTreeSet::new();
    for case in &cases {
        let key = key(case);
        let listed = deviations().contains_key(&(file.to_owned(), key.clone()));
        match check(case) {
            Ok(()) if listed => drop(passing_but_listed.insert(key)),
            Ok(()) => {}
            Err(_) if listed => drop(deviating.insert(key)),
            Err(wrong) => failures.push(format!("{key}\n    {wrong}")),
        }
    }
    println!("{file}: {} cases, {} deviations, {} failures", cases.len(), deviating.len(), failures.len());
    assert!(
        failures.is_empty(),
        "{} of {} cases of {file} failed:\n{}",
        failures.len(),
        cases.len(),
        failures.iter().take(20).cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(passing_but_listed.is_empty(), "listed in deviations.jsonl but passing: {passing_but_listed:?}");
}

/// The case's `input`, for [`run`].
pub fn input(case: &Value) -> String {
    case["input"].to_string()
}

/// `Ok` if both are equal, otherwise what was wanted and what was found.
pub fn same(what: &str, wanted: &Value, found: &Value) -> Result<(), String> {
    if wanted == found { Ok(()) } else { Err(format!("{what}: wanted {wanted}, found {found}")) }
}
