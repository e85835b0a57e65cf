//! Taking out an index whose images stay.

use rusqlite::Connection;

use super::error::catalog;
use super::remove::Work;
use super::{Removed, Result, Store};
use crate::digest::Digest;

impl Store {
    /// Takes an index out that neither a name nor another index leads to. Removing would leave it as long as one of its
    /// images stays; this is for one that another has been made from. Nothing happens to one that is led to.
    ///
    /// # Errors
    ///
    /// A [`StoreError`](super::StoreError) where the catalogue or content cannot be written.
    pub fn discard_index(&self, digest: &Digest) -> Result<Removed> {
        let mut work = Work::default();
        self.write(|transaction| {
            let text = digest.to_string();
            let mut take = || -> rusqlite::Result<()> {
                if is_led_to(transaction, &text)? {
                    return Ok(());
                }
                let index = "DELETE FROM documents WHERE digest = ? AND config IS NULL";
                if transaction.prepare_cached(index)?.execute([&text])? == 0 {
                    return Ok(());
                }
                let entries = "DELETE FROM entries WHERE document = ? RETURNING digest";
                let mut entries = transaction.prepare_cached(entries)?;
                let freed = entries.query_map([&text], |row| super::catalog::digest_at(row, 0))?;
                work.candidates.extend(freed.collect::<rusqlite::Result<Vec<_>>>()?);
                work.candidates.insert(digest.clone());
                work.removed.documents.push(digest.clone());
                work.sweep(transaction)
            };
            take().map_err(catalog("writing"))
        })?;
        self.clear(work)
    }
}

fn is_led_to(connection: &Connection, digest: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM names WHERE digest = ?1)
                 OR EXISTS (SELECT 1 FROM entries JOIN documents ON documents.digest = document
                            WHERE entries.digest = ?1 AND config IS NULL)",
        )?
        .query_row([digest], |row| row.get(0))
}
