//! A client of the API, as tests want it: an unexpected answer is a panic that shows the answer and points at the test.

mod events;

use anyhow::Context;
use futures::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

pub use events::{EventStream, StreamEvent};

/// Longer than the API's own limit for a request (30 s).
const TIMEOUT: Duration = Duration::from_secs(40);

/// A base URL with a credential and other headers.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    headers: HeaderMap,
}

impl Client {
    /// For `http://127.0.0.1:8080/api/v1`, say; paths are appended to it.
    ///
    /// # Panics
    /// Where the TLS library cannot be set up.
    pub fn new(base: &str) -> Self {
        // The API speaks HTTP here: reading the system's certificate authorities for each client would take longer than most requests.
        let http = reqwest::Client::builder().timeout(TIMEOUT).no_proxy().tls_certs_only([]).build();
        let http = http.unwrap_or_else(|error| panic!("no HTTP client: {error}"));
        Self { http, base: base.trim_end_matches('/').to_owned(), headers: HeaderMap::new() }
    }

    /// The same with an access token or API key.
    pub fn with_bearer(&self, credential: &str) -> Self {
        self.with_header("authorization", &format!("Bearer {credential}"))
    }

    /// The same with a header on every request.
    ///
    /// # Panics
    /// Where name or value cannot be a header's.
    #[track_caller]
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        let name: HeaderName = name.parse().unwrap_or_else(|_| panic!("{name:?} is no header's name"));
        let value = HeaderValue::from_str(value).unwrap_or_else(|_| panic!("{value:?} is no header's value"));
        client.headers.insert(name, value);
        client
    }

    /// The same at another base URL: a server that was started again may have another port.
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.trim_end_matches('/').to_owned(), ..self.clone() }
    }

    /// The URL that paths are appended to.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> BoxFuture<'static, Answer> {
        self.send(Method::GET, path, None)
    }

    /// POST with a JSON body.
    #[track_caller]
    pub fn post(&self, path: &str, body: Value) -> BoxFuture<'static, Answer> {
        self.send(Method::POST, path, Some(body))
    }

    /// PUT with a JSON body.
    #[track_caller]
    pub fn put(&self, path: &str, body: Value) -> BoxFuture<'static, Answer> {
        self.send(Method::PUT, path, Some(body))
    }

    /// PATCH with a JSON body.
    #[track_caller]
    pub fn patch(&self, path: &str, body: Value) -> BoxFuture<'static, Answer> {
        self.send(Method::PATCH, path, Some(body))
    }

    /// DELETE.
    #[track_caller]
    pub fn delete(&self, path: &str) -> BoxFuture<'static, Answer> {
        self.send(Method::DELETE, path, None)
    }

    /// Any method, with a JSON body or without one.
    ///
    /// # Panics
    /// Where no answer comes.
    #[track_caller]
    pub fn send(&self, method: Method, path: &str, body: Option<Value>) -> BoxFuture<'static, Answer> {
        let (content_type, bytes) = match body {
            Some(body) => (Some("application/json"), body.to_string().into_bytes()),
            None => (None, Vec::new()),
        };
        self.send_bytes(method, path, content_type, bytes)
    }

    /// Any method and any body: malformed JSON, a file.
    ///
    /// # Panics
    /// Where no answer comes.
    #[track_caller]
    pub fn send_bytes(
        &self,
        method: Method,
        path: &str,
        content_type: Option<&str>,
        body: Vec<u8>,
    ) -> BoxFuture<'static, Answer> {
        let caller = Location::caller();
        let sending = self.clone().exchange(method, path.to_owned(), content_type.map(str::to_owned), body);
        Box::pin(async move { sending.await.unwrap_or_else(|error| panic!("at {caller}: {error:#}")) })
    }

    /// POST of `multipart/form-data`: options in JSON and a file.
    #[track_caller]
    pub fn upload(&self, path: &str, options: &Value, name: &str, file: &[u8]) -> BoxFuture<'static, Answer> {
        const BOUNDARY: &str = "tenon-7d8f1c";
        let part = |head: &str| format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        let mut body = part("name=\"options\"").into_bytes();
        body.extend_from_slice(options.to_string().as_bytes());
        body.extend_from_slice(b"\r\n");
        body.extend_from_slice(part(&format!("name=\"file\"; filename=\"{name}\"")).as_bytes());
        body.extend_from_slice(file);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send_bytes(Method::POST, path, Some(&content_type), body)
    }

    /// As [`Client::send`], where no answer is an answer too: while a server starts or stops.
    pub async fn try_send(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        let content_type = body.as_ref().map(|_| "application/json".to_owned());
        let bytes = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        self.clone().exchange(method, path.to_owned(), content_type, bytes).await
    }

    async fn exchange(
        self,
        method: Method,
        path: String,
        content_type: Option<String>,
        body: Vec<u8>,
    ) -> anyhow::Result<Answer> {
        let url = format!("{}{path}", self.base);
        let asked = format!("{method} {url}");
        let mut request = self.http.request(method, url).headers(self.headers);
        if !body.is_empty() || content_type.is_some() {
            request = request.body(body);
        }
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let response = request.send().await.with_context(|| asked.clone())?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.with_context(|| asked.clone())?.into();
        Ok(Answer { asked, status, headers, body })
    }
}

/// What the API answered.
#[derive(Debug, Clone)]
pub struct Answer {
    asked: String,
    /// The status code.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as received.
    pub body: Vec<u8>,
}

impl Answer {
    /// 200, and the envelope's `data`.
    ///
    /// # Panics
    /// Where the answer is another.
    #[track_caller]
    pub fn ok<T: DeserializeOwned>(self) -> T {
        self.status(200).data()
    }

    /// 201, and the envelope's `data`.
    ///
    /// # Panics
    /// Where the answer is another.
    #[track_caller]
    pub fn created<T: DeserializeOwned>(self) -> T {
        self.status(201).data()
    }

    /// 202, and the envelope's `data`.
    ///
    /// # Panics
    /// Where the answer is another.
    #[track_caller]
    pub fn accepted<T: DeserializeOwned>(self) -> T {
        self.status(202).data()
    }

    /// 204 without a body.
    ///
    /// # Panics
    /// Where the answer is another.
    #[track_caller]
    pub fn no_content(self) -> Self {
        let answer = self.status(204);
        assert!(answer.body.is_empty(), "a body with 204: {answer}");
        answer
    }

    /// This status; the answer, to look at further.
    ///
    /// # Panics
    /// Where it is another.
    #[track_caller]
    pub fn status(self, expected: u16) -> Self {
        assert!(self.status.as_u16() == expected, "expected {expected}: {self}");
        self
    }

    /// This status and the error code in the body; the answer, to look at further.
    ///
    /// # Panics
    /// Where either is another.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        let answer = self.status(status);
        assert!(answer.json()["code"] == code, "expected the code {code}: {answer}");
        answer
    }

    /// The envelope's `data`.
    ///
    /// # Panics
    /// Where there is none of that type.
    #[track_caller]
    pub fn data<T: DeserializeOwned>(&self) -> T {
        let mut json = self.json();
        let data = json.get_mut("data").map(Value::take).unwrap_or_else(|| panic!("no data: {self}"));
        serde_json::from_value(data).unwrap_or_else(|error| panic!("other data ({error}): {self}"))
    }

    /// The whole body.
    ///
    /// # Panics
    /// Where it is not JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {self}"))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header that should be there.
    ///
    /// # Panics
    /// Where it is not.
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header {name}: {self}"));
        value.to_str().unwrap_or_else(|_| panic!("the header {name} is no text: {self}"))
    }
}

/// As on the wire, for failed assertions.
impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{} answered {}", self.asked, self.status)?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        let text = self.text();
        let shown: String = text.chars().take(4000).collect();
        write!(formatter, "\n{shown}")
    }
}
