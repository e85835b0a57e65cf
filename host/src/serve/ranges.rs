//! Which part of a blob is wanted (RFC 9110, "Range").

use super::head::Head;

/// What is to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// At least one byte.
    Part {
        first: u64,
        length: u64,
    },
    /// What is wanted is not there.
    Nothing,
}

/// What a request wants of `size` bytes that are called `etag`.
pub(super) fn wanted(head: &Head, etag: &str, size: u64) -> Wanted {
    let same = head.header("if-range").is_none_or(|condition| condition == etag);
    match head.header("range") {
        Some(range) if same && head.method == "GET" => part(range, size),
        _ => Wanted::All,
    }
}

/// Several ranges, other units and what is no range do not count, as the specification allows.
fn part(range: &str, size: u64) -> Wanted {
    let unit = range.get(..6).filter(|unit| unit.eq_ignore_ascii_case("bytes="));
    let Some((first, last)) = unit.and_then(|_| range.get(6..)?.split_once('-')) else { return Wanted::All };
    let (first, last) = (first.trim(), last.trim());
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().unwrap_or(u64::MAX))
    };
    let (first, end) = match (number(first), number(last)) {
        (None, Some(length)) if first.is_empty() => (size.saturating_sub(length), size),
        (Some(first), None) if last.is_empty() => (first, size),
        (Some(first), Some(last)) if first <= last => (first, last.saturating_add(1).min(size)),
        _ => return Wanted::All,
    };
    match end.checked_sub(first) {
        Some(length @ 1..) => Wanted::Part { first, length },
        _ => Wanted::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_of_bytes_is_taken() {
        for (range, wanted) in [
            ("bytes=0-9", Some((0, 10))),
            ("Bytes=0-9", Some((0, 10))),
            ("bytes=90-", Some((90, 10))),
            ("bytes=90-1000", Some((90, 10))),
            ("bytes=99-99", Some((99, 1))),
            ("bytes=-1", Some((99, 1))),
            ("bytes=-1000", Some((0, 100))),
            ("bytes=0-99999999999999999999999", Some((0, 100))),
        ] {
            let wanted = wanted.map(|(first, length)| Wanted::Part { first, length }).unwrap();
            assert_eq!(part(range, 100), wanted, "{range}");
        }
        for range in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(part(range, 100), Wanted::Nothing, "{range}");
        }
        for range in ["bytes=0-", "bytes=-1"] {
            assert_eq!(part(range, 0), Wanted::Nothing, "{range}");
        }
        for range in
            ["bytes=5-4", "bytes=-", "bytes=", "bytes=a-b", "bytes=0-1,3-4", "rows=0-1", "bytes=+1-2", "é"]
        {
            assert_eq!(part(range, 100), Wanted::All, "{range}");
        }
    }
}
