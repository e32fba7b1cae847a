//! `/meta/industries`.

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use tenon_common::crm::industry;

use crate::app::App;
use crate::calls::caller::{Authenticated, Caller};
use crate::http::error::ApiError;
use crate::http::response::Shown;
use crate::openapi::tags::Tags;

/// An industry that a company can be in.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Industry")]
pub struct IndustryBody {
    /// Its name: the value of a company's `industry`.
    pub name: String,
}

/// The operations.
#[derive(Debug, Default)]
pub struct IndustriesApi;

#[OpenApi(prefix_path = "/api/v1/meta/industries", tag = "Tags::Meta")]
impl IndustriesApi {
    /// List industries
    ///
    /// What a company's `industry` can be: the organization's own list, which begins as a default one, in the order in which to
    /// show it. Needs any credential.
    #[oai(path = "/", method = "get", operation_id = "list_industries")]
    async fn list(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
    ) -> Result<Shown<Vec<IndustryBody>>, ApiError> {
        let industries = app.db.read(&caller.actor, async |tx| industry::list(tx).await).await?;
        let body = |industry: industry::Industry| IndustryBody { name: industry.name };
        Ok(Shown::plain(industries.into_iter().map(body).collect()))
    }
}
