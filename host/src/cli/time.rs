//! Moments as podman's and docker's users write them.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::failure::Failure;

/// Which way from now a duration goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Past,
    Future,
}

/// What this machine's clock says.
pub fn now() -> Timestamp {
    Timestamp::try_from(consign::clock::now()).unwrap_or_default()
}

/// Reads RFC 3339, the same without an offset (UTC) or without a time, seconds since 1970 with or without a
/// fraction, or a duration from now as Go writes it: `10m`, `1h30m`, `1.5h`.
pub fn moment(text: &str, now: Timestamp, direction: Direction) -> Result<Timestamp, Failure> {
    let utc = || TimeZone::fixed(Offset::UTC);
    let civil = |time: DateTime| time.to_zoned(utc()).ok().map(|zoned| zoned.timestamp());
    let date = || {
        let plain = text.strip_suffix('Z').unwrap_or(text);
        (plain.len() == 10).then(|| {
            plain.parse::<Date>().ok().and_then(|date| civil(date.to_datetime(jiff::civil::Time::midnight())))
        })?
    };
    let from_now = || {
        let length = duration(text)?;
        match direction {
            Direction::Past => now.checked_sub(length).ok(),
            Direction::Future => now.checked_add(length).ok(),
        }
    };
    seconds(text)
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(date)
        .or_else(|| text.contains('T').then(|| text.parse().ok().and_then(civil))?)
        .or_else(from_now)
        .ok_or_else(|| {
            Failure::usage(format!("not a time: `{text}`"))
                .hint("write 2026-01-31T12:00:00Z, seconds since 1970, or a duration such as 10m or 1h30m")
        })
}

/// Seconds since 1970, with up to nine decimals.
fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(whole.parse().ok()?, nanoseconds).ok()
}

/// A duration as Go's `time.ParseDuration` reads it, without a sign.
fn duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text;
    let mut total = 0f64;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(end);
        let (unit, after) = unit.split_at(unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len()));
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * seconds;
        rest = after;
    }
    (!text.is_empty()).then(|| SignedDuration::try_from_secs_f64(total).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        moment(text, now, Direction::Past).ok().map(|moment| moment.to_string())
    }

    #[test]
    fn every_form_that_podman_takes_is_a_moment() {
        for (text, wanted) in [
            ("2026-01-31T11:00:00Z", "2026-01-31T11:00:00Z"),
            ("2026-01-31T12:00:00.5+01:00", "2026-01-31T11:00:00.5Z"),
            ("2026-01-31T11:00:00", "2026-01-31T11:00:00Z"),
            ("2026-01-31T11:00:00.25", "2026-01-31T11:00:00.25Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31Z", "2026-01-31T00:00:00Z"),
            ("0", "1970-01-01T00:00:00Z"),
            ("1769860800.000000001", "2026-01-31T12:00:00.000000001Z"),
            ("10m", "2026-01-31T11:50:00Z"),
            ("2h30m", "2026-01-31T09:30:00Z"),
            ("1.5h", "2026-01-31T10:30:00Z"),
            ("1h30s", "2026-01-31T10:59:30Z"),
            ("500ms", "2026-01-31T11:59:59.5Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(wanted), "{text}");
        }
        let now = "2026-01-31T12:00:00Z".parse().unwrap();
        let later = moment("1h", now, Direction::Future).unwrap();
        assert_eq!(later.to_string(), "2026-01-31T13:00:00Z");
    }

    #[test]
    fn anything_else_is_none() {
        for text in [
            "",
            "x",
            "-5m",
            "m",
            "10 m",
            "5d",
            "1h5",
            "2026-13-01",
            "1.2.3",
            "1e400h",
            "99999999999999999999",
        ] {
            assert!(read(text).is_none(), "{text}: {:?}", read(text));
        }
    }
}
