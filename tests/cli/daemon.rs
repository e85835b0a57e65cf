//! A Docker daemon of the tests, on a socket or over TLS, which speaks as Docker's does, well or badly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::place::{Outcome, Place};

/// What came to the daemon.
#[derive(Debug, Clone)]
pub struct Request {
    /// Method and path.
    pub line: String,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
}

/// A connection of the daemon.
pub trait Stream: Read + Write {
    fn end(&mut self);
}

impl Stream for UnixStream {
    fn end(&mut self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn end(&mut self) {
        let _ = self.sock.shutdown(Shutdown::Both);
    }
}

type Answers = dyn Fn(&Request, &mut dyn Stream) + Send + Sync;

/// A daemon on a socket below the place.
pub struct Daemon {
    pub host: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Daemon {
    /// With these answers to all but the ping, which it answers as Docker does.
    pub fn new(place: &Place, answers: impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static) -> Daemon {
        Daemon::with(place, pinged(answers))
    }

    /// With these answers.
    pub fn with(
        place: &Place,
        answers: impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static,
    ) -> Daemon {
        let path = place.path("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mut streams = std::iter::from_fn(move || Some(listener.accept().unwrap().0));
        let next = move || streams.next().unwrap();
        Daemon::serving(format!("unix://{}", path.display()), next, Arc::new(answers))
    }

    /// The same as [`Daemon::new`] over TLS.
    pub fn over_tls(
        config: Arc<ServerConfig>,
        answers: impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static,
    ) -> Daemon {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("tcp://{}", listener.local_addr().unwrap());
        let next = move || {
            let stream = listener.accept().unwrap().0;
            StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream)
        };
        Daemon::serving(host, next, Arc::new(pinged(answers)))
    }

    fn serving<S: Stream + Send + 'static>(
        host: String,
        mut next: impl FnMut() -> S + Send + 'static,
        answers: Arc<Answers>,
    ) -> Daemon {
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let seen = requests.clone();
        std::thread::spawn(move || {
            loop {
                let (stream, seen, answers) = (next(), seen.clone(), answers.clone());
                std::thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    while let Some(request) = read(&mut stream) {
                        seen.lock().unwrap().push(request.clone());
                        answers(&request, stream.get_mut());
                        // One request a connection, as the answers say.
                        if !request.line.ends_with("_ping") {
                            stream.get_mut().end();
                            return;
                        }
                    }
                });
            }
        });
        Daemon { host, requests }
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

/// With Docker's answer to a ping.
fn pinged(
    answers: impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static,
) -> impl Fn(&Request, &mut dyn Stream) + Send + Sync + 'static {
    move |request, stream| {
        if request.line == "GET /_ping" {
            let headers =
                "HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\nOstype: linux\r\nContent-Length: 2\r\n\r\n";
            let _ = stream.write_all(format!("{headers}OK").as_bytes());
        } else {
            answers(request, stream);
        }
    }
}

/// A request; its body if it says there is one. `None` at the end of the connection.
fn read<S: Read>(stream: &mut BufReader<S>) -> Option<Request> {
    let line = |stream: &mut BufReader<S>| -> Option<String> {
        let mut line = String::new();
        (stream.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let first = line(stream)?;
    let first = first.strip_suffix(" HTTP/1.1").unwrap().to_owned();
    let mut headers = Vec::new();
    loop {
        match line(stream)? {
            empty if empty.is_empty() => break,
            header => headers.push(header.to_ascii_lowercase()),
        }
    }
    let mut body = Vec::new();
    if headers.iter().any(|header| header == "transfer-encoding: chunked") {
        loop {
            let size = usize::from_str_radix(&line(stream)?, 16).ok()?;
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
pub fn answer(stream: &mut dyn Stream, status: &str, body: &str) {
    let length = body.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

/// The beginning of one that comes in chunks.
pub fn begin(stream: &mut dyn Stream) {
    let _ = stream.write_all(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    );
}

/// A chunk of it; false where nobody takes it. The empty one is the last.
pub fn chunk(stream: &mut dyn Stream, bytes: &[u8]) -> bool {
    let head = format!("{:x}\r\n", bytes.len());
    [head.as_bytes(), bytes, b"\r\n"].iter().all(|part| stream.write_all(part).is_ok())
}
