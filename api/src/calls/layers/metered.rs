//! The metrics of requests.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::Histogram;
use poem::http::Method;

/// One request in flight, until it is dropped: a client that hangs up is not in flight any more.
pub(super) struct InFlight;

impl InFlight {
    pub(super) fn begin() -> Self {
        metrics::gauge!("tenon_http_requests_in_flight").increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!("tenon_http_requests_in_flight").decrement(1.0);
    }
}

/// `tenon_http_request_duration_seconds`. Its series are kept here by their labels: to have each looked up by the recorder, with
/// three texts made for it, would be work on every request.
#[derive(Default)]
pub(super) struct Durations(RwLock<HashMap<Labels, Histogram>>);

type Labels = (&'static str, &'static str, u16);

impl Durations {
    /// A request has been answered. Routes are those of the document, so that the series are bounded.
    pub(super) fn record(&self, method: &Method, route: &'static str, status: u16, elapsed: Duration) {
        let labels = (name(method), route, status);
        if let Some(series) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&labels) {
            series.record(elapsed);
            return;
        }
        let series = metrics::histogram!(
            "tenon_http_request_duration_seconds",
            "method" => labels.0, "route" => labels.1, "status" => status.to_string()
        );
        series.record(elapsed);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(labels, series);
    }
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
