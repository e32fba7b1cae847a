//! Exports, as they are shown.

use poem::http::{StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaResponses, Registry};
use poem_openapi::{ApiResponse, Enum, Object};
use serde::Serialize;
use tenon_common::export::job::{ExportJob, State};
use uuid::Uuid;

use super::input::{ExportFormat, ExportObject};
use crate::http::actor::ActorBody;
use crate::http::response::{Envelope, documented, enveloped, with};
use crate::http::timestamp::Timestamp;

/// Where an export stands.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ExportState {
    /// It waits for its turn.
    Queued,
    /// Its file is written.
    Running,
    /// Its file is there.
    Succeeded,
    /// There is no file; `failure` says why.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Its file is not kept any more.
    Expired,
}

macro_rules! same_states {
    ($($state:ident),+) => {
        impl From<ExportState> for State {
            fn from(state: ExportState) -> Self {
                match state { $(ExportState::$state => Self::$state),+ }
            }
        }

        impl From<State> for ExportState {
            fn from(state: State) -> Self {
                match state { $(State::$state => Self::$state),+ }
            }
        }
    };
}

same_states!(Queued, Running, Succeeded, Failed, Cancelled, Expired);

/// A list that is written into a file.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Export", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ExportBody {
    /// The export's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// Which list.
    pub object: ExportObject,
    /// How the file is written.
    pub format: ExportFormat,
    /// The condition on fields.
    #[oai(nullable)]
    pub filter: Option<String>,
    /// The words that were looked for.
    #[oai(nullable)]
    pub q: Option<String>,
    /// The fields to sort by; null for the newest first.
    #[oai(nullable)]
    pub sort: Option<Vec<String>>,
    /// The members that are written; null for all.
    #[oai(nullable)]
    pub fields: Option<Vec<String>>,
    /// Whether deleted records are written: `exclude`, `include` or `only`; null for `exclude`.
    #[oai(nullable)]
    pub deleted: Option<String>,
    /// Since when the records have changed.
    #[oai(nullable)]
    pub updated_since: Option<String>,
    /// Whether CSV begins with a byte order mark.
    pub bom: bool,
    /// Whether cells are written as they are, also those that a spreadsheet would run.
    pub raw: bool,
    /// Where it stands.
    pub state: ExportState,
    /// Records that are written.
    pub rows: i64,
    /// Bytes of the file; 0 until it is whole.
    pub bytes: i64,
    /// Why it failed: a code, such as `TOO_MANY_ROWS` or `CELL_TOO_LONG`.
    #[oai(nullable)]
    pub failure: Option<String>,
    /// The same in words.
    #[oai(nullable)]
    pub failure_message: Option<String>,
    /// When the writing began.
    #[oai(nullable)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[oai(nullable)]
    pub finished_at: Option<Timestamp>,
    /// Until when the file is kept.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// Counts changes of its state, from 1.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Who asked for it.
    pub created_by: ActorBody,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

impl From<ExportJob> for ExportBody {
    fn from(export: ExportJob) -> Self {
        let options = export.options().clone();
        let asked = options.asked;
        Self {
            id: export.id.0,
            tenant_id: export.tenant_id.0,
            object: ExportObject::of(export.object()),
            format: ExportFormat::of(export.format()),
            filter: asked.filter,
            q: asked.q,
            sort: asked.sort,
            fields: asked.fields,
            deleted: asked.deleted,
            updated_since: asked.updated_since,
            bom: options.bom,
            raw: options.raw,
            state: export.state().into(),
            rows: export.rows,
            bytes: export.bytes,
            failure: export.failure,
            failure_message: export.failure_message,
            started_at: export.started_at.map(Timestamp),
            finished_at: export.finished_at.map(Timestamp),
            expires_at: export.expires_at.map(Timestamp),
            version: export.version,
            created_at: export.created_at.into(),
            created_by: export.created_by.into(),
            updated_at: export.updated_at.into(),
            updated_by: export.updated_by.into(),
        }
    }
}

/// 202 with the export, which goes on by itself.
pub struct ExportAccepted(pub ExportBody);

impl IntoResponse for ExportAccepted {
    fn into_response(self) -> Response {
        let location = format!("/api/v1/exports/{}", self.0.id);
        let response = with(enveloped(self.0), header::LOCATION, &location);
        response.with_status(StatusCode::ACCEPTED).into_response()
    }
}

type Body = Json<Envelope<ExportBody>>;

impl ApiResponse for ExportAccepted {
    fn meta() -> MetaResponses {
        let location = ("Location", "The export's path.");
        MetaResponses {
            responses: vec![documented::<Body>(202, "It was accepted, and goes on by itself.", &[location])],
        }
    }

    fn register(registry: &mut Registry) {
        <Body as Payload>::register(registry);
    }
}
