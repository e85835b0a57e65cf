//! What registries say beside manifests and blobs: challenges, links, ranges, dates, and the small documents of
//! tokens, tags and errors.

mod answer;
mod challenge;
mod date;
mod url;

#[cfg(test)]
mod tests;

pub(crate) use answer::read;
pub use answer::{read_problems, read_tags, read_token};
pub use challenge::challenges;
pub use date::read_date;
pub use url::{locate, next_page};

use crate::wit::exports::consign::image::registries::Span;

/// Reads a `Content-Range` (RFC 9110, 14.4), or the `Range` of an upload (distribution-spec, "Pushing blobs").
pub fn read_range(header: &str) -> Option<Span> {
    let text = header.trim();
    let text = text.strip_prefix("bytes").map_or(text, |rest| rest.trim_start_matches([' ', '=']));
    let (range, size) = match text.split_once('/') {
        Some((range, "*")) => (range, None),
        Some((range, size)) => (range, Some(number(size)?)),
        None => (text, None),
    };
    let (first, last) = range.split_once('-')?;
    let span = Span { first: number(first)?, last: number(last)?, size };
    (span.first <= span.last && span.size.is_none_or(|size| span.last < size)).then_some(span)
}

/// Decimal digits only: no sign, no blanks.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
}

/// Whether a text is fit for a header: visible ASCII, and some of it.
fn is_visible(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}
