//! Exports that come in again: known by their first line, and read as they are written, whatever else their numbers could mean.
//!
//! An export writes `1.234` for 1.234 dinars, and nothing but a point before decimals, which never end in a zero. A file from elsewhere may
//! mean a thousand by it. So a column is read as an export's only where all of the first line and all of the column's cells are as an
//! export writes them; and in a currency without three decimals an amount that is read so is refused.

use crate::crm::record::Record;
use crate::import::Object;
use crate::import::mapping::ADDED;
use crate::import::object::dispatch;
use crate::import::reader::Layout;
use crate::import::reader::csv::Dialect;

/// Whether a file has the first line of an export: some of the names of the object's members, in their order and parted by commas. What a
/// file of errors adds to them is passed over.
pub(super) fn is_own(object: Object, layout: &Layout, columns: &[String]) -> bool {
    let Layout::Csv(Dialect { delimiter: b',', backslash: false, typed: false }) = layout else {
        return false;
    };
    let mut members = dispatch!(object, R => R::listing().members).iter();
    let mut names = columns.iter().filter(|column| !ADDED.contains(&column.as_str()));
    names.all(|name| members.any(|member| member == name))
}

/// Whether a number is written as exports write it: digits, and behind a point others of which the last is no zero.
pub(super) fn is_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "1"));
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let is_padded = whole.len() > 1 && whole.starts_with('0');
    is_digits(whole) && is_digits(fraction) && !is_padded && !fraction.ends_with('0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exports_are_known_by_their_first_line() {
        for (header, delimiter, is) in [
            ("id,tenantId,externalId,title,status,value,currency", b',', true),
            ("title,value,currency", b',', true),
            ("title,value,currency,_row,_code,_message", b',', true),
            ("Title,Value,Currency", b',', false),
            ("value,title,currency", b',', false),
            ("title,value,currency,notes", b',', false),
            ("title,value,value", b',', false),
            ("title,value,currency", b';', false),
        ] {
            let columns: Vec<String> = header.split(',').map(str::to_owned).collect();
            let layout = Layout::Csv(Dialect::parted_by(delimiter));
            assert_eq!(is_own(Object::Leads, &layout, &columns), is, "{header}");
        }
        assert!(!is_own(Object::Leads, &Layout::Ndjson, &["title".to_owned(), "value".to_owned()]));
    }

    #[test]
    fn numbers_are_known_by_how_exports_write_them() {
        for number in ["0", "1", "1250", "1.234", "0.5", "999999999999.999"] {
            assert!(is_number(number), "{number}");
        }
        for number in [
            "",
            ".5",
            "5.",
            "1.250",
            "1.000",
            "1,234",
            "1 234",
            "01.5",
            "-1.5",
            "1.234 ",
            "KWD 1.234",
            "1.234.567",
        ] {
            assert!(!is_number(number), "{number}");
        }
    }
}
