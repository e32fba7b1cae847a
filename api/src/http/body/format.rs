//! Formats of strings and ranges of integers, as schemas name them.

use chrono::{DateTime, NaiveDate};
use email_address::EmailAddress;
use uuid::Uuid;

/// A named form of a string, and what is said of a string that has not got it.
pub(super) struct TextFormat {
    name: &'static str,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    pub(super) holds: fn(&str) -> bool,
}

const TEXT_FORMATS: [TextFormat; 4] = [
    TextFormat {
        name: "uuid",
        code: "INVALID_ID",
        message: "Invalid id",
        holds: |text| Uuid::try_parse(text).is_ok(),
    },
    TextFormat {
        name: "email",
        code: "INVALID_EMAIL",
        message: "Invalid email format",
        holds: EmailAddress::is_valid,
    },
    TextFormat {
        name: "date-time",
        code: "INVALID_DATE_TIME",
        message: "Invalid instant, expected RFC 3339 such as 2026-01-31T12:00:00Z",
        holds: |text| DateTime::parse_from_rfc3339(text).is_ok(),
    },
    TextFormat {
        name: "naive-date",
        code: "INVALID_DATE",
        message: "Invalid date, expected YYYY-MM-DD",
        holds: |text| text.len() == 10 && text.parse::<NaiveDate>().is_ok(),
    },
];

/// The rule of a format that is checked here; other formats are for the reader only.
pub(super) fn text(name: &str) -> Option<&'static TextFormat> {
    TEXT_FORMATS.iter().find(|format| format.name == name)
}

/// The integers that fit a format, both ends included.
pub(super) fn integer_range(name: Option<&str>) -> (i128, i128) {
    match name {
        Some("int8") => (i8::MIN.into(), i8::MAX.into()),
        Some("int16") => (i16::MIN.into(), i16::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint8") => (0, u8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint64") => (0, u64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    }
}
