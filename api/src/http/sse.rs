//! Server-Sent Events, as browsers' `EventSource` reads them (WHATWG HTML, 9.2).

use std::fmt::Write;

use bytes::Bytes;
use poem::http::{HeaderMap, HeaderName, HeaderValue, header};
use poem::{Body, Response};
use poem_openapi::registry::{MetaMediaType, MetaSchema, MetaSchemaRef};
use tokio::sync::mpsc::Receiver;

/// The media type.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// Whether a request asks for a stream.
pub fn is_wanted(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(CONTENT_TYPE))
            && !parts.any(|parameter| {
                matches!(parameter.split_once('='), Some(("q" | "Q", "0" | "0.0" | "0.00" | "0.000")))
            })
    })
}

/// Adds an event. A client that comes back sends `id` as `Last-Event-ID`.
pub fn write_event(text: &mut String, id: &str, kind: &str, data: &str) {
    let _ = write!(text, "id: {id}\nevent: {kind}\n");
    for line in data.lines() {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
}

/// Adds what is no event for the client's program, and is where it will go on.
pub fn write_place(text: &mut String, id: &str) {
    let _ = write!(text, ":\nid: {id}\n\n");
}

/// 200 with what comes, for as long as it comes.
pub fn stream(mut chunks: Receiver<Bytes>) -> Response {
    let chunks = futures::stream::poll_fn(move |context| chunks.poll_recv(context));
    let chunks = futures::StreamExt::map(chunks, Ok::<_, std::io::Error>);
    let mut response = Response::builder().content_type(CONTENT_TYPE).body(Body::from_bytes_stream(chunks));
    // Proxies that gather answers before they hand them on are asked not to (nginx).
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The stream in the document.
pub fn documented(description: &'static str) -> MetaMediaType {
    let schema = MetaSchema { description: Some(description), ..MetaSchema::new("string") };
    MetaMediaType { content_type: CONTENT_TYPE, schema: MetaSchemaRef::Inline(Box::new(schema)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_wanted_by_who_accepts_it() {
        let wanted = |accept: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            is_wanted(&headers)
        };
        assert!(wanted("text/event-stream"));
        assert!(wanted("application/json;q=0.5, Text/Event-Stream;q=0.9"));
        for other in ["", "*/*", "text/*", "application/json", "text/event-stream;q=0", "text/event-streams"]
        {
            assert!(!wanted(other), "{other}");
        }
    }

    #[test]
    fn each_line_of_the_data_is_a_line_of_data() {
        let mut text = String::new();
        write_event(&mut text, "7", "contact.created", "{\n}");
        write_place(&mut text, "8");
        assert_eq!(text, "id: 7\nevent: contact.created\ndata: {\ndata: }\n\n:\nid: 8\n\n");
    }
}
