//! Images in OCI layouts: `path[:name|:@position]` in a directory, `path[:name]` in a tar.

use super::{ImageReference, Problem, Span, Transport, TransportError, position};
use crate::prelude::*;

/// A path up to the first colon, then a name, a position (not in a tar), or nothing.
pub(super) fn parse(within: Span, mut image: ImageReference) -> Result<ImageReference, TransportError> {
    let (path, which) = within.cut(':');
    image.path = Some(path.text.to_owned());
    match which {
        Some(which) if image.transport == Transport::Oci && which.text.starts_with('@') => {
            image.position = Some(position(which.from(1))?);
        }
        Some(which) if !which.text.is_empty() => {
            check(which)?;
            image.ref_name = Some(which.text.to_owned());
        }
        _ => {}
    }
    Ok(image)
}

/// The grammar of `org.opencontainers.image.ref.name` (image-spec, annotations.md).
///
/// ```text
/// name := component ("/" component)*    component := alnum+ (separator alnum+)*
/// separator := one of "-._:@+" | "--"
/// ```
fn check(written: Span) -> Result<(), TransportError> {
    let bytes = written.text.as_bytes();
    let mut at = 0;
    loop {
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if length == 0 {
            return Err(unexpected(written.from(at), "a letter or digit"));
        }
        at += length;
        at += match (bytes.get(at), bytes.get(at + 1)) {
            (None, _) => return Ok(()),
            (Some(b'-'), Some(b'-')) => 2,
            (Some(b'/' | b'-' | b'.' | b'_' | b':' | b'@' | b'+'), _) => 1,
            _ => {
                let expected = "a letter, a digit, `/`, `-`, `.`, `_`, `:`, `@`, `+` or the end";
                return Err(unexpected(written.from(at), expected));
            }
        };
    }
}

fn unexpected(rest: Span, expected: &str) -> TransportError {
    rest.error(Problem::InvalidRefName(rest.text.chars().next()), expected)
}
