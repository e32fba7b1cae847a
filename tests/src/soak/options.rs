//! The command line.

use clap::Parser;

/// Uses the real API and worker lightly and irregularly, and accounts for every event and for the worker's silences.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// How long.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=10_080))]
    pub minutes: u32,
    /// Chooses what is done and when; by default chance does, and the account names it.
    #[arg(long, default_value_t = rand::random())]
    pub seed: u32,
}
