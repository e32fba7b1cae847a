//! Exports that break off: nobody takes a part for the whole.

use std::process::Stdio;

use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Profile, TestDatabase, eventually};
use tokio::process::Command;

use super::{CONTACTS, MANY, Opened, export, fill, many, start, told};

#[tokio::test]
async fn a_database_that_dies_in_the_middle_ends_the_export_and_not_as_if_it_were_whole() {
    let cluster = Cluster::private(Profile::Test).await.unwrap_or_else(|error| panic!("{error}"));
    let database = TestDatabase::create(&cluster).await;
    let api = Stack::api(&database).start().await;
    let tenant = Stack::tenant(&database, "Acme").await;
    fill(&mut database.connect().await, text(&tenant, "tenantId").parse().expect("an id"), MANY).await;
    let key = text(&tenant, "apiKey");
    for (format, encoding) in [("csv", "identity"), ("ndjson", "gzip")] {
        let address = api.addresses().http.expect("an address").to_string();
        let query = format!("format={format}");
        let export = Opened::with(&address, key, &query, encoding).await;
        // The same by HTTP/2, where answers end each for itself.
        let url = format!("{}/api/v1{CONTACTS}/export?{query}", api.url());
        let http = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
        let request = http.get(url).bearer_auth(key).header("accept-encoding", encoding);
        let second = request.send().await.expect("an answer");
        assert_eq!(second.status(), 200);
        cluster.kill().await.unwrap_or_else(|error| panic!("{error}"));
        assert!(!export.ends_whole().await, "{format} {encoding}");
        second.bytes().await.expect_err("a part is not taken for the whole");
        cluster.start_again().await.unwrap_or_else(|error| panic!("{error}"));
        let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
        eventually("the database is back", async || owner.get("/me").await.status == 200).await;
    }
}

#[tokio::test]
async fn an_export_ends_with_its_credential() {
    let (app, acme, admin) = start().await;
    many(&app, &acme, MANY).await;
    let body = serde_json::json!({"name": "Exports", "scopes": ["contacts:read"]});
    let key: serde_json::Value = admin.post("/api-keys", body).await.created();
    let credential = text(&key, "key");
    let export = Opened::start(&app.address(), credential, "format=ndjson").await;
    admin.delete(&format!("/api-keys/{}", text(&key, "id"))).await.no_content();
    let revoked = app.with(credential);
    eventually("the key is not good any more", async || revoked.get("/me").await.status == 401).await;
    assert!(!export.ends_whole().await);
    eventually("it is told", async || {
        told(&mut app.connect().await).await.iter().any(|event| event["data"]["aborted"] == "revoked")
    })
    .await;
}

#[tokio::test]
async fn a_compressed_export_is_the_same() {
    let (app, acme, admin) = start().await;
    many(&app, &acme, 9_000).await;
    let plain = export(&admin, CONTACTS, &[]).await.status(200);
    let url = format!("{}/api/v1{CONTACTS}/export", app.url());
    let curl = Command::new("curl")
        .args(["--silent", "--fail", "--compressed", "--header", "Accept-Encoding: gzip", "--oauth2-bearer"])
        .args([&admin.credential, &url])
        .stdin(Stdio::null())
        .output();
    let output = curl.await.expect("curl");
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout == plain.body, "{} bytes, and not {}", output.stdout.len(), plain.body.len());
}
