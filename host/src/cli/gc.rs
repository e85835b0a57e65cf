//! `consign gc`: content nothing needs, out of the store.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use consign::digest::Digest;
use consign::store::Collected;

use super::args::{Format, Gc};
use super::output;
use super::session::Session;

/// How long a collection waits for writers.
pub const PATIENCE: Duration = Duration::from_secs(4);

pub fn run(session: &Session, arguments: &Gc) -> Result<()> {
    let collected = session.store()?.collect_within(PATIENCE)?;
    match arguments.format {
        Format::Json => output::json(&document(&collected))?,
        Format::Table => output::lines([format!(
            "Collected {} blobs and {} abandoned writes: {}",
            collected.blobs.len(),
            collected.ingests,
            output::size(collected.bytes)
        )])?,
    }
    super::remove::note_deferred(collected.left > 0);
    Ok(())
}

/// What was collected, with stable names.
fn document(collected: &Collected) -> Value {
    json!({
        "blobs": collected.blobs.iter().map(Digest::to_string).collect::<Vec<_>>(),
        "ingests": collected.ingests,
        "indexes": collected.indexes,
        "bytes": collected.bytes,
        "left": collected.left,
    })
}
