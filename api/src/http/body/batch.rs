//! The body of a batch: `{"items": […]}`, each item judged by itself.

use std::marker::PhantomData;

use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::{Any, ParseFromJSON, ToJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::Value;

use super::{Body, BodyError, NoRules, Rules, parse_strict, prefers_lenient, read};
use crate::http::versions::understood;

/// The items of a batch.
#[derive(Object, Debug)]
#[oai(rename = "Batch")]
pub struct Batch<T: ParseFromJSON + ToJSON> {
    /// 1 to 500 of them.
    #[oai(validator(min_items = 1, max_items = 500))]
    pub items: Vec<T>,
}

/// A required body of a batch, documented as [`Batch<T>`]. An item that does not fit is refused by itself, so that it does not
/// spoil the others; what is around the items is refused as any body is.
#[derive(Debug)]
pub struct BatchBody<T, R = NoRules>(pub Vec<Result<T, BodyError>>, PhantomData<R>);

impl<T: ParseFromJSON + 'static, R: Rules> BatchBody<T, R> {
    fn from_value(value: Value, lenient: bool) -> Result<Self, BodyError> {
        let batch: Batch<Any<Value>> = Body::<_, NoRules>::from_value(value, lenient)?;
        let items = batch.items.into_iter().map(|item| Body::<T, R>::from_value(item.0, lenient));
        Ok(Self(items.collect(), PhantomData))
    }
}

impl<'a, T: ParseFromJSON + ToJSON + 'static, R: Rules> ApiExtractor<'a> for BatchBody<T, R> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Batch::<T>::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        let content = MetaMediaType { content_type: "application/json", schema: Batch::<T>::schema_ref() };
        Some(MetaRequest { description: None, content: vec![content], required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> Result<Self> {
        let value = understood(request, parse_strict(&read::json_bytes(request, body).await?)?);
        Ok(Self::from_value(value, prefers_lenient(request.headers()))?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn items(body: Value, lenient: bool) -> Result<Vec<Result<u32, BodyError>>, BodyError> {
        BatchBody::<u32>::from_value(body, lenient).map(|batch| batch.0)
    }

    #[test]
    fn an_item_is_refused_by_itself() {
        let read = items(json!({"items": [1, "x", 3]}), false).expect("a batch");
        assert!(matches!(read.as_slice(), [Ok(1), Err(BodyError::Fields(_)), Ok(3)]), "{read:?}");
    }

    #[test]
    fn what_is_around_the_items_is_refused_as_a_whole() {
        let many = json!({"items": vec![1; 501]});
        for wrong in [json!([1]), json!({}), json!({"items": []}), json!({"items": 1}), many] {
            assert!(items(wrong.clone(), true).is_err(), "{wrong}");
        }
        let unknown = json!({"items": vec![1; 500], "atomic": true});
        assert_eq!(items(unknown.clone(), false).expect_err("unknown").code(), "UNKNOWN_FIELD");
        assert_eq!(items(unknown, true).expect("lenient").len(), 500);
    }
}
