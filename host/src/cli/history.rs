//! `consign history`: the steps an image was made by, the last one first.

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use serde_json::{Value, json};

use consign::digest::Digest;
use consign::history::{Layer, Step, history, stored};
use consign::image::Image;

use super::args::{History, Shape};
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{image, output};

/// The fields of a template, with what is above them in a table.
const HEADER: [(&str, &str); 6] = [
    ("ID", "IMAGE"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("Size", "SIZE"),
    ("Comment", "COMMENT"),
];

/// What stands for an image that is not known.
const MISSING: &str = "<missing>";

/// Characters of a command in a table.
const COMMAND: usize = 45;

pub fn run(session: &Session, arguments: &History) -> Result<()> {
    let options = session.options(&arguments.wanted)?;
    let lookup = arguments.looked_up.lookup;
    let opened = image::open_by(session, &arguments.image, lookup, &options, &arguments.reached)
        .map_err(refusal::looked_up)?;
    let resolved = opened.resolve(session, &options).map_err(|error| with_hint(error, &opened))?;
    let config = image::config(session, &opened, &resolved)?;
    let sizes = opened.layer_sizes(&resolved)?;
    let layers = resolved
        .layers
        .iter()
        .zip(sizes)
        .map(|(layer, size)| {
            Ok(Layer { diff_id: layer.diff_id.parse()?, chain_id: layer.chain_id.parse()?, size })
        })
        .collect::<Result<Vec<_>>>()?;
    let id: Digest = resolved.config.digest.parse()?;
    let mut steps = history(&config, &layers);
    match opened.store(&resolved)? {
        Some(store) => {
            let parent = store.images().parent(&id)?;
            let chain_id = layers.last().map(|layer| layer.chain_id.clone());
            let image = Image { id, config, chain_id, parent };
            stored(store, session.sandbox(), &image, &mut steps)
                .map_err(|error| anyhow!(error).context("looking for the images of the steps"))?;
        }
        None => {
            if let Some(first) = steps.first_mut() {
                first.image = Some(id);
            }
        }
    }
    show(arguments, &steps)
}

fn show(arguments: &History, steps: &[Step]) -> Result<()> {
    let now = super::time::now();
    let id = |step: &Step| {
        step.image.as_ref().map_or_else(|| MISSING.to_owned(), |id| output::id(id, arguments.no_trunc))
    };
    if arguments.quiet {
        return output::lines(steps.iter().map(id));
    }
    let created = |step: &Step| step.created.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
    let since = |step: &Step| match arguments.human {
        true => output::age(created(step), now),
        false => output::rfc3339(created(step)),
    };
    let size = |step: &Step| match (step.size, arguments.human) {
        (Some(size), true) => output::size(size),
        (Some(size), false) => size.to_string(),
        (None, _) => "N/A".to_owned(),
    };
    let command = |step: &Step| {
        let whole = step.created_by.as_deref().unwrap_or_default().replace(['\t', '\n'], " ");
        if arguments.no_trunc { whole } else { output::cut(&whole, COMMAND).into_owned() }
    };
    match &arguments.format {
        Shape::Json => output::json(&steps.iter().map(entry).collect::<Vec<_>>()),
        Shape::Template { template, headed } => {
            let rows = steps.iter().map(|step| {
                json!({
                    "ID": id(step),
                    "CreatedSince": output::age(created(step), now),
                    "CreatedAt": output::rfc3339(created(step)),
                    "Created": since(step),
                    "CreatedBy": command(step),
                    "Size": size(step),
                    "Comment": step.comment.as_deref().unwrap_or_default(),
                })
            });
            output::templates(template, *headed, headed.then_some(&HEADER[..]), rows)
        }
        Shape::Table => {
            let rows: Vec<Vec<String>> = steps
                .iter()
                .map(|step| {
                    vec![
                        id(step),
                        since(step),
                        command(step),
                        size(step),
                        step.comment.clone().unwrap_or_default(),
                    ]
                })
                .collect();
            output::table(&["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"], &rows)
        }
    }
}

fn entry(step: &Step) -> Value {
    json!({
        "id": step.image.as_ref().map(Digest::to_string),
        "created": step.created,
        "createdBy": step.created_by,
        "author": step.author,
        "comment": step.comment,
        "emptyLayer": step.empty,
        "diffID": step.layer.as_ref().map(|layer| layer.diff_id.to_string()),
        "chainID": step.layer.as_ref().map(|layer| layer.chain_id.to_string()),
        "size": step.size,
    })
}
