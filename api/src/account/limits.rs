//! `/limits`.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;

use crate::app::App;
use crate::http::caller::{Authenticated, Caller};
use crate::http::error::ApiError;
use crate::http::limits::policy::Standing;
use crate::http::response::Shown;
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

/// The caller's limits.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Limits", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct LimitsBody {
    /// The organization's plan: free, team, business or unlimited.
    pub plan: String,
    /// Whether requests over a limit are refused; an operator may have them counted only.
    pub enforced: bool,
    /// The policies that count the caller's requests; none for the plan `unlimited`.
    pub policies: Vec<LimitBody>,
}

/// A policy, and where it stands.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Limit", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct LimitBody {
    /// `org`: all requests of the organization. `read` and `write`: those of this user or key.
    pub policy: String,
    /// How many requests are allowed in a window, at once or spread.
    pub limit: u32,
    /// How many are left now.
    pub remaining: u32,
    /// The window, in seconds.
    pub window: u32,
    /// When all of them are there again, if no more are sent; one after another becomes free before.
    pub reset: Timestamp,
}

impl LimitBody {
    fn of(standing: Standing) -> Self {
        Self {
            policy: standing.policy.name().to_owned(),
            limit: standing.rate.count,
            remaining: standing.remaining,
            window: standing.rate.seconds,
            reset: (chrono::Utc::now() + Duration::from_micros(standing.reset)).into(),
        }
    }
}

/// The operations.
pub struct LimitsApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Meta")]
impl LimitsApi {
    /// Get your limits
    ///
    /// How many requests the organization and the caller may send, and how many are left. This request is counted as any other that
    /// reads. A changed plan shows within 5 seconds. Needs no permission.
    #[oai(path = "/limits", method = "get", operation_id = "get_limits")]
    async fn limits(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
    ) -> Result<Shown<LimitsBody>, ApiError> {
        let standings = app.limits.standings(&caller.actor, caller.allowance).await;
        Ok(Shown::plain(LimitsBody {
            plan: caller.allowance.plan.name().to_owned(),
            enforced: app.limits.enforced(),
            policies: standings.into_iter().map(LimitBody::of).collect(),
        }))
    }
}
