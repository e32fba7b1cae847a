//! What is shown and said of webhooks.

use std::collections::BTreeMap;

use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use tenon_common::webhook::endpoint::Webhook;
use tenon_common::webhook::order;
use uuid::Uuid;

use super::shape::{HeaderChange, HeaderText, PayloadForm};
use crate::http::actor::ActorBody;
use crate::http::timestamp::Timestamp;

/// A receiver of events.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Webhook", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct WebhookBody {
    /// The webhook's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// Where deliveries go.
    pub url: String,
    /// What it subscribed to: names of `GET /api/v1/event-types`, `contact.*` for all that begin so, or `*` for all.
    pub events: Vec<String>,
    /// Of these it gets those that this holds for; null for all.
    #[oai(nullable)]
    pub filter: Option<String>,
    /// Whether changes that its own creator makes are left out.
    pub skip_own: bool,
    /// In which form it gets them.
    pub payload: PayloadForm,
    /// The names of the headers of its own that are sent with each delivery, in lower case. Their values are never shown.
    pub header_names: Vec<String>,
    /// For people.
    #[oai(nullable)]
    pub description: Option<String>,
    /// Whether it gathers events. Disabled, what is pending is paused.
    pub active: bool,
    /// The most deliveries that begin within a second, over all workers.
    #[oai(nullable)]
    pub max_per_second: Option<i32>,
    /// The most deliveries at a time, over all workers.
    #[oai(nullable)]
    pub max_concurrency: Option<i32>,
    /// When a delivery is tried again, and given up: `plan`, `standard`, or the seconds before each attempt, separated by commas. Null is
    /// the installation's.
    #[oai(nullable)]
    pub retry_schedule: Option<String>,
    /// Whether later events of an object wait for the end of the earlier one's delivery.
    pub ordering: Ordering,
    /// Why it is not active, where Tenon disabled it.
    #[oai(nullable)]
    pub disabled_reason: Option<String>,
    /// The signing secret (`whsec_…`); shown once, when the webhook is created.
    #[oai(nullable)]
    pub secret: Option<String>,
    /// The version of the API in which it gets the bodies of events.
    pub api_version: String,
    /// The Ed25519 key (`whpk_…`) that verifies the signatures `v1a`; null where it has none.
    #[oai(nullable)]
    pub public_key: Option<String>,
    /// What to look at: a name that does not resolve to a public address yet, …
    pub warnings: Vec<String>,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

/// In which order deliveries are sent.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename = "WebhookOrdering", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum Ordering {
    /// In any.
    None,
    /// Events of one object one after the other.
    Object,
}

impl Ordering {
    const ALL: [(Self, &'static str); 2] = [(Self::None, order::NONE), (Self::Object, order::OBJECT)];

    pub(super) fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(ordering, _)| *ordering == self).map_or(order::NONE, |(_, name)| name)
    }

    fn of(name: &str) -> Self {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map_or(Self::None, |(ordering, _)| ordering)
    }
}

/// A webhook to create.
#[derive(Object, Debug)]
#[oai(rename = "WebhookInput", rename_all = "camelCase", example)]
pub struct WebhookInput {
    /// An https URL of a public host, kept as it is sent. What can never work is refused with 422 `WEBHOOK_URL_REJECTED`, whose
    /// `details.reason` says why.
    pub url: String,
    /// Names of `GET /api/v1/event-types`, `contact.*` for all that begin so, now and later, or `*` for all; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub events: Vec<String>,
    /// Of these only those that this holds for: a filter as of lists, over the event's body, such as
    /// `changedFields any ("email") and data.lifecycle = client`. What cannot be read, or names what none of the events has, is refused
    /// with 400 `INVALID_FILTER`. An event that it cannot judge is delivered.
    #[oai(nullable)]
    pub filter: Option<String>,
    /// Whether changes that you make are left out: by the user or the API key that creates the webhook, and by those that the key is
    /// rotated into. False if absent.
    pub skip_own: Option<bool>,
    /// In which form it gets the events; `full` if absent.
    pub payload: Option<PayloadForm>,
    /// Headers to be sent with each delivery, such as `Authorization`: at most 20, in 4 KiB, none of those that Tenon or the connection
    /// sets. Values are visible ASCII, kept encrypted, and never shown again.
    pub headers: Option<BTreeMap<String, HeaderText>>,
    /// 1 to 500 characters.
    #[oai(nullable)]
    pub description: Option<String>,
    /// Whether it gathers events; true if absent.
    pub active: Option<bool>,
    /// The most deliveries that begin within a second, over all workers: 1 to 1,000; as many as there are if absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000")))]
    pub max_per_second: Option<i32>,
    /// The most deliveries at a time, over all workers: 1 to 100; as many as there are if absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "100")))]
    pub max_concurrency: Option<i32>,
    /// When a delivery is tried again, and given up: `plan` (0, 120, 240, 480 and 960 seconds), `standard` (ten attempts over three days),
    /// or the seconds before each attempt, separated by commas: `0,5,300`. At most 20 of them and 7 days in all; the installation's if absent.
    #[oai(nullable, validator(max_length = 300))]
    pub retry_schedule: Option<String>,
    /// `object` has later events of an object wait until the earlier one's delivery has succeeded, failed or was cancelled. An event that
    /// fails keeps those of its object waiting until its schedule ends, which may take a day at most then. `none` if absent.
    pub ordering: Option<Ordering>,
    /// Your own signing secret: `whsec_` and 24 to 64 bytes in base64. One is made if absent.
    pub secret: Option<String>,
    /// Whether an Ed25519 key signs beside the secret, as `v1a`; not if absent. `publicKey` verifies it.
    pub ed25519: Option<bool>,
    /// The version of the API in which it gets the bodies of events, whatever becomes the newest; that of this request if absent.
    pub api_version: Option<String>,
}

impl Example for WebhookInput {
    fn example() -> Self {
        Self {
            url: "https://example.com/webhook".to_owned(),
            events: vec!["contact.created".to_owned(), "contact.updated".to_owned()],
            filter: None,
            skip_own: None,
            payload: None,
            headers: None,
            description: None,
            active: None,
            max_per_second: None,
            max_concurrency: None,
            retry_schedule: None,
            ordering: None,
            secret: None,
            ed25519: None,
            api_version: None,
        }
    }
}

/// What a webhook is replaced with.
#[derive(Object, Debug)]
#[oai(rename = "WebhookReplacement", rename_all = "camelCase")]
pub struct WebhookReplacement {
    /// Kept if absent.
    pub url: Option<String>,
    /// Names of `GET /api/v1/event-types`, `contact.*` for all that begin so, or `*` for all; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub events: Vec<String>,
    /// Of these only those that this holds for; cleared if absent.
    #[oai(nullable)]
    pub filter: Option<String>,
    /// Whether changes that its creator makes are left out; false if absent.
    pub skip_own: Option<bool>,
    /// In which form it gets the events; `full` if absent.
    pub payload: Option<PayloadForm>,
    /// All headers that are to be sent with each delivery, none for `{}`; kept if absent. They do not go to another host by themselves:
    /// with a `url` of another scheme, host or port those that are to stay are given again.
    pub headers: Option<BTreeMap<String, HeaderText>>,
    /// Cleared if absent.
    #[oai(nullable)]
    pub description: Option<String>,
    /// True if absent.
    pub active: Option<bool>,
    /// The most deliveries that begin within a second, over all workers: 1 to 1,000; as many as there are if absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000")))]
    pub max_per_second: Option<i32>,
    /// The most deliveries at a time, over all workers: 1 to 100; as many as there are if absent.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "100")))]
    pub max_concurrency: Option<i32>,
    /// When a delivery is tried again, and given up: `plan` (0, 120, 240, 480 and 960 seconds), `standard` (ten attempts over three days),
    /// or the seconds before each attempt, separated by commas: `0,5,300`. At most 20 of them and 7 days in all; the installation's if absent.
    #[oai(nullable, validator(max_length = 300))]
    pub retry_schedule: Option<String>,
    /// `object` has later events of an object wait until the earlier one's delivery has succeeded, failed or was cancelled. An event that
    /// fails keeps those of its object waiting until its schedule ends, which may take a day at most then. `none` if absent.
    pub ordering: Option<Ordering>,
    /// Kept if absent.
    pub secret: Option<String>,
    /// Whether an Ed25519 key signs beside the secret; kept if absent.
    pub ed25519: Option<bool>,
    /// The version of the API in which it gets the bodies of events; kept if absent.
    pub api_version: Option<String>,
}

/// Changes to a webhook (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "WebhookPatch", rename_all = "camelCase")]
pub struct WebhookPatch {
    /// An https URL of a public host, kept as it is sent. What can never work is refused with 422 `WEBHOOK_URL_REJECTED`, whose
    /// `details.reason` says why.
    pub url: Option<String>,
    /// Names of `GET /api/v1/event-types`, `contact.*` for all that begin so, or `*` for all; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub events: Option<Vec<String>>,
    /// Of these only those that this holds for; null for all.
    #[oai(nullable)]
    pub filter: MaybeUndefined<String>,
    /// Whether changes that its creator makes are left out.
    pub skip_own: Option<bool>,
    /// In which form it gets the events.
    pub payload: Option<PayloadForm>,
    /// Headers that are to be sent with each delivery, beside those that are: null takes one away. They do not go to another host by
    /// themselves: with a `url` of another scheme, host or port those that are to stay are given again, and the others taken away.
    pub headers: Option<BTreeMap<String, HeaderChange>>,
    /// 1 to 500 characters.
    #[oai(nullable)]
    pub description: MaybeUndefined<String>,
    /// Disabling pauses what is pending; enabling sends what is paused, and gathers events from then on.
    pub active: Option<bool>,
    /// The most deliveries that begin within a second, over all workers: 1 to 1,000; as many as there are if null.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "1000")))]
    pub max_per_second: MaybeUndefined<i32>,
    /// The most deliveries at a time, over all workers: 1 to 100; as many as there are if null.
    #[oai(nullable, validator(minimum(value = "1"), maximum(value = "100")))]
    pub max_concurrency: MaybeUndefined<i32>,
    /// When a delivery is tried again, and given up: `plan` (0, 120, 240, 480 and 960 seconds), `standard` (ten attempts over three days),
    /// or the seconds before each attempt, separated by commas: `0,5,300`. At most 20 of them and 7 days in all; the installation's if null.
    #[oai(nullable, validator(max_length = 300))]
    pub retry_schedule: MaybeUndefined<String>,
    /// `object` has later events of an object wait until the earlier one's delivery has succeeded, failed or was cancelled. An event that
    /// fails keeps those of its object waiting until its schedule ends, which may take a day at most then. Counts for what is
    /// pending too.
    pub ordering: Option<Ordering>,
    /// A new signing secret; signs from now on.
    pub secret: Option<String>,
    /// Whether an Ed25519 key signs beside the secret: `true` makes one, unless there is one already, `false` removes it.
    pub ed25519: Option<bool>,
    /// The version of the API in which it gets the bodies of events, those too that are tried or sent again from now on.
    pub api_version: Option<String>,
}

impl WebhookPatch {
    /// Whether it sends nothing to anybody that was not sent there before.
    pub fn only_stops(&self) -> bool {
        let Self { url, events, filter, skip_own, payload, headers, active, .. } = self;
        let says_what = url.is_some() || events.is_some() || !filter.is_undefined() || skip_own.is_some();
        let says_how = payload.is_some() || headers.is_some();
        *active == Some(false) && !says_what && !says_how
    }
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.0,
            tenant_id: webhook.tenant_id.0,
            url: webhook.url,
            events: webhook.events,
            filter: webhook.shape.filter,
            skip_own: webhook.shape.skip_own,
            payload: PayloadForm::of(&webhook.shape.payload),
            header_names: webhook.shape.header_names,
            description: webhook.description,
            active: webhook.active,
            max_per_second: webhook.pace.max_per_second,
            max_concurrency: webhook.pace.max_concurrency,
            retry_schedule: webhook.pace.retry_schedule,
            ordering: Ordering::of(&webhook.pace.ordering),
            disabled_reason: webhook.disabled_reason,
            secret: None,
            api_version: webhook.signing.api_version.to_string(),
            public_key: webhook.signing.public_key,
            warnings: Vec::new(),
            version: webhook.version,
            created_at: webhook.created_at.into(),
            created_by: webhook.created_by.into(),
            updated_at: webhook.updated_at.into(),
            updated_by: webhook.updated_by.into(),
        }
    }
}
