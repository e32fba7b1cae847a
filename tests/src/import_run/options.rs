//! The command line.

use clap::Parser;

/// Imports a large file while the worker is killed, imports it again, exports it, takes it back, and accounts for every row.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Rows of the file, of which five in a hundred are bad, one of each kind.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(2_000..=5_000_000))]
    pub rows: u64,
    /// How often the worker is killed, as `kill -9` does.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=200))]
    pub kills: u32,
    /// What webhooks are told: `all` writes an event for each row, and its entry in the audit trail; `summary` one at the end.
    #[arg(long, default_value = "all", value_parser = ["all", "summary"])]
    pub events: String,
    /// Chooses the moments of the kills; by default chance does, and the account names it.
    #[arg(long, default_value_t = rand::random())]
    pub seed: u32,
}
