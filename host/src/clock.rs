//! What time it is.

use std::time::SystemTime;

/// What this machine's clock says, which may be anything: it can be set back between two calls. Nothing but what
/// is shown of times, and filters by time, goes by it.
///
/// In builds with debug assertions `CONSIGN_CLOCK` sets it so many seconds ahead, or back where they are negative:
/// for tests.
pub fn now() -> SystemTime {
    let now = SystemTime::now();
    #[cfg(debug_assertions)]
    if let Some(shifted) = shifted(now) {
        return shifted;
    }
    now
}

#[cfg(debug_assertions)]
fn shifted(now: SystemTime) -> Option<SystemTime> {
    let seconds: i64 = std::env::var("CONSIGN_CLOCK").ok()?.parse().ok()?;
    let shift = std::time::Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { now.checked_sub(shift) } else { now.checked_add(shift) }
}
