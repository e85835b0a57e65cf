//! `consign layers`: the layers of an image, what they take, and how much of that is wasted.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use consign::digest::Digest;
use consign::history::{self, history};
use consign::layer::usage::{Usage, usage};

use super::args::{Layers, Shape};
use super::files::{self, Files, Reading};
use super::session::Session;
use super::{image, output};

/// The fields of a template, with what is above them in a table.
const HEADER: [(&str, &str); 10] = [
    ("Layer", "LAYER"),
    ("Digest", "DIGEST"),
    ("DiffID", "DIFF ID"),
    ("ChainID", "CHAIN ID"),
    ("MediaType", "MEDIA TYPE"),
    ("Size", "SIZE"),
    ("UncompressedSize", "UNCOMPRESSED"),
    ("Entries", "ENTRIES"),
    ("Wasted", "WASTED"),
    ("CreatedBy", "CREATED BY"),
];

/// Characters of a command in a table.
const COMMAND: usize = 45;

/// A layer, as it is shown.
struct Row {
    digest: Option<Digest>,
    media_type: Option<String>,
    size: Option<u64>,
    diff_id: Digest,
    chain_id: Digest,
    uncompressed: u64,
    usage: Usage,
    created: Option<String>,
    created_by: Option<String>,
}

pub fn run(session: &Session, arguments: &Layers) -> Result<()> {
    let reading = Reading { all: !arguments.quiet, digests: false };
    let files = files::open(session, &arguments.image.image, &arguments.image.reach, reading)?;
    if arguments.quiet {
        return output::lines(files.resolved.layers.iter().map(|layer| &layer.diff_id));
    }
    let rows = rows(session, &files)?;
    let short = |digest: &Digest| output::id(digest, arguments.no_trunc);
    let optional = |digest: &Option<Digest>| digest.as_ref().map(short).unwrap_or_default();
    let size = |size: Option<u64>| size.map_or_else(|| "N/A".to_owned(), output::size);
    let command = |row: &Row| {
        let whole = row.created_by.as_deref().unwrap_or_default().replace(['\t', '\n'], " ");
        if arguments.no_trunc { whole } else { output::cut(&whole, COMMAND).into_owned() }
    };
    match &arguments.format {
        Shape::Json => output::json(&rows.iter().enumerate().map(document).collect::<Vec<_>>()),
        Shape::Template { template, headed } => {
            let rows = rows.iter().enumerate().map(|(number, row)| {
                json!({
                    "Layer": number,
                    "Digest": optional(&row.digest),
                    "DiffID": short(&row.diff_id),
                    "ChainID": short(&row.chain_id),
                    "MediaType": row.media_type.as_deref().unwrap_or_default(),
                    "Size": size(row.size),
                    "UncompressedSize": output::size(row.uncompressed),
                    "Entries": row.usage.entries,
                    "Wasted": output::size(row.usage.wasted),
                    "CreatedBy": command(row),
                })
            });
            output::templates(template, *headed, headed.then_some(&HEADER[..]), rows)
        }
        Shape::Table => {
            let rows: Vec<Vec<String>> = rows
                .iter()
                .enumerate()
                .map(|(number, row)| {
                    vec![
                        number.to_string(),
                        optional(&row.digest),
                        short(&row.diff_id),
                        size(row.size),
                        output::size(row.uncompressed),
                        row.usage.entries.to_string(),
                        output::size(row.usage.wasted),
                        command(row),
                    ]
                })
                .collect();
            let header =
                ["LAYER", "DIGEST", "DIFF ID", "SIZE", "UNCOMPRESSED", "ENTRIES", "WASTED", "CREATED BY"];
            output::table(&header, &rows)
        }
    }
}

fn rows(session: &Session, files: &Files) -> Result<Vec<Row>> {
    let usage = usage(files.stack.tree()).context("reading the layers")?;
    let config = image::config(session, &files.opened, &files.resolved)?;
    let mut known = Vec::new();
    for layer in &files.resolved.layers {
        let (diff_id, chain_id) = (layer.diff_id.parse()?, layer.chain_id.parse()?);
        known.push(history::Layer { diff_id, chain_id, size: None });
    }
    let mut steps = history(&config, &known);
    steps.retain(|step| step.layer.is_some());
    // The last one comes first.
    steps.reverse();
    let store = files.opened.store(&files.resolved)?;
    let mut rows = Vec::new();
    for (at, (layer, usage)) in known.into_iter().zip(usage).enumerate() {
        let blob = files.resolved.layers.get(at).and_then(|layer| layer.blob.clone());
        let mut row = Row {
            digest: blob.as_ref().map(|blob| blob.digest.parse()).transpose()?,
            media_type: blob.as_ref().map(|blob| blob.media_type.clone()),
            size: blob.map(|blob| blob.size),
            diff_id: layer.diff_id,
            chain_id: layer.chain_id,
            uncompressed: files.stack.tree().index(at)?.size(),
            usage,
            created: steps.get(at).and_then(|step| step.created.clone()),
            created_by: steps.get(at).and_then(|step| step.created_by.clone()),
        };
        // An image that was found by its ID alone has no manifest to say so.
        if let (None, Some(store)) = (&row.digest, store)
            && let Some(form) = store.layers().blobs(&row.diff_id)?.first()
        {
            row.digest = Some(form.blob.digest.clone());
            row.media_type = Some(form.blob.media_type.clone());
            row.size = Some(form.blob.size);
        }
        rows.push(row);
    }
    Ok(rows)
}

fn document((number, row): (usize, &Row)) -> Value {
    json!({
        "layer": number,
        "digest": row.digest.as_ref().map(Digest::to_string),
        "diffID": row.diff_id.to_string(),
        "chainID": row.chain_id.to_string(),
        "mediaType": row.media_type,
        "size": row.size,
        "uncompressedSize": row.uncompressed,
        "entries": row.usage.entries,
        "contentSize": row.usage.bytes,
        "wasted": row.usage.wasted,
        "created": row.created,
        "createdBy": row.created_by,
    })
}
