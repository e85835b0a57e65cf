//! The component's heap: free lists by size over memory that only grows.
//!
//! Sizes are rounded up by a quarter at most, so that a block that was given back serves the next of about its
//! size; blocks are neither split nor joined. That takes 1 KB of code where a general allocator takes 9, and less
//! time. A component runs many short calls, each of which gives back all it took.

#[cfg(target_arch = "wasm32")]
mod global;

#[cfg(target_arch = "wasm32")]
pub use global::Heap;

use core::ptr::null_mut;

/// What every block is aligned to, and the size of the smallest.
const GRAIN: usize = 16;
/// Four sizes for every doubling, up to the whole of the memory.
const CLASSES: usize = 4 * 29;

/// The class of blocks that hold `size` bytes, and how many they hold.
fn class(size: usize) -> (usize, usize) {
    let grains = size.max(1).div_ceil(GRAIN);
    // Up to eight grains every size has its class; from there on the topmost three bits count.
    let shift = (usize::BITS - grains.leading_zeros()).saturating_sub(3);
    let rounded = (grains + (1 << shift) - 1) >> shift;
    (shift as usize * 4 + rounded, (rounded << shift) * GRAIN)
}

/// Where blocks come from.
struct Blocks {
    /// For each class the first block that is free; it holds the address of the next.
    free: [*mut u8; CLASSES],
    /// From here on nothing was used yet.
    fresh: usize,
    /// Up to here there is memory.
    end: usize,
}

impl Blocks {
    const fn new() -> Self {
        Blocks { free: [null_mut(); CLASSES], fresh: 0, end: 0 }
    }

    /// A block of so many bytes. `grow` is asked for at least as many more bytes of memory, wherever it ends, and
    /// answers where they start and how many there are.
    fn take(&mut self, size: usize, grow: impl FnOnce(usize) -> Option<(usize, usize)>) -> *mut u8 {
        let (class, size) = class(size);
        let Some(first) = self.free.get_mut(class) else { return null_mut() };
        if !first.is_null() {
            let block = *first;
            // SAFETY: a free block holds the address of the next one; nobody else has it.
            *first = unsafe { block.cast::<*mut u8>().read() };
            return block;
        }
        if size > self.end - self.fresh {
            let Some((start, more)) = grow(size) else { return null_mut() };
            if start != self.end {
                self.fresh = start.next_multiple_of(GRAIN);
            }
            self.end = start + more;
            if size > self.end - self.fresh {
                return null_mut();
            }
        }
        let block = self.fresh;
        self.fresh += size;
        core::ptr::with_exposed_provenance_mut(block)
    }

    /// Takes a block back.
    ///
    /// # Safety
    ///
    /// It came from here for that size, and nobody uses it any more.
    unsafe fn give(&mut self, block: *mut u8, size: usize) {
        let (class, _) = class(size);
        // SAFETY: the caller's: the block is ours and large enough for an address.
        unsafe { block.cast::<*mut u8>().write(self.free[class]) };
        self.free[class] = block;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_is_asked_of_it_and_a_quarter_more_at_most() {
        let mut last = (0, 0);
        for size in (1..70_000).chain((17..31).map(|bit| (1 << bit) + 1)) {
            let (class, held) = class(size);
            assert!(class < CLASSES && held.is_multiple_of(GRAIN));
            assert!(held >= size && held <= (size + size / 4).max(size + GRAIN), "{size}: {held}");
            assert!((class, held) == last || class > last.0 && held > last.1, "{size}");
            last = (class, held);
        }
    }

    #[test]
    fn blocks_in_use_do_not_overlap_and_free_ones_are_used_again() {
        let mut memory = vec![0_u128; 1 << 16];
        let (start, length) = (memory.as_mut_ptr().expose_provenance(), memory.len() * 16);
        // Memory that comes in pieces, one after the other.
        let mut given = 0;
        let mut blocks = Blocks::new();
        let mut used: Vec<(*mut u8, usize)> = Vec::new();
        let mut random = 1_u32;
        for round in 0..20_000_usize {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let size = (random >> 16) as usize % if round % 97 == 0 { 9000 } else { 200 };
            let block = blocks.take(size, |bytes| {
                let more = bytes.next_multiple_of(4096);
                given += more;
                (given <= length).then_some((start + given - more, more))
            });
            assert!(!block.is_null() && block.addr().is_multiple_of(GRAIN));
            for &(other, length) in &used {
                assert!(block.addr() + size <= other.addr() || other.addr() + length <= block.addr());
            }
            used.push((block, size));
            if used.len() > 50 {
                let (block, size) = used.swap_remove(random as usize % used.len());
                // SAFETY: it was taken above for this size, and is forgotten here.
                unsafe { blocks.give(block, size) };
            }
        }
        assert!(given < length / 4, "{given} bytes for a few kilobytes at a time");
    }

    #[test]
    fn where_there_is_no_more_memory_there_is_no_block() {
        assert!(Blocks::new().take(100, |_| None).is_null());
    }
}
