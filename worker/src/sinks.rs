//! Streams the audit trail to its sinks. Every worker does; a lease in the sink's row lets one at a time be at it. A sink that is slow holds
//! up no other, and one that fails is tried again later and later, for ever.

mod file;
mod http;
mod syslog;

use std::time::{Duration, Instant};

use futures::StreamExt;
use tenon_common::audit::sink::SinkKind;
use tenon_common::audit::sink::stream::{self, Batch, Due, Leased, Target};
use tenon_common::receiver::address::AddressPolicy;
use tenon_common::secret::MasterKey;
use tenon_common::storage::Storage;
use tenon_common::{Db, Result};

use crate::webhook::Sender;

/// Sinks that this worker is at, at once.
const AT_ONCE: usize = 8;
/// How long a sink is sent batch after batch before others have their turn; a slow one gets no second batch.
const TURN: Duration = Duration::from_secs(5);
/// The deadline of a batch; shorter than a lease.
const DEADLINE: Duration = Duration::from_secs(30);

/// What sending takes.
#[derive(Clone)]
pub struct Sinks {
    /// The database.
    pub db: Db,
    /// Opens the sinks' secrets.
    pub master: MasterKey,
    /// Of http.
    pub sender: Sender,
    /// Of syslog.
    pub addresses: AddressPolicy,
    /// Of files.
    pub storage: Storage,
    /// The delay after the first failure; it doubles with each.
    pub retry_after: Duration,
}

impl Sinks {
    /// Streams what is due, now and every so often.
    pub async fn stream(self, every: Duration) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(%error, "audit sinks could not be looked at; will try again");
            }
            tokio::time::sleep(every).await;
        }
    }

    async fn round(&self) -> Result<()> {
        let due = stream::due(&self.db).await?;
        futures::stream::iter(due).for_each_concurrent(AT_ONCE, |sink| self.serve(sink)).await;
        let lags = stream::lags(&self.db).await?;
        for kind in SinkKind::ALL.map(SinkKind::name) {
            let lag = lags.get(kind).copied().unwrap_or_default();
            metrics::gauge!("tenon_audit_sink_lag_seconds", "kind" => kind).set(lag);
        }
        Ok(())
    }

    async fn serve(&self, sink: Due) {
        let served = match stream::lease(&self.db, &self.master, sink).await {
            Ok(Some(leased)) => self.send_all(leased).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = served {
            // The lease ends by itself.
            tracing::warn!(tenant_id = %sink.tenant_id, sink_id = %sink.id, %error, "an audit sink could not be served");
        }
    }

    async fn send_all(&self, mut leased: Leased) -> Result<()> {
        let kind = leased.target.kind().name();
        let until = Instant::now() + TURN;
        while Instant::now() < until {
            let batch = leased.batch(&self.db).await?;
            if batch.last == 0 {
                break;
            }
            if let Err(error) = self.send(&leased, &batch).await {
                metrics::counter!("tenon_audit_sink_failures_total", "kind" => kind).increment(1);
                return leased.failed(&self.db, &error, self.retry_after).await;
            }
            metrics::counter!("tenon_audit_sink_entries_total", "kind" => kind)
                .increment(batch.entries.len() as u64);
            if !leased.delivered(&self.db, &batch).await? {
                return Ok(());
            }
        }
        leased.release(&self.db).await
    }

    async fn send(&self, leased: &Leased, batch: &Batch) -> std::result::Result<(), String> {
        if batch.entries.is_empty() {
            return Ok(());
        }
        let sending = async {
            match &leased.target {
                Target::Http { url, secret } => {
                    http::send(&self.sender, leased.sink.id, url, secret, batch).await
                }
                Target::Syslog { url } => syslog::send(&self.addresses, url, batch).await,
                Target::File { prefix } => {
                    file::send(&self.storage, leased.sink.tenant_id, prefix, batch).await
                }
            }
        };
        let sent = tokio::time::timeout(DEADLINE + Duration::from_secs(5), sending).await;
        sent.unwrap_or_else(|_| Err(format!("not delivered within {} s", DEADLINE.as_secs())))
    }
}

/// The lines of a batch.
fn lines(batch: &Batch) -> Vec<u8> {
    let length = batch.entries.iter().map(|sent| sent.line.len() + 1).sum();
    let mut lines = Vec::with_capacity(length);
    for sent in &batch.entries {
        lines.extend(sent.line.as_bytes());
        lines.push(b'\n');
    }
    lines
}
