//! Whose processor time a measurement took.

use std::collections::HashMap;
use std::time::Instant;

use super::machine::Machine;
use super::process::{self, Stat};

/// Runs from the beginning of a measurement to its end.
pub(super) struct Meter<'a> {
    machine: &'a Machine,
    programs: Programs,
    before: Look,
}

/// Process ids of what is measured, where it runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Programs {
    pub(super) api: Option<u32>,
    pub(super) worker: Option<u32>,
}

/// Milliseconds of processor time.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    pub(super) api: f64,
    pub(super) worker: f64,
    /// All of PostgreSQL's.
    pub(super) postgres: f64,
    /// The bench's own: it sends the requests and receives the deliveries.
    pub(super) bench: f64,
    /// pgbench's.
    pub(super) pgbench: f64,
}

impl Spent {
    /// The API's and the worker's together.
    pub(super) fn programs(&self) -> f64 {
        self.api + self.worker
    }
}

struct Look {
    at: Instant,
    machine_ms: f64,
    spent: Spent,
    others: HashMap<u32, (String, f64)>,
}

impl<'a> Meter<'a> {
    /// Begins.
    pub(super) fn start(machine: &'a Machine, programs: Programs) -> Self {
        let before = Look::take(machine, programs);
        Self { machine, programs, before }
    }

    /// Ends, and tells the machine what others used.
    pub(super) fn stop(self) -> Spent {
        let after = Look::take(self.machine, self.programs);
        let before = &self.before;
        let spent = Spent {
            api: after.spent.api - before.spent.api,
            worker: after.spent.worker - before.spent.worker,
            postgres: after.spent.postgres - before.spent.postgres,
            bench: after.spent.bench - before.spent.bench,
            pgbench: after.spent.pgbench - before.spent.pgbench,
        };
        let ours = spent.programs() + spent.postgres + spent.bench + spent.pgbench;
        let elapsed = (after.at - before.at).as_secs_f64() * 1e3 * self.machine.processors as f64;
        let share = ((after.machine_ms - before.machine_ms - ours) / elapsed.max(1.0)).max(0.0);
        let names = after.others.into_iter().map(|(pid, (name, ms))| {
            let earlier = before.others.get(&pid).map_or(0.0, |(_, ms)| *ms);
            (name, ms - earlier)
        });
        self.machine.note(share, names);
        spent
    }
}

impl Look {
    fn take(machine: &Machine, programs: Programs) -> Self {
        let at = Instant::now();
        let own = std::process::id();
        let mut look = Self {
            at,
            machine_ms: process::machine_ms().map_or(0.0, |(busy, _)| busy),
            spent: Spent::default(),
            others: HashMap::new(),
        };
        for process in process::all() {
            look.add(process, machine.postmaster, own, programs);
        }
        look
    }

    fn add(&mut self, process: Stat, postmaster: u32, own: u32, programs: Programs) {
        if process.pid == own {
            self.spent.bench += process.own_ms;
            self.spent.pgbench += process.waited_ms;
        } else if programs.api == Some(process.pid) {
            self.spent.api += process.own_ms;
        } else if programs.worker == Some(process.pid) {
            self.spent.worker += process.own_ms;
        } else if process.pid == postmaster {
            // Backends that have ended are in what it has waited for.
            self.spent.postgres += process.own_ms + process.waited_ms;
        } else if process.parent == postmaster {
            self.spent.postgres += process.own_ms;
        } else {
            self.others.insert(process.pid, (process.name, process.own_ms));
        }
    }
}
