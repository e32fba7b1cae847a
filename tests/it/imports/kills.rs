//! The import run, small, with the builds of the tests.

use tenon_tests::import_run::{self, Options};

#[tokio::test]
async fn a_worker_killed_again_and_again_makes_each_row_once_and_takes_all_back() {
    let options = Options { rows: 40_000, kills: 4, events: "all".to_owned(), seed: rand::random() };
    let account = import_run::run(&options).await.unwrap_or_else(|error| panic!("{error:#}"));
    eprintln!("{account}");
    assert!(account.is_clean(), "{account}");
}
