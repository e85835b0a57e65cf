//! `consign resolve`: what a reference means on a platform, and why.

use anyhow::Result;
use serde_json::{Value, json};

use consign::resolve::{Explained, ResolveError, name, platform};
use consign::types::resolution::{Considered, Matched, ResolveError as Refusal, Resolved, Step, Verdict};

use super::args::{Format, Resolve};
use super::failure::Failure;
use super::image::{self, Opened};
use super::session::Session;
use super::{document, output};

pub fn run(session: &Session, arguments: &Resolve) -> Result<()> {
    let opened = image::open(session, &arguments.image)?;
    let options = session.options(&arguments.wanted)?;
    let resolved = match opened.resolve(session, &options) {
        Ok(resolved) => resolved,
        Err(error) => {
            if arguments.explain {
                explain_refusal(&error);
            }
            return Err(with_hint(error, &opened));
        }
    };
    if arguments.quiet {
        return output::lines([&resolved.config.digest]);
    }
    match arguments.format {
        Format::Json => output::json(&answer(&arguments.image, &resolved)),
        Format::Table => {
            output::table(&["", ""], &summary(&resolved))?;
            if arguments.explain {
                output::lines([""])?;
                explain(&resolved.steps, &resolved.considered)?;
            }
            Ok(())
        }
    }
}

/// A refusal, with what there is to do about it.
pub fn with_hint(error: ResolveError, opened: &Opened) -> anyhow::Error {
    let hint = match &error {
        ResolveError::Refused(refusal) => match &**refusal {
            Refusal::Platform(_) => Some("choose one of these with --platform".to_owned()),
            Refusal::Ambiguous(_) => Some("write more of the ID".to_owned()),
            Refusal::NotFound(_) if opened.is_store() => Some(
                "`consign images` lists what is in the store; `consign load` takes an archive in".to_owned(),
            ),
            _ => None,
        },
        _ => None,
    };
    match hint {
        Some(hint) => {
            let code = if error.is_no() { Failure::no } else { Failure::usage };
            code(error.to_string()).hint(hint).into()
        }
        None => error.into(),
    }
}

fn summary(resolved: &Resolved) -> Vec<Vec<String>> {
    let row = |key: &str, value: String| vec![key.to_owned(), value];
    let mut rows = Vec::new();
    match &resolved.matched {
        Matched::Name(found) => rows.push(row("name", name(found))),
        Matched::Digest(_) | Matched::Prefix(_) | Matched::Target => {}
    }
    rows.push(row("platform", platform(&resolved.platform)));
    rows.extend(resolved.indexes.iter().map(|index| row("index", index.digest.clone())));
    rows.extend(resolved.manifest.iter().map(|manifest| row("manifest", manifest.digest.clone())));
    rows.push(row("image id", resolved.config.digest.clone()));
    for layer in &resolved.layers {
        let size = layer.blob.as_ref().map(|blob| format!(" {}", output::size(blob.size)));
        let digest = layer.blob.as_ref().map_or(&layer.diff_id, |blob| &blob.digest);
        rows.push(row("layer", format!("{digest}{}", size.unwrap_or_default())));
    }
    rows
}

fn explain(steps: &[Step], considered: &[Considered]) -> Result<()> {
    output::lines(steps.iter().map(|step| output::printable(&Explained(step).to_string())))?;
    if considered.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = considered
        .iter()
        .map(|entry| {
            let mark = if matches!(entry.verdict, Verdict::Chosen) { "*" } else { "" };
            vec![
                format!("{}{mark}{}", "  ".repeat(entry.depth as usize), entry.position),
                entry.entry.platform.as_ref().map(platform).unwrap_or_default(),
                short(&entry.entry.digest),
                Explained(entry).to_string(),
            ]
        })
        .collect();
    output::table(&["ENTRY", "PLATFORM", "DIGEST", "WHY"], &rows)
}

fn explain_refusal(error: &ResolveError) {
    let ResolveError::Refused(refusal) = error else { return };
    let Refusal::Platform(mismatch) = &**refusal else { return };
    // The refusal follows; if nothing can be written there is no one to tell.
    let _ = explain(&mismatch.steps, &mismatch.considered);
}

fn short(digest: &str) -> String {
    digest.split_once(':').map_or(digest, |(_, hex)| hex).chars().take(12).collect()
}

/// The answer as a JSON document. Field names are stable.
fn answer(input: &str, resolved: &Resolved) -> Value {
    let matched = match &resolved.matched {
        Matched::Target => json!({"by": "target"}),
        Matched::Name(found) => json!({"by": "name", "name": name(found)}),
        Matched::Digest(digest) => json!({"by": "digest", "digest": digest}),
        Matched::Prefix(id) => json!({"by": "prefix", "id": id}),
    };
    let layers: Vec<Value> = resolved
        .layers
        .iter()
        .map(|layer| {
            let mut entry = layer.blob.as_ref().map_or_else(|| json!({}), document::descriptor);
            entry["diffId"] = json!(layer.diff_id);
            entry["chainId"] = json!(layer.chain_id);
            entry
        })
        .collect();
    let considered: Vec<Value> = resolved
        .considered
        .iter()
        .map(|entry| {
            json!({
                "index": entry.index,
                "position": entry.position,
                "depth": entry.depth,
                "descriptor": document::descriptor(&entry.entry),
                "chosen": matches!(entry.verdict, Verdict::Chosen),
                "why": Explained(entry).to_string(),
            })
        })
        .collect();
    json!({
        "input": input,
        "matched": matched,
        "platform": document::platform(&resolved.platform),
        "target": document::descriptor(&resolved.target),
        "indexes": resolved.indexes.iter().map(document::descriptor).collect::<Vec<_>>(),
        "manifest": resolved.manifest.as_ref().map(document::descriptor),
        "config": document::descriptor(&resolved.config),
        "id": resolved.config.digest,
        "layers": layers,
        "steps": resolved.steps.iter().map(|step| Explained(step).to_string()).collect::<Vec<_>>(),
        "considered": considered,
    })
}
