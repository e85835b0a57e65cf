//! A set of digests that finds them by the start of their digits (docker/distribution digestset).

use crate::digest;
use crate::prelude::*;
use crate::wit::exports::consign::image::digests::{DigestError, DigestProblem, LookupError};

/// Candidates an ambiguous look-up lists.
const CANDIDATES_MAX: usize = 16;

/// Ordered by digits first and algorithm second, so that what starts alike is together.
#[derive(Default)]
pub struct DigestSet {
    entries: Vec<Entry>,
}

struct Entry {
    /// `algorithm:hex`.
    digest: String,
    /// Byte offset of the colon.
    colon: usize,
}

impl Entry {
    fn algorithm(&self) -> &str {
        &self.digest[..self.colon]
    }

    fn hex(&self) -> &str {
        &self.digest[self.colon + 1..]
    }

    /// Whether this is what a short digest stands for; an empty algorithm stands for any.
    fn answers_to(&self, algorithm: &str, hex: &str) -> bool {
        self.hex().starts_with(hex) && (algorithm.is_empty() || self.algorithm() == algorithm)
    }
}

impl DigestSet {
    /// Adds a digest. One that is there stays as it is.
    pub fn add(&mut self, digest: String) -> Result<(), DigestError> {
        if let Err(at) = self.position(&digest)? {
            let colon = digest.find(':').unwrap_or(0);
            self.entries.insert(at, Entry { digest, colon });
        }
        Ok(())
    }

    /// Removes a digest, if it is there.
    pub fn remove(&mut self, digest: &str) -> Result<(), DigestError> {
        if let Ok(at) = self.position(digest)? {
            self.entries.remove(at);
        }
        Ok(())
    }

    /// Where the digest is, or where it belongs.
    fn position(&self, digest: &str) -> Result<Result<usize, usize>, DigestError> {
        let (_, hex) = digest::check(digest)?;
        let algorithm = &digest[..digest.len() - hex.len() - 1];
        Ok(self.entries.binary_search_by(|entry| (entry.hex(), entry.algorithm()).cmp(&(hex, algorithm))))
    }

    /// The digest that `text` stands for: a digest, `algorithm:` and the first of its digits, or the first
    /// of its digits alone.
    ///
    /// An algorithm narrows the look-up only among what starts with the same digits from the first entry on,
    /// as in the peer: where that first entry has another algorithm the answer is "not found".
    pub fn lookup(&self, text: &str) -> Result<&str, LookupError> {
        let (algorithm, hex) = match digest::check(text) {
            Err(DigestError { problem: DigestProblem::Format, .. }) => ("", text),
            _ => text.split_once(':').unwrap_or(("", text)),
        };
        let start = self.entries.partition_point(|entry| (entry.hex(), entry.algorithm()) < (hex, algorithm));
        let mut fitting = self.entries[start..].iter().take_while(|entry| entry.answers_to(algorithm, hex));
        let Some(first) = fitting.next() else {
            return Err(LookupError::NotFound);
        };
        if first.algorithm() == algorithm && first.hex() == hex {
            return Ok(&first.digest);
        }
        let others: Vec<String> =
            fitting.take(CANDIDATES_MAX - 1).map(|entry| entry.digest.clone()).collect();
        if others.is_empty() {
            return Ok(&first.digest);
        }
        let mut candidates = vec![first.digest.clone()];
        candidates.extend(others);
        Err(LookupError::Ambiguous(candidates))
    }

    /// Every digest, in the set's order.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.digest.as_str())
    }

    /// For every digest, in the set's order, the shortest text of at least `length` digits that
    /// [`DigestSet::lookup`] finds it by; the whole digest where its digits are not enough.
    ///
    /// Neighbours that start alike are given codes of one length, as in the peer.
    pub fn short_codes(&self, length: usize) -> Vec<(&str, &str)> {
        let mut codes = Vec::with_capacity(self.entries.len());
        let mut current = length;
        let mut alike_until = 0;
        for (at, entry) in self.entries.iter().enumerate() {
            let hex = entry.hex();
            if let Some(start) = hex.get(..current).filter(|_| current < hex.len()) {
                let following = &self.entries[at + 1..];
                let alike = following.partition_point(|other| other.hex().starts_with(start));
                if alike > 0 {
                    alike_until = alike_until.max(at + alike);
                    let shared = hex.bytes().zip(following[0].hex().bytes()).take_while(|(a, b)| a == b);
                    current = (shared.count() + 1).min(hex.len());
                }
            }
            codes.push((
                entry.digest.as_str(),
                if current < hex.len() { &hex[..current] } else { &entry.digest },
            ));
            if at >= alike_until {
                current = length;
            }
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(start: &str) -> String {
        format!("sha256:{start}{}", "0".repeat(64 - start.len()))
    }

    fn set(starts: &[&str]) -> DigestSet {
        let mut set = DigestSet::default();
        for start in starts {
            set.add(digest(start)).expect("a digest");
        }
        set
    }

    #[test]
    fn an_ambiguous_look_up_lists_the_candidates() {
        let set = set(&["abc", "abd", "b"]);
        assert_eq!(set.lookup("b"), Ok(digest("b").as_str()));
        assert_eq!(set.lookup("ab"), Err(LookupError::Ambiguous(vec![digest("abc"), digest("abd")])));
        assert_eq!(set.lookup("sha256:abd"), Ok(digest("abd").as_str()));
        assert_eq!(set.lookup("abe"), Err(LookupError::NotFound));
    }

    #[test]
    fn adding_twice_and_removing_what_is_absent_change_nothing() {
        let mut set = set(&["a", "a"]);
        set.remove(&digest("b")).expect("a digest");
        assert_eq!(set.all().count(), 1);
        assert!(set.add("sha256:a".into()).is_err());
    }

    #[test]
    fn neighbours_that_start_alike_get_codes_of_one_length() {
        let set = set(&["abcd1", "abcd2", "f"]);
        let codes: Vec<_> = set.short_codes(2).into_iter().map(|(_, code)| code).collect();
        assert_eq!(codes, ["abcd1", "abcd2", "f0"]);
    }

    #[test]
    fn digits_that_go_on_in_a_longer_digest_are_written_in_full() {
        let mut set = set(&["a"]);
        let long = format!("sha512:a{}", "0".repeat(127));
        set.add(long).expect("a digest");
        assert_eq!(set.short_codes(4)[0].1, digest("a"));
    }
}
