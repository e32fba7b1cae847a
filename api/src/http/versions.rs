//! `Tenon-Version`: in which dated version of the API a request is made, and what its answer says of that.

use chrono::{NaiveDate, NaiveTime};
use poem::Request;
use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::Value;
use tenon_common::version::{Deprecation, Steps, Version, Versions};

use crate::http::code::Code;
use crate::http::refusal::Refusal;

/// The header, as it is written.
pub const NAME: &str = "Tenon-Version";
/// The header, as it is looked up.
pub const HEADER: HeaderName = HeaderName::from_static("tenon-version");
const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// What a request says of its version.
#[derive(Clone, Copy, Debug)]
pub enum Named {
    /// Nothing: it is made in that of its key, or in the newest.
    Nothing,
    /// The name of one that there is.
    One(&'static Version),
    /// Something else, or more than one.
    Wrong,
}

impl Named {
    /// What these headers say.
    pub fn of(headers: &HeaderMap, versions: &'static Versions) -> Self {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next() else { return Self::Nothing };
        let one = value.to_str().ok().filter(|_| values.next().is_none());
        one.and_then(|name| versions.named(name)).map_or(Self::Wrong, Self::One)
    }

    /// The version that it names.
    pub fn one(self) -> Option<&'static Version> {
        match self {
            Self::One(version) => Some(version),
            Self::Nothing | Self::Wrong => None,
        }
    }

    /// Refuses what is none. After the credential and the permission, where the operation asks for them.
    pub fn check(self, versions: &Versions) -> Result<(), Refusal> {
        match self {
            Self::Nothing | Self::One(_) => Ok(()),
            Self::Wrong => {
                let message = format!("Expected one of the versions that there are: {}", versions.names());
                Err(Refusal::new(Code::ValidationError).detail(NAME, message))
            }
        }
    }
}

/// The version of an answer, as an extension of it where it is neither the one that the request names nor the newest.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredIn(pub &'static Version);

/// How what is said in an older version is understood: an extension of requests to operations that have changed since.
#[derive(Clone, Copy, Debug)]
pub struct Translation {
    /// What has changed since.
    pub steps: Steps<'static>,
    /// The operation that is asked for.
    pub operation: &'static str,
}

/// A JSON body as the newest code understands it.
pub fn understood(request: &Request, mut body: Value) -> Value {
    if let Some(Translation { steps, operation }) = request.extensions().get() {
        steps.request(operation, &mut body);
    }
    body
}

/// Says the version of an answer, and whether somebody should be leaving it.
pub fn write(headers: &mut HeaderMap, version: &'static Version) {
    headers.insert(HEADER, HeaderValue::from_static(version.name));
    if let Some(deprecation) = version.deprecation {
        write_deprecation(headers, deprecation);
    }
}

fn write_deprecation(headers: &mut HeaderMap, Deprecation { since, sunset, link }: Deprecation) {
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let mut write = |name: HeaderName, text: String| {
        // A page that no header can name is left out.
        HeaderValue::from_str(&text).map(|value| headers.append(name, value)).unwrap_or_default();
    };
    // A date of RFC 9651, and one of HTTP.
    write(DEPRECATION, format!("@{}", midnight(since).timestamp()));
    write(header::LINK, format!("<{link}>; rel=\"deprecation\"; type=\"text/html\""));
    if let Some(sunset) = sunset {
        write(SUNSET, midnight(sunset).format("%a, %d %b %Y %H:%M:%S GMT").to_string());
        write(header::LINK, format!("<{link}>; rel=\"sunset\"; type=\"text/html\""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions() -> &'static Versions {
        let day = |day| NaiveDate::from_ymd_opt(2026, 11, day).expect("a day");
        let deprecation =
            Deprecation { since: day(1), sunset: Some(day(30)), link: "https://tenon.example/versions" };
        let old = Version::new("2025-06-01").deprecated(deprecation);
        Box::leak(Box::new(Versions::new(vec![old, Version::new("2026-01-01")])))
    }

    fn named(values: &[&[u8]]) -> Named {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).expect("a header"));
        }
        Named::of(&headers, versions())
    }

    #[test]
    fn a_request_names_one_version_that_there_is() {
        assert!(matches!(named(&[]), Named::Nothing));
        assert_eq!(named(&[b"2025-06-01"]).one().map(|version| version.name), Some("2025-06-01"));
        let wrong: [&[&[u8]]; 8] = [
            &[b""],
            &[b"2026-01-02"],
            &[b"2099-01-01"],
            &[b"2026-1-1"],
            &[b"latest"],
            &[b"2026-01-01, 2026-01-01"],
            &[b"2026-01-01", b"2026-01-01"],
            &[b"2026-01-0\xb1"],
        ];
        for values in wrong {
            let refusal = named(values).check(versions()).expect_err("no version");
            assert_eq!(refusal.code, Code::ValidationError);
            let says = "Expected one of the versions that there are: 2025-06-01, 2026-01-01";
            assert_eq!(refusal.details.get(NAME).map(String::as_str), Some(says), "{values:?}");
        }
    }

    #[test]
    fn an_answer_says_its_version_and_that_it_ends() {
        let text = |headers: &HeaderMap, name: &str| {
            let values = headers.get_all(name).iter().map(|value| value.to_str().expect("text").to_owned());
            values.collect::<Vec<_>>()
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::LINK, HeaderValue::from_static("<?limit=1>; rel=\"next\""));
        write(&mut headers, versions().named("2025-06-01").expect("the old one"));
        assert_eq!(text(&headers, "tenon-version"), ["2025-06-01"]);
        assert_eq!(text(&headers, "deprecation"), ["@1793491200"]);
        assert_eq!(text(&headers, "sunset"), ["Mon, 30 Nov 2026 00:00:00 GMT"]);
        assert_eq!(
            text(&headers, "link"),
            [
                "<?limit=1>; rel=\"next\"",
                "<https://tenon.example/versions>; rel=\"deprecation\"; type=\"text/html\"",
                "<https://tenon.example/versions>; rel=\"sunset\"; type=\"text/html\"",
            ]
        );
        let mut headers = HeaderMap::new();
        write(&mut headers, versions().newest());
        assert_eq!(headers.len(), 1, "{headers:?}");
    }
}
