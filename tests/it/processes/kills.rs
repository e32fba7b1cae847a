//! The kill run, small, with the builds of the tests.

use tenon_tests::kill_run::{self, Options};

#[tokio::test]
async fn kills_of_the_worker_the_api_and_postgresql_lose_no_event() {
    let options =
        Options { events: 600, worker_kills: 4, api_kills: 2, database_kills: 1, seed: rand::random() };
    let account = kill_run::run(&options).await.unwrap_or_else(|error| panic!("{error:#}"));
    eprintln!("{account}");
    assert!(account.is_clean() && account.sent == 600, "{account}");
    assert!(account.repeated < 300, "{account}");
}
