//! From the host to Rust.

use core::alloc::Layout;
use core::marker::PhantomData;

use super::{Shape, aligned};
use crate::prelude::*;

/// A type the component is passed.
pub trait Lift: Shape + Sized {
    /// How many core values it is when it is flat.
    const SLOTS: usize;

    /// Reads the value at `at` and takes over the memory it points to.
    ///
    /// # Safety
    ///
    /// The host has laid out a value of the type there, which is read once.
    unsafe fn load(at: *const u8) -> Self;

    /// The same for a value passed as core values, of which it takes as many as it is.
    ///
    /// # Safety
    ///
    /// The host has passed a value of the type in them, which is taken once.
    unsafe fn take(slots: &mut Slots) -> Self;

    /// A list of so many elements.
    ///
    /// # Safety
    ///
    /// The host has laid them out at `first`, in memory it asked for; they are read once.
    unsafe fn list(first: *mut u8, length: usize) -> Vec<Self> {
        let mut list = Vec::with_capacity(length);
        for position in 0..length {
            // SAFETY: the caller's.
            list.push(unsafe { Self::load(first.add(position * Self::SIZE)) });
        }
        // SAFETY: the host asked for as much.
        unsafe { give_back(first, length * Self::SIZE, Self::ALIGN) };
        list
    }
}

/// Gives back what the host asked for.
///
/// # Safety
///
/// It asked for memory of that size and alignment, and nothing points there any more.
unsafe fn give_back(at: *mut u8, size: usize, align: usize) {
    if size > 0 {
        // SAFETY: the caller's.
        unsafe { alloc::alloc::dealloc(at, Layout::from_size_align_unchecked(size, align)) }
    }
}

/// Core values, widened, of which some were taken.
pub struct Slots<'a>(*const u64, PhantomData<&'a u64>);

impl<'a> Slots<'a> {
    /// None was taken.
    pub fn new(slots: &'a mut [u64]) -> Self {
        Slots(slots.as_ptr(), PhantomData)
    }

    /// The next one.
    ///
    /// # Safety
    ///
    /// There is one.
    pub unsafe fn slot(&mut self) -> u64 {
        let at = self.0;
        // SAFETY: the caller's.
        unsafe {
            self.0 = at.add(1);
            at.read()
        }
    }

    /// What is left after so many.
    ///
    /// # Safety
    ///
    /// There are as many.
    pub unsafe fn after(&self, count: usize) -> Self {
        // SAFETY: the caller's.
        Slots(unsafe { self.0.add(count) }, PhantomData)
    }

    /// The next argument.
    ///
    /// # Safety
    ///
    /// It is of the type.
    pub unsafe fn next<T: Lift>(&mut self) -> T {
        // SAFETY: the caller's.
        unsafe { T::take(self) }
    }

    /// The next argument, which is a resource of ours: what the host was given for it.
    ///
    /// # Safety
    ///
    /// It is one.
    pub unsafe fn pointer(&mut self) -> *const u8 {
        // SAFETY: the caller's; a pointer is passed as a number.
        unsafe { self.next::<u32>() as usize as *const u8 }
    }
}

/// Arguments in memory.
pub struct Spilled {
    at: *mut u8,
    offset: usize,
    size: usize,
    align: usize,
}

impl Spilled {
    /// None was read.
    ///
    /// # Safety
    ///
    /// The host has laid them out at `at`, in memory of that size and alignment that it asked for.
    pub unsafe fn new(at: *mut u8, size: usize, align: usize) -> Self {
        Spilled { at, offset: 0, size, align }
    }

    /// The next argument.
    ///
    /// # Safety
    ///
    /// It is of the type.
    pub unsafe fn next<T: Lift>(&mut self) -> T {
        let offset = aligned(self.offset, T::ALIGN);
        self.offset = offset + T::SIZE;
        // SAFETY: the caller's.
        unsafe { T::load(self.at.add(offset)) }
    }

    /// The next argument, which is a resource of ours: what the host was given for it.
    ///
    /// # Safety
    ///
    /// It is one.
    pub unsafe fn pointer(&mut self) -> *const u8 {
        // SAFETY: the caller's; a pointer is passed as a number.
        unsafe { self.next::<u32>() as usize as *const u8 }
    }
}

impl Drop for Spilled {
    fn drop(&mut self) {
        // SAFETY: the arguments were read, which leaves nothing that points there.
        unsafe { give_back(self.at, self.size, self.align) }
    }
}

macro_rules! plain {
    ($($type:ty = |$slot:ident| $value:expr),*) => {
        $(impl Lift for $type {
            const SLOTS: usize = 1;

            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller's.
                unsafe { at.cast::<$type>().read() }
            }

            unsafe fn take(slots: &mut Slots) -> Self {
                // SAFETY: the caller's.
                let $slot = unsafe { slots.slot() };
                $value
            }

            /// In Rust they lie as they do for the host.
            unsafe fn list(first: *mut u8, length: usize) -> Vec<Self> {
                if length == 0 {
                    // The host need not have asked for memory.
                    return Vec::new();
                }
                // SAFETY: the caller's; the memory has exactly the room for them.
                unsafe { Vec::from_raw_parts(first.cast(), length, length) }
            }
        })*
    };
}

plain!(
    bool = |slot| slot != 0,
    u8 = |slot| slot as u8,
    u32 = |slot| slot as u32,
    u64 = |slot| slot,
    i64 = |slot| slot as i64
);

impl Lift for String {
    const SLOTS: usize = 2;

    unsafe fn load(at: *const u8) -> Self {
        // SAFETY: the caller's; the host passes UTF-8.
        unsafe { String::from_utf8_unchecked(Vec::load(at)) }
    }

    unsafe fn take(slots: &mut Slots) -> Self {
        // SAFETY: the caller's; the host passes UTF-8.
        unsafe { String::from_utf8_unchecked(Vec::take(slots)) }
    }
}

impl<T: Lift> Lift for Vec<T> {
    const SLOTS: usize = 2;

    unsafe fn load(at: *const u8) -> Self {
        // SAFETY: the caller's: a pointer and a length.
        unsafe { T::list(at.cast::<*mut u8>().read(), at.add(4).cast::<usize>().read()) }
    }

    unsafe fn take(slots: &mut Slots) -> Self {
        // SAFETY: the caller's: a pointer and a length.
        unsafe {
            let first = slots.slot() as usize as *mut u8;
            T::list(first, slots.slot() as usize)
        }
    }
}

impl<T: Lift> Lift for Option<T> {
    const SLOTS: usize = 1 + T::SLOTS;

    #[inline(never)]
    unsafe fn load(at: *const u8) -> Self {
        // SAFETY: the caller's; the value starts at its alignment.
        unsafe { (at.read() != 0).then(|| T::load(at.add(T::ALIGN))) }
    }

    #[inline(never)]
    unsafe fn take(slots: &mut Slots) -> Self {
        // SAFETY: the caller's; without a value its slots are there and mean nothing.
        unsafe {
            let after = slots.after(Self::SLOTS);
            let value = (slots.slot() != 0).then(|| T::take(slots));
            *slots = after;
            value
        }
    }
}

impl<A: Lift, B: Lift> Lift for (A, B) {
    const SLOTS: usize = A::SLOTS + B::SLOTS;

    unsafe fn load(at: *const u8) -> Self {
        // SAFETY: the caller's; the second follows the first where it is aligned.
        unsafe { (A::load(at), B::load(at.add(aligned(A::SIZE, B::ALIGN)))) }
    }

    unsafe fn take(slots: &mut Slots) -> Self {
        // SAFETY: the caller's.
        unsafe { (A::take(slots), B::take(slots)) }
    }
}
