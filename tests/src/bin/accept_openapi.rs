//! `cargo accept-openapi`: makes the API's present document the one that later ones are compared with.
#![expect(clippy::print_stdout, reason = "what was accepted is this program's answer")]

use clap::Parser;
use tenon_tests::TestApp;
use tenon_tests::compatibility::accept;

/// Make the API's present document the one that clients may count on: openapi/baseline.json.
#[derive(Parser)]
#[command(name = "cargo accept-openapi")]
struct Options {
    /// Why clients are broken, for openapi/breaking-changes.md. Needed where something breaks.
    #[arg(long, value_name = "SENTENCE")]
    reason: Option<String>,
}

fn main() {
    // The alias ends in `--`, so that of `cargo accept-openapi -- --reason x` is the program's to skip.
    let arguments = std::env::args().enumerate().filter(|(index, text)| *index != 1 || text != "--");
    let options = Options::parse_from(arguments.map(|(_, text)| text));
    let today = chrono::Utc::now().date_naive().to_string();
    match accept(&TestApp::document(), options.reason.as_deref(), &today) {
        Ok(accepted) if accepted.breaks.is_empty() => println!("Accepted; nothing breaks."),
        Ok(accepted) => println!("Accepted with what breaks:\n  {}", accepted.breaks.join("\n  ")),
        Err(error) => {
            eprintln!("cargo accept-openapi: {error:#}");
            std::process::exit(1);
        }
    }
}
