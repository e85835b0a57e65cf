//! Answers, and how they are written.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::stream::Stream;

/// Sent with every answer: that this is a registry, of the second version.
const API_VERSION: &str = "registry/2.0";

/// What a request is answered with.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Body,
    /// What went wrong here, for who runs the server.
    pub(super) problem: Option<String>,
}

#[derive(Debug)]
pub(super) enum Body {
    /// None, and nothing is said of its length.
    Absent,
    Bytes(Vec<u8>),
    /// So many bytes of a file from this one on.
    Part {
        file: File,
        first: u64,
        length: u64,
    },
}

impl Body {
    fn length(&self) -> Option<u64> {
        match self {
            Body::Absent => None,
            Body::Bytes(bytes) => Some(bytes.len() as u64),
            Body::Part { length, .. } => Some(*length),
        }
    }
}

/// How an answer is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing {
    /// Whether it is to `HEAD`, so that there is no body.
    pub(super) bare: bool,
    /// Whether the connection ends after it.
    pub(super) last: bool,
    /// How long it may take at least,
    pub(super) patience: Duration,
    /// and for every so many bytes a second more.
    pub(super) slowest: u64,
}

impl Answer {
    pub(super) fn new(status: u16) -> Answer {
        Answer { status, headers: Vec::new(), body: Body::Bytes(Vec::new()), problem: None }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(self, body: Body) -> Answer {
        Answer { body, ..self }
    }

    pub(super) fn json(status: u16, document: &Value) -> Answer {
        let body = Body::Bytes(document.to_string().into_bytes());
        Answer::new(status).header("Content-Type", "application/json").body(body)
    }

    /// A refusal, as the distribution specification has it ("Error Codes").
    pub(super) fn refusal(status: u16, code: &str, message: &str) -> Answer {
        Answer::json(status, &json!({"errors": [{"code": code, "message": message}]}))
    }

    /// What was asked for cannot be answered here. Why is not for strangers.
    pub(super) fn broken(problem: String) -> Answer {
        let refusal = Answer::refusal(500, "UNKNOWN", "the content cannot be read here");
        Answer { problem: Some(problem), ..refusal }
    }

    /// Writes it; how many bytes of its body.
    pub(super) fn write(self, stream: &mut Stream, writing: Writing) -> std::io::Result<u64> {
        let mut bytes = self.head(writing.last).into_bytes();
        let length = self.body.length().filter(|_| !writing.bare).unwrap_or(0);
        let seconds = length.checked_div(writing.slowest).unwrap_or(0);
        let deadline = Instant::now() + writing.patience + Duration::from_secs(seconds);
        match self.body {
            Body::Part { mut file, first, length } if !writing.bare => {
                file.seek(SeekFrom::Start(first))?;
                stream.send(&bytes, Some((&mut file, length)), deadline)?;
            }
            Body::Bytes(body) if !writing.bare => {
                bytes.extend(body);
                stream.send(&bytes, None, deadline)?;
            }
            _ => stream.send(&bytes, None, deadline)?,
        }
        Ok(length)
    }

    fn head(&self, last: bool) -> String {
        let date = Timestamp::try_from(crate::clock::now()).unwrap_or_default();
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\nDocker-Distribution-Api-Version: {API_VERSION}\r\n",
            self.status,
            reason(self.status),
            date.strftime("%a, %d %b %Y %H:%M:%S GMT")
        );
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(length) = self.body.length() {
            // What is in a store is from strangers, and browsers like to guess what it is.
            head.push_str(&format!("X-Content-Type-Options: nosniff\r\nContent-Length: {length}\r\n"));
        }
        head.push_str(if last { "Connection: close\r\n\r\n" } else { "Connection: keep-alive\r\n\r\n" });
        head
    }
}

/// What a status is called.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        301 => "Moved Permanently",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
