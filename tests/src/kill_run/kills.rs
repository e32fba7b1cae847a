//! Who is killed, and when.

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

use super::options::Options;
use super::progress::Progress;
use crate::Cluster;
use crate::stack::Stack;

/// A kill is up to so much later than the number of its event, so that it meets any moment of what is under way.
const DELAY: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Worker,
    Api,
    Database,
}

#[derive(Debug)]
struct Kill {
    victim: Victim,
    /// When so many events are sent …
    sent: u64,
    /// … and this long after.
    delay: Duration,
}

/// The kills of a run, in their order.
#[derive(Debug)]
pub(super) struct Kills {
    kills: Vec<Kill>,
    events: u64,
}

impl Kills {
    /// By the seed, anywhere between the first event and the last.
    pub(super) fn plan(options: &Options) -> Self {
        let mut rng = StdRng::seed_from_u64(options.seed.into());
        let of = |victim, count: u32| std::iter::repeat_n(victim, count as usize);
        let mut victims: Vec<Victim> = of(Victim::Worker, options.worker_kills)
            .chain(of(Victim::Api, options.api_kills))
            .chain(of(Victim::Database, options.database_kills))
            .collect();
        victims.shuffle(&mut rng);
        let mut moments: Vec<u64> = victims.iter().map(|_| rng.random_range(1..=options.events)).collect();
        moments.sort_unstable();
        let kill = |(victim, sent)| Kill { victim, sent, delay: DELAY.mul_f64(rng.random()) };
        let kills = victims.into_iter().zip(moments).map(kill).collect();
        Self { kills, events: options.events }
    }

    /// How far ahead of a kill the writers may be: they write on while what was killed starts again.
    pub(super) fn slack(&self) -> u64 {
        (self.events / (self.kills.len() as u64 + 1) / 2).max(20)
    }

    /// Kills and starts again, each when its moment has come; when the last was. What is killed is back before the next dies.
    pub(super) async fn carry_out(
        &self,
        stack: &mut Stack,
        cluster: &Cluster,
        progress: &Progress,
    ) -> Result<Option<Instant>> {
        let mut last = None;
        for kill in &self.kills {
            progress.reach(kill.sent).await;
            tokio::time::sleep(kill.delay).await;
            last = Some(Instant::now());
            eprintln!("{:?} is killed after {} events", kill.victim, progress.so_far());
            match kill.victim {
                Victim::Worker => {
                    stack.worker.kill9().await;
                    stack.worker.try_start_again().await.context("starting the worker again")?;
                }
                Victim::Api => {
                    stack.api.kill9().await;
                    stack.api.try_start_again().await.context("starting the API again")?;
                }
                Victim::Database => {
                    cluster.kill().await.context("killing PostgreSQL")?;
                    cluster.start_again().await.context("starting PostgreSQL again")?;
                }
            }
        }
        progress.go_on();
        Ok(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(seed: u32) -> Options {
        Options { events: 1000, worker_kills: 4, api_kills: 2, database_kills: 1, seed }
    }

    #[test]
    fn a_seed_names_the_kills_and_their_order() {
        let plan = |seed| format!("{:?}", Kills::plan(&options(seed)));
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        let Kills { kills, .. } = Kills::plan(&options(7));
        let of = |victim| kills.iter().filter(|kill| kill.victim == victim).count();
        assert_eq!((of(Victim::Worker), of(Victim::Api), of(Victim::Database)), (4, 2, 1));
        assert!(kills.is_sorted_by_key(|kill| kill.sent) && kills.iter().all(|kill| kill.sent <= 1000));
    }
}
