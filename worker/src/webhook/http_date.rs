//! Dates as HTTP writes them, in the three forms that RFC 9110 5.6.7 has recipients read.

use chrono::{DateTime, Datelike, Months, NaiveDateTime, Utc};

/// Two digits of a year that would be later than this are of the century before.
const AT_MOST_AHEAD: Months = Months::new(50 * 12);

/// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`, and what mail writes instead
/// of GMT. The day of the week is not looked at. `now` says which century two digits of a year mean.
pub(super) fn parse(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(date) = DateTime::parse_from_rfc2822(text) {
        return Some(date.to_utc());
    }
    match text.split_once(',') {
        Some((_, rest)) => {
            let rest = without_zone(rest.trim())?;
            let date = NaiveDateTime::parse_from_str(rest, "%d %b %Y %H:%M:%S").ok();
            date.map(|date| date.and_utc()).or_else(|| two_digit_year(rest, now))
        }
        None => {
            let (_, rest) = text.split_once(' ')?;
            Some(NaiveDateTime::parse_from_str(rest.trim(), "%b %e %H:%M:%S %Y").ok()?.and_utc())
        }
    }
}

fn without_zone(text: &str) -> Option<&str> {
    let (date, zone) = text.rsplit_once(' ')?;
    zone.eq_ignore_ascii_case("GMT").then_some(date)
}

/// `06-Nov-94 08:49:37`: of the dates that this may be, the latest that is not more than 50 years ahead.
fn two_digit_year(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (day_and_month, rest) = text.rsplit_once('-')?;
    let (year, time) = rest.split_once(' ')?;
    if year.len() != 2 {
        return None;
    }
    let year: i32 = year.parse().ok()?;
    let century = now.year() - now.year().rem_euclid(100);
    let latest = now.checked_add_months(AT_MOST_AHEAD)?;
    [century + 100, century, century - 100].into_iter().find_map(|century| {
        let text = format!("{day_and_month}-{} {time}", century + year);
        let date = NaiveDateTime::parse_from_str(&text, "%d-%b-%Y %H:%M:%S").ok()?.and_utc();
        (date <= latest).then_some(date)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-30T02:20:00Z".parse().expect("an instant")
    }

    fn read(text: &str) -> Option<String> {
        parse(text, now()).map(|date| date.format("%FT%T").to_string())
    }

    #[test]
    fn all_three_forms_are_read() {
        for text in [
            "Mon, 30 Nov 2026 02:20:44 GMT",
            "Monday, 30-Nov-26 02:20:44 GMT",
            "Mon Nov 30 02:20:44 2026",
            // As some write them: a day of the week that is wrong, another case, a zone as in mail.
            "Tue, 30 Nov 2026 02:20:44 GMT",
            "monday, 30-nov-26 02:20:44 gmt",
            "Mon, 30 Nov 2026 03:20:44 +0100",
        ] {
            assert_eq!(read(text).as_deref(), Some("2026-11-30T02:20:44"), "{text}");
        }
        assert_eq!(read("Sun Nov  6 08:49:37 1994").as_deref(), Some("1994-11-06T08:49:37"));
        for text in [
            "",
            "soon",
            "Monday, 30-Nov-2026-1 02:20:44 GMT",
            "Mon Nov 31 02:20:44 2026",
            "Mon, 30 Nov 2026 25:00:00 GMT",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn two_digits_of_a_year_are_at_most_fifty_years_ahead() {
        for (text, year) in [
            ("Sunday, 06-Nov-94 08:49:37 GMT", "1994"),
            ("Sunday, 06-Nov-76 08:49:37 GMT", "2076"),
            ("Sunday, 06-Dec-76 08:49:37 GMT", "1976"),
            ("Sunday, 06-Nov-00 08:49:37 GMT", "2000"),
            ("Thursday, 29-Feb-24 08:49:37 GMT", "2024"),
        ] {
            assert_eq!(read(text).as_deref().and_then(|date| date.get(..4)), Some(year), "{text}");
        }
        // Shortly before a century's end its first years are those of the next.
        let late = "2099-11-30T00:00:00Z".parse().expect("an instant");
        let date = parse("Friday, 01-Jan-00 00:00:00 GMT", late).expect("a date");
        assert_eq!(date.year(), 2100);
    }

    proptest! {
        #[test]
        fn every_second_is_read_from_each_form(seconds in 0_i64..4_000_000_000) {
            let date = DateTime::from_timestamp(seconds, 0).expect("an instant");
            for form in ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"] {
                let now = date + chrono::TimeDelta::days(1);
                prop_assert_eq!(parse(&date.format(form).to_string(), now), Some(date), "{}", form);
            }
        }

        #[test]
        fn any_text_is_read_or_not_but_never_panics(text in "\\PC{0,40}|[A-Za-z]{3,9},? [0-9]{0,6}[ -][A-Za-z]{3}[ -][0-9+]{0,12} [0-9:]{0,9} ?[GMT0-9+]{0,6}") {
            let _ = parse(&text, now());
        }
    }
}
