//! Cells as values.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use uuid::Uuid;

use crate::crm::activity::ActivityKind;
use crate::crm::lead::Status;
use crate::crm::rules::Broken;
use crate::import::DateFormat;

/// How the cells of a file are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Formats {
    /// Days.
    pub date: DateFormat,
    /// The calling code of phone numbers without one, such as `49`.
    pub calling_code: Option<&'static str>,
}

/// Calling codes (ITU-T E.164) by country (ISO 3166-1 alpha-2).
const CALLING_CODES: &str = "AD376 AE971 AF93 AL355 AM374 AO244 AR54 AT43 AU61 AW297 AZ994 BA387 BB1 BD880 BE32 BF226 BG359 BH973 BI257 \
    BJ229 BM1 BN673 BO591 BR55 BS1 BT975 BW267 BY375 BZ501 CA1 CD243 CF236 CG242 CH41 CI225 CL56 CM237 CN86 CO57 CR506 CU53 CV238 \
    CW599 CY357 CZ420 DE49 DJ253 DK45 DM1 DO1 DZ213 EC593 EE372 EG20 ER291 ES34 ET251 FI358 FJ679 FO298 FR33 GA241 GB44 GD1 GE995 \
    GF594 GG44 GH233 GI350 GL299 GM220 GN224 GP590 GQ240 GR30 GT502 GU1 GW245 GY592 HK852 HN504 HR385 HT509 HU36 ID62 IE353 IL972 \
    IM44 IN91 IQ964 IR98 IS354 IT39 JE44 JM1 JO962 JP81 KE254 KG996 KH855 KI686 KM269 KN1 KP850 KR82 KW965 KY1 KZ7 LA856 LB961 LC1 \
    LI423 LK94 LR231 LS266 LT370 LU352 LV371 LY218 MA212 MC377 MD373 ME382 MG261 MH692 MK389 ML223 MM95 MN976 MO853 MQ596 MR222 MS1 \
    MT356 MU230 MV960 MW265 MX52 MY60 MZ258 NA264 NC687 NE227 NG234 NI505 NL31 NO47 NP977 NR674 NZ64 OM968 PA507 PE51 PF689 PG675 \
    PH63 PK92 PL48 PR1 PS970 PT351 PW680 PY595 QA974 RE262 RO40 RS381 RU7 RW250 SA966 SB677 SC248 SD249 SE46 SG65 SI386 SK421 SL232 \
    SM378 SN221 SO252 SR597 SS211 ST239 SV503 SX1 SY963 SZ268 TD235 TG228 TH66 TJ992 TL670 TM993 TN216 TO676 TR90 TT1 TV688 TW886 \
    TZ255 UA380 UG256 US1 UY598 UZ998 VA39 VC1 VE58 VG1 VI1 VN84 VU678 WS685 XK383 YE967 YT262 ZA27 ZM260 ZW263";

/// The calling codes under which the digits after the code may begin with a zero that belongs to the number.
const KEEPS_ZERO: [&str; 3] = ["39", "378", "225"];

/// The calling code of a country, whose code is in upper case.
pub fn calling_code(country: &str) -> Option<&'static str> {
    let known =
        CALLING_CODES.split_whitespace().find(|known| country.len() == 2 && known.starts_with(country));
    known.and_then(|known| known.get(2..))
}

/// A phone number with its country, where it is written without one.
pub(super) fn phone(value: &str, formats: &Formats) -> String {
    let value = value.trim();
    let (Some(code), false) = (formats.calling_code, value.starts_with('+') || value.starts_with("00"))
    else {
        return value.to_owned();
    };
    let number = match KEEPS_ZERO.contains(&code) {
        true => value,
        // The zero that is dialled within the country only.
        false => value.strip_prefix('0').or_else(|| value.strip_prefix("(0)")).unwrap_or(value),
    };
    format!("+{code} {}", number.trim())
}

pub(super) fn id(value: &str) -> Result<Uuid, Broken> {
    Uuid::try_parse(value.trim()).map_err(|_| ("INVALID_ID", "Must be a UUID".to_owned()))
}

pub(super) fn integer(value: &str) -> Result<i32, Broken> {
    value.trim().parse().map_err(|_| ("INVALID_NUMBER", "Must be a whole number such as 250".to_owned()))
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

pub(super) fn day(value: &str, formats: &Formats) -> Result<NaiveDate, Broken> {
    let value = value.trim().replace(['.', '/'], "-");
    let written = match formats.date {
        DateFormat::Auto | DateFormat::Iso => "%Y-%m-%d",
        DateFormat::DayFirst => "%d-%m-%Y",
        DateFormat::MonthFirst => "%m-%d-%Y",
    };
    let iso = || NaiveDate::parse_from_str(&value, "%Y-%m-%d");
    // Days that this format does not write are looked at as ISO ones: the others begin with no year.
    NaiveDate::parse_from_str(&value, written)
        .or_else(|_| iso())
        .map_err(|_| ("INVALID_DATE", format!("Must be a day written as {}", example(formats.date))))
}

fn example(format: DateFormat) -> &'static str {
    match format {
        DateFormat::Auto => "2026-11-28, or in the order that `dateFormat` says",
        DateFormat::Iso => "2026-11-28",
        DateFormat::DayFirst => "28.11.2026",
        DateFormat::MonthFirst => "11/28/2026",
    }
}

/// An instant with its offset (RFC 3339), or a day with a time in UTC, or a day: its beginning in UTC.
pub(super) fn instant(value: &str, formats: &Formats) -> Result<DateTime<Utc>, Broken> {
    let value = value.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(value) {
        return Ok(at.to_utc());
    }
    let invalid = || {
        let day = example(formats.date);
        ("INVALID_TIME", format!("Must be a time such as 2026-11-28T10:00:00Z, or {day} 10:00, or {day}"))
    };
    let (date, time) = value.split_once([' ', 'T']).unwrap_or((value, "00:00"));
    let date = day(date, formats).map_err(|_| invalid())?;
    let time = time.trim();
    let timed = |format: &str| NaiveDateTime::parse_from_str(&format!("{date} {time}"), format);
    let at = timed("%Y-%m-%d %H:%M").or_else(|_| timed("%Y-%m-%d %H:%M:%S%.f")).map_err(|_| invalid())?;
    Ok(at.and_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_national_number_gets_its_country() {
        let germany = Formats { calling_code: calling_code("DE"), ..Formats::default() };
        let italy = Formats { calling_code: calling_code("IT"), ..Formats::default() };
        for (written, formats, read) in [
            ("030 1234567", germany, "+49 30 1234567"),
            ("(0) 30 1234567", germany, "+49 30 1234567"),
            ("+43 1 234567", germany, "+43 1 234567"),
            ("0043 1 234567", germany, "0043 1 234567"),
            ("06 1234567", italy, "+39 06 1234567"),
            ("030 1234567", Formats::default(), "030 1234567"),
        ] {
            assert_eq!(phone(written, &formats), read);
        }
        assert_eq!((calling_code("ZZ"), calling_code("D"), calling_code("")), (None, None, None));
    }

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
        assert!(day("31.02.2026", &with(DateFormat::DayFirst)).is_err());
        for (written, shown) in [
            ("2026-11-05T10:00:00+02:00", "2026-11-05T08:00:00+00:00"),
            ("2026-11-05 10:00", "2026-11-05T10:00:00+00:00"),
            ("2026-11-05 10:00:01.5", "2026-11-05T10:00:01.500+00:00"),
            ("2026-11-05", "2026-11-05T00:00:00+00:00"),
        ] {
            assert_eq!(instant(written, &Formats::default()).map(|at| at.to_rfc3339()).as_deref(), Ok(shown));
        }
        assert!(instant("today", &Formats::default()).is_err());
    }

    #[test]
    fn numbers_are_plain() {
        assert_eq!(number(" 1250.50 "), Ok(1250.5));
        for wrong in ["1,250.50", "1e3", "inf", "NaN", "", "€ 5"] {
            assert!(number(wrong).is_err(), "{wrong}");
        }
        assert_eq!(integer(" 7 "), Ok(7));
        assert!(integer("7.5").is_err());
    }

    proptest! {
        #[test]
        fn no_cell_is_too_odd(cell in "\\PC{0,40}") {
            for date in [DateFormat::Iso, DateFormat::DayFirst, DateFormat::MonthFirst] {
                let formats = Formats { date, calling_code: calling_code("AT") };
                let _ = (day(&cell, &formats), instant(&cell, &formats), phone(&cell, &formats));
            }
            let _ = (id(&cell), integer(&cell), number(&cell), status(&cell), kind(&cell), calling_code(&cell));
        }
    }
}
