//! The same work on many things, several at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Runs `work` on every item, in their order, on this many threads. After an error those that have not begun are given
/// up; those underway are told so, and what they say then does not count.
///
/// # Errors
/// The first that came.
pub(crate) fn side_by_side<T: Send, E: Send>(
    items: Vec<T>,
    threads: usize,
    work: impl Fn(T, &AtomicBool) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let threads = threads.min(items.len());
    let (items, stopped, first) = (Mutex::new(items.into_iter()), AtomicBool::new(false), Mutex::new(None));
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let run = || {
        while !stopped.load(Ordering::Relaxed)
            && let Some(item) = next()
        {
            if let Err(error) = work(item, &stopped) {
                first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                stopped.store(true, Ordering::Relaxed);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// How many at once, at most, where each needs a processor.
pub(crate) fn processors(most: usize) -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(most)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn everything_is_done_once_and_the_first_error_ends_it() {
        let done = AtomicUsize::new(0);
        let add = |item: usize, _: &AtomicBool| {
            done.fetch_add(item, Ordering::Relaxed);
            Ok::<_, ()>(())
        };
        assert_eq!(side_by_side((1..=100).collect(), 3, add), Ok(()));
        assert_eq!(done.load(Ordering::Relaxed), 5050);
        let begun = AtomicUsize::new(0);
        let fail = |item: usize, stopped: &AtomicBool| {
            begun.fetch_add(1, Ordering::Relaxed);
            if item == 0 {
                return Err("first");
            }
            while !stopped.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            Err("later")
        };
        assert_eq!(side_by_side((0..100).collect(), 2, fail), Err("first"));
        assert!(begun.load(Ordering::Relaxed) <= 2);
    }
}
