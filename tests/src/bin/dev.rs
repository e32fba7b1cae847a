//! `cargo dev`: Tenon on this machine, for a person.

use clap::Parser;
use tenon_tests::dev::{Options, run};

#[tokio::main]
async fn main() {
    // The alias ends in `--`, so that of `cargo dev -- --fresh` is the program's to skip.
    let arguments = std::env::args().enumerate().filter(|(index, text)| *index != 1 || text != "--");
    let options = Options::parse_from(arguments.map(|(_, text)| text));
    if let Err(error) = run(options).await {
        eprintln!("cargo dev: {error:#}");
        std::process::exit(1);
    }
    // Not by returning: a build that was interrupted is not waited for.
    std::process::exit(0);
}
