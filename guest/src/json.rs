//! A JSON reader for documents from strangers: one pass over the text, no tree, no recursion on
//! input, and errors that say at which byte and in which member.
//!
//! It reads what Go's `encoding/json` reads, because Go programs wrote these documents and will read
//! them too: `null` is the same as absent, and a key that differs only in letter case can stand for a
//! member. [`Case`] says what a document makes of the latter. A member there twice is always refused:
//! readers disagree on which of the two counts.

mod fault;
mod scan;
mod text;
pub(crate) mod write;

use alloc::borrow::Cow;

use crate::prelude::*;
use crate::sort::first_twice;

pub(crate) use fault::{Result, invalid, missing, problem, shown, shown_up_to, too_large};
pub(crate) use text::{fold_eq, lossy, offset_before_lossy, strict};

use crate::wit::exports::consign::image::manifests::ManifestProblem;

/// Objects and arrays within each other. (Go allows 10,000, serde_json 128; an image needs 6.)
pub(crate) const MAX_DEPTH: u32 = 128;

/// What a key that differs from a member's name only in letter case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Refused: readers that tell cases apart and readers that do not would see two documents.
    Exact,
    /// The member, as Go's `encoding/json` takes it.
    Folded,
}

/// Which of a record's members were there, by position in its list of names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    present: u64,
    null: u64,
}

impl Seen {
    /// The member was there, be it as `null`.
    pub(crate) fn has(self, member: usize) -> bool {
        self.present & (1 << member) != 0
    }

    /// The member was there and was not `null`.
    pub(crate) fn has_value(self, member: usize) -> bool {
        (self.present & !self.null) & (1 << member) != 0
    }
}

/// Reads one document from its beginning.
pub(crate) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Reader { text, at: 0, depth: 0 }
    }

    /// Byte offset of what is read next.
    pub(crate) fn offset(&mut self) -> usize {
        self.blanks();
        self.at
    }

    /// The bytes read since `start`, a position [`Reader::offset`] gave.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Nothing but white space may follow.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.syntax("the end of the document")),
        }
    }

    /// Reads an object whose members are `names` (at most 64); `read` is called with the position of
    /// the name, to read the value, unless that is `null`. Members of other names are passed over.
    pub(crate) fn record(
        &mut self,
        names: &'static [&'static str],
        case: Case,
        mut read: impl FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<Seen> {
        self.members(names, case, &mut read)
    }

    // Going through objects and arrays is there once, not once for every kind of them.
    #[inline(never)]
    fn members(
        &mut self,
        names: &'static [&'static str],
        case: Case,
        read: &mut dyn FnMut(&mut Self, usize) -> Result<()>,
    ) -> Result<Seen> {
        let mut seen = Seen::default();
        let mut miscased: Option<(usize, usize, String)> = None;
        // Members mostly come in the order of `names`.
        let mut next = 0;
        self.open(b'{', "an object")?;
        let mut more = !self.closes(b'}');
        while more {
            let at = self.offset();
            let member = match names.get(next) {
                Some(name) if self.takes_key(name) => Some(next),
                _ => {
                    let key = self.key()?;
                    let exact = names.iter().position(|name| *name == key);
                    let folded = || names.iter().position(|name| fold_eq(name, &key));
                    match case {
                        _ if exact.is_some() => exact,
                        Case::Folded => folded(),
                        Case::Exact => {
                            if let Some(member) = folded() {
                                miscased.get_or_insert_with(|| (member, at, shown(&key)));
                            }
                            None
                        }
                    }
                }
            };
            self.expect(b':', "`:`")?;
            match member {
                None => self.skip()?,
                Some(member) if seen.has(member) => {
                    return Err(problem(at, ManifestProblem::Duplicate(names[member].into())));
                }
                Some(member) => {
                    next = member + 1;
                    seen.present |= 1 << member;
                    if self.null()? {
                        seen.null |= 1 << member;
                    } else {
                        read(self, member).map_err(|error| error.within(names[member]))?;
                    }
                }
            }
            more = self.continues(b'}', "`,` or `}`")?;
        }
        if let Some((member, at, found)) = miscased {
            return Err(if seen.has(member) {
                problem(at, ManifestProblem::Duplicate(names[member].into()))
            } else {
                invalid(at, names[member], format!("the key `{}`", names[member]), format!("`{found}`"))
            });
        }
        Ok(seen)
    }

    /// Reads an object of any keys; `read` is called with the key and its offset, to read the value.
    pub(crate) fn object(
        &mut self,
        mut read: impl FnMut(&mut Self, &str, usize) -> Result<()>,
    ) -> Result<()> {
        self.keyed(&mut read)
    }

    #[inline(never)]
    fn keyed(&mut self, read: &mut dyn FnMut(&mut Self, &str, usize) -> Result<()>) -> Result<()> {
        self.open(b'{', "an object")?;
        let mut more = !self.closes(b'}');
        while more {
            let at = self.offset();
            let key = self.key()?;
            self.expect(b':', "`:`")?;
            read(self, &key, at)?;
            more = self.continues(b'}', "`,` or `}`")?;
        }
        Ok(())
    }

    /// Reads an array; `read` is called with each element's position. An element over `limit` is an
    /// error that counts them as `what`.
    pub(crate) fn array(
        &mut self,
        what: &str,
        limit: usize,
        mut read: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.elements(what, limit, &mut read)
    }

    #[inline(never)]
    fn elements(
        &mut self,
        what: &str,
        limit: usize,
        read: &mut dyn FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        self.open(b'[', "an array")?;
        let mut more = !self.closes(b']');
        let mut position = 0;
        while more {
            if position == limit {
                return Err(too_large(self.offset(), what, limit, limit + 1));
            }
            read(self).map_err(|error| error.within_element(position))?;
            position += 1;
            more = self.continues(b']', "`,` or `]`")?;
        }
        Ok(())
    }

    /// Reads an object of strings in document order; a key there twice is refused, more than `limit`
    /// are an error that counts them as `what`. A `null` is an empty string, as in Go.
    pub(crate) fn string_map(&mut self, what: &str, limit: usize) -> Result<Vec<(String, String)>> {
        const FEW: usize = 16;
        let mut pairs: Vec<(String, String)> = Vec::new();
        // Where the keys after the first few are.
        let mut places = Vec::new();
        self.object(|reader, key, at| {
            if pairs.len() == limit {
                return Err(too_large(at, what, limit, limit + 1));
            }
            // Few keys are compared one by one; many would take quadratic time.
            if pairs.len() >= FEW {
                places.push(at);
            } else if pairs.iter().any(|(other, _)| other == key) {
                return Err(problem(at, ManifestProblem::Duplicate(shown(key))));
            }
            let value = if reader.null()? {
                String::new()
            } else {
                reader.string().map_err(|error| error.within(key))?.into_owned()
            };
            pairs.push((key.to_owned(), value));
            Ok(())
        })?;
        let twice = if pairs.len() > FEW { first_twice(&pairs, |(key, _)| key) } else { None };
        match twice.and_then(|twice| Some((pairs.get(twice)?, places.get(twice.checked_sub(FEW)?)?))) {
            Some(((key, _), at)) => Err(problem(*at, ManifestProblem::Duplicate(shown(key)))),
            None => Ok(pairs),
        }
    }

    /// Reads an array of strings; a `null` among them is an empty string, as in Go.
    pub(crate) fn strings(&mut self, what: &str, limit: usize) -> Result<Vec<String>> {
        let mut strings = Vec::new();
        self.array(what, limit, |reader| {
            strings.push(if reader.null()? { String::new() } else { reader.string()?.into_owned() });
            Ok(())
        })?;
        Ok(strings)
    }

    /// Reads the keys of an object whose values are objects or `null`; more than `limit` are an error
    /// that counts them as `what`.
    pub(crate) fn keys(&mut self, what: &str, limit: usize, mut each: impl FnMut(&str)) -> Result<()> {
        let mut count = 0;
        self.object(|reader, key, at| {
            if count == limit {
                return Err(too_large(at, what, limit, limit + 1));
            }
            count += 1;
            each(key);
            match reader.peek() {
                Some(b'{' | b'n') => reader.skip(),
                _ => Err(reader.wanted("an object").within(key)),
            }
        })
    }

    /// Whether a string comes next.
    pub(crate) fn at_string(&mut self) -> bool {
        self.peek() == Some(b'"')
    }

    /// Reads a string.
    pub(crate) fn string(&mut self) -> Result<Cow<'a, str>> {
        match self.peek() {
            Some(b'"') => self.quoted(),
            _ => Err(self.wanted("a string")),
        }
    }

    /// Reads `true` or `false`.
    pub(crate) fn boolean(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err(self.wanted("`true` or `false`")),
        }
    }

    /// Reads a whole number within `-2^63 ..= 2^63 - 1`, written without fraction or exponent.
    pub(crate) fn integer(&mut self) -> Result<i64> {
        const WANTED: &str = "a whole number of 64 bits";
        let at = self.offset();
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.wanted(WANTED));
        }
        let number = self.number()?;
        number.parse().map_err(|_| invalid(at, "", WANTED, format!("`{}`", shown(number))))
    }

    /// Reads a number that is whole and within `-2^63 ..= 2^63 - 1`, however it is written: `15e8` is one.
    pub(crate) fn whole(&mut self) -> Result<i64> {
        const WANTED: &str = "a whole number of 64 bits";
        let at = self.offset();
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.wanted(WANTED));
        }
        let number = self.number()?;
        // As Go reads it, which has no whole numbers there.
        let value: f64 = number.parse().unwrap_or(f64::INFINITY);
        let whole = value as i64;
        if whole as f64 == value && whole != i64::MAX {
            Ok(whole)
        } else {
            Err(invalid(at, "", WANTED, format!("`{}`", shown(number))))
        }
    }

    /// Reads a size in bytes: `0 ..= 2^63 - 1`, written without sign, fraction or exponent.
    pub(crate) fn size(&mut self) -> Result<u64> {
        const WANTED: &str = "bytes from 0 to 2^63 - 1";
        let at = self.offset();
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.wanted(WANTED));
        }
        let number = self.number()?;
        match number.parse::<u64>() {
            Ok(size) if i64::try_from(size).is_ok() => Ok(size),
            _ => Err(invalid(at, "", WANTED, format!("`{}`", shown(number)))),
        }
    }

    /// Passes over `null`; false, and nothing read, where something else is there.
    #[inline]
    pub(crate) fn null(&mut self) -> Result<bool> {
        match self.peek() {
            Some(b'n') => self.word("null").map(|()| true),
            _ => Ok(false),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
