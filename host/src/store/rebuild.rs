//! A catalogue that is made anew beside a lost or damaged one, and takes its place when it is done.
//!
//! Until then the store is as it was, whatever happens. Nobody writes meanwhile: whoever rebuilds holds the
//! lock that collections hold.

use std::collections::BTreeMap;
use std::sync::Arc;

use cap_std::fs::Dir;
use rusqlite::{Connection, OpenFlags, Row, params};

use super::catalog::{self, Catalog, digest_at, target_at};
use super::error::{catalog as failed, io};
use super::events::{self, Event, event_at};
use super::lock::{self, Guard};
use super::log;
use super::mend::Loss;
use super::names::name_of;
use super::{
    Association, EventRecord, Inner, NameRecord, Options, Pin, Problem, Records, Result, Store, names,
    sync_directory,
};
use crate::digest::Digest;

/// Where the new catalogue is while it is made.
const FILE: &str = "catalog.sqlite.rebuilt";

/// What a damaged catalogue still tells that content does not.
#[derive(Debug, Default)]
pub(crate) struct Salvage {
    pub(crate) names: Vec<Association>,
    pins: Vec<(Pin, i64)>,
    metadata: Vec<(Digest, Option<Digest>, Option<i64>, bool)>,
    events: Vec<Event>,
    /// What could not be read, or not to its end.
    pub(crate) losses: Vec<Loss>,
}

/// A store whose catalogue is being made anew. Nobody else writes while this lives.
pub(crate) struct Rebuilding {
    /// The store, with the new catalogue.
    pub(crate) store: Store,
    root: Dir,
    _guard: Guard,
}

impl Rebuilding {
    /// Keeps everybody else from writing, and begins a new catalogue.
    pub(crate) fn begin(root: Dir, options: &Options) -> Result<Rebuilding> {
        super::prepare(&root)?;
        let guard = lock::exclusive(&root, options.patience)?;
        for suffix in ["", "-wal", "-shm", "-journal"] {
            remove(&root, &format!("{FILE}{suffix}"))?;
        }
        let catalog = Catalog::open(&root, options, FILE)?;
        let clone = root.try_clone().map_err(io("opening", "."))?;
        let inner = Inner { root: clone, options: options.clone(), catalog, alone: true };
        Ok(Rebuilding { store: Store { inner: Arc::new(inner) }, root, _guard: guard })
    }

    /// Reads what there is to read in the old catalogue.
    pub(crate) fn salvage(&self, options: &Options) -> Salvage {
        let path = catalog::directory(&self.root, options).map(|directory| directory.join(catalog::FILE));
        let connection = path.ok().and_then(|path| {
            Connection::open_with_flags(path, catalog::flags(OpenFlags::SQLITE_OPEN_READ_ONLY)).ok()
        });
        let mut salvage = Salvage::default();
        let Some(connection) = connection else {
            let lost = ["names", "pins", "parents of images", "events"];
            salvage.losses.extend(lost.map(|what| Loss::Unread { what }));
            return salvage;
        };
        let losses = &mut salvage.losses;
        let names = "SELECT repository, reference, media_type, digest, size FROM names ORDER BY repository";
        salvage.names = rows(&connection, names, "names", losses, |row| {
            let name = name_of(row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_str()?);
            Ok(Association { name, target: target_at(row, 2)? })
        });
        let pins = "SELECT image, holder, set_at FROM pins ORDER BY image";
        salvage.pins = rows(&connection, pins, "pins", losses, |row| {
            Ok((Pin { image: digest_at(row, 0)?, holder: row.get(1)? }, row.get(2)?))
        });
        let metadata = "SELECT id, parent, last_updated, built_locally FROM image_metadata ORDER BY id";
        salvage.metadata = rows(&connection, metadata, "parents of images", losses, |row| {
            let parent =
                row.get_ref(1)?.as_str_or_null()?.is_some().then(|| digest_at(row, 1)).transpose()?;
            Ok((digest_at(row, 0)?, parent, row.get(2)?, row.get(3)?))
        });
        let events = "SELECT sequence, time, kind, image, name, attributes FROM events ORDER BY sequence";
        let events = rows(&connection, events, "events", losses, event_at);
        let events: BTreeMap<u64, Event> =
            events.into_iter().flatten().map(|event| (event.sequence, event)).collect();
        salvage.events = events.into_values().collect();
        salvage
    }

    /// What is damaged among the blobs.
    pub(crate) fn hash(&self) -> Result<Vec<Problem>> {
        Ok(self.store.hash(&self.store.blobs()?, &super::check::Known::default()))
    }

    /// Takes over what the old catalogue told, as far as it fits what is here.
    pub(crate) fn restore(&self, salvage: &mut Salvage) -> Result<()> {
        let mut records = Records::default();
        for Association { name, target } in &salvage.names {
            let known = self.store.documents().get(&target.digest)?.map(|document| document.size);
            let known = match known {
                None => self.store.images().get(&target.digest)?.map(|image| image.config.size),
                size => size,
            };
            if known == Some(target.size) && names::is_usable(name) {
                let (name, target) = (name.clone(), target.clone());
                records.names.push(NameRecord { name, target, replace: true });
            } else {
                let (name, target) = (crate::resolve::name(name), target.digest.clone());
                salvage.losses.push(Loss::Name { name, target });
            }
        }
        self.store.batch()?.finish(&records)?;
        let lost = self.store.catalog().write(|transaction| {
            let restore = || -> rusqlite::Result<Vec<Loss>> {
                let mut lost = Vec::new();
                for (Pin { image, holder }, set_at) in &salvage.pins {
                    let kept = transaction
                        .prepare_cached(
                            "INSERT OR IGNORE INTO pins (image, holder, set_at)
                             SELECT id, ?2, ?3 FROM images WHERE id = ?1",
                        )?
                        .execute(params![image.to_string(), holder, set_at])?;
                    let known = super::images::exists(transaction, image)?;
                    if kept == 0 && !known {
                        let (holders, needed) = (vec![holder.clone()], image.clone());
                        lost.push(Loss::Image { id: image.clone(), names: Vec::new(), holders, needed });
                    }
                }
                for (id, parent, last_updated, built_locally) in &salvage.metadata {
                    let parent = parent.as_ref().map(Digest::to_string);
                    transaction
                        .prepare_cached(
                            "INSERT OR REPLACE INTO image_metadata (id, parent, last_updated, built_locally)
                             VALUES (?, ?, ?, ?)",
                        )?
                        .execute(params![id.to_string(), parent, last_updated, built_locally])?;
                }
                transaction.execute_batch(
                    "INSERT OR IGNORE INTO children (parent, child) SELECT parent, id FROM image_metadata
                     WHERE id IN (SELECT id FROM images) AND parent IN (SELECT id FROM images);
                     -- What was done to rebuild did not happen to the images.
                     DELETE FROM events;",
                )?;
                for event in &salvage.events {
                    let record = EventRecord {
                        kind: event.kind,
                        image: event.image.clone(),
                        name: event.name.clone(),
                        attributes: event.attributes.clone(),
                    };
                    let since = event.time.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
                    let at = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
                    events::insert(transaction, &record, at)?;
                }
                Ok(lost)
            };
            restore().map_err(failed("writing"))
        })?;
        salvage.losses.extend(lost);
        Ok(())
    }

    /// Puts the new catalogue into the place of the old.
    pub(crate) fn publish(self) -> Result<()> {
        let Rebuilding { store, root, _guard } = self;
        super::step::reached("catalog-rebuilt");
        store.catalog().fold()?;
        // Whoever dies between here and the end leaves the old catalogue without its log: what that tells is
        // to be in the file then, as far as it can still be written to.
        let path = catalog::directory(&root, &store.inner.options).map(|path| path.join(catalog::FILE));
        if let Ok(connection) = path.and_then(|path| log::open(&path).map_err(failed("opening"))) {
            drop(log::try_fold(&connection));
        }
        drop(store);
        for file in [FILE, catalog::FILE] {
            for suffix in ["-wal", "-shm"] {
                remove(&root, &format!("{file}{suffix}"))?;
            }
        }
        super::step::reached("old-log-removed");
        root.rename(FILE, &root, catalog::FILE).map_err(io("publishing", catalog::FILE))?;
        sync_directory(&root, ".")
    }
}

fn remove(root: &Dir, path: &str) -> Result<()> {
    match root.remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(io("removing", path)(error)),
        _ => Ok(()),
    }
}

/// The rows a query has up to the first that cannot be read, and, from its other end, down to the last.
fn rows<T>(
    connection: &Connection,
    query: &str,
    what: &'static str,
    losses: &mut Vec<Loss>,
    mut read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut found = Vec::new();
    let mut whole = |query: &str, found: &mut Vec<T>| -> rusqlite::Result<()> {
        let mut select = connection.prepare(query)?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            // One that is none of consign's is as lost as one that cannot be read.
            found.push(read(row)?);
        }
        Ok(())
    };
    if whole(query, &mut found).is_err() {
        losses.push(Loss::Unread { what });
        // Rows that are found from both ends are the same.
        drop(whole(&format!("{query} DESC"), &mut found));
    }
    found
}
