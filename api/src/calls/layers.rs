//! What every request goes through, outermost first: its id, its own task, its answer's common headers, the access log, the
//! metrics.

mod client;
mod metered;
mod routes;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use tenon_common::audit::Act;

use crate::app::App;
use crate::calls::caller;
use crate::http::code::Code;
use crate::http::limits;
use crate::http::limits::class::Class;
use crate::http::refusal::Refusal;
use crate::http::request::{FACTS, Facts};
use crate::http::sse;
use crate::http::versions::{self, AnsweredIn, Named};
use metered::{Durations, InFlight};
use routes::Asked;

pub use routes::Routes;

/// The time of a request that sends a file, who may be silent for less than the deadline of the others.
pub const UPLOAD_DEADLINE: Duration = Duration::from_secs(60 * 60);
const MAX_URI: usize = 8 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Headers that other systems take the tenant from. Ours comes from the credential alone; these are counted and ignored.
const TENANT_HEADERS: [&str; 3] = ["x-tenant-id", "x-organization-id", "x-org-id"];

/// Wraps the whole API.
pub struct Outermost<E> {
    inner: Arc<E>,
    app: Arc<App>,
    routes: Arc<Routes>,
    durations: Durations,
    deadlines: &'static [(Method, &'static str, Duration)],
}

impl<E: Endpoint + 'static> Outermost<E> {
    /// Wraps `inner`, whose paths are those of `routes`.
    pub fn new(inner: E, app: Arc<App>, routes: Routes) -> Self {
        let (inner, routes) = (Arc::new(inner), Arc::new(routes));
        Self { inner, app, routes, durations: Durations::default(), deadlines: &[] }
    }

    /// Requests of these methods and routes have times of their own, all others that of the [`App`].
    pub fn with_deadlines(self, deadlines: &'static [(Method, &'static str, Duration)]) -> Self {
        Self { deadlines, ..self }
    }

    fn deadline(&self, method: &Method, route: &str) -> Duration {
        let own = self.deadlines.iter().find(|(of, path, _)| of == method && *path == route);
        own.map_or(self.app.request_deadline, |(_, _, deadline)| *deadline)
    }
}

impl<E: Endpoint + 'static> Endpoint for Outermost<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let started = Instant::now();
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let Asked { route, operation, class } = self.routes.asked(&method, &path);
        let facts = Facts {
            id: request_id(&request),
            ip: client::address(&request, &self.app.trusted_proxies),
            route,
            operation,
            named: Named::of(request.headers(), self.app.versions),
            class,
            counted: Arc::default(),
            caller: Arc::default(),
            waited: Arc::default(),
            receiving: Arc::default(),
        };
        if sse::is_wanted(request.headers()) {
            // A compressor holds back what it has until that is enough.
            request.headers_mut().remove(header::ACCEPT_ENCODING);
        }
        let accept = request.headers().get(header::ACCEPT).cloned();
        let user_agent = request.headers().get(header::USER_AGENT).cloned();
        let in_flight = InFlight::begin();
        count_tenant_headers(&request);

        let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
        let response = match target > MAX_URI {
            true => Refusal::new(Code::UriTooLong).into_response(),
            false => self.answer(request, &facts, self.deadline(&method, route)).await,
        };
        if response.status() == StatusCode::FORBIDDEN {
            self.refused(&response, operation, user_agent, &facts);
        }
        let response = self.finish(response, accept.as_ref(), &facts, &path);

        let status = response.status().as_u16();
        let elapsed = started.elapsed();
        drop(in_flight);
        let waited = Duration::from_millis(facts.waited.load(Relaxed));
        self.durations.record(&method, route, status, elapsed.saturating_sub(waited));
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
    async fn answer(&self, request: Request, facts: &Facts, deadline: Duration) -> Response {
        let (inner, app, class, ip) = (self.inner.clone(), self.app.clone(), facts.class, facts.ip);
        let named = facts.named;
        let work = async move {
            app.limits.anonymous(class, ip).await?;
            // Where a credential is asked for, it comes first: `Caller` looks then. Of what is no operation it is said that it is none.
            if class.is_some_and(|class| !matches!(class, Class::Read | Class::Write)) {
                named.check(app.versions)?;
            }
            inner.call(request).await.map(IntoResponse::into_response)
        };
        let mut task = tokio::spawn(FACTS.scope(facts.clone(), work));
        match tokio::time::timeout(deadline, &mut task).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(error))) => error.into_response(),
            Ok(Err(panic)) => {
                tracing::error!(request_id = &*facts.id, error = %panic, "a handler panicked");
                Refusal::new(Code::Internal).into_response()
            }
            Err(_) if facts.receiving.load(Relaxed) => {
                task.abort();
                Refusal::new(Code::RequestTimeout).into_response()
            }
            Err(_) => {
                task.abort();
                tracing::warn!(request_id = &*facts.id, "a request took longer than its deadline");
                Refusal::new(Code::DependencyUnavailable).retry_after(1).into_response()
            }
        }
    }

    /// A refusal of a caller whom we know goes into the audit trail of the caller's tenant.
    fn refused(
        &self,
        response: &Response,
        operation: Option<&'static str>,
        user_agent: Option<HeaderValue>,
        facts: &Facts,
    ) {
        let Some((tenant, principal)) = facts.caller.get().copied() else { return };
        let code = response.extensions().get::<Refusal>().map_or(Code::Forbidden, |refusal| refusal.code);
        let headers = user_agent.map(|value| (header::USER_AGENT, value)).into_iter().collect();
        self.app.recorder.note(Act::refused(tenant, principal, operation, code.name()), || {
            caller::origin(&headers, facts)
        });
    }

    fn finish(
        &self,
        response: Response,
        accept: Option<&HeaderValue>,
        facts: &Facts,
        path: &str,
    ) -> Response {
        let answered_in =
            response.extensions().get().map(|AnsweredIn(version)| *version).or(facts.named.one());
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
        versions::write(headers, answered_in.unwrap_or_else(|| self.app.versions.newest()));
        limits::headers::write(headers, &facts.counted.lock().unwrap_or_else(PoisonError::into_inner));
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
