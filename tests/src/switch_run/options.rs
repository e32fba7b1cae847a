//! The command line.

use clap::Parser;

/// Switches webhooks on, off and to other events at random beside writers and a worker that is killed, and accounts for every event.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Rounds: in each of them contacts are written while every webhook is switched a few times.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rounds: u32,
    /// In one of so many rounds the worker is killed, as `kill -9` does.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub kill_in: u32,
    /// After so many rounds everything is waited for and compared.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub account_every: u32,
    /// Chooses what is done; when it happens is up to the machine. By default chance does, and the account names it.
    #[arg(long, default_value_t = rand::random())]
    pub seed: u32,
}
