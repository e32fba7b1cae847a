//! What a value must be, the same for the API, batches and imports. Each rule answers the value as it is kept, or the code and
//! the words of what is wrong.

use chrono::{DateTime, Datelike, NaiveDate, SubsecRound, Utc};
use unicode_normalization::UnicodeNormalization;
use url::Url;

use crate::error::FieldError;

/// A broken rule: its code and its words.
pub type Broken = (&'static str, String);

/// Trimmed and in Unicode's composed form (NFC), so that what looks alike is alike; nothing of a text in which nothing is to be seen.
fn clean(text: &str) -> String {
    match text.chars().all(|c| is_unseen(c) || is_direction(c) || joins_or_fills(c)) {
        true => String::new(),
        false => text.trim_matches(is_unseen).nfc().collect(),
    }
}

/// A key as it is compared: as [`clean`], without marks of direction at its ends, which come with what is copied from a page.
fn clean_key(text: &str) -> String {
    clean(text.trim_matches(|c| is_unseen(c) || is_direction(c)))
}

/// Whether a character is not to be seen and means nothing at the end of a text: blanks, the mark of an encoding, spaces of no width,
/// hyphens where no line breaks.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Whether a character says in which direction others run.
pub(crate) fn is_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character changes others only, or stands for one that is not there.
fn joins_or_fills(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// Text of 1 to `max` characters after trimming.
pub fn text(value: &str, what: &str, max: usize) -> Result<String, Broken> {
    let value = clean(value);
    let length = value.chars().count();
    if value.chars().any(char::is_control) {
        return Err(("INVALID_CHARACTERS", format!("{what} must not contain control characters")));
    }
    if length == 0 || length > max {
        return Err(("INVALID_LENGTH", format!("{what} must have 1 to {max} characters")));
    }
    Ok(value)
}

/// The name of a file: any text without control characters, which would come out again in logs and headers.
pub fn file_name(value: &str) -> Result<(), Broken> {
    match value.chars().any(char::is_control) {
        true => Err(("INVALID_CHARACTERS", "A file's name must not contain control characters".to_owned())),
        false => Ok(()),
    }
}

/// Text of several lines: 1 to `max` characters after trimming.
pub fn lines(value: &str, what: &str, max: usize) -> Result<String, Broken> {
    let value = clean(value);
    let length = value.chars().count();
    if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let message = format!("{what} must not contain control characters beside line breaks and tabs");
        return Err(("INVALID_CHARACTERS", message));
    }
    if length == 0 || length > max {
        return Err(("INVALID_LENGTH", format!("{what} must have 1 to {max} characters")));
    }
    Ok(value)
}

/// An instant of the years 1900 to 2199, to the millisecond: what is stored is what is shown.
pub fn instant(at: DateTime<Utc>) -> Result<DateTime<Utc>, Broken> {
    in_range(at.trunc_subsecs(3))
}

/// A day of the years 1900 to 2199.
pub fn day(day: NaiveDate) -> Result<NaiveDate, Broken> {
    in_range(day)
}

fn in_range<T: Datelike>(at: T) -> Result<T, Broken> {
    match (1900..2200).contains(&at.year()) {
        true => Ok(at),
        false => Err(("OUT_OF_RANGE", "Must be in the years 1900 to 2199".to_owned())),
    }
}

/// The key of another system: 1 to 255 characters, kept as sent but for what is not to be seen at its ends.
pub fn external_id(value: &str) -> Result<String, Broken> {
    text(&clean_key(value), "External id", 255)
}

/// The same as it is kept and as it is compared, which is one.
pub fn external_id_key(value: &str) -> Result<(String, String), Broken> {
    external_id(value).map(|id| (id.clone(), id))
}

/// An e-mail address as it is kept, and its key: trimmed and case-folded, what uniqueness is about.
pub fn email(value: &str) -> Result<(String, String), Broken> {
    let invalid = || ("INVALID_EMAIL", "Invalid email format".to_owned());
    let value = clean_key(value);
    let options =
        email_address::Options::default().with_required_tld().without_display_text().without_domain_literal();
    if value.len() > 254 || value.chars().any(char::is_control) {
        return Err(invalid());
    }
    let address = email_address::EmailAddress::parse_with_options(&value, options).map_err(|_| invalid())?;
    let key = address.as_str().to_lowercase();
    Ok((value, key))
}

/// An http or https address of at most 2,048 characters.
pub fn website(value: &str) -> Result<String, Broken> {
    let invalid = || ("INVALID_URL", "Must be an http or https URL".to_owned());
    let value = clean_key(value);
    let url = Url::parse(&value).map_err(|_| invalid())?;
    if value.len() > 2048 || !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(invalid());
    }
    Ok(value)
}

/// A domain name such as example.com, in lower case; one in another script in its ASCII form.
pub fn domain(value: &str) -> Result<String, Broken> {
    let invalid = || ("INVALID_DOMAIN", "Must be a domain name such as example.com".to_owned());
    let value = clean_key(value);
    if value.chars().any(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-')) {
        return Err(invalid());
    }
    let Ok(url::Host::Domain(domain)) = url::Host::parse(&value) else { return Err(invalid()) };
    let label =
        |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    if domain.len() > 253 || !domain.contains('.') || !domain.split('.').all(label) {
        return Err(invalid());
    }
    Ok(domain)
}

/// The value that a field's rule keeps; what breaks it is noted.
pub(crate) fn checked<T>(
    errors: &mut Vec<FieldError>,
    field: &str,
    value: Option<&str>,
    rule: impl FnOnce(&str) -> Result<T, Broken>,
) -> Option<T> {
    match rule(value?) {
        Ok(kept) => Some(kept),
        Err((code, message)) => {
            errors.push(FieldError::new(field, code, message));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn emails_are_checked_and_folded() {
        assert_eq!(
            email(" John@Example.com "),
            Ok(("John@Example.com".to_owned(), "john@example.com".to_owned()))
        );
        for wrong in [
            "",
            "john",
            "john@",
            "@example.com",
            "a@b@c.de",
            "John <john@example.com>",
            "john@localhost",
            "jo hn@example.com",
        ] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_not_to_be_seen_is_no_value_and_no_part_of_a_key() {
        for nothing in
            ["\u{200b}", "\u{200f}", "\u{ad}\u{feff}", "\u{2800}", "\u{3164}", "\u{200d}", " \u{e0001} "]
        {
            assert_eq!(
                text(nothing, "Name", 9).map_err(|(code, _)| code),
                Err("INVALID_LENGTH"),
                "{nothing:?}"
            );
        }
        for (written, kept) in [
            ("\u{feff}Ada\u{200b} ", "Ada"),
            ("\u{5e9}\u{5dc}\u{5d5}\u{5dd}!\u{200f}", "\u{5e9}\u{5dc}\u{5d5}\u{5dd}!\u{200f}"),
            ("\u{1f469}\u{200d}\u{1f467}", "\u{1f469}\u{200d}\u{1f467}"),
            ("a\u{ad}b", "a\u{ad}b"),
        ] {
            assert_eq!(text(written, "Name", 9).as_deref(), Ok(kept), "{written:?}");
        }
        assert_eq!(external_id("\u{feff}\u{200e}K1\u{200b}").as_deref(), Ok("K1"));
        assert_eq!(
            email("\u{202a}ada@example.com\u{202c}").map(|(kept, _)| kept).as_deref(),
            Ok("ada@example.com")
        );
        assert_eq!(website("https://example.com\u{200b}").as_deref(), Ok("https://example.com"));
        assert_eq!(domain("\u{200e}example.com").as_deref(), Ok("example.com"));
        assert!(external_id("\u{200e}").is_err());
    }

    #[test]
    fn lengths_are_of_characters_after_trimming() {
        assert_eq!(text("  Zoë  ", "Name", 3).as_deref(), Ok("Zoë"));
        assert!(text(&"ü".repeat(100), "Name", 100).is_ok());
        assert!(text(&"ü".repeat(101), "Name", 100).is_err());
        assert!(text("   ", "Name", 100).is_err());
        assert!(text("a\u{0}b", "Name", 100).is_err());
    }

    #[test]
    fn lines_may_break_and_nothing_else() {
        assert_eq!(lines(" a\r\n\tb\n", "Body", 6).as_deref(), Ok("a\r\n\tb"));
        assert!(lines("a\u{0}b", "Body", 6).is_err());
        assert!(lines(" \n ", "Body", 6).is_err());
        assert!(lines("abcdefg", "Body", 6).is_err());
    }

    #[test]
    fn instants_are_kept_to_the_millisecond() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().expect("an instant");
        assert_eq!(instant(at("2026-01-31T09:30:00.123999Z")), Ok(at("2026-01-31T09:30:00.123Z")));
        for wrong in ["1899-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-01-01T00:00:00Z"] {
            assert!(instant(at(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn domains_are_folded_and_checked() {
        assert_eq!(domain(" Example.COM ").as_deref(), Ok("example.com"));
        assert_eq!(domain("bücher.example").as_deref(), Ok("xn--bcher-kva.example"));
        let long = format!("{}.com", "a".repeat(64));
        for wrong in [
            "",
            "localhost",
            "a..com",
            "-a.com",
            "a-.com",
            "a b.com",
            "a_b.com",
            "1.2.3.4",
            "https://a.com",
            "a.com.",
            &long,
        ] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn rules_never_panic_and_are_stable(value in "\\PC{0,60}") {
            for rule in [website, external_id, domain] {
                if let Ok(kept) = rule(&value) {
                    prop_assert_eq!(rule(&kept), Ok(kept.clone()));
                }
            }
            if let Ok((kept, key)) = email(&value) {
                prop_assert_eq!(email(&kept), Ok((kept.clone(), key)));
            }
        }
    }
}
