//! `consign inspect`: an image's details, as `docker image inspect` shows them.

use anyhow::{Result, anyhow};
use serde_json::Value;

use consign::types::resolution::Options;

use super::args::{Inspect, Shape};
use super::failure::{Failure, Failures};
use super::image;
use super::inspection::{self, Inspection};
use super::output;
use super::refusal::{self, with_hint};
use super::session::Session;

pub fn run(session: &Session, arguments: &Inspect) -> Result<()> {
    let options = session.options(&arguments.wanted)?;
    let mut documents = Vec::new();
    let mut failures = Vec::new();
    for text in &arguments.images {
        // As docker does: what is there is shown, whatever else is not.
        match one(session, arguments, &options, text) {
            Ok(Shown::Bytes(bytes)) => output::bytes(&bytes)?,
            Ok(Shown::Document(document)) => documents.push(document),
            Err(error) => failures.push(error),
        }
    }
    if !arguments.raw && !arguments.config {
        match &arguments.format {
            Shape::Json => output::json(&documents.into_iter().map(Inspection::json).collect::<Vec<_>>())?,
            Shape::Table => {
                let documents = documents.into_iter().map(Inspection::json);
                output::table(
                    &["", ""],
                    &documents.flat_map(|document| rows(&document)).collect::<Vec<_>>(),
                )?;
            }
            Shape::Template { template, .. } => {
                let say = |document: &Inspection| {
                    let wrong = |error| anyhow!(Failure::usage(format!("in the template: {error}")));
                    template.execute(document.data()).map_err(wrong)
                };
                output::lines(documents.iter().map(say).collect::<Result<Vec<_>>>()?)?;
            }
        }
    }
    Failures::all(failures)
}

/// What one image is shown as.
enum Shown {
    /// Stored bytes.
    Bytes(Vec<u8>),
    /// The document of `docker image inspect`.
    Document(Inspection),
}

fn one(session: &Session, arguments: &Inspect, options: &Options, text: &str) -> Result<Shown> {
    let lookup = arguments.looked_up.lookup;
    let opened =
        image::open_by(session, text, lookup, options, &arguments.reached).map_err(refusal::looked_up)?;
    if arguments.raw && options.platform.is_none() {
        let target = opened.target(session, options).map_err(|error| with_hint(error, &opened))?;
        return image::content(&opened, &target).map(Shown::Bytes);
    }
    let resolved = opened.resolve(session, options).map_err(|error| with_hint(error, &opened))?;
    if arguments.raw {
        let manifest = resolved.manifest.as_ref().ok_or_else(|| {
            Failure::no(format!("image `{}` has a config and no manifest here", resolved.config.digest))
        })?;
        return image::content(&opened, manifest).map(Shown::Bytes);
    }
    if arguments.config {
        return image::content(&opened, &resolved.config).map(Shown::Bytes);
    }
    inspection::inspect(session, &opened, &resolved).map(Shown::Document)
}

/// The document's members that are short enough for a table.
fn rows(document: &Value) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Array(texts) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    };
    let shown =
        ["Id", "RepoTags", "RepoDigests", "Created", "Author", "Os", "Architecture", "Variant", "Size"];
    let mut rows: Vec<Vec<String>> = shown
        .iter()
        .filter_map(|key| document.get(*key).map(|value| vec![(*key).to_owned(), text(value)]))
        .collect();
    let container = ["User", "Env", "Entrypoint", "Cmd", "WorkingDir"];
    rows.extend(container.iter().filter_map(|key| {
        let value = document.get("Config")?.get(*key).filter(|value| !value.is_null())?;
        Some(vec![(*key).to_owned(), text(value)])
    }));
    let layers = document["RootFS"]["Layers"].as_array().map(Vec::as_slice).unwrap_or_default();
    rows.extend(layers.iter().map(|layer| vec!["Layer".to_owned(), text(layer)]));
    rows
}
