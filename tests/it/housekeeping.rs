//! What is removed by itself: what is due goes, what is not stays, and nobody else's; and the tasks that do it.

mod deliveries;
mod imports;
mod partitions;
mod queue;
mod records;
mod replays;
mod tasks;

use clap::Parser;
use sqlx::{AssertSqlSafe, PgConnection};
use tenon_tests::TestDatabase;
use tenon_tests::app::connect;
use tenon_worker::cli::Cli;
use tenon_worker::housekeeping::{self, Means, Outcome, Run, Task};
use tokio::sync::Semaphore;

/// What a worker of this database has for its tasks.
fn means(database: &TestDatabase) -> Means {
    Means { db: connect(database.worker_url()), storage: database.storage() }
}

/// A task of a worker with these settings.
fn task(name: &str, settings: &[&str]) -> Task {
    let arguments = [&["tenon-worker"], settings, &["run"]].concat();
    let cli = Cli::try_parse_from(arguments).expect("a command line");
    let tasks = housekeeping::tasks::of(&cli);
    tasks.into_iter().find(|task| task.name == name).unwrap_or_else(|| panic!("no task {name}"))
}

async fn run(means: &Means, task: &Task) -> Run {
    housekeeping::run(means, task, &Semaphore::new(1)).await
}

/// Does a task as it is by default; how much it removed.
async fn removed_by(database: &TestDatabase, name: &str) -> i64 {
    removed_under(database, name, &[]).await
}

/// The same under settings.
async fn removed_under(database: &TestDatabase, name: &str, settings: &[&str]) -> i64 {
    let run = run(&means(database), &task(name, settings)).await;
    assert_eq!(run.outcome, Outcome::Done, "{name}");
    run.removed
}

/// What the administrator does, or sees.
async fn behind(connection: &mut PgConnection, statement: &str) {
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(connection).await.expect("done");
}

async fn count(connection: &mut PgConnection, statement: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned())).fetch_one(connection).await.expect("a number")
}
