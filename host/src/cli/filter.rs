//! Filters as users write them: `key=value`.

use std::time::SystemTime;

use anyhow::Result;
use jiff::{SignedDuration, Timestamp, civil, tz};

use consign::digest::Digest;
use consign::list::Filter;

use super::args::{Rules, Wanted};
use super::failure::Failure;
use super::image;
use super::refusal::with_hint;
use super::session::Session;

const KNOWN: &str = "before dangling digest id intermediate label label! reference since until";

/// Reads one filter of a list of images.
pub fn of_images(session: &Session, text: &str) -> Result<Filter> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Failure::usage(format!("wanted a filter KEY=VALUE, found `{text}`")).into());
    };
    let wrong =
        |wanted: &str| Failure::usage(format!("wanted {wanted} for the filter `{key}`, found `{value}`"));
    Ok(match key {
        "dangling" => Filter::Dangling(truth(value).ok_or_else(|| wrong("true or false"))?),
        "intermediate" => Filter::Intermediate(truth(value).ok_or_else(|| wrong("true or false"))?),
        "label" | "label!" => {
            let (name, value) = match value.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (value, None),
            };
            Filter::Label { key: name.to_owned(), value, negated: key == "label!" }
        }
        "before" => Filter::Before(locate(session, value)?),
        "since" | "after" => Filter::Since(locate(session, value)?),
        "until" => Filter::Until(moment(value, Timestamp::now()).ok_or_else(|| {
            wrong("a time (2006-01-02T15:04:05Z, seconds since 1970, or a duration as 24h)")
        })?),
        "reference" => Filter::Reference(value.to_owned()),
        "id" => {
            let digits = value.strip_prefix("sha256:").unwrap_or(value);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(wrong("the beginning of an image ID").into());
            }
            Filter::Id(digits.to_ascii_lowercase())
        }
        "digest" | "manifest" => Filter::Digest(value.parse::<Digest>().map_err(|_| wrong("a digest"))?),
        _ => {
            let message = format!("wanted one of the filters {KNOWN}, found `{key}`");
            return Err(Failure::usage(message).into());
        }
    })
}

/// As Go's `strconv.ParseBool` reads it.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// The image of the store that a name or an ID means on this machine.
fn locate(session: &Session, text: &str) -> Result<Digest> {
    let opened = image::open(session, text)?;
    let wanted = Wanted { platform: None, rules: Rules::Docker };
    let resolved = opened.resolve(session, &session.options(&wanted)?);
    Ok(resolved.map_err(|error| with_hint(error, &opened))?.config.digest.parse()?)
}

/// A moment as docker and podman take it: RFC 3339 with or without a zone or parts of the time (UTC then), a
/// date, seconds since 1970 with a fraction or without, or a duration before `now`.
pub fn moment(text: &str, now: Timestamp) -> Option<SystemTime> {
    let timestamp = seconds(text)
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| civil_time(text)?.to_zoned(tz::TimeZone::UTC).ok().map(|time| time.timestamp()))
        .or_else(|| now.checked_sub(duration(text)?).ok())?;
    Some(timestamp.into())
}

fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(whole.parse().ok()?, nanoseconds).ok()
}

fn civil_time(text: &str) -> Option<civil::DateTime> {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let whole = match text.split_once('T') {
        // To the hour.
        Some((_, time)) if time.len() == 2 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    whole.parse::<civil::DateTime>().ok()
}

/// As Go's `time.ParseDuration` reads it: `1h30m`, `1.5h`, `300ms`.
pub fn duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..digits)?.parse().ok()?;
        let after = rest.get(digits..)?;
        let length = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let unit = match after.get(..length)? {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        total += number * unit;
        rest = after.get(length..)?;
    }
    SignedDuration::try_from_secs_f64(if negative { -total } else { total }).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_docker_reads_them() {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        for (text, wanted) in [
            ("2025-05-06T07:08:09Z", "2025-05-06T07:08:09Z"),
            ("2025-05-06T07:08:09.5+02:00", "2025-05-06T05:08:09.5Z"),
            ("2025-05-06T07:08:09", "2025-05-06T07:08:09Z"),
            ("2025-05-06T07:08", "2025-05-06T07:08:00Z"),
            ("2025-05-06T07", "2025-05-06T07:00:00Z"),
            ("2025-05-06", "2025-05-06T00:00:00Z"),
            ("1700000000", "2023-11-14T22:13:20Z"),
            ("1700000000.25", "2023-11-14T22:13:20.25Z"),
            ("24h", "2026-01-01T03:04:05Z"),
            ("1h30m", "2026-01-02T01:34:05Z"),
            ("1.5h", "2026-01-02T01:34:05Z"),
            ("300ms", "2026-01-02T03:04:04.7Z"),
        ] {
            let found = moment(text, now).map(|time| Timestamp::try_from(time).unwrap().to_string());
            assert_eq!(found.as_deref(), Some(wanted), "{text}");
        }
        for wrong in ["", "yesterday", "24", "1x", "h", "2025-13-01", "1.2.3h", "-"] {
            let found = moment(wrong, now).map(|time| Timestamp::try_from(time).unwrap().to_string());
            assert!(found.is_none() || wrong == "24", "{wrong}: {found:?}");
        }
    }
}
