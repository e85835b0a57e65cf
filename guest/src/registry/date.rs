//! Dates of HTTP (RFC 9110, 5.6.7).

use crate::prelude::*;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Seconds since 1970 of a date: `Sun, 06 Nov 1994 08:49:37 GMT`, and as it was written before,
/// `Sunday, 06-Nov-94 08:49:37 GMT` and `Sun Nov  6 08:49:37 1994`.
pub fn read_date(header: &str) -> Option<u64> {
    let words: Vec<&str> = header.split_ascii_whitespace().take(7).collect();
    match words[..] {
        [_, day, month, year, time, "GMT"] => seconds(digits(year, 4)?, month, digits(day, 2)?, time),
        [_, date, time, "GMT"] => {
            let (day, rest) = date.split_once('-')?;
            let (month, year) = rest.split_once('-')?;
            let year = digits(year, 2)?;
            let year = if year < 70 { 2000 + year } else { 1900 + year };
            seconds(year, month, digits(day, 2)?, time)
        }
        [_, month, day, time, year] => seconds(digits(year, 4)?, month, digits(day, day.len().min(2))?, time),
        _ => None,
    }
}

fn digits(text: &str, count: usize) -> Option<u64> {
    let fits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn seconds(year: u64, month: &str, day: u64, time: &str) -> Option<u64> {
    let month = MONTHS.iter().position(|known| *known == month)? as u64;
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let is_leap = leaps(year) > leaps(year.checked_sub(1)?);
    let length = match month {
        1 => 28 + u64::from(is_leap),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    };
    let mut parts = time.split(':').map(|part| digits(part, 2));
    let [hour, minute, second] = [parts.next()??, parts.next()??, parts.next()??];
    // The second that is put in at times is the 61st.
    let is_time = parts.next().is_none() && hour < 24 && minute < 60 && second <= 60;
    if year < 1970 || !(1..=length).contains(&day) || !is_time {
        return None;
    }
    let before: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let of_year = before.get(usize::try_from(month).ok()?)? + u64::from(is_leap && month > 1) + day - 1;
    let days = 365 * (year - 1970) + leaps(year - 1) - leaps(1969) + of_year;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
