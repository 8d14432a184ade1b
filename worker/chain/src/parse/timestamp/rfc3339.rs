//! RFC 3339 and its usual variants, by position.

use super::Civil;

/// Reads `2023-01-29T09:35:38.387636821+08:00`. None when it is something else.
#[inline]
pub(super) fn read(text: &[u8]) -> Option<Civil> {
    let text = text.trim_ascii();
    let (date_and_time, rest) = text.split_first_chunk::<19>()?;
    let separators = [date_and_time[4], date_and_time[7], date_and_time[13], date_and_time[16]];
    if separators != *b"--::" || !matches!(date_and_time[10], b'T' | b't' | b' ') {
        return None;
    }
    let two = |at: usize| two_digits(date_and_time[at], date_and_time[at + 1]);
    let mut civil = Civil {
        year: Some((two(0)? * 100 + two(2)?) as i32),
        month: two(5)?,
        day: two(8)?,
        hour: two(11)?,
        minute: two(14)?,
        second: two(17)?,
        ..Civil::default()
    };
    if civil.month > 12 || civil.hour > 23 || civil.minute > 59 || civil.second > 60 {
        return None;
    }
    let rest = match rest {
        [b'.' | b',', digits @ ..] => {
            let (micros, length) = fraction(digits)?;
            civil.micros = micros;
            &digits[length..]
        }
        _ => rest,
    };
    civil.offset = offset(rest)?;
    Some(civil)
}

/// Microseconds of a run of digits behind the point, and how many digits there are. None without a digit.
#[inline]
pub(super) fn fraction(digits: &[u8]) -> Option<(u32, usize)> {
    let mut micros = 0;
    let mut length = 0;
    for byte in digits {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        if digit > 9 {
            break;
        }
        if length < 6 {
            micros = micros * 10 + digit;
        }
        length += 1;
    }
    let missing = 6u32.saturating_sub(length as u32);
    (length > 0).then(|| (micros * 10u32.pow(missing), length))
}

/// The offset at the end: outer None is "not an offset", inner None is "there is none".
#[inline]
fn offset(text: &[u8]) -> Option<Option<i32>> {
    match text {
        [] => Some(None),
        [b'Z' | b'z'] => Some(Some(0)),
        [b' ', rest @ ..] if !rest.is_empty() => offset(rest),
        _ => numeric_offset(text).filter(|(_, rest)| rest.is_empty()).map(|(seconds, _)| Some(seconds)),
    }
}

/// `+08:00`, `+0800` or `+08` at the front, in seconds, and what follows.
pub(super) fn numeric_offset(text: &[u8]) -> Option<(i32, &[u8])> {
    let (sign, rest) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, rest) = match rest {
        [tens, ones, rest @ ..] => (two_digits(*tens, *ones)?, rest),
        _ => return None,
    };
    let (minutes, rest) = match rest {
        [b':', tens, ones, rest @ ..] => (two_digits(*tens, *ones)?, rest),
        [tens @ b'0'..=b'5', ones @ b'0'..=b'9', rest @ ..] => (two_digits(*tens, *ones)?, rest),
        _ => (0, rest),
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    Some((sign * (hours * 3600 + minutes * 60) as i32, rest))
}

/// The number that two digits write.
#[inline]
pub(super) fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let tens = u32::from(tens.wrapping_sub(b'0'));
    let ones = u32::from(ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(tens * 10 + ones)
}
