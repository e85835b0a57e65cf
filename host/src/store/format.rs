//! The catalogue's tables, and how one of an older format comes to have them.

use rusqlite::{Connection, TransactionBehavior};

/// The format this version writes, and the newest it reads: SQLite's `user_version`.
pub(super) const NEWEST: i64 = FORMATS.len() as i64;

/// Marks the database as consign's: `cnsg`.
const APPLICATION_ID: i64 = 0x636e_7367;

/// Each takes a catalogue from the format before to the next; the first starts from nothing.
const FORMATS: [Format; 5] = [
    Format { tables: FORMAT_1, changes: "", view: "" },
    Format {
        tables: FORMAT_2,
        changes: "CREATE INDEX image_layers_by_chain_id ON image_layers (chain_id);",
        view: "",
    },
    Format { tables: "", changes: FORMAT_3, view: FORMAT_3_VIEW },
    Format { tables: FORMAT_4, changes: "", view: "" },
    Format { tables: "", changes: FORMAT_5, view: FORMAT_5_VIEW },
];

struct Format {
    /// Tables that are new.
    tables: &'static str,
    /// What becomes of those that were there.
    changes: &'static str,
    /// What shows those that were there as they become, where nothing may be written.
    view: &'static str,
}

const FORMAT_4: &str = "
-- Repositories that are said to have a blob, too. `seen_at` is in nanoseconds since 1970.
CREATE TABLE places (
    blob TEXT NOT NULL,
    registry TEXT NOT NULL,
    repository TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (blob, registry, repository)
) STRICT, WITHOUT ROWID;
";

const FORMAT_3_VIEW: &str = "
CREATE TEMP VIEW images AS SELECT *,
    (SELECT count(*) FROM image_layers WHERE image = id) AS layer_count,
    (SELECT ifnull(sum((SELECT max(unpacked_size) FROM layer_blobs WHERE diff_id = l.diff_id)), 0)
     FROM image_layers l WHERE image = id) AS unpacked_size
    FROM main.images;
";

const FORMAT_5_VIEW: &str = "CREATE TEMP VIEW layer_blobs AS SELECT *, 1 AS verified FROM main.layer_blobs;";

/// Whether a layer's content was seen to have this diff ID. Until then that is what an image says of it, and the
/// stored bytes stand for the unpacked ones.
const FORMAT_5: &str = "ALTER TABLE layer_blobs ADD COLUMN verified INTEGER NOT NULL DEFAULT 1;";

/// How many layers an image has and what they come to, uncompressed, kept with the image: adding that up for
/// every image of a list would mean reading all layers of all images. A layer's size becomes known when a
/// stored form of it does, before or after the image. (Triggers would do it, too, and every process would
/// read them when it opens the catalogue.)
const FORMAT_3: &str = "
ALTER TABLE images ADD COLUMN layer_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE images ADD COLUMN unpacked_size INTEGER NOT NULL DEFAULT 0;
UPDATE images SET
    layer_count = (SELECT count(*) FROM image_layers WHERE image = images.id),
    unpacked_size = (SELECT ifnull(sum((SELECT max(unpacked_size) FROM layer_blobs WHERE diff_id = l.diff_id)), 0)
                     FROM image_layers l WHERE image = images.id);
";

const FORMAT_2: &str = "
-- What happened to images, in the order in which it did. `time` is what the clock said then, in nanoseconds
-- since 1970; `attributes` is a JSON object of strings.
CREATE TABLE events (
    sequence INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    kind TEXT NOT NULL,
    image TEXT,
    name TEXT,
    attributes TEXT NOT NULL
) STRICT;

-- Who needs an image, so that it is not removed.
CREATE TABLE pins (
    image TEXT NOT NULL,
    holder TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (image, holder)
) STRICT, WITHOUT ROWID;
CREATE INDEX pins_by_holder ON pins (holder);
";

const FORMAT_1: &str = "
-- What a name points at. `reference` is `:tag` or `@digest`.
CREATE TABLE names (
    repository TEXT NOT NULL,
    reference TEXT NOT NULL,
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (repository, reference)
) STRICT, WITHOUT ROWID;
CREATE INDEX names_by_digest ON names (digest, repository);

-- Indexes (`config` is null) and manifests whose bytes are stored, in the order they came.
CREATE TABLE documents (
    sequence INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    config TEXT,
    complete INTEGER NOT NULL
) STRICT;
CREATE INDEX documents_by_config ON documents (config) WHERE config IS NOT NULL;

-- What an index lists, or a manifest's layers.
CREATE TABLE entries (
    document TEXT NOT NULL,
    position INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_by_digest ON entries (digest);

CREATE TABLE images (
    id TEXT NOT NULL PRIMARY KEY,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    os TEXT NOT NULL,
    architecture TEXT NOT NULL,
    variant TEXT,
    os_version TEXT,
    os_features TEXT NOT NULL,
    created TEXT,
    added_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE image_layers (
    image TEXT NOT NULL,
    position INTEGER NOT NULL,
    diff_id TEXT NOT NULL,
    chain_id TEXT NOT NULL,
    PRIMARY KEY (image, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX image_layers_by_diff_id ON image_layers (diff_id);

-- What is known of an image that its config does not say. Kept apart: it may be known before the image is.
CREATE TABLE image_metadata (
    id TEXT NOT NULL PRIMARY KEY,
    parent TEXT,
    last_updated INTEGER,
    built_locally INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE children (
    parent TEXT NOT NULL,
    child TEXT NOT NULL,
    PRIMARY KEY (parent, child)
) STRICT, WITHOUT ROWID;

CREATE TABLE layers (
    chain_id TEXT NOT NULL PRIMARY KEY,
    parent TEXT,
    diff_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The stored forms of a layer's content.
CREATE TABLE layer_blobs (
    diff_id TEXT NOT NULL,
    blob TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    unpacked_size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, blob)
) STRICT, WITHOUT ROWID;
CREATE INDEX layer_blobs_by_blob ON layer_blobs (blob);
";

/// The format of the catalogue; 0 for an empty one.
pub(super) fn of(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings a catalogue of an older format, or an empty one, to this one, in one transaction. Several
/// processes may try at once: one does it, the others find it done.
pub(super) fn upgrade(connection: &mut Connection) -> rusqlite::Result<()> {
    // What this does has to be there after a power cut like everything else.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = of(&transaction)?;
    if found < NEWEST {
        for format in missing_formats(found) {
            transaction.execute_batch(format.tables)?;
            transaction.execute_batch(format.changes)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", NEWEST)?;
    }
    transaction.commit()
}

/// Gives a connection that only reads empty tables in place of those an older catalogue lacks, and shows it
/// the others as they are now.
pub(super) fn stand_in(connection: &Connection, found: i64) -> rusqlite::Result<()> {
    for format in missing_formats(found) {
        connection.execute_batch(&format.tables.replace("CREATE TABLE", "CREATE TEMP TABLE"))?;
        connection.execute_batch(format.view)?;
    }
    Ok(())
}

fn missing_formats(found: i64) -> impl Iterator<Item = Format> {
    FORMATS.into_iter().skip(usize::try_from(found).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statements run for one name or one image. What they cost must not grow with the catalogue.
    const LOOK_UPS: [&str; 18] = [
        "SELECT media_type, digest, size FROM names WHERE repository = ?1 AND reference = ?2",
        "SELECT media_type, digest, size FROM names WHERE digest = ?1 AND repository = ?2 LIMIT 1",
        "SELECT repository, reference FROM names WHERE digest = ?1",
        "SELECT repository, reference FROM names WHERE repository = ?1 ORDER BY reference",
        "SELECT media_type, id, size FROM images WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT 16",
        "SELECT digest FROM documents WHERE config = ?1 ORDER BY sequence DESC LIMIT 64",
        "SELECT digest FROM documents WHERE digest = ?1",
        "SELECT document FROM entries WHERE digest = ?1",
        "SELECT digest FROM entries WHERE document = ?1 ORDER BY position",
        "SELECT blob FROM layer_blobs WHERE diff_id = ?1 AND verified",
        "SELECT diff_id FROM layer_blobs WHERE blob = ?1 AND verified",
        "SELECT image FROM image_layers WHERE diff_id = ?1",
        "SELECT child FROM children WHERE parent = ?1 ORDER BY child",
        "SELECT diff_id FROM layers WHERE chain_id = ?1",
        "SELECT image FROM image_layers WHERE chain_id = ?1",
        "SELECT holder FROM pins WHERE image = ?1 ORDER BY holder",
        "SELECT repository FROM places WHERE blob = ?1 AND registry = ?2",
        "SELECT time FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT 100",
    ];

    #[test]
    fn every_look_up_goes_by_an_index() {
        let connection = Connection::open_in_memory().unwrap();
        for format in FORMATS {
            connection.execute_batch(format.tables).unwrap();
            connection.execute_batch(format.changes).unwrap();
        }
        for look_up in LOOK_UPS {
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {look_up}")).unwrap();
            let steps = explain.raw_query().mapped(|row| row.get::<_, String>(3));
            for step in steps.map(Result::unwrap) {
                assert!(step.starts_with("SEARCH"), "{look_up}: {step}");
            }
        }
    }
}
