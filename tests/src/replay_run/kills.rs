//! When the worker is killed.

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

use super::options::Options;
use super::steps::Webhook;
use crate::stack::Stack;

/// A kill is up to so much later than its delivery, so that it meets any moment of what is under way.
const DELAY: Duration = Duration::from_millis(100);

/// The deliveries after which the worker is killed, in their order, and how long after. The first kill comes while the replay begins.
fn plan(options: &Options) -> Vec<(u64, Duration)> {
    let mut rng = StdRng::seed_from_u64(options.seed.into());
    let last = options.failed - options.failed / 10;
    let mut moments: Vec<u64> = (1..options.kills).map(|_| rng.random_range(1..=last)).collect();
    moments.extend((options.kills > 0).then_some(0));
    moments.sort_unstable();
    moments.into_iter().map(|delivered| (delivered, DELAY.mul_f64(rng.random()))).collect()
}

/// Kills and starts again, each time when its delivery has arrived.
pub(super) async fn carry_out(
    options: &Options,
    stack: &mut Stack,
    webhook: &Webhook,
    replay: &str,
) -> Result<()> {
    for (delivered, delay) in plan(options) {
        webhook.reach(replay, delivered).await?;
        tokio::time::sleep(delay).await;
        stack.worker.kill9().await;
        stack.worker.try_start_again().await.context("starting the worker again")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_the_kills() {
        let options = |seed| Options { events: 1_000, failed: 100, kills: 4, rate: 10, seed };
        assert_eq!(plan(&options(7)), plan(&options(7)));
        assert_ne!(plan(&options(7)), plan(&options(8)));
        let moments: Vec<u64> = plan(&options(7)).into_iter().map(|(delivered, _)| delivered).collect();
        assert!(moments.len() == 4 && moments[0] == 0 && moments.is_sorted(), "{moments:?}");
        assert!(moments.iter().all(|delivered| *delivered <= 90));
        assert!(plan(&Options { kills: 0, ..options(7) }).is_empty());
    }
}
