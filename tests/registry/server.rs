//! An HTTP server on the loopback that answers as a test wants it to, and a registry made of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use consign::digest::Digest;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request, as it came.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    /// A parameter of the query, or of a form, without its escapes.
    pub fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?').map(|(_, query)| query.to_owned()).unwrap_or_default();
        let form = String::from_utf8_lossy(&self.body).into_owned();
        let mut pairs = query.split('&').chain(form.split('&')).filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|(_, value)| unescaped(value))
    }

    /// First and last byte asked for.
    pub fn range(&self) -> Option<(usize, usize)> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some((first.parse().unwrap(), last.parse().unwrap_or(usize::MAX)))
    }
}

fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub enum Body {
    Bytes(Vec<u8>),
    /// These bytes of so many that are promised, then the end of the connection.
    Short(Vec<u8>, usize),
    /// These bytes of so many that are promised, then nothing.
    Stalled(Vec<u8>, usize),
    /// Bytes of so many that are promised, one at a time, with this between them.
    Dripping(Duration, usize),
    /// A head that comes byte by byte, and does not end.
    SlowHead,
    /// Bytes without end.
    Endless,
    /// No answer at all: the end of the connection.
    Nothing,
}

impl Response {
    pub fn new(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Body::Bytes(Vec::new()) }
    }

    pub fn header(mut self, name: &str, value: impl Into<String>) -> Response {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn bytes(self, bytes: impl Into<Vec<u8>>) -> Response {
        Response { body: Body::Bytes(bytes.into()), ..self }
    }

    pub fn body(self, body: Body) -> Response {
        Response { body, ..self }
    }
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// A running server. It ends with this value.
pub struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
    sent: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Server {
    pub fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
        Server::start_at("127.0.0.1:0", handler)
    }

    pub fn start_at(address: &str, handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Server {
        Server::start_with(address, None, handler)
    }

    /// One that speaks TLS.
    pub fn start_tls(
        config: Arc<ServerConfig>,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Server {
        Server::start_with("127.0.0.1:0", Some(config), handler)
    }

    fn start_with(
        address: &str,
        tls: Option<Arc<ServerConfig>>,
        handler: impl Fn(&Request) -> Response + Send + Sync + 'static,
    ) -> Server {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (log, sent, ended) =
            (Arc::<Mutex<Vec<_>>>::default(), Arc::<AtomicU64>::default(), Arc::<AtomicBool>::default());
        let handler: Arc<Handler> = Arc::new(handler);
        let server = Server { address, log: log.clone(), sent: sent.clone(), ended: ended.clone() };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (handler, log, sent, tls) = (handler.clone(), log.clone(), sent.clone(), tls.clone());
                std::thread::spawn(move || {
                    stream.set_nodelay(true).unwrap();
                    match tls {
                        None => serve(&stream, &stream, &*handler, &log, &sent),
                        Some(config) => {
                            let connection = ServerConnection::new(config).unwrap();
                            let tls = StreamOwned::new(connection, stream.try_clone().unwrap());
                            serve(&stream, tls, &*handler, &log, &sent);
                        }
                    }
                });
            }
        });
        server
    }

    /// `host:port`.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    pub fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The requests that came, in order.
    pub fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    /// Method and target of each.
    pub fn asked(&self) -> Vec<String> {
        self.log().iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }

    pub fn forget(&self) {
        self.log.lock().unwrap().clear();
        self.sent.store(0, Ordering::Relaxed);
    }

    /// Bytes of bodies that were sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        drop(TcpStream::connect(self.address));
    }
}

fn serve(
    connection: &TcpStream,
    stream: impl Read + Write,
    handler: &Handler,
    log: &Mutex<Vec<Request>>,
    sent: &AtomicU64,
) {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read(&mut stream) {
        log.lock().unwrap().push(request.clone());
        let response = handler(&request);
        if write(stream.get_mut(), &request, &response, sent).is_none() {
            break;
        }
    }
    drop(connection.shutdown(Shutdown::Both));
}

/// `None`: the connection ended, or what came is no HTTP, as a TLS handshake.
pub fn read<S: Read + Write>(reader: &mut BufReader<S>) -> Option<Request> {
    let mut line = Vec::new();
    reader.by_ref().take(8192).read_until(b'\n', &mut line).ok()?;
    let line = String::from_utf8(line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    words.next().filter(|version| *version == "HTTP/1.1")?;
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.contains_key("expect") {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, headers, body })
}

fn write(stream: &mut impl Write, request: &Request, response: &Response, sent: &AtomicU64) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} X\r\n", response.status);
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let given = response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = match &response.body {
        Body::Bytes(bytes) => Some(bytes.len()),
        Body::Short(_, length) | Body::Stalled(_, length) | Body::Dripping(_, length) => Some(*length),
        Body::SlowHead => return drip(stream, &head),
        Body::Endless => None,
        Body::Nothing => return None,
    };
    if let Some(length) = length.filter(|_| !given) {
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    if request.method == "HEAD" {
        return Some(());
    }
    let mut send = |bytes: &[u8]| {
        for piece in bytes.chunks(64 << 10) {
            stream.write_all(piece).ok()?;
            sent.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        Some(())
    };
    match &response.body {
        Body::Bytes(bytes) => send(bytes),
        Body::Short(bytes, _) => {
            send(bytes)?;
            None
        }
        Body::Stalled(bytes, _) => {
            send(bytes)?;
            // Longer than any test waits.
            std::thread::sleep(Duration::from_secs(20));
            None
        }
        Body::Dripping(pause, length) => {
            for _ in 0..*length {
                send(b"x")?;
                std::thread::sleep(*pause);
            }
            Some(())
        }
        Body::SlowHead => None,
        Body::Endless => loop {
            send(&[0; 64 << 10])?;
        },
        Body::Nothing => None,
    }
}

/// For longer than any test waits.
fn drip(stream: &mut impl Write, head: &str) -> Option<()> {
    for byte in head.bytes().chain(std::iter::repeat(b'x')).take(1000) {
        stream.write_all(&[byte]).ok()?;
        std::thread::sleep(Duration::from_millis(20));
    }
    None
}

/// What a registry has.
#[derive(Default)]
pub struct Shelf {
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub uploads: BTreeMap<String, Vec<u8>>,
    /// How many uploads there were.
    pub begun: usize,
    /// Whether parts of blobs are sent.
    pub ranges: bool,
}

impl Shelf {
    pub fn new() -> Arc<Mutex<Shelf>> {
        Arc::new(Mutex::new(Shelf { ranges: true, ..Shelf::default() }))
    }

    pub fn blob(&mut self, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).to_string();
        self.blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// Under its digest and, in every repository, under this tag.
    pub fn manifest(&mut self, tag: Option<&str>, media_type: &str, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).to_string();
        for reference in [Some(digest.as_str()), tag].into_iter().flatten() {
            self.manifests.insert(reference.to_owned(), (media_type.to_owned(), bytes.to_vec()));
        }
        digest
    }

    /// What a registry that behaves answers.
    pub fn answer(&mut self, request: &Request) -> Response {
        let path = request.path().to_owned();
        if path == "/v2/" {
            return Response::new(200);
        }
        if let Some((_, reference)) = path.split_once("/manifests/") {
            return self.manifest_answer(request, reference);
        }
        if path.ends_with("/tags/list") {
            let tags: Vec<&String> = self.manifests.keys().filter(|key| !key.contains(':')).collect();
            return Response::new(200).bytes(format!("{{\"name\":\"x\",\"tags\":{tags:?}}}"));
        }
        if let Some((before, upload)) = path.split_once("/blobs/uploads/") {
            return self.upload_answer(request, before, upload);
        }
        match path.split_once("/blobs/") {
            Some((_, digest)) => self.blob_answer(request, digest),
            None => Response::new(404),
        }
    }

    fn manifest_answer(&mut self, request: &Request, reference: &str) -> Response {
        match request.method.as_str() {
            "PUT" => {
                let media_type = request.header("content-type").unwrap().to_owned();
                let tag = Some(reference).filter(|reference| !reference.contains(':'));
                let digest = self.manifest(tag, &media_type, &request.body);
                Response::new(201).header("docker-content-digest", digest)
            }
            "DELETE" => Response::new(if self.manifests.remove(reference).is_some() { 202 } else { 404 }),
            _ => match self.manifests.get(reference) {
                Some((media_type, bytes)) => Response::new(200)
                    .header("content-type", media_type)
                    .header("docker-content-digest", Digest::of(bytes).to_string())
                    .bytes(bytes.clone()),
                None => Response::new(404)
                    .bytes("{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"manifest unknown\"}]}"),
            },
        }
    }

    fn blob_answer(&mut self, request: &Request, digest: &str) -> Response {
        let Some(bytes) = self.blobs.get(digest) else {
            return Response::new(404).bytes("{\"errors\":[{\"code\":\"BLOB_UNKNOWN\"}]}");
        };
        if request.method == "DELETE" {
            self.blobs.remove(digest);
            return Response::new(202);
        }
        match request.range() {
            Some((first, last)) if self.ranges && first < bytes.len() => {
                let last = last.min(bytes.len() - 1);
                Response::new(206)
                    .header("content-range", format!("bytes {first}-{last}/{}", bytes.len()))
                    .bytes(&bytes[first..=last])
            }
            _ => Response::new(200).bytes(bytes.clone()),
        }
    }

    fn upload_answer(&mut self, request: &Request, before: &str, upload: &str) -> Response {
        if request.method == "POST" {
            if let Some(digest) = request.parameter("mount").filter(|digest| self.blobs.contains_key(digest))
            {
                return Response::new(201).header("docker-content-digest", digest);
            }
            let id = format!("u{}", self.begun);
            self.begun += 1;
            self.uploads.insert(id.clone(), Vec::new());
            return Response::new(202).header("location", format!("{before}/blobs/uploads/{id}?state=s"));
        }
        let Some(bytes) = self.uploads.get_mut(upload) else { return Response::new(404) };
        bytes.extend(&request.body);
        match request.method.as_str() {
            "PATCH" => {
                let last = bytes.len() - 1;
                Response::new(202)
                    .header("location", format!("{upload}?state=s{last}"))
                    .header("range", format!("0-{last}"))
            }
            "PUT" => {
                let bytes = self.uploads.remove(upload).unwrap();
                let digest = self.blob(&bytes);
                let wanted = request.parameter("digest");
                Response::new(if wanted == Some(digest) { 201 } else { 400 })
            }
            _ => {
                self.uploads.remove(upload);
                Response::new(204)
            }
        }
    }
}

/// A registry that behaves.
pub fn registry(shelf: &Arc<Mutex<Shelf>>) -> Server {
    let shelf = shelf.clone();
    Server::start(move |request| shelf.lock().unwrap().answer(request))
}
