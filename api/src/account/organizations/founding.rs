//! `POST /organizations`: what an organization is founded with.

use std::collections::HashMap;

use poem_openapi::Object;
use poem_openapi::types::{Any, Example};
use serde_json::Value;
use tenon_common::TenantTx;
use tenon_common::account::tenant;

use super::body::{OrganizationBody, object};
use crate::app::App;
use crate::calls::caller::Identity;
use crate::calls::once::{Answered, Once};
use crate::http::error::ApiError;
use crate::http::prefer::Prefer;
use crate::http::response::Created;

/// An organization to found.
#[derive(Object, Debug)]
#[oai(rename = "OrganizationFounding", rename_all = "camelCase", example)]
pub struct FoundingInput {
    /// 1 to 100 characters after trimming.
    pub name: String,
    /// 3 to 63 characters of `a-z`, `0-9` and single dashes, that begin with a letter and do not end with a dash; made from the name if
    /// absent.
    pub slug: Option<String>,
    /// The organization's own settings, at most 16 KiB; none if absent.
    pub settings: Option<HashMap<String, Any<Value>>>,
}

impl Example for FoundingInput {
    fn example() -> Self {
        Self { name: "ACME Corp".to_owned(), slug: Some("acme-corp".to_owned()), settings: None }
    }
}

/// Founds it, in the transaction of the caller's own organization, whose idempotency key it is.
pub(super) async fn found(
    app: &App,
    caller: &Identity,
    once: &Once,
    prefer: Prefer,
    input: FoundingInput,
) -> Result<Answered<Created<OrganizationBody>>, ApiError> {
    app.founders.check()?;
    let FoundingInput { name, slug, settings } = input;
    let settings = settings.map(object).unwrap_or_default();
    let found = async |tx: &mut TenantTx<'_>| {
        let tenant = tenant::found(tx, &name, slug, settings).await?;
        let location = format!("/api/v1/organizations/{}", tenant.id);
        let version = Some(tenant.version);
        Ok(Created { data: tenant.into(), location, version })
    };
    once.write(app, caller, prefer, found).await
}
