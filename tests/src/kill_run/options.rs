//! The command line.

use clap::Parser;

/// Kills the worker, the API and PostgreSQL at random moments while contacts are created, and accounts for every event.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Contacts that are created, each an event.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub events: u64,
    /// How often the worker is killed, as `kill -9` does.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(0..=200))]
    pub worker_kills: u32,
    /// How often the API is.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=200))]
    pub api_kills: u32,
    /// How often PostgreSQL is.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=50))]
    pub database_kills: u32,
    /// Chooses the moments; by default chance does, and the account names it.
    #[arg(long, default_value_t = rand::random())]
    pub seed: u32,
}
