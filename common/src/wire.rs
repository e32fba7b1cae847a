//! How instants are written: RFC 3339 in UTC with milliseconds and `Z`.

use chrono::{DateTime, Datelike, SecondsFormat, SubsecRound, Timelike, Utc};

/// Now, to the millisecond: what is stored is what is shown.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}

/// `2025-11-02T10:00:00.000Z`.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// For `#[serde(serialize_with = …)]`.
pub(crate) fn serialize<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    match quick(*at) {
        Some(text) => serializer.serialize_str(std::str::from_utf8(&text).unwrap_or_default()),
        None => serializer.serialize_str(&instant(*at)),
    }
}

/// For `#[serde(serialize_with = …)]`.
pub(crate) fn serialize_option<S: serde::Serializer>(
    at: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serialize(at, serializer),
        None => serializer.serialize_none(),
    }
}

/// An instant that is written as the wire has it, for who serializes members one by one.
pub(crate) struct Instant(pub(crate) DateTime<Utc>);

impl serde::Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.0, serializer)
    }
}

/// What [`instant`] writes, without asking for memory: an export writes millions of them. Nothing for years of more than four
/// digits, and for leap seconds.
fn quick(at: DateTime<Utc>) -> Option<[u8; 24]> {
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let year = u32::try_from(at.year()).ok().filter(|year| *year <= 9999)?;
    let millisecond = at.nanosecond() / 1_000_000;
    if millisecond > 999 {
        return None;
    }
    let parts = [
        (0, 4, year),
        (5, 2, at.month()),
        (8, 2, at.day()),
        (11, 2, at.hour()),
        (14, 2, at.minute()),
        (17, 2, at.second()),
        (20, 3, millisecond),
    ];
    for (begin, digits, mut number) in parts {
        for place in (begin..begin + digits).rev() {
            text[place] += (number % 10) as u8;
            number /= 10;
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use chrono::TimeZone;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_fit_is_written_all_the_same() {
        let written = |at: DateTime<Utc>| serde_json::to_value(Instant(at)).expect("a text");
        for year in [-1, 0, 9999, 10_000] {
            let at = Utc.with_ymd_and_hms(year, 12, 31, 23, 59, 59).single().expect("an instant");
            assert_eq!(written(at), instant(at));
        }
        let leap = Utc.timestamp_opt(1_483_228_799, 1_500_000_000).single().expect("a leap second");
        assert_eq!(written(leap), instant(leap));
    }

    proptest! {
        #[test]
        fn the_quick_way_writes_the_same(micros in -70_000_000_000_000_000_i64..260_000_000_000_000_000) {
            let at = DateTime::from_timestamp_micros(micros).expect("an instant");
            prop_assert_eq!(serde_json::to_value(Instant(at)).expect("a text"), instant(at));
        }
    }
}
