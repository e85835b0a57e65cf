//! How values cross the component's boundary: the canonical ABI (component-model, CanonicalABI.md), written
//! once for every type. `exports` has the package's types and functions in these terms.
//!
//! An answer is lowered where it lies: what the host reads points into the Rust value, which is kept until the
//! next call. Nothing has to be given back after a call, so there are no functions for that.

mod answer;
mod lift;
mod lower;

use crate::prelude::*;

pub use answer::{answer, forget, kept};
pub use lift::{Lift, Slots, Spilled};
pub use lower::{Direct, Lower};

/// The place a type has in memory.
pub trait Shape {
    /// Bytes.
    const SIZE: usize;
    /// A power of two.
    const ALIGN: usize;
}

/// The next multiple of `align` from `offset` on.
pub const fn aligned(offset: usize, align: usize) -> usize {
    (offset + align - 1) & !(align - 1)
}

/// The larger one.
pub const fn larger(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}

macro_rules! place {
    ($type:ty, $size:literal, $align:literal) => {
        impl Shape for $type {
            const SIZE: usize = $size;
            const ALIGN: usize = $align;
        }
    };
}

place!(bool, 1, 1);
place!(u8, 1, 1);
place!(u16, 2, 2);
place!(u32, 4, 4);
place!(u64, 8, 8);
place!(i64, 8, 8);
place!(char, 4, 4);

impl Shape for () {
    const SIZE: usize = 0;
    const ALIGN: usize = 1;
}

/// A pointer and a length.
impl Shape for String {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
}

impl<T> Shape for Vec<T> {
    const SIZE: usize = 8;
    const ALIGN: usize = 4;
}

/// A byte that says which, then what it is: the alignment of that is where it starts.
impl<T: Shape> Shape for Option<T> {
    const SIZE: usize = T::ALIGN + T::SIZE;
    const ALIGN: usize = T::ALIGN;
}

impl<T: Shape, E: Shape> Shape for Result<T, E> {
    const SIZE: usize = Self::ALIGN + aligned(larger(T::SIZE, E::SIZE), Self::ALIGN);
    const ALIGN: usize = larger(T::ALIGN, E::ALIGN);
}

impl<A: Shape, B: Shape> Shape for (A, B) {
    const SIZE: usize = aligned(aligned(A::SIZE, B::ALIGN) + B::SIZE, Self::ALIGN);
    const ALIGN: usize = larger(A::ALIGN, B::ALIGN);
}

impl<A: Shape, B: Shape, C: Shape> Shape for (A, B, C) {
    const SIZE: usize =
        aligned(aligned(aligned(A::SIZE, B::ALIGN) + B::SIZE, C::ALIGN) + C::SIZE, Self::ALIGN);
    const ALIGN: usize = larger(larger(A::ALIGN, B::ALIGN), C::ALIGN);
}

/// A record: its fields, each with its offset; how many core values it is when it is flat; and which ways it goes.
macro_rules! record {
    ($type:ty: size $size:literal, align $align:literal, slots $slots:literal, $($way:ident)* => $fields:tt) => {
        place!($type, $size, $align);
        $(record!(@$way $type, $slots, $fields);)*
    };
    (@lower $type:ty, $slots:literal, { $($field:ident @ $offset:literal),* }) => {
        impl Lower for $type {
            #[inline(never)]
            unsafe fn lower(&self, at: *mut u8) {
                let Self { $($field),* } = self;
                // SAFETY: the caller's; the fields lie within the record.
                unsafe { $($field.lower(at.add($offset));)* }
            }
        }
    };
    (@lift $type:ty, $slots:literal, { $($field:ident @ $offset:literal),* }) => {
        impl Lift for $type {
            const SLOTS: usize = $slots;

            #[inline(never)]
            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller's; the fields lie within the record.
                unsafe { Self { $($field: Lift::load(at.add($offset))),* } }
            }

            #[inline(never)]
            unsafe fn take(slots: &mut Slots) -> Self {
                // SAFETY: the caller's; a record's slots are those of its fields.
                unsafe { Self { $($field: Lift::take(slots)),* } }
            }
        }
    };
}

/// A variant: its cases in order, some with a value, and where that lies.
macro_rules! variant {
    ($type:ty: size $size:literal, align $align:literal, slots $slots:literal, value @ $offset:literal, $($way:ident)* => $cases:tt) => {
        place!($type, $size, $align);
        $(variant!(@$way $type, $slots, $offset, $cases);)*
    };
    (@lower $type:ty, $slots:literal, $offset:literal, { $($tag:literal $case:ident $(($value:ident))?),* }) => {
        impl Lower for $type {
            #[inline(never)]
            unsafe fn lower(&self, at: *mut u8) {
                match self {
                    $(Self::$case $(($value))? => {
                        // SAFETY: the caller's; the case's number and value lie within the variant.
                        unsafe {
                            at.write($tag);
                            $($value.lower(at.add($offset));)?
                        }
                    })*
                }
            }
        }
    };
    (@lift $type:ty, $slots:literal, $offset:literal, { $($tag:literal $case:ident $(($value:ident))?),* }) => {
        impl Lift for $type {
            const SLOTS: usize = $slots;

            #[inline(never)]
            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller's; the case's number and value lie within the variant.
                unsafe {
                    match at.read() {
                        $($tag => Self::$case $(({ let $value = at.add($offset); Lift::load($value) }))?,)*
                        _ => core::arch::wasm32::unreachable(),
                    }
                }
            }

            #[inline(never)]
            unsafe fn take(slots: &mut Slots) -> Self {
                // SAFETY: the caller's; a variant's slots are its number and as many as the longest case has.
                unsafe {
                    let after = slots.after($slots);
                    let value = match slots.slot() {
                        $($tag => Self::$case $(({ let $value = &mut *slots; Lift::take($value) }))?,)*
                        _ => core::arch::wasm32::unreachable(),
                    };
                    *slots = after;
                    value
                }
            }
        }
    };
}

/// An enum: its cases in order.
macro_rules! enumeration {
    ($type:ty { $($tag:literal $case:ident),* }) => {
        place!($type, 1, 1);

        impl Lower for $type {
            unsafe fn lower(&self, at: *mut u8) {
                // SAFETY: the caller's.
                unsafe { at.write(Direct::direct(*self) as u8) }
            }
        }

        impl Direct for $type {
            fn direct(self) -> u32 {
                match self { $(Self::$case => $tag,)* }
            }
        }

        impl Lift for $type {
            const SLOTS: usize = 1;

            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller's.
                let mut slots = [u64::from(unsafe { at.read() })];
                // SAFETY: an enum is one slot.
                unsafe { Self::take(&mut Slots::new(&mut slots)) }
            }

            unsafe fn take(slots: &mut Slots) -> Self {
                // SAFETY: the caller's.
                match unsafe { slots.slot() } {
                    $($tag => Self::$case,)*
                    _ => core::arch::wasm32::unreachable(),
                }
            }
        }
    };
}

/// A resource of ours: its type, what is behind it, and the export by which the host drops it.
macro_rules! resource {
    ($type:ty: $implementation:ty, drop $name:literal $symbol:ident) => {
        place!($type, 4, 4);

        impl Direct for $type {
            fn direct(self) -> u32 {
                self.take_handle()
            }
        }

        impl Lift for $type {
            const SLOTS: usize = 1;

            unsafe fn load(at: *const u8) -> Self {
                // SAFETY: the caller's: the host hands the handle over.
                unsafe { Self::from_handle(u32::load(at)) }
            }

            unsafe fn take(slots: &mut Slots) -> Self {
                // SAFETY: the caller's: the host hands the handle over.
                unsafe { Self::from_handle(u32::take(slots)) }
            }
        }

        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $symbol(behind: *mut u8) {
            // SAFETY: what the host was given when the resource was made, and it drops a resource once.
            unsafe { <$type>::dtor::<$implementation>(behind) }
        }
    };
}

/// An exported function: its name, its core parameters, and what it does with them. They are either the
/// arguments, flat, or a pointer to where those lie. It answers with a pointer to the result, or with a result
/// of one core value, or with nothing.
macro_rules! export {
    ($name:literal $symbol:ident($($slot:ident: $core:ty),*) -> $kind:ident |$arguments:ident| $call:expr) => {
        #[allow(unused_mut, unused_unsafe, unused_variables, reason = "some functions take nothing")]
        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $symbol($($slot: $core),*) -> export!(@type $kind) {
            forget();
            let mut slots = [$(u64::from($slot)),*];
            let mut $arguments = Slots::new(&mut slots);
            // SAFETY: the host passes what the function's type says.
            let result = unsafe { $call };
            export!(@result $kind result)
        }
    };
    ($name:literal $symbol:ident(spilled $size:literal, $align:literal) -> $kind:ident |$arguments:ident| $call:expr) => {
        #[unsafe(export_name = $name)]
        unsafe extern "C" fn $symbol(at: *mut u8) -> export!(@type $kind) {
            forget();
            // SAFETY: the host passes what the function's type says.
            let mut $arguments = unsafe { Spilled::new(at, $size, $align) };
            // SAFETY: as above.
            let result = unsafe { $call };
            drop($arguments);
            export!(@result $kind result)
        }
    };
    (@type pointer) => { *const u8 };
    (@type direct) => { u32 };
    (@type nothing) => { () };
    (@result pointer $result:ident) => { answer($result) };
    (@result direct $result:ident) => { Direct::direct($result) };
    (@result nothing $result:ident) => { $result };
}

pub(super) use {enumeration, export, place, record, resource, variant};
