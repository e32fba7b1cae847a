//! What a command says at its end, and the code that it ends with: 0 where all is well, 1 where something is not, 2 where that could not
//! be found out.
#![expect(clippy::print_stdout, reason = "accounts and reports are these programs' answers")]

use std::fmt::Display;

use anyhow::Result;
use tenon_tests::process::{Build, build};

/// Of a command that has said all there is to say.
pub(super) fn done(result: Result<()>) -> i32 {
    result.map_or_else(|error| failed(&error, 1), |()| 0)
}

/// Of one that starts the product's real programs, which are built first, and draws up an account.
pub(super) async fn account<A: Display>(
    run: impl Future<Output = Result<A>>,
    is_clean: impl Fn(&A) -> bool,
) -> i32 {
    let account = async {
        build(Build { shown: true, ..Build::own() }).await?;
        run.await
    };
    report(account.await, is_clean)
}

/// Of one that reports.
pub(super) fn report<R: Display>(result: Result<R>, is_well: impl Fn(&R) -> bool) -> i32 {
    match result {
        Ok(report) => {
            print!("{report}");
            i32::from(!is_well(&report))
        }
        Err(error) => failed(&error, 2),
    }
}

fn failed(error: &anyhow::Error, code: i32) -> i32 {
    let command = std::env::args().nth(1).unwrap_or_default();
    eprintln!("cargo {command}: {error:#}");
    code
}
