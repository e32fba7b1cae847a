//! Workers that die in the middle: the import run, small, with the builds of the tests; and jobs that kill whoever takes them.

use serde_json::{Value, json};
use tenon_tests::eventually;
use tenon_tests::import_run::{self, Options};
use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};

use super::{counts, ended, send};

#[tokio::test]
async fn a_worker_killed_again_and_again_makes_each_row_once_and_takes_all_back() {
    let options = Options { rows: 40_000, kills: 4, events: "all".to_owned(), seed: rand::random() };
    let account = import_run::run(&options).await.unwrap_or_else(|error| panic!("{error:#}"));
    eprintln!("{account}");
    assert!(account.is_clean(), "{account}");
}

#[tokio::test]
async fn what_its_workers_die_of_ends_with_the_reason_and_can_be_resumed() {
    let mut stack = Stack::start().await;
    let owner = &stack.owner.clone();
    stack.worker.signal(Signal::SIGSTOP);
    let import = send(owner, json!({"object": "contacts"}), "name\nAda\n").await;
    let body = json!({"object": "contacts", "format": "csv"});
    let export: Value = owner.post("/exports", body).await.status(202).json()["data"].clone();
    let mut admin = stack.database.connect().await;
    let died = "update apalis.jobs set orphaned = 5 where kind in ('validate-import', 'run-export') and lock_by is null";
    let marked = sqlx::query(died).execute(&mut admin).await.expect("jobs");
    assert_eq!(marked.rows_affected(), 2);
    stack.worker.signal(Signal::SIGCONT);
    let import = ended(owner, &import).await;
    assert_eq!((text(&import, "state"), text(&import, "failure")), ("failed", "GIVEN_UP"), "{import}");
    let path = format!("/exports/{}", text(&export, "id"));
    eventually("the export has ended", async || {
        let now: Value = owner.get(&path).await.ok();
        (&now["state"], &now["failure"]) == (&json!("failed"), &json!("GIVEN_UP"))
    })
    .await;
    owner.post(&format!("/imports/{}/resume", text(&import, "id")), Value::Null).await.status(200);
    assert_eq!(counts(&ended(owner, &import).await), json!([1, 0, 0, 0, 0]));
}
