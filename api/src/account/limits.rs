//! `/limits`.

use std::sync::Arc;
use std::time::Duration;

use poem::web::Data;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::account::quota::{self, Quota};
use tenon_common::account::tenant::Plan;
use tenon_common::role::Role;

use crate::app::App;
use crate::calls::caller::{Authenticated, Caller};
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
    /// How much the organization may have of what it can pile up.
    pub quotas: Vec<QuotaBody>,
}

/// How much the organization may have of something.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Quota", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct QuotaBody {
    /// Of what: `apiKeys` that work, `retiredApiKeys` that were revoked or have expired within 30 days, `importTemplates`, `uploads` that are
    /// not imported and their `uploadBytes`, `exports` that are under way or kept and their `exportBytes`, `webhooks`, `auditSinks`, `pipelines`, `slugsOfDay` that were taken within a day.
    pub quota: String,
    /// How much; null where the plan sets no bound.
    #[oai(nullable)]
    pub limit: Option<i64>,
    /// How much there is; null below ADMIN.
    #[oai(nullable)]
    pub used: Option<i64>,
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

impl QuotaBody {
    fn of(quota: Quota, plan: Plan, used: Option<i64>) -> Self {
        Self { quota: quota.name().to_owned(), limit: quota.most(plan), used }
    }
}

/// The operations.
pub struct LimitsApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Meta")]
impl LimitsApi {
    /// Get your limits
    ///
    /// How many requests the organization and the caller may send, and how many are left; and how much the organization may have of what
    /// it can pile up: one more is refused with 429 `QUOTA_EXCEEDED`. This request is counted as any other that
    /// reads. A changed plan shows within 5 seconds. Needs no permission.
    #[oai(path = "/limits", method = "get", operation_id = "get_limits")]
    async fn limits(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
    ) -> Result<Shown<LimitsBody>, ApiError> {
        let standings = app.limits.standings(&caller.actor, caller.allowance).await;
        let plan = caller.allowance.plan;
        let quotas = match caller.actor.role >= Role::Admin {
            true => {
                let read = async |tx: &mut TenantTx<'_>| quota::standings(tx, plan).await;
                let standings = app.db.read(&caller.actor, read).await?.into_iter();
                standings.map(|standing| QuotaBody::of(standing.quota, plan, Some(standing.used))).collect()
            }
            false => Quota::ALL.into_iter().map(|quota| QuotaBody::of(quota, plan, None)).collect(),
        };
        Ok(Shown::plain(LimitsBody {
            plan: caller.allowance.plan.name().to_owned(),
            enforced: app.limits.enforced(),
            policies: standings.into_iter().map(LimitBody::of).collect(),
            quotas,
        }))
    }
}
