//! A Docker daemon of the tests, which speaks as Docker's does, well or badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use crate::place::{Outcome, Place};

/// What came to the daemon.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method and path.
    pub line: String,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

type Answers = dyn Fn(&Request, &mut UnixStream) + Send + Sync;

/// A daemon on a socket below the place.
pub struct Daemon {
    pub host: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Daemon {
    /// With these answers to all but the ping, which it answers as Docker does.
    pub fn new(place: &Place, answers: impl Fn(&Request, &mut UnixStream) + Send + Sync + 'static) -> Daemon {
        Daemon::with(place, move |request, stream| {
            if request.line == "GET /_ping" {
                let headers =
                    "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nOstype: linux\r\nContent-Length: 2\r\n\r\n";
                let _ = stream.write_all(format!("{headers}OK").as_bytes());
            } else {
                answers(request, stream);
            }
        })
    }

    /// With these answers.
    pub fn with(
        place: &Place,
        answers: impl Fn(&Request, &mut UnixStream) + Send + Sync + 'static,
    ) -> Daemon {
        let path = place.path("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (seen, answers): (_, Arc<Answers>) = (requests.clone(), Arc::new(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, seen, answers) = (stream.unwrap(), seen.clone(), answers.clone());
                std::thread::spawn(move || {
                    while let Some(request) = read(&stream) {
                        seen.lock().unwrap().push(request.clone());
                        answers(&request, &mut stream);
                        // One request a connection, as the answers say.
                        if !request.line.ends_with("_ping") {
                            return;
                        }
                    }
                });
            }
        });
        Daemon { host: format!("unix://{}", path.display()), requests }
    }

    pub fn lines(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(|request| request.line.clone()).collect()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Runs the command with this daemon.
    pub fn run(&self, place: &Place, arguments: &[&str]) -> Outcome {
        let mut command = place.command(arguments);
        command.env("DOCKER_HOST", &self.host);
        place.outcome_of(command)
    }
}

/// A request; its body if it says there is one. `None` at the end of the connection.
fn read(stream: &UnixStream) -> Option<Request> {
    let mut stream = BufReader::new(stream);
    let line = |stream: &mut BufReader<&UnixStream>| -> Option<String> {
        let mut line = String::new();
        (stream.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let first = line(&mut stream)?;
    let first = first.strip_suffix(" HTTP/1.1").unwrap().to_owned();
    let mut headers = Vec::new();
    loop {
        match line(&mut stream)? {
            empty if empty.is_empty() => break,
            header => headers.push(header.to_ascii_lowercase()),
        }
    }
    let mut body = Vec::new();
    if headers.iter().any(|header| header == "transfer-encoding: chunked") {
        loop {
            let size = usize::from_str_radix(&line(&mut stream)?, 16).ok()?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    }
    Some(Request { line: first, headers, body })
}

/// An answer whose length is said.
pub fn answer(stream: &mut UnixStream, status: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

/// The beginning of one that comes in chunks.
pub fn begin(stream: &mut UnixStream) {
    let _ = stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
}

/// A chunk of it; false where nobody takes it. The empty one is the last.
pub fn chunk(stream: &mut UnixStream, bytes: &[u8]) -> bool {
    let head = format!("{:x}\r\n", bytes.len());
    [head.as_bytes(), bytes, b"\r\n"].iter().all(|part| stream.write_all(part).is_ok())
}
