//! The commands of `tenon-api`.

mod admin;
mod audit;

use std::process::ExitCode;

use clap::CommandFactory;
use tenon_common::Db;
use tenon_common::db::{migrate, wall};
use tenon_common::telemetry;

use crate::cli::{Cli, Command, ConfigCommand};
use crate::routes::spec;
use crate::serve;

/// Runs a command. Its answer goes to standard output, its complaints to standard error.
pub async fn run(cli: Cli) -> ExitCode {
    if let Err(error) = telemetry::init_logs(&cli.log.log) {
        return fail(&error);
    }
    let done = match &cli.command {
        Command::Serve => serve::serve(&cli).await,
        Command::Migrate { migrate_database_url } => migrate_schema(migrate_database_url).await,
        Command::Openapi { v30, write } => openapi(*v30, write.as_deref()),
        Command::Doctor => doctor(&cli).await,
        Command::Config(command) => settings(&cli, command),
        Command::Admin(command) => admin::run(&cli, command).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Says what is wrong, in one line, and fails.
#[expect(clippy::print_stderr, reason = "a command's complaint to the person who typed it")]
pub fn fail(message: &str) -> ExitCode {
    eprintln!("tenon-api: {message}");
    ExitCode::FAILURE
}

/// Writes a command's answer. A reader that has seen enough (`| head`) is no fault.
fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stdout(), "{}", text.trim_end());
}

async fn migrate_schema(url: &str) -> Result<(), String> {
    let report = migrate(url).await.map_err(|error| error.to_string())?;
    say(&format!("the schema is at version {}; {} migrations were applied", report.version, report.applied));
    Ok(())
}

fn openapi(v30: bool, folder: Option<&std::path::Path>) -> Result<(), String> {
    let documents = spec().map_err(|error| error.to_string())?;
    let Some(folder) = folder else {
        say(if v30 { &documents.v30 } else { &documents.v31 });
        return Ok(());
    };
    for (name, text) in [("openapi.json", &*documents.v31), ("openapi-3.0.json", &*documents.v30)] {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

async fn doctor(cli: &Cli) -> Result<(), String> {
    cli.secret.key()?;
    let db =
        Db::connect_lazy(&cli.database.config("tenon-api doctor")?).map_err(|error| error.to_string())?;
    let violations =
        wall::check(&db).await.map_err(|error| format!("the database cannot be asked: {error}"))?;
    if violations.is_empty() {
        say(
            "healthy: the master key is set, the login is as weak as it should be, no migration is pending, the wall is whole",
        );
        return Ok(());
    }
    let lines: Vec<String> = violations.iter().map(ToString::to_string).collect();
    Err(format!("{} problems\n{}", lines.len(), lines.join("\n")))
}

fn settings(cli: &Cli, command: &ConfigCommand) -> Result<(), String> {
    match command {
        ConfigCommand::Check => {
            cli.database.config("tenon-api")?;
            cli.secret.key()?;
            cli.limits.limits()?;
            say("every setting can be used");
        }
        ConfigCommand::Print => {
            let matches = tenon_common::config::matches(&Cli::command(), std::env::args_os().collect())
                .map_err(|error| error.to_string())?;
            say(&tenon_common::config::print(&Cli::command(), &matches));
        }
    }
    Ok(())
}
