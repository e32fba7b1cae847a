//! The command line.

use clap::Parser;

/// Breaks what the delivery of events stands on, one thing after the other, and counts what is lost, repeated and late, and what memory it took.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Chooses what is written and when things break; by default chance does, and the table names it.
    #[arg(long, default_value_t = rand::random())]
    pub seed: u32,
    /// Only these scenarios, by name, separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub only: Vec<String>,
    /// Those that take 60 to 90 seconds together, and fewer events.
    #[arg(long)]
    pub short: bool,
    /// Says what there is, and does nothing.
    #[arg(long)]
    pub list: bool,
}
