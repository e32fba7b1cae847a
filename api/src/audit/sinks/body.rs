//! What is shown and said of sinks.

use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::audit::sink::{Sink, SinkKind};
use uuid::Uuid;

use crate::http::actor::ActorBody;
use crate::http::timestamp::Timestamp;

/// How entries are sent.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub enum AuditSinkKind {
    /// POSTs of NDJSON, signed.
    Http,
    /// Syslog over TCP or TLS.
    Syslog,
    /// Objects of NDJSON in the storage of the installation.
    File,
}

impl From<SinkKind> for AuditSinkKind {
    fn from(kind: SinkKind) -> Self {
        match kind {
            SinkKind::Http => Self::Http,
            SinkKind::Syslog => Self::Syslog,
            SinkKind::File => Self::File,
        }
    }
}

impl From<AuditSinkKind> for SinkKind {
    fn from(kind: AuditSinkKind) -> Self {
        match kind {
            AuditSinkKind::Http => Self::Http,
            AuditSinkKind::Syslog => Self::Syslog,
            AuditSinkKind::File => Self::File,
        }
    }
}

/// Where the audit trail is streamed to.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "AuditSink", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct AuditSinkBody {
    /// The sink's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// For people.
    pub name: String,
    /// How entries are sent.
    pub kind: AuditSinkKind,
    /// Where entries go; null of a file.
    #[oai(nullable)]
    pub url: Option<String>,
    /// The folder of a file's objects; null of the others.
    #[oai(nullable)]
    pub prefix: Option<String>,
    /// Whether entries are sent. What was sealed meanwhile is sent once it is active again.
    pub active: bool,
    /// The signing secret (`whsec_…`) of an http sink; shown once, when the sink is created.
    #[oai(nullable)]
    pub secret: Option<String>,
    /// Every entry up to this position is delivered.
    pub position: i64,
    /// When something was delivered last; null where nothing was.
    #[oai(nullable)]
    pub last_delivered_at: Option<Timestamp>,
    /// Since when every attempt has failed; null where the last one has not.
    #[oai(nullable)]
    pub failing_since: Option<Timestamp>,
    /// Why the last attempt has failed.
    #[oai(nullable)]
    pub last_error: Option<String>,
    /// When it is tried again, where it has failed.
    #[oai(nullable)]
    pub next_attempt_at: Option<Timestamp>,
    /// What to look at: a name that does not resolve to a public address yet, …
    pub warnings: Vec<String>,
    /// Counts changes, from 1; deliveries are none. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

/// An audit sink to create.
#[derive(Object, Debug)]
#[oai(rename = "AuditSinkInput", rename_all = "camelCase", example)]
pub struct AuditSinkInput {
    /// 1 to 100 characters.
    pub name: String,
    /// How entries are sent; it cannot be changed.
    pub kind: AuditSinkKind,
    /// Of http an https URL of a public host; of syslog `tls://host:port`, or `tcp://host:port` where the installation
    /// allows it; a file has none.
    pub url: Option<String>,
    /// Of a file: the folder of its objects, such as `audit/daily`.
    pub prefix: Option<String>,
    /// Whether entries are sent; true if absent.
    pub active: Option<bool>,
    /// Of http, your own signing secret: `whsec_` and 24 to 64 bytes in base64. One is made if absent.
    pub secret: Option<String>,
    /// Whether it gets all entries that are there; if absent or false those that are sealed from now on.
    pub from_beginning: Option<bool>,
}

impl Example for AuditSinkInput {
    fn example() -> Self {
        Self {
            name: "SIEM".to_owned(),
            kind: AuditSinkKind::Http,
            url: Some("https://example.com/webhook".to_owned()),
            prefix: None,
            active: None,
            secret: None,
            from_beginning: None,
        }
    }
}

/// What an audit sink is replaced with.
#[derive(Object, Debug)]
#[oai(rename = "AuditSinkReplacement", rename_all = "camelCase")]
pub struct AuditSinkReplacement {
    /// 1 to 100 characters.
    pub name: String,
    /// Kept if absent.
    pub url: Option<String>,
    /// Of a file; none if absent.
    pub prefix: Option<String>,
    /// True if absent.
    pub active: Option<bool>,
    /// Kept if absent.
    pub secret: Option<String>,
}

/// Changes to an audit sink (RFC 7396): absent keeps a field.
#[derive(Object, Debug)]
#[oai(rename = "AuditSinkPatch", rename_all = "camelCase")]
pub struct AuditSinkPatch {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// Where entries go from now on.
    pub url: Option<String>,
    /// Of a file: the folder of its objects from now on.
    pub prefix: Option<String>,
    /// Whether entries are sent. What was sealed meanwhile is sent once it is active again.
    pub active: Option<bool>,
    /// A new signing secret; signs from now on.
    pub secret: Option<String>,
}

impl From<Sink> for AuditSinkBody {
    fn from(sink: Sink) -> Self {
        Self {
            id: sink.id.0,
            tenant_id: sink.tenant_id.0,
            name: sink.name,
            kind: sink.kind.into(),
            url: sink.url,
            prefix: sink.prefix,
            active: sink.active,
            secret: None,
            position: sink.position,
            last_delivered_at: sink.last_delivered_at.map(Timestamp),
            failing_since: sink.failing_since.map(Timestamp),
            last_error: sink.last_error,
            next_attempt_at: sink.next_attempt_at.map(Timestamp),
            warnings: Vec::new(),
            version: sink.version,
            created_at: sink.created_at.into(),
            created_by: sink.created_by.into(),
            updated_at: sink.updated_at.into(),
            updated_by: sink.updated_by.into(),
        }
    }
}
