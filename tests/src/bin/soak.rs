//! `cargo soak`: light and irregular use for an hour, in which nothing may be lost and the worker may not fall silent.
#![expect(clippy::print_stdout, reason = "the account is this program's answer")]

use clap::Parser;
use tenon_tests::process::{Build, build};
use tenon_tests::soak::{Options, run};

#[tokio::main]
async fn main() {
    // The alias ends in `--`, so that of `cargo soak -- --seed 7` is the program's to skip.
    let arguments = std::env::args().enumerate().filter(|(index, text)| *index != 1 || text != "--");
    let options = Options::parse_from(arguments.map(|(_, text)| text));
    let account = async {
        build(Build { shown: true, ..Build::own() }).await?;
        run(&options).await
    };
    match account.await {
        Ok(account) => {
            print!("{account}");
            std::process::exit(i32::from(!account.is_clean()));
        }
        Err(error) => {
            eprintln!("cargo soak: {error:#}");
            std::process::exit(2);
        }
    }
}
