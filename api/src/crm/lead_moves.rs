//! `/connection/leads/{id}/move`: a lead goes to another stage.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::{Header, Path};
use poem_openapi::{Object, OpenApi};
use tenon_common::TenantTx;
use tenon_common::crm::lead;
use tenon_common::id::{LeadId, StageId};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, LeadsWrite};
use crate::calls::once::{Answered, Once};
use crate::crm::leads::LeadBody;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::Shown;
use crate::openapi::tags::Tags;

/// Where a lead goes.
#[derive(Object, Debug)]
#[oai(rename = "LeadMove", rename_all = "camelCase")]
pub struct LeadMove {
    /// The id of the stage.
    pub stage_id: Uuid,
}

/// The operation.
#[derive(Debug, Default)]
pub struct LeadMovesApi;

#[OpenApi(prefix_path = "/api/v1/connection/leads", tag = "Tags::Leads")]
impl LeadMovesApi {
    /// Move a lead to a stage
    ///
    /// Of its pipeline or of another one. Needs `leads:write`. Emits `lead.moved_to_stage`, unless it is there already.
    #[oai(path = "/:id/move", method = "post", operation_id = "move_lead")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn move_to_stage(
        &self,
        caller: Caller<LeadsWrite>,
        app: Data<&Arc<App>>,
        /// The lead's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<LeadMove>,
    ) -> Result<Answered<Shown<LeadBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let stage = StageId(body.0.stage_id);
        let move_to = async |tx: &mut TenantTx<'_>| {
            let lead = lead::move_to(tx, LeadId(id.0), expected, stage).await?;
            let version = lead.version;
            Ok(Shown::versioned(lead.into(), version))
        };
        once.write(&app, &caller, prefer, move_to).await
    }
}
