//! A connection, plain or with TLS. Nothing on it is waited for without an end.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use super::ServeError;

/// Bytes that are sent in one go.
const PIECE: u64 = 256 << 10;
/// How long nothing at all may go out.
const STALLED: Duration = Duration::from_secs(30);
/// How long a connection that was closed is listened to: with unread bytes in it the answer would be lost.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes that are listened to then.
const LINGERED: usize = 256 << 10;

/// Whom a server shows itself as.
#[derive(Clone)]
pub struct Identity(Arc<ServerConfig>);

impl Identity {
    /// Of a chain of certificates, the server's first, and its key, both in PEM.
    ///
    /// # Errors
    ///
    /// [`ServeError::Identity`] where one of them is not what it should be, or they do not belong together.
    pub fn of(certificates: &[u8], key: &[u8]) -> Result<Identity, ServeError> {
        let wrong = |reason: String| ServeError::Identity { reason };
        let chain = CertificateDer::pem_slice_iter(certificates)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(format!("the certificates are not valid: {error}")))?;
        if chain.is_empty() {
            return Err(wrong("wanted certificates in PEM, found none".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| wrong(format!("wanted a private key in PEM: {error}")))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| wrong(error.to_string()))?;
        Ok(Identity(Arc::new(config)))
    }
}

impl std::fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// One connection.
pub(super) struct Stream {
    socket: TcpStream,
    tls: Option<Box<ServerConnection>>,
    /// When reading is over.
    deadline: Instant,
}

impl Stream {
    pub(super) fn new(socket: TcpStream, identity: Option<&Identity>) -> io::Result<Stream> {
        socket.set_nonblocking(false)?;
        socket.set_nodelay(true)?;
        socket.set_write_timeout(Some(STALLED))?;
        let tls = identity.map(|identity| ServerConnection::new(identity.0.clone()).map(Box::new));
        let tls = tls.transpose().map_err(io::Error::other)?;
        Ok(Stream { socket, tls, deadline: Instant::now() })
    }

    /// Reading is over at this moment, at the latest.
    pub(super) fn read_until(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Reads what has come of TLS. False: nothing will come.
    fn read_tls(&mut self) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        // Each byte of a handshake may come by itself.
        self.socket.set_read_timeout(Some(left(self.deadline)?))?;
        if tls.read_tls(&mut self.socket)? == 0 {
            return Ok(false);
        }
        let processed = tls.process_new_packets();
        // What is wrong with it is said in an alert.
        while tls.wants_write() {
            tls.write_tls(&mut self.socket)?;
        }
        processed.map(|_| true).map_err(io::Error::other)
    }

    fn write_until(&self, deadline: Instant) -> io::Result<()> {
        self.socket.set_write_timeout(Some(left(deadline)?.min(STALLED)))
    }

    /// Sends these bytes, and then so many of a file from where it stands, by this moment.
    pub(super) fn send(
        &mut self,
        bytes: &[u8],
        file: Option<(&mut File, u64)>,
        deadline: Instant,
    ) -> io::Result<()> {
        for piece in bytes.chunks(PIECE as usize) {
            self.write_until(deadline)?;
            self.write_all(piece)?;
        }
        if let Some((file, length)) = file {
            let mut rest = length;
            while rest > 0 {
                self.write_until(deadline)?;
                let sent = self.send_piece(&mut Read::take(&mut *file, rest.min(PIECE)))?;
                if sent == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                rest -= sent;
            }
        }
        self.flush()
    }

    fn send_piece(&mut self, piece: &mut io::Take<&mut File>) -> io::Result<u64> {
        if self.tls.is_some() {
            return io::copy(piece, self);
        }
        // Which the standard library leaves to the system, from the file to the socket.
        io::copy(piece, &mut self.socket)
    }

    /// Ends the connection in such a way that what was sent arrives.
    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            let _ = self.flush();
        }
        if self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let (deadline, mut bytes, mut heard) = (Instant::now() + LINGER, [0; 4096], 0);
        while heard < LINGERED
            && let Ok(left) = left(deadline)
            && self.socket.set_read_timeout(Some(left)).is_ok()
            && let Ok(read @ 1..) = self.socket.read(&mut bytes)
        {
            heard += read;
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(tls) = &mut self.tls else {
                self.socket.set_read_timeout(Some(left(self.deadline)?))?;
                return self.socket.read(buffer);
            };
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
            if !self.read_tls()? {
                return Ok(0);
            }
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).write(bytes),
            None => self.socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).flush(),
            None => self.socket.flush(),
        }
    }
}

/// How long it is until then.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}
