//! API keys: the tenant's credentials for programs.

mod check;
mod draft;
mod secret;

use chrono::{DateTime, Duration, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::account::quota::{self, Quota};
use crate::account::role::Role;
use crate::actor::ActorReference;
use crate::change::{self, Change};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::{ApiKeyId, TenantId, UserId};
use crate::page::{Page, SortKey, Window};
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
    #[serde(rename = "prefix")]
    #[sqlx(skip)]
    pub prefix: String,
    #[serde(skip)]
    mode: String,
    #[serde(skip)]
    public_id: String,
    /// The last four characters of the key.
    pub last4: String,
    /// What it may do at most.
    pub role: String,
    /// What it may do of that.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    #[serde(serialize_with = "wire::serialize_option")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The networks it may be used from; empty for all.
    pub ip_allowlist: Vec<String>,
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
        "id, tenant_id, name, mode, public_id, last4, role, scopes, expires_at, ip_allowlist, user_id, last_used_at, last_used_ip, \
         revoked_at, revoked_reason, rotated_from, version, created_at, created_by, updated_at, updated_by"
    };
}

impl ApiKey {
    /// Its place in the list.
    pub fn sort_key(&self) -> SortKey {
        SortKey { at: self.created_at, id: self.id.0 }
    }

    fn shown(mut self) -> Self {
        self.prefix = format!("tenon_{}_{}", self.mode, self.public_id);
        self
    }

    fn change(&self, event: EventType, before: Option<&Self>) -> Result<Change> {
        // As the API shows it: never with the key itself.
        let show = |key: &Self| {
            let mut shown = serde_json::to_value(key).map_err(Error::internal)?;
            if let Value::Object(fields) = &mut shown {
                fields.insert("key".to_owned(), Value::Null);
            }
            Ok::<_, Error>(shown)
        };
        let before: Option<Value> = before.map(show).transpose()?;
        Ok(Change {
            event,
            object: self.id.0,
            version: self.version,
            at: self.updated_at,
            before,
            after: show(self)?,
        })
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
    let change = key.change(EventType::API_KEY_CREATED, None)?;
    change::record(tx, &[change]).await?;
    Ok((key, secret))
}

async fn insert(
    tx: &mut TenantTx<'_>,
    fields: &Fields,
    mode: Mode,
    user: Option<UserId>,
    rotated_from: Option<ApiKeyId>,
) -> Result<(ApiKey, KeySecret)> {
    quota::claim(tx, Quota::ApiKeys, 1).await?;
    let secret = KeySecret::generate(mode);
    let by = tx.actor().principal.reference().to_string();
    let statement = concat!(
        "insert into tenon.api_keys (tenant_id, id, public_id, mode, name, secret_hash, last4, role, scopes, ip_allowlist, expires_at,
                                     rotated_from, user_id, created_at, created_by, updated_at, updated_by)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $14, $15)
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
        .fetch_one(tx.conn())
        .await?;
    Ok((key.shown(), secret))
}

/// The key, whatever its state.
pub async fn get(tx: &mut TenantTx<'_>, id: ApiKeyId) -> Result<ApiKey> {
    let statement = concat!("select ", columns!(), " from tenon.api_keys where tenant_id = $1 and id = $2");
    let found: Option<ApiKey> =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.map(ApiKey::shown).ok_or(Error::NotFound(EntityKind::ApiKey))
}

/// All keys, newest first, revoked ones too.
pub async fn list(tx: &mut TenantTx<'_>, window: &Window) -> Result<Page<ApiKey>> {
    let tenant = tx.actor().tenant;
    let last = window.last().map(|last| last.id);
    // Ids sort by time.
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.api_keys where tenant_id = $1 and ($4::uuid is null or id < $4) order by id desc limit $2 offset $3"
    );
    let query = sqlx::query_as(statement).bind(tenant).bind(window.fetch()).bind(window.offset()).bind(last);
    let items: Vec<ApiKey> = query.fetch_all(tx.conn()).await?;
    let total = match window.counts() {
        true => {
            let count = "select count(*) from tenon.api_keys where tenant_id = $1";
            Some(sqlx::query_scalar(count).bind(tenant).fetch_one(tx.conn()).await?)
        }
        false => None,
    };
    Ok(Page::of(items.into_iter().map(ApiKey::shown).collect(), total, window))
}

async fn lock(tx: &mut TenantTx<'_>, id: ApiKeyId) -> Result<ApiKey> {
    let statement = concat!(
        "select ",
        columns!(),
        " from tenon.api_keys where tenant_id = $1 and id = $2 for no key update"
    );
    let found: Option<ApiKey> =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    found.map(ApiKey::shown).ok_or(Error::NotFound(EntityKind::ApiKey))
}

/// Changes name, scopes, role, expiry and networks of a key that is not revoked. A change that changes nothing writes nothing.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: ApiKeyId,
    expected: Option<i64>,
    grantor: &Grantor,
    edit: impl FnOnce(ApiKeyDraft) -> ApiKeyDraft,
) -> Result<ApiKey> {
    let before = lock(tx, id).await?;
    refuse_changed(&before, expected)?;
    let draft = ApiKeyDraft {
        name: Some(before.name.clone()),
        scopes: Some(before.scopes.clone()),
        role: Some(Role::parse(&before.role)?),
        expires_at: before.expires_at,
        ip_allowlist: before.ip_allowlist.clone(),
    };
    let fields = edit(draft).check(grantor, before.expires_at)?;
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
                updated_at = $8, updated_by = $9
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
        .fetch_one(tx.conn())
        .await?;
    let after = after.shown();
    let change = after.change(EventType::API_KEY_UPDATED, Some(&before))?;
    change::record(tx, &[change]).await?;
    Ok(after)
}

/// Ends a key at once (within the 5 seconds that a checked key is believed). Revoking it again changes nothing.
pub async fn revoke(
    tx: &mut TenantTx<'_>,
    id: ApiKeyId,
    expected: Option<i64>,
    reason: &str,
) -> Result<ApiKey> {
    let before = lock(tx, id).await?;
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
    let after = after.shown();
    let change = after.change(EventType::API_KEY_REVOKED, Some(&before))?;
    change::record(tx, &[change]).await?;
    Ok(after)
}

/// A new key with the old one's rights; the old one works for `overlap` more.
pub async fn rotate(
    tx: &mut TenantTx<'_>,
    id: ApiKeyId,
    overlap: Duration,
    grantor: &Grantor,
) -> Result<(ApiKey, KeySecret)> {
    let before = lock(tx, id).await?;
    refuse_changed(&before, None)?;
    let role = Role::parse(&before.role)?;
    if before.expires_at.is_some_and(|at| at <= Utc::now()) {
        return Err(Error::state("The API key has expired"));
    }
    let fields = Fields {
        name: before.name.clone(),
        scopes: before.scopes.clone(),
        role,
        expires_at: before.expires_at,
        ip_allowlist: before.ip_allowlist.clone(),
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
    let updated = ending.shown().change(EventType::API_KEY_UPDATED, Some(&before))?;
    change::record(tx, &[rotated, updated]).await?;
    Ok((key, secret))
}

fn refuse_changed(key: &ApiKey, expected: Option<i64>) -> Result<()> {
    if key.revoked_at.is_some() {
        return Err(Error::state("The API key is revoked"));
    }
    if expected.is_some_and(|expected| expected != key.version) {
        return Err(Error::Stale { current: key.version });
    }
    Ok(())
}
