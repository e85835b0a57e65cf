//! The heads of requests: read within bounds of bytes and time, and taken apart.

use std::io::{self, Read as _};
use std::time::{Duration, Instant};

use super::stream::Stream;

/// Bytes of a request line and headers.
const HEAD_LIMIT: usize = 16 << 10;
/// Headers of a request.
const HEADER_LIMIT: usize = 64;

/// A request, as far as it is read before it is answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Head {
    pub(super) method: String,
    /// As it was sent: path and query, or a URL.
    pub(super) target: String,
    /// Whether it is of HTTP/1.1.
    pub(super) is_newest: bool,
    /// Names in lower case, in order; those whose value is text.
    headers: Vec<(String, String)>,
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Following {
    Nothing,
    /// So many bytes.
    Bytes(u64),
    /// Bytes of which nobody says how many.
    Chunks,
}

/// What came of waiting for a request.
#[derive(Debug)]
pub(super) enum Next {
    Head(Head),
    /// None came, and none will.
    End,
    /// What came is no request: the status that says so, and why.
    Malformed(u16, &'static str),
}

/// How long to wait for a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    /// For its first byte.
    pub(super) idle: Duration,
    /// From then on for all of its head.
    pub(super) head: Duration,
}

/// What has come of a connection and is not taken yet.
#[derive(Default)]
pub(super) struct Reader {
    buffer: Vec<u8>,
}

impl Reader {
    /// Waits for the next request. `began` is told when its first byte is there.
    pub(super) fn next(&mut self, stream: &mut Stream, waiting: Waiting, began: impl FnOnce()) -> Next {
        let mut began = Some(began);
        let mut deadline = Instant::now() + waiting.idle;
        loop {
            if !self.buffer.is_empty() {
                if let Some(began) = began.take() {
                    began();
                    deadline = Instant::now() + waiting.head;
                }
                match parse(&self.buffer) {
                    Ok(Some((head, length))) => {
                        self.buffer.drain(..length);
                        return Next::Head(head);
                    }
                    Ok(None) if self.buffer.len() < HEAD_LIMIT => {}
                    Ok(None) if !self.buffer.contains(&b'\n') => {
                        return Next::Malformed(414, "the request's target is too long");
                    }
                    Ok(None) => return Next::Malformed(431, "the request's headers are too long"),
                    Err((status, reason)) => return Next::Malformed(status, reason),
                }
            }
            match self.fill(stream, deadline) {
                Ok(true) => {}
                Ok(false) => return Next::End,
                Err(error) if is_timeout(&error) && began.is_none() => {
                    return Next::Malformed(408, "the request did not come in time");
                }
                Err(_) => return Next::End,
            }
        }
    }

    /// Reads what there is. False: nothing will come.
    fn fill(&mut self, stream: &mut Stream, deadline: Instant) -> io::Result<bool> {
        stream.read_until(deadline);
        let mut bytes = [0; 4096];
        let room = bytes.len().min(HEAD_LIMIT.saturating_sub(self.buffer.len()).max(1));
        let read = stream.read(bytes.get_mut(..room).unwrap_or_default())?;
        self.buffer.extend(bytes.iter().take(read));
        Ok(read > 0)
    }

    /// Reads so many bytes and drops them. False: they did not all come in time.
    pub(super) fn skip(&mut self, stream: &mut Stream, bytes: u64, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        let mut left = bytes;
        loop {
            let known = self.buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            self.buffer.drain(..known);
            left -= known as u64;
            if left == 0 {
                return true;
            }
            if !matches!(self.fill(stream, deadline), Ok(true)) {
                return false;
            }
        }
    }
}

/// Whether waiting was for nothing.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The head at the beginning of these bytes, and its length. `None`: it has not all come.
fn parse(bytes: &[u8]) -> Result<Option<(Head, usize)>, (u16, &'static str)> {
    let mut headers = [httparse::EMPTY_HEADER; HEADER_LIMIT];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err((431, "the request has too many headers")),
        Err(httparse::Error::Version) => return Err((505, "HTTP/1.1 is spoken here")),
        Err(_) => return Err((400, "this is no request of HTTP/1.1")),
    };
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let named = request.headers.iter().filter_map(|header| {
        let value = std::str::from_utf8(header.value).ok()?;
        Some((header.name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    let head = Head {
        method: text(request.method),
        target: text(request.path),
        is_newest: request.version == Some(1),
        headers: named.collect(),
    };
    head.check()?;
    Ok(Some((head, length)))
}

impl Head {
    /// What the grammar of a head leaves open.
    fn check(&self) -> Result<(), (u16, &'static str)> {
        if self.is_newest && self.all("host").count() != 1 {
            return Err((400, "wanted one `Host`"));
        }
        // Two readers that took these differently would see different requests.
        let lengths = self.all("content-length").count();
        if lengths > 1 || (lengths == 1 && self.header("transfer-encoding").is_some()) {
            return Err((400, "wanted one length of the request's body"));
        }
        match self.header("content-length") {
            Some(length) if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err((400, "wanted a number as `Content-Length`"))
            }
            _ => Ok(()),
        }
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first header of this name, which is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The elements of all headers of this name: what commas separate.
    pub(super) fn elements<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.all(name).flat_map(|value| value.split(',')).map(str::trim).filter(|element| !element.is_empty())
    }

    /// What follows it.
    pub(super) fn following(&self) -> Following {
        if self.header("transfer-encoding").is_some() {
            return Following::Chunks;
        }
        match self.header("content-length").map(|length| length.parse().unwrap_or(u64::MAX)) {
            None | Some(0) => Following::Nothing,
            Some(bytes) => Following::Bytes(bytes),
        }
    }

    /// Whether the connection is to stay open.
    pub(super) fn keeps_alive(&self) -> bool {
        let said = |wanted: &str| self.elements("connection").any(|token| token.eq_ignore_ascii_case(wanted));
        if self.is_newest { !said("close") } else { said("keep-alive") && !said("close") }
    }

    /// Whether its sender waits to be told to send the body.
    pub(super) fn expects(&self) -> bool {
        self.header("expect").is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        parse(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn a_head_is_complete_with_its_empty_line() {
        let text = "GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n";
        for end in 0..text.len() {
            assert!(parse(&text.as_bytes()[..end]).unwrap().is_none(), "{end}");
        }
        let two = format!("{text}GET");
        assert_eq!(parse(two.as_bytes()).unwrap().unwrap().1, text.len());
    }

    #[test]
    fn what_two_readers_could_take_differently_is_refused() {
        for (headers, status) in [
            ("", 400),
            ("Host: x\r\nHost: y\r\n", 400),
            ("Host: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n", 400),
            ("Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Host: x\r\nContent-Length: +1\r\n", 400),
            ("Host: x\r\nContent-Length:\r\n", 400),
            ("Host: x\r\n folded\r\n", 400),
            ("Host : x\r\n", 400),
        ] {
            let text = format!("GET / HTTP/1.1\r\n{headers}\r\n");
            assert_eq!(parse(text.as_bytes()).unwrap_err().0, status, "{headers}");
        }
        assert_eq!(parse(b"GET / HTTP/2.0\r\n\r\n").unwrap_err().0, 505);
        assert_eq!(parse(b"\x16\x03\x01\x02\x00\x01").unwrap_err().0, 400);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(65));
        assert_eq!(parse(many.as_bytes()).unwrap_err().0, 431);
    }

    #[test]
    fn connections_stay_open_as_the_versions_have_it() {
        assert!(head("GET / HTTP/1.1\r\nHost: x\r\n\r\n").keeps_alive());
        assert!(!head("GET / HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n").keeps_alive());
        assert!(!head("GET / HTTP/1.0\r\n\r\n").keeps_alive());
        assert!(head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").keeps_alive());
    }

    #[test]
    fn bodies_are_announced_in_two_ways() {
        let following =
            |header: &str| head(&format!("PUT / HTTP/1.1\r\nHost: x\r\n{header}\r\n")).following();
        assert_eq!(following(""), Following::Nothing);
        assert_eq!(following("Content-Length: 0\r\n"), Following::Nothing);
        assert_eq!(following("Content-Length: 12\r\n"), Following::Bytes(12));
        assert_eq!(following("Content-Length: 99999999999999999999\r\n"), Following::Bytes(u64::MAX));
        assert_eq!(following("Transfer-Encoding: chunked\r\n"), Following::Chunks);
    }
}
