//! The command line.

use clap::Parser;

/// Has events fail in a receiver's outage, finds and replays them by the API alone while the worker is killed, and accounts for every event.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Events, of which some fail.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(20..=200_000))]
    pub events: u64,
    /// Events that fail in the outage.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(10..=100_000))]
    pub failed: u64,
    /// How often the worker is killed while they are replayed, as `kill -9` does.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=50))]
    pub kills: u32,
    /// Deliveries that begin within a second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rate: u32,
    /// Chooses the moments of the kills; by default chance does, and the account names it.
    #[arg(long, default_value_t = rand::random())]
    pub seed: u32,
}
