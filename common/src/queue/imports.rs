//! How many imports have not ended: one that stays where it is has lost its job, or waits for workers that are not there.

use sqlx::PgConnection;

use super::sampler::ask;

const STATES: [&str; 4] = ["validating", "ready", "running", "reverting"];

/// Shows them by their states.
pub(super) async fn sample(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let query = sqlx::query_as("select state, imports from tenon.imports_at_work()");
    let counts: Vec<(String, i64)> = ask(connection, query).await?;
    for state in STATES {
        let count = counts.iter().find(|(name, _)| name == state).map_or(0, |(_, count)| *count);
        show(state, count as f64);
    }
    Ok(())
}

/// What this worker shows is not to be taken for the present.
pub(super) fn show_nothing() {
    STATES.into_iter().for_each(|state| show(state, f64::NAN));
}

fn show(state: &'static str, count: f64) {
    metrics::gauge!("tenon_imports", "state" => state).set(count);
}
