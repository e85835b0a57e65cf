//! The heap behind Rust's allocations.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

use super::{Blocks, GRAIN, class};

/// The one heap.
pub struct Heap(UnsafeCell<Blocks>);

impl Heap {
    /// Nothing was taken.
    pub const fn new() -> Self {
        Heap(UnsafeCell::new(Blocks::new()))
    }
}

// SAFETY: a component has one thread.
unsafe impl Sync for Heap {}

/// More memory for the component, in pages.
fn grow(bytes: usize) -> Option<(usize, usize)> {
    const PAGE: usize = 65536;
    let pages = bytes.div_ceil(PAGE);
    let before = core::arch::wasm32::memory_grow::<0>(pages);
    (before != usize::MAX).then(|| (before * PAGE, pages * PAGE))
}

// SAFETY: blocks are aligned to `GRAIN` and as large as was asked for, and no two in use overlap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > GRAIN {
            return null_mut();
        }
        // SAFETY: there is one thread, and `take` does not come here again.
        unsafe { (*self.0.get()).take(layout.size(), grow) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: there is one thread; the block is the caller's.
        unsafe { (*self.0.get()).give(block, layout.size()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if class(layout.size()) == class(size) {
            return block;
        }
        // SAFETY: the caller's; the new block is another one.
        unsafe {
            let new = self.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                core::ptr::copy_nonoverlapping(block, new, layout.size().min(size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
