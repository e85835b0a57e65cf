//! Patterns for paths, as bytes.

/// A pattern. `*` and `?` stand for any bytes and for one byte of a name, `**` for any names with what is between
/// them, `[a-z]` and `[!a-z]` for one byte, `\` takes the meaning from what follows it.
#[derive(Debug, Clone)]
pub struct Glob {
    parts: Vec<Part>,
    whole: bool,
}

#[derive(Debug, Clone)]
enum Part {
    Byte(u8),
    /// One byte that is no slash.
    Any,
    /// Bytes that are no slash.
    Star,
    /// Bytes.
    DoubleStar,
    /// `**/`: nothing, or bytes up to a slash.
    Directories,
    Class {
        negated: bool,
        ranges: Vec<(u8, u8)>,
    },
}

/// A text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a pattern: `{pattern}`: wanted {wanted}, at byte {offset}")]
pub struct BadGlob {
    /// As written.
    pub pattern: String,
    /// What is missing.
    pub wanted: &'static str,
    /// Where.
    pub offset: usize,
}

/// Parts of a pattern.
const LONGEST: usize = 4096;

impl Glob {
    /// Reads a pattern. With a slash in it, it has to match the whole path, whose first slash may be left out;
    /// otherwise the name.
    ///
    /// # Errors
    /// [`BadGlob`] where a class has no end, nothing follows `\`, or it is over 4,096 bytes.
    pub fn parse(text: &str) -> Result<Glob, BadGlob> {
        let wrong = |wanted, offset| BadGlob { pattern: text.chars().take(200).collect(), wanted, offset };
        let whole = text.contains('/');
        let skipped = if text.starts_with('/') { 1 } else { 0 };
        let bytes = &text.as_bytes()[skipped..];
        if bytes.len() > LONGEST {
            return Err(wrong("at most 4096 bytes", LONGEST));
        }
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let rest = &bytes[at + 1..];
            at += 1;
            parts.push(match byte {
                b'?' => Part::Any,
                b'*' if rest.first() == Some(&b'*') => {
                    at += 1;
                    // Only between slashes it is directories.
                    let begins = at == 2 || bytes.get(at.wrapping_sub(3)) == Some(&b'/');
                    if begins && bytes.get(at) == Some(&b'/') {
                        at += 1;
                        Part::Directories
                    } else {
                        Part::DoubleStar
                    }
                }
                b'*' => Part::Star,
                b'[' => {
                    let (class, length) = class(rest).ok_or_else(|| wrong("`]`", skipped + bytes.len()))?;
                    at += length;
                    class
                }
                b'\\' => {
                    let byte = rest.first().ok_or_else(|| wrong("a character after `\\`", skipped + at))?;
                    at += 1;
                    Part::Byte(*byte)
                }
                byte => Part::Byte(*byte),
            });
        }
        Ok(Glob { parts, whole })
    }

    /// Whether a cleaned path matches.
    ///
    /// The time is that of the path's length times the pattern's.
    pub fn matches(&self, path: &[u8]) -> bool {
        let text = match path.iter().rposition(|byte| *byte == b'/') {
            Some(at) if !self.whole => &path[at + 1..],
            _ => path,
        };
        // Which beginnings of the pattern match what has been seen of the text.
        let mut here = vec![false; self.parts.len() + 1];
        let mut next = here.clone();
        here[0] = true;
        self.skip(&mut here, true);
        for byte in text {
            next.fill(false);
            for (at, part) in self.parts.iter().enumerate().filter(|(at, _)| here[*at]) {
                match part {
                    Part::Byte(wanted) => next[at + 1] |= wanted == byte,
                    Part::Any => next[at + 1] |= *byte != b'/',
                    Part::Star => next[at] |= *byte != b'/',
                    Part::DoubleStar | Part::Directories => next[at] = true,
                    Part::Class { negated, ranges } => {
                        let found = ranges.iter().any(|(low, high)| (low..=high).contains(&byte));
                        next[at + 1] |= *byte != b'/' && found != *negated;
                    }
                }
            }
            self.skip(&mut next, *byte == b'/');
            std::mem::swap(&mut here, &mut next);
        }
        here[self.parts.len()]
    }

    /// Passes over parts that stand for nothing; directories only after a slash, or at the start.
    fn skip(&self, states: &mut [bool], slash: bool) {
        for (at, part) in self.parts.iter().enumerate() {
            let may = match part {
                Part::Star | Part::DoubleStar => true,
                Part::Directories => slash,
                _ => false,
            };
            if may && states[at] {
                states[at + 1] = true;
            }
        }
    }
}

/// A class after its `[`, and its length with the `]`.
fn class(text: &[u8]) -> Option<(Part, usize)> {
    let negated = matches!(text.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let start = at;
    let mut ranges = Vec::new();
    loop {
        let low = *text.get(at)?;
        if low == b']' && at > start {
            return Some((Part::Class { negated, ranges }, at + 1));
        }
        at += 1;
        match (text.get(at), text.get(at + 1)) {
            (Some(b'-'), Some(high)) if *high != b']' => {
                ranges.push((low, *high));
                at += 2;
            }
            _ => ranges.push((low, low)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn matches(glob: &str, path: &str) -> bool {
        Glob::parse(glob).unwrap().matches(path.as_bytes())
    }

    #[test]
    fn a_pattern_without_a_slash_is_for_names() {
        assert!(matches("*.conf", "etc/a.conf") && matches("*.conf", "b.conf"));
        assert!(matches("passw?", "etc/passwd") && !matches("passw?", "etc/passwd-"));
        assert!(!matches("etc", "etc/passwd") && matches("etc", "etc"));
        assert!(matches("[a-c]x", "bx") && !matches("[!a-c]x", "bx") && matches("[]-]", "]"));
        assert!(matches("\\*", "*") && !matches("\\*", "a"));
        assert!(matches("*", "usr/bin/x") && matches("", "") && !matches("", "a"));
    }

    #[test]
    fn a_pattern_with_a_slash_is_for_whole_paths() {
        assert!(matches("/etc/*", "etc/passwd") && !matches("/etc/*", "etc/a/b"));
        assert!(matches("etc/*", "etc/passwd") && !matches("etc/*", "x/etc/passwd"));
        assert!(matches("/etc/**", "etc/a/b") && !matches("/etc/**", "etc"));
        assert!(matches("**/b", "b") && matches("**/b", "a/b") && matches("**/b", "a/a/b"));
        assert!(!matches("**/b", "ab") && !matches("/usr/**/b", "usr/xb"));
        assert!(matches("/usr/**/b", "usr/b") && matches("/usr/**/b", "usr/x/y/b"));
        assert!(!matches("/a[!x]b", "a/b") && !matches("/a?b", "a/b"));
        assert!(matches("/*", "a") && !matches("/*", "a/b"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_where_it_is_wrong() {
        assert_eq!(Glob::parse("a[b").unwrap_err().offset, 3);
        assert_eq!(Glob::parse("/a\\").unwrap_err().offset, 3);
        assert!(Glob::parse(&"a".repeat(5000)).is_err());
    }

    #[test]
    fn many_stars_take_no_longer_than_the_pattern_times_the_path() {
        assert!(!matches(&"*a".repeat(1000), &"a".repeat(999)));
        assert!(matches(&"*a".repeat(999), &"a".repeat(999)));
    }
}
