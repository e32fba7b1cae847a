//! The project's own commands. Each of the aliases in `.cargo/config.toml` is one of them: `cargo dev`, `cargo soak`.

mod answer;
mod chaos;
mod documents;
mod rooms;

use clap::Parser;
use tenon_tests::{bench, coverage, dev, import_run, kill_run, order_run, replay_run, soak, switch_run};

/// The commands, as cargo's aliases name them.
#[derive(Parser)]
#[command(name = "cargo", bin_name = "cargo", disable_help_subcommand = true)]
enum Command {
    Dev(dev::Options),
    BenchStack(bench::Options),
    KillRun(kill_run::Options),
    SwitchRun(switch_run::Options),
    OrderRun(order_run::Options),
    ImportRun(import_run::Options),
    ReplayRun(replay_run::Options),
    Soak(soak::Options),
    Chaos(tenon_tests::chaos::Options),
    Coverage(coverage::Options),
    Rooms(rooms::Options),
    AcceptOpenapi(documents::Options),
}

#[tokio::main]
async fn main() {
    // Of `cargo dev -- --fresh` the `--` was to part cargo's own arguments from the program's: it is nobody's.
    let arguments = std::env::args().enumerate().filter(|(index, text)| *index != 2 || text != "--");
    let code = match Command::parse_from(arguments.map(|(_, text)| text)) {
        Command::Dev(options) => answer::done(dev::run(options).await),
        Command::BenchStack(options) => answer::done(bench::run(options).await),
        Command::KillRun(options) => {
            answer::account(kill_run::run(&options), kill_run::Account::is_clean).await
        }
        Command::SwitchRun(options) => {
            answer::account(switch_run::run(&options), switch_run::Account::is_clean).await
        }
        Command::OrderRun(options) => {
            answer::account(order_run::run(&options), order_run::Account::is_clean).await
        }
        Command::ImportRun(options) => {
            answer::account(import_run::run(&options), import_run::Account::is_clean).await
        }
        Command::ReplayRun(options) => {
            answer::account(replay_run::run(&options), replay_run::Account::is_clean).await
        }
        Command::Soak(options) => answer::account(soak::run(&options), soak::Account::is_clean).await,
        Command::Chaos(options) => chaos::answer(&options).await,
        Command::Coverage(options) => answer::report(coverage::run(&options), coverage::Report::is_enough),
        Command::Rooms(options) => answer::done(rooms::print(&options)),
        Command::AcceptOpenapi(options) => answer::done(documents::accept_present(&options)),
    };
    // Not by returning: a build that was interrupted is not waited for.
    std::process::exit(code);
}
