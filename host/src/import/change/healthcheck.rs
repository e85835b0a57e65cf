//! `HEALTHCHECK`: `NONE`, or options and a command.

use super::{Wrong, array};
use crate::import::config::Healthcheck;
use crate::import::words::split;

const OPTIONS: &str =
    "`--interval`, `--timeout`, `--start-period`, `--start-interval` or `--retries`, with a value";

pub(super) fn read(text: &str) -> Result<Healthcheck, Wrong> {
    let mut check = Healthcheck::default();
    let mut rest = text;
    while let Some(option) = split(rest).first().copied().filter(|word| word.starts_with("--")) {
        let (name, value) = option.split_once('=').ok_or_else(|| (OPTIONS, option.to_owned()))?;
        let wrong = |wanted| move |()| (wanted, option.to_owned());
        let time = || duration(value).ok_or(()).map_err(wrong("a duration of at least 1ms, as `1m30s`"));
        match name {
            "--interval" => check.interval = time()?,
            "--timeout" => check.timeout = time()?,
            "--start-period" => check.start_period = time()?,
            "--start-interval" => check.start_interval = time()?,
            "--retries" => {
                let retries = value.parse::<u32>().ok().filter(|retries| *retries > 0);
                check.retries = retries.ok_or(()).map_err(wrong("a number above 0"))?.into();
            }
            _ => return Err((OPTIONS, option.to_owned())),
        }
        rest = rest[option.len()..].trim_start();
    }
    let (kind, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let rest = rest.trim();
    let optionless = check == Healthcheck::default();
    check.test = match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() && optionless => vec!["NONE".into()],
        "CMD" if !rest.is_empty() => match array(rest) {
            Some(exec) if exec.is_empty() => return Err(("a command after `CMD`", rest.to_owned())),
            Some(exec) => std::iter::once("CMD".to_owned()).chain(exec).collect(),
            // The shell is for whoever runs the check to choose.
            None => vec!["CMD-SHELL".into(), rest.into()],
        },
        _ => return Err(("`NONE` alone, or `CMD` and a command", text.to_owned())),
    };
    Ok(check)
}

/// Go's `time.ParseDuration`, in nanoseconds; at least a millisecond, or 0.
fn duration(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let mut rest = text;
    let mut total = 0f64;
    while !rest.is_empty() {
        let digits = rest.find(|next: char| !next.is_ascii_digit() && next != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|next: char| next.is_ascii_digit() || next == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        rest = &rest[end..];
        total += number * unit;
    }
    // Go's durations end at 292 years.
    (!text.is_empty() && (total == 0.0 || (1e6..9.2e18).contains(&total))).then_some(total.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for (text, wanted) in [
            ("30s", Some(30_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("500ms", Some(500_000_000)),
            ("1000us", Some(1_000_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("1us", None),
            ("", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1x", None),
            ("1s1", None),
            ("10000000h", None),
        ] {
            assert_eq!(duration(text), wanted, "{text}");
        }
    }
}
