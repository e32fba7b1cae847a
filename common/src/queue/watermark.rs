//! How far the change feed is behind: a transaction that does not end keeps its readers from all that was committed after it began.

use sqlx::PgConnection;

use super::sampler::ask;

/// Shows the age of the oldest event that readers of the feed must not see yet.
pub(super) async fn sample(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let ages: Vec<(f64,)> = ask(connection, sqlx::query_as("select tenon.changes_watermark_age()")).await?;
    ages.into_iter().for_each(|(age,)| show(age));
    Ok(())
}

/// What this worker shows is not to be taken for the present.
pub(super) fn show_nothing() {
    show(f64::NAN);
}

fn show(age: f64) {
    metrics::gauge!("tenon_changes_watermark_age_seconds").set(age);
}
