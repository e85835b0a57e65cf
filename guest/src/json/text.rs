//! From bytes to text, and Go's idea of equal keys.

use alloc::borrow::Cow;

use super::fault::{Result, problem, too_large};
use crate::prelude::*;
use crate::wit::exports::consign::image::manifests::ManifestProblem;

/// The bytes as text, if they are at most `limit` and UTF-8.
pub(crate) fn strict<'a>(bytes: &'a [u8], what: &str, limit: usize) -> Result<&'a str> {
    if bytes.len() > limit {
        return Err(too_large(0, what, limit, bytes.len()));
    }
    core::str::from_utf8(bytes)
        .map_err(|error| problem(error.valid_up_to(), ManifestProblem::Syntax("UTF-8".into())))
}

/// The bytes as text, if they are at most `limit`; each byte that is not UTF-8 becomes U+FFFD, as
/// Go's `encoding/json` reads it within strings. (Elsewhere it is a syntax error all the same.)
pub(crate) fn lossy<'a>(bytes: &'a [u8], what: &str, limit: usize) -> Result<Cow<'a, str>> {
    if bytes.len() > limit {
        return Err(too_large(0, what, limit, bytes.len()));
    }
    if let Ok(text) = core::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Ok(Cow::Owned(text))
}

/// The offset in `bytes` of what is at `offset` in what [`lossy`] made of them.
pub(crate) fn offset_before_lossy(bytes: &[u8], offset: u64) -> u64 {
    let (mut left, mut original) = (usize::try_from(offset).unwrap_or(usize::MAX), 0);
    for chunk in bytes.utf8_chunks() {
        if left < chunk.valid().len() {
            break;
        }
        left -= chunk.valid().len();
        original += chunk.valid().len();
        let replaced = (left / char::REPLACEMENT_CHARACTER.len_utf8()).min(chunk.invalid().len());
        original += replaced;
        left -= replaced * char::REPLACEMENT_CHARACTER.len_utf8();
        if replaced < chunk.invalid().len() {
            return original as u64;
        }
    }
    (original + left) as u64
}

/// Whether Go's `encoding/json` would take `key` for the member `name`, which is ASCII: equal but for
/// the case of ASCII letters, where the long s and the Kelvin sign are letters in another case too.
pub(crate) fn fold_eq(name: &str, key: &str) -> bool {
    // The two foreign letters take at most three bytes where ASCII takes one.
    if key.len() < name.len() || key.len() > name.len() * 3 {
        return false;
    }
    let folded = |character: char| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    name.chars().map(folded).eq(key.chars().map(folded))
}
