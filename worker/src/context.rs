//! What handlers may use.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use tenon_common::Db;
use tenon_common::export::job;
use tenon_common::id::{EventId, WebhookId};
use tenon_common::import::Limits;
use tenon_common::queue::Injector;
use tenon_common::secret::MasterKey;
use tenon_common::storage::Storage;
use tenon_common::version::Versions;
use tenon_common::webhook::payload;
use tenon_common::webhook::receiver::Receiver;
use tenon_common::webhook::schedule::RetrySchedule;
use tenon_common::webhook::sending::Sending;
use url::Url;

use crate::webhook::Sender;
use crate::webhook::admission::Lanes;
use crate::webhook::breaker::Breaker;
use crate::webhook::message::{self, Endpoint};
use crate::webhook::turns::Turns;

/// Everything a handler may need; one per process, cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The database.
    pub db: Db,
    /// The storage of files.
    pub storage: Storage,
    /// How much a tenant may import.
    pub imports: Limits,
    /// What bounds exports.
    pub exports: job::Limits,
    /// Opens webhook secrets.
    pub master: MasterKey,
    /// The versions of the API in which webhooks get events.
    pub versions: &'static Versions,
    /// Sends.
    pub sender: Sender,
    /// Says who may send now.
    pub turns: Arc<Turns>,
    /// Pauses webhooks that fail.
    pub breaker: Arc<Breaker>,
    /// Says how many deliveries to claim.
    pub lanes: Lanes,
    /// When a delivery is tried again, and given up.
    pub schedule: RetrySchedule,
    /// The deadline of an attempt.
    pub timeout: Duration,
    /// Hands jobs that are made here to this worker itself.
    pub injector: Injector,
    /// Deliveries that were just made here, and need not be read again.
    pub fresh: Fresh,
    targets: Cache<WebhookId, Arc<Target>>,
}

/// Deliveries on their way from the fan-out to the sender of the same worker.
#[derive(Clone)]
pub struct Fresh(Cache<(WebhookId, EventId), Arc<Sending>>);

impl Default for Fresh {
    /// What is not taken within seconds is forgotten: it is read from the database then.
    fn default() -> Self {
        Self(Cache::builder().max_capacity(20_000).time_to_live(Duration::from_secs(10)).build())
    }
}

impl Fresh {
    /// Keeps a delivery until it is taken.
    pub fn put(&self, sending: Arc<Sending>) {
        self.0.insert((sending.webhook_id, sending.event_id), sending);
    }

    /// The delivery, once.
    pub fn take(&self, webhook: WebhookId, event: EventId) -> Option<Arc<Sending>> {
        self.0.remove(&(webhook, event))
    }
}

/// Where deliveries of a webhook go and how they are signed: the same from one to the next until the webhook changes.
pub struct Target {
    /// The address.
    pub url: Url,
    /// Headers and secrets.
    pub endpoint: Endpoint,
    /// When a delivery is tried again, and given up: the webhook's own, or the installation's.
    pub schedule: RetrySchedule,
    made_of: (Arc<Receiver>, bool),
}

impl Context {
    /// A context with nothing under way.
    #[expect(clippy::too_many_arguments, reason = "its fields, none of which has a default")]
    pub fn new(
        db: Db,
        storage: Storage,
        imports: Limits,
        exports: job::Limits,
        master: MasterKey,
        sender: Sender,
        turns: Turns,
        breaker: Breaker,
        schedule: RetrySchedule,
        timeout: Duration,
        injector: Injector,
    ) -> Self {
        let targets = Cache::builder().max_capacity(10_000).time_to_idle(Duration::from_secs(300)).build();
        let (turns, breaker) = (Arc::new(turns), Arc::new(breaker));
        Self {
            db,
            storage,
            imports,
            exports,
            master,
            versions: Versions::product(),
            sender,
            lanes: Lanes::new(Arc::clone(&turns), Arc::clone(&breaker)),
            turns,
            breaker,
            schedule,
            timeout,
            injector,
            fresh: Fresh::default(),
            targets,
        }
    }

    /// What is signed and sent: the event in the webhook's version of the API, and in its form. Nothing is copied where that is the stored
    /// one.
    pub fn body(&self, sending: &Sending) -> Result<Bytes, String> {
        let receiver = &sending.receiver;
        payload::sent(self.versions, receiver.api_version, &sending.body, &receiver.payload)
    }

    /// The target of a delivery: the one of the last delivery, if its receiver has not changed.
    pub fn target(&self, sending: &Sending) -> Result<Arc<Target>, String> {
        let receiver = &sending.receiver;
        let overlaps = receiver.overlaps();
        if let Some(target) = self.targets.get(&sending.webhook_id)
            && target.is_of(receiver, overlaps)
        {
            return Ok(target);
        }
        let url =
            receiver.url.parse().map_err(|error| format!("the webhook's URL cannot be read: {error}"))?;
        let secrets =
            receiver.secrets(sending.webhook_id, &self.master).map_err(|error| error.to_string())?;
        let keys =
            receiver.signing_keys(sending.webhook_id, &self.master).map_err(|error| error.to_string())?;
        let own =
            receiver.own_headers(sending.webhook_id, &self.master).map_err(|error| error.to_string())?;
        let own = message::headers_of(&own).map_err(|_| "a header of the webhook's own cannot be sent")?;
        let endpoint = Endpoint::new(sending.webhook_id.0, secrets, own).with_keys(keys);
        let schedule = self.schedule_of(receiver);
        let target = Arc::new(Target { url, endpoint, schedule, made_of: (Arc::clone(receiver), overlaps) });
        self.targets.insert(sending.webhook_id, target.clone());
        Ok(target)
    }

    /// Schedules are checked when they are set: one that cannot be read was not set by us.
    fn schedule_of(&self, receiver: &Receiver) -> RetrySchedule {
        let own = receiver.retry_schedule.as_deref().map(str::parse);
        own.and_then(Result::ok).unwrap_or_else(|| self.schedule.clone())
    }
}

impl Target {
    /// Whether it would be made the same of this receiver.
    fn is_of(&self, receiver: &Arc<Receiver>, overlaps: bool) -> bool {
        let (made_of, overlapped) = &self.made_of;
        *overlapped == overlaps && (Arc::ptr_eq(made_of, receiver) || made_of == receiver)
    }
}
