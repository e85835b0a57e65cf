//! What the last call answered, kept until the next one.

use core::alloc::Layout;
use core::cell::UnsafeCell;

use super::Lower;
use crate::prelude::*;

/// A value to be dropped, whichever it is.
trait Held {}
impl<T> Held for T {}

struct Answer {
    /// What was answered; the host may be reading in it.
    value: Option<Box<dyn Held>>,
    /// Where its lists and the answer itself are laid out for the host, in words of eight bytes: that is as far
    /// as anything has to be aligned. The buffers never move.
    rooms: Vec<Vec<u64>>,
    /// What is free of the last room.
    free: *mut u64,
    /// Words that are free there.
    words: usize,
}

struct Only(UnsafeCell<Answer>);

// SAFETY: the component has one thread.
unsafe impl Sync for Only {}

static ANSWER: Only =
    Only(UnsafeCell::new(Answer { value: None, rooms: Vec::new(), free: core::ptr::null_mut(), words: 0 }));

/// Words of a room, at least: small answers fit into one.
const ROOM: usize = 128;

impl Answer {
    /// Runs `change` on what is kept. `change` must not come here again.
    fn with<R>(change: impl FnOnce(&mut Answer) -> R) -> R {
        // SAFETY: there is one thread, and nothing that is passed here calls this function or keeps the reference.
        change(unsafe { &mut *ANSWER.0.get() })
    }
}

/// Gives back what the last call answered. Every call starts so: the host is done with it then.
pub fn forget() {
    let (value, rooms) = Answer::with(|answer| {
        answer.words = 0;
        (answer.value.take(), core::mem::take(&mut answer.rooms))
    });
    drop(value);
    drop(rooms);
}

/// Room for this many bytes, aligned to eight, until the next call.
#[inline(never)]
pub fn kept(bytes: usize) -> *mut u8 {
    let words = bytes.div_ceil(size_of::<u64>());
    Answer::with(|answer| {
        if words > answer.words {
            let mut room = Vec::<u64>::with_capacity(words.max(ROOM));
            answer.free = room.as_mut_ptr();
            answer.words = room.capacity();
            answer.rooms.push(room);
        }
        let at = answer.free;
        answer.free = at.wrapping_add(words);
        answer.words -= words;
        at.cast()
    })
}

/// Keeps a value and lays it out for the host.
pub fn answer<T: Lower + 'static>(value: T) -> *const u8 {
    let value = Box::new(value);
    let at = kept(T::SIZE);
    // SAFETY: the room is as large as the type is and aligned for every type. What is written there points into
    // the value, which stays where it is in its box until it is dropped with the room.
    unsafe { value.lower(at) };
    Answer::with(|answer| answer.value = Some(value));
    at
}

/// The host's way to memory for what it passes: strings and lists, which the values lifted from them take
/// over, and arguments too many to be passed one by one.
#[unsafe(export_name = "cabi_realloc")]
unsafe extern "C" fn reallocate(old: *mut u8, old_size: usize, align: usize, size: usize) -> *mut u8 {
    // SAFETY: the host asks for alignments of its types, which are powers of two, and for sizes that memory has
    // room for; it hands back what it was given here.
    let new = unsafe {
        let layout = Layout::from_size_align_unchecked(old_size, align);
        match (old_size, size) {
            (_, 0) => return core::ptr::without_provenance_mut(align),
            (0, _) => alloc::alloc::alloc(Layout::from_size_align_unchecked(size, align)),
            _ => alloc::alloc::realloc(old, layout, size),
        }
    };
    if new.is_null() {
        core::arch::wasm32::unreachable();
    }
    new
}
