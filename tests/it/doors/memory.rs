//! What was taken for a while is given back.

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Process, TestDatabase, eventually};

use super::address;
use super::http2::ask_and_take_nothing;

/// Kilobytes of memory that the process holds.
fn resident(api: &Process) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", api.id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Much that is not taken, much that takes memory while it lasts, and much that is long.
async fn burden(api: &Process, owner: &Client) {
    let mut open = Vec::new();
    for _ in 0..3 {
        open.push(ask_and_take_nothing(&address(api), "/docs", 32).await);
    }
    let anonymous = Client::new(owner.base());
    let logins = (0..40).map(|number| {
        let credentials =
            json!({"email": format!("nobody-{number}@example.com"), "password": "incorrect horse"});
        anonymous.post("/auth/login", credentials)
    });
    for answer in futures::future::join_all(logins).await {
        answer.refused(401, "INVALID_CREDENTIALS");
    }
    let compressed = owner.with_header("accept-encoding", "br, gzip");
    let pages = (0..20).map(|_| compressed.get("/connection/contacts?limit=200"));
    for answer in futures::future::join_all(pages).await {
        answer.status(200);
    }
    let lines: String = (0..200_000).map(|row| format!("Person {row}\n")).collect();
    let options = json!({"object": "contacts"});
    owner.upload("/imports", &options, "people.csv", format!("name\n{lines}").as_bytes()).await.status(202);
}

#[tokio::test]
async fn what_answers_logins_pages_and_imports_took_is_given_back() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).start().await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
    let items: Vec<Value> = (0..200).map(|number| json!({"name": format!("Person {number}")})).collect();
    owner.post("/connection/contacts/batch/create", json!({"items": items})).await.status(200);
    let before = resident(&api);
    burden(&api, &owner).await;
    let during = resident(&api);
    eventually("the memory is given back", async || match resident(&api) {
        now if now <= before + 16 * 1024 => Ok(()),
        now => Err(format!("{before} kB before, {during} kB behind it, {now} kB now")),
    })
    .await;
}
