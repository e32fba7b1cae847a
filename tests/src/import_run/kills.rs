//! When the worker is killed.

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::time::Duration;

use super::options::Options;
use super::steps::Step;
use crate::bench::process::memory;
use crate::stack::Stack;

/// A kill is up to so much later than its row, so that it meets any moment of a chunk.
const DELAY: Duration = Duration::from_millis(400);

/// The rows after which the worker is killed, in their order, and how long after. The first kill comes while the file is still looked
/// at; none in the last twentieth, behind which there might be nothing left to kill.
fn plan(options: &Options) -> Vec<(u64, Duration)> {
    let mut rng = StdRng::seed_from_u64(options.seed.into());
    let mut rows: Vec<u64> =
        (1..options.kills).map(|_| rng.random_range(1..=options.rows - options.rows / 20)).collect();
    rows.extend((options.kills > 0).then_some(0));
    rows.sort_unstable();
    rows.into_iter().map(|row| (row, DELAY.mul_f64(rng.random()))).collect()
}

/// Kills and starts again, each time when its row has come. The most memory that any of the killed had, in MiB.
pub(super) async fn carry_out(options: &Options, stack: &mut Stack, import: &Step) -> Result<f64> {
    let mut peak: f64 = 0.0;
    for (row, delay) in plan(options) {
        import.reach(row).await?;
        tokio::time::sleep(delay).await;
        peak = peak.max(memory(stack.worker.id())?.peak);
        stack.worker.kill9().await;
        stack.worker.try_start_again().await.context("starting the worker again")?;
    }
    Ok(peak)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_names_the_kills() {
        let options = |seed| Options { rows: 10_000, kills: 5, events: "all".to_owned(), seed };
        assert_eq!(plan(&options(7)), plan(&options(7)));
        assert_ne!(plan(&options(7)), plan(&options(8)));
        let rows: Vec<u64> = plan(&options(7)).into_iter().map(|(row, _)| row).collect();
        assert!(rows.len() == 5 && rows[0] == 0 && rows.is_sorted(), "{rows:?}");
        assert!(plan(&Options { kills: 0, ..options(7) }).is_empty());
    }
}
