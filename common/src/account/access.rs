//! Whether a token that was good when it was issued still is: suspension, a change of role or password, and the end of a
//! tenant take effect within 5 seconds, without a lookup for every request.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;

use crate::account::access_token::Claims;
use crate::account::tenant::{Allowance, Plan};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::role::Role;

/// How long an answer is believed.
pub const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// What a member may do now.
#[derive(Clone, Debug, sqlx::FromRow)]
struct Access {
    user_status: String,
    member_status: String,
    role: String,
    plan: String,
    user_epoch: i64,
    tenant_epoch: i64,
    tenant_deleted: bool,
    require_if_match: bool,
    limit_epoch: i64,
}

/// What a member is let in with.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// The member's role now.
    pub role: Role,
    /// What the tenant's requests are counted by.
    pub allowance: Allowance,
    /// The tenant's setting [`REQUIRE_IF_MATCH`](crate::account::tenant::REQUIRE_IF_MATCH).
    pub require_if_match: bool,
}

/// Why a token is not good any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Revoked, or its user is no member any more.
    Revoked,
    /// The user or the membership is suspended.
    Suspended,
}

/// Looks up members, and believes the answer for 5 seconds.
#[derive(Clone, Debug)]
pub struct AccessCheck {
    db: Db,
    cache: Cache<(UserId, TenantId), Arc<Option<Access>>>,
}

impl AccessCheck {
    /// A check with an empty cache.
    pub fn new(db: Db) -> Self {
        Self { db, cache: Cache::builder().max_capacity(100_000).time_to_live(BELIEVED_FOR).build() }
    }

    /// With what the member is let in now, or why the token is not good any more.
    pub async fn check(&self, claims: &Claims) -> Result<Result<Admitted, Ended>> {
        let key = (claims.sub, claims.org);
        let access = match self.cache.get(&key).await {
            Some(access) => access,
            None => {
                let access = Arc::new(find(&self.db, key).await?);
                self.cache.insert(key, access.clone()).await;
                access
            }
        };
        let Some(access) = access.as_ref() else { return Ok(Err(Ended::Revoked)) };
        if access.user_status != "active" || access.member_status != "active" {
            return Ok(Err(Ended::Suspended));
        }
        let epochs = [access.user_epoch, access.tenant_epoch];
        if access.tenant_deleted || epochs.iter().zip(claims.ver).any(|(now, then)| *now > then) {
            return Ok(Err(Ended::Revoked));
        }
        let plan = Plan::parse(&access.plan).map_err(Error::internal)?;
        Ok(Ok(Admitted {
            role: Role::parse(&access.role)?,
            allowance: Allowance { plan, epoch: access.limit_epoch },
            require_if_match: access.require_if_match,
        }))
    }
}

async fn find(db: &Db, (user, tenant): (UserId, TenantId)) -> Result<Option<Access>> {
    let mut connection = db.lookup().await?;
    let found = sqlx::query_as("select * from tenon.find_access($1, $2)").bind(user).bind(tenant);
    Ok(found.fetch_optional(&mut *connection).await?)
}
