//! What happened to images, in the order in which it did.
//!
//! A change is recorded in the transaction that makes it: there is no change without its event, and no
//! event without its change. Events are in the order of their sequence; the clock, which may have been set
//! back, only says when. The newest 100,000 are kept.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use rusqlite::{Row, Transaction, params};

use super::catalog::digest_at;
use super::error::catalog;
use super::images::time;
use super::record::{integer, now};
use super::{Result, Store};
use crate::digest::Digest;
use crate::resolve;
use crate::types::ImageName;

/// How many events are kept.
pub const KEPT: u64 = 100_000;

/// What happened, in podman's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// An image came from a registry: `pull`.
    Pull,
    /// An image went to a registry: `push`.
    Push,
    /// A name was given to an image: `tag`.
    Tag,
    /// A name was taken from an image: `untag`.
    Untag,
    /// An image was removed: `remove`.
    Remove,
    /// An image was written to an archive or a directory: `save`.
    Save,
    /// An image was made of a root file system: `import`.
    Import,
    /// An image came from an archive or a directory: `loadfromarchive`.
    Load,
    /// Images nobody needed were removed: `prune`.
    Prune,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [EventKind; 9] = [
        EventKind::Pull,
        EventKind::Push,
        EventKind::Tag,
        EventKind::Untag,
        EventKind::Remove,
        EventKind::Save,
        EventKind::Import,
        EventKind::Load,
        EventKind::Prune,
    ];

    /// Podman's word for it.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Pull => "pull",
            EventKind::Push => "push",
            EventKind::Tag => "tag",
            EventKind::Untag => "untag",
            EventKind::Remove => "remove",
            EventKind::Save => "save",
            EventKind::Import => "import",
            EventKind::Load => "loadfromarchive",
            EventKind::Prune => "prune",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word is none for something that happens to images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("wanted pull, push, tag, untag, remove, save, import, loadfromarchive or prune, found `{found}`")]
pub struct NotAnEvent {
    /// The word.
    pub found: String,
}

impl FromStr for EventKind {
    type Err = NotAnEvent;

    /// Podman's words; Docker's `delete` and `load` mean the same as `remove` and `loadfromarchive`.
    fn from_str(text: &str) -> Result<EventKind, NotAnEvent> {
        match text {
            "delete" => Ok(EventKind::Remove),
            "load" => Ok(EventKind::Load),
            _ => {
                let found = || NotAnEvent { found: text.to_owned() };
                EventKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(found)
            }
        }
    }
}

/// Something that happened, to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRecord {
    /// What.
    pub kind: EventKind,
    /// The ID of the image it happened to, where it is one.
    pub image: Option<Digest>,
    /// The image's name, or where it came from or went to.
    pub name: Option<String>,
    /// What else there is to say.
    pub attributes: BTreeMap<String, String>,
}

impl EventRecord {
    /// Something that happened, and nothing more about it.
    pub fn new(kind: EventKind) -> EventRecord {
        EventRecord { kind, image: None, name: None, attributes: BTreeMap::new() }
    }

    /// To this image.
    pub fn image(mut self, id: &Digest) -> EventRecord {
        self.image = Some(id.clone());
        self
    }

    /// Under this name.
    pub fn name(mut self, name: impl Into<String>) -> EventRecord {
        self.name = Some(name.into());
        self
    }

    /// With this attribute.
    pub fn attribute(mut self, key: &str, value: impl Into<String>) -> EventRecord {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place among all events: later ones have larger numbers.
    pub sequence: u64,
    /// When, by the clock at the time.
    pub time: SystemTime,
    /// What.
    pub kind: EventKind,
    /// The ID of the image it happened to, where it is one.
    pub image: Option<Digest>,
    /// The image's name, or where it came from or went to.
    pub name: Option<String>,
    /// What else there is to say.
    pub attributes: BTreeMap<String, String>,
}

/// Which events are wanted. Of one kind of condition any has to hold, of several kinds each; what is empty
/// holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// From this moment on.
    pub since: Option<SystemTime>,
    /// Up to and with this moment.
    pub until: Option<SystemTime>,
    /// What happened.
    pub kinds: Vec<EventKind>,
    /// The image: its name in full, with or without the tag, or the beginning of its ID, with or without the
    /// algorithm.
    pub images: Vec<String>,
}

impl EventQuery {
    /// Whether this event is one of those wanted.
    pub fn matches(&self, event: &Event) -> bool {
        let id = event.image.as_ref().map(Digest::to_string).unwrap_or_default();
        let hex = event.image.as_ref().map_or("", Digest::hex);
        let names = event.attributes.get("names").map_or("", String::as_str);
        let is_image = |wanted: &String| {
            event.name.iter().map(String::as_str).chain(names.split(' ')).any(|name| is_name(name, wanted))
                || (!wanted.is_empty() && (id.starts_with(wanted) || hex.starts_with(wanted)))
        };
        self.since.is_none_or(|since| event.time >= since)
            && self.until.is_none_or(|until| event.time <= until)
            && (self.kinds.is_empty() || self.kinds.contains(&event.kind))
            && (self.images.is_empty() || self.images.iter().any(is_image))
    }
}

/// Whether a name is this one, whose tag need not be said.
fn is_name(name: &str, wanted: &str) -> bool {
    let rest = name.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(|tag| !tag.contains('/')))
}

/// The store's events.
pub struct Events<'a> {
    store: &'a Store,
}

/// Writes an event within the transaction that makes the change, and drops the oldest.
pub(super) fn record(transaction: &Transaction<'_>, event: &EventRecord) -> rusqlite::Result<()> {
    insert(transaction, event, now())?;
    let newest = transaction.last_insert_rowid();
    let oldest = newest.saturating_sub(integer(KEPT));
    transaction.prepare_cached("DELETE FROM events WHERE sequence <= ?")?.execute([oldest])?;
    Ok(())
}

pub(super) fn insert(transaction: &Transaction<'_>, event: &EventRecord, at: i64) -> rusqlite::Result<()> {
    let attributes: serde_json::Map<_, _> =
        event.attributes.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
    transaction
        .prepare_cached("INSERT INTO events (time, kind, image, name, attributes) VALUES (?, ?, ?, ?, ?)")?
        .execute(params![
            at,
            event.kind.name(),
            event.image.as_ref().map(Digest::to_string),
            event.name,
            serde_json::Value::Object(attributes).to_string()
        ])?;
    Ok(())
}

/// Records that a name came to point at this content or no longer does.
pub(super) fn record_name(
    transaction: &Transaction<'_>,
    kind: EventKind,
    name: &ImageName,
    target: &Digest,
) -> rusqlite::Result<()> {
    let images = super::leads::images_below(transaction, target)?;
    let mut event = EventRecord::new(kind).name(resolve::name(name)).attribute("digest", target.to_string());
    if let [image] = &images[..] {
        event = event.image(image);
    }
    record(transaction, &event)
}

/// An event from its six columns. `None` for a kind that only a newer consign knows.
pub(super) fn event_at(row: &Row<'_>) -> rusqlite::Result<Option<Event>> {
    let Ok(kind) = row.get_ref(2)?.as_str()?.parse() else { return Ok(None) };
    let image = match row.get_ref(3)? {
        rusqlite::types::ValueRef::Null => None,
        _ => Some(digest_at(row, 3)?),
    };
    let attributes = serde_json::from_str(row.get_ref(5)?.as_str()?).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(5, rusqlite::types::Type::Text, Box::new(error))
    })?;
    Ok(Some(Event {
        sequence: u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0),
        time: time(row.get(1)?),
        kind,
        image,
        name: row.get(4)?,
        attributes,
    }))
}

impl Store {
    /// What happened to images.
    pub fn events(&self) -> Events<'_> {
        Events { store: self }
    }
}

impl Events<'_> {
    /// Records what happened without changing the catalogue. Changes record themselves, and what a
    /// [`Batch`](super::Batch) brings in is said in its [`Records`](super::Records).
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be written: the store is read-only,
    /// the disk is full, or another writer held it for longer than the store waits.
    pub fn record(&self, events: &[EventRecord]) -> Result<()> {
        self.store.write(|transaction| {
            let mut all = events.iter();
            all.try_for_each(|event| record(transaction, event)).map_err(catalog("writing"))
        })
    }

    /// The events that are wanted, in order.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for
    /// longer than the store waits.
    pub fn list(&self, query: &EventQuery) -> Result<Vec<Event>> {
        let all = self.after(0, KEPT)?;
        Ok(all.into_iter().filter(|event| query.matches(event)).collect())
    }

    /// The events after this sequence number (0: all), in order, at most `limit`.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for
    /// longer than the store waits.
    pub fn after(&self, sequence: u64, limit: u64) -> Result<Vec<Event>> {
        self.store.catalog().read(|connection| {
            let mut select = connection.prepare_cached(
                "SELECT sequence, time, kind, image, name, attributes FROM events
                 WHERE sequence > ? ORDER BY sequence LIMIT ?",
            )?;
            let rows = select.query_map([integer(sequence), integer(limit)], event_at)?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// The sequence number of the newest event; 0 where there is none.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read, or a writer held it for
    /// longer than the store waits.
    pub fn newest(&self) -> Result<u64> {
        self.store.catalog().read(|connection| {
            let newest =
                connection.query_row("SELECT ifnull(max(sequence), 0) FROM events", [], |row| row.get(0));
            newest.map(|newest: i64| u64::try_from(newest).unwrap_or(0))
        })
    }

    /// A number that changes when another process, or another connection of this one, has written to the
    /// catalogue. Asking costs next to nothing.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue cannot be read.
    pub fn version(&self) -> Result<i64> {
        self.store
            .catalog()
            .read(|connection| connection.pragma_query_value(None, "data_version", |row| row.get(0)))
    }
}
