//! Logging in with address and password. The answer and its time do not tell whether an account exists.

use serde::Deserialize;

use crate::account::password;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::role::Role;

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

/// An attempt to log in.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What came of it.
    pub outcome: Login,
    /// Whose account it is, where there is one.
    pub user: Option<UserId>,
    /// The tenants that the attempt concerns: of those that the user is a member of the one that was named, or all.
    pub tenants: Vec<TenantId>,
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Membership {
    tenant_id: TenantId,
    slug: String,
    name: String,
    role: Role,
    token_epoch: i64,
}

/// Tries to log in. `slug` says which tenant, where the user has several.
pub async fn attempt(db: &Db, email: &str, password: &str, slug: Option<&str>) -> Result<Attempt> {
    let account = find(db, email).await?;
    let hash = account.as_ref().and_then(|account| account.password_hash.as_deref());
    let right = password::verify(password, hash).await?;
    let Some(mut account) = account else {
        return Ok(Attempt { outcome: Login::Refused, user: None, tenants: Vec::new() });
    };
    if let Some(slug) = slug {
        account.memberships.retain(|membership| membership.slug == slug);
    }
    let outcome = if right { account.outcome() } else { Login::Refused };
    let tenants = account.memberships.iter().map(|membership| membership.tenant_id).collect();
    Ok(Attempt { outcome, user: Some(account.user_id), tenants })
}

impl Account {
    /// Of one whose password is right, and whose memberships are those that are asked for.
    fn outcome(&self) -> Login {
        if self.user_status != "active" {
            return Login::Suspended;
        }
        match self.memberships.as_slice() {
            [] => Login::Refused,
            [one] => Login::In(LoggedIn {
                user: self.user_id,
                tenant: one.tenant_id,
                role: one.role,
                epochs: [self.token_epoch, one.token_epoch],
            }),
            several => Login::Choose(several.iter().map(|m| (m.slug.clone(), m.name.clone())).collect()),
        }
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
