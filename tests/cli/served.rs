//! A store being served, and requests to it, as they are written.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Child;
use std::time::Duration;

use serde_json::Value;

use crate::place::{Outcome, Place, wait_within};

/// The command, serving. It ends with this value.
pub struct Served {
    child: Option<Child>,
    /// `host:port`.
    pub name: String,
}

impl Served {
    pub fn start(place: &Place, arguments: &[&str]) -> Served {
        let serve = ["serve", "--registry", "127.0.0.1:0", "--format", "json", "-q"];
        let mut child = place.command(&[&serve[..], arguments].concat()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut document = String::new();
        while serde_json::from_str::<Value>(&document).is_err() {
            assert!(stdout.read_line(&mut document).unwrap() > 0, "it did not start: {document}");
        }
        let document: Value = serde_json::from_str(&document).unwrap();
        let name = document["address"].as_str().unwrap().to_owned();
        assert!(document["url"].as_str().unwrap().ends_with(&format!("://{name}")));
        Served { child: Some(child), name }
    }

    /// What a repository of it is called, with this after it.
    pub fn name(&self, rest: &str) -> String {
        format!("{}/{rest}", self.name)
    }

    pub fn connect(&self) -> Connection {
        let stream = TcpStream::connect(&self.name).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        Connection { reader: BufReader::new(stream) }
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
        self.connect().ask(method, target, headers)
    }

    pub fn get(&self, target: &str) -> Reply {
        self.ask("GET", target, &[])
    }

    /// Tells it to end.
    pub fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(self.child.as_ref().unwrap());
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    /// Tells it to end, and waits until it has.
    pub fn stop(self) -> Outcome {
        self.terminate();
        self.wait()
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> Outcome {
        wait_within(self.child.take().unwrap(), Duration::from_secs(20))
    }

    /// The most memory it has had, in KiB.
    pub fn peak(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.as_ref().unwrap().id());
        let status = std::fs::read_to_string(path).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

pub struct Connection {
    pub reader: BufReader<TcpStream>,
}

/// What a request was answered with.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn send(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub fn ask(&mut self, method: &str, target: &str, headers: &[(&str, &str)]) -> Reply {
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        self.send(&format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        self.reply(method).unwrap()
    }

    /// The next answer. `None`: the connection has ended.
    pub fn reply(&mut self, method: &str) -> Option<Reply> {
        let mut line = String::new();
        // What a server has that did not read everything may be lost; here nothing is.
        if self.reader.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        let status = line.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut reply = Reply { status, headers, body: Vec::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" {
            reply.body = vec![0; length];
            self.reader.read_exact(&mut reply.body).unwrap();
        }
        Some(reply)
    }

    /// Whether the other side has ended it.
    pub fn is_over(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0))
    }
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Status, and the code of its error.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.json()["errors"][0]["code"].as_str().unwrap().to_owned())
    }
}
