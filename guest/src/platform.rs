//! Platform strings and which platform runs on which (containerd/platforms 1.0.0-rc.5).
//!
//! Matching and ordering are separate: a [`Comparer`] accepts or refuses a candidate, and a [`Preference`]
//! says which of two candidates goes first. Neither builds the list of every platform that would fit:
//! a variant such as `v2000000000` costs no more than `v2`.

mod comparer;
mod compatible;
mod format;
mod normal;
mod parse;
mod path;
mod windows;

pub use crate::types::Platform;
pub use comparer::{Comparer, Mismatch, Preference};
pub use format::{format, format_all};
pub use normal::normalize;
pub use parse::parse;

use crate::prelude::*;
use crate::sort;
use crate::wit::exports::consign::image::platforms::Matcher;

/// Whether `matcher` accepts the candidate. `host_os` stands in for an operating system left out.
pub fn matches(matcher: &Matcher, candidate: &Platform, host_os: &str) -> bool {
    Comparer::new(matcher, host_os).accepts(candidate)
}

/// Positions of the candidates, preferred ones first, in the order Go's `sort.SliceStable` leaves them in.
pub fn order(matcher: &Matcher, candidates: &[Platform], host_os: &str) -> Vec<u32> {
    let comparer = Comparer::new(matcher, host_os);
    let preferences: Vec<Preference> =
        candidates.iter().map(|candidate| comparer.preference(candidate)).collect();
    sort::order(candidates.len(), &|a, b| preferences[a as usize].goes_before(&preferences[b as usize]))
}
