//! Checking a key that came with a request: one definer function's call, believed for at most 5 seconds.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use ipnet::IpNet;
use moka::future::Cache;
use subtle::ConstantTimeEq;

use crate::account::access::BELIEVED_FOR;
use crate::account::api_key::KeySecret;
use crate::account::tenant::{Allowance, Plan};
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{ApiKeyId, TenantId, UserId};
use crate::role::Role;
use crate::version::ApiVersion;

/// A key that is good.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The tenant that the request is of.
    pub tenant: TenantId,
    /// The key.
    pub id: ApiKeyId,
    /// On whose behalf.
    pub user: Option<UserId>,
    /// What it may do at most.
    pub role: Role,
    /// What it may do of that.
    pub scopes: Arc<[String]>,
    /// What the tenant's requests are counted by.
    pub allowance: Allowance,
    /// The tenant's setting [`REQUIRE_IF_MATCH`](crate::account::tenant::REQUIRE_IF_MATCH).
    pub require_if_match: bool,
    /// Until when and from where it may be used.
    pub bounds: Bounds,
    /// The version of the API that its requests are of where they name none, as it is kept.
    pub version: ApiVersion,
}

/// What bounds a credential beside its role and scopes.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    /// When it ends by itself; never where there is none.
    pub expires_at: Option<DateTime<Utc>>,
    /// The networks it may be used from; all where there is none.
    pub networks: Arc<[IpNet]>,
}

/// Why a key is not accepted.
#[derive(Clone, Debug)]
pub enum KeyRefused {
    /// No key of this installation, or revoked, or its tenant is gone.
    Unknown,
    /// Its time is over.
    Expired,
    /// The user on whose behalf it acts is suspended.
    Suspended(Checked),
    /// The address is not among those that it may be used from.
    Address(Checked),
}

#[derive(sqlx::FromRow)]
struct Row {
    tenant_id: TenantId,
    id: ApiKeyId,
    secret_hash: Vec<u8>,
    role: String,
    scopes: Vec<String>,
    ip_allowlist: Vec<String>,
    expires_at: Option<DateTime<Utc>>,
    revoked_at: Option<DateTime<Utc>>,
    user_id: Option<UserId>,
    plan: String,
    limit_epoch: i64,
    tenant_deleted: bool,
    member_active: bool,
    member_role: Option<String>,
    require_if_match: bool,
    api_version: ApiVersion,
}

struct Known {
    hash: Vec<u8>,
    ended: bool,
    suspended: bool,
    checked: Checked,
}

/// Checks keys, and remembers when each was last used.
#[derive(Clone)]
pub struct KeyCheck {
    db: Db,
    cache: Cache<String, Option<Arc<Known>>>,
    used: Arc<Mutex<HashMap<ApiKeyId, Use>>>,
}

impl std::fmt::Debug for KeyCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyCheck(…)")
    }
}

struct Use {
    tenant: TenantId,
    at: DateTime<Utc>,
    ip: IpAddr,
    written: bool,
}

impl KeyCheck {
    /// A check with an empty cache.
    pub fn new(db: Db) -> Self {
        let cache = Cache::builder().max_capacity(100_000).time_to_live(BELIEVED_FOR).build();
        Self { db, cache, used: Arc::default() }
    }

    /// What a key may do, or why it may not.
    pub async fn check(&self, key: &KeySecret, from: IpAddr) -> Result<Result<Checked, KeyRefused>> {
        let Some(known) = self.known(key).await?.filter(|known| !known.ended) else {
            return Ok(Err(KeyRefused::Unknown));
        };
        let bounds = &known.checked.bounds;
        if bounds.expires_at.is_some_and(|at| at <= Utc::now()) {
            return Ok(Err(KeyRefused::Expired));
        }
        if known.suspended {
            return Ok(Err(KeyRefused::Suspended(known.checked.clone())));
        }
        if !bounds.networks.is_empty() && !bounds.networks.iter().any(|network| network.contains(&from)) {
            return Ok(Err(KeyRefused::Address(known.checked.clone())));
        }
        self.note(&known.checked, from);
        Ok(Ok(known.checked.clone()))
    }

    /// The version that a key is kept with, to be asked before the key is checked; none of what is no key, or cannot be looked up now.
    pub async fn version(&self, key: &KeySecret) -> Option<ApiVersion> {
        let known = self.known(key).await.ok()?;
        known.map(|known| known.checked.version)
    }

    /// The key with this secret.
    async fn known(&self, key: &KeySecret) -> Result<Option<Arc<Known>>> {
        let known = match self.cache.get(key.public_id()).await {
            Some(known) => known,
            None => {
                let known = find(&self.db, key.public_id()).await?.map(Arc::new);
                self.cache.insert(key.public_id().to_owned(), known.clone()).await;
                known
            }
        };
        Ok(known.filter(|known| known.hash.ct_eq(&key.hash()).into()))
    }

    fn note(&self, key: &Checked, ip: IpAddr) {
        let at = Utc::now().duration_trunc(TimeDelta::minutes(1)).unwrap_or_default();
        let mut used = self.used();
        match used.get_mut(&key.id) {
            Some(last) if last.at == at => {}
            _ => drop(used.insert(key.id, Use { tenant: key.tenant, at, ip, written: false })),
        }
    }

    /// Writes the last uses that were noted and are not written; called every few seconds.
    pub async fn flush(&self) -> Result<()> {
        let (mut tenants, mut keys, mut times, mut addresses) = (vec![], vec![], vec![], vec![]);
        {
            let mut used = self.used();
            // What was written and is older than a minute is not needed to tell a minute from the next.
            let recent = Utc::now() - TimeDelta::minutes(2);
            used.retain(|_, last| !last.written || last.at > recent);
            for (key, last) in used.iter().filter(|(_, last)| !last.written) {
                tenants.push(last.tenant);
                keys.push(*key);
                times.push(last.at);
                addresses.push(last.ip.to_string());
            }
        }
        if keys.is_empty() {
            return Ok(());
        }
        let mut connection = self.db.lookup().await?;
        sqlx::query("select tenon.touch_api_keys($1, $2, $3, $4)")
            .bind(tenants)
            .bind(&keys)
            .bind(&times)
            .bind(addresses)
            .execute(&mut *connection)
            .await?;
        let mut used = self.used();
        for (key, at) in keys.iter().zip(times) {
            // A later use is not written yet.
            if let Some(last) = used.get_mut(key).filter(|last| last.at == at) {
                last.written = true;
            }
        }
        Ok(())
    }

    fn used(&self) -> MutexGuard<'_, HashMap<ApiKeyId, Use>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn find(db: &Db, public_id: &str) -> Result<Option<Known>> {
    let mut connection = db.lookup().await?;
    let row: Option<Row> = sqlx::query_as("select * from tenon.check_api_key($1)")
        .bind(public_id)
        .fetch_optional(&mut *connection)
        .await?;
    row.map(known).transpose()
}

fn known(row: Row) -> Result<Known> {
    let role = effective_role(&row)?;
    let networks = row.ip_allowlist.iter().map(|text| text.parse().map_err(Error::internal));
    let bounds = Bounds { expires_at: row.expires_at, networks: networks.collect::<Result<_>>()? };
    Ok(Known {
        hash: row.secret_hash,
        ended: row.revoked_at.is_some() || row.tenant_deleted,
        suspended: !row.member_active,
        checked: Checked {
            tenant: row.tenant_id,
            id: row.id,
            user: row.user_id,
            role,
            scopes: row.scopes.into(),
            allowance: Allowance {
                plan: Plan::parse(&row.plan).map_err(Error::internal)?,
                epoch: row.limit_epoch,
            },
            require_if_match: row.require_if_match,
            bounds,
            version: row.api_version,
        },
    })
}

/// A key may never do more than the user on whose behalf it acts may do by now.
fn effective_role(row: &Row) -> Result<Role> {
    let role = Role::parse(&row.role)?;
    match &row.member_role {
        Some(member) => Ok(role.min(Role::parse(member)?)),
        None => Ok(role),
    }
}
