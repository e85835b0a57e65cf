//! Templates as `--format` takes them: the part of Go's text/template that the documentation of docker and
//! podman shows, over JSON values.
//!
//! * actions: a pipeline, `if`/`else if`/`else`, `range` (with `$index, $element :=`, `else`, `break` and
//!   `continue`), `with`, comments, `{{-` and `-}}`, variables, parentheses;
//! * Go's functions `and or not eq ne lt le gt ge len index slice print println printf`, docker's `json join
//!   split lower upper title pad truncate`, and podman's `json` alike.
//!
//! `define`, `template` and `block` are refused. Values are JSON, so a structure prints as a map does:
//! `map[Key:value]`, ascending by key.

mod execute;
mod functions;
mod lex;
mod parse;

use std::fmt;

use serde_json::{Number, Value};

/// A template that was read.
#[derive(Debug)]
pub struct Template {
    nodes: Vec<Node>,
}

/// What is wrong with a template, or what went wrong in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Byte offset in the template.
    pub offset: usize,
    /// What was wanted there, and what was found.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for TemplateError {}

fn error<T>(offset: usize, message: impl Into<String>) -> Result<T, TemplateError> {
    Err(TemplateError { offset, message: message.into() })
}

/// Data for a template, and what JSON does not say of it.
///
/// A key that a map does not have gives `<no value>`; one that a structure does not have is an error. A map
/// and a list that are `null` are empty ones.
#[derive(Debug, Clone, Copy)]
pub struct Data<'a> {
    /// What the dot is at first.
    pub value: &'a Value,
    /// Names of members that hold maps; all other objects are structures.
    pub maps: &'a [&'a str],
    /// Names of members that hold lists.
    pub lists: &'a [&'a str],
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        Ok(Template { nodes: parse::parse(text)? })
    }

    /// What the template says of the data.
    pub fn execute(&self, data: Data<'_>) -> Result<String, TemplateError> {
        execute::run(&self.nodes, data)
    }
}

#[derive(Debug)]
enum Node {
    Text(String),
    Action(Pipe),
    /// `if` and its `else if`s; the first whose condition holds counts.
    If(Vec<(Pipe, Vec<Node>)>, Vec<Node>),
    /// `with` and its `else with`s.
    With(Vec<(Pipe, Vec<Node>)>, Vec<Node>),
    Range(Pipe, Vec<Node>, Vec<Node>),
    Break,
    Continue,
}

/// Commands, each given what the one before it answered.
#[derive(Debug)]
struct Pipe {
    at: usize,
    /// Variables that are declared, or set, to the answer.
    variables: Vec<String>,
    declares: bool,
    commands: Vec<Command>,
}

/// A function with its arguments, or one value.
#[derive(Debug)]
struct Command {
    at: usize,
    words: Vec<Word>,
}

#[derive(Debug)]
enum Word {
    Dot,
    Nil,
    Literal(Value),
    Variable(String),
    Function(String),
    Pipe(Box<Pipe>),
    /// Members of members of something, with the offset of each name.
    Member(Box<Word>, Vec<(String, usize)>),
}

impl Word {
    fn number(number: impl Into<Number>) -> Word {
        Word::Literal(Value::Number(number.into()))
    }
}

#[cfg(test)]
mod tests;
