//! What bounds exports: memory, connections, and how many there are at once.

use std::time::Duration;

use serde_json::json;
use tenon_api::http::export::Exports;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Tenant, TestApp, TestDatabase, eventually, factory};

use super::{CONTACTS, MANY, Opened, export, fill, many, told};

#[tokio::test]
async fn slow_readers_hold_no_connection() {
    let app = TestApp::start_on(1).await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    many(&app, &acme, MANY).await;
    let credential = &admin.credential;
    let waiting = [
        Opened::start(&app.address(), credential, "format=ndjson").await,
        Opened::start(&app.address(), credential, "format=csv").await,
    ];
    factory::contacts(&admin, 20).await;
    admin.get(&format!("{CONTACTS}?limit=1")).await.status(200);
    let open = "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'";
    eventually("no transaction is open", async || {
        let open: i64 = sqlx::query_scalar(open).fetch_one(&mut app.connect().await).await.expect("a count");
        open == 0
    })
    .await;
    for export in waiting {
        assert!(export.ends_whole().await);
    }
}

#[tokio::test]
async fn there_are_so_many_at_once_and_no_more() {
    let app = TestApp::start_as(|app| app.exports = Exports::new(3, 2, Duration::from_secs(60))).await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    for tenant in [&acme, &globex] {
        many(&app, tenant, MANY).await;
    }
    let open = async |tenant: &Tenant| {
        Opened::start(&app.address(), &tenant.admin().credential, "format=ndjson").await
    };
    let (first, second) = (open(&acme).await, open(&acme).await);
    let refused = export(&acme.admin(), CONTACTS, &[]).await.refused(429, "RATE_LIMITED");
    assert_eq!(refused.json()["details"], json!({"policy": "exports", "limit": "2"}));
    assert!(!refused.header("retry-after").is_empty());
    let third = open(&globex).await;
    let refused = export(&globex.admin(), CONTACTS, &[]).await.refused(429, "RATE_LIMITED");
    assert_eq!(refused.json()["details"], json!({"policy": "server-exports", "limit": "3"}));
    // One is read to its end, from one its reader goes away.
    assert!(first.ends_whole().await);
    drop(second);
    for tenant in [&acme, &globex] {
        let admin = tenant.admin();
        eventually("there is a place again", async || export(&admin, CONTACTS, &[]).await.status == 200)
            .await;
    }
    assert!(third.ends_whole().await);
    let reasons = async || {
        let told = told(&mut app.connect().await).await;
        told.iter()
            .filter_map(|event| event["data"]["aborted"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    eventually("who went away is told of", async || reasons().await == ["clientGone"]).await;
}

#[tokio::test]
async fn a_reader_that_takes_nothing_is_cut_off() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database)
        .env("TENON_CLIENT_STALL_DEADLINE", "0.5")
        .env("TENON_EXPORTS_PER_TENANT", "1")
        .start()
        .await;
    let tenant = Stack::tenant(&database, "Acme").await;
    fill(&mut database.connect().await, text(&tenant, "tenantId").parse().expect("an id"), MANY).await;
    let key = text(&tenant, "apiKey");
    let address = api.addresses().http.expect("an address").to_string();
    let stalled = Opened::start(&address, key, "format=ndjson").await;
    let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(key);
    eventually("its place is free", async || {
        export(&owner, CONTACTS, &[("name", "nobody")]).await.status == 200
    })
    .await;
    eventually("it is told", async || {
        let told = told(&mut database.connect().await).await;
        told.iter().any(|event| event["type"] == "export.aborted" && event["data"]["aborted"] == "clientGone")
    })
    .await;
    assert!(!stalled.ends_whole().await, "a part is not taken for the whole");
}

#[tokio::test]
async fn an_export_takes_no_more_memory_for_more_records() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).start().await;
    let tenant = Stack::tenant(&database, "Acme").await;
    fill(&mut database.connect().await, text(&tenant, "tenantId").parse().expect("an id"), 100_000).await;
    let key = text(&tenant, "apiKey");
    let mib = |name: &str| {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", api.id())).expect("the process's memory");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    };
    let address = api.addresses().http.expect("an address").to_string();
    assert!(Opened::start(&address, key, "name=nobody").await.ends_whole().await);
    let before = mib("VmRSS:");
    assert!(Opened::start(&address, key, "format=ndjson").await.ends_whole().await);
    let grown = mib("VmHWM:") - before;
    eventually("it is told", async || told(&mut database.connect().await).await.len() == 2).await;
    let told = &told(&mut database.connect().await).await[1]["data"];
    assert_eq!(told["rows"], 100_000);
    assert!(told["bytes"].as_u64() > Some(40 << 20), "{told}");
    assert!(grown <= 24, "{grown} MiB more for {told}");
}
