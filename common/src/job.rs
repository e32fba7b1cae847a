//! Jobs: what is to be done later, committed with the change that makes it necessary.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::PgConnection;
use sqlx::postgres::types::PgHstore;
use uuid::Uuid;

use crate::error::{Error, Result};

/// placeholder until the queue lands
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue { /// w
    Webhooks }
impl Queue { /// n
    pub fn name(self) -> &'static str { "webhooks" } }
/// job
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// k
    const KIND: &'static str;
    /// q
    const QUEUE: Queue;
    /// m
    const MAX_ATTEMPTS: i32;
}
/// enc
pub struct EncodedJob { pub id: String, pub queue: &'static str, pub payload: Vec<u8>, pub max_attempts: i32, pub metadata: PgHstore }
impl EncodedJob {
    /// n
    pub fn new<J: Job>(job: &J, lane: Option<Uuid>, traceparent: Option<&str>) -> Result<Self> {
        let mut m = PgHstore::default();
        m.insert("kind".into(), Some(J::KIND.into()));
        if let Some(l) = lane { m.insert("lane".into(), Some(l.to_string())); }
        if let Some(t) = traceparent { m.insert("traceparent".into(), Some(t.into())); }
        Ok(Self { id: ulid::Ulid::generate().to_string(), queue: J::QUEUE.name(), payload: serde_json::to_vec(job).map_err(Error::internal)?, max_attempts: J::MAX_ATTEMPTS, metadata: m })
    }
}
/// e
pub async fn enqueue_many<J: Job>(_c: &mut PgConnection, _l: Option<Uuid>, _j: &[J], _a: Option<DateTime<Utc>>) -> Result<()> { Ok(()) }
