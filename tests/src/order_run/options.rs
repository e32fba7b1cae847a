//! The command line.

use clap::Parser;

/// Changes objects again and again under a receiver that fails and a worker that is killed, and looks in which order their events come.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Objects.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub objects: u32,
    /// Events of each.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub events: u32,
    /// The receiver refuses one of so many requests; 0 for none.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub fail_in: u32,
    /// Workers.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=8))]
    pub workers: u8,
    /// How often the first of them is killed, as `kill -9` does, at even distances.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub kills: u32,
    /// The workers begin when all has been written: what they take then is what an order costs, beside the same `--unordered`.
    #[arg(long)]
    pub waiting: bool,
    /// The webhook has no order; in which order they come does not matter.
    #[arg(long)]
    pub unordered: bool,
}

impl Options {
    pub(super) fn total(&self) -> u64 {
        u64::from(self.objects) * u64::from(self.events)
    }
}
