//! Paths within a layer, cleaned, and the order they have.

use std::borrow::Cow;
use std::cmp::Ordering;

/// The path without `/` in front or at the end, empty components and `.`. `None` where a component is `..`.
pub fn clean(path: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(plain(path)).filter(|path| !climbs(path))
}

/// The same, whatever components there are.
pub(super) fn plain(path: &[u8]) -> Cow<'_, [u8]> {
    let mut trimmed = path;
    while let Some(rest) = trimmed.strip_prefix(b"./").or_else(|| trimmed.strip_prefix(b"/")) {
        trimmed = rest;
    }
    while let Some(rest) = trimmed.strip_suffix(b"/") {
        trimmed = rest;
    }
    let says = |component: &&[u8]| !component.is_empty() && *component != b".";
    let mut components = trimmed.split(|byte| *byte == b'/');
    if trimmed.is_empty() || components.all(|component| says(&component)) {
        return Cow::Borrowed(trimmed);
    }
    let components: Vec<&[u8]> = trimmed.split(|byte| *byte == b'/').filter(says).collect();
    Cow::Owned(components.join(&b'/'))
}

fn climbs(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|component| component == b"..")
}

/// Bytes of a path, and of a name, that file systems take.
const LONGEST: usize = 4095;
const LONGEST_NAME: usize = 255;

/// Whether the path by which an entry is found can be that of a file.
pub(super) fn usable(path: &[u8]) -> bool {
    fits(path) && !climbs(path)
}

/// Whether a cleaned path can be that of a file.
pub(super) fn fits(path: &[u8]) -> bool {
    path.len() <= LONGEST
        && (path.len() <= LONGEST_NAME
            || path.split(|byte| *byte == b'/').all(|name| name.len() <= LONGEST_NAME))
}

/// The order of cleaned paths: component by component, so that what is in a directory follows it.
pub fn order(a: &[u8], b: &[u8]) -> Ordering {
    let shorter = a.len().min(b.len());
    let mut at = 0;
    while at + 8 <= shorter && a[at..at + 8] == b[at..at + 8] {
        at += 8;
    }
    while at < shorter && a[at] == b[at] {
        at += 1;
    }
    // Where one ends, or a component of it does, it comes first.
    let key = |path: &[u8]| path.get(at).map(|byte| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 });
    key(a).cmp(&key(b))
}

/// The directory and the name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// The path of `name` in `directory`.
pub(crate) fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    path.extend_from_slice(directory);
    if !directory.is_empty() {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// Whether a cleaned path is below another.
pub fn is_below(path: &[u8], directory: &[u8]) -> bool {
    match directory {
        [] => !path.is_empty(),
        _ => path.strip_prefix(directory).is_some_and(|rest| rest.first() == Some(&b'/')),
    }
}

/// The path's beginnings that are whole components, the shortest first, without the root, with the path itself.
pub(super) fn beginnings(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    let whole = (!path.is_empty()).then_some(path.len());
    ends.chain(whole).map(|end| &path[..end])
}

/// A path as text: what is not UTF-8, control characters and `\` are escaped as C does it, in octal where it has no
/// letter. `ls -b` writes names so.
pub fn printable(path: &[u8]) -> Cow<'_, str> {
    if path.iter().all(|byte| matches!(byte, b' '..=b'~') && *byte != b'\\')
        && let Ok(text) = std::str::from_utf8(path)
    {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(path.len() + 8);
    let octal = |out: &mut String, bytes: &[u8]| {
        bytes.iter().for_each(|byte| out.push_str(&format!("\\{byte:03o}")));
    };
    for chunk in path.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                char if char.is_control() => octal(&mut out, char.encode_utf8(&mut [0; 4]).as_bytes()),
                char => out.push(char),
            }
        }
        octal(&mut out, chunk.invalid());
    }
    Cow::Owned(out)
}
