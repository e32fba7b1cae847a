//! `Upload-Offset`: where in the file a piece begins.

use poem::http::HeaderMap;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaParamIn, MetaSchema, MetaSchemaRef};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::http::code::Code;
use crate::http::refusal::Refusal;

const HEADER: &str = "Upload-Offset";

/// Where a piece begins, in bytes from the beginning of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UploadOffset(pub u64);

/// The offset that the headers say, once and in decimal digits: at most what the document calls an integer of 64 bits.
fn offset(headers: &HeaderMap) -> Result<u64, Refusal> {
    let mut values = headers.get_all(HEADER).iter();
    let parsed = match (values.next(), values.next()) {
        (None, _) => Err("Required: how many bytes of the file come before"),
        (Some(value), None) => parse(value.as_bytes()).ok_or("Expected a number of bytes, in decimal digits"),
        (Some(_), Some(_)) => Err("Expected one offset"),
    };
    parsed.map_err(|wrong| Refusal::new(Code::ValidationError).detail(HEADER, wrong))
}

fn parse(value: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    let is_decimal = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    let number = digits.parse::<u64>().ok().filter(|number| i64::try_from(*number).is_ok());
    number.filter(|_| is_decimal)
}

impl<'a> ApiExtractor<'a> for UploadOffset {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = true;

    type ParamType = u64;
    type ParamRawType = u64;

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        let schema = MetaSchema { minimum: Some(0.0), ..MetaSchema::new_with_format("integer", "int64") };
        Some(MetaSchemaRef::Inline(Box::new(schema)))
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        Ok(Self(offset(request.headers())?))
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[&[u8]]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, HeaderValue::from_bytes(value).ok()?);
        }
        offset(&headers).ok()
    }

    #[test]
    fn an_offset_is_one_number_of_digits() {
        assert_eq!((of(&[b"0"]), of(&[b" 42 "]), of(&[b"007"])), (Some(0), Some(42), Some(7)));
        assert_eq!(of(&[b"9223372036854775807"]), Some(i64::MAX.unsigned_abs()));
        for wrong in
            ["", " ", "-1", "+1", "1.0", "1e3", "0x10", "1 2", "9223372036854775808", "18446744073709551616"]
        {
            assert_eq!(of(&[wrong.as_bytes()]), None, "{wrong:?}");
        }
        assert_eq!((of(&[]), of(&[b"1", b"1"])), (None, None));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(number in 0..=i64::MAX.unsigned_abs(), zeros in 0..5_usize) {
            let written = format!("{}{number}", "0".repeat(zeros));
            prop_assert_eq!(of(&[written.as_bytes()]), Some(number));
        }

        #[test]
        fn what_is_read_is_what_was_written(bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            if let Some(number) = of(&[&bytes]) {
                let text = String::from_utf8(bytes).expect("digits are text");
                let digits = text.trim().trim_start_matches('0');
                prop_assert_eq!(if digits.is_empty() { "0" } else { digits }, number.to_string());
            }
        }
    }
}
