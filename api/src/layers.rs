//! What every request goes through, outermost first: its id, its own task, its answer's common headers, the access log, the
//! metrics.

mod client;
mod routes;

use std::sync::Arc;
use std::time::{Duration, Instant};

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use crate::app::App;
use crate::code::Code;
use crate::refusal::Refusal;
use crate::request::{FACTS, Facts};

pub use routes::Routes;

/// A request's time. Statements have their own, shorter one.
pub const REQUEST_DEADLINE: Duration = Duration::from_secs(30);
const MAX_URI: usize = 8 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Headers that other systems take the tenant from. Ours comes from the credential alone; these are counted and ignored.
const TENANT_HEADERS: [&str; 3] = ["x-tenant-id", "x-organization-id", "x-org-id"];

/// Wraps the whole API.
pub struct Outermost<E> {
    inner: Arc<E>,
    app: Arc<App>,
    routes: Arc<Routes>,
}

impl<E: Endpoint + 'static> Outermost<E> {
    /// Wraps `inner`, whose paths are those of `routes`.
    pub fn new(inner: E, app: Arc<App>, routes: Routes) -> Self {
        Self { inner: Arc::new(inner), app, routes: Arc::new(routes) }
    }
}

impl<E: Endpoint + 'static> Endpoint for Outermost<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let facts =
            Facts { id: request_id(&request), ip: client::address(&request, &self.app.trusted_proxies) };
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let route = self.routes.template(&path);
        let accept = request.headers().clone();
        let metered = Metered::begin();
        count_tenant_headers(&request);

        let response = match request.uri().to_string().len() > MAX_URI {
            true => Refusal::new(Code::UriTooLong).into_response(),
            false => self.answer(request, &facts).await,
        };
        let response = self.finish(response, &accept, &facts, &path);

        let status = response.status().as_u16();
        let elapsed = started.elapsed();
        metered.end(&method, route, status, elapsed);
        tracing::info!(
            request_id = &*facts.id,
            method = method.as_str(),
            route,
            status,
            duration_ms = elapsed.as_secs_f64() * 1e3,
            "request"
        );
        Ok(response)
    }
}

impl<E: Endpoint + 'static> Outermost<E> {
    /// Runs the request in a task of its own: a client that hangs up cancels nothing half way, and a panic ends one request.
    async fn answer(&self, request: Request, facts: &Facts) -> Response {
        let inner = self.inner.clone();
        let work = async move { inner.call(request).await.map(IntoResponse::into_response) };
        let mut task = tokio::spawn(FACTS.scope(facts.clone(), work));
        match tokio::time::timeout(REQUEST_DEADLINE, &mut task).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => error.into_response(),
            Ok(Err(panic)) => {
                tracing::error!(request_id = &*facts.id, error = %panic, "a handler panicked");
                Refusal::new(Code::Internal).into_response()
            }
            Err(_) => {
                task.abort();
                tracing::warn!(request_id = &*facts.id, "a request took longer than its deadline");
                Refusal::new(Code::DependencyUnavailable).retry_after(1).into_response()
            }
        }
    }

    fn finish(&self, response: Response, accept: &HeaderMap, facts: &Facts, path: &str) -> Response {
        let mut response = match response.extensions().get::<Refusal>() {
            Some(refusal) => {
                let mut written = refusal.write(accept, &facts.id);
                if refusal.code == Code::MethodNotAllowed
                    && let Ok(methods) = HeaderValue::from_str(&self.routes.methods(path))
                {
                    written.headers_mut().insert(header::ALLOW, methods);
                }
                written
            }
            None => response,
        };
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&facts.id) {
            headers.insert(REQUEST_ID, id);
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }
}

/// The client's id where it has the form `[A-Za-z0-9_-]{8,64}`, else a new one.
fn request_id(request: &Request) -> Arc<str> {
    let given = request.header("x-request-id").filter(|id| {
        (8..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    });
    match given {
        Some(id) => id.into(),
        None => uuid::Uuid::now_v7().simple().to_string().into(),
    }
}

fn count_tenant_headers(request: &Request) {
    if TENANT_HEADERS.iter().any(|name| request.headers().contains_key(*name)) {
        metrics::counter!("tenon_tenant_header_ignored_total").increment(1);
    }
}

/// One request in flight, until it is dropped: a client that hangs up is not in flight any more.
struct Metered;

impl Metered {
    fn begin() -> Self {
        metrics::gauge!("tenon_http_requests_in_flight").increment(1.0);
        Self
    }

    fn end(self, method: &Method, route: &'static str, status: u16, elapsed: Duration) {
        let method = match *method {
            Method::GET => "GET",
            Method::POST => "POST",
            Method::PUT => "PUT",
            Method::PATCH => "PATCH",
            Method::DELETE => "DELETE",
            _ => "other",
        };
        let labels =
            [("method", method.to_owned()), ("route", route.to_owned()), ("status", status.to_string())];
        metrics::histogram!("tenon_http_request_duration_seconds", &labels).record(elapsed);
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        metrics::gauge!("tenon_http_requests_in_flight").decrement(1.0);
    }
}
