//! Configuration files as values that know their lines: JSON and YAML. These files are the machine's own; they are
//! read strictly, because a key that is misspelt would otherwise be one that is not there.

use std::collections::BTreeSet;

use saphyr_parser::{Event, Parser, ScalarStyle, StrInput};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::DocumentError;

/// Values within each other; these files need six.
const MAX_DEPTH: usize = 32;

type Result<T> = std::result::Result<T, DocumentError>;

/// A value, and where it is.
#[derive(Debug)]
pub(super) struct Node {
    /// From 1.
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    Number,
    String(String),
    List(Vec<Node>),
    /// In the order of the file, twice where a key is there twice.
    Object(Vec<(String, Node)>),
}

/// A value of a file, for errors that say which file and which key.
#[derive(Clone, Copy)]
pub(super) struct At<'a, 'n> {
    pub(super) file: &'a str,
    /// As `transports.docker`; empty for the whole.
    pub(super) key: &'a str,
    pub(super) node: &'n Node,
}

impl<'n> At<'_, 'n> {
    /// The members of an object. A key that is there twice is an error.
    pub(super) fn members(self) -> Result<&'n [(String, Node)]> {
        let Value::Object(members) = &self.node.value else { return Err(self.wrong("an object")) };
        let mut seen = BTreeSet::new();
        for (key, node) in members {
            if !seen.insert(key) {
                let (file, key) = (self.file.to_owned(), self.below(key));
                return Err(DocumentError::Duplicate { file, line: node.line, key });
            }
        }
        Ok(members)
    }

    /// The members of an object that has no others than these: in the order of `names`, where they are there.
    pub(super) fn exactly<const N: usize>(self, names: [&str; N]) -> Result<[Option<&'n Node>; N]> {
        let mut found = [None; N];
        for (key, node) in self.members()? {
            match names.iter().position(|name| name == key) {
                Some(position) => found[position] = Some(node),
                None => return Err(self.unknown(key, node)),
            }
        }
        Ok(found)
    }

    pub(super) fn list(self) -> Result<&'n [Node]> {
        match &self.node.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong("an array")),
        }
    }

    pub(super) fn string(self) -> Result<&'n str> {
        match &self.node.value {
            Value::String(text) => Ok(text),
            _ => Err(self.wrong("a string")),
        }
    }

    pub(super) fn boolean(self) -> Result<bool> {
        match &self.node.value {
            Value::Boolean(value) => Ok(*value),
            _ => Err(self.wrong("a boolean")),
        }
    }

    /// What a member of it is called in errors.
    pub(super) fn below(self, key: &str) -> String {
        if self.key.is_empty() { key.to_owned() } else { format!("{}.{key}", self.key) }
    }

    pub(super) fn unknown(self, key: &str, node: &Node) -> DocumentError {
        DocumentError::Unknown { file: self.file.to_owned(), line: node.line, key: self.below(key) }
    }

    pub(super) fn missing(self, key: &str) -> DocumentError {
        DocumentError::Missing { file: self.file.to_owned(), line: self.node.line, key: self.below(key) }
    }

    pub(super) fn value(self, wanted: impl Into<String>, found: impl Into<String>) -> DocumentError {
        DocumentError::Value {
            file: self.file.to_owned(),
            line: self.node.line,
            key: self.key.to_owned(),
            wanted: wanted.into(),
            found: found.into(),
        }
    }

    fn wrong(self, wanted: &'static str) -> DocumentError {
        let found = match &self.node.value {
            Value::Null => "null",
            Value::Boolean(_) => "a boolean",
            Value::Number => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "an array",
            Value::Object(_) => "an object",
        };
        self.value(wanted, found)
    }
}

/// Reads JSON.
pub(super) fn json(file: &str, text: &str) -> Result<Node> {
    let whole: &RawValue = serde_json::from_str(text).map_err(|error| json_error(file, &error))?;
    Json { file, text }.node(whole, 0)
}

fn json_error(file: &str, error: &serde_json::Error) -> DocumentError {
    DocumentError::Syntax {
        file: file.to_owned(),
        line: error.line(),
        reason: "something else than JSON".into(),
    }
}

struct Json<'a> {
    file: &'a str,
    text: &'a str,
}

impl<'a> Json<'a> {
    fn node(&self, raw: &'a RawValue, depth: usize) -> Result<Node> {
        let json = raw.get();
        // Raw values are pieces of the text itself.
        let offset = json.as_ptr() as usize - self.text.as_ptr() as usize;
        let line = self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1;
        if depth == MAX_DEPTH {
            return Err(too_deep(self.file, line));
        }
        let wrong = |_| DocumentError::Syntax {
            file: self.file.to_owned(),
            line,
            reason: "a string that is no text".to_owned(),
        };
        let value = match json.as_bytes().first() {
            Some(b'{') => {
                let Members(members) = serde_json::from_str(json).map_err(wrong)?;
                let member = |(key, raw)| Ok((key, self.node(raw, depth + 1)?));
                Value::Object(members.into_iter().map(member).collect::<Result<_>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(json).map_err(wrong)?;
                Value::List(items.into_iter().map(|raw| self.node(raw, depth + 1)).collect::<Result<_>>()?)
            }
            Some(b'"') => Value::String(serde_json::from_str(json).map_err(wrong)?),
            Some(b't') => Value::Boolean(true),
            Some(b'f') => Value::Boolean(false),
            Some(b'n') => Value::Null,
            _ => Value::Number,
        };
        Ok(Node { line, value })
    }
}

fn too_deep(file: &str, line: usize) -> DocumentError {
    DocumentError::Syntax {
        file: file.to_owned(),
        line,
        reason: format!("more than {MAX_DEPTH} values within each other"),
    }
}

/// An object's members as they are, twice where they are there twice.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Every;

        impl<'de> Visitor<'de> for Every {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Every)
    }
}

/// Reads YAML: one document, without anchors. An empty one is `null`.
pub(super) fn yaml(file: &str, text: &str) -> Result<Node> {
    let mut yaml = Yaml { file, parser: Parser::new_from_str(text) };
    let mut root = Node { line: 1, value: Value::Null };
    let mut documents = 0;
    loop {
        let (event, line) = yaml.next()?;
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::StreamEnd => return Ok(root),
            Event::DocumentStart(_) if documents == 0 => documents = 1,
            Event::DocumentStart(_) => return Err(yaml.wrong(line, "a second document")),
            event => root = yaml.node(event, line, 0)?,
        }
    }
}

struct Yaml<'a> {
    file: &'a str,
    parser: Parser<'a, StrInput<'a>>,
}

impl<'a> Yaml<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, span.start.line())),
            Some(Err(error)) => Err(self.wrong(error.marker().line(), error.info())),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn wrong(&self, line: usize, reason: &str) -> DocumentError {
        DocumentError::Syntax { file: self.file.to_owned(), line, reason: reason.to_owned() }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node> {
        if depth == MAX_DEPTH {
            return Err(too_deep(self.file, line));
        }
        let value = match event {
            Event::Scalar(text, ScalarStyle::Plain, ..) => plain(&text),
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break,
                        (event, line) => items.push(self.node(event, line, depth + 1)?),
                    }
                }
                Value::List(items)
            }
            Event::MappingStart(..) => {
                let mut members = Vec::new();
                loop {
                    let key = match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (Event::Scalar(text, ..), _) => text.into_owned(),
                        (_, line) => return Err(self.wrong(line, "a key that is no text")),
                    };
                    let (event, line) = self.next()?;
                    members.push((key, self.node(event, line, depth + 1)?));
                }
                Value::Object(members)
            }
            Event::Alias(_) => return Err(self.wrong(line, "an alias, which is not supported here")),
            _ => return Err(self.wrong(line, "no value")),
        };
        Ok(Node { line, value })
    }
}

/// A scalar without quotes, as go-yaml takes it.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" => Value::Boolean(true),
            "false" | "no" | "off" | "n" => Value::Boolean(false),
            _ => Value::String(text.to_owned()),
        },
    }
}
