//! How far the change feed is behind: a transaction that does not end keeps its readers from all that was committed after it began.

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;

use super::sampler::{BEGIN, DEADLINE};

/// Shows the age of the oldest event that readers of the feed must not see yet.
pub(super) async fn sample(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let age: f64 = timeout(DEADLINE, async {
        let mut tx = connection.begin_with(BEGIN).await?;
        let age = sqlx::query_scalar("select tenon.changes_watermark_age()").fetch_one(&mut *tx).await?;
        tx.commit().await?;
        Ok::<_, sqlx::Error>(age)
    })
    .await
    .map_err(|_| sqlx::Error::PoolTimedOut)??;
    show(age);
    Ok(())
}

/// What this worker shows is not to be taken for the present.
pub(super) fn show_nothing() {
    show(f64::NAN);
}

fn show(age: f64) {
    metrics::gauge!("tenon_changes_watermark_age_seconds").set(age);
}
