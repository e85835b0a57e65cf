//! Named steps of a write, at which tests kill the process.

/// Ends the process if `CONSIGN_CRASH_AT` names this step. Only in builds with debug assertions: a release
/// build has no such switch.
#[cfg(debug_assertions)]
pub(crate) fn reached(step: &str) {
    if std::env::var_os("CONSIGN_CRASH_AT").is_some_and(|wanted| wanted == step) {
        std::process::abort();
    }
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub(crate) fn reached(_step: &str) {}
