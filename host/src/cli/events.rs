//! `consign events`: what happened to images, and what is happening.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use jiff::Timestamp;
use serde_json::json;

use consign::digest::Digest;
use consign::store::{Event, EventQuery, NotAnEvent};

use super::args::{Events, Format};
use super::failure::Failure;
use super::output;
use super::session::Session;
use super::time::{Direction, moment};

/// How often a follower looks whether anybody wrote to the catalogue.
const PAUSE: Duration = Duration::from_millis(50);

/// How many events are shown at once.
const PAGE: u64 = 1000;

pub fn run(session: &Session, arguments: &Events) -> Result<()> {
    let now = Timestamp::now();
    let time = |text: &Option<String>, direction| {
        text.as_deref().map(|text| moment(text, now, direction).map(SystemTime::from)).transpose()
    };
    let mut query = EventQuery {
        since: time(&arguments.since, Direction::Past)?,
        until: time(&arguments.until, Direction::Future)?,
        ..EventQuery::default()
    };
    let wanted = filter(session, &arguments.filter, &mut query)?;
    let store = session.store()?;
    let events = store.events();
    let mut last = if arguments.follow && query.since.is_none() { events.newest()? } else { 0 };
    loop {
        // Asked for before looking: what is written in between changes it.
        let version = events.version()?;
        loop {
            let page = events.after(last, PAGE)?;
            let Some(newest) = page.last() else { break };
            last = newest.sequence;
            let lines = page.iter().filter(|event| wanted && query.matches(event));
            if !output::stream(lines.map(|event| line(event, arguments.format)))? {
                return Ok(());
            }
        }
        if !arguments.follow {
            return Ok(());
        }
        loop {
            // What happened until then has to be shown, so the time is asked for first.
            let over = query.until.is_some_and(|until| SystemTime::now() > until);
            if events.version()? != version {
                break;
            }
            if over {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// Adds the filters to the query. False where nothing can fit: events of containers, say.
fn filter(session: &Session, filters: &[String], query: &mut EventQuery) -> Result<bool> {
    let mut types = Vec::new();
    for filter in filters {
        let (key, value) = filter.split_once('=').unwrap_or((filter, ""));
        match (key.to_ascii_lowercase().as_str(), value) {
            ("event" | "status", kind) => {
                let kind = kind.parse().map_err(|error: NotAnEvent| Failure::usage(error.to_string()))?;
                query.kinds.push(kind);
            }
            ("image", name) if !name.is_empty() => {
                query.images.push(name.to_owned());
                if let Ok(name) = session.tag_or_digest(name) {
                    query.images.push(consign::resolve::name(&name));
                }
            }
            (
                "type",
                "image" | "container" | "pod" | "volume" | "network" | "system" | "machine" | "secret",
            ) => types.push(value),
            _ => {
                let message = format!("wanted event=KIND, image=NAME or type=image, found `{filter}`");
                return Err(Failure::usage(message).into());
            }
        }
    }
    Ok(types.is_empty() || types.contains(&"image"))
}

fn line(event: &Event, format: Format) -> String {
    let time = Timestamp::try_from(event.time).unwrap_or_default();
    let id = event.image.as_ref().map_or("", Digest::hex);
    let name = event.name.as_deref().unwrap_or_default();
    match format {
        Format::Json => json!({
            "ID": id,
            "Name": name,
            "Status": event.kind.name(),
            "Time": time.to_string(),
            "Type": "image",
            "Attributes": event.attributes,
        })
        .to_string(),
        Format::Table => {
            let mut text =
                format!("{} image {}", time.strftime("%Y-%m-%d %H:%M:%S%.9f +0000 UTC"), event.kind);
            for word in [id, name].into_iter().filter(|word| !word.is_empty()) {
                text.push(' ');
                text.push_str(word);
            }
            let attributes: Vec<String> =
                event.attributes.iter().map(|(key, value)| format!("{key}={value}")).collect();
            if !attributes.is_empty() {
                text.push_str(&format!(" ({})", attributes.join(", ")));
            }
            output::printable(&text).into_owned()
        }
    }
}
