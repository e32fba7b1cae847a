//! The command line.

use std::path::PathBuf;

use clap::Parser;

/// Runs the tests with counters in the code, and says how many lines of each package and folder they ran.
#[derive(Debug, Clone, Parser)]
pub struct Options {
    /// Reads what the last run wrote once more, without running a test.
    #[arg(long)]
    pub again: bool,
    /// Also names the lines that were not run, of the files below this folder: `common/src/queue`.
    #[arg(long, value_name = "FOLDER")]
    pub lines_of: Option<PathBuf>,
    /// Says what was run even where a test fails.
    #[arg(long)]
    pub even_if_tests_fail: bool,
    /// What is passed on to `cargo test`: `-p tenon-common`, or names of tests. By default all tests are run.
    #[arg(last = true)]
    pub tests: Vec<String>,
}
