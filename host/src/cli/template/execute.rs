//! What a template says.

use std::borrow::Cow;

use serde_json::Value;

use super::functions::{self, plain};
use super::{Command, Data, Node, Pipe, TemplateError, Word, error};

/// A value on its way through a template.
#[derive(Debug, Clone)]
pub(super) struct Found<'d> {
    /// `None`: a key that a map does not have.
    pub(super) value: Option<Cow<'d, Value>>,
    pub(super) kind: Kind,
}

/// What JSON does not say of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Map,
    List,
}

impl<'d> Found<'d> {
    pub(super) fn new(value: impl Into<Value>) -> Self {
        Found { value: Some(Cow::Owned(value.into())), kind: Kind::Plain }
    }

    fn borrowed(value: &'d Value) -> Self {
        Found { value: Some(Cow::Borrowed(value)), kind: Kind::Plain }
    }

    pub(super) fn get(&self) -> &Value {
        self.value.as_deref().unwrap_or(&Value::Null)
    }

    /// Go's truth: not false, zero, empty or nil.
    pub(super) fn holds(&self) -> bool {
        match self.get() {
            Value::Null => false,
            Value::Bool(holds) => *holds,
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(members) => !members.is_empty() || self.kind == Kind::Plain,
        }
    }

    /// As `fmt.Print` writes it.
    pub(super) fn text(&self) -> String {
        match (&self.value, self.kind) {
            (None, _) => "<no value>".to_owned(),
            (Some(value), Kind::Map) if value.is_null() => "map[]".to_owned(),
            (Some(value), Kind::List) if value.is_null() => "[]".to_owned(),
            (Some(value), _) => plain(value),
        }
    }
}

/// Why the nodes of a loop's body ended.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

pub(super) fn run(nodes: &[Node], data: Data<'_>) -> Result<String, TemplateError> {
    let root = Found::borrowed(data.value);
    let mut run = Run { data, out: String::new(), variables: vec![(String::new(), root.clone())] };
    run.nodes(nodes, &root)?;
    Ok(run.out)
}

struct Run<'d> {
    data: Data<'d>,
    out: String,
    variables: Vec<(String, Found<'d>)>,
}

impl<'d> Run<'d> {
    fn nodes(&mut self, nodes: &[Node], dot: &Found<'d>) -> Result<Flow, TemplateError> {
        let known = self.variables.len();
        for node in nodes {
            let flow = self.node(node, dot)?;
            if flow != Flow::On {
                self.variables.truncate(known);
                return Ok(flow);
            }
        }
        self.variables.truncate(known);
        Ok(Flow::On)
    }

    fn node(&mut self, node: &Node, dot: &Found<'d>) -> Result<Flow, TemplateError> {
        match node {
            Node::Text(text) => self.out.push_str(text),
            Node::Action(pipe) => {
                let found = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.out.push_str(&found.text());
                }
            }
            Node::If(cases, otherwise) | Node::With(cases, otherwise) => {
                let known = self.variables.len();
                for (condition, nodes) in cases {
                    let found = self.pipe(condition, dot)?;
                    if found.holds() {
                        let within = if matches!(node, Node::With(..)) { &found } else { dot };
                        let flow = self.nodes(nodes, within)?;
                        self.variables.truncate(known);
                        return Ok(flow);
                    }
                }
                let flow = self.nodes(otherwise, dot)?;
                self.variables.truncate(known);
                return Ok(flow);
            }
            Node::Range(pipe, nodes, otherwise) => return self.range(pipe, nodes, otherwise, dot),
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        pipe: &Pipe,
        nodes: &[Node],
        otherwise: &[Node],
        dot: &Found<'d>,
    ) -> Result<Flow, TemplateError> {
        let known = self.variables.len();
        let found = self.commands(pipe, dot)?;
        let items = items(&found, pipe.at)?;
        if items.is_empty() {
            return self.nodes(otherwise, dot);
        }
        for (key, item) in items {
            match pipe.variables.as_slice() {
                [] => {}
                [one] => self.set(one, item.clone(), pipe.declares),
                [first, second, ..] => {
                    self.set(first, key, pipe.declares);
                    self.set(second, item.clone(), pipe.declares);
                }
            }
            let flow = self.nodes(nodes, &item)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn set(&mut self, name: &str, value: Found<'d>, declare: bool) {
        if declare {
            self.variables.push((name.to_owned(), value));
        } else if let Some((_, variable)) = self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            *variable = value;
        }
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Found<'d>) -> Result<Found<'d>, TemplateError> {
        let found = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.set(name, found.clone(), pipe.declares);
        }
        Ok(found)
    }

    fn commands(&mut self, pipe: &Pipe, dot: &Found<'d>) -> Result<Found<'d>, TemplateError> {
        let mut found = None;
        for command in &pipe.commands {
            found = Some(self.command(command, found, dot)?);
        }
        Ok(found.unwrap_or_else(|| Found::new(Value::Null)))
    }

    fn command(
        &mut self,
        command: &Command,
        piped: Option<Found<'d>>,
        dot: &Found<'d>,
    ) -> Result<Found<'d>, TemplateError> {
        match command.words.split_first() {
            Some((Word::Function(name), arguments)) => {
                // These two look at no more arguments than they have to.
                if matches!(name.as_str(), "and" | "or") {
                    return self.decided(name, command.at, arguments, piped, dot);
                }
                let mut values = Vec::new();
                for argument in arguments {
                    values.push(self.word(argument, command.at, dot)?);
                }
                values.extend(piped);
                functions::call(name, &values).or_else(|message| error(command.at, message))
            }
            Some((word, _)) => self.word(word, command.at, dot),
            None => error(command.at, "wanted a value, found nothing"),
        }
    }

    /// `and`: the first argument that does not hold, or the last; `or`: the first that does, or the last.
    fn decided(
        &mut self,
        name: &str,
        at: usize,
        arguments: &[Word],
        piped: Option<Found<'d>>,
        dot: &Found<'d>,
    ) -> Result<Found<'d>, TemplateError> {
        let mut last = None;
        for argument in arguments {
            let found = self.word(argument, at, dot)?;
            if found.holds() == (name == "or") {
                return Ok(found);
            }
            last = Some(found);
        }
        match piped.or(last) {
            Some(found) => Ok(found),
            None => error(at, format!("wanted an argument for `{name}`, found none")),
        }
    }

    fn word(&mut self, word: &Word, at: usize, dot: &Found<'d>) -> Result<Found<'d>, TemplateError> {
        match word {
            Word::Dot => Ok(dot.clone()),
            Word::Nil => Ok(Found::new(Value::Null)),
            Word::Literal(value) => Ok(Found::new(value.clone())),
            Word::Variable(name) => {
                let variable = self.variables.iter().rev().find(|(known, _)| known == name);
                Ok(variable.map_or_else(|| Found::new(Value::Null), |(_, value)| value.clone()))
            }
            Word::Function(name) => functions::call(name, &[]).or_else(|message| error(at, message)),
            Word::Pipe(pipe) => self.pipe(pipe, dot),
            Word::Member(of, names) => {
                let mut found = self.word(of, at, dot)?;
                for (name, at) in names {
                    found = self.member(found, name, *at)?;
                }
                Ok(found)
            }
        }
    }

    fn member(&self, of: Found<'d>, name: &str, at: usize) -> Result<Found<'d>, TemplateError> {
        let kind = match name {
            _ if of.kind == Kind::Map => Kind::Plain,
            _ if self.data.maps.contains(&name) => Kind::Map,
            _ if self.data.lists.contains(&name) => Kind::List,
            _ => Kind::Plain,
        };
        let value = match &of.value {
            Some(Cow::Borrowed(Value::Object(members))) => members.get(name).map(Cow::Borrowed),
            Some(Cow::Owned(Value::Object(members))) => members.get(name).cloned().map(Cow::Owned),
            Some(value) if value.is_null() && of.kind == Kind::Map => None,
            None => return error(at, format!("wanted something with the member `{name}`, found no value")),
            Some(value) => {
                let kind = kind_of(value);
                return error(at, format!("wanted something with the member `{name}`, found {kind}"));
            }
        };
        match (value, of.kind) {
            (Some(value), _) => Ok(Found { value: Some(value), kind }),
            (None, Kind::Map) => Ok(Found { value: None, kind: Kind::Plain }),
            (None, _) => {
                let known = of.get().as_object().map(|members| members.keys().map(String::as_str).collect());
                let known: Vec<&str> = known.unwrap_or_default();
                error(at, format!("wanted one of the members {}, found `{name}`", known.join(" ")))
            }
        }
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What a `range` goes through, each with its index or key. Maps go by key, ascending.
fn items<'d>(found: &Found<'d>, at: usize) -> Result<Vec<(Found<'d>, Found<'d>)>, TemplateError> {
    let number = |index: usize| Found::new(index as u64);
    Ok(match &found.value {
        None => Vec::new(),
        Some(Cow::Borrowed(Value::Array(items))) => {
            items.iter().enumerate().map(|(index, item)| (number(index), Found::borrowed(item))).collect()
        }
        Some(Cow::Borrowed(Value::Object(members))) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            sorted.into_iter().map(|(key, item)| (Found::new(key.as_str()), Found::borrowed(item))).collect()
        }
        Some(value) => match &**value {
            Value::Null => Vec::new(),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| (number(index), Found::new(item.clone())))
                .collect(),
            Value::Number(count) if count.is_i64() || count.is_u64() => {
                const MOST: u64 = 1 << 20;
                let count = count.as_u64().unwrap_or(0);
                if count > MOST {
                    return error(at, format!("wanted to range over at most {MOST} numbers, found {count}"));
                }
                (0..count).map(|index| (Found::new(index), Found::new(index))).collect()
            }
            other => {
                return error(at, format!("wanted a list or a map to range over, found {}", kind_of(other)));
            }
        },
    })
}
