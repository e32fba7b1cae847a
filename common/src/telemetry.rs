//! Logs and metrics, set up the same way in both programs.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();

/// Upper bounds of HTTP durations in seconds: 5 ms to 10 s, with the 0.5 s of the latency objective among them.
const HTTP_SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// Upper bounds of waits and of deliveries in seconds: a millisecond to the end of the longest schedule's first steps.
const WAIT_SECONDS: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0,
];

/// JSON lines on standard error, with the fields of the spans they were written in (request, tenant, job).
pub fn init_logs(filter: &str) -> Result<(), String> {
    let filter: EnvFilter = filter.parse().map_err(|error| format!("TENON_LOG={filter:?}: {error}"))?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_span_events(FmtSpan::NONE)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .try_init()
        .map_err(|error| error.to_string())
}

/// Installs the recorder; answers the handle that renders it. Calling it again answers the same handle.
pub fn init_metrics() -> PrometheusHandle {
    METRICS
        .get_or_init(|| {
            let buckets = |builder: PrometheusBuilder, suffix: &str, bounds: &[f64]| {
                builder
                    .set_buckets_for_metric(Matcher::Suffix(suffix.to_owned()), bounds)
                    .expect("bounds are not empty")
            };
            let builder = buckets(PrometheusBuilder::new(), "_seconds", WAIT_SECONDS);
            let builder = buckets(builder, "http_request_duration_seconds", HTTP_SECONDS);
            let handle = builder.install_recorder().expect("installed once");
            describe();
            handle
        })
        .clone()
}

/// The exposition, with what is only read when somebody asks.
pub fn render(handle: &PrometheusHandle) -> String {
    metrics_process::Collector::default().collect();
    handle.run_upkeep();
    handle.render()
}

fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    metrics_process::Collector::default().describe();
    gauge!("tenon_build_info", "1, with the version as labels.");
    metrics::gauge!("tenon_build_info", "version" => env!("CARGO_PKG_VERSION"), "commit" => option_env!("TENON_COMMIT").unwrap_or("unknown"))
        .set(1.0);
    histogram!("tenon_http_request_duration_seconds", "Time to answer a request.");
    gauge!("tenon_http_requests_in_flight", "Requests being answered.");
    gauge!("tenon_http_connections", "Connections to the API.");
    counter!("tenon_http_connections_ended_total", "Connections that the server has ended, by why.");
    counter!("tenon_http_connections_refused_total", "Connections that there was no room for.");
    counter!("tenon_http_accept_errors_total", "Times that a connection could not be accepted.");
    gauge!("tenon_import_watchers", "Clients that watch an import.");
    gauge!("tenon_webhook_tests", "Tests of webhooks that are waited for.");
    counter!("tenon_rate_limit_decisions_total", "Decisions of the rate limits.");
    counter!("tenon_auth_attempts_total", "Attempts to authenticate.");
    counter!(
        "tenon_tenant_header_ignored_total",
        "Requests that named a tenant in a header, which is ignored."
    );
    counter!("tenon_tenant_guard_violations_total", "Signs that the wall between tenants has a hole.");
    gauge!("tenon_db_pool_connections", "Connections to the database.");
    histogram!("tenon_db_pool_wait_duration_seconds", "Time that a request waited for a connection.");
    counter!(
        "tenon_audit_events_total",
        "Entries of the audit trail, by what kind they are and how it ended."
    );
    gauge!(
        "tenon_audit_sink_lag_seconds",
        "Age of the oldest sealed entry that a sink of a kind has not got."
    );
    counter!("tenon_audit_sink_entries_total", "Entries that were delivered to sinks.");
    counter!("tenon_audit_sink_failures_total", "Attempts to deliver to sinks that have failed.");
    counter!(
        "tenon_audit_write_failures_total",
        "Times that sign-ins, refusals or uses of keys were not written."
    );
    counter!("tenon_webhook_attempts_total", "Attempts to deliver, by their outcome.");
    histogram!("tenon_webhook_attempt_duration_seconds", "Duration of an attempt to deliver.");
    histogram!("tenon_webhook_delivery_latency_seconds", "From the change's commit to the receiver's 2xx.");
    counter!("tenon_webhook_exhausted_total", "Deliveries that failed for good.");
    counter!("tenon_webhook_replayed_total", "Deliveries that replays have brought.");
    counter!(
        "tenon_webhook_filter_verdicts_total",
        "Events and webhooks with a filter, or that skip their own changes, by what was decided."
    );
    gauge!("tenon_migration_pending", "Migrations of this program that the database lacks.");
}
