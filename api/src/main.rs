//! `tenon-api`: parses its arguments and calls the library.

use std::process::ExitCode;

use tenon_api::cli::{Cli, Command};
use tenon_api::{commands, serve};
use tenon_common::config::{self, ConfigError};

fn main() -> ExitCode {
    let cli = match config::parse::<Cli>(std::env::args_os().collect()) {
        Ok(cli) => cli,
        // Help, version and wrong arguments: clap knows the stream and the exit code.
        Err(ConfigError::Arguments(error)) => error.exit(),
        Err(error) => return commands::fail(&error.to_string()),
    };
    if matches!(cli.command, Command::Serve) {
        serve::memory::give_back();
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(commands::run(cli)),
        Err(error) => commands::fail(&format!("the runtime cannot start: {error}")),
    }
}
