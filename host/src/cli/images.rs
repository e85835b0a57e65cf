//! `consign images`: what the store has, by name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};

use consign::digest::Digest;
use consign::store::{Store, StoredImage};
use consign::types::ImageName;

use super::args::{Format, Images};
use super::session::Session;
use super::{document, output};

/// One line: an image under one name, or under none.
struct Row {
    repository: String,
    tag: String,
    digest: Option<Digest>,
    image: StoredImage,
}

pub fn run(session: &Session, arguments: &Images) -> Result<()> {
    let store = session.store()?;
    let rows = rows(session, &store, arguments.reference.as_deref())?;
    if arguments.quiet {
        let mut seen = BTreeSet::new();
        let ids = rows.iter().filter(|row| seen.insert(row.image.config.digest.clone()));
        return output::lines(ids.map(|row| id(&row.image.config.digest, arguments.no_trunc)));
    }
    if arguments.format == Format::Json {
        return output::json(&rows.iter().map(entry).collect::<Vec<_>>());
    }
    let now = Timestamp::now();
    let mut header = vec!["REPOSITORY", "TAG"];
    if arguments.digests {
        header.push("DIGEST");
    }
    header.extend(["IMAGE ID", "PLATFORM", "CREATED", "SIZE"]);
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let mut cells = vec![row.repository.clone(), row.tag.clone()];
            if arguments.digests {
                cells.push(row.digest.as_ref().map_or_else(|| "<none>".into(), Digest::to_string));
            }
            cells.extend([
                id(&row.image.config.digest, arguments.no_trunc),
                consign::resolve::platform(&row.image.platform),
                row.image.created.as_deref().map_or_else(|| "N/A".into(), |created| age(created, now)),
                output::size(row.image.unpacked_size),
            ]);
            cells
        })
        .collect();
    output::table(&header, &lines)
}

/// Named images by repository and tag, then those without a name by age, newest first.
fn rows(session: &Session, store: &Store, pattern: Option<&str>) -> Result<Vec<Row>> {
    let images: BTreeMap<Digest, StoredImage> =
        store.images().list()?.into_iter().map(|image| (image.config.digest.clone(), image)).collect();
    let mut rows = Vec::new();
    let mut named = BTreeSet::new();
    let mut below: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    for association in store.names().list()? {
        let target = &association.target.digest;
        if !below.contains_key(target) {
            below.insert(target.clone(), store.documents().images(target)?);
        }
        let ids = below.get(target).map(Vec::as_slice).unwrap_or_default();
        named.extend(ids.iter().cloned());
        if let Some(pattern) = pattern
            && !session.matches(pattern, &association.name)?
        {
            continue;
        }
        let name = &association.name;
        let repository = session.familiar(&ImageName { tag: None, digest: None, ..name.clone() })?;
        for image in ids.iter().filter_map(|id| images.get(id)) {
            rows.push(Row {
                repository: repository.clone(),
                tag: name.tag.clone().unwrap_or_else(|| "<none>".into()),
                digest: Some(target.clone()),
                image: image.clone(),
            });
        }
    }
    if pattern.is_none() {
        let mut unnamed: Vec<StoredImage> =
            images.into_values().filter(|image| !named.contains(&image.config.digest)).collect();
        unnamed.sort_by_key(|image| std::cmp::Reverse(image.added));
        rows.extend(unnamed.into_iter().map(|image| Row {
            repository: "<none>".into(),
            tag: "<none>".into(),
            digest: None,
            image,
        }));
    }
    Ok(rows)
}

fn entry(row: &Row) -> Value {
    json!({
        "id": row.image.config.digest.to_string(),
        "repository": row.repository,
        "tag": row.tag,
        "digest": row.digest.as_ref().map(Digest::to_string),
        "platform": document::platform(&row.image.platform),
        "created": row.image.created,
        "added": timestamp(row.image.added),
        "size": row.image.unpacked_size,
        "layers": row.image.diff_ids.iter().map(Digest::to_string).collect::<Vec<_>>(),
    })
}

/// RFC 3339.
fn timestamp(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| time.to_string())
}

fn id(digest: &Digest, whole: bool) -> String {
    if whole { digest.to_string() } else { digest.hex().chars().take(12).collect() }
}

/// How long ago, in the largest unit, as docker says it.
fn age(created: &str, now: Timestamp) -> String {
    let Ok(created) = created.parse::<Timestamp>() else { return "N/A".into() };
    let seconds = now.as_second().saturating_sub(created.as_second()).max(0);
    let (count, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..172_800 => (seconds / 3_600, "hour"),
        172_800..1_209_600 => (seconds / 86_400, "day"),
        1_209_600..5_184_000 => (seconds / 604_800, "week"),
        5_184_000..63_072_000 => (seconds / 2_592_000, "month"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}
