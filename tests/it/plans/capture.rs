//! Plans as PostgreSQL tells them of every statement: by auto_explain, as notices on the connection that sent it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{AssertSqlSafe, raw_sql};
use tenon_tests::TestApp;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

use super::text::Plan;

/// Where sqlx writes notices.
const NOTICES: &str = "sqlx::postgres::notice";

/// What a connection is told from now on: all of it is PostgreSQL's default, but on another server it might not be. A plan with
/// workers depends on how many bytes a table has.
const SETTINGS: &[(&str, &str)] = &[
    ("session_preload_libraries", "'auto_explain'"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_format", "json"),
    ("auto_explain.log_level", "notice"),
    ("auto_explain.log_nested_statements", "on"),
    ("max_parallel_workers_per_gather", "0"),
    ("jit", "off"),
    ("random_page_cost", "4"),
    ("seq_page_cost", "1"),
    ("cpu_tuple_cost", "0.01"),
    ("cpu_index_tuple_cost", "0.005"),
    ("cpu_operator_cost", "0.0025"),
    ("effective_cache_size", "'4GB'"),
    ("work_mem", "'4MB'"),
    ("plan_cache_mode", "auto"),
];

/// Has the database's new connections tell plans. False, and a line that says so, where the administrator may not ask for that.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
pub(super) async fn explain(app: &TestApp, test: &str) -> bool {
    let mut admin = app.connect().await;
    let superuser: bool = sqlx::query_scalar("select current_setting('is_superuser')::boolean")
        .fetch_one(&mut admin)
        .await
        .expect("asked");
    if !superuser {
        eprintln!("{test} did not run: DATABASE_URL's login is no superuser, and cannot ask for plans");
        return false;
    }
    for (name, value) in SETTINGS {
        let statement = format!("alter database {} set {name} = {value}", app.database().name());
        raw_sql(AssertSqlSafe(statement)).execute(&mut admin).await.expect("set");
    }
    true
}

/// Hears what connections of this thread are told, for as long as it lives. The tests' runtime has one thread.
pub(super) struct Capture {
    heard: Arc<Mutex<Vec<String>>>,
    _listening: DefaultGuard,
}

impl Capture {
    pub(super) fn start() -> Self {
        let heard = Arc::default();
        let listening = tracing::subscriber::set_default(Listener(Arc::clone(&heard)));
        Self { heard, _listening: listening }
    }

    pub(super) fn forget(&self) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The plans of the statements since then, in order, each once; those that find out who asks are not the query's.
    pub(super) fn plans(&self) -> Vec<Plan> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut plans: Vec<Plan> = Vec::new();
        for plan in heard.iter().filter_map(|notice| Plan::parse(notice)) {
            if !plan.is_of_a_credential() && !plan.is_of_the_catalogue() && !plans.contains(&plan) {
                plans.push(plan);
            }
        }
        plans
    }
}

struct Listener(Arc<Mutex<Vec<String>>>);

struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == NOTICES
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(message.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
