//! Words of a Dockerfile instruction (BuildKit, `frontend/dockerfile/shell/lex.go`): quotes, backslashes and
//! variables.

/// Words as they are written, quotes and all.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut quote = None;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if quote.is_none() && !escaped && character.is_whitespace() {
            words.extend(start.take().map(|start| &text[start..at]));
            continue;
        }
        start.get_or_insert(at);
        match (escaped, quote, character) {
            (true, _, _) => escaped = false,
            (_, Some('\''), '\\') => {}
            (_, _, '\\') => escaped = true,
            (_, None, '"' | '\'') => quote = Some(character),
            (_, Some(open), _) if open == character => quote = None,
            _ => {}
        }
    }
    words.extend(start.map(|start| &text[start..]));
    words
}

/// A word without its quotes and with its variables replaced. `Err`: what is wrong with it.
pub(super) fn expand(word: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, &'static str> {
    let mut out = String::with_capacity(word.len());
    let mut rest = word.chars().peekable();
    let mut quoted = false;
    while let Some(character) = rest.next() {
        match character {
            '\'' if !quoted => loop {
                match rest.next() {
                    Some('\'') => break,
                    Some(inner) => out.push(inner),
                    None => return Err("a closing `'`"),
                }
            },
            '"' => quoted = !quoted,
            '\\' => match rest.next() {
                // Within double quotes a backslash is one before anything else.
                Some(next) if quoted && !matches!(next, '"' | '$' | '\\') => out.extend(['\\', next]),
                Some(next) => out.push(next),
                None => out.push('\\'),
            },
            '$' => match rest.peek() {
                Some('{') => {
                    rest.next();
                    out.push_str(&braced(&mut rest, variable)?);
                }
                Some(next) if next.is_ascii_alphanumeric() || *next == '_' => {
                    let name = name(&mut rest);
                    out.push_str(&variable(&name).unwrap_or_default());
                }
                _ => out.push('$'),
            },
            other => out.push(other),
        }
    }
    if quoted { Err("a closing `\"`") } else { Ok(out) }
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// A variable's name; a digit is one by itself.
fn name(rest: &mut Rest<'_>) -> String {
    let mut name = String::new();
    while let Some(next) = rest.next_if(|next| next.is_ascii_alphanumeric() || *next == '_') {
        name.push(next);
        if name.starts_with(|first: char| first.is_ascii_digit()) {
            break;
        }
    }
    name
}

/// What stands in `${…}`.
fn braced(rest: &mut Rest<'_>, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, &'static str> {
    const WANTED: &str = "`${NAME}`, `${NAME:-default}` or `${NAME:+alternative}`";
    let name = name(rest);
    let value = variable(&name);
    if name.is_empty() {
        return Err(WANTED);
    }
    let filled = value.clone().filter(|value| !value.is_empty());
    match (rest.next(), rest.peek()) {
        (Some('}'), _) => Ok(value.unwrap_or_default()),
        (Some(':'), Some('-')) => {
            let default = expand(&within(rest)?, variable)?;
            Ok(filled.unwrap_or(default))
        }
        (Some(':'), Some('+')) => {
            let alternative = expand(&within(rest)?, variable)?;
            Ok(filled.map(|_| alternative).unwrap_or_default())
        }
        _ => Err(WANTED),
    }
}

/// The rest up to the brace that closes it, without its first character.
fn within(rest: &mut Rest<'_>) -> Result<String, &'static str> {
    rest.next();
    let mut text = String::new();
    let mut depth = 0;
    for next in rest.by_ref() {
        match next {
            '}' if depth == 0 => return Ok(text),
            '}' => depth -= 1,
            '{' => depth += 1,
            _ => {}
        }
        text.push(next);
    }
    Err("a closing `}`")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn expanded(word: &str) -> Result<String, &'static str> {
        expand(word, &|name| match name {
            "A" => Some("a b".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn words_end_at_space_that_is_not_quoted() {
        assert_eq!(split(r#" a  b="c d" 'e f'g h\ i "#), ["a", r#"b="c d""#, "'e f'g", r"h\ i"]);
        assert_eq!(split(r#""a\" b" 'c\' d"#), [r#""a\" b""#, r"'c\'", "d"]);
        assert!(split("  ").is_empty());
        assert_eq!(split("\"open end"), ["\"open end"]);
    }

    #[test]
    fn words_are_unquoted_and_variables_replaced() {
        for (word, wanted) in [
            ("plain", "plain"),
            (r#""a b"c'd "e'"#, r#"a bcd "e"#),
            (r"a\ b\\", r"a b\"),
            (r#""\n \" \$A""#, r#"\n " $A"#),
            ("$A-${A}.$B", "a b-a b."),
            ("'$A'", "$A"),
            ("${B:-x$A}${A:-y}${EMPTY:-z}", "xa ba bz"),
            ("${A:+set}${B:+unset}", "set"),
            ("$", "$"),
            ("a$/", "a$/"),
            ("$1A", "A"),
        ] {
            assert_eq!(expanded(word).unwrap(), wanted, "{word}");
        }
        for word in ["'open", "\"open", "${A", "${}", "${A:=x}", "${A:-x"] {
            assert!(expanded(word).is_err(), "{word}");
        }
    }
}
