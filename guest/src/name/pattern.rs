//! Shell patterns over names, with the semantics of Go's `path.Match`.
//!
//! A pattern is a sequence of chunks, each led by `*` or not. Whether a pattern is well formed does not
//! depend on the name, so it is checked once, in full, before anything is matched.

use super::{familiar_name, familiar_string};
use crate::digest::saturating;
use crate::prelude::*;
use crate::wit::exports::consign::image::references::{PatternError, Reference};

/// Whether the pattern matches the familiar string or the familiar name.
pub fn familiar_match(pattern: &str, reference: &Reference) -> Result<bool, PatternError> {
    let pattern = Pattern::parse(pattern)?;
    if pattern.matches(&familiar_string(reference)) {
        return Ok(true);
    }
    Ok(match reference {
        Reference::Named(name) => pattern.matches(&familiar_name(name)),
        Reference::Digest(_) => false,
    })
}

/// What one character of a name is held against.
enum Item {
    /// `?`: anything but `/`.
    Any,
    Char(char),
    /// `[…]`; unlike `?` a class may match `/`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

struct Chunk {
    /// Whether `*` stands in front.
    star: bool,
    items: Vec<Item>,
}

struct Pattern(Vec<Chunk>);

impl Pattern {
    fn parse(pattern: &str) -> Result<Self, PatternError> {
        let mut chunks = vec![Chunk { star: false, items: Vec::new() }];
        let mut rest = Rest { pattern, at: 0 };
        while let Some(char) = rest.next() {
            let item = match char {
                '*' => {
                    match chunks.last_mut() {
                        // Several stars in a row are one.
                        Some(last) if last.items.is_empty() => last.star = true,
                        _ => chunks.push(Chunk { star: true, items: Vec::new() }),
                    }
                    continue;
                }
                '?' => Item::Any,
                '[' => rest.class()?,
                '\\' => Item::Char(rest.next().ok_or_else(|| rest.error("a character after `\\`"))?),
                char => Item::Char(char),
            };
            if let Some(last) = chunks.last_mut() {
                last.items.push(item);
            }
        }
        Ok(Pattern(chunks))
    }

    /// Once a chunk has matched somewhere no earlier chunk is tried again: a star that swallows more can only
    /// help the chunk right after it. The work is therefore at most name times pattern.
    fn matches(&self, name: &str) -> bool {
        let mut name = name;
        for (position, chunk) in self.0.iter().enumerate() {
            let last = position + 1 == self.0.len();
            if chunk.star && chunk.items.is_empty() {
                return !name.contains('/');
            }
            match chunk.find(name, last) {
                Some(rest) => name = rest,
                None => return false,
            }
        }
        name.is_empty()
    }
}

impl Chunk {
    /// What is left of the name after the first place where the chunk fits; the last chunk has to leave nothing.
    fn find<'a>(&self, name: &'a str, last: bool) -> Option<&'a str> {
        let mut from = name;
        loop {
            match self.matched(from) {
                Some(rest) if !last || rest.is_empty() => return Some(rest),
                _ if !self.star => return None,
                _ => {}
            }
            let mut chars = from.chars();
            match chars.next() {
                None | Some('/') => return None,
                Some(_) => from = chars.as_str(),
            }
        }
    }

    /// What is left of the name after the chunk, where the name starts with it.
    fn matched<'a>(&self, name: &'a str) -> Option<&'a str> {
        let mut chars = name.chars();
        for item in &self.items {
            let char = chars.next()?;
            let fits = match item {
                Item::Any => char != '/',
                Item::Char(wanted) => char == *wanted,
                Item::Class { negated, ranges } => {
                    ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)) != *negated
                }
            };
            if !fits {
                return None;
            }
        }
        Some(chars.as_str())
    }
}

/// The pattern from byte `at` on.
struct Rest<'a> {
    pattern: &'a str,
    at: usize,
}

impl Rest<'_> {
    fn peek(&self) -> Option<char> {
        self.pattern[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += char.len_utf8();
        Some(char)
    }

    fn error(&self, expected: &str) -> PatternError {
        PatternError { offset: saturating(self.at), expected: expected.to_owned() }
    }

    /// A class, after its `[`. It has at least one range, so `[]` does not end at once.
    fn class(&mut self) -> Result<Item, PatternError> {
        let negated = self.peek() == Some('^');
        if negated {
            self.at += 1;
        }
        let mut ranges = Vec::new();
        loop {
            if self.peek() == Some(']') && !ranges.is_empty() {
                self.at += 1;
                return Ok(Item::Class { negated, ranges });
            }
            let low = self.bound()?;
            let mut high = low;
            if self.peek() == Some('-') {
                self.at += 1;
                high = self.bound()?;
            }
            ranges.push((low, high));
        }
    }

    /// One end of a range. The class has to go on after it.
    fn bound(&mut self) -> Result<char, PatternError> {
        if matches!(self.peek(), None | Some('-' | ']')) {
            return Err(self.error("a character of a class"));
        }
        if self.peek() == Some('\\') {
            self.at += 1;
        }
        let bound = self.next().ok_or_else(|| self.error("a character after `\\`"))?;
        if self.peek().is_none() { Err(self.error("`]`")) } else { Ok(bound) }
    }
}
