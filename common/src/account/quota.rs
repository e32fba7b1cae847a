//! What a tenant can pile up, and how much of it its plan allows.
//!
//! [`claim`] comes before the insert in the same transaction. It counts behind a lock of the tenant and the quota, so that of two
//! transactions that want the last one, the second sees what the first has made.

use crate::account::tenant::Plan;
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::role::Role;

/// Something of which a tenant has a bounded number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quota {
    /// API keys that are neither revoked nor expired.
    ApiKeys,
    /// API keys that were revoked or have expired within 30 days.
    RetiredApiKeys,
    /// Templates of imports.
    ImportTemplates,
    /// Uploads that no import has taken yet.
    Uploads,
    /// The bytes that those will have.
    UploadBytes,
    /// Exports that wait, run, or whose file is kept.
    Exports,
    /// The bytes of those files.
    ExportBytes,
    /// Webhooks.
    Webhooks,
    /// Sinks of the audit trail.
    AuditSinks,
    /// Pipelines that are not deleted.
    Pipelines,
    /// Slugs that were taken within a day.
    SlugsOfDay,
}

const GIB: i64 = 1 << 30;

impl Quota {
    /// Every quota.
    pub const ALL: [Self; 11] = [
        Self::ApiKeys,
        Self::RetiredApiKeys,
        Self::ImportTemplates,
        Self::Uploads,
        Self::UploadBytes,
        Self::Exports,
        Self::ExportBytes,
        Self::Webhooks,
        Self::AuditSinks,
        Self::Pipelines,
        Self::SlugsOfDay,
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::ApiKeys => "apiKeys",
            Self::RetiredApiKeys => "retiredApiKeys",
            Self::ImportTemplates => "importTemplates",
            Self::Uploads => "uploads",
            Self::UploadBytes => "uploadBytes",
            Self::Exports => "exports",
            Self::ExportBytes => "exportBytes",
            Self::Webhooks => "webhooks",
            Self::AuditSinks => "auditSinks",
            Self::Pipelines => "pipelines",
            Self::SlugsOfDay => "slugsOfDay",
        }
    }

    /// What there is a number of, in words.
    fn words(self) -> &'static str {
        match self {
            Self::ApiKeys => "API keys that work",
            Self::RetiredApiKeys => "API keys that were revoked or have expired within 30 days",
            Self::ImportTemplates => "import templates",
            Self::Uploads => "uploads that are not imported",
            Self::UploadBytes => "bytes in uploads that are not imported",
            Self::Exports => "exports that are under way or kept",
            Self::ExportBytes => "bytes in files of exports",
            Self::Webhooks => "webhooks",
            Self::AuditSinks => "audit sinks",
            Self::Pipelines => "pipelines",
            Self::SlugsOfDay => "new slugs within a day",
        }
    }

    /// How much of it a plan allows; none where there is no bound.
    pub fn most(self, plan: Plan) -> Option<i64> {
        let by_plan = |free, team, business| match plan {
            Plan::Free => Some(free),
            Plan::Team => Some(team),
            Plan::Business => Some(business),
            Plan::Unlimited => None,
        };
        match self {
            Self::ApiKeys => by_plan(50, 200, 1_000),
            Self::RetiredApiKeys => by_plan(500, 2_000, 10_000),
            Self::ImportTemplates => by_plan(50, 200, 1_000),
            Self::Uploads => by_plan(10, 50, 200),
            Self::UploadBytes => by_plan(2 * GIB, 20 * GIB, 200 * GIB),
            Self::Exports => by_plan(20, 100, 500),
            Self::ExportBytes => by_plan(2 * GIB, 20 * GIB, 200 * GIB),
            Self::Pipelines => by_plan(50, 200, 1_000),
            Self::SlugsOfDay => by_plan(5, 10, 20),
            // What each of them costs does not depend on what is paid.
            Self::Webhooks => Some(50),
            Self::AuditSinks => Some(10),
        }
    }

    fn used(self) -> &'static str {
        match self {
            Self::ApiKeys => {
                "select count(*) from tenon.api_keys
                 where tenant_id = $1 and revoked_at is null and (expires_at is null or expires_at > now())"
            }
            Self::RetiredApiKeys => {
                "select count(*) from tenon.api_keys
                 where tenant_id = $1 and least(revoked_at, expires_at) between now() - interval '30 days' and now()"
            }
            Self::ImportTemplates => "select count(*) from tenon.import_templates where tenant_id = $1",
            Self::Uploads => {
                "select count(*) from tenon.uploads where tenant_id = $1 and import_id is null and expires_at > now()"
            }
            Self::UploadBytes => {
                "select coalesce(sum(bytes), 0)::bigint from tenon.uploads
                 where tenant_id = $1 and import_id is null and expires_at > now()"
            }
            Self::Exports => {
                "select count(*) from tenon.exports
                 where tenant_id = $1 and (state in ('queued', 'running') or (state = 'succeeded' and expires_at > now()))"
            }
            Self::ExportBytes => {
                "select coalesce(sum(bytes), 0)::bigint from tenon.exports
                 where tenant_id = $1 and state = 'succeeded' and expires_at > now()"
            }
            Self::Webhooks => "select count(*) from tenon.webhooks where tenant_id = $1 and deleted_at is null",
            Self::AuditSinks => "select count(*) from tenon.audit_sinks where tenant_id = $1 and deleted_at is null",
            Self::Pipelines => "select count(*) from tenon.pipelines where tenant_id = $1 and deleted_at is null",
            Self::SlugsOfDay => {
                "select count(*) from tenon.tenant_slugs where tenant_id = $1 and taken_at > now() - interval '1 day'"
            }
        }
    }
}

/// A quota, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// Which.
    pub quota: Quota,
    /// How much the plan allows; none where there is no bound.
    pub most: Option<i64>,
    /// How much there is.
    pub used: i64,
}

/// Makes sure that so much more is within the tenant's quota. To be called before it is made, in the same transaction.
///
/// # Errors
/// `Quota`.
pub async fn claim(tx: &mut TenantTx<'_>, quota: Quota, more: i64) -> Result<()> {
    let plan: String = sqlx::query_scalar("select plan from tenon.tenants where id = $1")
        .bind(tx.actor().tenant)
        .fetch_one(tx.conn())
        .await?;
    let Some(most) = quota.most(Plan::parse(&plan).map_err(Error::internal)?) else { return Ok(()) };
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('quota ' || $1::text || $2, 0))")
        .bind(tx.actor().tenant)
        .bind(quota.name())
        .execute(tx.conn())
        .await?;
    // A statement of its own: it sees what was committed while this transaction waited.
    match used(tx, quota).await? + more <= most {
        true => Ok(()),
        false => {
            let message = format!("An organization of this plan has at most {most} {}", quota.words());
            Err(Error::Quota { quota: quota.name(), most, message })
        }
    }
}

/// All of the tenant's, whoever asks.
async fn used(tx: &mut TenantTx<'_>, quota: Quota) -> Result<i64> {
    let sees_less = tx.actor().role < Role::Admin;
    if sees_less {
        tx.widen_to_tenant().await?;
    }
    let used = sqlx::query_scalar(quota.used()).bind(tx.actor().tenant).fetch_one(tx.conn()).await?;
    if sees_less {
        tx.narrow_to_actor().await?;
    }
    Ok(used)
}

/// Where all quotas of the tenant stand.
pub async fn standings(tx: &mut TenantTx<'_>, plan: Plan) -> Result<Vec<Standing>> {
    let mut standings = Vec::new();
    for quota in Quota::ALL {
        standings.push(Standing { quota, most: quota.most(plan), used: used(tx, quota).await? });
    }
    Ok(standings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dearer_plan_allows_no_less() {
        for quota in Quota::ALL {
            let most = Plan::ALL.map(|plan| quota.most(plan).unwrap_or(i64::MAX));
            assert!(most.is_sorted(), "{quota:?}: {most:?}");
            assert!(most[0] > 0);
        }
    }
}
