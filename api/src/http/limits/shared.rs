//! The limits as several processes count them together: in Redis, all policies of a request with one script in one round trip.

use std::array;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisError, Script};

use super::policy::{Demand, Standing, Standings, Subject};

/// A slower answer is none: the process decides by itself.
const ANSWERS_WITHIN: Duration = Duration::from_millis(50);
const CONNECTS_WITHIN: Duration = Duration::from_millis(200);
/// After a failure Redis is asked once in so long, until it answers.
const ASKED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Buckets in Redis.
pub struct Shared {
    redis: ConnectionManager,
    script: Script,
    start: Instant,
    /// Milliseconds of this process until which Redis is left alone; 0 while it answers.
    away_until: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared(…)")
    }
}

impl Shared {
    /// Connects with the first request: a Redis that is away keeps no server from starting.
    ///
    /// # Errors
    /// Where the URL is none.
    pub fn new(url: &str) -> Result<Self, RedisError> {
        let config = ConnectionManagerConfig::new()
            .set_response_timeout(Some(ANSWERS_WITHIN))
            .set_connection_timeout(Some(CONNECTS_WITHIN))
            .set_number_of_retries(0);
        Ok(Self {
            redis: ConnectionManager::new_lazy_with_config(Client::open(url)?, config)?,
            script: Script::new(include_str!("shared.lua")),
            start: Instant::now(),
            away_until: AtomicU64::new(0),
        })
    }

    /// Takes so many of each demand, or none of any where one of them refuses; `None` while Redis is away.
    pub async fn take(&self, demands: &[Demand], cost: u32) -> Option<Standings> {
        let away_until = self.away_until.load(Ordering::Relaxed);
        if away_until > 0 && !self.may_try(away_until) {
            return None;
        }
        let asked = tokio::time::timeout(CONNECTS_WITHIN + ANSWERS_WITHIN, self.ask(demands, cost)).await;
        match asked {
            Ok(Ok(standings)) => {
                if away_until > 0 {
                    tracing::info!("Redis is back: limits are shared again");
                    self.away_until.store(0, Ordering::Relaxed);
                }
                Some(standings)
            }
            Ok(Err(error)) => self.away(away_until, &error.to_string()),
            Err(_) => self.away(away_until, "no answer"),
        }
    }

    /// One request in a second tries while Redis is away.
    fn may_try(&self, away_until: u64) -> bool {
        let now = self.now();
        now >= away_until
            && self
                .away_until
                .compare_exchange(
                    away_until,
                    now + millis(ASKED_AGAIN_AFTER),
                    Ordering::Relaxed,
                    Ordering::Relaxed,
                )
                .is_ok()
    }

    fn away(&self, before: u64, error: &str) -> Option<Standings> {
        if before == 0 {
            tracing::warn!(error, "Redis is away: each process counts its limits for itself");
        }
        self.away_until.store(self.now() + millis(ASKED_AGAIN_AFTER), Ordering::Relaxed);
        None
    }

    fn now(&self) -> u64 {
        millis(self.start.elapsed())
    }

    async fn ask(&self, demands: &[Demand], cost: u32) -> Result<Standings, RedisError> {
        let mut invocation = self.script.prepare_invoke();
        invocation.arg(cost);
        for demand in demands {
            invocation.key(key(demand)).arg(demand.rate.period()).arg(demand.rate.interval());
        }
        let answer: Vec<u64> = invocation.invoke_async(&mut self.redis.clone()).await?;
        if answer.len() != 3 * demands.len() {
            return Err((redis::ErrorKind::UnexpectedReturnType, "another answer than the script's").into());
        }
        Ok(array::from_fn(|at| {
            let Demand { policy, rate, .. } = *demands.get(at)?;
            let [wait, remaining, reset] = *answer.get(3 * at..3 * at + 3)? else { return None };
            let remaining = u32::try_from(remaining).unwrap_or(rate.count);
            Some(Standing { policy, rate, remaining, reset, wait })
        }))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2)
}

/// `tenon:limit:{subject}:policy:count`, with the epoch after it where there is one. In braces what all keys of a request share, so that
/// a cluster keeps them together.
fn key(demand: &Demand) -> String {
    let (policy, count) = (demand.policy.name(), demand.rate.count);
    let epoch = if demand.epoch == 0 { String::new() } else { format!(".{}", demand.epoch) };
    match demand.subject {
        Subject::Tenant(tenant) => format!("tenon:limit:{{{tenant}}}:{policy}:{count}{epoch}"),
        Subject::Principal(tenant, id) => format!("tenon:limit:{{{tenant}}}:{policy}:{count}{epoch}:{id}"),
        Subject::Address(address, network) => format!("tenon:limit:{{{network}}}:{policy}:{count}:{address}"),
        Subject::Network(network) => format!("tenon:limit:{{{network}}}:{policy}:{count}"),
        Subject::Account(digest, from) => {
            let account = u128::from_be_bytes(digest);
            let from = from.map(|network| format!(":{network}")).unwrap_or_default();
            format!("tenon:limit:{{{account:032x}}}:{policy}:{count}{from}")
        }
    }
}
