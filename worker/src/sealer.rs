//! Seals new entries of the audit trail. Takes no input and looks at the whole state, so that a run that was missed costs nothing. Every
//! worker does; a lock lets one at a time seal a tenant's.

use std::time::Duration;

use tenon_common::Db;
use tenon_common::audit::seal;

/// Seals what is due, now and every so often.
pub async fn seal(db: Db, every: Duration) {
    loop {
        match seal::seal_due(&db).await {
            Ok(sealed) => metrics::counter!("tenon_audit_sealed_total").increment(sealed),
            Err(error) => tracing::warn!(%error, "the audit trail could not be sealed; will go on later"),
        }
        tokio::time::sleep(every).await;
    }
}
