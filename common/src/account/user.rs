//! Users and their memberships. A user is global, one address one person; a membership is the tenant's.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::account::password;
use crate::change::{self, Change};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, FieldError, Result, broken_constraint};
use crate::event::EventType;
use crate::id::{TenantId, UserId};
use crate::role::Role;
use crate::rules;
use crate::wire;

/// A member of the tenant.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The user's id.
    pub id: UserId,
    /// Whose member.
    pub tenant_id: TenantId,
    /// The login address.
    pub email: String,
    /// 1–100 characters.
    pub name: String,
    /// The role in this tenant.
    pub role: String,
    /// active, suspended.
    pub status: String,
    /// The membership's version.
    pub version: i64,
    /// Since when a member.
    #[serde(serialize_with = "wire::serialize")]
    pub created_at: DateTime<Utc>,
    /// When the membership was last changed.
    #[serde(serialize_with = "wire::serialize")]
    pub updated_at: DateTime<Utc>,
}

/// A member to be.
#[derive(Clone, Debug)]
pub struct NewMember {
    /// The login address.
    pub email: String,
    /// 1–100 characters.
    pub name: String,
    /// For a user who has none yet; that of an existing user stays.
    pub password: String,
    /// The role in this tenant.
    pub role: Role,
}

/// Makes a user a member of the transaction's tenant; the user too where the address is new.
pub async fn create(tx: &mut TenantTx<'_>, new: NewMember) -> Result<Member> {
    let mut errors = Vec::new();
    let mut broken =
        |field: &str, (code, message): rules::Broken| errors.push(FieldError::new(field, code, message));
    let email = rules::email(&new.email).map_err(|e| broken("email", e)).ok();
    let name = rules::text(&new.name, "Name", 100).map_err(|e| broken("name", e)).ok();
    errors.extend(password::check(&new.password).err());
    let (Some((email, email_key)), Some(name), true) = (email, name, errors.is_empty()) else {
        return Err(Error::Invalid(errors));
    };
    let hash = password::hash(&new.password).await?;
    let (id, _created): (UserId, bool) =
        sqlx::query_as("select * from tenon.create_user($1, $2, $3, $4, $5)")
            .bind(UserId::new())
            .bind(email)
            .bind(email_key)
            .bind(name)
            .bind(hash)
            .fetch_one(tx.conn())
            .await?;
    join(tx, id, new.role).await
}

pub(super) async fn join(tx: &mut TenantTx<'_>, id: UserId, role: Role) -> Result<Member> {
    let now = wire::now();
    sqlx::query(
        "insert into tenon.memberships (tenant_id, user_id, role, created_at, updated_at) values ($1, $2, $3, $4, $4)",
    )
    .bind(tx.actor().tenant)
    .bind(id)
    .bind(role.name())
    .bind(now)
    .execute(tx.conn())
    .await
    .map_err(|error| match broken_constraint(&error) {
        Some("memberships_pkey") => Error::duplicate("email", Some(id.0)),
        _ => error.into(),
    })?;
    let member = get(tx, id).await?;
    let after = serde_json::to_value(&member).map_err(Error::internal)?;
    let change =
        Change { event: EventType::USER_JOINED, object: id.0, version: 1, at: now, before: None, after };
    change::record(tx, &[change]).await?;
    Ok(member)
}

/// A member of the transaction's tenant.
pub async fn get(tx: &mut TenantTx<'_>, id: UserId) -> Result<Member> {
    sqlx::query_as(
        "select u.id, m.tenant_id, u.email, u.name, m.role,
                case when u.status = 'active' then m.status else u.status end as status,
                m.version, m.created_at, m.updated_at
         from tenon.memberships m join tenon.users u on u.id = m.user_id
         where m.tenant_id = $1 and m.user_id = $2",
    )
    .bind(tx.actor().tenant)
    .bind(id)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(Error::NotFound(EntityKind::User))
}

/// Who somebody is, for others.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct Name {
    /// The user's id.
    pub id: UserId,
    /// The name.
    pub name: String,
    /// The login address.
    pub email: String,
}

/// Who these members of the transaction's tenant are; in the order of their ids, without those who are none.
pub async fn names(tx: &mut TenantTx<'_>, ids: &[UserId]) -> Result<Vec<Name>> {
    let statement = "select u.id, u.name, u.email
         from tenon.memberships m join tenon.users u on u.id = m.user_id
         where m.tenant_id = $1 and m.user_id = any ($2) order by u.id";
    Ok(sqlx::query_as(statement).bind(tx.actor().tenant).bind(ids).fetch_all(tx.conn()).await?)
}
