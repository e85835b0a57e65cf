//! From Rust to the host.

use super::{Shape, aligned, kept};
use crate::prelude::*;

/// A type the component answers with.
pub trait Lower: Shape + Sized {
    /// Lays the value out at `at`. What is written may point into the value.
    ///
    /// # Safety
    ///
    /// `at` has room for the type and is aligned for it.
    unsafe fn lower(&self, at: *mut u8);

    /// Where the elements of a list lie for the host.
    fn elements(list: &[Self]) -> *const u8 {
        let first = kept(list.len() * Self::SIZE);
        let mut at = first;
        for element in list {
            // SAFETY: there is room for all of them, aligned for every type.
            unsafe {
                element.lower(at);
                at = at.add(Self::SIZE);
            }
        }
        first
    }
}

/// A result that is one core value.
pub trait Direct {
    /// That value.
    fn direct(self) -> u32;
}

impl Direct for bool {
    fn direct(self) -> u32 {
        u32::from(self)
    }
}

macro_rules! plain {
    ($($type:ty),*) => {
        $(impl Lower for $type {
            unsafe fn lower(&self, at: *mut u8) {
                // SAFETY: the caller's.
                unsafe { at.cast::<$type>().write(*self) }
            }

            /// In Rust they lie as they do for the host.
            fn elements(list: &[Self]) -> *const u8 {
                list.as_ptr().cast()
            }
        })*
    };
}

plain!(bool, u8, u16, u32, u64, i64, char);

impl Lower for () {
    unsafe fn lower(&self, _: *mut u8) {}
}

/// Writes a pointer and a length.
///
/// # Safety
///
/// `at` has room for two words.
unsafe fn span(at: *mut u8, first: *const u8, length: usize) {
    // SAFETY: the caller's.
    unsafe {
        at.cast::<*const u8>().write(first);
        at.add(4).cast::<usize>().write(length);
    }
}

impl Lower for String {
    unsafe fn lower(&self, at: *mut u8) {
        // SAFETY: the caller's.
        unsafe { span(at, self.as_ptr(), self.len()) }
    }
}

impl<T: Lower> Lower for Vec<T> {
    unsafe fn lower(&self, at: *mut u8) {
        // SAFETY: the caller's.
        unsafe { span(at, T::elements(self), self.len()) }
    }
}

impl<T: Lower> Lower for Option<T> {
    #[inline(never)]
    unsafe fn lower(&self, at: *mut u8) {
        // SAFETY: the caller's; the value starts at its alignment.
        unsafe {
            at.write(u8::from(self.is_some()));
            if let Some(value) = self {
                value.lower(at.add(T::ALIGN));
            }
        }
    }
}

impl<T: Lower, E: Lower> Lower for Result<T, E> {
    unsafe fn lower(&self, at: *mut u8) {
        // SAFETY: the caller's; either value starts at the greater alignment.
        unsafe {
            at.write(u8::from(self.is_err()));
            match self {
                Ok(value) => value.lower(at.add(Self::ALIGN)),
                Err(error) => error.lower(at.add(Self::ALIGN)),
            }
        }
    }
}

impl<A: Lower, B: Lower> Lower for (A, B) {
    unsafe fn lower(&self, at: *mut u8) {
        // SAFETY: the caller's; the second follows the first where it is aligned.
        unsafe {
            self.0.lower(at);
            self.1.lower(at.add(aligned(A::SIZE, B::ALIGN)));
        }
    }
}

impl<A: Lower, B: Lower, C: Lower> Lower for (A, B, C) {
    unsafe fn lower(&self, at: *mut u8) {
        let second = aligned(A::SIZE, B::ALIGN);
        // SAFETY: the caller's; each follows the one before it where it is aligned.
        unsafe {
            self.0.lower(at);
            self.1.lower(at.add(second));
            self.2.lower(at.add(aligned(second + B::SIZE, C::ALIGN)));
        }
    }
}
