//! What Go programs make of times and versions.

use crate::prelude::*;

/// The time as Go writes one it has read: no zeros at the end of the fraction, which has nine digits
/// at most, and `Z` for an offset of nothing. `time` is one Go reads.
pub(super) fn time(time: &str) -> String {
    let (seconds, rest) = time.split_at_checked(19).unwrap_or((time, ""));
    let zone = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(zone);
    let digits = fraction.trim_start_matches('.');
    let digits = digits.get(..9).unwrap_or(digits).trim_end_matches('0');
    let point = if digits.is_empty() { "" } else { "." };
    let zone = if matches!(zone, "+00:00" | "-00:00") { "Z" } else { zone };
    format!("{seconds}{point}{digits}{zone}")
}

/// Whether one dotted version is less than another, as moby compares them: number by number, what is
/// not there or no number being 0.
pub(super) fn version_less(version: &str, than: &str) -> bool {
    let numbers =
        |text: &str| -> Vec<u64> { text.split('.').map(|part| part.parse().unwrap_or(0)).collect() };
    let (mut left, mut right) = (numbers(version), numbers(than));
    let width = left.len().max(right.len());
    left.resize(width, 0);
    right.resize(width, 0);
    left < right
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_does() {
        for (read, written) in [
            ("2026-11-21T09:39:52.001633324Z", "2026-11-21T09:39:52.001633324Z"),
            ("2026-11-21T09:39:52.100Z", "2026-11-21T09:39:52.1Z"),
            ("2026-11-21T09:39:52.000Z", "2026-11-21T09:39:52Z"),
            ("2026-11-21T09:39:52.1234567891Z", "2026-11-21T09:39:52.123456789Z"),
            ("2026-11-21T09:39:52+00:00", "2026-11-21T09:39:52Z"),
            ("2026-11-21T09:39:52.50+02:00", "2026-11-21T09:39:52.5+02:00"),
        ] {
            assert_eq!(time(read), written);
        }
    }

    #[test]
    fn versions_are_compared_number_by_number() {
        for less in ["", "1.8.2", "1.8", "0.9.9", "1.8.2-rc1", "dev", "1.8.3-rc1", "1.9-dev"] {
            assert!(version_less(less, "1.8.3"), "{less}");
        }
        for not in ["1.8.3", "1.10.0", "17.06.0-ce", "2", "1.8.3.0"] {
            assert!(!version_less(not, "1.8.3"), "{not}");
        }
    }
}
