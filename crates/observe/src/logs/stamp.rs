//! From a written time to a second of the Unix epoch.
//!
//! Lines of a log are seconds apart: all of a time but its minutes and seconds is read once and remembered.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use super::line::Written;

/// Bytes of date and hour that are remembered, and of what follows the seconds.
const MOST: usize = 14;

/// Reads times of one log.
#[derive(Clone, Debug)]
pub(crate) struct Stamps {
    written: Written,
    /// Where times without an offset are.
    zone: TimeZone,
    /// Date and hour as they were written last, and what followed the seconds.
    head: [u8; MOST],
    tail: [u8; MOST],
    tail_length: usize,
    /// The second of the epoch at which that hour began; `None` before the first.
    hour: Option<i64>,
}

impl Stamps {
    pub(crate) fn new(written: Written, zone: TimeZone) -> Self {
        Self {
            written,
            zone,
            head: [0; MOST],
            tail: [0; MOST],
            tail_length: 0,
            hour: None,
        }
    }

    /// The second of the Unix epoch; `None` where this is no time.
    pub(crate) fn second(&mut self, text: &[u8]) -> Option<i64> {
        match &self.written {
            Written::Common => self.hourly(text, 14),
            Written::Iso => match text.len() {
                // 2026-11-25T13:31:33
                19.. => self.hourly(text, 13),
                _ => None,
            },
            Written::Seconds => seconds(text),
            Written::Milliseconds => whole(text).map(|number| number.div_euclid(1000)),
            Written::Microseconds => whole(text).map(|number| number.div_euclid(1_000_000)),
            Written::Nanoseconds => whole(text).map(|number| number.div_euclid(1_000_000_000)),
            Written::Pattern(pattern) => by_pattern(pattern, text, &self.zone),
        }
    }

    /// A time whose first bytes are date and hour, then `:mm:ss`, then perhaps a fraction, then perhaps an offset.
    fn hourly(&mut self, text: &[u8], head: usize) -> Option<i64> {
        let (start, rest) = text.split_at_checked(head)?;
        let (&[b':', a, b, b':', c, d], rest) = rest.split_first_chunk::<6>()? else {
            return None;
        };
        let within = 60 * two(a, b)? + two(c, d)?;
        let tail = without_fraction(rest);
        let is_known =
            self.head.get(..head) == Some(start) && self.tail.get(..self.tail_length) == Some(tail);
        if let Some(hour) = self.hour
            && is_known
        {
            return Some(hour + within);
        }
        if tail.len() > MOST {
            return None;
        }
        let hour = self.slowly(start, tail)?;
        self.head.get_mut(..head)?.copy_from_slice(start);
        self.tail.get_mut(..tail.len())?.copy_from_slice(tail);
        self.tail_length = tail.len();
        self.hour = Some(hour);
        Some(hour + within)
    }

    /// The second at which an hour began.
    fn slowly(&self, head: &[u8], tail: &[u8]) -> Option<i64> {
        let (head, tail) = (
            std::str::from_utf8(head).ok()?,
            std::str::from_utf8(tail).ok()?,
        );
        let pattern = match self.written {
            Written::Common => "%d/%b/%Y:%H:%M:%S",
            _ if head.contains('T') => "%Y-%m-%dT%H:%M:%S",
            _ => "%Y-%m-%d %H:%M:%S",
        };
        let civil = DateTime::strptime(pattern, format!("{head}:00:00")).ok()?;
        let zone = match tail.trim() {
            "" => self.zone.clone(),
            "Z" | "z" | "UTC" | "GMT" => TimeZone::UTC,
            offset => strtime::parse("%z", offset)
                .or_else(|_| strtime::parse("%:z", offset))
                .ok()?
                .offset()?
                .to_time_zone(),
        };
        Some(zone.to_timestamp(civil).ok()?.as_second())
    }
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    // 60 is a leap second.
    (tens <= 6 && ones <= 9).then(|| i64::from(tens) * 10 + i64::from(ones))
}

fn without_fraction(rest: &[u8]) -> &[u8] {
    let Some((b'.' | b',', fraction)) = rest.split_first() else {
        return rest;
    };
    let digits = fraction
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    fraction.get(digits..).unwrap_or_default()
}

/// Seconds with or without a fraction; programs that print numbers as JSON does may write an exponent.
fn seconds(text: &[u8]) -> Option<i64> {
    if text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        let number: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a float as large as that saturates, and is then no time"
        )]
        return Timestamp::from_second(number.floor() as i64)
            .ok()
            .map(Timestamp::as_second);
    }
    let (whole_part, fraction) = match memchr::memchr(b'.', text) {
        Some(at) => (text.get(..at)?, text.get(at + 1..)?),
        None => (text, &[][..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    whole(whole_part)
}

fn whole(text: &[u8]) -> Option<i64> {
    // Longer than any time in nanoseconds.
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0_i64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit <= 9).then_some(())?;
        number.checked_mul(10)?.checked_add(i64::from(digit))
    })
}

fn by_pattern(pattern: &str, text: &[u8], zone: &TimeZone) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let parsed = strtime::parse(pattern, text).ok()?;
    if let Ok(at) = parsed.to_timestamp() {
        return Some(at.as_second());
    }
    let civil = parsed.to_datetime().ok()?;
    Some(zone.to_timestamp(civil).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(written: Written, texts: &[&str]) -> Vec<Option<String>> {
        let mut stamps = Stamps::new(written, TimeZone::get("America/New_York").expect("a zone"));
        texts
            .iter()
            .map(|text| {
                let second = stamps.second(text.as_bytes())?;
                Some(Timestamp::from_second(second).expect("a time").to_string())
            })
            .collect()
    }

    fn some(texts: &[&str]) -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    }

    #[test]
    fn offsets_and_what_is_remembered_of_them() {
        let texts = [
            "25/Nov/2026:13:31:33 +0000",
            "25/Nov/2026:13:59:60 +0000",
            "25/Nov/2026:13:31:33 +0530",
            "25/Nov/2026:13:31:33 -0800",
            "25/Nov/2026:13:31:33.123",
            "25/Nov/2026:12:00:00 +0000",
        ];
        let expected = [
            "2026-11-25T13:31:33Z",
            "2026-11-25T14:00:00Z",
            "2026-11-25T08:01:33Z",
            "2026-11-25T21:31:33Z",
            "2026-11-25T18:31:33Z",
            "2026-11-25T12:00:00Z",
        ];
        assert_eq!(read(Written::Common, &texts), some(&expected));
        let texts = [
            "2026-11-25T13:31:33+00:00",
            "2026-11-25T13:31:33.999Z",
            "2026-11-25 13:31:34.5+0100",
            "2026-07-25T13:31:33",
        ];
        let expected = [
            "2026-11-25T13:31:33Z",
            "2026-11-25T13:31:33Z",
            "2026-11-25T12:31:34Z",
            "2026-07-25T17:31:33Z",
        ];
        assert_eq!(read(Written::Iso, &texts), some(&expected));
    }

    #[test]
    fn numbers() {
        let at = some(&["2023-11-14T22:13:20Z"; 3]);
        let texts = ["1700000000.123", "1700000000", "1.7000000001e9"];
        assert_eq!(read(Written::Seconds, &texts), at);
        assert_eq!(read(Written::Milliseconds, &["1700000000123"])[0], at[0]);
        assert_eq!(read(Written::Microseconds, &["1700000000123456"])[0], at[0]);
        let pattern = Written::Pattern("%b %d %H:%M:%S %Y".to_owned());
        assert_eq!(
            read(pattern, &["Nov 14 17:13:20 2023"])[0],
            at[0],
            "without an offset it is in the given zone"
        );
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-",
            "25/Nov/2026:13:3",
            "25/Nox/2026:13:31:33 +0000",
            "25/Nov/2026:13:7a:33 +0000",
        ] {
            assert_eq!(read(Written::Common, &[text]), [None], "{text}");
        }
        for text in ["", "x", "1.x", "99999999999999999999", "-5", "1e400"] {
            assert_eq!(read(Written::Seconds, &[text]), [None], "{text}");
        }
    }
}
