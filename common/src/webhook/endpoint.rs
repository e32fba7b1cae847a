//! Webhooks as records: a receiver's address, what it subscribed to, and the secret that signs for it.

mod headers;
mod pace;
mod shape;
pub(crate) mod signing;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::account::quota::{self, Quota};
use crate::actor::ActorReference;
use crate::change;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, FieldError, Result};
use crate::event::EventType;
use crate::id::{TenantId, WebhookId};
use crate::kept::{self, Head, Kept, Statements};
use crate::receiver::address::AddressPolicy;
use crate::receiver::signature::Secret;
use crate::rules;
use crate::secret::{MasterKey, Purpose};
use crate::webhook::switching::{self, NotGathered};
use crate::wire;

pub use headers::{HeadersDraft, OwnHeaders, reserved};
pub use pace::{Pace, PaceDraft};
pub use shape::{Shape, ShapeDraft};
pub(crate) use shape::{check_events, check_filter, filter_field};
pub use signing::{Signing, SigningDraft};

/// A webhook, without its secret.
#[derive(Clone, Debug, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose.
    pub tenant_id: TenantId,
    /// Where deliveries go.
    pub url: String,
    /// Names of the catalogue, `contact.*` for all that begin so, or `*`.
    pub events: Vec<String>,
    /// For people.
    pub description: Option<String>,
    /// Whether it gathers events.
    pub active: bool,
    /// Why it is not active, where Tenon disabled it.
    pub disabled_reason: Option<String>,
    /// Which of the events it gets, and in which form.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub shape: Shape,
    /// How fast, how often and in which order.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub pace: Pace,
    /// In which version, and signed how.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub signing: Signing,
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

/// What a caller says of a webhook, not checked yet.
#[derive(Clone, Debug, Default)]
pub struct WebhookDraft {
    /// Required.
    pub url: Option<String>,
    /// Required, at least one.
    pub events: Option<Vec<String>>,
    /// At most 500 characters.
    pub description: Option<String>,
    /// Defaults to true.
    pub active: Option<bool>,
    /// `whsec_…`; one is made where none is given.
    pub secret: Option<String>,
    /// Which of the events, and in which form.
    pub shape: ShapeDraft,
    /// How fast, how often and in which order.
    pub pace: PaceDraft,
    /// In which version, and signed how.
    pub signing: SigningDraft,
}

/// A webhook that was changed.
#[derive(Debug)]
pub struct Changed {
    /// As it is now.
    pub webhook: Webhook,
    /// Where it is active again: what it did not gather meanwhile.
    pub not_gathered: NotGathered,
}

struct Fields {
    url: String,
    events: Vec<String>,
    description: Option<String>,
    active: bool,
    secret: Option<Secret>,
    shape: Shape,
    headers: HeadersDraft,
    pace: Pace,
    signing: signing::Wanted,
}

impl WebhookDraft {
    /// `before` is what the webhook is already: of what stays as it is, it is not asked again whether one like it would be taken today.
    fn check(self, policy: &AddressPolicy, before: Option<&Webhook>) -> Result<Fields> {
        let mut errors = Vec::new();
        if self.url.is_none() {
            errors.push(FieldError::new("url", "REQUIRED", "URL is required"));
        }
        let events = self.events.unwrap_or_default();
        check_events(&events, &mut errors);
        let description = match self.description.as_deref().map(|text| rules::text(text, "Description", 500))
        {
            Some(Err((code, message))) => {
                errors.push(FieldError::new("description", code, message));
                None
            }
            Some(Ok(text)) => Some(text),
            None => None,
        };
        let secret = Secret::given(self.secret.as_deref()).unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        let shape::Checked { shape, headers, filter_error } =
            self.shape.check(&events, self.url.as_deref(), before, &mut errors);
        let pace = self.pace.check(&mut errors);
        let signing = self.signing.check(&mut errors);
        match filter_error {
            Some(error) if errors.is_empty() => return Err(Error::Filter(error)),
            error => errors.extend(error.map(filter_field)),
        }
        if !errors.is_empty() {
            return Err(Error::Invalid(errors));
        }
        let url = self.url.unwrap_or_default();
        if before.is_none_or(|before| before.url != url) {
            policy.check_url(&url)?;
        }
        let active = self.active.unwrap_or(true);
        Ok(Fields { url, events, description, active, secret, shape, headers, pace, signing })
    }
}

macro_rules! columns {
    () => {
        "id, tenant_id, url, events, description, active, disabled_reason, filter, skip_own, payload, header_names, max_per_second, \
         max_concurrency, retry_schedule, ordering, api_version, public_key, version, created_at, created_by, updated_at, updated_by"
    };
}

impl Kept for Webhook {
    type Id = WebhookId;
    const KIND: EntityKind = EntityKind::Webhook;
    const STATEMENTS: Statements = kept::statements!("tenon.webhooks" where "tenant_id = $1 and deleted_at is null" by created_at, columns!());

    fn head(&self) -> Head {
        let Self { id, version, created_at, updated_at, .. } = *self;
        Head { id: id.0, version, created_at, updated_at }
    }

    fn shown(&self) -> Result<Value> {
        let mut shown = serde_json::to_value(self).map_err(Error::internal)?;
        if let Value::Object(fields) = &mut shown {
            fields.insert("secret".to_owned(), Value::Null);
            fields.insert("warnings".to_owned(), Value::Array(Vec::new()));
        }
        Ok(shown)
    }
}

/// Creates a webhook; answers its secret, which is shown this once.
pub async fn create(
    tx: &mut TenantTx<'_>,
    draft: WebhookDraft,
    policy: &AddressPolicy,
    master: &MasterKey,
) -> Result<(Webhook, Secret)> {
    let fields = draft.check(policy, None)?;
    switching::alone(tx).await?;
    quota::claim(tx, Quota::Webhooks, 1).await?;
    let id = WebhookId::new();
    let secret = fields.secret.unwrap_or_else(Secret::generate);
    let headers = fields.headers.over(OwnHeaders::default())?.unwrap_or_default();
    let statement = concat!(
        "insert into tenon.webhooks (tenant_id, id, url, events, description, active, secret, created_at, created_by, updated_at, updated_by,
                                     filter, skip_own, payload, max_per_second, max_concurrency, retry_schedule, ordering, api_version,
                                     header_names, headers)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) returning ",
        columns!()
    );
    let webhook: Webhook = sqlx::query_as(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(fields.url)
        .bind(fields.events)
        .bind(fields.description)
        .bind(fields.active)
        .bind(seal(master, id, &secret))
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string())
        .bind(fields.shape.filter)
        .bind(fields.shape.skip_own)
        .bind(fields.shape.payload)
        .bind(fields.pace.max_per_second)
        .bind(fields.pace.max_concurrency)
        .bind(fields.pace.retry_schedule)
        .bind(fields.pace.ordering)
        .bind(fields.signing.api_version.to_string())
        .bind(headers.names())
        .bind(headers.seal(master, id)?)
        .fetch_one(tx.conn())
        .await?;
    let webhook = signing::sign_beside(tx, webhook, &fields.signing, master).await?;
    change::record(tx, &[webhook.change(EventType::WEBHOOK_CREATED, None)?]).await?;
    Ok((webhook, secret))
}

/// The webhook.
pub async fn get(tx: &mut TenantTx<'_>, id: WebhookId) -> Result<Webhook> {
    kept::get(tx, id).await
}

async fn lock(tx: &mut TenantTx<'_>, id: WebhookId, expected: Option<i64>) -> Result<Webhook> {
    kept::lock(tx, id, expected).await
}

/// Changes a webhook to what `edit` makes of it. A secret that is given replaces the old one at once, and one that still overlaps; none
/// keeps them. Whether it is active, and what it has subscribed to and wants of that, counts for the events committed from then on. Enabling sends what is
/// paused, disabling pauses what is pending. Another address gets at once what waits for the schedule or a pause of the one before, and
/// the failures of that one are not counted against it.
pub async fn update(
    tx: &mut TenantTx<'_>,
    id: WebhookId,
    expected: Option<i64>,
    policy: &AddressPolicy,
    master: &MasterKey,
    edit: impl FnOnce(WebhookDraft) -> WebhookDraft,
) -> Result<Changed> {
    switching::alone(tx).await?;
    let before = lock(tx, id, expected).await?;
    change(tx, before, policy, master, edit).await
}

/// Enables a webhook: what is paused is sent, however it came to be. Of one that is active already what was learned of its address is
/// forgotten, as when it is disabled and enabled, and nothing else is changed.
pub async fn enable(
    tx: &mut TenantTx<'_>,
    id: WebhookId,
    policy: &AddressPolicy,
    master: &MasterKey,
) -> Result<Changed> {
    switching::alone(tx).await?;
    let before = lock(tx, id, None).await?;
    if before.active {
        switching::forget_address(tx, id).await?;
        super::delivery::hasten(tx, id).await?;
        super::delivery::resume(tx, id).await?;
        return Ok(Changed { webhook: before, not_gathered: NotGathered::default() });
    }
    let edit = |draft: WebhookDraft| WebhookDraft { active: Some(true), ..draft };
    change(tx, before, policy, master, edit).await
}

async fn change(
    tx: &mut TenantTx<'_>,
    before: Webhook,
    policy: &AddressPolicy,
    master: &MasterKey,
    edit: impl FnOnce(WebhookDraft) -> WebhookDraft,
) -> Result<Changed> {
    let id = before.id;
    let draft = WebhookDraft {
        url: Some(before.url.clone()),
        events: Some(before.events.clone()),
        description: before.description.clone(),
        active: Some(before.active),
        secret: None,
        shape: ShapeDraft::of(&before.shape),
        pace: PaceDraft::of(&before.pace),
        signing: SigningDraft::of(&before.signing),
    };
    let fields = edit(draft).check(policy, Some(&before))?;
    let headers = headers::after(tx, &before, &fields.headers, master).await?;
    let statement = concat!(
        "update tenon.webhooks set url = $3, events = $4, description = $5,
                active_since = case when $6 and not active then pg_current_snapshot() else active_since end,
                disabled_reason = case when $6 then null else disabled_reason end,
                disabled_at = case when $6 then null else coalesce(disabled_at, now()) end,
                failing_since = case when url <> $3 or $6 and not active then null else failing_since end,
                failures = case when url <> $3 or $6 and not active then 0 else failures end,
                warned = case when url <> $3 or $6 and not active then 0 else warned end,
                previous_secret = case when $7 is null then previous_secret end,
                previous_secret_expires_at = case when $7 is null then previous_secret_expires_at end,
                active = $6, secret = coalesce($7, secret), version = version + 1, updated_at = $8, updated_by = $9,
                filter = $10, skip_own = $11, payload = $12, max_per_second = $13, max_concurrency = $14, retry_schedule = $15,
                ordering = $16, api_version = $17, header_names = coalesce($18, header_names),
                headers = case when $18::text[] is null then headers else $19 end
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    );
    let after: Webhook = sqlx::query_as(statement)
        .bind(before.tenant_id)
        .bind(id)
        .bind(fields.url)
        .bind(fields.events)
        .bind(fields.description)
        .bind(fields.active)
        .bind(fields.secret.map(|secret| seal(master, id, &secret)))
        .bind(wire::now())
        .bind(tx.actor().principal.reference().to_string())
        .bind(fields.shape.filter)
        .bind(fields.shape.skip_own)
        .bind(fields.shape.payload)
        .bind(fields.pace.max_per_second)
        .bind(fields.pace.max_concurrency)
        .bind(fields.pace.retry_schedule)
        .bind(fields.pace.ordering)
        .bind(fields.signing.api_version.to_string())
        .bind(headers.as_ref().map(OwnHeaders::names))
        .bind(match &headers {
            Some(headers) => headers.seal(master, id)?,
            None => None,
        })
        .fetch_one(tx.conn())
        .await?;
    let after = signing::sign_beside(tx, after, &fields.signing, master).await?;
    match (before.pace.is_ordered(), after.pace.is_ordered()) {
        (false, true) => super::order::begin(tx, id).await?,
        (true, false) => super::order::end(tx, id).await?,
        _ => {}
    }
    let mut not_gathered = NotGathered::default();
    match (before.active, after.active) {
        (true, false) => super::delivery::pause(tx, id).await?,
        (false, true) => {
            not_gathered = switching::not_gathered(tx, id).await?;
            super::delivery::resume(tx, id).await?;
        }
        (true, true) if before.url != after.url => super::delivery::hasten(tx, id).await?,
        _ => {}
    }
    change::record(tx, &[after.change(EventType::WEBHOOK_UPDATED, Some(&before))?]).await?;
    Ok(Changed { webhook: after, not_gathered })
}

/// Deletes a webhook and cancels what is pending.
pub async fn delete(tx: &mut TenantTx<'_>, id: WebhookId, expected: Option<i64>) -> Result<Webhook> {
    switching::alone(tx).await?;
    let before = lock(tx, id, expected).await?;
    let statement = concat!(
        "update tenon.webhooks set deleted_at = $3, active = false, version = version + 1, updated_at = $3, updated_by = $4
         where tenant_id = $1 and id = $2 returning ",
        columns!()
    );
    let after: Webhook = kept::rewrite(tx, id, statement).await?;
    super::replay::end_of_webhook(tx, id).await?;
    super::delivery::cancel(tx, id).await?;
    change::record(tx, &[after.change(EventType::WEBHOOK_DELETED, Some(&before))?]).await?;
    Ok(after)
}

/// Seals a webhook's secret.
pub(crate) fn seal(master: &MasterKey, id: WebhookId, secret: &Secret) -> Vec<u8> {
    secret.seal(master, Purpose::WebhookSecret, id.0)
}

/// Opens a webhook's sealed secret.
pub(crate) fn open(master: &MasterKey, id: WebhookId, sealed: &[u8]) -> Result<Secret> {
    Secret::open(master, Purpose::WebhookSecret, id.0, sealed)
}
