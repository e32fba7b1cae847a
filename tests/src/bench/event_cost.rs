//! What an event costs at 200 a second, from the create to the acknowledged delivery.

use anyhow::Result;

use super::latency::{EVERY, Steady, created, notified};
use super::options::Options;
use super::row::{Bar, Row, Sample};
use super::stage::{Stage, in_turns};

/// PostgreSQL's processor time; that of an insert with a NOTIFY, and a POST, stands beside it.
pub(super) async fn event_cost(options: &Options, stage: &mut Stage<'_>) -> Result<Vec<Row>> {
    stage.start_worker().await?;
    let tenant = stage.tenant("When", &["/when/ours".to_owned()]).await?;
    let name = "PostgreSQL's CPU an event at 200/s";
    let mut row = Row::new(name, "ms", "a bare NOTIFY and POST", Bar::AtMost(1.5));
    let ours = async |stage: &mut Stage<'_>| {
        let mut steady = created(stage, &tenant, EVERY, options.duration()).await?;
        let (spent, count) = (steady.spent, steady.count as f64);
        Ok(cost(&steady)
            .cpu(spent.programs() + spent.postgres, steady.count)
            .note("API's CPU ms", spent.api / count)
            .note("worker's CPU ms", spent.worker / count)
            .note("accept to receive, p50 ms", steady.sample(0.5).value)
            .note("accept to receive, p99 ms", steady.sample(0.99).value))
    };
    let yardstick = async |stage: &mut Stage<'_>| {
        let steady = notified(stage, EVERY, options.duration()).await?;
        Ok(cost(&steady).cpu(steady.spent.bench + steady.spent.postgres, steady.count))
    };
    in_turns(options, &mut row, stage, ours, yardstick).await?;
    Ok(vec![row])
}

fn cost(steady: &Steady) -> Sample {
    Sample::new(steady.spent.postgres / steady.count as f64)
}
