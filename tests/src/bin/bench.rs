//! `cargo bench-stack`: the whole system under load, beside what the machine could do at best.

use clap::Parser;
use tenon_tests::bench::{Options, run};

#[tokio::main]
async fn main() {
    // The alias ends in `--`, so that of `cargo bench-stack -- --only get` is the program's to skip.
    let arguments = std::env::args().enumerate().filter(|(index, text)| *index != 1 || text != "--");
    let options = Options::parse_from(arguments.map(|(_, text)| text));
    if let Err(error) = run(options).await {
        eprintln!("cargo bench-stack: {error:#}");
        std::process::exit(1);
    }
}
