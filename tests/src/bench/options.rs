//! The command line.

use clap::Parser;
use std::path::PathBuf;
use std::time::Duration;

/// Measures the whole system beside its yardsticks, on this machine, and prints one table.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Only these rows: get, create, page, prices, batch, lists, imports, exports, fan-out, queue, million, insert-to-start, waiting, hundred,
    /// ordered, filtered, ten, with-webhook, burst, commit-to-receiver, event-cost, quiet, quiet-million, memory.
    #[arg(long, value_name = "ROW", value_delimiter = ',')]
    pub only: Vec<String>,
    /// How often each row and its yardstick are measured, in turns.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    pub rounds: u32,
    /// Seconds of each measurement that runs for a time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=120))]
    pub seconds: u64,
    /// Measurements that run for a number do this percentage of it: for a quick look.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub percent: u64,
    /// Let pgbench wait for each statement's answer, as a client without pipelining would that sends BEGIN and each SET alone.
    /// By default it sends them together, in as many round trips as the API.
    #[arg(long)]
    pub unpipelined: bool,
    /// Write the table as JSON too.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Options {
    /// How long a measurement runs that runs for a time.
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// How many a measurement does that runs for a number.
    pub(super) fn count(&self, whole: u64) -> u64 {
        (whole * self.percent / 100).max(100)
    }
}
