//! Numbers as people write them: with either sign for decimals, thousands in groups, a currency before or behind.
//!
//! A number that may mean two things is refused: a thousand and one are not the same.

use super::read::whole;
use crate::import::DecimalSign;
use crate::rules::Broken;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decimals {
    /// With this sign for decimals; whatever else stands between digits makes groups.
    Said(DecimalSign),
    /// Nobody knows: each number has to tell by itself.
    Unknown,
}

/// What makes groups of thousands, beside the sign that is not for decimals: blanks of three widths, apostrophes.
const GROUPS: [char; 6] = [' ', '\u{a0}', '\u{202f}', '\u{2009}', '\'', '’'];

/// Signs of numbers.
const SIGNS: [char; 3] = ['-', '+', '−'];

/// Signs of currencies, and the currencies (ISO 4217) that are written so.
const CURRENCIES: &[(&str, &[&str])] = &[
    ("€", &["EUR"]),
    ("£", &["GBP", "EGP", "FKP", "GIP", "LBP", "SHP", "SSP", "SYP"]),
    (
        "$",
        &[
            "USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP", "UYU", "BSD", "BBD",
            "BZD", "BMD", "BND", "KYD", "XCD", "FJD", "GYD", "JMD", "LRD", "NAD", "SBD", "SRD", "TTD", "DOP",
        ],
    ),
    ("US$", &["USD"]),
    ("CA$", &["CAD"]),
    ("C$", &["CAD", "NIO"]),
    ("A$", &["AUD"]),
    ("NZ$", &["NZD"]),
    ("HK$", &["HKD"]),
    ("S$", &["SGD"]),
    ("R$", &["BRL"]),
    ("¥", &["JPY", "CNY"]),
    ("₹", &["INR"]),
    ("₽", &["RUB"]),
    ("₺", &["TRY"]),
    ("₴", &["UAH"]),
    ("₩", &["KRW"]),
    ("₪", &["ILS"]),
    ("₫", &["VND"]),
    ("₦", &["NGN"]),
    ("฿", &["THB"]),
    ("₱", &["PHP"]),
    ("zł", &["PLN"]),
    ("Kč", &["CZK"]),
    ("Ft", &["HUF"]),
    ("lei", &["RON", "MDL"]),
    ("kr", &["SEK", "NOK", "DKK", "ISK"]),
    ("kr.", &["SEK", "NOK", "DKK", "ISK"]),
    ("Fr.", &["CHF"]),
];

/// A number, in the currency that it has with it, if it has one.
pub(super) fn number(value: &str, decimals: Decimals) -> Result<f64, Broken> {
    let invalid = || ("INVALID_NUMBER", format!("Must be a number such as {}", example(decimals)));
    plain(value, decimals)?.and_then(|number| number.parse().ok()).ok_or_else(invalid)
}

/// A whole number.
pub(super) fn integer(value: &str, decimals: Decimals) -> Result<i32, Broken> {
    let invalid = || ("INVALID_NUMBER", "Must be a whole number such as 250".to_owned());
    plain(value, decimals)?.and_then(|number| whole(&number).parse().ok()).ok_or_else(invalid)
}

/// Which sign a number has for decimals, where it tells. One that must be whole tells more: what parts its digits makes groups.
pub(in crate::import) fn sign_of(value: &str, is_whole: bool) -> Option<DecimalSign> {
    let digits = Written::of(value)?.digits;
    match decimals(digits, Decimals::Unknown) {
        Ok(decimal) => {
            let group = digits.chars().find(|sign| matches!(sign, '.' | ',') && Some(*sign) != decimal);
            grouped_and_parted(digits, decimal)?;
            decimal
                .and_then(DecimalSign::of)
                .or_else(|| group.and_then(DecimalSign::of).map(DecimalSign::other))
        }
        Err(group) if is_whole && !digits.ends_with("000") => DecimalSign::of(group).map(DecimalSign::other),
        Err(_) => None,
    }
}

/// Whether a number has a currency with it that is not the one that is said, or that nobody says: then it would become another.
pub(in crate::import) fn agrees(value: &str, currency: Option<&str>) -> Result<(), Broken> {
    let Some(sign) = Written::of(value).and_then(|written| written.currency) else { return Ok(()) };
    match currency.map(|currency| currency.trim().to_uppercase()) {
        Some(said) if is_written(&said, sign) => Ok(()),
        Some(said) => Err(("CURRENCY_MISMATCH", format!("The value is in {sign}, and the currency {said}"))),
        None => {
            let message = format!("The value is in {sign}: say its currency in a column or in `defaults`");
            Err(("CURRENCY_NOT_SAID", message))
        }
    }
}

fn is_written(currency: &str, sign: &str) -> bool {
    currency == sign || CURRENCIES.iter().any(|(known, all)| *known == sign && all.contains(&currency))
}

fn is_currency(sign: &str) -> bool {
    let is_code = sign.len() == 3 && sign.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code || CURRENCIES.iter().any(|(known, _)| *known == sign)
}

fn example(decimals: Decimals) -> &'static str {
    match decimals {
        Decimals::Said(DecimalSign::Comma) => "1250,50",
        _ => "1250.50",
    }
}

/// The parts of a number as it is written.
struct Written<'v> {
    is_negative: bool,
    currency: Option<&'v str>,
    /// From the first digit or sign for decimals to the last.
    digits: &'v str,
}

impl<'v> Written<'v> {
    fn of(value: &'v str) -> Option<Self> {
        let value = value.trim();
        let first = value.find(|c: char| c.is_ascii_digit())?;
        let last = value.rfind(|c: char| c.is_ascii_digit())?;
        // `.5` and `5.`; the point of `Fr.5` is the currency's.
        let is_fraction = value[..first]
            .strip_suffix(['.', ','])
            .is_some_and(|before| before.trim_matches(SIGNS).is_empty());
        let begin = first - usize::from(is_fraction);
        let end = last + 1 + usize::from(matches!(&value[last + 1..], "." | ","));
        let (sign, before) = unsigned(value[..begin].trim());
        let currency = match (before, value[end..].trim()) {
            ("", "") => None,
            ("", currency) | (currency, "") => Some(currency),
            _ => return None,
        };
        let is_negative = sign.is_some_and(|sign| sign != '+');
        let written = Self { is_negative, currency, digits: &value[begin..end] };
        currency.is_none_or(is_currency).then_some(written)
    }
}

/// A text without the sign before or behind it, and that sign.
fn unsigned(text: &str) -> (Option<char>, &str) {
    if let Some(rest) = text.strip_prefix(SIGNS) {
        return (text.chars().next(), rest.trim());
    }
    match text.strip_suffix(SIGNS) {
        Some(rest) => (text.chars().next_back(), rest.trim()),
        None => (None, text),
    }
}

/// The number as Rust writes it; none of what is no number. Refuses what may be two numbers.
fn plain(value: &str, how: Decimals) -> Result<Option<String>, Broken> {
    let Some(Written { is_negative, digits, .. }) = Written::of(value) else { return Ok(None) };
    let decimal = decimals(digits, how).map_err(|_| {
        let digits = digits.replace(['.', ','], "");
        let (whole, fraction) = digits.split_at(digits.len() - 3);
        let message =
            format!("May be {digits} or {whole}.{fraction}: say in `decimalSign` which sign is for decimals");
        ("AMBIGUOUS_NUMBER", message)
    })?;
    let number = grouped_and_parted(digits, decimal);
    Ok(number.map(|number| if is_negative { format!("-{number}") } else { number }))
}

/// The sign for decimals in these digits, if they have one; or the sign which may be that, and may make groups.
fn decimals(digits: &str, how: Decimals) -> Result<Option<char>, char> {
    if let Decimals::Said(sign) = how {
        return Ok(digits.contains(sign.sign()).then_some(sign.sign()));
    }
    let count = |sign: char| digits.matches(sign).count();
    let (sign, is_other_there) = match digits.rfind(['.', ',']) {
        None => return Ok(None),
        Some(at) if digits[at..].starts_with('.') => ('.', count(',') > 0),
        Some(_) => (',', count('.') > 0),
    };
    if is_other_there || digits.contains(GROUPS) {
        return Ok(Some(sign));
    }
    // The same sign twice makes groups. Once it does before three digits, and behind three at most that begin with no zero.
    let (before, behind) = digits.split_once(sign).unwrap_or_default();
    match count(sign) {
        1 if behind.len() == 3 && (1..=3).contains(&before.len()) && !before.starts_with('0') => Err(sign),
        1 => Ok(Some(sign)),
        _ => Ok(None),
    }
}

/// Digits and a fraction as Rust writes them; none where they do not stand as numbers do.
fn grouped_and_parted(digits: &str, decimal: Option<char>) -> Option<String> {
    let (whole, fraction) = match decimal.and_then(|decimal| digits.split_once(decimal)) {
        Some((whole, fraction)) => (whole, fraction),
        None => (digits, ""),
    };
    let is_fraction = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let whole = if whole.is_empty() && !fraction.is_empty() { "0".to_owned() } else { ungrouped(whole)? };
    match fraction {
        _ if !is_fraction => None,
        "" => Some(whole),
        fraction => Some(format!("{whole}.{fraction}")),
    }
}

/// Digits without what makes groups of them; none where the groups are not of three, nor, in India, of two before three.
fn ungrouped(digits: &str) -> Option<String> {
    let Some(sign) = digits.chars().find(|sign| !sign.is_ascii_digit()) else {
        return (!digits.is_empty()).then(|| digits.to_owned());
    };
    if !GROUPS.contains(&sign) && !matches!(sign, '.' | ',') {
        return None;
    }
    let groups: Vec<&str> = digits.split(sign).collect();
    let [first, middle @ .., last] = &groups[..] else { return None };
    let are_of = |length: usize| middle.iter().all(|group| group.len() == length);
    let is_grouped = (1..=3).contains(&first.len()) && are_of(3);
    let is_indian = sign == ',' && (1..=2).contains(&first.len()) && are_of(2);
    let are_digits = groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_digit()));
    (are_digits && last.len() == 3 && (is_grouped || is_indian)).then(|| groups.concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POINT: Decimals = Decimals::Said(DecimalSign::Point);
    const COMMA: Decimals = Decimals::Said(DecimalSign::Comma);

    fn code(value: &str, decimals: Decimals) -> &'static str {
        number(value, decimals).expect_err(value).0
    }

    #[test]
    fn numbers_that_tell_by_themselves_need_no_option() {
        for written in [
            "1250,50",
            "1250.50",
            "1.250,50",
            "1,250.50",
            "$1,250.50",
            "1 250,50",
            "1\u{a0}250,50",
            "1\u{202f}250,50",
            "1\u{2009}250.50",
            "1'250.50",
            "1’250.50",
            "€ 1.250,50",
            "1.250,50 €",
            "1250.50 EUR",
            "CHF 1'250.50",
            "+1250.5",
            " 1250,5 ",
        ] {
            assert_eq!(number(written, Decimals::Unknown), Ok(1250.5), "{written:?}");
        }
        for (written, read) in [
            ("1250", 1250.0),
            ("1 250", 1250.0),
            ("-1.250,50", -1250.5),
            ("−$1,250.50", -1250.5),
            ("$-1,250.50", -1250.5),
            ("1.250.000", 1_250_000.0),
            ("1,250,000", 1_250_000.0),
            ("12,34,567.50", 1_234_567.5),
            ("0,500", 0.5),
            (".5", 0.5),
            ("1250.500", 1250.5),
            ("5.", 5.0),
        ] {
            assert_eq!(number(written, Decimals::Unknown), Ok(read), "{written:?}");
        }
    }

    #[test]
    fn a_number_that_may_be_two_is_refused_until_the_sign_is_said() {
        for written in ["1,000", "1.250", "$12,500", "-125.000"] {
            assert_eq!(code(written, Decimals::Unknown), "AMBIGUOUS_NUMBER");
        }
        let (_, message) = integer("1,000", Decimals::Unknown).expect_err("refused");
        assert!(message.contains("1000 or 1.000") && message.contains("decimalSign"), "{message}");
        assert_eq!((number("1,000", POINT), number("1,000", COMMA)), (Ok(1000.0), Ok(1.0)));
        assert_eq!(
            (integer("1,000", POINT), integer("1.000", COMMA), integer(" 7 ", POINT)),
            (Ok(1000), Ok(1000), Ok(7))
        );
        assert_eq!((integer("5.0", Decimals::Unknown), integer("1.250,00", COMMA)), (Ok(5), Ok(1250)));
        assert!(integer("7.5", POINT).is_err() && integer("1,000", COMMA).is_err());
    }

    #[test]
    fn what_is_no_number_is_never_made_one() {
        for written in [
            "",
            " ",
            "-",
            "x",
            "1e3",
            "NaN",
            "1,25,0",
            "1.25.50",
            "12,50,5",
            "1250 50",
            "1  250",
            "5 %",
            "(5)",
            "5-",
            "--5",
            "1'250,50.5",
            "USD 5 EUR",
            "5 apples",
            "1,2345.5",
            "0x10",
            "1 250'000",
        ] {
            assert_eq!(code(written, Decimals::Unknown), "INVALID_NUMBER", "{written:?}");
        }
        for (written, decimals) in [
            ("1250.50", COMMA),
            ("1250,50", POINT),
            ("1.250,50", POINT),
            ("1,250.50", COMMA),
            ("1,0,0", COMMA),
        ] {
            assert_eq!(code(written, decimals), "INVALID_NUMBER", "{written:?}");
        }
    }

    #[test]
    fn a_value_never_becomes_another_currency() {
        for (value, currency, code) in [
            ("1250", None, None),
            ("$5", Some("CAD"), None),
            ("5 €", Some(" eur"), None),
            ("EUR 5", Some("EUR"), None),
            ("€5", Some("USD"), Some("CURRENCY_MISMATCH")),
            ("5 USD", Some("EUR"), Some("CURRENCY_MISMATCH")),
            ("$5", None, Some("CURRENCY_NOT_SAID")),
        ] {
            assert_eq!(agrees(value, currency).err().map(|(code, _)| code), code, "{value} {currency:?}");
        }
    }

    #[test]
    fn numbers_tell_their_sign_for_decimals() {
        let (point, comma) = (Some(DecimalSign::Point), Some(DecimalSign::Comma));
        for (value, is_whole, sign) in [
            ("1250,50", false, comma),
            ("1.250,50", false, comma),
            ("1.250.000", false, comma),
            ("$1,250.50", false, point),
            ("1,250,000", true, point),
            ("1,250", true, point),
            ("1.250", true, comma),
            ("1,000", true, None),
            ("1,250", false, None),
            ("1250", false, None),
            ("1 250", false, None),
            ("x,y", false, None),
        ] {
            assert_eq!(sign_of(value, is_whole), sign, "{value}");
        }
    }

    proptest! {
        /// A number in whatever form is read as itself or not at all.
        #[test]
        fn a_number_is_itself_or_refused(
            minor in 0i64..1_000_000_000_000, places in 0usize..4, comma: bool,
            group in prop::sample::select(vec!["", "x", " ", "\u{a0}", "\u{202f}", "'"]), currency in prop::sample::select(vec!["", "€", "USD "]),
        ) {
            let digits = format!("{minor:0>4}");
            let (whole, fraction) = digits.split_at(digits.len() - places);
            let (sign, other) = if comma { (",", ".") } else { (".", ",") };
            let group = if group == "x" { other } else { group };
            let mut grouped = String::new();
            let whole = whole.trim_start_matches('0');
            let whole = if whole.is_empty() { "0" } else { whole };
            for (at, digit) in whole.chars().enumerate() {
                if at > 0 && (whole.len() - at) % 3 == 0 {
                    grouped.push_str(group);
                }
                grouped.push(digit);
            }
            let part = if fraction.is_empty() { String::new() } else { format!("{sign}{fraction}") };
            let wanted: f64 = format!("{whole}.{fraction}").parse().expect("a number");
            let written = format!("{currency}{grouped}{part}");
            prop_assert_eq!(number(&written, if comma { COMMA } else { POINT }), Ok(wanted), "{}", &written);
            match number(&written, Decimals::Unknown) {
                Ok(read) => prop_assert_eq!(read, wanted, "{}", &written),
                Err((code, _)) => prop_assert_eq!(code, "AMBIGUOUS_NUMBER", "{}", &written),
            }
        }

        #[test]
        fn no_cell_is_too_odd(cell in "\\PC{0,20}|[-+0-9.,' €$A-Z\u{a0}]{0,12}") {
            for decimals in [Decimals::Unknown, POINT, COMMA] {
                let _ = (number(&cell, decimals), integer(&cell, decimals));
            }
            let _ = (sign_of(&cell, true), sign_of(&cell, false), agrees(&cell, Some("EUR")));
        }
    }
}
