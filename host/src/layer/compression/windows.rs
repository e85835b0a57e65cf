//! Memory for the windows of Zstandard, shared by decoders that run at the same time: each takes what its frames need
//! before it decodes one, and waits until that is free.
//!
//! Only who decodes on a thread of its own, into buffers that somebody empties whatever else waits, may share: readers
//! that a caller holds several of would wait for each other.

use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

use super::zstd_frames::WINDOW_LIMIT;

/// Bytes that windows take together which nobody waits for: one as large as may be, or four of the eight MiB that
/// writers ask for at most unless they are told to.
const TOGETHER: u64 = WINDOW_LIMIT;

/// Bytes of windows of layers that are decoded ahead of the one that is wanted now.
const AHEAD: u64 = 8 << 20;

/// Bytes that are given out, to whom nobody has to wait without end.
pub(crate) struct Windows {
    limit: u64,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    taken: u64,
    /// Whose turn it is: it has what it needs, whatever the others have.
    turn: Option<usize>,
}

impl Windows {
    fn new(limit: u64, turn: Option<usize>) -> Windows {
        Windows { limit, state: Mutex::new(State { taken: 0, turn }), changed: Condvar::new() }
    }

    /// Those of all transfers of this process.
    pub(crate) fn of_process() -> Arc<Windows> {
        static WINDOWS: LazyLock<Arc<Windows>> = LazyLock::new(|| Arc::new(Windows::new(TOGETHER, None)));
        WINDOWS.clone()
    }

    /// For decoders of which one after the other is waited for, counted from 0.
    pub(crate) fn in_turn() -> Arc<Windows> {
        Arc::new(Windows::new(AHEAD, Some(0)))
    }

    /// It is this one's turn.
    pub(crate) fn turn(&self, turn: usize) {
        self.state().turn = Some(turn);
        self.changed.notify_all();
    }

    /// Waits until the turn of the one that is so many before it has come.
    pub(crate) fn wait(&self, number: usize, ahead: usize) {
        let mut state = self.state();
        while state.turn.is_some_and(|turn| turn.saturating_add(ahead) < number) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nobody waits for anything any more: whoever decodes on does so to find that out.
    pub(crate) fn give_up(&self) {
        self.turn(usize::MAX);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one decoder has of them. It gives back what it has when it is dropped.
pub(crate) struct Share {
    windows: Arc<Windows>,
    number: usize,
    bytes: u64,
    /// Its turn came, and what it has counts no more.
    own: bool,
}

impl Share {
    /// A share that has nothing yet. `number`: of the decoder, where they take turns.
    pub(crate) fn of(windows: Arc<Windows>, number: usize) -> Share {
        Share { windows, number, bytes: 0, own: false }
    }

    /// Whether it has as much.
    pub(super) fn has(&self, bytes: u64) -> bool {
        self.own || self.bytes >= bytes
    }

    /// Gives back what it has, and takes this much when it is there. What is larger than a window may be is for the
    /// decoder to refuse.
    pub(super) fn exchange(&mut self, bytes: u64) {
        self.give_back();
        if bytes > WINDOW_LIMIT {
            return;
        }
        let mut state = self.windows.state();
        loop {
            // Turns only go up.
            if state.turn.is_some_and(|turn| self.number <= turn) {
                self.own = true;
                return;
            }
            if state.taken + bytes <= self.windows.limit {
                state.taken += bytes;
                self.bytes = bytes;
                return;
            }
            state = self.windows.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn give_back(&mut self) {
        if self.bytes > 0 {
            self.windows.state().taken -= self.bytes;
            self.bytes = 0;
            self.windows.changed.notify_all();
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}
