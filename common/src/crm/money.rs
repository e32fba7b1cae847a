//! Amounts of money: on the wire a number, in the database whole minor units of a currency. Nothing is ever rounded.

use crate::rules::Broken;

/// The most minor units of an amount. With at most 15 digits a number survives JSON in every client.
pub const MAX_MINOR: i64 = 999_999_999_999_999;

/// The currency of an amount that names none.
pub const DEFAULT_CURRENCY: &str = "USD";

/// The active currencies of ISO 4217, without funds, metals and codes for testing.
const CURRENCIES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD \
    CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF \
    IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP \
    MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK \
    SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD \
    XCG XOF XPF YER ZAR ZMW ZWG";

/// Digits after the point: 2, but for these.
const WITHOUT: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const WITH_THREE: &str = "BHD IQD JOD KWD LYD OMR TND";

/// A currency's code as it is kept: upper case, one of ISO 4217.
pub fn currency(value: &str) -> Result<String, Broken> {
    let code = value.trim().to_ascii_uppercase();
    match CURRENCIES.split_whitespace().any(|known| known == code) {
        true => Ok(code),
        false => Err(("INVALID_CURRENCY", "Must be a currency of ISO 4217 such as EUR".to_owned())),
    }
}

/// How many digits a currency has after the point.
fn digits(currency: &str) -> usize {
    let among = |list: &str| list.split_whitespace().any(|known| known == currency);
    if among(WITHOUT) {
        0
    } else if among(WITH_THREE) {
        3
    } else {
        2
    }
}

/// The minor units of an amount, exactly: one that has more digits after the point than the currency is refused.
pub fn to_minor(value: f64, currency: &str) -> Result<i64, Broken> {
    let digits = digits(currency);
    if !value.is_finite() || value < 0.0 {
        return Err(("OUT_OF_RANGE", "Must be 0 or more".to_owned()));
    }
    // The shortest text that means this number, which is the text that was sent.
    let text = value.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.len() > digits {
        let message = format!("Must have at most {digits} digits after the point, as {currency} has");
        return Err(("TOO_PRECISE", message));
    }
    let minor: Option<i64> = format!("{}{fraction:0<digits$}", whole.trim_start_matches('-')).parse().ok();
    minor.filter(|minor| *minor <= MAX_MINOR).ok_or_else(|| {
        ("OUT_OF_RANGE", "Must have at most 15 digits, those after the point included".to_owned())
    })
}

/// The amount of minor units.
pub fn from_minor(minor: i64, currency: &str) -> f64 {
    // At most 15 digits over a power of ten: the division is correctly rounded, so that the shortest text is the amount.
    #[expect(clippy::cast_precision_loss, reason = "at most 15 digits")]
    let whole = minor as f64;
    match digits(currency) {
        0 => whole,
        3 => whole / 1000.0,
        _ => whole / 100.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_exact() {
        assert_eq!(to_minor(1250.5, "EUR"), Ok(125_050));
        assert_eq!(to_minor(0.1, "EUR"), Ok(10));
        assert_eq!(to_minor(0.0, "EUR"), Ok(0));
        assert_eq!(to_minor(-0.0, "EUR"), Ok(0));
        assert_eq!(to_minor(1250.0, "JPY"), Ok(1250));
        assert_eq!(to_minor(1.234, "KWD"), Ok(1234));
        assert_eq!(to_minor(9_999_999_999_999.99, "EUR"), Ok(MAX_MINOR));
        for (value, currency, code) in [
            (0.001, "EUR", "TOO_PRECISE"),
            (0.5, "JPY", "TOO_PRECISE"),
            (1e-300, "EUR", "TOO_PRECISE"),
            (-1.0, "EUR", "OUT_OF_RANGE"),
            (10_000_000_000_000.0, "EUR", "OUT_OF_RANGE"),
            (1e300, "JPY", "OUT_OF_RANGE"),
            (f64::NAN, "EUR", "OUT_OF_RANGE"),
        ] {
            assert_eq!(to_minor(value, currency).map_err(|(code, _)| code), Err(code), "{value} {currency}");
        }
    }

    #[test]
    fn currencies_are_known_ones() {
        assert_eq!(currency(" eur ").as_deref(), Ok("EUR"));
        for wrong in ["", "E", "EURO", "XXX", "ABC", "EUR USD"] {
            assert!(currency(wrong).is_err(), "{wrong}");
        }
    }

    /// Leads are compared by thousandths, which the database makes of minor units.
    #[test]
    fn the_database_knows_the_same_digits() {
        let migration = include_str!("../../../migrations/0022_expand_lead_lists.sql");
        for (list, times) in [(WITHOUT, "1000"), (WITH_THREE, "1")] {
            let quoted = format!("'{}'", list.replace(' ', "', '"));
            let (_, after) = migration.split_once(&quoted).unwrap_or_else(|| panic!("{quoted}"));
            let then = after.split("then").nth(1).and_then(|then| then.split_whitespace().next());
            assert_eq!(then, Some(times), "{list}");
        }
        assert!(migration.contains("else 10"));
    }

    proptest! {
        #[test]
        fn minor_units_survive_the_wire(minor in 0..=MAX_MINOR) {
            for currency in ["EUR", "JPY", "KWD"] {
                let text = serde_json::to_string(&from_minor(minor, currency)).expect("a number");
                let value: f64 = serde_json::from_str(&text).expect("a number");
                prop_assert_eq!(to_minor(value, currency), Ok(minor));
            }
        }
    }
}
