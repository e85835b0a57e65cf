//! `WWW-Authenticate` (RFC 9110, 11.6.1).
//!
//! ```text
//! header    := [challenge] ("," [challenge])*
//! challenge := token [" "+ (token68 | [parameter] ("," [parameter])*)]
//! parameter := token "=" (token | quoted-string)
//! ```
//!
//! A comma separates parameters and challenges alike: what follows one is a parameter if it has a `=`.

use crate::prelude::*;
use crate::wit::exports::consign::image::registries::Challenge;

/// Bytes of one header that are read.
const MAX_HEADER: usize = 16 << 10;
const MAX_CHALLENGES: usize = 16;
const MAX_PARAMETERS: usize = 32;

/// The ways to authenticate that headers offer, in order.
pub fn challenges(headers: &[String]) -> Vec<Challenge> {
    let mut all = Vec::new();
    for header in headers {
        let mut end = header.len().min(MAX_HEADER);
        while !header.is_char_boundary(end) {
            end -= 1;
        }
        let mut scan = Scan { rest: &header[..end] };
        while all.len() < MAX_CHALLENGES
            && let Some(challenge) = scan.challenge()
        {
            all.push(challenge);
        }
    }
    all
}

struct Scan<'a> {
    rest: &'a str,
}

impl<'a> Scan<'a> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn separators(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.rest.find(|character| !is_token(character)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn challenge(&mut self) -> Option<Challenge> {
        self.separators();
        let scheme = self.token()?.to_ascii_lowercase();
        let mut challenge = Challenge { scheme, parameters: Vec::new() };
        if !self.rest.is_empty() && !self.rest.starts_with([' ', '\t', ',']) {
            // Not a header of this grammar; nothing after this can be told apart.
            self.rest = "";
            return None;
        }
        loop {
            let before = self.rest;
            self.separators();
            match self.parameter() {
                Some(Some((name, value))) => {
                    let known = challenge.parameters.iter().any(|(other, _)| *other == name);
                    if !known && challenge.parameters.len() < MAX_PARAMETERS {
                        challenge.parameters.push((name, value));
                    }
                }
                Some(None) => {
                    self.rest = "";
                    return Some(challenge);
                }
                None => {
                    // The next challenge, or a token68 that belongs to this one.
                    self.rest = before;
                    if !before.trim_start_matches([' ', '\t']).starts_with(',') {
                        self.token68();
                    }
                    return Some(challenge);
                }
            }
        }
    }

    /// A parameter. `None`: something else is here. `Some(None)`: its value never ends.
    fn parameter(&mut self) -> Option<Option<(String, String)>> {
        let start = self.rest;
        let Some(name) = self.token() else {
            self.rest = start;
            return None;
        };
        self.blanks();
        let Some(rest) = self.rest.strip_prefix('=').filter(|rest| !is_end_of_token68(rest)) else {
            self.rest = start;
            return None;
        };
        self.rest = rest;
        self.blanks();
        let value = match self.rest.strip_prefix('"') {
            Some(rest) => {
                self.rest = rest;
                match self.quoted() {
                    Some(value) => value,
                    None => return Some(None),
                }
            }
            None => match self.token() {
                Some(token) => token.to_owned(),
                None => return Some(None),
            },
        };
        Some(Some((name.to_ascii_lowercase(), value)))
    }

    /// What stands before the closing quote.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                other => value.push(other),
            }
        }
        None
    }

    fn token68(&mut self) {
        self.blanks();
        self.rest = self.rest.trim_start_matches(|character: char| {
            character.is_ascii_alphanumeric() || "-._~+/=".contains(character)
        });
    }
}

/// Whether this follows the `=` of a token68's padding, not that of a parameter.
fn is_end_of_token68(rest: &str) -> bool {
    rest.trim_start_matches('=').trim_start_matches([' ', '\t']).chars().next().is_none_or(|next| next == ',')
}

fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}
