//! What is told of an export when it has ended: an event, which says who took which records out.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::Format;
use crate::change::{self, Change};
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::ExportId;
use crate::list::Asked;
use crate::wire;

/// An export, as its event shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Its id.
    pub id: ExportId,
    /// What records: `contacts`.
    pub object: &'static str,
    /// `csv`, `ndjson` or `xlsx`.
    #[serde(serialize_with = "named")]
    pub format: Format,
    /// Which of them.
    #[serde(flatten)]
    pub asked: Asked,
    /// How many records were written.
    pub rows: u64,
    /// How many bytes, before any compression.
    pub bytes: u64,
    /// When it began.
    #[serde(serialize_with = "wire::serialize")]
    pub started_at: DateTime<Utc>,
    /// When it ended.
    #[serde(serialize_with = "wire::serialize")]
    pub completed_at: DateTime<Utc>,
    /// Why it is not complete; null where it is.
    pub aborted: Option<Aborted>,
}

/// Why an export ended before it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Aborted {
    /// The client went away, or did not read on.
    ClientGone,
    /// The credential is not good any more.
    Revoked,
    /// Records could not be read, or the file not be written.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

impl Aborted {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientGone => "clientGone",
            Self::Revoked => "revoked",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

fn named<S: serde::Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.name())
}

impl Told {
    /// Writes the event.
    pub async fn record(&self, tx: &mut TenantTx<'_>) -> Result<()> {
        let event = match self.aborted {
            None => EventType::EXPORT_COMPLETED,
            Some(_) => EventType::EXPORT_ABORTED,
        };
        let change = Change {
            event,
            object: self.id.0,
            version: 1,
            at: self.completed_at,
            before: None,
            after: serde_json::to_value(self).map_err(Error::internal)?,
        };
        change::record(tx, &[change]).await
    }
}
