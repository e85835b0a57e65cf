//! Times.

/// Whether the text is a time as Go's `time.Time` reads it from JSON: RFC 3339 with an upper-case `T`
/// and `Z`, a day that exists, and an offset within a day.
pub(crate) fn is_rfc3339(text: &str) -> bool {
    let bytes = text.as_bytes();
    let number = |from: usize, digits: usize| -> Option<u32> {
        let digits = bytes.get(from..from + digits)?;
        digits
            .iter()
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + u32::from(digit - b'0')))
    };
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let (Some(year), Some(month), Some(day)) = (number(0, 4), number(5, 2), number(8, 2)) else {
        return false;
    };
    let (Some(hour), Some(minute), Some(second)) = (number(11, 2), number(14, 2), number(17, 2)) else {
        return false;
    };
    let marks = is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':');
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    if !marks || day == 0 || day > days || hour > 23 || minute > 59 || second > 59 {
        return false;
    }
    let mut at = 19;
    if is(at, b'.') {
        let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 {
            return false;
        }
        at += 1 + digits;
    }
    match bytes.get(at) {
        Some(b'Z') => bytes.len() == at + 1,
        Some(b'+' | b'-') => {
            let within = |number: Option<u32>, limit: u32| number.is_some_and(|number| number < limit);
            bytes.len() == at + 6
                && within(number(at + 1, 2), 24)
                && is(at + 3, b':')
                && within(number(at + 4, 2), 60)
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::is_rfc3339;

    #[test]
    fn times_are_those_go_reads() {
        for good in [
            "2026-11-21T09:39:52.001633324Z",
            "0001-01-01T00:00:00Z",
            "2024-02-29T23:59:59+14:00",
            "1970-01-01T00:00:00-00:00",
            "2000-02-29T00:00:00.0Z",
        ] {
            assert!(is_rfc3339(good), "{good}");
        }
        for bad in [
            "",
            "2026-11-21",
            "2026-11-21 09:39:52Z",
            "2026-11-21t09:39:52z",
            "2026-11-21T09:39:52",
            "2026-11-21T09:39:52.Z",
            "2026-11-21T09:39:52,5Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00+00:60",
            "2026-01-01T00:00:00+0000",
            "2026-01-01T00:00:00Zx",
            "2026-01-01T0é:00:00Z",
        ] {
            assert!(!is_rfc3339(bad), "{bad}");
        }
    }
}
