//! A webhook as sending needs it: read with its deliveries, kept until it is read anew.

use chrono::{DateTime, Utc};

use crate::error::Result;
use crate::id::WebhookId;
use crate::receiver::signature::{Secret, SigningKey};
use crate::secret::MasterKey;
use crate::version::ApiVersion;
use crate::webhook::endpoint::{self, OwnHeaders, signing};
use crate::webhook::order;

/// Where deliveries go, how they are signed, and what the receiver wants beside.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Receiver {
    /// Where to.
    pub url: String,
    /// Grows when the address changes and when the webhook is enabled: what was learned of the address before is worth nothing then.
    pub address_version: i64,
    /// Whether its attempts have failed lately.
    pub failing: bool,
    /// Sealed.
    pub secret: Vec<u8>,
    /// Sealed; signs too until it expires.
    pub previous_secret: Option<Vec<u8>>,
    /// See there.
    pub previous_secret_expires_at: Option<DateTime<Utc>>,
    /// Sealed: the Ed25519 key that signs beside the secret.
    pub signing_key: Option<Vec<u8>>,
    /// Sealed; signs as long as the previous secret does.
    pub previous_signing_key: Option<Vec<u8>>,
    /// Sealed: headers of the webhook's own.
    pub headers: Option<Vec<u8>>,
    /// `full` or `thin`.
    pub payload: String,
    /// The version of the API in which it gets bodies.
    pub api_version: ApiVersion,
    /// The most deliveries that begin within a second, over all workers.
    pub max_per_second: Option<i32>,
    /// The most deliveries at a time, over all workers.
    pub max_concurrency: Option<i32>,
    /// `plan`, `standard` or seconds separated by commas; none is the installation's.
    pub retry_schedule: Option<String>,
    /// `none` or `object`.
    pub ordering: String,
}

/// The columns of a [`Receiver`], of the webhook that the statement calls so; null in rows that are not of the condition.
macro_rules! receiver_columns {
    ($w:literal) => {
        $crate::webhook::receiver::receiver_columns!(@ $w, "", "")
    };
    ($w:literal when $condition:literal) => {
        $crate::webhook::receiver::receiver_columns!(@ $w, concat!("case when ", $condition, " then "), " end")
    };
    (@ $w:literal, $begin:expr, $end:literal) => {
        concat!(
            $begin, $w, ".url", $end, " as url, ",
            $begin, $w, ".address_version", $end, " as address_version, ",
            $begin, $w, ".failing_since is not null", $end, " as failing, ",
            $begin, $w, ".secret", $end, " as secret, ",
            $begin, $w, ".previous_secret", $end, " as previous_secret, ",
            $begin, $w, ".previous_secret_expires_at", $end, " as previous_secret_expires_at, ",
            $begin, $w, ".signing_key", $end, " as signing_key, ",
            $begin, $w, ".previous_signing_key", $end, " as previous_signing_key, ",
            $begin, $w, ".headers", $end, " as headers, ",
            $begin, $w, ".payload", $end, " as payload, ",
            $begin, $w, ".api_version", $end, " as api_version, ",
            $begin, $w, ".max_per_second", $end, " as max_per_second, ",
            $begin, $w, ".max_concurrency", $end, " as max_concurrency, ",
            $begin, $w, ".retry_schedule", $end, " as retry_schedule, ",
            $begin, $w, ".ordering", $end, " as ordering"
        )
    };
}

pub(crate) use receiver_columns;

impl Receiver {
    /// The secrets that sign: the current one, and the one before it while their overlap lasts.
    pub fn secrets(&self, webhook: WebhookId, master: &MasterKey) -> Result<Vec<Secret>> {
        let mut secrets = vec![endpoint::open(master, webhook, &self.secret)?];
        if let Some(previous) = self.previous_secret.as_ref().filter(|_| self.overlaps()) {
            secrets.push(endpoint::open(master, webhook, previous)?);
        }
        Ok(secrets)
    }

    /// Whether later events of an object wait for the end of the earlier one's delivery.
    pub fn is_ordered(&self) -> bool {
        self.ordering == order::OBJECT
    }

    /// The Ed25519 keys that sign beside them; none of most.
    pub fn signing_keys(&self, webhook: WebhookId, master: &MasterKey) -> Result<Vec<SigningKey>> {
        let previous = self.previous_signing_key.as_ref().filter(|_| self.overlaps());
        self.signing_key.iter().chain(previous).map(|sealed| signing::open(master, webhook, sealed)).collect()
    }

    /// Headers of the webhook's own.
    pub fn own_headers(&self, webhook: WebhookId, master: &MasterKey) -> Result<OwnHeaders> {
        OwnHeaders::open(master, webhook, self.headers.as_deref())
    }

    /// Whether the previous secret signs too.
    pub fn overlaps(&self) -> bool {
        self.previous_secret.is_some() && self.previous_secret_expires_at.is_some_and(|at| at > Utc::now())
    }
}
