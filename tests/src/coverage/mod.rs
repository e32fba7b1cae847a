//! `cargo coverage`: all tests with counters in our own packages, and how many lines of each folder they ran.
//!
//! The counters are LLVM's, written while the programs run, so that those that are killed count too. They are read by a library: the
//! toolchain's own tools need not be installed.

mod instrumented;
mod lines;
mod options;
mod report;

pub use options::Options;
pub use report::Report;

use anyhow::{Result, ensure};

/// Runs what the options say, and reads what was written.
///
/// # Errors
/// Where something does not compile, a test fails, or nothing was written.
pub fn run(options: &Options) -> Result<Report> {
    let run = instrumented::Run::new()?;
    let programs = run.build()?;
    if !options.again {
        run.forget()?;
        let passed = run.test(&options.tests)?;
        ensure!(passed || options.even_if_tests_fail, "tests failed: what they did not reach is not known");
    }
    let lines = lines::read(&run.profiles()?, &programs)?;
    Ok(Report::of(&lines, options.lines_of.as_deref()))
}
