//! The API's.

use clap::Parser;
use serde_json::{Value, json};
use sqlx::postgres::PgListener;
use tenon_api::cli::Cli;
use tenon_api::serve::live;
use tenon_tests::app::SECRET_KEY;
use tenon_tests::{Client, Tenant, TestApp, eventually, factory};

use super::Program;

/// All of them.
const NAMES: [&str; 7] = ["http", "operations", "recorder", "tail", "tail/listener", "upkeep", "wake"];

/// A port that is free, and that no client of another test is given meanwhile: it lies below those that the system hands out.
fn free_port() -> u16 {
    (20_000 + std::process::id() as u16 % 8_000..)
        .find(|port| std::net::TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("a free port")
}

/// The API of the app's database once more, as the program puts it together, and the owner's client of it.
async fn api(app: &TestApp, owner: &Tenant) -> (Program, Client) {
    let (url, files) = (app.database().app_url().to_owned(), app.database().files().to_owned());
    let address = format!("127.0.0.1:{}", free_port());
    let client = owner.admin().at(&format!("http://{address}/api/v1"));
    let program = Program::start(|tasks, listener, stop| async move {
        let cli = Cli::try_parse_from([
            "tenon-api",
            "--database-url",
            &url,
            "--secret-key",
            SECRET_KEY,
            "--storage-url",
            &files,
            "--http-address",
            &address,
            "serve",
        ])
        .expect("a command line");
        live(&cli, &tasks, listener, stop).await
    })
    .await;
    (program, client)
}

/// A reader that waits is told of a contact, workers are woken for it, and a refusal comes into the trail.
async fn goes_on(app: &TestApp, owner: &Tenant, client: &Client, workers: &mut PgListener) {
    let mut after = next_cursor(&client.get("/changes?after=now").await.status(200).json());
    let page = tokio::spawn({
        let client = client.clone();
        async move {
            loop {
                let page = client.get(&format!("/changes?wait=20&after={after}")).await.status(200).json();
                // Transactions of other tests hold it back.
                if page["data"].as_array().is_some_and(|events| !events.is_empty()) {
                    break page.to_string();
                }
                after = next_cursor(&page);
            }
        }
    });
    let contact: Value = client.post("/connection/contacts", json!({"name": "Grace"})).await.created();
    assert!(page.await.expect("a page").contains(factory::id(&contact)));
    workers.recv().await.expect("workers are woken");

    let key = owner.key(&["contacts:read"]).await;
    key.at(client.base()).get("/audit-events").await.refused(403, "INSUFFICIENT_SCOPE");
    let mut admin = app.connect().await;
    eventually("it is in the trail", async || {
        let newest: i64 = sqlx::query_scalar(
            "select count(*) from tenon.audit_events where action = 'access.refused' and at > now() - interval '20 seconds'
                 and actor_id = (select id from tenon.api_keys order by created_at desc limit 1)",
        )
        .fetch_one(&mut admin)
        .await
        .expect("asked");
        newest == 1
    })
    .await;
}

fn next_cursor(page: &Value) -> String {
    page["nextCursor"].as_str().unwrap_or_else(|| panic!("a cursor in {page}")).to_owned()
}

#[tokio::test]
async fn every_task_of_the_api_that_panics_is_told_of_and_begun_again_and_the_work_goes_on() {
    let app = TestApp::start().await;
    let owner = app.tenant("acme").await;
    let (api, client) = api(&app, &owner).await;
    let mut workers = PgListener::connect(app.database().admin_url()).await.expect("connected");
    workers.listen("tenon_jobs").await.expect("it listens");
    api.assert_named(&NAMES);
    goes_on(&app, &owner, &client, &mut workers).await;
    for name in NAMES {
        api.ends(name).await;
        goes_on(&app, &owner, &client, &mut workers).await;
    }
    // By what the last run of `upkeep` did at once, or will do within 10 s.
    let mut admin = app.connect().await;
    eventually("the last uses of keys are written", async || {
        let used: bool = sqlx::query_scalar("select bool_or(last_used_at is not null) from tenon.api_keys")
            .fetch_one(&mut admin)
            .await
            .expect("asked");
        used
    })
    .await;
    api.stop().await;
}
