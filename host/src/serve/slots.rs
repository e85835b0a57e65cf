//! The connections there are: how many, and which of them nothing is underway on.

use std::collections::BTreeMap;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// All connections of a server.
#[derive(Default)]
pub(super) struct Slots {
    open: Mutex<Open>,
    stopping: AtomicBool,
}

#[derive(Default)]
struct Open {
    next: u64,
    connections: BTreeMap<u64, Connection>,
}

struct Connection {
    /// Another handle on it.
    socket: TcpStream,
    /// Since when no request is underway.
    idle: Option<Instant>,
}

impl Connection {
    /// Ends the wait for a request. One that has come is still answered.
    fn end_waiting(&self) {
        let _ = self.socket.shutdown(Shutdown::Read);
    }
}

/// The place of one connection, until it is dropped.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    number: u64,
}

impl Slots {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.open().connections.len()
    }

    pub(super) fn add(&self, socket: TcpStream) -> Slot<'_> {
        let mut open = self.open();
        let number = open.next;
        open.next += 1;
        open.connections.insert(number, Connection { socket, idle: Some(Instant::now()) });
        Slot { slots: self, number }
    }

    /// Ends the connection that has been idle for longest, if one is.
    pub(super) fn end_idle(&self) {
        let open = self.open();
        let idle = open.connections.values().filter(|connection| connection.idle.is_some());
        if let Some(longest) = idle.min_by_key(|connection| connection.idle) {
            longest.end_waiting();
        }
    }

    /// Ends all connections on which nothing is underway, and every other one after its answer.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        let open = self.open();
        open.connections
            .values()
            .filter(|connection| connection.idle.is_some())
            .for_each(Connection::end_waiting);
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }
}

impl Slot<'_> {
    fn set(&self, idle: Option<Instant>) {
        if let Some(connection) = self.slots.open().connections.get_mut(&self.number) {
            connection.idle = idle;
        }
    }

    /// A request has begun.
    pub(super) fn busy(&self) {
        self.set(None);
    }

    /// The request is done. False: the connection is to end.
    pub(super) fn idle(&self) -> bool {
        self.set(Some(Instant::now()));
        !self.slots.is_stopping()
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.open().connections.remove(&self.number);
    }
}
