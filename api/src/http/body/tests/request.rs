//! The extractor, through poem.

use poem::error::ResponseError;
use poem::http::Method;
use poem::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use poem::{Body as Stream, Endpoint, EndpointExt, IntoEndpoint, Request, RequestBuilder};
use poem_openapi::payload::PlainText;
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::Value;

use super::super::{Body, BodyError, BodyLimit};
use super::NewLead;

struct Api;

#[OpenApi]
impl Api {
    #[oai(path = "/leads", method = "post")]
    async fn create_lead(&self, body: Body<NewLead>) -> PlainText<String> {
        PlainText(body.0.title)
    }
}

fn post() -> RequestBuilder {
    Request::builder().method(Method::POST).uri_str("/leads")
}

async fn send(request: Request) -> (u16, String) {
    let endpoint = OpenApiService::new(Api, "Leads", "1").into_endpoint().data(BodyLimit(64));
    let endpoint = endpoint.catch_all_error(async |error: poem::Error| {
        let error = error.downcast_ref::<BodyError>().expect("a body error");
        poem::Response::builder().status(error.status()).body(error.code())
    });
    let response = endpoint.get_response(request).await;
    (response.status().as_u16(), response.into_body().into_string().await.unwrap())
}

async fn answer(content_type: Option<&str>, body: impl Into<String>) -> (u16, String) {
    let request = match content_type {
        Some(content_type) => post().header(CONTENT_TYPE, content_type),
        None => post(),
    };
    send(request.body(body.into())).await
}

#[tokio::test]
async fn only_json_in_utf8_is_read() {
    let body = r#"{"title": "A"}"#;
    let unsupported = (415, "UNSUPPORTED_MEDIA_TYPE".to_owned());
    for accepted in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        "application/merge-patch+json",
    ] {
        assert_eq!(answer(Some(accepted), body).await, (200, "A".to_owned()), "{accepted}");
    }
    for refused in ["text/plain", "application/xml", "application/json; charset=latin1", "json", ""] {
        assert_eq!(answer(Some(refused), body).await, unsupported, "{refused}");
    }
    assert_eq!(answer(None, body).await, unsupported);
    let compressed = post().content_type("application/json").header(CONTENT_ENCODING, "gzip");
    assert_eq!(send(compressed.body(body)).await, unsupported);
}

#[tokio::test]
async fn each_refusal_has_its_status_and_code() {
    let json = Some("application/json");
    assert_eq!(answer(json, "").await, (400, "MALFORMED_JSON".to_owned()));
    assert_eq!(answer(json, "{").await, (400, "MALFORMED_JSON".to_owned()));
    assert_eq!(answer(json, "{}").await, (400, "VALIDATION_ERROR".to_owned()));
    assert_eq!(answer(json, "x".repeat(65)).await, (413, "PAYLOAD_TOO_LARGE".to_owned()));
}

#[tokio::test]
async fn a_declared_length_is_refused_before_anything_is_read() {
    let request = post().content_type("application/json").header(CONTENT_LENGTH, "65");
    let endless = futures::stream::pending::<std::io::Result<bytes::Bytes>>();
    let (status, _) = send(request.body(Stream::from_bytes_stream(endless))).await;
    assert_eq!(status, 413);
}

#[tokio::test]
async fn a_lenient_caller_is_obeyed() {
    for (preference, status) in [
        ("handling=lenient", 200),
        ("return=minimal, Handling=\"lenient\"", 200),
        ("respond-async; wait=1, handling=lenient", 200),
        ("handling=strict", 400),
        ("lenient", 400),
    ] {
        let request = post().content_type("application/json").header("prefer", preference);
        let (answered, _) = send(request.body(r#"{"title": "A", "x": 1}"#)).await;
        assert_eq!(answered, status, "{preference}");
    }
}

#[test]
fn the_document_shows_the_schema_as_required_json() {
    let document: Value = serde_json::from_str(&OpenApiService::new(Api, "Leads", "1").spec()).unwrap();
    let body = &document["paths"]["/leads"]["post"]["requestBody"];
    assert_eq!(body["required"], true);
    assert_eq!(body["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/NewLead");
}
