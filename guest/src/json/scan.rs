//! The tokens.

use alloc::borrow::Cow;

use super::fault::{Result, invalid, problem, shown, too_large};
use super::{MAX_DEPTH, Reader};
use crate::prelude::*;
use crate::wit::exports::consign::image::manifests::ManifestProblem;

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn blanks(&mut self) {
        let bytes = self.text.as_bytes();
        // What is no white space is mostly above it.
        while let Some(0..=b' ') = bytes.get(self.at)
            && matches!(bytes[self.at], b' ' | b'\n' | b'\t' | b'\r')
        {
            self.at += 1;
        }
    }

    /// The first byte of what comes next.
    #[inline]
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn syntax(
        &self,
        wanted: &str,
    ) -> Box<crate::wit::exports::consign::image::manifests::ManifestError> {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            None => "the end".to_owned(),
            Some(character) => format!("`{}`", shown(character.encode_utf8(&mut [0; 4]))),
        };
        problem(self.at, ManifestProblem::Syntax(format!("{wanted}, found {found}")))
    }

    /// The value that comes next is of another type than the member's, or none.
    pub(super) fn wanted(
        &mut self,
        wanted: &str,
    ) -> Box<crate::wit::exports::consign::image::manifests::ManifestError> {
        let found = match self.peek() {
            Some(b'{') => "an object",
            Some(b'[') => "an array",
            Some(b'"') => "a string",
            Some(b'-' | b'0'..=b'9') => "a number",
            Some(b't' | b'f') => "a boolean",
            Some(b'n') => "`null`",
            _ => return self.syntax("a value"),
        };
        let at = self.at;
        // What is no JSON at all is called that.
        match self.skip() {
            Ok(()) => invalid(at, "", wanted, found),
            Err(error) => error,
        }
    }

    #[inline]
    pub(super) fn expect(&mut self, byte: u8, wanted: &str) -> Result<()> {
        if self.peek() != Some(byte) {
            return Err(self.syntax(wanted));
        }
        self.at += 1;
        Ok(())
    }

    pub(super) fn word(&mut self, word: &'static str) -> Result<()> {
        if !self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.syntax("a value"));
        }
        self.at += word.len();
        Ok(())
    }

    pub(super) fn open(&mut self, bracket: u8, wanted: &str) -> Result<()> {
        if self.peek() != Some(bracket) {
            return Err(self.wanted(wanted));
        }
        self.enter()?;
        self.at += 1;
        Ok(())
    }

    fn enter(&mut self) -> Result<()> {
        if self.depth == MAX_DEPTH {
            return Err(too_large(self.at, "depth", MAX_DEPTH as usize, MAX_DEPTH as usize + 1));
        }
        self.depth += 1;
        Ok(())
    }

    /// Passes over the closing bracket, if that is next.
    #[inline]
    pub(super) fn closes(&mut self, bracket: u8) -> bool {
        let closes = self.peek() == Some(bracket);
        if closes {
            self.at += 1;
            self.depth -= 1;
        }
        closes
    }

    /// After an element: over the comma, if there are more, or over the closing bracket.
    #[inline]
    pub(super) fn continues(&mut self, bracket: u8, wanted: &str) -> Result<bool> {
        if self.peek() == Some(b',') {
            self.at += 1;
            return Ok(true);
        }
        if self.closes(bracket) { Ok(false) } else { Err(self.syntax(wanted)) }
    }

    /// Passes over one value, whatever it is.
    pub(crate) fn skip(&mut self) -> Result<()> {
        let outside = self.depth;
        // A bit for each level within the value, lowest for the innermost: set in an object.
        let mut objects: u128 = 0;
        loop {
            match self.peek() {
                Some(b'"') => self.pass_string().map(|_| ())?,
                Some(b'-' | b'0'..=b'9') => self.number().map(|_| ())?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                Some(bracket @ (b'{' | b'[')) => {
                    self.enter()?;
                    self.at += 1;
                    objects = objects << 1 | u128::from(bracket == b'{');
                    if !self.closes(if bracket == b'{' { b'}' } else { b']' }) {
                        if bracket == b'{' {
                            self.pass_key()?;
                        }
                        continue;
                    }
                    objects >>= 1;
                }
                _ => return Err(self.syntax("a value")),
            }
            // A value ended: out of everything that ends with it, then on to the next.
            loop {
                if self.depth == outside {
                    return Ok(());
                }
                let object = objects & 1 == 1;
                if self.closes(if object { b'}' } else { b']' }) {
                    objects >>= 1;
                    continue;
                }
                self.expect(b',', if object { "`,` or `}`" } else { "`,` or `]`" })?;
                if object {
                    self.pass_key()?;
                }
                break;
            }
        }
    }

    /// Reads a key.
    pub(super) fn key(&mut self) -> Result<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a key in quotes"));
        }
        self.quoted()
    }

    /// Passes over the key if it is next and written exactly so.
    #[inline]
    pub(super) fn takes_key(&mut self, key: &str) -> bool {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let takes = rest.len() >= key.len() + 2
            && rest[0] == b'"'
            && rest[key.len() + 1] == b'"'
            && same(&rest[1..=key.len()], key.as_bytes());
        if takes {
            self.at += key.len() + 2;
        }
        takes
    }

    fn pass_key(&mut self) -> Result<()> {
        if self.peek() != Some(b'"') {
            return Err(self.syntax("a key in quotes"));
        }
        self.pass_string()?;
        self.expect(b':', "`:`")
    }

    /// Reads a number, as written (RFC 8259, section 6).
    pub(super) fn number(&mut self) -> Result<&'a str> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        if bytes.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        if bytes.get(self.at) == Some(&b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(bytes.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(bytes.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.since(start))
    }

    fn digits(&mut self) -> Result<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return Err(self.syntax("a digit"));
        }
        self.at += digits;
        Ok(())
    }

    /// Reads the string whose opening quote is next.
    pub(super) fn quoted(&mut self) -> Result<Cow<'a, str>> {
        let start = self.at + 1;
        let end = start + plain(self.text.as_bytes().get(start..).unwrap_or_default());
        if self.text.as_bytes().get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Cow::Borrowed(self.text.get(start..end).unwrap_or_default()));
        }
        let escaped = self.pass_string()?;
        let inside = self.text.get(start..self.at - 1).unwrap_or_default();
        Ok(if escaped { Cow::Owned(unescaped(inside)) } else { Cow::Borrowed(inside) })
    }

    /// Passes over the string whose opening quote is next, checking its escapes; true where it has any.
    fn pass_string(&mut self) -> Result<bool> {
        let bytes = self.text.as_bytes();
        self.at += 1;
        let mut escaped = false;
        loop {
            self.at += plain(&bytes[self.at..]);
            match bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => {
                    escaped = true;
                    self.at += 1;
                    match bytes.get(self.at) {
                        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
                        Some(b'u') => {
                            self.at += 1;
                            let digits = bytes.get(self.at..self.at + 4).unwrap_or_default();
                            if digits.len() < 4 || !digits.iter().all(u8::is_ascii_hexdigit) {
                                return Err(self.syntax("four hexadecimal digits"));
                            }
                            self.at += 4;
                        }
                        _ => return Err(self.syntax("an escape")),
                    }
                }
                Some(_) => return Err(self.syntax("no control character in a string")),
                None => return Err(self.syntax("the end of the string")),
            }
        }
    }
}

/// Whether two slices of one length are the same. Keys are short: two loads that overlap compare most
/// of them, where `==` is a call and a loop.
#[inline]
fn same(left: &[u8], right: &[u8]) -> bool {
    fn ends<const N: usize>(bytes: &[u8]) -> Option<([u8; N], [u8; N])> {
        Some((*bytes.first_chunk()?, *bytes.last_chunk()?))
    }
    match left.len() {
        8..=16 => ends::<8>(left) == ends::<8>(right),
        4..=7 => ends::<4>(left) == ends::<4>(right),
        2..=3 => ends::<2>(left) == ends::<2>(right),
        _ => left == right,
    }
}

/// How many bytes there are before the next quote, backslash or control character; sixteen at a time.
#[inline]
fn plain(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk::<16>() {
        if let Some(passed) = plain_of_sixteen(chunk) {
            return bytes.len() - rest.len() + passed;
        }
        rest = after;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    bytes.len() - rest.len() + rest.iter().position(special).unwrap_or(rest.len())
}

/// Which of sixteen bytes is the first quote, backslash or control character.
#[cfg(target_feature = "simd128")]
#[inline]
fn plain_of_sixteen(bytes: &[u8; 16]) -> Option<usize> {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};
    let (halves, _) = bytes.as_chunks::<8>();
    let bytes = u64x2(u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1]));
    let quotes = v128_or(u8x16_eq(bytes, u8x16_splat(b'"')), u8x16_eq(bytes, u8x16_splat(b'\\')));
    let ends = u8x16_bitmask(v128_or(quotes, u8x16_lt(bytes, u8x16_splat(0x20))));
    (ends != 0).then(|| ends.trailing_zeros() as usize)
}

/// Which of sixteen bytes is the first quote, backslash or control character.
#[cfg(not(target_feature = "simd128"))]
#[inline]
fn plain_of_sixteen(bytes: &[u8; 16]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    // The lowest high bit set marks the first byte that ends it; those above it may be false.
    let ends = |word: [u8; 8]| {
        let word = u64::from_le_bytes(word);
        let (quote, backslash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
        let quote = quote.wrapping_sub(ONES) & !quote;
        let backslash = backslash.wrapping_sub(ONES) & !backslash;
        (quote | backslash | word.wrapping_sub(ONES * 0x20) & !word) & HIGHS
    };
    let [low, high] = [0, 8].map(|from| core::array::from_fn(|byte| bytes[from + byte]));
    let (low, high) = (ends(low), ends(high));
    if low | high == 0 {
        return None;
    }
    let (word, passed) = if low != 0 { (low, 0) } else { (high, 8) };
    Some(passed + word.trailing_zeros() as usize / 8)
}

/// What the inside of a checked string with escapes stands for. Half a surrogate pair is U+FFFD, as
/// in Go.
fn unescaped(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        text.push_str(&rest[..at]);
        let (escape, mut after) = rest[at + 1..].split_at(1);
        match escape {
            "b" => text.push('\u{8}'),
            "f" => text.push('\u{c}'),
            "n" => text.push('\n'),
            "r" => text.push('\r'),
            "t" => text.push('\t'),
            "u" => {
                let unit = code_unit(after);
                after = &after[4..];
                let low = after.strip_prefix("\\u").map(code_unit);
                match (char::from_u32(unit), low) {
                    (Some(character), _) => text.push(character),
                    (None, Some(low @ 0xdc00..0xe000)) if unit < 0xdc00 => {
                        let code = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        text.extend(char::from_u32(code));
                        after = &after[6..];
                    }
                    _ => text.push(char::REPLACEMENT_CHARACTER),
                }
            }
            same => text.push_str(same),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// The four hexadecimal digits a `\u` is followed by.
fn code_unit(text: &str) -> u32 {
    text.get(..4).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
