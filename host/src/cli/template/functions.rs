//! The functions templates may call: Go's own and docker's.

use std::cmp::Ordering;

use serde_json::Value;

use super::execute::{Found, Kind};

pub(super) const NAMES: [&str; 24] = [
    "and", "eq", "ge", "gt", "index", "join", "json", "le", "len", "lower", "lt", "ne", "not", "or", "pad",
    "print", "printf", "println", "slice", "split", "title", "truncate", "upper", "html",
];

/// Characters a template may pad a text with on one side.
const MAX_PADDING: usize = 10_000;

pub(super) fn call<'d>(name: &str, arguments: &[Found<'d>]) -> Result<Found<'d>, String> {
    match name {
        "json" => {
            let [value] = exactly(name, arguments)?;
            Ok(Found::new(serde_json::to_string(value.get()).map_err(|error| error.to_string())?))
        }
        "join" => {
            let [list, between] = exactly(name, arguments)?;
            let texts: Vec<String> = list_of(list)?.iter().map(plain).collect();
            Ok(Found::new(texts.join(text_of(between)?)))
        }
        "split" => {
            let [text, between] = exactly(name, arguments)?;
            let (text, between) = (text_of(text)?, text_of(between)?);
            let parts: Vec<Value> = match between {
                "" => text.chars().map(|char| Value::from(char.to_string())).collect(),
                between => text.split(between).map(Value::from).collect(),
            };
            Ok(Found::new(parts))
        }
        "lower" => one_text(name, arguments, str::to_lowercase),
        "upper" => one_text(name, arguments, str::to_uppercase),
        "title" => one_text(name, arguments, title),
        "html" => one_text(name, arguments, html),
        "pad" => {
            let [text, before, after] = exactly(name, arguments)?;
            let text = text_of(text)?;
            let blanks = |count: &Found<'_>| Ok::<_, String>(" ".repeat(count_of(count, MAX_PADDING)?));
            let padded = format!("{}{text}{}", blanks(before)?, blanks(after)?);
            Ok(Found::new(if text.is_empty() { String::new() } else { padded }))
        }
        "truncate" => {
            let [text, most] = exactly(name, arguments)?;
            let most = count_of(most, usize::MAX)?;
            Ok(Found::new(text_of(text)?.chars().take(most).collect::<String>()))
        }
        "len" => {
            let [value] = exactly(name, arguments)?;
            let length = match value.get() {
                Value::String(text) => text.len(),
                Value::Array(items) => items.len(),
                Value::Object(members) => members.len(),
                Value::Null if value.kind != Kind::Plain => 0,
                other => return Err(format!("wanted something with a length, found `{}`", plain(other))),
            };
            Ok(Found::new(length as u64))
        }
        "index" => index(arguments),
        "slice" => slice(arguments),
        "not" => {
            let [value] = exactly(name, arguments)?;
            Ok(Found::new(!value.holds()))
        }
        "eq" => {
            let Some((first, others)) = arguments.split_first().filter(|(_, others)| !others.is_empty())
            else {
                return Err(format!("wanted at least 2 arguments for `eq`, found {}", arguments.len()));
            };
            let mut equal = false;
            for other in others {
                equal |= compare(first, other)? == Some(Ordering::Equal);
            }
            Ok(Found::new(equal))
        }
        "ne" | "lt" | "le" | "gt" | "ge" => {
            let [left, right] = exactly(name, arguments)?;
            let order = compare(left, right)?;
            if order.is_none() && name != "ne" {
                return Err(format!("wanted two numbers or two texts for `{name}`"));
            }
            Ok(Found::new(match name {
                "ne" => order != Some(Ordering::Equal),
                "lt" => order == Some(Ordering::Less),
                "le" => order != Some(Ordering::Greater),
                "gt" => order == Some(Ordering::Greater),
                _ => order != Some(Ordering::Less),
            }))
        }
        "print" => Ok(Found::new(printed(arguments))),
        "println" => {
            let texts: Vec<String> = arguments.iter().map(Found::text).collect();
            Ok(Found::new(texts.join(" ") + "\n"))
        }
        "printf" => printf(arguments).map(Found::new),
        other => Err(format!("wanted arguments for `{other}`, found none")),
    }
}

/// As `fmt.Print` writes a value: maps by key, ascending.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            let texts: Vec<String> =
                sorted.into_iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
            format!("map[{}]", texts.join(" "))
        }
    }
}

fn exactly<'a, 'd, const N: usize>(
    name: &str,
    arguments: &'a [Found<'d>],
) -> Result<&'a [Found<'d>; N], String> {
    arguments.try_into().map_err(|_| format!("wanted {N} arguments for `{name}`, found {}", arguments.len()))
}

fn text_of<'a>(found: &'a Found<'_>) -> Result<&'a str, String> {
    found.get().as_str().ok_or_else(|| format!("wanted a text, found `{}`", found.text()))
}

fn count_of(found: &Found<'_>, most: usize) -> Result<usize, String> {
    let count = found.get().as_u64().and_then(|count| usize::try_from(count).ok());
    count
        .filter(|count| *count <= most)
        .ok_or_else(|| format!("wanted a number from 0 to {most}, found `{}`", found.text()))
}

fn list_of<'a>(found: &'a Found<'_>) -> Result<&'a [Value], String> {
    match found.get() {
        Value::Array(items) => Ok(items),
        Value::Null => Ok(&[]),
        other => Err(format!("wanted a list, found `{}`", plain(other))),
    }
}

fn one_text<'d>(
    name: &str,
    arguments: &[Found<'d>],
    change: impl Fn(&str) -> String,
) -> Result<Found<'d>, String> {
    let [text] = exactly(name, arguments)?;
    Ok(Found::new(change(text_of(text)?)))
}

/// Each word with its first letter in upper case.
fn title(text: &str) -> String {
    let mut starts = true;
    let mut titled = String::with_capacity(text.len());
    for char in text.chars() {
        match starts {
            true => titled.extend(char.to_uppercase()),
            false => titled.push(char),
        }
        starts = !(char.is_alphanumeric() || matches!(char, '_' | '\''));
    }
    titled
}

fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&#34;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Element by element; a key that a map does not have is an empty text.
fn index<'d>(arguments: &[Found<'d>]) -> Result<Found<'d>, String> {
    let Some((first, keys)) = arguments.split_first() else {
        return Err("wanted something to index, found nothing".to_owned());
    };
    let mut found = first.clone();
    for key in keys {
        let value = match (found.get(), key.get()) {
            (Value::Array(items), Value::Number(_)) => {
                let wanted = count_of(key, usize::MAX)?;
                let item = items.get(wanted).cloned();
                item.ok_or_else(|| format!("wanted an index below {}, found {wanted}", items.len()))?
            }
            (Value::Object(members), Value::String(key)) => {
                members.get(key).cloned().unwrap_or_else(|| Value::from(""))
            }
            (Value::Null, Value::String(_)) if found.kind == Kind::Map => Value::from(""),
            _ => return Err(format!("wanted a list or a map to index with `{}`", key.text())),
        };
        found = Found::new(value);
    }
    Ok(found)
}

/// Part of a list or of a text, by bytes: from one position up to another.
fn slice<'d>(arguments: &[Found<'d>]) -> Result<Found<'d>, String> {
    let (first, bounds) = match arguments {
        [first, bounds @ ..] if bounds.len() <= 2 => (first, bounds),
        _ => return Err("wanted a list or a text and at most two positions for `slice`".to_owned()),
    };
    let length = match first.get() {
        Value::Array(items) => items.len(),
        Value::String(text) => text.len(),
        _ => return Err(format!("wanted a list or a text to slice, found `{}`", first.text())),
    };
    let from = bounds.first().map_or(Ok(0), |from| count_of(from, length))?;
    let to = bounds.get(1).map_or(Ok(length), |to| count_of(to, length))?;
    let wrong = || format!("wanted positions in order and between characters, found {from} and {to}");
    match first.get() {
        Value::Array(items) => Ok(Found::new(items.get(from..to).ok_or_else(wrong)?.to_vec())),
        Value::String(text) => Ok(Found::new(text.get(from..to).ok_or_else(wrong)?)),
        _ => Err(wrong()),
    }
}

/// `None` where the two are different without one being the greater.
fn compare(left: &Found<'_>, right: &Found<'_>) -> Result<Option<Ordering>, String> {
    match (left.get(), right.get()) {
        (Value::String(left), Value::String(right)) => Ok(Some(left.cmp(right))),
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => Ok(Some(left.cmp(&right))),
            _ => Ok(left.as_f64().partial_cmp(&right.as_f64())),
        },
        (Value::Bool(left), Value::Bool(right)) => Ok((left == right).then_some(Ordering::Equal)),
        (Value::Null, Value::Null) => Ok(Some(Ordering::Equal)),
        (Value::Null, _) | (_, Value::Null) => Ok(None),
        _ => Err(format!(
            "wanted two values of one type to compare, found `{}` and `{}`",
            left.text(),
            right.text()
        )),
    }
}

/// As `fmt.Print` does: blanks only between values neither of which is a text.
fn printed(arguments: &[Found<'_>]) -> String {
    let mut text = String::new();
    let mut after_text = true;
    for argument in arguments {
        let is_text = argument.get().is_string();
        if !after_text && !is_text {
            text.push(' ');
        }
        text.push_str(&argument.text());
        after_text = is_text;
    }
    text
}

/// Go's verbs `%v %s %d %q %t %f %x %X %%`, with the flags `-`, `0` and `+`, a width and a precision.
fn printf(arguments: &[Found<'_>]) -> Result<String, String> {
    let Some((format, values)) = arguments.split_first() else {
        return Err("wanted a format for `printf`, found nothing".to_owned());
    };
    let mut values = values.iter();
    let mut text = String::new();
    let mut chars = text_of(format)?.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '%' {
            text.push(char);
            continue;
        }
        let mut flags = String::new();
        while let Some(flag) = chars.next_if(|char| matches!(char, '-' | '0' | '+' | ' ' | '#')) {
            flags.push(flag);
        }
        let number = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut digits = String::new();
            while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits.parse::<usize>().ok().map(|number| number.min(MAX_PADDING))
        };
        let width = number(&mut chars).unwrap_or(0);
        let precision = chars.next_if_eq(&'.').map(|_| number(&mut chars).unwrap_or(0));
        let verb = chars.next().ok_or("wanted a verb after `%`, found the end")?;
        if verb == '%' {
            text.push('%');
            continue;
        }
        let value = values.next().ok_or_else(|| format!("wanted a value for `%{verb}`, found none"))?;
        let shown = verb_of(verb, value, precision, flags.contains('+'))?;
        let missing = width.saturating_sub(shown.chars().count());
        match (flags.contains('-'), flags.contains('0') && value.get().is_number()) {
            (true, _) => text.push_str(&(shown + &" ".repeat(missing))),
            (false, true) => {
                let (sign, digits) = shown.split_at(usize::from(shown.starts_with(['-', '+'])));
                text.push_str(&format!("{sign}{}{digits}", "0".repeat(missing)));
            }
            (false, false) => text.push_str(&(" ".repeat(missing) + &shown)),
        }
    }
    match values.next() {
        None => Ok(text),
        Some(value) => Err(format!("wanted a verb for every value, found none for `{}`", value.text())),
    }
}

fn verb_of(verb: char, value: &Found<'_>, precision: Option<usize>, signed: bool) -> Result<String, String> {
    let wrong = || format!("wanted another verb than `%{verb}` for `{}`", value.text());
    let sign = |negative: bool| if signed && !negative { "+" } else { "" };
    match (verb, value.get()) {
        ('v' | 's', Value::String(text)) => {
            Ok(precision.map_or_else(|| text.clone(), |most| text.chars().take(most).collect()))
        }
        ('v', _) | ('s', Value::Array(_) | Value::Object(_)) => Ok(value.text()),
        ('d', Value::Number(number)) if !number.is_f64() => {
            Ok(format!("{}{number}", sign(number.as_i64().is_some_and(|number| number < 0))))
        }
        ('t', Value::Bool(value)) => Ok(value.to_string()),
        ('q', Value::String(text)) => Ok(format!("{text:?}")),
        ('f', Value::Number(number)) => {
            let number = number.as_f64().unwrap_or_default();
            Ok(format!("{}{number:.*}", sign(number < 0.0), precision.unwrap_or(6)))
        }
        ('x' | 'X', Value::Number(number)) => {
            let number = number.as_u64().ok_or_else(wrong)?;
            Ok(if verb == 'x' { format!("{number:x}") } else { format!("{number:X}") })
        }
        ('x' | 'X', Value::String(text)) => {
            let digits: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            Ok(if verb == 'x' { digits } else { digits.to_uppercase() })
        }
        _ => Err(wrong()),
    }
}
