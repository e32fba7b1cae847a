//! Streams that last, and what else a caller waits for: so many at once.

use serde_json::{Value, json};
use tenon_tests::stack::text;
use tenon_tests::{TestApp, eventually, factory};

#[tokio::test]
async fn so_many_may_watch_imports_at_once() {
    let app = TestApp::start_as(|app| app.watchers.most.of_tenant = 2).await;
    let owner = app.tenant("acme").await.admin();
    let sent = owner.upload("/imports", &json!({"object": "contacts"}), "people.csv", b"name\nGrace\n");
    let import: Value = sent.await.accepted();
    let path = format!("/imports/{}", import["id"].as_str().expect("an id"));
    let first = owner.events(&path).await.expect("a stream");
    let _second = owner.events(&path).await.expect("a stream");
    let refused =
        owner.events(&path).await.map(|_| ()).expect_err("one too many").refused(429, "RATE_LIMITED");
    assert_eq!(refused.json()["details"]["policy"], "readers");
    owner.get(&path).await.status(200);
    drop(first);
    eventually("its seat is free", async || {
        owner.events(&path).await.map(|_| ()).map_err(|answer| answer.to_string())
    })
    .await;
}

#[tokio::test]
async fn who_may_not_see_an_import_any_more_watches_it_no_longer() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    // Nobody looks at its file: it stays as it is.
    let sent = admin.upload("/imports", &json!({"object": "contacts"}), "people.csv", b"name\nGrace\n");
    let import: Value = sent.await.accepted();
    let path = format!("/imports/{}", factory::id(&import));
    let key = async || -> Value {
        let scopes = json!({"name": "Watcher", "scopes": ["imports:read"]});
        admin.post("/api-keys", scopes).await.created()
    };
    let (revoked, narrowed) = (key().await, key().await);
    let watch = async |key: &Value| app.with(text(key, "key")).events(&path).await.expect("a stream");
    let mut streams = [watch(&revoked).await, watch(&narrowed).await];
    for stream in &mut streams {
        assert_eq!(stream.next().await.expect("an event").kind, "progress");
    }
    admin.delete(&format!("/api-keys/{}", factory::id(&revoked))).await.no_content();
    let scopes = json!({"scopes": ["contacts:read"]});
    admin.patch(&format!("/api-keys/{}", factory::id(&narrowed)), scopes).await.status(200);
    for stream in &mut streams {
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn so_many_tests_of_webhooks_may_be_under_way_at_once() {
    let app = TestApp::start_as(|app| app.tests.most.of_tenant = 0).await;
    let owner = app.tenant("acme").await.admin();
    let body = json!({"url": "http://127.0.0.1:9/", "events": ["*"]});
    let webhook: Value = owner.post("/webhooks", body).await.created();
    let path = format!("/webhooks/{}/test", webhook["id"].as_str().expect("an id"));
    let refused = owner.post(&path, json!({})).await.refused(429, "RATE_LIMITED");
    assert_eq!(refused.json()["details"]["policy"], "webhook-tests");
    assert!(!refused.header("retry-after").is_empty());
}
