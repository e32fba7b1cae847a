//! GCRA: a bucket that leaks, kept as the one instant at which it would be empty. Exact, 16 bytes a key, no clean-up needed for
//! correctness; keys whose bucket is empty are forgotten by the cache.

use std::hash::Hash;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use moka::sync::Cache;

/// So many in so long, as a burst or spread.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// How many.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

/// One rate for many keys.
#[derive(Debug)]
pub struct Gcra<K: Hash + Eq + Send + Sync + 'static> {
    rate: Rate,
    empty_at: Cache<K, std::sync::Arc<Mutex<Instant>>>,
}

impl<K: Hash + Eq + Send + Sync + 'static> Gcra<K> {
    /// At most a million keys are remembered; those least recently used are forgotten first.
    pub fn new(rate: Rate) -> Self {
        Self { rate, empty_at: Cache::builder().max_capacity(1_000_000).time_to_idle(rate.per).build() }
    }

    /// Takes one, or says how long to wait for it.
    pub fn take(&self, key: K) -> Result<(), Duration> {
        self.take_at(key, Instant::now())
    }

    fn take_at(&self, key: K, now: Instant) -> Result<(), Duration> {
        let cell = self.empty_at.get_with(key, || Mutex::new(now).into());
        let mut empty_at = cell.lock().expect("nothing panics while it holds the lock");
        let one = self.rate.per / self.rate.count;
        let next = (*empty_at).max(now) + one;
        let full = now + self.rate.per;
        if next > full {
            return Err(next - full);
        }
        *empty_at = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_one_at_a_time() {
        let limit = Gcra::new(Rate { count: 3, per: Duration::from_secs(30) });
        let start = Instant::now();
        for _ in 0..3 {
            assert!(limit.take_at("a", start).is_ok());
        }
        assert_eq!(limit.take_at("a", start), Err(Duration::from_secs(10)));
        assert!(limit.take_at("b", start).is_ok());
        assert!(limit.take_at("a", start + Duration::from_secs(10)).is_ok());
        assert!(limit.take_at("a", start + Duration::from_secs(10)).is_err());
    }
}
