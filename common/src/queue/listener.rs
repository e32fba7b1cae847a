//! The task that hears of new jobs.

use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};

use super::database::Backoff;
use super::local::Shared;
use crate::job::CHANNEL;

/// Listens for ever, on a connection of its own that no pooler is between. Where it breaks, jobs may have come meanwhile.
pub(super) async fn listen(shared: Arc<Shared>, direct: PgConnectOptions) {
    let mut backoff = Backoff::default();
    loop {
        let error = match connect(&direct).await {
            Ok(mut listener) => {
                backoff.reset();
                shared.expect_more(None);
                hear(&shared, &mut listener).await.err()
            }
            Err(error) => Some(error),
        };
        let pause = backoff.next();
        if backoff.is_news() {
            let error = error.map(tracing::field::display);
            tracing::warn!(error, "cannot listen for new jobs; polling meanwhile");
        }
        tokio::time::sleep(pause).await;
    }
}

/// Until the connection breaks.
async fn hear(shared: &Shared, listener: &mut PgListener) -> Result<(), sqlx::Error> {
    while let Some(notification) = listener.try_recv().await? {
        shared.expect_more(Some(notification.payload()));
    }
    Ok(())
}

/// A connection of its own that hears of jobs which are due.
pub(crate) async fn connect(direct: &PgConnectOptions) -> Result<PgListener, sqlx::Error> {
    let pool = PgPoolOptions::new().max_connections(1).connect_with(direct.clone()).await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    // Not by itself: jobs may come before it is connected again.
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
