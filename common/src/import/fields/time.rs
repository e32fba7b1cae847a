//! Times of day as people write them: of 24 hours or of twice twelve, with an offset or without.

use chrono::{FixedOffset, NaiveTime, Timelike};

/// A time of day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) of_day: NaiveTime,
    /// From UTC, where it is written.
    pub(super) offset: Option<FixedOffset>,
}

/// What parts a day from the time behind it.
fn parts(c: char) -> bool {
    c.is_whitespace() || matches!(c, 'T' | ',')
}

/// The text of a day, and of the time behind it.
pub(in crate::import) fn parted(value: &str) -> (&str, Option<&str>) {
    let value = value.trim();
    match value.find(parts) {
        Some(at) => {
            let (day, time) = value.split_at(at);
            (day, Some(time.trim_start_matches(parts)))
        }
        None => (value, None),
    }
}

impl Time {
    /// Reads `14:30`, `2:30 PM`, `14:30:00.5+02:00`.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let (written, offset) = without_offset(written.trim())?;
        let (written, is_afternoon) = without_half(written);
        let parsed = |format| NaiveTime::parse_from_str(written, format).ok();
        let of_day = parsed("%H:%M").or_else(|| parsed("%H:%M:%S%.f"))?;
        let of_day = match is_afternoon {
            Some(is_afternoon) => of_half(of_day, is_afternoon)?,
            None => of_day,
        };
        Some(Self { of_day, offset })
    }
}

/// A time without the offset behind it; none where that is none. `10:00-12:00` may be a while: an offset to the west stands behind
/// seconds, or has no colon.
fn without_offset(written: &str) -> Option<(&str, Option<FixedOffset>)> {
    for name in ["UTC", "GMT", "Z"] {
        let begin = written.len().checked_sub(name.len()).filter(|begin| written.is_char_boundary(*begin));
        if let Some((time, zone)) = begin.map(|begin| written.split_at(begin))
            && zone.eq_ignore_ascii_case(name)
        {
            return Some((time.trim_end(), FixedOffset::east_opt(0)));
        }
    }
    let Some(at) = written.rfind(['+', '-']) else { return Some((written, None)) };
    let (time, offset) = written.split_at(at);
    let (sign, offset) = offset.split_at(1);
    let (hours, minutes) = match offset.split_once(':') {
        Some(parts) => parts,
        None => offset.split_at_checked(2)?,
    };
    let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.len() == 2);
    let minutes = if minutes.is_empty() && !offset.contains(':') { 0 } else { number(minutes)? };
    let seconds = number(hours)? * 3600 + minutes * 60;
    let is_offset = minutes < 60 && seconds <= 14 * 3600;
    let is_clear = sign == "+" || time.matches(':').count() == 2 || offset.len() == 4;
    let east = if sign == "+" { seconds } else { -seconds };
    (is_offset && is_clear).then_some((time.trim_end(), Some(FixedOffset::east_opt(east)?)))
}

/// A time without AM or PM behind it, and whether that was PM.
fn without_half(written: &str) -> (&str, Option<bool>) {
    for (half, is_afternoon) in [("am", false), ("pm", true), ("a.m.", false), ("p.m.", true)] {
        let begin = written.len().checked_sub(half.len()).filter(|begin| written.is_char_boundary(*begin));
        if let Some((time, end)) = begin.map(|begin| written.split_at(begin))
            && end.eq_ignore_ascii_case(half)
        {
            return (time.trim_end(), Some(is_afternoon));
        }
    }
    (written, None)
}

/// A time of twice twelve hours, as one of 24: 12:30 AM is half an hour after midnight.
fn of_half(time: NaiveTime, is_afternoon: bool) -> Option<NaiveTime> {
    let hour = Some(time.hour()).filter(|hour| (1..=12).contains(hour))?;
    time.with_hour(hour % 12 + if is_afternoon { 12 } else { 0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_they_are_written() {
        for (written, read) in [
            ("14:30", Some("14:30:00")),
            ("2:30 PM", Some("14:30:00")),
            ("2:30\u{202f}PM", Some("14:30:00")),
            ("02:30:05pm", Some("14:30:05")),
            ("2:30 p.m.", Some("14:30:00")),
            ("12:30 AM", Some("00:30:00")),
            ("12:00 pm", Some("12:00:00")),
            ("14:30 PM", None),
            ("0:30 AM", None),
            ("24:00", None),
            ("10.00", None),
            ("PM", None),
            ("", None),
        ] {
            let time = Time::parse(written).map(|time| time.of_day.to_string());
            assert_eq!(time.as_deref(), read, "{written}");
        }
    }

    #[test]
    fn offsets_are_read_and_a_while_is_none() {
        for (written, seconds) in [
            ("10:00", Some(None)),
            ("10:00Z", Some(Some(0))),
            ("10:00:00 utc", Some(Some(0))),
            ("10:00 GMT", Some(Some(0))),
            ("10:00+02:00", Some(Some(7200))),
            ("10:00 +0530", Some(Some(19_800))),
            ("10:00:00+02", Some(Some(7200))),
            ("10:00:00-05:00", Some(Some(-18_000))),
            ("2:30 PM -0500", Some(Some(-18_000))),
            ("10:00-12:00", None),
            ("10:00 - 11:00", None),
            ("10:00+15:00", None),
            ("10:00+2", None),
            ("10:00+02:", None),
            ("10:00 CET", None),
        ] {
            let offset = Time::parse(written).map(|time| time.offset.map(|offset| offset.local_minus_utc()));
            assert_eq!(offset, seconds, "{written}");
        }
    }

    #[test]
    fn a_day_is_parted_from_its_time() {
        for (written, day, time) in [
            (" 2026-11-28 ", "2026-11-28", None),
            ("2026-11-28T10:00", "2026-11-28", Some("10:00")),
            ("11/28/2026, 2:30 PM", "11/28/2026", Some("2:30 PM")),
            ("28.11.2026\u{a0}10:00", "28.11.2026", Some("10:00")),
        ] {
            assert_eq!(parted(written), (day, time), "{written}");
        }
    }

    proptest! {
        #[test]
        fn no_time_is_too_odd(written in "\\PC{0,20}|[0-9:+.TZPM -]{0,16}") {
            let _ = (parted(&written), Time::parse(&written));
        }
    }
}
