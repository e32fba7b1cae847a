//! Logging in with address and password. The answer and its time do not tell whether an account exists.

use serde::Deserialize;

use crate::account::password;
use crate::account::role::Role;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};

/// Who logged in, and where.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The user.
    pub user: UserId,
    /// The tenant and the role in it.
    pub tenant: TenantId,
    /// See `tenant`.
    pub role: Role,
    /// The epochs that the access token carries.
    pub epochs: [i64; 2],
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub enum Login {
    /// In.
    In(LoggedIn),
    /// Address or password are wrong, or there is no such account, or it is no member of that tenant.
    Refused,
    /// The password is right, the account suspended.
    Suspended,
    /// The password is right and the user a member of several tenants: which one must be said. Slugs and names.
    Choose(Vec<(String, String)>),
}

#[derive(sqlx::FromRow)]
struct Account {
    user_id: UserId,
    password_hash: Option<String>,
    user_status: String,
    token_epoch: i64,
    #[sqlx(json)]
    memberships: Vec<Membership>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Membership {
    tenant_id: TenantId,
    slug: String,
    name: String,
    role: Role,
    token_epoch: i64,
}

/// Tries to log in. `slug` says which tenant, where the user has several.
pub async fn attempt(db: &Db, email: &str, password: &str, slug: Option<&str>) -> Result<Login> {
    let account = find(db, email).await?;
    let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let right = password::verify(password, hash).await?;
    let Some(account) = account.filter(|_| right) else { return Ok(Login::Refused) };
    if account.user_status != "active" {
        return Ok(Login::Suspended);
    }
    let mut choices = account.memberships;
    if let Some(slug) = slug {
        choices.retain(|membership| membership.slug == slug);
    }
    match choices.as_slice() {
        [] => Ok(Login::Refused),
        [one] => Ok(Login::In(LoggedIn {
            user: account.user_id,
            tenant: one.tenant_id,
            role: one.role,
            epochs: [account.token_epoch, one.token_epoch],
        })),
        several => Ok(Login::Choose(several.iter().map(|m| (m.slug.clone(), m.name.clone())).collect())),
    }
}

async fn find(db: &Db, email: &str) -> Result<Option<Account>> {
    let key = email.trim().to_lowercase();
    // PostgreSQL text cannot hold it, and no address does.
    if key.contains('\0') {
        return Ok(None);
    }
    let mut connection = db.lookup().await?;
    let account =
        sqlx::query_as("select * from tenon.find_login($1)").bind(key).fetch_optional(&mut *connection).await;
    account.map_err(Error::from)
}
