//! In which version of the API a webhook gets bodies, and what signs them beside its secret.

use serde::Serialize;

use crate::db::TenantTx;
use crate::error::{FieldError, Result};
use crate::id::WebhookId;
use crate::receiver::signature::SigningKey;
use crate::secret::{MasterKey, Purpose};
use crate::version::{ApiVersion, Versions};
use crate::webhook::endpoint::Webhook;

/// Version and keys, as they are kept and shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, sqlx::FromRow)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// The version of the API in which it gets bodies.
    pub api_version: ApiVersion,
    /// The Ed25519 key that verifies signatures `v1a`, where it has one: `whpk_…`.
    pub public_key: Option<String>,
}

/// What a caller says of it, not checked yet.
#[derive(Clone, Debug)]
pub struct SigningDraft {
    /// One that there is; `version` where none is given.
    pub api_version: Option<String>,
    /// Whether Ed25519 signs beside the secret; as it is where nothing is said, and of a new webhook not.
    pub ed25519: Option<bool>,
    /// The caller's version of a new webhook, else the webhook's.
    pub version: ApiVersion,
    /// Those that there are.
    pub versions: &'static Versions,
}

impl Default for SigningDraft {
    fn default() -> Self {
        let versions = Versions::product();
        Self { api_version: None, ed25519: None, version: versions.newest().date, versions }
    }
}

impl SigningDraft {
    /// What is said already.
    pub(super) fn of(signing: &Signing) -> Self {
        Self { version: signing.api_version, ..Self::default() }
    }

    /// The version, and whether there is to be a key: that is made with the webhook, by [`sign_beside`].
    pub(super) fn check(self, errors: &mut Vec<FieldError>) -> Wanted {
        let api_version =
            self.versions.given(self.api_version.as_deref(), self.version).unwrap_or_else(|error| {
                errors.push(error);
                self.version
            });
        Wanted { api_version, ed25519: self.ed25519 }
    }
}

/// What a caller wants, checked.
pub(super) struct Wanted {
    pub(super) api_version: ApiVersion,
    ed25519: Option<bool>,
}

/// Gives a webhook a key that signs beside its secret, or takes it away, where that is wanted and not so. No statement otherwise.
pub(super) async fn sign_beside(
    tx: &mut TenantTx<'_>,
    mut webhook: Webhook,
    wanted: &Wanted,
    master: &MasterKey,
) -> Result<Webhook> {
    let has = webhook.signing.public_key.is_some();
    if wanted.ed25519.is_none_or(|wanted| wanted == has) {
        return Ok(webhook);
    }
    let key = (!has).then(SigningKey::generate);
    webhook.signing.public_key = key.as_ref().map(SigningKey::public);
    let statement = "update tenon.webhooks set signing_key = $3, public_key = $4, previous_signing_key = null
                     where tenant_id = $1 and id = $2";
    sqlx::query(statement)
        .bind(webhook.tenant_id)
        .bind(webhook.id)
        .bind(key.map(|key| seal(master, webhook.id, &key)))
        .bind(&webhook.signing.public_key)
        .execute(tx.conn())
        .await?;
    Ok(webhook)
}

/// Seals the private half of a webhook's key.
pub(crate) fn seal(master: &MasterKey, webhook: WebhookId, key: &SigningKey) -> Vec<u8> {
    key.seal(master, Purpose::WebhookSigningKey, webhook.0)
}

/// Opens what [`seal`] sealed.
pub(crate) fn open(master: &MasterKey, webhook: WebhookId, sealed: &[u8]) -> Result<SigningKey> {
    SigningKey::open(master, Purpose::WebhookSigningKey, webhook.0, sealed)
}
