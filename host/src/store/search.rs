//! Finding images by the beginning of their ID (docker/distribution, digestset).

use rusqlite::{Connection, params};

use super::catalog::target_at;
use super::record::integer;
use super::{Images, Result, StoreError, Target};
use crate::digest::{Algorithm, Digest};

/// How many candidates a search lists.
const CANDIDATES: usize = 16;

/// What a search goes by: a beginning of hexadecimal digits, of one algorithm or of any.
struct Prefix<'a> {
    algorithms: Vec<Algorithm>,
    hex: &'a str,
}

impl<'a> Prefix<'a> {
    /// `None` where nothing can start with it.
    fn of(text: &'a str) -> Option<Prefix<'a>> {
        let (algorithms, hex) = match text.split_once(':') {
            // An algorithm alone is no digest, and no beginning of one either.
            Some((_, "")) => return None,
            Some((name, hex)) => {
                (Algorithm::ALL.into_iter().filter(|algorithm| algorithm.name() == name).collect(), hex)
            }
            None => (Algorithm::ALL.to_vec(), text),
        };
        let digits = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (digits && hex.len() <= 128).then_some(Prefix { algorithms, hex })
    }

    /// The images whose IDs start with it, ascending, at most `limit`.
    fn search(&self, connection: &Connection, limit: usize) -> rusqlite::Result<Vec<Target>> {
        // `g` is after every hexadecimal digit, so this is one range of the index.
        let mut select = connection.prepare_cached(
            "SELECT media_type, id, size FROM images WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT ?2",
        )?;
        let mut found = Vec::new();
        for algorithm in &self.algorithms {
            let start = format!("{}:{}", algorithm.name(), self.hex);
            let left = integer((limit - found.len()) as u64);
            for target in select.query_map(params![start, left], |row| target_at(row, 0))? {
                found.push(target?);
            }
        }
        Ok(found)
    }
}

impl Images<'_> {
    /// The one image whose ID starts with `prefix`, which may carry an algorithm (`sha256:4f`). An empty
    /// prefix is the beginning of every ID.
    ///
    /// # Errors
    /// [`StoreError::Ambiguous`] where there are several, with up to 16 of them.
    pub fn search(&self, prefix: &str) -> Result<Option<Digest>> {
        let mut candidates = self.candidates(prefix)?;
        match candidates.len() {
            0 => Ok(None),
            1 => Ok(candidates.pop().map(|config| config.digest)),
            _ => {
                let candidates = candidates.into_iter().map(|config| config.digest).collect();
                Err(StoreError::Ambiguous { prefix: prefix.into(), candidates })
            }
        }
    }

    /// The configs of images whose ID starts with `prefix`, ascending, at most 16.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] where the catalogue cannot be read, or a writer held it
    /// for longer than the store waits.
    pub fn candidates(&self, prefix: &str) -> Result<Vec<Target>> {
        let Some(prefix) = Prefix::of(prefix) else { return Ok(Vec::new()) };
        self.store.catalog().read(|connection| prefix.search(connection, CANDIDATES))
    }
}
