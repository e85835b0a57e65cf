//! `consign resolve`: what a reference means on a platform, and why.

use anyhow::Result;
use serde_json::{Value, json};

use consign::resolve::{Explained, Resolution, name, platform};
use consign::types::resolution::{Considered, Explanation, Matched, Resolved, Step, Verdict};

use super::args::{Format, Resolve};
use super::image::Opened;
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{document, image, output};

pub fn run(session: &Session, arguments: &Resolve) -> Result<()> {
    let options = session.options(&arguments.wanted)?;
    let opened = match image::open_by(
        session,
        &arguments.image,
        arguments.looked_up.lookup,
        &options,
        &arguments.reached,
    ) {
        Ok(opened) => opened,
        Err(error) => {
            refusal::show_lookup(arguments, &error)?;
            return Err(refusal::looked_up(error));
        }
    };
    let Resolution { image: resolved, explanation } = match opened.explained(session, &options) {
        Ok(resolution) => resolution,
        Err(error) => {
            refusal::show(arguments, &opened, &error)?;
            return Err(with_hint(error, &opened));
        }
    };
    if arguments.quiet {
        return output::lines([&resolved.config.digest]);
    }
    match arguments.format {
        Format::Json => output::json(&answer(&arguments.image, &opened, &resolved, &explanation)),
        Format::Table => {
            output::table(&["", ""], &summary(&resolved))?;
            if arguments.explain {
                output::lines([""])?;
                explain(opened.tried(), &explanation)?;
            }
            Ok(())
        }
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

/// What was tried to find it, the steps, and every entry that was considered; entries of a nested index below
/// the one that lists it.
pub fn explain(tried: &[String], explanation: &Explanation) -> Result<()> {
    let Explanation { steps, considered } = explanation;
    output::lines(tried.iter().map(|tried| output::printable(tried)))?;
    output::lines(steps.iter().map(|step| output::printable(&Explained(step).to_string()).into_owned()))?;
    if considered.is_empty() {
        return Ok(());
    }
    let row = |entry: &Considered| {
        let mark = if matches!(entry.verdict, Verdict::Chosen) { "*" } else { "" };
        vec![
            format!("{}{mark}{}", "  ".repeat(entry.depth as usize), entry.position),
            entry.entry.platform.as_ref().map(platform).unwrap_or_default(),
            short(&entry.entry.digest),
            Explained(entry).to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = nested(considered).into_iter().map(row).collect();
    output::table(&["ENTRY", "PLATFORM", "DIGEST", "WHY"], &rows)
}

/// The entries in the order of a tree; they come in the order in which indexes were looked into.
fn nested(considered: &[Considered]) -> Vec<&Considered> {
    let mut ordered: Vec<&Considered> = Vec::with_capacity(considered.len());
    // An index's entries come together, the first at position 0.
    for index in considered.chunk_by(|_, next| next.position != 0) {
        let Some(first) = index.first() else { continue };
        let holds = |outer: &&Considered| {
            outer.depth.checked_add(1) == Some(first.depth) && outer.entry.digest == first.index
        };
        let at = ordered.iter().rposition(holds).map_or(ordered.len(), |outer| outer + 1);
        ordered.splice(at..at, index);
    }
    ordered
}

fn short(digest: &str) -> String {
    digest.split_once(':').map_or(digest, |(_, hex)| hex).chars().take(12).collect()
}

/// The answer as a JSON document. Field names are stable.
fn answer(input: &str, opened: &Opened, resolved: &Resolved, explanation: &Explanation) -> Value {
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
        "steps": steps(opened.tried(), &explanation.steps),
        "considered": considered(&explanation.considered),
    })
}

/// What was tried, in words, in order.
pub fn steps(tried: &[String], steps: &[Step]) -> Value {
    tried.iter().cloned().chain(steps.iter().map(|step| Explained(step).to_string())).collect()
}

/// Every entry of every index that was looked into, and why it won or lost; in order of looking.
pub fn considered(entries: &[Considered]) -> Value {
    let entry = |entry: &Considered| {
        json!({
            "index": entry.index,
            "position": entry.position,
            "depth": entry.depth,
            "descriptor": document::descriptor(&entry.entry),
            "chosen": matches!(entry.verdict, Verdict::Chosen),
            "why": Explained(entry).to_string(),
        })
    };
    entries.iter().map(entry).collect()
}
