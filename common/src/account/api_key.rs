//! API keys: the tenant's credentials for programs.

mod check;
mod draft;
mod retired;
mod secret;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::account::quota::{self, Quota};
use crate::actor::ActorReference;
use crate::change;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::{ApiKeyId, TenantId, UserId};
use crate::kept::{self, Head, Kept, Statements};
use crate::role::Role;
use crate::version::ApiVersion;
use crate::wire;

pub use check::{Bounds, Checked, KeyCheck, KeyRefused};
pub use draft::{ApiKeyDraft, Grantor};
pub use secret::{KeySecret, Mode};

use draft::Fields;

/// An API key, without its secret.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose.
    pub tenant_id: TenantId,
    /// 1–100 characters.
    pub name: String,
    /// What the key begins with, up to its secret: `tenon_live_3f9K…`.
    pub prefix: String,
    #[serde(skip)]
    mode: String,
    /// The last four characters of the key.
    pub last4: String,
    /// What it may do at most.
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// What it may do of that.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    #[serde(serialize_with = "wire::serialize_option")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The networks it may be used from; empty for all.
    pub ip_allowlist: Vec<String>,
    /// The version of the API that its requests are of where they name none.
    pub api_version: ApiVersion,
    /// The user on whose behalf it acts.
    pub user_id: Option<UserId>,
    /// To the minute.
    #[serde(serialize_with = "wire::serialize_option")]
    pub last_used_at: Option<DateTime<Utc>>,
    /// The address it was last used from.
    pub last_used_ip: Option<String>,
    /// When it was revoked.
    #[serde(serialize_with = "wire::serialize_option")]
    pub revoked_at: Option<DateTime<Utc>>,
    /// Why.
    pub revoked_reason: Option<String>,
    /// The key that it replaces.
    pub rotated_from: Option<ApiKeyId>,
    /// Counts changes, from 1.
    pub version: i64,
    /// When it was created.
    #[serde(serialize_with = "wire::serialize")]
    pub created_at: DateTime<Utc>,
    /// By whom.
    pub created_by: ActorReference,
    /// When it was last changed.
    #[serde(serialize_with = "wire::serialize")]
    pub updated_at: DateTime<Utc>,
    /// By whom.
    pub updated_by: ActorReference,
}

macro_rules! columns {
    () => {
        "id, tenant_id, name, 'tenon_' || mode || '_' || public_id as prefix, mode, last4, role, scopes, expires_at, ip_allowlist, \
         api_version, user_id, last_used_at, last_used_ip, revoked_at, revoked_reason, rotated_from, version, created_at, created_by, \
         updated_at, updated_by"
    };
}

impl Kept for ApiKey {
    type Id = ApiKeyId;
    const KIND: EntityKind = EntityKind::ApiKey;
    const STATEMENTS: Statements =
        kept::statements!("tenon.api_keys" where "tenant_id = $1" by id, columns!());

    fn head(&self) -> Head {
        let Self { id, version, created_at, updated_at, .. } = *self;
        Head { id: id.0, version, created_at, updated_at }
    }

    fn shown(&self) -> Result<Value> {
        let mut shown = serde_json::to_value(self).map_err(Error::internal)?;
        if let Value::Object(fields) = &mut shown {
            fields.insert("key".to_owned(), Value::Null);
        }
        Ok(shown)
    }
}

/// Creates a key; the only time that its secret is known.
pub async fn create(
    tx: &mut TenantTx<'_>,
    draft: ApiKeyDraft,
    mode: Mode,
    grantor: &Grantor,
) -> Result<(ApiKey, KeySecret)> {
    let fields = draft.within(grantor).check(grantor, None)?;
    let user = tx.actor().principal.user();
    let (key, secret) = insert(tx, &fields, mode, user, None).await?;
    change::record(tx, &[key.change(EventType::API_KEY_CREATED, None)?]).await?;
    Ok((key, secret))
}

async fn insert(
    tx: &mut TenantTx<'_>,
    fields: &Fields,
    mode: Mode,
    user: Option<UserId>,
    rotated_from: Option<ApiKeyId>,
) -> Result<(ApiKey, KeySecret)> {
    retired::make_room(tx).await?;
    quota::claim(tx, Quota::ApiKeys, 1).await?;
    let secret = KeySecret::generate(mode);
    let by = tx.actor().principal.reference().to_string();
    let statement = concat!(
        "insert into tenon.api_keys (tenant_id, id, public_id, mode, name, secret_hash, last4, role, scopes, ip_allowlist, expires_at,
                                     rotated_from, user_id, created_at, created_by, updated_at, updated_by, api_version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $14, $15, $16)
         returning ",
        columns!()
    );
    let key: ApiKey = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(ApiKeyId::new())
        .bind(secret.public_id())
        .bind(mode.name())
        .bind(&fields.name)
        .bind(secret.hash())
        .bind(secret.last4())
        .bind(fields.role.name())
        .bind(&fields.scopes)
        .bind(&fields.ip_allowlist)
        .bind(fields.expires_at)
        .bind(rotated_from)
        .bind(user)
        .bind(wire::now())
        .bind(by)
        .bind(fields.api_version.to_string())
        .fetch_one(tx.conn())
        .await?;
    Ok((key, secret))
}

/// The key, whatever its state.
pub async fn get(tx: &mut TenantTx<'_>, id: ApiKeyId) -> Result<ApiKey> {
    kept::get(tx, id).await
}

/// Changes name, scopes, role, expiry, networks and version of a key that is not revoked. A change that changes nothing writes nothing.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: ApiKeyId,
    expected: Option<i64>,
    grantor: &Grantor,
    edit: impl FnOnce(ApiKeyDraft) -> ApiKeyDraft,
) -> Result<ApiKey> {
    let before: ApiKey = kept::lock(tx, id, None).await?;
    refuse_changed(&before, expected)?;
    let draft = ApiKeyDraft {
        name: Some(before.name.clone()),
        scopes: Some(before.scopes.clone()),
        role: Some(before.role),
        expires_at: before.expires_at,
        ip_allowlist: before.ip_allowlist.clone(),
        api_version: None,
    };
    let fields = edit(draft).check(grantor, Some(&before))?;
    if fields.are_of(&before) {
        return Ok(before);
    }
    let is_over = |end: Option<DateTime<Utc>>| end.is_some_and(|at| at <= Utc::now());
    if is_over(before.expires_at) && !is_over(fields.expires_at) {
        // It works again, beside those that took its place.
        quota::claim(tx, Quota::ApiKeys, 1).await?;
    }
    let statement = concat!(
        "update tenon.api_keys set name = $3, scopes = $4, role = $5, expires_at = $6, ip_allowlist = $7, version = version + 1,
                updated_at = $8, updated_by = $9, api_version = $10
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    );
    let after: ApiKey = sqlx::query_as(statement)
        .bind(before.tenant_id)
        .bind(id)
        .bind(&fields.name)
        .bind(&fields.scopes)
        .bind(fields.role.name())
        .bind(fields.expires_at)
        .bind(&fields.ip_allowlist)
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string())
        .bind(fields.api_version.to_string())
        .fetch_one(tx.conn())
        .await?;
    change::record(tx, &[after.change(EventType::API_KEY_UPDATED, Some(&before))?]).await?;
    Ok(after)
}

/// Ends a key at once (within the 5 seconds that a checked key is believed). Revoking it again changes nothing.
pub async fn revoke(
    tx: &mut TenantTx<'_>,
    id: ApiKeyId,
    expected: Option<i64>,
    reason: &str,
) -> Result<ApiKey> {
    let before: ApiKey = kept::lock(tx, id, None).await?;
    if before.revoked_at.is_some() {
        return Ok(before);
    }
    refuse_changed(&before, expected)?;
    let statement = concat!(
        "update tenon.api_keys set revoked_at = $3, revoked_reason = $4, version = version + 1, updated_at = $3, updated_by = $5
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    );
    let after: ApiKey = sqlx::query_as(statement)
        .bind(before.tenant_id)
        .bind(id)
        .bind(wire::now())
        .bind(reason)
        .bind(tx.actor().principal.reference().to_string())
        .fetch_one(tx.conn())
        .await?;
    change::record(tx, &[after.change(EventType::API_KEY_REVOKED, Some(&before))?]).await?;
    Ok(after)
}

/// A new key with the old one's rights; the old one works for `overlap` more.
pub async fn rotate(
    tx: &mut TenantTx<'_>,
    id: ApiKeyId,
    overlap: Duration,
    grantor: &Grantor,
) -> Result<(ApiKey, KeySecret)> {
    let before: ApiKey = kept::lock(tx, id, None).await?;
    refuse_changed(&before, None)?;
    if before.expires_at.is_some_and(|at| at <= Utc::now()) {
        return Err(Error::state("The API key has expired"));
    }
    let fields = Fields {
        name: before.name.clone(),
        scopes: before.scopes.clone(),
        role: before.role,
        expires_at: before.expires_at,
        ip_allowlist: before.ip_allowlist.clone(),
        api_version: before.api_version,
    };
    // Its secret is the caller's from now on: a grant like a new key's.
    if let Some(wider) = grantor.wider(&fields).first() {
        let why = format!("The key is wider than your own: {}: {}", wider.field(), wider.message);
        return Err(Error::Forbidden(why));
    }
    let mode = Mode::parse(&before.mode)?;
    let (key, secret) = insert(tx, &fields, mode, before.user_id, Some(id)).await?;
    let ends = wire::now() + overlap;
    let statement = concat!(
        "update tenon.api_keys set expires_at = least(expires_at, $3), version = version + 1, updated_at = $4, updated_by = $5
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    );
    let ending: ApiKey = sqlx::query_as(statement)
        .bind(before.tenant_id)
        .bind(id)
        .bind(ends)
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string())
        .fetch_one(tx.conn())
        .await?;
    let rotated = key.change(EventType::API_KEY_ROTATED, None)?;
    let updated = ending.change(EventType::API_KEY_UPDATED, Some(&before))?;
    change::record(tx, &[rotated, updated]).await?;
    Ok((key, secret))
}

fn refuse_changed(key: &ApiKey, expected: Option<i64>) -> Result<()> {
    if key.revoked_at.is_some() {
        return Err(Error::state("The API key is revoked"));
    }
    kept::refuse_stale(key.version, expected)
}
