//! What YAML and TOML have in common. Scalars stay as they were written: a tag is `1.10`, not a number.

use saphyr_parser::{Event, Parser, ScalarStyle, Span, SpannedEventReceiver};

use super::ListError;

/// Lists and maps within each other.
const MAX_DEPTH: usize = 16;

pub(super) enum Node {
    Nothing,
    Text(String),
    Boolean(bool),
    List(Vec<Node>),
    /// Keys are unique.
    Map(Vec<(String, Node)>),
}

impl Node {
    fn wrong(&self, key: &str, wanted: &'static str) -> ListError {
        let found = match self {
            Node::Nothing => "nothing".to_owned(),
            Node::Text(text) => format!("`{}`", text.chars().take(100).collect::<String>()),
            Node::Boolean(value) => format!("`{value}`"),
            Node::List(_) => "a list".to_owned(),
            Node::Map(_) => "a map".to_owned(),
        };
        ListError::Entry { key: key.to_owned(), wanted, found }
    }

    pub(super) fn text(&self, key: &str, wanted: &'static str) -> Result<&str, ListError> {
        match self {
            Node::Text(text) => Ok(text),
            _ => Err(self.wrong(key, wanted)),
        }
    }

    pub(super) fn boolean(&self, key: &str) -> Result<bool, ListError> {
        match self {
            Node::Boolean(value) => Ok(*value),
            _ => Err(self.wrong(key, "true or false")),
        }
    }

    pub(super) fn list(&self, key: &str, wanted: &'static str) -> Result<&[Node], ListError> {
        match self {
            Node::List(list) => Ok(list),
            Node::Nothing => Ok(&[]),
            _ => Err(self.wrong(key, wanted)),
        }
    }

    pub(super) fn map(&self, key: &str, wanted: &'static str) -> Result<&[(String, Node)], ListError> {
        match self {
            Node::Map(map) => Ok(map),
            Node::Nothing => Ok(&[]),
            _ => Err(self.wrong(key, wanted)),
        }
    }
}

/// Reads TOML.
pub(super) fn toml(text: &str) -> Result<Node, ListError> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or_default());
        ListError::Syntax { line: before.lines().count().max(1), reason: error.message().to_owned() }
    })?;
    Ok(of_toml(toml::Value::Table(table)))
}

fn of_toml(value: toml::Value) -> Node {
    match value {
        toml::Value::String(text) => Node::Text(text),
        toml::Value::Boolean(value) => Node::Boolean(value),
        toml::Value::Array(list) => Node::List(list.into_iter().map(of_toml).collect()),
        toml::Value::Table(table) => {
            Node::Map(table.into_iter().map(|(key, value)| (key, of_toml(value))).collect())
        }
        // Numbers and dates belong nowhere; what is said of them is how they are written.
        toml::Value::Integer(number) => Node::Text(number.to_string()),
        toml::Value::Float(number) => Node::Text(number.to_string()),
        toml::Value::Datetime(time) => Node::Text(time.to_string()),
    }
}

/// Reads YAML.
pub(super) fn yaml(text: &str) -> Result<Node, ListError> {
    let mut building = Building { open: Vec::new(), root: None, failed: None };
    let parsed = Parser::new_from_str(text).load(&mut building, true);
    if let Some(failed) = building.failed {
        return Err(failed);
    }
    parsed.map_err(|error| ListError::Syntax {
        line: error.marker().line(),
        reason: error.info().to_owned(),
    })?;
    Ok(building.root.unwrap_or(Node::Nothing))
}

/// A document being read.
struct Building {
    /// What is not at its end, the outermost first.
    open: Vec<Open>,
    root: Option<Node>,
    /// The first that was wrong.
    failed: Option<ListError>,
}

enum Open {
    List(Vec<Node>),
    /// And the key whose value is to come.
    Map(Vec<(String, Node)>, Option<String>),
}

impl Building {
    fn fail(&mut self, line: usize, reason: impl Into<String>) {
        self.failed.get_or_insert(ListError::Syntax { line, reason: reason.into() });
    }

    fn open(&mut self, open: Open, line: usize) {
        if self.open.len() >= MAX_DEPTH {
            self.fail(line, format!("more than {MAX_DEPTH} lists and maps within each other"));
        }
        self.open.push(open);
    }

    fn add(&mut self, node: Node, line: usize) {
        match self.open.last_mut() {
            Some(Open::List(list)) => list.push(node),
            Some(Open::Map(map, key)) => match (key.take(), node) {
                (Some(key), node) => map.push((key, node)),
                (None, Node::Text(text)) if map.iter().any(|(known, _)| *known == text) => {
                    self.fail(line, format!("`{text}` is there twice"));
                }
                (None, Node::Text(text)) => *key = Some(text),
                (None, _) => self.fail(line, "wanted a key, found something else"),
            },
            None if self.root.is_some() => self.fail(line, "wanted one document, found another"),
            None => self.root = Some(node),
        }
    }
}

impl<'a> SpannedEventReceiver<'a> for Building {
    fn on_event(&mut self, event: Event<'a>, span: Span) {
        let line = span.start.line();
        if self.failed.is_some() {
            return;
        }
        match event {
            Event::Scalar(text, style, _, _) => {
                let node = match &*text {
                    "" | "~" | "null" if style == ScalarStyle::Plain => Node::Nothing,
                    "true" | "false" if style == ScalarStyle::Plain => Node::Boolean(text == "true"),
                    _ => Node::Text(text.into_owned()),
                };
                self.add(node, line);
            }
            Event::SequenceStart(..) => self.open(Open::List(Vec::new()), line),
            Event::MappingStart(..) => self.open(Open::Map(Vec::new(), None), line),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List(list)) => self.add(Node::List(list), line),
                Some(Open::Map(map, _)) => self.add(Node::Map(map), line),
                None => {}
            },
            Event::Alias(_) => self.fail(line, "aliases are not read"),
            _ => {}
        }
    }
}
