//! Text and the tokens between `{{` and `}}`.

use serde_json::Value;

use super::{TemplateError, Word, error};

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    /// What is between the braces, and the offsets where those open and close.
    Action {
        tokens: Vec<(Token, usize)>,
        start: usize,
        end: usize,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// `.Name`; empty for the dot alone.
    Field(String),
    /// `$name`; empty for `$` alone.
    Variable(String),
    /// A keyword, a function or a constant.
    Name(String),
    Literal(Value),
    Open,
    Close,
    Pipe,
    Comma,
    /// `:=`
    Declare,
    /// `=`
    Assign,
    /// Where arguments end.
    Blank,
}

/// Cuts a template into text and actions. Trimming is done; comments are gone.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut at = 0;
    let mut trim = false;
    while let Some(found) = text[at..].find("{{") {
        let start = at + found;
        let inside = start + 2;
        let trims_before = text[inside..].starts_with('-')
            && text[inside + 1..].starts_with(|c: char| c.is_ascii_whitespace());
        push_text(&mut pieces, &text[at..start], trim, trims_before);
        let inside = if trims_before { inside + 1 } else { inside };
        let body = text[inside..].trim_start_matches(|c: char| c.is_ascii_whitespace());
        if body.starts_with("/*") {
            let open = text.len() - body.len();
            let Some(end) = body.find("*/") else { return error(open, "wanted `*/`, found the end") };
            (at, trim) = comment_end(text, open + end + 2)?;
            continue;
        }
        let (tokens, end, trims_after) = action(text, inside)?;
        let length = if trims_after { 3 } else { 2 };
        pieces.push(Piece::Action { tokens, start, end: end - length });
        (at, trim) = (end, trims_after);
    }
    push_text(&mut pieces, &text[at..], trim, false);
    Ok(pieces)
}

fn push_text(pieces: &mut Vec<Piece>, text: &str, trim_start: bool, trim_end: bool) {
    let blank = |c: char| c.is_ascii_whitespace();
    let text = if trim_start { text.trim_start_matches(blank) } else { text };
    let text = if trim_end { text.trim_end_matches(blank) } else { text };
    if !text.is_empty() {
        pieces.push(Piece::Text(text.to_owned()));
    }
}

/// After a comment: where its action ends, and whether that trims.
fn comment_end(text: &str, at: usize) -> Result<(usize, bool), TemplateError> {
    let rest = text[at..].trim_start_matches(|c: char| c.is_ascii_whitespace());
    let at = text.len() - rest.len();
    match rest {
        _ if rest.starts_with("}}") => Ok((at + 2, false)),
        _ if rest.starts_with("-}}") => Ok((at + 3, true)),
        _ => error(at, format!("wanted `}}}}` after a comment, found {}", found(rest))),
    }
}

/// The tokens of an action, where it ends, and whether it trims what follows.
#[allow(clippy::type_complexity, reason = "the three are named above")]
fn action(text: &str, start: usize) -> Result<(Vec<(Token, usize)>, usize, bool), TemplateError> {
    let mut tokens: Vec<(Token, usize)> = Vec::new();
    let mut at = start;
    loop {
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else { return error(at, "wanted `}}`, found the end") };
        if rest.starts_with("}}") {
            return Ok((tokens, at + 2, false));
        }
        if first.is_ascii_whitespace() {
            let after = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
            if after.starts_with("-}}") {
                return Ok((tokens, text.len() - after.len() + 3, true));
            }
            tokens.push((Token::Blank, at));
            at = text.len() - after.len();
            continue;
        }
        let (token, length) = token(rest, at)?;
        tokens.push((token, at));
        at += length;
    }
}

fn token(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let name = |from: usize| {
        let word = rest[from..].chars().take_while(|c| c.is_alphanumeric() || *c == '_');
        word.map(char::len_utf8).sum::<usize>()
    };
    let simple = |token| Ok((token, 1));
    let mut chars = rest.chars();
    match (chars.next().unwrap_or_default(), chars.next()) {
        ('(', _) => simple(Token::Open),
        (')', _) => simple(Token::Close),
        ('|', _) => simple(Token::Pipe),
        (',', _) => simple(Token::Comma),
        (':', Some('=')) => Ok((Token::Declare, 2)),
        ('=', _) => simple(Token::Assign),
        ('.', Some(c)) if c.is_ascii_digit() => number(rest, at),
        ('.', _) => {
            let length = name(1);
            Ok((Token::Field(rest[1..=length].to_owned()), 1 + length))
        }
        ('$', _) => {
            let length = name(1);
            Ok((Token::Variable(rest[1..=length].to_owned()), 1 + length))
        }
        ('"', _) => quoted(rest, at),
        ('`', _) => match rest[1..].find('`') {
            Some(end) => Ok((Token::Literal(Value::String(rest[1..=end].to_owned())), end + 2)),
            None => error(at, "wanted the end of the text, found the end of the template"),
        },
        ('+' | '-', Some(c)) if c.is_ascii_digit() || c == '.' => number(rest, at),
        (c, _) if c.is_ascii_digit() => number(rest, at),
        (c, _) if c.is_alphabetic() || c == '_' => {
            let length = name(0);
            Ok((Token::Name(rest[..length].to_owned()), length))
        }
        _ => error(at, format!("wanted a field, a function or a value, found {}", found(rest))),
    }
}

/// A number: whole, in base 10 or 16, or with a fraction.
fn number(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let sign = usize::from(rest.starts_with(['+', '-']));
    let exponent = |at: usize, c: char| matches!(c, '+' | '-') && rest[..at].ends_with(['e', 'E']);
    let length = rest
        .char_indices()
        .skip(sign)
        .find(|(at, c)| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || exponent(*at, *c)))
        .map_or(rest.len(), |(at, _)| at);
    let text = rest[..length].replace('_', "");
    let plain = text.strip_prefix('+').unwrap_or(&text);
    let hexadecimal = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X"));
    let whole = hexadecimal.map_or_else(|| plain.parse::<i64>(), |digits| i64::from_str_radix(digits, 16));
    let word = match (whole, plain.parse::<f64>()) {
        (Ok(whole), _) => Word::number(whole),
        (Err(_), Ok(fraction)) => match serde_json::Number::from_f64(fraction) {
            Some(number) => Word::number(number),
            None => return error(at, format!("wanted a number, found `{text}`")),
        },
        (Err(_), Err(_)) => return error(at, format!("wanted a number, found `{text}`")),
    };
    match word {
        Word::Literal(value) => Ok((Token::Literal(value), length)),
        _ => error(at, "wanted a number"),
    }
}

/// A text in double quotes, with Go's escapes.
fn quoted(rest: &str, at: usize) -> Result<(Token, usize), TemplateError> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((place, char)) = chars.next() {
        match char {
            '"' => return Ok((Token::Literal(Value::String(text)), place + 1)),
            '\n' => break,
            '\\' => {
                let escape = chars.next().map(|(_, escape)| escape);
                let mut code = |digits: usize| -> Option<char> {
                    let digits: String = chars.by_ref().take(digits).map(|(_, digit)| digit).collect();
                    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
                };
                let escaped = match escape {
                    Some('n') => Some('\n'),
                    Some('t') => Some('\t'),
                    Some('r') => Some('\r'),
                    Some('a') => Some('\u{7}'),
                    Some('b') => Some('\u{8}'),
                    Some('f') => Some('\u{c}'),
                    Some('v') => Some('\u{b}'),
                    Some('0') => Some('\0'),
                    Some(same @ ('\\' | '"' | '\'')) => Some(same),
                    Some('x') => code(2),
                    Some('u') => code(4),
                    Some('U') => code(8),
                    _ => None,
                };
                match escaped {
                    Some(escaped) => text.push(escaped),
                    None => return error(at + place, "wanted an escape, as `\\n`"),
                }
            }
            other => text.push(other),
        }
    }
    error(at, "wanted the end of the text, found the end of the line")
}

/// The first character of what is left, for a message.
pub(super) fn found(rest: &str) -> String {
    rest.chars().next().map_or_else(|| "the end".to_owned(), |c| format!("`{}`", c.escape_debug()))
}
