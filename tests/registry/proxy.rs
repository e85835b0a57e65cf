//! A proxy of the tests: requests in full for HTTP, `CONNECT` for what is encrypted.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::server::{Request, read};

/// What the proxy does.
#[derive(Clone, Default)]
pub struct Manner {
    /// Where names lead, as `host:port`.
    pub hosts: BTreeMap<String, String>,
    /// The `Proxy-Authorization` it wants.
    pub wanted: Option<String>,
    /// What it answers instead of passing anything on.
    pub refuses: Option<u16>,
    /// Whether it takes requests and does nothing.
    pub hangs: bool,
}

/// A proxy that runs for as long as the tests.
pub struct Proxy {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Proxy {
    pub fn start(manner: Manner) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, log) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<_>>>::default());
        let seen = log.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, manner, seen) = (stream.unwrap(), manner.clone(), seen.clone());
                std::thread::spawn(move || serve(stream, &manner, &seen));
            }
        });
        Proxy { address, log }
    }

    /// With these names, and nothing else that is special.
    #[allow(dead_code)]
    pub fn to(hosts: &[(&str, String)]) -> Proxy {
        Proxy::start(Manner { hosts: names(hosts), ..Manner::default() })
    }

    /// `host:port`.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    pub fn log(&self) -> Vec<Request> {
        self.log.lock().unwrap().clone()
    }

    pub fn asked(&self) -> Vec<String> {
        self.log().iter().map(|request| format!("{} {}", request.method, request.target)).collect()
    }
}

pub fn names(hosts: &[(&str, String)]) -> BTreeMap<String, String> {
    hosts.iter().map(|(name, address)| ((*name).to_owned(), address.clone())).collect()
}

fn serve(stream: TcpStream, manner: &Manner, log: &Mutex<Vec<Request>>) {
    let mut client = BufReader::new(stream);
    let Some(request) = read(&mut client) else { return };
    log.lock().unwrap().push(request.clone());
    if manner.hangs {
        std::thread::sleep(Duration::from_secs(20));
    }
    let known = manner.wanted.as_deref() == request.header("proxy-authorization");
    let is_connect = request.method == "CONNECT";
    let place = if is_connect {
        request.target.clone()
    } else {
        let place = request.target.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        let place = place.unwrap_or_default();
        if place.contains(':') { place.to_owned() } else { format!("{place}:80") }
    };
    let upstream = manner.hosts.get(&place).map(|address| TcpStream::connect(address).unwrap());
    let (status, upstream) = match (manner.refuses, known, upstream) {
        (Some(status), ..) => (status, None),
        (None, false, _) => (407, None),
        (None, true, None) => (502, None),
        (None, true, Some(upstream)) => (200, Some(upstream)),
    };
    let Some(mut upstream) = upstream else {
        let head = format!("HTTP/1.1 {status} no\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        let _ = client.get_mut().write_all(head.as_bytes());
        return;
    };
    if is_connect {
        client.get_mut().write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        tunnel(client.into_inner(), upstream);
        return;
    }
    let target = &request.target["http://".len()..];
    let target = target.find('/').map_or("/", |slash| &target[slash..]);
    let mut head = format!("{} {target} HTTP/1.1\r\n", request.method);
    for (name, value) in request.headers.iter().filter(|(name, _)| !name.starts_with("proxy-")) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    upstream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    upstream.write_all(&request.body).unwrap();
    upstream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    upstream.read_to_end(&mut answer).unwrap();
    // One request a connection, so that nobody has to know here where an answer ends.
    let line = answer.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
    answer.splice(line..line, *b"Connection: close\r\n");
    let _ = client.get_mut().write_all(&answer);
}

fn tunnel(client: TcpStream, upstream: TcpStream) {
    let pass = |mut from: TcpStream, mut to: TcpStream| {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        })
    };
    let there = pass(client.try_clone().unwrap(), upstream.try_clone().unwrap());
    let back = pass(upstream, client);
    let _ = (there.join(), back.join());
}
