//! `consign check`: whether the store is what it says it is.

use anyhow::Result;
use serde_json::json;

use super::args::{Check, Format};
use super::failure::Failure;
use super::output;
use super::session::Session;

pub fn run(session: &Session, arguments: &Check) -> Result<()> {
    let report = session.store()?.check()?;
    let problems = report.problems.iter();
    match arguments.format {
        Format::Json => output::json(&json!({
            "sound": report.is_sound(),
            "blobs": report.blobs,
            "bytes": report.bytes,
            "names": report.names,
            "images": report.images,
            "problems": problems.map(|problem| json!({
                "problem": problem.to_string(),
                "harmless": problem.is_harmless(),
            })).collect::<Vec<_>>(),
        }))?,
        Format::Table => {
            output::lines(problems.map(|problem| {
                let kind = if problem.is_harmless() { "left over" } else { "damaged" };
                format!("{kind}: {}", output::printable(&problem.to_string()))
            }))?;
            output::lines([format!(
                "{} images, {} names, {} blobs, {} checked",
                report.images,
                report.names,
                report.blobs,
                output::size(report.bytes)
            )])?;
        }
    }
    if report.is_sound() { Ok(()) } else { Err(Failure::no("the store is damaged").into()) }
}
