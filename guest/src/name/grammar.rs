//! The grammar of references, as one forward scan over the bytes.
//!
//! ```text
//! reference  := name [":" tag] ["@" digest]
//! name       := [domain "/"] remote
//! domain     := host [":" digit+]
//! host       := label ("." label)* | "[" (hex | ":")+ "]"
//! label      := alnum | alnum (alnum | "-")* alnum
//! remote     := component ("/" component)*
//! component  := run (("." | "_" | "__" | "-"+) run)*        run := (lower | digit)+
//! tag        := word (word | "." | "-"){0,127}              word := alnum | "_"
//! digest     := part (("-" | "_" | "+" | ".") part)* ":" hex{32,}   part := letter alnum*
//! ```
//!
//! No rule needs to look back: a component, a tag and a digest hold no `/`, so the first `/` of the text
//! ends the domain if there is one, and whatever is left when a domain has been read is a remote name
//! exactly when domain and rest together would be one.

use crate::types::Rules;

/// The pieces of a reference, as written. `domain` may be empty.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    pub domain: &'a str,
    pub path: &'a str,
    pub tag: Option<&'a str>,
    pub digest: Option<&'a str>,
}

/// Where a text leaves the grammar. The offset is at a character's first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub offset: usize,
    pub expected: &'static str,
}

impl Fault {
    fn at(offset: usize, expected: &'static str) -> Self {
        Fault { offset, expected }
    }
}

/// A whole reference.
pub fn reference(text: &str, rules: Rules) -> Result<Parts<'_>, Fault> {
    let Some(slash) = text.bytes().position(|byte| byte == b'/') else {
        return remote(text, 0);
    };
    match domain(&text.as_bytes()[..slash], rules) {
        Ok(()) => Ok(Parts { domain: &text[..slash], ..remote(text, slash + 1)? }),
        // A colon or a bracket before a slash can only be a domain's; otherwise report the reading that got further.
        Err(no_domain) => remote(text, 0).map_err(|no_path| {
            let only_domain = text[..slash].contains([':', '[']);
            if only_domain || no_domain.offset > no_path.offset { no_domain } else { no_path }
        }),
    }
}

/// A reference's remote name from byte `start` to the end, with its tag and digest.
pub fn remote(text: &str, start: usize) -> Result<Parts<'_>, Fault> {
    let bytes = text.as_bytes();
    let mut at = start;
    loop {
        at = component(bytes, at)?;
        if bytes.get(at) != Some(&b'/') {
            break;
        }
        at += 1;
    }
    let path = &text[start..at];
    let mut expected =
        "a lower-case letter or digit, `.`, `_`, `-`, `/`, `:` and a tag, `@` and a digest, or the end";
    let mut tag = None;
    if bytes.get(at) == Some(&b':') {
        let end = scan_tag(bytes, at + 1)?;
        tag = Some(&text[at + 1..end]);
        expected = if end - at - 1 == TAG_MAX {
            "`@` and a digest, or the end: a tag has at most 128 bytes"
        } else {
            "a letter, digit, `_`, `.`, `-`, `@` and a digest, or the end"
        };
        at = end;
    }
    let mut digest = None;
    if bytes.get(at) == Some(&b'@') {
        let end = scan_digest(bytes, at + 1)?;
        digest = Some(&text[at + 1..end]);
        expected = "a hexadecimal digit or the end";
        at = end;
    }
    if at == bytes.len() { Ok(Parts { domain: "", path, tag, digest }) } else { Err(Fault::at(at, expected)) }
}

/// Whether the text is a tag.
pub fn tag(text: &str) -> Result<(), Fault> {
    match scan_tag(text.as_bytes(), 0)? {
        end if end == text.len() => Ok(()),
        TAG_MAX => Err(Fault::at(TAG_MAX, "the end: a tag has at most 128 bytes")),
        end => Err(Fault::at(end, "a letter, digit, `_`, `.`, `-` or the end")),
    }
}

/// Whether the text has the form of a digest in a reference. It need not be one.
pub fn digest(text: &str) -> Result<(), Fault> {
    match scan_digest(text.as_bytes(), 0)? {
        end if end == text.len() => Ok(()),
        end => Err(Fault::at(end, "a hexadecimal digit or the end")),
    }
}

/// Whether the bytes are a host with or without a port.
pub fn domain(bytes: &[u8], rules: Rules) -> Result<(), Fault> {
    let mut at = match (bytes.first(), rules) {
        (Some(b'['), Rules::Docker) => {
            let end = run(bytes, 1, |byte| byte.is_ascii_hexdigit() || byte == b':');
            match bytes.get(end) {
                Some(b']') if end > 1 => end + 1,
                _ => return Err(Fault::at(end, "a hexadecimal digit, `:` or `]`")),
            }
        }
        _ => host_name(bytes)?,
    };
    if bytes.get(at) == Some(&b':') {
        let end = run(bytes, at + 1, |byte| byte.is_ascii_digit());
        if end == at + 1 {
            return Err(Fault::at(end, "a port number"));
        }
        at = end;
    }
    if at == bytes.len() { Ok(()) } else { Err(Fault::at(at, "`/`, or `:` and a port number")) }
}

/// Where the labels that start at 0 end.
fn host_name(bytes: &[u8]) -> Result<usize, Fault> {
    let mut at = 0;
    loop {
        let end = run(bytes, at, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if end == at || bytes[at] == b'-' {
            return Err(Fault::at(at, "a letter or digit"));
        }
        if bytes[end - 1] == b'-' {
            return Err(Fault::at(end, "a letter or digit"));
        }
        if bytes.get(end) != Some(&b'.') {
            return Ok(end);
        }
        at = end + 1;
    }
}

/// Where the path component that starts at `at` ends.
fn component(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        let end = run(bytes, at, |byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if end == at {
            return Err(Fault::at(at, "a lower-case letter or digit"));
        }
        at = match bytes.get(end) {
            Some(b'.') => end + 1,
            Some(b'_') if bytes.get(end + 1) == Some(&b'_') => end + 2,
            Some(b'_') => end + 1,
            Some(b'-') => run(bytes, end, |byte| byte == b'-'),
            _ => return Ok(end),
        };
    }
}

const TAG_MAX: usize = 128;

/// Where the tag that starts at `at` ends: before the first byte that cannot be in it, or after 128.
fn scan_tag(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !bytes.get(at).is_some_and(|byte| word(*byte)) {
        return Err(Fault::at(at, "a letter, a digit or `_`"));
    }
    let within = &bytes[..bytes.len().min(at + TAG_MAX)];
    Ok(run(within, at + 1, |byte| word(byte) || byte == b'.' || byte == b'-'))
}

const DIGEST_HEX_MIN: usize = 32;

/// Where the digest that starts at `at` ends.
fn scan_digest(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        if !bytes.get(at).is_some_and(u8::is_ascii_alphabetic) {
            return Err(Fault::at(at, "a letter: a digest algorithm's name"));
        }
        at = run(bytes, at + 1, |byte| byte.is_ascii_alphanumeric());
        match bytes.get(at) {
            Some(b'-' | b'_' | b'+' | b'.') => at += 1,
            Some(b':') => break,
            _ => return Err(Fault::at(at, "`:` and hexadecimal digits")),
        }
    }
    let end = run(bytes, at + 1, |byte| byte.is_ascii_hexdigit());
    if end - at - 1 < DIGEST_HEX_MIN {
        return Err(Fault::at(end, "a hexadecimal digit: a digest has at least 32"));
    }
    Ok(end)
}

/// The end of the longest run of bytes from `at` on that satisfy `wanted`; `at` is at most the length.
fn run(bytes: &[u8], at: usize, wanted: impl Fn(u8) -> bool) -> usize {
    bytes[at..].iter().position(|byte| !wanted(*byte)).map_or(bytes.len(), |length| at + length)
}
