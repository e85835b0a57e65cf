//! HTTP over a Unix socket, for ureq, which brings TCP only.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

/// Connects to a socket, whatever the request's URL says.
#[derive(Debug)]
pub(super) struct Unix {
    pub(super) path: PathBuf,
    /// Is set where the daemon takes no more.
    pub(super) hung_up: Arc<AtomicBool>,
}

impl Connector for Unix {
    type Out = Socket;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<Socket>, Error> {
        let stream = UnixStream::connect(&self.path)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Socket { stream, buffers, hung_up: self.hung_up.clone() }))
    }
}

/// Looks nothing up.
#[derive(Debug)]
pub(super) struct Nowhere;

impl Resolver for Nowhere {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let mut found = self.empty();
        found.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        Ok(found)
    }
}

/// Looks names up that have to be this machine's.
#[derive(Debug)]
pub(super) struct Loopback;

impl Resolver for Loopback {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        let mut here = self.empty();
        found.iter().filter(|address| address.ip().is_loopback()).for_each(|address| here.push(*address));
        if here.is_empty() { Err(Error::HostNotFound) } else { Ok(here) }
    }
}

/// An open connection.
pub(super) struct Socket {
    stream: UnixStream,
    buffers: LazyBuffers,
    /// The daemon takes no more. It may have said why: what else was to be sent is passed over, and the answer
    /// read.
    hung_up: Arc<AtomicBool>,
}

impl fmt::Debug for Socket {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Socket").field("stream", &self.stream).finish_non_exhaustive()
    }
}

/// What is left of a time limit, for the system's. `None`: all the time there is.
fn limit(timeout: &NextTimeout) -> Option<Duration> {
    // Zero would be no limit.
    timeout.not_zero().map(|left| (*left).max(Duration::from_millis(1)))
}

fn failed(error: io::Error, timeout: &NextTimeout) -> Error {
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if self.hung_up.load(Ordering::Relaxed) {
            return Ok(());
        }
        let timeout = timeout.for_write();
        self.stream.set_write_timeout(limit(&timeout))?;
        match self.stream.write_all(&self.buffers.output()[..amount]) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.hung_up.store(true, Ordering::Relaxed);
                Ok(())
            }
            written => written.map_err(|error| failed(error, &timeout)),
        }
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        self.stream.set_read_timeout(limit(&timeout))?;
        let buffer = self.buffers.input_append_buf();
        let read = loop {
            match self.stream.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.map_err(|error| failed(error, &timeout))?,
            }
        };
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    /// For the next request: where the daemon has closed it, there is something to be read, its end.
    fn is_open(&mut self) -> bool {
        if self.hung_up.load(Ordering::Relaxed) || self.stream.set_nonblocking(true).is_err() {
            return false;
        }
        let is_quiet =
            matches!(self.stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
        self.stream.set_nonblocking(false).is_ok() && is_quiet
    }
}
