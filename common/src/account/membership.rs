//! What a user may enter: looked up before, or apart from, the tenant of a request.

use crate::db::Db;
use crate::error::Result;
use crate::id::{TenantId, UserId};
use crate::role::Role;

/// An organization that a user is an active member of.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Membership {
    /// The organization.
    pub id: TenantId,
    /// Its name.
    pub name: String,
    /// Its slug.
    pub slug: String,
    /// Its plan.
    pub plan: String,
    /// The user's role in it.
    pub role: String,
}

/// The organizations of a user, by slug.
pub async fn of_user(db: &Db, user: UserId) -> Result<Vec<Membership>> {
    let mut connection = db.lookup().await?;
    let found = sqlx::query_as("select * from tenon.find_organizations($1)").bind(user);
    Ok(found.fetch_all(&mut *connection).await?)
}

/// The role of an active member, also of a tenant that is deleted.
pub async fn role_in(db: &Db, user: UserId, tenant: TenantId) -> Result<Option<Role>> {
    let mut connection = db.lookup().await?;
    let role: Option<String> = sqlx::query_scalar(
        "select role from tenon.find_access($1, $2) where user_status = 'active' and member_status = 'active'",
    )
    .bind(user)
    .bind(tenant)
    .fetch_optional(&mut *connection)
    .await?;
    Ok(role.as_deref().map(Role::parse).transpose()?)
}
