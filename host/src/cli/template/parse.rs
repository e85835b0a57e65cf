//! From tokens to nodes.

use std::iter::Peekable;
use std::vec::IntoIter;

use serde_json::Value;

use super::lex::{Piece, Token, pieces};
use super::{Command, Node, Pipe, TemplateError, Word, error, functions};

/// Blocks and parentheses within each other.
const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<Vec<Node>, TemplateError> {
    let mut parser = Parser {
        pieces: pieces(text)?.into_iter(),
        end: text.len(),
        depth: 0,
        loops: 0,
        variables: vec![String::new()],
    };
    let (nodes, end) = parser.block()?;
    match end {
        End::Text => Ok(nodes),
        End::Word(word, at, _) => error(at, format!("wanted no `{word}`: nothing is open")),
    }
}

struct Parser {
    pieces: IntoIter<Piece>,
    end: usize,
    depth: usize,
    /// How many `range`s are around.
    loops: usize,
    /// Names of the variables in sight.
    variables: Vec<String>,
}

/// What ended a block.
enum End {
    Text,
    /// `end` or `else`, with the tokens after it.
    Word(&'static str, usize, Tokens),
}

impl Parser {
    /// Nodes up to an `end`, an `else` or the end of the text.
    fn block(&mut self) -> Result<(Vec<Node>, End), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(piece) = self.pieces.next() {
            let mut tokens = match piece {
                Piece::Text(text) => {
                    nodes.push(Node::Text(text));
                    continue;
                }
                Piece::Action { tokens, start, end } => {
                    Tokens { tokens: tokens.into_iter().peekable(), start, end }
                }
            };
            let keyword = match tokens.peek() {
                Some(Token::Name(name)) => name.clone(),
                _ => String::new(),
            };
            let word = match keyword.as_str() {
                "end" => "end",
                "else" => "else",
                _ => {
                    nodes.push(self.node(&keyword, tokens)?);
                    continue;
                }
            };
            let (_, at) = tokens.take()?;
            return Ok((nodes, End::Word(word, at, tokens)));
        }
        Ok((nodes, End::Text))
    }

    fn node(&mut self, keyword: &str, mut tokens: Tokens) -> Result<Node, TemplateError> {
        let at = tokens.at();
        match keyword {
            "if" | "with" | "range" => {
                tokens.take()?;
                if self.depth == MAX_DEPTH {
                    return error(at, format!("wanted at most {MAX_DEPTH} blocks within each other"));
                }
                self.depth += 1;
                let node = self.control(keyword, tokens);
                self.depth -= 1;
                node
            }
            "break" | "continue" => {
                tokens.take()?;
                tokens.finish()?;
                match (self.loops, keyword) {
                    (0, _) => error(at, format!("wanted `{keyword}` within a `range`")),
                    (_, "break") => Ok(Node::Break),
                    _ => Ok(Node::Continue),
                }
            }
            "define" | "template" | "block" => {
                error(at, format!("wanted an action this template language has, found `{keyword}`"))
            }
            _ => {
                let pipe = self.pipe(&mut tokens, 1)?;
                tokens.finish()?;
                Ok(Node::Action(pipe))
            }
        }
    }

    fn control(&mut self, keyword: &str, mut tokens: Tokens) -> Result<Node, TemplateError> {
        let opened = tokens.start;
        let known = self.variables.len();
        let mut cases = Vec::new();
        let otherwise = loop {
            let most = if keyword == "range" { 2 } else { 1 };
            let pipe = self.pipe(&mut tokens, most)?;
            tokens.finish()?;
            self.loops += usize::from(keyword == "range");
            let block = self.block();
            self.loops -= usize::from(keyword == "range");
            let (nodes, end) = block?;
            cases.push((pipe, nodes));
            match end {
                End::Word("end", _, rest) => {
                    rest.finish()?;
                    break Vec::new();
                }
                End::Word(_, at, mut rest) => match rest.peek() {
                    // `else if` and `else with` go on with this very chain.
                    Some(Token::Name(name)) if name == keyword && keyword != "range" => {
                        rest.take()?;
                        tokens = rest;
                    }
                    Some(_) => return error(rest.at(), format!("wanted `}}}}` or `{keyword}` after `else`")),
                    None => {
                        let (nodes, end) = self.block()?;
                        match end {
                            End::Word("end", _, rest) => rest.finish()?,
                            End::Word(..) => return error(at, "wanted one `else`"),
                            End::Text => return self.unfinished(opened, keyword),
                        }
                        break nodes;
                    }
                },
                End::Text => return self.unfinished(opened, keyword),
            }
        };
        self.variables.truncate(known);
        Ok(match keyword {
            "if" => Node::If(cases, otherwise),
            "with" => Node::With(cases, otherwise),
            _ => match cases.pop() {
                Some((pipe, nodes)) => Node::Range(pipe, nodes, otherwise),
                None => return error(opened, "wanted what to range over"),
            },
        })
    }

    fn unfinished<T>(&self, opened: usize, keyword: &str) -> Result<T, TemplateError> {
        error(self.end, format!("wanted `{{{{end}}}}` for the `{keyword}` at byte {opened}, found the end"))
    }

    /// A pipeline that may set up to `most` variables first.
    fn pipe(&mut self, tokens: &mut Tokens, most: usize) -> Result<Pipe, TemplateError> {
        let at = tokens.at();
        let (variables, declares) = self.declaration(tokens, most)?;
        let mut commands = Vec::new();
        loop {
            commands.push(self.command(tokens)?);
            if !tokens.takes(&Token::Pipe) {
                break;
            }
        }
        // What is piped into has to take it.
        for command in commands.iter().skip(1) {
            if !matches!(command.words.first(), Some(Word::Function(_))) {
                return error(command.at, "wanted a function after `|`");
            }
        }
        if declares {
            self.variables.extend(variables.iter().cloned());
        }
        Ok(Pipe { at, variables, declares, commands })
    }

    /// `$x :=`, `$x =` or, where two are allowed, `$i, $x :=`.
    fn declaration(&self, tokens: &mut Tokens, most: usize) -> Result<(Vec<String>, bool), TemplateError> {
        let mut ahead = tokens.clone();
        let mut variables = Vec::new();
        loop {
            let at = ahead.at();
            let Some(Token::Variable(name)) = ahead.peek().cloned() else { return Ok((Vec::new(), false)) };
            ahead.take()?;
            variables.push(name);
            match ahead.peek() {
                Some(Token::Comma) if variables.len() < most => drop(ahead.take()?),
                Some(Token::Comma) => {
                    return error(ahead.at(), format!("wanted at most {most} variables here"));
                }
                Some(Token::Declare) => {
                    ahead.take()?;
                    *tokens = ahead;
                    return Ok((variables, true));
                }
                Some(Token::Assign) => {
                    ahead.take()?;
                    if let Some(unknown) = variables.iter().find(|name| !self.variables.contains(name)) {
                        return error(at, format!("wanted a variable that was declared, found `${unknown}`"));
                    }
                    *tokens = ahead;
                    return Ok((variables, false));
                }
                _ => return Ok((Vec::new(), false)),
            }
        }
    }

    fn command(&mut self, tokens: &mut Tokens) -> Result<Command, TemplateError> {
        let at = tokens.at();
        let mut words = Vec::new();
        while !matches!(tokens.peek(), None | Some(Token::Pipe | Token::Close)) {
            words.push(self.word(tokens)?);
            if !tokens.separated() {
                return error(tokens.at(), "wanted a blank between arguments");
            }
        }
        let Some(first) = words.first() else { return error(at, "wanted a value, found nothing") };
        if words.len() > 1 && !matches!(first, Word::Function(_)) {
            return error(at, "wanted a function before arguments");
        }
        Ok(Command { at, words })
    }

    fn word(&mut self, tokens: &mut Tokens) -> Result<Word, TemplateError> {
        let (token, at) = tokens.take()?;
        let word = match token {
            Token::Field(name) if name.is_empty() => Word::Dot,
            Token::Field(name) => Word::Member(Box::new(Word::Dot), vec![(name, at)]),
            Token::Variable(name) if self.variables.contains(&name) => Word::Variable(name),
            Token::Variable(name) => {
                return error(at, format!("wanted a variable that was declared, found `${name}`"));
            }
            Token::Literal(value) => Word::Literal(value),
            Token::Name(name) => match name.as_str() {
                "nil" => Word::Nil,
                "true" => Word::Literal(Value::Bool(true)),
                "false" => Word::Literal(Value::Bool(false)),
                _ if functions::NAMES.contains(&name.as_str()) => Word::Function(name),
                _ => {
                    let known = functions::NAMES.join(" ");
                    return error(at, format!("wanted a function ({known}), found `{name}`"));
                }
            },
            Token::Open => {
                if self.depth == MAX_DEPTH {
                    return error(at, format!("wanted at most {MAX_DEPTH} parentheses within each other"));
                }
                self.depth += 1;
                let pipe = self.pipe(tokens, 1);
                self.depth -= 1;
                let pipe = pipe?;
                if !tokens.takes(&Token::Close) {
                    return error(tokens.at(), "wanted `)`");
                }
                Word::Pipe(Box::new(pipe))
            }
            _ => return error(at, "wanted a value"),
        };
        let mut members = Vec::new();
        while let Some((Token::Field(name), at)) = tokens.adjoining() {
            if name.is_empty() {
                return error(at, "wanted a name after `.`");
            }
            members.push((name, at));
        }
        if members.is_empty() {
            return Ok(word);
        }
        match word {
            Word::Member(of, mut names) => {
                names.extend(members);
                Ok(Word::Member(of, names))
            }
            Word::Dot | Word::Nil | Word::Literal(_) | Word::Function(_) => {
                error(at, "wanted something that has members before `.`")
            }
            other => Ok(Word::Member(Box::new(other), members)),
        }
    }
}

/// The tokens of one action. Blanks count only where arguments have to be apart.
#[derive(Clone)]
struct Tokens {
    tokens: Peekable<IntoIter<(Token, usize)>>,
    /// Where the action starts.
    start: usize,
    /// Where its `}}` is.
    end: usize,
}

impl Tokens {
    fn skip_blanks(&mut self) {
        while self.tokens.next_if(|(token, _)| *token == Token::Blank).is_some() {}
    }

    fn peek(&mut self) -> Option<&Token> {
        self.skip_blanks();
        self.tokens.peek().map(|(token, _)| token)
    }

    /// Where the next token is, or the `}}`.
    fn at(&mut self) -> usize {
        self.skip_blanks();
        let end = self.end;
        self.tokens.peek().map_or(end, |(_, at)| *at)
    }

    fn take(&mut self) -> Result<(Token, usize), TemplateError> {
        self.skip_blanks();
        match self.tokens.next() {
            Some(token) => Ok(token),
            None => error(self.end, "wanted a value, found `}}`"),
        }
    }

    fn takes(&mut self, token: &Token) -> bool {
        let takes = self.peek() == Some(token);
        if takes {
            self.tokens.next();
        }
        takes
    }

    /// The next token if no blank is before it and it is a field.
    fn adjoining(&mut self) -> Option<(Token, usize)> {
        self.tokens.next_if(|(token, _)| matches!(token, Token::Field(_)))
    }

    /// Whether a blank, a `|`, a `)` or the end is next.
    fn separated(&mut self) -> bool {
        matches!(self.tokens.peek(), None | Some((Token::Blank | Token::Pipe | Token::Close, _)))
    }

    /// Nothing may be left.
    fn finish(mut self) -> Result<(), TemplateError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => error(self.at(), "wanted `}}`"),
        }
    }
}
