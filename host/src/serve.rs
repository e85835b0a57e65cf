//! Serving stores as a registry that is only read: other tools and other machines pull from it.
//!
//! A thread for each connection, HTTP/1.1 by a loop of our own over `httparse`: what there is to answer is small
//! documents, and files, which the system sends by itself. Whoever asks can make the server wait, read and remember only
//! so much ([`Options`]).
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use consign::sandbox::Sandbox;
//! use consign::serve::{Options, Registry, ServeError, Server};
//! use consign::store::Store;
//!
//! # fn serve(store: Arc<Store>, sandbox: Arc<Sandbox>) -> Result<(), ServeError> {
//! let server = Server::bind(&["127.0.0.1:0".parse().expect("an address")], Options::default())?;
//! println!("{}", server.address());
//! server.run(&Registry::new(vec![store], sandbox), &())
//! # }
//! ```

mod answer;
mod connection;
mod head;
mod names;
mod passwords;
mod ranges;
mod referrers;
mod registry;
mod route;
mod slots;
mod stream;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use passwords::Passwords;
pub use registry::Registry;
pub use stream::Identity;

use connection::Connection;
use slots::Slots;

/// How much whoever asks can have of a server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections at a time. With one more, one that nothing is underway on is ended; where there is none it waits.
    pub connections: usize,
    /// How long a connection may be without a request.
    pub idle: Duration,
    /// How long a request's head may take, from its first byte on; the beginnings of TLS count.
    pub head: Duration,
    /// How long an answer may take,
    pub answer: Duration,
    /// and a second longer for every so many bytes of it.
    pub slowest: u64,
    /// Whom the server shows itself as; `None`: it speaks HTTP.
    pub identity: Option<Identity>,
    /// Who may ask; `None`: everybody.
    pub passwords: Option<Arc<Passwords>>,
}

impl Default for Options {
    /// 128 connections, 60 s, 10 s, 60 s, 16 KiB a second, HTTP, for everybody.
    fn default() -> Self {
        Options {
            connections: 128,
            idle: Duration::from_secs(60),
            head: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            slowest: 16 << 10,
            identity: None,
            passwords: None,
        }
    }
}

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Nobody can be listened to at this address.
    #[error("listening at {} failed", list(.addresses))]
    Listen {
        /// Those that were tried.
        addresses: Vec<SocketAddr>,
        /// What the system says of the last one.
        source: io::Error,
    },
    /// Connections cannot be waited for.
    #[error("waiting for connections failed")]
    Wait {
        /// What the system says.
        source: io::Error,
    },
    /// A file of passwords is none. What is in it is not repeated.
    #[error("line {line}: {reason}")]
    Passwords {
        /// From 1.
        line: usize,
        /// What was wanted.
        reason: &'static str,
    },
    /// There is no key to know passwords again by.
    #[error("wanted random numbers of the system, found none")]
    Random,
    /// Certificates or key are not what they should be.
    #[error("{reason}")]
    Identity {
        /// What was wanted.
        reason: String,
    },
}

fn list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(|address| format!("`{address}`")).collect::<Vec<_>>().join(", ")
}

/// A request that was answered.
#[derive(Debug, Clone)]
pub struct Answered<'a> {
    /// Who asked.
    pub peer: SocketAddr,
    /// As it was sent; empty where nothing could be read.
    pub method: &'a str,
    /// Path and query as they were sent, which may be anything but control characters.
    pub target: &'a str,
    /// Of HTTP.
    pub status: u16,
    /// Of the body, if all of it was sent.
    pub bytes: Option<u64>,
    /// What went wrong here.
    pub problem: Option<&'a str>,
}

/// Told of every request. Called from several threads.
pub trait Observer: Sync {
    /// A request was answered.
    fn answered(&self, answered: &Answered<'_>) {
        let _ = answered;
    }
}

/// Nobody wants to know.
impl Observer for () {}

/// What ends a server from another thread, or from a signal's handler.
#[derive(Debug)]
pub struct Stop(UnixStream);

impl Stop {
    /// Ends it: nothing new is answered, what is underway is.
    pub fn stop(&self) {
        use std::io::Write as _;
        // A server that is told already has ended, or has bytes enough to know.
        let _ = (&self.0).write(&[0]);
    }

    /// A socket; any byte that is written to it ends the server.
    pub fn into_socket(self) -> UnixStream {
        self.0
    }
}

/// Somebody who listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: Options,
    told: UnixStream,
    tell: UnixStream,
}

impl Server {
    /// Listens at the first of these addresses where that can be done. Nobody is answered yet.
    ///
    /// # Errors
    ///
    /// [`ServeError::Listen`] where it cannot.
    pub fn bind(addresses: &[SocketAddr], options: Options) -> Result<Server, ServeError> {
        let listen = || -> io::Result<_> {
            let listener = TcpListener::bind(addresses)?;
            // Who was waited for may have gone again.
            listener.set_nonblocking(true)?;
            let (told, tell) = UnixStream::pair()?;
            tell.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener, told, tell))
        };
        let (address, listener, told, tell) =
            listen().map_err(|source| ServeError::Listen { addresses: addresses.to_vec(), source })?;
        Ok(Server { listener, address, options, told, tell })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What ends it.
    ///
    /// # Errors
    ///
    /// [`ServeError::Wait`] where the system has no handle left.
    pub fn stop(&self) -> Result<Stop, ServeError> {
        self.tell.try_clone().map(Stop).map_err(|source| ServeError::Wait { source })
    }

    /// Answers until it is stopped, and returns when all that was underway is done.
    ///
    /// # Errors
    ///
    /// [`ServeError::Wait`] where connections cannot be waited for.
    pub fn run(self, registry: &Registry, observer: &dyn Observer) -> Result<(), ServeError> {
        let slots = Slots::default();
        std::thread::scope(|scope| {
            let outcome = loop {
                match self.wait(&slots) {
                    Ok(Some((socket, peer))) => {
                        let Ok(handle) = socket.try_clone() else { continue };
                        let slot = slots.add(handle);
                        let options = &self.options;
                        let serve = move || {
                            if let Ok(connection) = Connection::new(socket, peer, options, slot) {
                                connection.serve(registry, observer);
                            }
                        };
                        // Where there can be no thread the connection ends, and its place with it.
                        drop(std::thread::Builder::new().spawn_scoped(scope, serve));
                    }
                    Ok(None) => break Ok(()),
                    Err(source) => break Err(ServeError::Wait { source }),
                }
            };
            slots.stop();
            outcome
        })
    }

    /// The next connection. `None`: there is to be no other.
    fn wait(&self, slots: &Slots) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        /// How often it is looked whether there is room, where there is none.
        const SOON: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
        loop {
            let mut both =
                [PollFd::new(&self.told, PollFlags::IN), PollFd::new(&self.listener, PollFlags::IN)];
            match poll(&mut both, None) {
                Err(rustix::io::Errno::INTR) => continue,
                waited => waited.map(drop)?,
            }
            if !both[0].revents().is_empty() {
                return Ok(None);
            }
            if both[1].revents().is_empty() {
                continue;
            }
            if slots.len() >= self.options.connections {
                // Somebody waits for room: who is idle makes it.
                slots.end_idle();
                match poll(&mut both[..1], Some(&SOON)) {
                    Err(rustix::io::Errno::INTR) => continue,
                    waited => waited.map(drop)?,
                }
                continue;
            }
            match self.listener.accept() {
                Ok(accepted) => return Ok(Some(accepted)),
                // Who asked has gone again, or there is no handle left: others will give theirs back.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}
