//! `cargo accept-openapi`.
#![expect(clippy::print_stdout, reason = "what was accepted is this command's answer")]

use anyhow::Result;
use clap::Args;
use tenon_tests::TestApp;
use tenon_tests::compatibility::accept;

/// Makes the API's present document the one that clients may count on: openapi/baseline.json.
#[derive(Args)]
pub(super) struct Options {
    /// Why clients are broken, for openapi/breaking-changes.md. Needed where something breaks.
    #[arg(long, value_name = "SENTENCE")]
    reason: Option<String>,
}

/// Accepts it, and says what breaks.
pub(super) fn accept_present(options: &Options) -> Result<()> {
    let today = chrono::Utc::now().date_naive().to_string();
    let accepted = accept(&TestApp::document(), options.reason.as_deref(), &today)?;
    if accepted.breaks.is_empty() {
        println!("Accepted; nothing breaks.");
    } else {
        println!("Accepted with what breaks:\n  {}", accepted.breaks.join("\n  "));
    }
    Ok(())
}
