//! `tenon-worker`: parses its arguments and calls the library.

use std::process::ExitCode;

use tenon_common::config::{self, ConfigError};
use tenon_worker::cli::Cli;
use tenon_worker::run;

fn main() -> ExitCode {
    let cli = match config::parse::<Cli>(std::env::args_os().collect()) {
        Ok(cli) => cli,
        // Help, version and wrong arguments: clap knows the stream and the exit code.
        Err(ConfigError::Arguments(error)) => error.exit(),
        Err(error) => return run::fail(&error.to_string()),
    };
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(run::run(cli)),
        Err(error) => run::fail(&format!("the runtime cannot start: {error}")),
    }
}
