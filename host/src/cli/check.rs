//! `consign check`: whether the store is what it says it is, and putting it right.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::check::check;
use consign::digest::Digest;
use consign::repair::{Repaired, repair};
use consign::store::{CheckOptions, Report};

use super::args::{Check, Format, Reached};
use super::failure::Failure;
use super::session::Session;
use super::{image, output};

pub fn run(session: &Session, arguments: &Check) -> Result<()> {
    if arguments.repair {
        return mend(session, arguments);
    }
    let options = CheckOptions { quick: arguments.quick };
    let report = check(&*session.store()?, session.sandbox(), options)?;
    match arguments.format {
        Format::Json => output::json(&document(&report))?,
        Format::Table => output::lines(lines(&report, arguments.quick))?,
    }
    if report.is_sound() {
        return Ok(());
    }
    Err(Failure::no("the store is damaged")
        .hint("`consign check --repair` takes out what cannot be saved; --from names where content is to be had")
        .into())
}

fn mend(session: &Session, arguments: &Check) -> Result<()> {
    let sources = arguments
        .from
        .iter()
        .map(|text| source(session, text, &arguments.reached))
        .collect::<Result<Vec<_>>>()?;
    let (root, options) = session.root()?;
    let repaired = repair(root, &options, session.sandbox(), &sources)
        .with_context(|| "repairing the store".to_owned())?;
    show(&repaired, arguments.format)?;
    if !repaired.report.is_sound() {
        return Err(Failure::no("the store is still damaged").into());
    }
    if !repaired.losses.is_empty() {
        return Err(Failure::no("the store is sound; not everything could be saved").into());
    }
    Ok(())
}

/// Where content is to be had.
fn source(session: &Session, text: &str, reached: &Reached) -> Result<Box<dyn consign::source::Source>> {
    let transport = if Path::new(text).exists() { None } else { session.sandbox().transport_of(text)? };
    match transport {
        Some(transport) => {
            let reference = image::reference(session, text)?;
            image::open_source(session, transport, &reference, reached)
        }
        None => image::at(session, Path::new(text)),
    }
}

fn show(repaired: &Repaired, format: Format) -> Result<()> {
    let digests = |digests: &[Digest]| digests.iter().map(Digest::to_string).collect::<Vec<_>>();
    match format {
        Format::Json => output::json(&json!({
            "rebuilt": repaired.rebuilt,
            "fetched": digests(&repaired.fetched),
            "corrected": digests(&repaired.corrected),
            "lost": repaired.losses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "collected": digests(&repaired.collected),
            "bytes": repaired.bytes,
            "report": document(&repaired.report),
        })),
        Format::Table => {
            let mut text = Vec::new();
            if repaired.rebuilt {
                text.push("the catalogue was made anew from the content".to_owned());
            }
            text.extend(repaired.fetched.iter().map(|digest| format!("fetched again: {digest}")));
            text.extend(repaired.corrected.iter().map(|digest| format!("corrected: {digest}")));
            text.extend(
                repaired.losses.iter().map(|loss| format!("lost: {}", output::printable(&loss.to_string()))),
            );
            text.extend(repaired.collected.iter().map(|digest| format!("removed: {digest}")));
            text.extend(lines(&repaired.report, false));
            output::lines(text)
        }
    }
}

/// What a check found, with stable names.
fn document(report: &Report) -> Value {
    json!({
        "sound": report.is_sound(),
        "blobs": report.blobs,
        "bytes": report.bytes,
        "names": report.names,
        "images": report.images,
        "problems": report.problems.iter().map(|problem| json!({
            "problem": problem.to_string(),
            "harmless": problem.is_harmless(),
        })).collect::<Vec<_>>(),
    })
}

fn lines(report: &Report, quick: bool) -> Vec<String> {
    let problem = |problem: &consign::store::Problem| {
        let kind = if problem.is_harmless() { "left over" } else { "damaged" };
        format!("{kind}: {}", output::printable(&problem.to_string()))
    };
    let mut lines: Vec<String> = report.problems.iter().map(problem).collect();
    lines.push(if quick {
        format!("{} images, {} names; blobs were not read", report.images, report.names)
    } else {
        format!(
            "{} images, {} names, {} blobs, {} checked",
            report.images,
            report.names,
            report.blobs,
            output::size(report.bytes)
        )
    });
    lines
}
