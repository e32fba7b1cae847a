//! Cells as values.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use uuid::Uuid;

use super::time::{Time, parted};
use crate::crm::activity::ActivityKind;
use crate::crm::lead::Status;
use crate::import::DateFormat;
use crate::phone::{self, Country};
use crate::rules::{self, Broken};

/// How the cells of a file are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Formats {
    /// Days.
    pub date: DateFormat,
    /// The country of phone numbers that are written without one.
    pub country: Option<Country>,
}

/// A phone number, of the country where it is written without one.
pub(super) fn phone(value: &str, formats: &Formats) -> Result<String, Broken> {
    match formats.country {
        Some(country) => phone::national(value, country),
        None => phone::international(value),
    }
}

pub(super) fn id(value: &str) -> Result<Uuid, Broken> {
    Uuid::try_parse(value.trim()).map_err(|_| ("INVALID_ID", "Must be a UUID".to_owned()))
}

pub(super) fn integer(value: &str) -> Result<i32, Broken> {
    let invalid = |_| ("INVALID_NUMBER", "Must be a whole number such as 250".to_owned());
    whole(value.trim()).parse().map_err(invalid)
}

/// A number without a fraction of one or two zeros: `250.0` is a whole number to those who write it. Three may be thousands.
pub(super) fn whole(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, "0" | "00")) if !whole.is_empty() => whole,
        _ => number,
    }
}

pub(super) fn number(value: &str) -> Result<f64, Broken> {
    let value = value.trim();
    let invalid = || ("INVALID_NUMBER", "Must be a number such as 1250.50".to_owned());
    let plain = value.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+'));
    value.parse().ok().filter(|_| plain).ok_or_else(invalid)
}

pub(super) fn status(value: &str) -> Result<Status, Broken> {
    let wanted = value.trim().to_lowercase();
    let names = || Status::ALL.map(Status::name).join(", ");
    let known = Status::ALL.into_iter().find(|status| status.name() == wanted);
    known.ok_or_else(|| ("INVALID_VALUE", format!("Expected one of {}", names())))
}

pub(super) fn kind(value: &str) -> Result<ActivityKind, Broken> {
    let known = ActivityKind::parse(&value.trim().to_lowercase());
    let names = || ActivityKind::ALL.map(ActivityKind::name).join(", ");
    known.ok_or_else(|| ("INVALID_VALUE", format!("Expected one of {}", names())))
}

/// A day, with a time behind it or not. A time with an offset may be of another day elsewhere: it has to be midnight.
pub(super) fn day(value: &str, formats: &Formats) -> Result<NaiveDate, Broken> {
    let invalid = || ("INVALID_DATE", format!("Must be a day written as {}", example(formats.date)));
    let (value, time) = parted(value);
    let may_be_of_another = |time: Time| time.offset.is_some() && time.of_day != NaiveTime::MIN;
    if time.is_some_and(|time| Time::parse(time).is_none_or(may_be_of_another)) {
        return Err(invalid());
    }
    let value = value.replace(['.', '/'], "-");
    let parts: Vec<&str> = value.split('-').collect();
    let [first, second, third] = parts[..] else { return Err(invalid()) };
    // Days that the others do not write are looked at as ISO ones: those begin with no year.
    let (year, month, day) = match formats.date {
        _ if first.len() == 4 => (year(first), second, third),
        DateFormat::Auto | DateFormat::Iso => return Err(invalid()),
        DateFormat::DayFirst => (year(third), second, first),
        DateFormat::MonthFirst => (year(third), first, second),
    };
    let (month, day) = (digits(month, 1..=2), digits(day, 1..=2));
    let read = year
        .zip(month)
        .zip(day)
        .and_then(|((year, month), day)| NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day));
    rules::day(read.ok_or_else(invalid)?)
}

/// A year of four digits; or of two, of the hundred years from 1970 on.
fn year(written: &str) -> Option<u32> {
    let year = digits(written, 2..=4)?;
    match written.len() {
        2 => Some(if year < 70 { 2000 + year } else { 1900 + year }),
        3 => None,
        _ => Some(year),
    }
}

fn digits(written: &str, lengths: RangeInclusive<usize>) -> Option<u32> {
    let is_digits = lengths.contains(&written.len()) && written.bytes().all(|byte| byte.is_ascii_digit());
    written.parse().ok().filter(|_| is_digits)
}

fn example(format: DateFormat) -> &'static str {
    match format {
        DateFormat::Auto => "2026-11-28, or in the order that `dateFormat` says",
        DateFormat::Iso => "2026-11-28",
        DateFormat::DayFirst => "28.11.2026",
        DateFormat::MonthFirst => "11/28/2026",
    }
}

/// An instant with its offset, or a day with a time in UTC, or a day: its beginning in UTC.
pub(super) fn instant(value: &str, formats: &Formats) -> Result<DateTime<Utc>, Broken> {
    let value = value.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(value) {
        return rules::instant(at.to_utc());
    }
    let invalid = || {
        let day = example(formats.date);
        (
            "INVALID_TIME",
            format!(
                "Must be a time such as 2026-11-28T10:00:00Z or 2026-11-28 10:00, its day written as {day}"
            ),
        )
    };
    let (date, time) = parted(value);
    let date = day(date, formats).map_err(|_| invalid())?;
    let time = time.map_or(Some(Time::default()), Time::parse).ok_or_else(invalid)?;
    let at = date.and_time(time.of_day);
    let at = time.offset.map_or(Some(at), |offset| at.checked_sub_offset(offset)).ok_or_else(invalid)?;
    rules::instant(at.and_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_and_times_are_read_as_they_are_written() {
        let with = |date| Formats { date, ..Formats::default() };
        let wanted = NaiveDate::from_ymd_opt(2026, 11, 5);
        for (written, format) in [
            ("2026-11-05", DateFormat::Iso),
            ("05.11.2026", DateFormat::DayFirst),
            ("5/11/2026", DateFormat::DayFirst),
            ("11/05/2026", DateFormat::MonthFirst),
            ("2026-11-05", DateFormat::MonthFirst),
        ] {
            assert_eq!(day(written, &with(format)).ok(), wanted, "{written}");
        }
        for (wrong, format) in [
            ("31.02.2026", DateFormat::DayFirst),
            ("26-11-28", DateFormat::Iso),
            ("0026-11-28", DateFormat::Iso),
            ("2200-01-01", DateFormat::Iso),
            ("26-11-28", DateFormat::MonthFirst),
            ("11/28/026", DateFormat::MonthFirst),
            ("11/28/1899", DateFormat::MonthFirst),
            ("+1/28/2026", DateFormat::MonthFirst),
            ("11/28/2026/1", DateFormat::MonthFirst),
        ] {
            assert!(day(wrong, &with(format)).is_err(), "{wrong}");
        }
        assert!(instant("1026-11-05T10:00:00Z", &Formats::default()).is_err());
        for (written, shown) in [
            ("2026-11-05T10:00:00+02:00", "2026-11-05T08:00:00+00:00"),
            ("2026-11-05 10:00", "2026-11-05T10:00:00+00:00"),
            ("2026-11-05 10:00:01.5", "2026-11-05T10:00:01.500+00:00"),
            ("2026-11-05", "2026-11-05T00:00:00+00:00"),
            ("2026-11-05, 2:30 PM", "2026-11-05T14:30:00+00:00"),
            ("2026-11-05T10:00:00+0200", "2026-11-05T08:00:00+00:00"),
            ("2026-11-05 00:30 +02:00", "2026-11-04T22:30:00+00:00"),
            ("2026-11-05 10:00:00 UTC", "2026-11-05T10:00:00+00:00"),
        ] {
            assert_eq!(instant(written, &Formats::default()).map(|at| at.to_rfc3339()).as_deref(), Ok(shown));
        }
        assert!(instant("today", &Formats::default()).is_err());
    }

    #[test]
    fn a_day_may_have_a_time_behind_it_that_is_of_no_other_day() {
        for (written, read) in [
            ("2026-11-28 00:00:00", Some("2026-11-28")),
            ("2026-11-28T00:00:00.000Z", Some("2026-11-28")),
            ("2026-11-28 14:30", Some("2026-11-28")),
            ("2026-11-28, 12:00 AM", Some("2026-11-28")),
            ("2026-11-28T23:00:00Z", None),
            ("2026-11-28 soon", None),
            ("2026-11-28 10:00-12:00", None),
        ] {
            let day = day(written, &Formats::default()).ok().map(|day| day.to_string());
            assert_eq!(day.as_deref(), read, "{written}");
        }
    }

    #[test]
    fn years_of_two_digits_are_those_nearest_to_now() {
        let with = |date| Formats { date, ..Formats::default() };
        for (written, format, read) in [
            ("11/28/26", DateFormat::MonthFirst, "2026-11-28"),
            ("28.11.26", DateFormat::DayFirst, "2026-11-28"),
            ("1.1.69", DateFormat::DayFirst, "2069-01-01"),
            ("1.1.70", DateFormat::DayFirst, "1970-01-01"),
        ] {
            assert_eq!(
                day(written, &with(format)).map(|day| day.to_string()).as_deref(),
                Ok(read),
                "{written}"
            );
        }
        let at = instant("11/28/26 10:00", &with(DateFormat::MonthFirst)).map(|at| at.to_rfc3339());
        assert_eq!(at.as_deref(), Ok("2026-11-28T10:00:00+00:00"));
    }

    #[test]
    fn numbers_are_plain() {
        assert_eq!(number(" 1250.50 "), Ok(1250.5));
        for wrong in ["1,250.50", "1e3", "inf", "NaN", "", "€ 5"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
        assert_eq!((integer(" 7 "), integer("250.0")), (Ok(7), Ok(250)));
        assert!(integer("7.5").is_err() && integer(".0").is_err());
    }

    proptest! {
        #[test]
        fn no_cell_is_too_odd(cell in "\\PC{0,40}") {
            for date in [DateFormat::Iso, DateFormat::DayFirst, DateFormat::MonthFirst] {
                let formats = Formats { date, country: Country::parse("AT") };
                let _ = (day(&cell, &formats), instant(&cell, &formats), phone(&cell, &formats));
            }
            let _ = (id(&cell), integer(&cell), number(&cell), status(&cell), kind(&cell));
        }
    }
}
