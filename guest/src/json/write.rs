//! Writing JSON byte for byte as Go's `encoding/json` does, because image IDs are digests of it.

use crate::prelude::*;

/// Appends a string in quotes, with the characters escaped that mean something in HTML.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..=' ' if character != ' ' => escape(out, character),
            other => inside_string(out, other),
        }
    }
    out.push('"');
}

/// Appends a JSON text without its white space, and escaped as [`string`] does.
pub(crate) fn compact(out: &mut String, json: &str) {
    let mut in_string = false;
    let mut escaped = false;
    for character in json.chars() {
        if !in_string {
            in_string = character == '"';
            if !matches!(character, ' ' | '\n' | '\t' | '\r') {
                out.push(character);
            }
            continue;
        }
        inside_string(out, character);
        in_string = escaped || character != '"';
        escaped = !escaped && character == '\\';
    }
}

fn inside_string(out: &mut String, character: char) {
    match character {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => escape(out, character),
        other => out.push(other),
    }
}

fn escape(out: &mut String, character: char) {
    out.push_str("\\u");
    let code = u32::from(character);
    for shift in [12, 8, 4, 0] {
        out.extend(char::from_digit(code >> shift & 15, 16));
    }
}

/// An object being written: members in the order they are given.
pub(crate) struct ObjectWriter<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> ObjectWriter<'a> {
    pub(crate) fn new(out: &'a mut String) -> Self {
        out.push('{');
        ObjectWriter { out, empty: true }
    }

    /// A member whose value `write` appends.
    pub(crate) fn member(&mut self, name: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        string(self.out, name);
        self.out.push(':');
        write(self.out);
        self
    }

    /// A string.
    pub(crate) fn text(&mut self, name: &str, text: &str) -> &mut Self {
        self.member(name, |out| string(out, text))
    }

    /// A string, left out where it is empty (`omitempty`).
    pub(crate) fn filled(&mut self, name: &str, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.text(name, text) }
    }

    /// Something that prints as JSON: a number, a boolean, `null`.
    pub(crate) fn plain(&mut self, name: &str, value: impl core::fmt::Display) -> &mut Self {
        self.member(name, |out| out.push_str(&value.to_string()))
    }

    pub(crate) fn end(self) {
        self.out.push('}');
    }
}

/// Appends an array, each element by `write`.
pub(crate) fn array<T>(out: &mut String, elements: &[T], write: impl Fn(&mut String, &T)) {
    out.push('[');
    for (position, element) in elements.iter().enumerate() {
        if position > 0 {
            out.push(',');
        }
        write(out, element);
    }
    out.push(']');
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_go_does() {
        let mut out = String::new();
        string(&mut out, "a\"\\\u{8}\u{c}\n\r\t\u{1}\u{1f}\u{7f} <b>&é\u{2028}\u{2029}/");
        let wanted =
            "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\u{7f} \\u003cb\\u003e\\u0026é\\u2028\\u2029/\"";
        assert_eq!(out, wanted);
    }

    #[test]
    fn compacting_keeps_what_is_in_strings() {
        let mut out = String::new();
        compact(&mut out, "{ \"a b\\\" \\\\\" :\t[1 ,\n\"<\\u00e9>\" ] }");
        assert_eq!(out, "{\"a b\\\" \\\\\":[1,\"\\u003c\\u00e9\\u003e\"]}");
    }
}
