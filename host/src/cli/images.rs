//! `consign images`: what the store has, by name.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use consign::digest::Digest;
use consign::list::{self, Filter, Options, Row};
use consign::store::{EventKind, EventQuery};

use super::args::{Images, Shape, Sort};
use super::session::Session;
use super::{document, filter, output};

/// The fields of a template, with what is above them in a table.
const HEADER: [(&str, &str); 11] = [
    ("ID", "IMAGE ID"),
    ("Repository", "REPOSITORY"),
    ("Tag", "TAG"),
    ("Digest", "DIGEST"),
    ("Platform", "PLATFORM"),
    ("CreatedSince", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("Size", "SIZE"),
    ("Layers", "LAYERS"),
    ("ReadOnly", "R/O"),
    ("History", "HISTORY"),
];

const NONE: &str = "<none>";

pub fn run(session: &Session, arguments: &Images) -> Result<()> {
    let mut filters =
        arguments.filters.iter().map(|text| filter::of_images(session, text)).collect::<Result<Vec<_>>>()?;
    filters.extend(arguments.reference.clone().map(Filter::Reference));
    let sort = match arguments.sort {
        Sort::Created => list::Sort::Created,
        Sort::Id => list::Sort::Id,
        Sort::Repository => list::Sort::Repository,
        Sort::Tag => list::Sort::Tag,
        Sort::Size => list::Sort::Size,
    };
    let options = Options { all: arguments.all, filters, sort };
    let stores = session.stores()?;
    let rows = list::list(stores, session.sandbox(), &options)?;
    let short = |digest: &Digest| output::id(digest, arguments.no_trunc);
    if arguments.quiet {
        let mut seen = HashSet::new();
        let ids = rows.iter().filter(|row| seen.insert(&row.image.id));
        output::lines(ids.map(|row| short(&row.image.id)))?;
        std::mem::forget(rows);
        return Ok(());
    }
    let now = super::time::now();
    let past = if arguments.history { past_names(session)? } else { PastNames::new() };
    let had = |row: &Row| past.get(&row.image.id).map_or(&[][..], Vec::as_slice);
    match &arguments.format {
        Shape::Json => {
            let entry = |row: &Row| -> Result<Value> {
                let store = stores.get(row.store).context("a row is of one of the stores")?;
                let layers = store.layers().of_image(&row.image.id)?;
                let mut entry = entry(row, layers.iter().map(|layer| layer.diff_id.to_string()).collect());
                if arguments.history {
                    entry["history"] = json!(had(row));
                }
                Ok(entry)
            };
            output::json(&rows.iter().map(entry).collect::<Result<Vec<_>>>()?)
        }
        Shape::Template { template, headed } => {
            let rows = rows.iter().map(|row| fields(row, had(row), arguments.no_trunc, now));
            let header = (*headed && !arguments.noheading).then_some(&HEADER[..]);
            output::templates(template, *headed, header, rows)
        }
        Shape::Table => {
            let mut header = vec!["REPOSITORY", "TAG"];
            if arguments.digests {
                header.push("DIGEST");
            }
            header.extend(["IMAGE ID", "PLATFORM", "CREATED", "SIZE"]);
            if arguments.history {
                header.push("HISTORY");
            }
            if arguments.noheading {
                header.fill("");
            }
            let line = |row: Row| {
                let rest = [
                    short(&row.image.id),
                    consign::resolve::platform(&row.image.platform),
                    output::age(created(&row), now),
                    output::size(row.image.unpacked_size),
                ];
                let past = had(&row).join(", ");
                let mut cells = Vec::with_capacity(header.len());
                cells.extend([or_none(row.repository), or_none(row.tag)]);
                if arguments.digests {
                    cells.push(or_none(row.target.as_ref().map(Digest::to_string)));
                }
                cells.extend(rest);
                if arguments.history {
                    cells.push(past);
                }
                cells
            };
            // Lists may be long: what a row has goes into its line.
            let lines: Vec<Vec<String>> = rows.into_iter().map(line).collect();
            output::table(&header, &lines)?;
            // The process ends here; taking a long list apart would take a third of what making it took.
            std::mem::forget(lines);
            Ok(())
        }
    }
}

/// The names each image has had, the newest first.
type PastNames = BTreeMap<Digest, Vec<String>>;

fn put(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// As far as the events that are kept tell, of all stores.
fn past_names(session: &Session) -> Result<PastNames> {
    let mut past = PastNames::new();
    for store in session.stores()? {
        let events = store.events().list(&EventQuery::default())?;
        for event in events.into_iter().rev() {
            let named = matches!(event.kind, EventKind::Tag | EventKind::Untag);
            if let (true, Some(image), Some(name)) = (named, event.image, event.name) {
                put(past.entry(image).or_default(), name);
            }
        }
        // Those it came with.
        for (image, names) in store.images().all_names()? {
            let past = past.entry(image).or_default();
            names.iter().for_each(|name| put(past, consign::resolve::name(name)));
        }
    }
    Ok(past)
}

fn created(row: &Row) -> Option<Timestamp> {
    Timestamp::try_from(row.created?).ok()
}

fn or_none(text: Option<String>) -> String {
    text.unwrap_or_else(|| NONE.to_owned())
}

fn entry(row: &Row, layers: Vec<String>) -> Value {
    json!({
        "id": row.image.id.to_string(),
        "repository": row.repository.as_deref().unwrap_or(NONE),
        "tag": row.tag.as_deref().unwrap_or(NONE),
        "digest": row.target.as_ref().map(Digest::to_string),
        "platform": document::platform(&row.image.platform),
        "created": row.image.created,
        "added": Timestamp::try_from(row.image.added).ok().map(|time| time.to_string()),
        "size": row.image.unpacked_size,
        "layers": layers,
        "readOnly": row.store > 0,
    })
}

/// What a template says something of, with docker's names.
fn fields(row: &Row, past: &[String], whole: bool, now: Timestamp) -> Value {
    let id = output::id(&row.image.id, whole);
    json!({
        "ID": id,
        "Id": id,
        "Repository": row.repository.as_deref().unwrap_or(NONE),
        "Tag": row.tag.as_deref().unwrap_or(NONE),
        "Digest": row.target.as_ref().map_or_else(|| NONE.to_owned(), Digest::to_string),
        "Platform": consign::resolve::platform(&row.image.platform),
        "CreatedSince": output::age(created(row), now),
        "CreatedAt": output::moment(created(row)),
        "Created": row.image.created,
        "Size": output::size(row.image.unpacked_size),
        "VirtualSize": output::size(row.image.unpacked_size),
        "Layers": row.image.layers,
        "ReadOnly": row.store > 0,
        "History": past.join(", "),
    })
}
