//! The account: what failed, what was found, what the replay said of it, and what came.

use anyhow::Result;
use serde_json::Value;
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use super::arrivals::Arrivals;
use super::options::Options;
use super::steps::Webhook;

/// What became of the events of an outage.
#[derive(Debug, Clone)]
pub struct Account {
    options: Options,
    /// Failed deliveries that the list told of after the outage.
    pub found: u64,
    /// Events that the preview told of.
    pub previewed: u64,
    /// The replay as it ended.
    pub replay: Value,
    /// From the request to its end.
    pub took: Duration,
    /// Different events that came with the header of a replay.
    pub received: u64,
    /// Requests of the replay with an event that it had brought before; each was under way when the worker was killed.
    pub repeated: u64,
    /// Attempts of which the API says that they were interrupted.
    pub interrupted: u64,
    /// Events that failed in the outage and did not come.
    pub missing: u64,
    /// Events that came with the replay and had not failed.
    pub surplus: u64,
    /// Events that came more often than once without a replay, and those that the replay sent in two ways.
    pub doubled: u64,
    /// Deliveries whose attempts are not one that failed, one that succeeded, and interrupted ones between.
    pub odd: u64,
    /// Deliveries that are still failed.
    pub left: u64,
}

impl Account {
    pub(super) async fn draw_up(
        options: &Options,
        webhook: &Webhook,
        failed: &[String],
        since: &str,
        arrivals: &Arrivals,
    ) -> Result<Self> {
        let (replayed, others) = (arrivals.replayed(), arrivals.others());
        let those: HashSet<&String> = failed.iter().collect();
        let (mut interrupted, mut odd) = (0, 0);
        for event in failed {
            let outcomes = webhook.outcomes(event).await?;
            let cut = outcomes.iter().filter(|outcome| *outcome == "interrupted").count();
            let ends: Vec<&str> =
                outcomes.iter().map(String::as_str).filter(|outcome| *outcome != "interrupted").collect();
            interrupted += cut as u64;
            let came = replayed.get(event).copied().unwrap_or_default();
            odd += u64::from(ends != ["http_4xx", "success"] || came > 1 + cut as u64);
        }
        Ok(Self {
            options: options.clone(),
            found: failed.len() as u64,
            previewed: 0,
            replay: Value::Null,
            took: Duration::ZERO,
            received: replayed.len() as u64,
            repeated: replayed.values().map(|times| times - 1).sum(),
            interrupted,
            missing: failed.iter().filter(|event| !replayed.contains_key(*event)).count() as u64,
            surplus: replayed.keys().filter(|event| !those.contains(event)).count() as u64,
            doubled: others.iter().filter(|(event, times)| **times > 1 || those.contains(event)).count()
                as u64,
            odd,
            left: webhook.listed("failed", since).await?.len() as u64,
        })
    }

    /// With what the preview said, and the replay at its end.
    pub(super) fn with(self, previewed: u64, replay: Value, took: Duration) -> Self {
        Self { previewed, replay, took, ..self }
    }

    fn says(&self, name: &str) -> u64 {
        self.replay[name].as_u64().unwrap_or_default()
    }

    /// Whether exactly those were found, told of and sent that had failed, each once.
    pub fn is_clean(&self) -> bool {
        let failed = self.options.failed;
        let said = ["selected", "enqueued", "delivered", "skipped", "gone", "failed", "pending"]
            .map(|name| self.says(name));
        [self.found, self.previewed, self.received] == [failed; 3]
            && said == [failed, failed, failed, 0, 0, 0, 0]
            && self.replay["state"] == "succeeded"
            && [self.missing, self.surplus, self.doubled, self.odd, self.left] == [0; 5]
            && self.repeated <= self.interrupted
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { events, failed, kills, rate, seed } = self.options;
        writeln!(
            formatter,
            "{events} events, {failed} of them in an outage, replayed at {rate} a second; the worker killed {kills} times; --seed {seed}\n"
        )?;
        let state = self.replay["state"].as_str().unwrap_or("nowhere");
        let lines = [
            ("found", self.found, "failed deliveries in the list".to_owned()),
            ("previewed", self.previewed, "events that a replay would bring".to_owned()),
            ("selected", self.says("selected"), format!("events of the replay, which {state}")),
            ("enqueued", self.says("enqueued"), "of them sent, as it says".to_owned()),
            ("delivered", self.says("delivered"), "and delivered".to_owned()),
            ("received", self.received, "different events, as the receiver says".to_owned()),
            (
                "repeated",
                self.repeated,
                "requests with an event that the replay had brought before".to_owned(),
            ),
            ("interrupted", self.interrupted, "attempts that were under way in a kill".to_owned()),
            ("missing", self.missing, "failed and not received".to_owned()),
            ("surplus", self.surplus, "received and not failed".to_owned()),
            ("doubled", self.doubled, "sent by something else too".to_owned()),
            (
                "odd",
                self.odd,
                "deliveries with other attempts than a failure, a success, and interrupted ones".to_owned(),
            ),
            ("left", self.left, "deliveries that are failed afterwards".to_owned()),
        ];
        for (name, number, meaning) in lines {
            writeln!(formatter, "{name:<12}{number:>8}  {meaning}")?;
        }
        writeln!(formatter, "{:<12}{:>7.1}s  from the request to its end", "took", self.took.as_secs_f64())
    }
}
