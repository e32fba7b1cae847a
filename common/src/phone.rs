//! Telephone numbers: whatever way they are written, as E.164 has them. Trunk and exit prefixes are those of each country's own numbering
//! plan. A plan decides between readings and refuses none: numbering plans grow, and what E.164's grammar allows is kept.

mod written;

use phonelib::{PhoneNumber, PhoneNumberType};

use crate::rules::Broken;
use written::Written;
pub use written::looked_for;

/// A country whose numbering plan is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-2, in upper case.
    code: &'static str,
    calling_code: u32,
}

impl Country {
    /// The country of that code (ISO 3166-1 alpha-2), in either case.
    pub fn parse(code: &str) -> Option<Self> {
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        let known = is_code.then(|| phonelib::country_by_code(&code.to_ascii_uppercase())).flatten()?;
        Some(Self { code: known.code, calling_code: known.prefix })
    }
}

fn invalid() -> Broken {
    ("INVALID_PHONE", "Phone must be an international number such as +14155550123".to_owned())
}

/// An international number in E.164: a plus, a country code that does not begin with 0, at most 15 digits. Blanks, dots, dashes,
/// slashes and brackets are taken out, and so are the zero or other prefix that is dialled within the country only, and an extension;
/// 00 stands for the plus.
///
/// # Errors
/// `INVALID_PHONE` for what is written without its country, and for what E.164 does not allow.
pub fn international(value: &str) -> Result<String, Broken> {
    let Written { has_plus, digits, has_trunk } = Written::of(value)?;
    let digits = match (has_plus, digits.strip_prefix("00")) {
        (true, _) => digits.as_str(),
        (false, Some(international)) => international,
        (false, None) => return Err(invalid()),
    };
    match PhoneNumber::parse(&format!("+{digits}")) {
        Some(number) => allowed(number.e164()),
        // Which zero is in the way, only the plan can tell.
        None if has_trunk => Err(invalid()),
        None => allowed(&format!("+{digits}")),
    }
}

/// A number as it is dialled in a country, in E.164; an international one as [`international`] reads it.
///
/// # Errors
/// `INVALID_PHONE` too for what can be read in two ways: `491701234567` in Germany may be +491701234567 or a number of Leer.
pub fn national(value: &str, country: Country) -> Result<String, Broken> {
    let Written { has_plus, digits, .. } = Written::of(value)?;
    if has_plus {
        return international(value);
    }
    let number = PhoneNumber::parse_with_country(&digits, country.code).ok_or_else(invalid)?;
    let with_code = PhoneNumber::parse(&format!("+{digits}"));
    let code = country.calling_code.to_string();
    let (true, Some(with_code)) =
        (number.e164() == format!("+{code}{digits}") && digits.starts_with(&code), with_code)
    else {
        return allowed(number.e164());
    };
    let is_known = |number: &PhoneNumber| number.phone_type() != PhoneNumberType::Unknown;
    match (is_known(&number), is_known(&with_code)) {
        (true, false) => allowed(number.e164()),
        (false, true) => allowed(with_code.e164()),
        _ => {
            let message = format!(
                "Phone may be {} or {}: write it with its plus, or as it is dialled within the country",
                with_code.e164(),
                number.e164()
            );
            Err(("INVALID_PHONE", message))
        }
    }
}

/// Whether a text is a way to write the number, from wherever it is dialled.
pub fn writes(text: &str, number: &str) -> bool {
    if let Ok(read) = international(text) {
        return read == number;
    }
    let Ok(Written { digits, .. }) = Written::of(text) else { return false };
    let home = PhoneNumber::parse(number).and_then(|number| Country::parse(number.country().code));
    number.strip_prefix('+').is_some_and(|number| digits.ends_with(number))
        || home.is_some_and(|home| national(text, home).is_ok_and(|read| read == number))
}

/// What E.164's grammar allows.
fn allowed(number: &str) -> Result<String, Broken> {
    let digits = number.trim_start_matches('+');
    match !digits.starts_with('0') && (7..=15).contains(&digits.len()) {
        true => Ok(number.to_owned()),
        false => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(value: &str, country: &str) -> Option<String> {
        let country = Country::parse(country).expect("a country");
        national(value, country).ok()
    }

    #[test]
    fn international_numbers_become_e164() {
        for (written, number) in [
            ("+1 (415) 555-0123", "+14155550123"),
            ("0049 30 901820", "+4930901820"),
            ("+44 (0)20 7946 0958", "+442079460958"),
            ("+44 020 7946 0958", "+442079460958"),
            ("+7 8 916 123 45 67", "+79161234567"),
            ("+36 06 1 234 5678", "+3612345678"),
            ("+39 06 1234 5678", "+390612345678"),
            ("(+49) 30 901820", "+4930901820"),
            ("\u{202a}+49\u{202f}30\u{202f}901820\u{202c}", "+4930901820"),
            ("tel:+49-30-901820", "+4930901820"),
            ("'+49 30 901820", "+4930901820"),
            ("+４９ ３０ ９０１８２０", "+4930901820"),
            ("+49·30·901820", "+4930901820"),
            // No plan has this one, and E.164 allows it.
            ("+1234567890", "+1234567890"),
        ] {
            assert_eq!(international(written).as_deref(), Ok(number), "{written}");
            assert!(writes(written, number), "{written}");
        }
        for wrong in [
            "",
            "+",
            "12345678",
            "+0123456789",
            "+12345",
            "+1234567890123456",
            "+1 415 CALL",
            "1+4155550123",
            "+999 (0)1234567",
            "++49 30 901820",
            "+49 30 901820 +49 40 1",
            "tel:",
            "''+49 30 901820",
        ] {
            assert!(international(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_national_number_gets_its_country_by_its_own_prefixes() {
        for (written, country, number) in [
            ("1-415-555-0123", "US", "+14155550123"),
            ("(415) 555-0123", "us", "+14155550123"),
            ("011 49 30 901820", "US", "+4930901820"),
            ("0049 30 901820", "US", "+4930901820"),
            ("030 1234567", "DE", "+49301234567"),
            ("(0) 30 1234567", "DE", "+49301234567"),
            ("+43 1 234567", "DE", "+431234567"),
            ("0043 1 234567", "DE", "+431234567"),
            ("0049 (0)170 1234567", "DE", "+491701234567"),
            ("06 12345678", "IT", "+390612345678"),
            ("8 916 123 45 67", "RU", "+79161234567"),
            ("8 10 49 30 901820", "RU", "+4930901820"),
            ("06 1 234 5678", "HU", "+3612345678"),
            ("010 49 30 901820", "JP", "+4930901820"),
            ("447700900123", "GB", "+447700900123"),
            ("33612345678", "FR", "+33612345678"),
        ] {
            assert_eq!(read(written, country).as_deref(), Some(number), "{written} {country}");
            assert!(writes(written, number), "{written}");
        }
        for wrong in ["", "112", "030 CALL", "555+0123"] {
            assert_eq!(read(wrong, "DE"), None, "{wrong}");
        }
        for unknown in ["ZZ", "D", "", "001", "0 ", "éé"] {
            assert_eq!(Country::parse(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn a_country_code_is_never_put_before_itself() {
        for (written, country) in [("491701234567", "DE"), ("49 30 901820", "DE"), ("4366412345678", "AT")] {
            let twice = format!("+{0}{0}", Country::parse(country).expect("a country").calling_code);
            let read = read(written, country);
            assert!(read.as_ref().is_none_or(|read| !read.starts_with(&twice)), "{written}: {read:?}");
        }
    }

    #[test]
    fn an_extension_is_no_part_of_the_number() {
        for written in [
            "+1 415 555 0123 x123",
            "+1 415 555 0123 ext. 5",
            "+1 415 555 0123, Ext 5",
            "+14155550123;ext=5",
            "+1 415 555 0123 extension 1234",
        ] {
            assert_eq!(international(written).as_deref(), Ok("+14155550123"), "{written}");
        }
        assert_eq!(read("415-555-0123x7", "US").as_deref(), Some("+14155550123"));
        assert!(international("+1 415 555 0123 x").is_err());
    }

    #[test]
    fn a_text_writes_one_number() {
        assert!(writes("030 901820", "+4930901820"));
        assert!(!writes("030 901820", "+4940901820"));
        assert!(!writes("+49 30 901820", "+4930901821"));
        assert!(!writes("Ada", "+4930901820"));
    }

    proptest! {
        #[test]
        fn what_was_read_is_read_again(value in "\\+[1-9][0-9]{5,15}|[0-9 ()+x./-]{5,20}|\\PC{0,20}") {
            let home = Country::parse("AT").expect("a country");
            for number in [international(&value), national(&value, home)].into_iter().flatten() {
                prop_assert_eq!(international(&number), Ok(number.clone()));
                prop_assert_eq!(national(&number, home), Ok(number.clone()));
                prop_assert!(writes(&number, &number));
            }
        }
    }
}
