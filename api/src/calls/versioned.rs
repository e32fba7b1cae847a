//! Requests that are made in an older version of the API: what they say is turned into the newest form before a handler reads it, and its
//! answer back. Where there is one version only, nothing of this is done.
//!
//! JSON bodies are turned where they are read (`http/versions.rs`, `understood`), after the caller is known; here the rest is: the query, the
//! tags, the answer, the names in refusals. Events are turned by those who show them. Files are in the newest form.

mod tags;

use std::sync::Arc;

use poem::http::uri::PathAndQuery;
use poem::http::{HeaderMap, HeaderValue, Uri, header};
use poem::{Body, Endpoint, IntoResponse, Request, Response, Result};
use serde_json::Value;
use tenon_common::version::{ApiVersion, Query, Steps, Version, Versions};
use url::form_urlencoded;

use crate::app::App;
use crate::calls::caller;
use crate::calls::once::REPLAYED;
use crate::http::code::Code;
use crate::http::refusal::Refusal;
use crate::http::request::FACTS;
use crate::http::versions::{self, AnsweredIn, Translation};

/// Wraps the operations.
pub struct Versioned<E> {
    inner: E,
    app: Arc<App>,
}

impl<E> Versioned<E> {
    /// Wraps `inner`, whose answers are not compressed yet.
    pub fn new(inner: E, app: Arc<App>) -> Self {
        Self { inner, app }
    }
}

impl<E: Endpoint> Endpoint for Versioned<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let versions = self.app.versions;
        if versions.is_only_one() {
            return self.inner.call(request).await.map(IntoResponse::into_response);
        }
        let (named, operation) = FACTS.with(|facts| (facts.named, facts.operation));
        let version = match named.one() {
            Some(version) => version,
            None => self.kept(request.headers()).await,
        };
        let asked = Asked { versions, version, operation: operation.unwrap_or_default() };
        asked.turn(&mut request);
        let response = self.inner.call(request).await?.into_response();
        Ok(asked.turn_back(response).await)
    }
}

impl<E> Versioned<E> {
    /// The version of the key that calls; the newest for everybody else. Of a key that is not good the handler says so.
    async fn kept(&self, headers: &HeaderMap) -> &'static Version {
        let kept = match caller::key(headers) {
            Some(key) => self.app.keys.version(&key).await,
            None => None,
        };
        kept.map_or_else(|| self.app.versions.newest(), |kept| self.app.versions.kept(kept))
    }
}

/// What is asked for, and in which version.
#[derive(Clone, Copy)]
struct Asked {
    versions: &'static Versions,
    version: &'static Version,
    operation: &'static str,
}

impl Asked {
    /// What has changed since, up to the form of an answer; nothing where that does not concern the operation.
    fn steps(self, made_in: ApiVersion) -> Steps<'static> {
        let steps = self.versions.steps(self.version.date, made_in);
        if steps.concern(self.operation) { steps } else { Steps::default() }
    }

    fn turn(self, request: &mut Request) {
        tags::received(request.headers_mut(), self.version.date);
        let (steps, operation) = (self.steps(self.versions.newest().date), self.operation);
        if steps.is_empty() {
            return;
        }
        if let Some(uri) = turned(request.uri(), |query| steps.query(operation, query)) {
            *request.uri_mut() = uri;
        }
        request.extensions_mut().insert(Translation { steps, operation });
    }

    async fn turn_back(self, mut response: Response) -> Response {
        let made_in = made_in(response.headers(), self.versions);
        let steps = self.steps(made_in.date);
        if let Some(refusal) = response.extensions_mut().get_mut::<Refusal>() {
            refusal.rename(|pointer| steps.place(self.operation, pointer));
        } else if !steps.is_empty() && is_json(response.headers()) {
            response = written(response, |body| steps.answer(self.operation, body)).await;
        }
        // What was made in an earlier version, and saved, is given in that one.
        let answered_in = if made_in.date < self.version.date { made_in } else { self.version };
        tags::sent(response.headers_mut(), answered_in.date);
        response.headers_mut().append(header::VARY, HeaderValue::from_static(versions::NAME));
        response.extensions_mut().insert(AnsweredIn(answered_in));
        response
    }
}

/// The version of an answer before it is turned: the newest, or the newest of the time when it was saved.
fn made_in(headers: &HeaderMap, versions: &'static Versions) -> &'static Version {
    if !headers.contains_key(REPLAYED) {
        return versions.newest();
    }
    let saved = headers.get(versions::HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
    versions.kept(saved.unwrap_or(ApiVersion::FIRST))
}

/// The address with another query; none where there is none, or where it stays.
fn turned(uri: &Uri, turn: impl FnOnce(&mut Query)) -> Option<Uri> {
    let before: Query = form_urlencoded::parse(uri.query()?.as_bytes()).into_owned().collect();
    let mut query = before.clone();
    turn(&mut query);
    if query == before {
        return None;
    }
    let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("{}?{text}", uri.path())).ok()?);
    Uri::from_parts(parts).ok()
}

fn is_json(headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    media_type
        .and_then(|text| text.split(';').next())
        .is_some_and(|essence| essence.trim() == "application/json")
}

/// The response with another body. It was made in memory, by us.
async fn written(mut response: Response, turn: impl FnOnce(&mut Value)) -> Response {
    let body = response.take_body().into_vec().await.unwrap_or_default();
    let Ok(mut value) = serde_json::from_slice(&body) else {
        tracing::error!("an answer that is no JSON cannot be turned into an older version");
        return Refusal::new(Code::Internal).into_response();
    };
    turn(&mut value);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response.set_body(Body::from_string(value.to_string()));
    response
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderName;

    use super::*;

    #[test]
    fn a_query_that_stays_is_not_written_anew() {
        let rename = |query: &mut Query| {
            query.iter_mut().filter(|(name, _)| name == "old").for_each(|(name, _)| *name = "new".to_owned());
        };
        let turned = |uri: &str| turned(&uri.parse().expect("an address"), rename).map(|uri| uri.to_string());
        assert_eq!(turned("/a"), None);
        assert_eq!(turned("/a?b=%3C+%20&c"), None);
        assert_eq!(turned("/a/%3Cb?old=1%263&c=%C3%A9").as_deref(), Some("/a/%3Cb?new=1%263&c=%C3%A9"));
    }

    #[test]
    fn a_saved_answer_is_of_the_version_that_it_says() {
        let versions: &'static Versions = Box::leak(Box::new(Versions::new(vec![
            Version::new("2025-06-01"),
            Version::new("2026-01-01"),
            Version::new("2027-01-01"),
        ])));
        let of = |headers: &[(HeaderName, &'static str)]| {
            let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
            made_in(&headers.collect(), versions).name
        };
        assert_eq!(of(&[]), "2027-01-01");
        assert_eq!(of(&[(REPLAYED, "true")]), "2026-01-01", "saved when there was one version");
        assert_eq!(of(&[(REPLAYED, "true"), (versions::HEADER, "2027-01-01")]), "2027-01-01");
        assert_eq!(of(&[(REPLAYED, "true"), (versions::HEADER, "2025-06-01")]), "2025-06-01");
    }
}
