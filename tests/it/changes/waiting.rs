//! Pages that wait: woken by what another process writes, whether that tells anybody or not; ended by the server; bounded in number.

use serde_json::{Value, json};
use sqlx::Connection;
use tenon_tests::process::Signal;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Process, TestApp, TestDatabase, eventually, factory};

use super::{CONTACTS, Reader, many, types};

/// Two API processes on one database, and the owner's client of each.
async fn two() -> (TestDatabase, [Process; 2], [Client; 2]) {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let apis = [Stack::api(&database).start().await, Stack::api(&database).start().await];
    let tenant = Stack::tenant(&database, "Acme").await;
    let clients = apis
        .each_ref()
        .map(|api| Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey")));
    (database, apis, clients)
}

/// Waits until so many readers wait at the process.
async fn waiting(api: &Process, count: u32) {
    let line = format!("tenon_changes_readers {count}");
    let operations = Client::new(&api.operations_url());
    eventually(&line, async || {
        let page = operations.get("/metrics").await.text();
        page.lines().any(|found| found == line).then_some(()).ok_or(page)
    })
    .await;
}

#[tokio::test]
async fn a_page_that_waits_is_answered_when_another_process_commits() {
    let (database, [_writing, reading], [writer, client]) = two().await;
    let mut reader = Reader::from_now(&client, "wait=30").await;
    let page = tokio::spawn(async move { (reader.page().await, reader) });
    waiting(&reading, 1).await;
    writer.post(CONTACTS, factory::contact(1)).await.status(201);
    let (page, mut reader) = page.await.expect("a page");
    assert_eq!(types(&page), ["contact.created"]);

    // What comes while it waits and is not wanted does not end the wait.
    reader.query = "wait=30&types=lead.*".to_owned();
    let page = tokio::spawn(async move { reader.page().await });
    waiting(&reading, 1).await;
    writer.post(CONTACTS, factory::contact(2)).await.status(201);
    writer.post("/connection/leads", factory::lead(1)).await.status(201);
    assert_eq!(types(&page.await.expect("a page")), ["lead.created"]);
    waiting(&reading, 0).await;
    drop(database);
}

#[tokio::test]
async fn what_nobody_is_told_of_is_found_too() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut reader = Reader::from_now(&acme.admin(), "wait=30").await;
    let mut connection = app.connect().await;
    let write = async {
        many(&mut connection, &acme, 1, "{\"type\":\"contact.created\"}").await;
    };
    let (page, ()) = tokio::join!(reader.page(), write);
    assert_eq!(types(&page), ["contact.created"], "an insert without a job, which notifies nobody");
}

#[tokio::test]
async fn a_wait_that_nothing_ends_is_answered_with_a_cursor() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut reader = Reader::from_now(&acme.admin(), "wait=1").await;
    let (page, more) = reader.page_and_more().await;
    assert_eq!((page.len(), more), (0, false));
    acme.admin().post(CONTACTS, factory::contact(1)).await.status(201);
    assert_eq!(types(&reader.next(1).await), ["contact.created"]);
}

#[tokio::test]
async fn no_connection_is_held_by_who_waits() {
    // As many as the pool has connections, and more.
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let reader = Reader::from_now(&admin, "wait=30").await;
    let mut readers = Vec::new();
    for _ in 0..16 {
        let mut reader = reader.clone();
        readers.push(tokio::spawn(async move { reader.page().await }));
    }
    admin.post(CONTACTS, factory::contact(1)).await.status(201);
    for reader in readers {
        assert_eq!(types(&reader.await.expect("a page")), ["contact.created"]);
    }
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_lets_nobody_wait() {
    let (_database, [_, mut reading], [_, client]) = two().await;
    let mut reader = Reader::from_now(&client, "wait=30").await;
    let stream = client.events("/changes?after=now").await;
    let mut stream = stream.unwrap_or_else(|answer| panic!("{answer}"));
    let page = tokio::spawn(async move { reader.page_and_more().await });
    waiting(&reading, 2).await;
    reading.signal(Signal::SIGTERM);
    assert_eq!(page.await.expect("a page"), (Vec::new(), false));
    assert_eq!(stream.next().await, None, "the stream ends");
    assert!(reading.wait().await.success(), "{}", reading.log_tail());
}

#[tokio::test]
async fn so_many_readers_may_wait_and_no_more() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database)
        .env("TENON_CHANGES_READERS_OF_TENANT", "2")
        .env("TENON_CHANGES_READERS", "3")
        .start()
        .await;
    let mut clients = Vec::new();
    for name in ["Acme", "Globex", "Initech"] {
        let tenant = Stack::tenant(&database, name).await;
        clients.push(Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey")));
    }
    let stream = async |client: &Client| client.events("/changes?after=now").await;
    let open = async |client: &Client| stream(client).await.unwrap_or_else(|answer| panic!("{answer}"));
    let (one, _two) = (open(&clients[0]).await, open(&clients[0]).await);
    let refused = stream(&clients[0]).await.expect_err("refused").refused(429, "RATE_LIMITED");
    assert_eq!(
        (&refused.json()["details"]["policy"], refused.header("retry-after")),
        (&json!("readers"), "5")
    );
    clients[0].get("/changes?after=now&wait=30").await.refused(429, "RATE_LIMITED");
    clients[0].get("/changes?after=now&wait=0").await.status(200);
    let _three = open(&clients[1]).await;
    stream(&clients[2]).await.expect_err("refused").refused(503, "DEPENDENCY_UNAVAILABLE");
    // Who hangs up makes room.
    drop(one);
    waiting(&api, 2).await;
    let _four = open(&clients[2]).await;
}

#[tokio::test]
async fn a_key_that_is_revoked_waits_no_longer() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let key: Value = acme
        .admin()
        .post("/api-keys", json!({"name": "A", "scopes": ["changes:read", "contacts:read"]}))
        .await
        .created();
    let reader = app.with(key["key"].as_str().expect("a key"));
    let mut stream = reader.events("/changes?after=now").await.unwrap_or_else(|answer| panic!("{answer}"));
    acme.admin().post(CONTACTS, factory::contact(1)).await.status(201);
    while stream.next().await.expect("an event").kind != "contact.created" {}
    acme.admin().delete(&format!("/api-keys/{}", factory::id(&key))).await.no_content();
    while stream.next().await.is_some() {}
    reader.get("/changes").await.refused(401, "UNAUTHENTICATED");
}

#[tokio::test]
async fn the_one_connection_that_listens_goes_with_its_process() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let mut admin = sqlx::PgConnection::connect(app.database().admin_url()).await.expect("connected");
    let listening =
        "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'";
    let streams = [
        acme.admin().events("/changes").await.unwrap_or_else(|answer| panic!("{answer}")),
        acme.admin().events("/changes").await.unwrap_or_else(|answer| panic!("{answer}")),
    ];
    eventually("one listens for both", async || {
        sqlx::query_scalar::<_, i64>(listening).fetch_one(&mut admin).await.expect("asked") == 1
    })
    .await;
    drop(streams);
}
