//! Secrets of webhooks: shown again to who may, rotated with an overlap in which both sign, retired at once.

use chrono::{DateTime, Duration, Utc};

use crate::change;
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, Result};
use crate::event::EventType;
use crate::id::WebhookId;
use crate::kept::Kept;
use crate::receiver::signature::{Secret, SigningKey};
use crate::secret::MasterKey;
use crate::webhook::endpoint::{self, Webhook, signing};
use crate::wire;

/// The secrets that sign for a webhook.
#[derive(Debug)]
pub struct Secrets {
    /// Signs.
    pub current: Secret,
    /// Signs too, until then.
    pub previous: Option<(Secret, DateTime<Utc>)>,
    /// Verifies what the webhook's Ed25519 key signs, where it has one.
    pub public_key: Option<String>,
    /// Verifies what that key's predecessor signs, as long as the previous secret does.
    pub previous_public_key: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Sealed {
    secret: Vec<u8>,
    previous_secret: Option<Vec<u8>>,
    previous_secret_expires_at: Option<DateTime<Utc>>,
    public_key: Option<String>,
    previous_signing_key: Option<Vec<u8>>,
}

/// The secrets of a webhook.
pub async fn reveal(tx: &mut TenantTx<'_>, id: WebhookId, master: &MasterKey) -> Result<Secrets> {
    let statement = "select secret, previous_secret, previous_secret_expires_at, public_key, previous_signing_key from tenon.webhooks
                     where tenant_id = $1 and id = $2 and deleted_at is null";
    let sealed: Option<Sealed> =
        sqlx::query_as(statement).bind(tx.actor().tenant).bind(id).fetch_optional(tx.conn()).await?;
    let sealed = sealed.ok_or(Error::NotFound(EntityKind::Webhook))?;
    let previous =
        sealed.previous_secret.zip(sealed.previous_secret_expires_at.filter(|at| *at > Utc::now()));
    let previous = previous
        .map(|(secret, at)| Ok::<_, Error>((endpoint::open(master, id, &secret)?, at)))
        .transpose()?;
    let previous_key = sealed.previous_signing_key.filter(|_| previous.is_some());
    let previous_key = previous_key.map(|key| signing::open(master, id, &key)).transpose()?;
    Ok(Secrets {
        current: endpoint::open(master, id, &sealed.secret)?,
        previous,
        public_key: sealed.public_key,
        previous_public_key: previous_key.as_ref().map(SigningKey::public),
    })
}

/// Gives a webhook a new secret; the one it had signs beside it for `overlap`. A secret that was still overlapping ends. Of a webhook that has
/// an Ed25519 key the same goes for that.
pub async fn rotate(
    tx: &mut TenantTx<'_>,
    id: WebhookId,
    overlap: Duration,
    master: &MasterKey,
) -> Result<Secrets> {
    // Made for all, and kept by those that have one: it takes some microseconds.
    let (secret, key) = (Secret::generate(), SigningKey::generate());
    let sealed = endpoint::seal(master, id, &secret);
    let statement =
        "update tenon.webhooks set previous_secret = secret, previous_secret_expires_at = $4, secret = $3,
                            previous_signing_key = signing_key,
                            signing_key = case when signing_key is not null then $7 end,
                            public_key = case when signing_key is not null then $8 end,
                            version = version + 1, updated_at = $5, updated_by = $6
                     where tenant_id = $1 and id = $2 and deleted_at is null";
    let until = wire::now() + overlap;
    let now = wire::now();
    let by = tx.actor().principal.reference().to_string();
    let changed = sqlx::query(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(sealed)
        .bind(until)
        .bind(now)
        .bind(by)
        .bind(signing::seal(master, id, &key))
        .bind(key.public())
        .execute(tx.conn())
        .await?;
    recorded(tx, id, changed.rows_affected()).await?;
    reveal(tx, id, master).await
}

/// Ends the overlap of a rotation at once.
pub async fn retire(tx: &mut TenantTx<'_>, id: WebhookId) -> Result<Webhook> {
    let statement = "update tenon.webhooks set previous_secret = null, previous_secret_expires_at = null, previous_signing_key = null,
                            version = version + 1, updated_at = $3, updated_by = $4
                     where tenant_id = $1 and id = $2 and deleted_at is null";
    let by = tx.actor().principal.reference().to_string();
    let changed = sqlx::query(statement)
        .bind(tx.actor().tenant)
        .bind(id)
        .bind(wire::now())
        .bind(by)
        .execute(tx.conn())
        .await?;
    recorded(tx, id, changed.rows_affected()).await
}

/// The change's event. The secrets themselves are in no event.
async fn recorded(tx: &mut TenantTx<'_>, id: WebhookId, changed: u64) -> Result<Webhook> {
    if changed == 0 {
        return Err(Error::NotFound(EntityKind::Webhook));
    }
    let webhook = endpoint::get(tx, id).await?;
    change::record(tx, &[webhook.change(EventType::WEBHOOK_UPDATED, None)?]).await?;
    Ok(webhook)
}
