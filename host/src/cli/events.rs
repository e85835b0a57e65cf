//! `consign events`: what happened to images, and what is happening.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use anyhow::{Result, anyhow};
use jiff::Timestamp;
use serde_json::{Value, json};

use consign::clock;
use consign::digest::Digest;
use consign::image::{self, Label};
use consign::store::{Event, EventQuery, NotAnEvent};

use super::args::{Events, Shape};
use super::failure::Failure;
use super::output;
use super::session::Session;
use super::template::Data;
use super::time::{self, Direction, moment};

/// How often a follower looks whether anybody wrote to the catalogue.
const PAUSE: Duration = Duration::from_millis(50);

/// How many events are shown at once.
const PAGE: u64 = 1000;

/// What a document holds as a map.
const MAPS: [&str; 1] = ["Attributes"];

pub fn run(session: &Session, arguments: &Events) -> Result<()> {
    let now = time::now();
    let time = |text: &Option<String>, direction| {
        text.as_deref().map(|text| moment(text, now, direction).map(SystemTime::from)).transpose()
    };
    let mut query = EventQuery {
        since: time(&arguments.since, Direction::Past)?,
        until: time(&arguments.until, Direction::Future)?,
        ..EventQuery::default()
    };
    let mut filter = Filter::read(session, &arguments.filter, &mut query)?;
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
            let mut lines = Vec::new();
            for event in &page {
                if query.matches(event) && filter.fits(session, event)? {
                    lines.push(line(event, &arguments.format)?);
                }
            }
            if !output::stream(lines)? {
                return Ok(());
            }
        }
        if !arguments.follow {
            return Ok(());
        }
        loop {
            // What happened until then has to be shown, so the time is asked for first.
            let over = query.until.is_some_and(|until| clock::now() > until);
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

/// What an event has to fit that the store does not know of.
#[derive(Default)]
struct Filter {
    /// Nothing can fit: events of containers, say.
    nothing: bool,
    /// Labels, all of which have to be there.
    labels: Vec<Label>,
    /// Those of images that were asked for.
    known: HashMap<Digest, Vec<(String, String)>>,
}

impl Filter {
    /// Adds what the store can answer to the query.
    fn read(session: &Session, filters: &[String], query: &mut EventQuery) -> Result<Filter> {
        let (mut types, mut read) = (Vec::new(), Filter::default());
        for filter in filters {
            let (key, value) = filter.split_once('=').unwrap_or((filter, ""));
            match (key.to_ascii_lowercase().as_str(), value) {
                ("event" | "status", kind) => {
                    let kind = kind.parse().map_err(|error: NotAnEvent| Failure::usage(error.to_string()))?;
                    query.kinds.push(kind);
                }
                ("image", name) if !name.is_empty() => {
                    query.images.push(name.to_owned());
                    // Without a tag any is meant.
                    if let Ok(name) = session.name(name) {
                        query.images.push(consign::resolve::name(&name));
                    }
                }
                ("label", label) if !label.is_empty() => read.labels.push(Label::parse(label)),
                (
                    "type",
                    "image" | "container" | "pod" | "volume" | "network" | "system" | "machine" | "secret",
                ) => types.push(value),
                ("container" | "pod" | "volume" | "network", name) if !name.is_empty() => read.nothing = true,
                _ => {
                    let message = format!(
                        "wanted event=KIND, image=NAME, label=KEY[=VALUE] or type=image, found `{filter}`"
                    );
                    return Err(Failure::usage(message).into());
                }
            }
        }
        read.nothing |= !types.is_empty() && !types.contains(&"image");
        Ok(read)
    }

    fn fits(&mut self, session: &Session, event: &Event) -> Result<bool> {
        if self.nothing || self.labels.is_empty() {
            return Ok(!self.nothing);
        }
        let mut labels: Vec<_> = event.attributes.clone().into_iter().collect();
        if let Some(id) = &event.image {
            labels.extend_from_slice(self.labels_of(session, id)?);
        }
        Ok(self.labels.iter().all(|label| label.is_among(&labels)))
    }

    /// The labels of an image. None for one that is not in the store.
    fn labels_of(&mut self, session: &Session, id: &Digest) -> Result<&[(String, String)]> {
        if !self.known.contains_key(id) {
            let labels =
                image::labels(&*session.store()?, session.sandbox(), id).map_err(|error| anyhow!(error))?;
            self.known.insert(id.clone(), labels);
        }
        Ok(self.known.get(id).map_or(&[], Vec::as_slice))
    }
}

/// An event in docker's words and in podman's.
fn document(event: &Event) -> Value {
    let time = Timestamp::try_from(event.time).unwrap_or_default();
    let id = event.image.as_ref().map_or("", Digest::hex);
    json!({
        "ID": id,
        "Name": event.name.as_deref().unwrap_or_default(),
        "Status": event.kind.name(),
        "Time": time.to_string(),
        "TimeNano": i64::try_from(time.as_nanosecond()).unwrap_or(i64::MAX),
        "Type": "image",
        "Attributes": event.attributes,
        "Action": event.kind.name(),
        "Actor": {"ID": id, "Attributes": event.attributes},
    })
}

fn line(event: &Event, format: &Shape) -> Result<String> {
    Ok(match format {
        Shape::Json => document(event).to_string(),
        Shape::Template { template, .. } => {
            output::said(template, Data { value: &document(event), maps: &MAPS, lists: &[] })?
        }
        Shape::Table => {
            let time = Timestamp::try_from(event.time).unwrap_or_default();
            let id = event.image.as_ref().map_or("", Digest::hex);
            let name = event.name.as_deref().unwrap_or_default();
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
    })
}
