//! `Prefer` (RFC 7240): what a client would like, and what of it was done.

use poem::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use poem::{Body, Request, RequestBody, Response, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

/// The header that says what was done.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// How much of a changed record to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Returns {
    /// `return=minimal`: the headers.
    Minimal,
    /// `return=representation`: all of it.
    Representation,
}

/// What a client prefers; what is unknown or cannot be read is no preference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// How much to answer; none where the client does not say.
    pub returns: Option<Returns>,
    /// `handling=lenient`: unknown fields of the body are passed over.
    pub lenient: bool,
}

impl Prefer {
    /// The preferences of a request. Of one that is named twice the first counts.
    pub fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        Self::of_values(values)
    }

    /// The preferences of the header's values.
    pub fn of_values<'a>(values: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut returns, mut handling) = (None, None);
        for (name, value) in values.into_iter().flat_map(preferences) {
            match name.to_ascii_lowercase().as_str() {
                "return" => returns = returns.or(Some(value)),
                "handling" => handling = handling.or(Some(value)),
                _ => {}
            }
        }
        let returns = returns.and_then(|value| match value.to_ascii_lowercase().as_str() {
            "minimal" => Some(Returns::Minimal),
            "representation" => Some(Returns::Representation),
            _ => None,
        });
        Self { returns, lenient: handling.is_some_and(|value| value.eq_ignore_ascii_case("lenient")) }
    }

    /// The same for an answer that is needed whole: the only one that shows a secret.
    pub fn in_full(self) -> Self {
        Self { returns: self.returns.filter(|returns| *returns != Returns::Minimal), ..self }
    }

    /// The answer as the client prefers it, which says what was done. Only of a success.
    pub fn apply(self, mut response: Response) -> Response {
        let mut applied = Vec::new();
        match (self.returns, response.status()) {
            (Some(Returns::Minimal), StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT) => {
                response.set_body(Body::empty());
                response.headers_mut().remove(header::CONTENT_TYPE);
                if response.status() == StatusCode::OK {
                    response.set_status(StatusCode::NO_CONTENT);
                }
                applied.push("return=minimal");
            }
            (Some(Returns::Representation), StatusCode::OK | StatusCode::CREATED) => {
                applied.push("return=representation");
            }
            _ => {}
        }
        if self.lenient && response.status().is_success() {
            applied.push("handling=lenient");
        }
        if let Ok(applied) = HeaderValue::from_str(&applied.join(", "))
            && !applied.is_empty()
        {
            response.headers_mut().insert(PREFERENCE_APPLIED, applied);
        }
        response
    }
}

/// `name=value` of each preference of a list; parameters after a semicolon are passed over.
fn preferences(list: &str) -> impl Iterator<Item = (&str, &str)> {
    split(list, b',').into_iter().filter_map(|preference| {
        let (name, value) = split(preference, b';').into_iter().next()?.split_once('=')?;
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        Some((name.trim(), value))
    })
}

/// The parts between separators that are not within quotes.
fn split(text: &str, separator: u8) -> Vec<&str> {
    let (mut parts, mut from, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if byte == separator && !quoted => {
                // A separator is ASCII, so both ends are between characters.
                parts.push(text.get(from..at).unwrap_or_default());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}

impl<'a> ApiExtractor<'a> for Prefer {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];

    type ParamType = String;
    type ParamRawType = String;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(String::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self::of(request.headers()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(value: &str) -> Prefer {
        Prefer::of_values([value])
    }

    #[test]
    fn preferences_are_read_as_the_rfc_writes_them() {
        let minimal = Prefer { returns: Some(Returns::Minimal), lenient: false };
        for written in [
            "return=minimal",
            "Return = \"minimal\"",
            "respond-async, return=minimal; foo=\"a, return=representation\"",
            "foo=\"return=representation, \\\"\", return=minimal",
            "return=minimal, return=representation",
        ] {
            assert_eq!(of(written), minimal, "{written}");
        }
        let both = Prefer { returns: Some(Returns::Representation), lenient: true };
        assert_eq!(of("handling=lenient, wait=100, return=representation"), both);
        assert_eq!(Prefer::of_values(["handling=lenient", "return=representation"]), both);
        for nothing in
            ["", "return", "return=", "return=all", "foo; return=minimal", "handling=strict", "=,;\""]
        {
            assert_eq!(of(nothing), Prefer::default(), "{nothing}");
        }
    }

    #[tokio::test]
    async fn an_answer_is_shortened_and_says_so() {
        let answer = |status: StatusCode| {
            Response::builder()
                .status(status)
                .header("etag", "\"v1\"")
                .content_type("application/json")
                .body("{}")
        };
        let shortened = of("return=minimal, handling=lenient").apply(answer(StatusCode::OK));
        assert_eq!(shortened.status(), StatusCode::NO_CONTENT);
        assert_eq!(shortened.header("etag"), Some("\"v1\""));
        assert_eq!(shortened.header("content-type"), None);
        assert_eq!(shortened.header("preference-applied"), Some("return=minimal, handling=lenient"));
        assert!(shortened.into_body().into_vec().await.expect("read").is_empty());
        let created = of("return=minimal").apply(answer(StatusCode::CREATED));
        assert_eq!(created.status(), StatusCode::CREATED);
        let whole = of("return=minimal").in_full().apply(answer(StatusCode::CREATED));
        assert_eq!(whole.header("preference-applied"), None);
        assert_eq!(whole.into_body().into_vec().await.expect("read"), b"{}");
        let mixed = of("return=minimal").apply(answer(StatusCode::MULTI_STATUS));
        assert_eq!((mixed.status(), mixed.header("preference-applied")), (StatusCode::MULTI_STATUS, None));
    }

    proptest! {
        #[test]
        fn anything_is_read_and_what_is_said_is_found(before in "[^=]{0,40}", after in "\\PC{0,40}", any in "\\PC{0,200}") {
            of(&any);
            // A preference stands by itself wherever the text before it leaves no quote open.
            let closed = before.replace(['"', '\\'], "");
            let found = of(&format!("{closed}, return=minimal, {after}"));
            prop_assert_eq!(found.returns, Some(Returns::Minimal));
        }

        #[test]
        fn splitting_loses_nothing(text in "[a,;\"\\\\é ]{0,40}") {
            prop_assert_eq!(split(&text, b',').join(","), text);
        }
    }
}
