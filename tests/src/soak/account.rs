//! The account: what was done, what came, and how long the worker was silent.

use anyhow::Result;
use sqlx::{Connection, PgConnection};
use std::collections::HashSet;
use std::fmt;
use std::time::Duration;
use tenon_common::id::EventId;

use super::options::Options;
use super::usage::Usage;
use super::watch::Watch;
use crate::Receiver;
use crate::stack::Stack;

/// A worker that has not asked for jobs for longer does not work.
const SILENT: Duration = Duration::from_secs(30);

/// What became of it.
#[derive(Debug, Clone)]
pub struct Account {
    options: Options,
    /// Contacts that were made.
    pub changes: u64,
    /// Files that were imported, and times that a webhook was switched off or on.
    pub imports: u64,
    /// See there.
    pub switches: u64,
    /// Different events that came to the webhook that was always on.
    pub received: u64,
    /// Requests with an event that had come to the same webhook before.
    pub repeated: u64,
    /// The `webhook-id`s of events that were committed and never came to the webhook that was always on.
    pub lost: Vec<String>,
    /// Contacts that should be there and have no event.
    pub missing: u64,
    /// Deliveries that are neither delivered nor told of as such, and jobs that are left.
    pub undelivered: u64,
    /// See there.
    pub jobs_left: u64,
    /// The longest that a delivery of an active webhook had waited when somebody looked, and does at the end.
    pub oldest: Duration,
    /// See there.
    pub oldest_now: Duration,
    /// The longest that the worker had not asked for jobs.
    pub silence: Duration,
    /// Tasks that were begun again.
    pub restarts: Vec<(String, u64)>,
    /// Times that a program was not ready, and why at first.
    pub unready: u64,
    first_reason: Option<String>,
}

impl Account {
    pub(super) async fn draw_up(
        options: &Options,
        stack: &Stack,
        usage: &Usage<'_>,
        watch: &Watch,
        receiver: &Receiver,
    ) -> Result<Self> {
        let mut connection = PgConnection::connect(stack.database.admin_url()).await?;
        let committed: Vec<EventId> =
            sqlx::query_scalar("select id from tenon.events where type = 'contact.created'")
                .fetch_all(&mut connection)
                .await?;
        let (mut came, mut repeated) = (HashSet::new(), 0);
        for request in receiver.all() {
            let id = request.headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or("(none)");
            repeated += u64::from(!came.insert((request.path.clone(), id.to_owned())));
        }
        let steady: HashSet<&str> =
            came.iter().filter(|(path, _)| path == "/steady").map(|(_, id)| id.as_str()).collect();
        let ids = committed.iter().map(|id| id.wire());
        Ok(Self {
            options: options.clone(),
            changes: usage.changes,
            imports: usage.imports,
            switches: usage.switches,
            received: steady.len() as u64,
            repeated,
            lost: ids.filter(|id| !steady.contains(id.as_str())).collect(),
            missing: usage.changes.saturating_sub(committed.len() as u64),
            undelivered: watch.open.undelivered.cast_unsigned(),
            jobs_left: watch.open.jobs.cast_unsigned(),
            oldest: watch.oldest,
            oldest_now: Duration::try_from_secs_f64(watch.open.oldest).unwrap_or_default(),
            silence: watch.silence,
            restarts: watch.restarts.iter().filter(|(_, count)| *count > 0).cloned().collect(),
            unready: watch.unready,
            first_reason: watch.first_reason.clone(),
        })
    }

    /// Whether all came, nothing is stuck, and the worker always asked for more.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty()
            && [self.missing, self.undelivered, self.jobs_left] == [0; 3]
            && self.silence <= SILENT
    }
}

impl fmt::Display for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Options { minutes, seed } = self.options;
        writeln!(formatter, "{minutes} minutes of light use; --seed {seed}\n")?;
        let restarts: u64 = self.restarts.iter().map(|(_, count)| count).sum();
        let of_imports = format!("contacts that were made, some of them by {} imports", self.imports);
        let lines = [
            ("changes", self.changes, of_imports.as_str()),
            ("switches", self.switches, "of a webhook, off or on"),
            ("received", self.received, "different events, by the webhook that was always on"),
            ("repeated", self.repeated, "requests with an event that the webhook had got before"),
            ("lost", self.lost.len() as u64, "committed and never received"),
            ("missing", self.missing, "contacts without an event"),
            ("undelivered", self.undelivered, "deliveries that are not `delivered`"),
            ("jobs left", self.jobs_left, "in the queue"),
            ("restarts", restarts, "of tasks that had ended"),
            ("not ready", self.unready, "times that a program said so"),
        ];
        for (name, number, meaning) in lines {
            writeln!(formatter, "{name:<14}{number:>8}  {meaning}")?;
        }
        let times = [
            ("oldest unsent", self.oldest_now, "a delivery waits at the end"),
            ("at its oldest", self.oldest, "one waited at most"),
            ("silence", self.silence, "at most since the worker's last claim"),
        ];
        for (name, time, meaning) in times {
            writeln!(formatter, "{name:<14}{:>7.1}s  {meaning}", time.as_secs_f64())?;
        }
        for (task, count) in &self.restarts {
            writeln!(formatter, "restarted: {task}, {count} times")?;
        }
        if let Some(reason) = &self.first_reason {
            writeln!(formatter, "not ready: {}", reason.trim())?;
        }
        for id in self.lost.iter().take(10) {
            writeln!(formatter, "lost: {id}")?;
        }
        Ok(())
    }
}
