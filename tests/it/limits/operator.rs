//! What the operator does about limits: lets them begin anew, and chooses the letter of the plans.

use serde_json::json;
use tenon_tests::stack::{SECRET_KEY, Stack, text};
use tenon_tests::{Client, Cluster, Program, Redis, TestDatabase, eventually};

use super::{ask, set_plan, tally};

async fn remaining(client: &Client) -> Result<u32, String> {
    let answer = client.get("/me").await;
    match answer.status.as_u16() {
        200 => Ok(answer.header("x-ratelimit-remaining").parse().expect("a number")),
        _ => Err(answer.to_string()),
    }
}

async fn a_reset_reaches_every_process(redis: Option<&Redis>) {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let id = text(&tenant, "tenantId");
    set_plan(database.connect().await, id.parse().expect("an id"), "free").await;
    let api = || redis.iter().fold(Stack::api(&database), |api, redis| api.env("REDIS_URL", &redis.url()));
    let apis = [api().start().await, api().start().await];
    let clients = apis
        .each_ref()
        .map(|api| Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey")));
    for client in &clients {
        let refused = tally(&ask(client, "/me", 110).await).1;
        assert!(refused > 0, "the limit is reached");
    }
    let command = Program::api_command(["admin", "tenant", "reset-limits", "--tenant", id])
        .env("TENON_DATABASE_URL", database.app_url())
        .env("TENON_SECRET_KEY", SECRET_KEY);
    let answer: serde_json::Value = serde_json::from_str(&command.run().await.expect("reset")).expect("JSON");
    assert_eq!(answer, json!({"tenantId": id, "slug": "acme", "name": "Acme", "plan": "free"}));
    for client in &clients {
        // One more every 600 ms would take a minute to come so far.
        eventually("all of it is there again", async || {
            let left = remaining(client).await?;
            if left > 80 { Ok(()) } else { Err(format!("{left} left")) }
        })
        .await;
    }
}

#[tokio::test]
async fn a_reset_reaches_the_memory_of_every_process() {
    a_reset_reaches_every_process(None).await;
}

#[tokio::test]
async fn a_reset_reaches_redis() {
    if let Some(redis) = Redis::start("a_reset_reaches_redis").await {
        a_reset_reaches_every_process(Some(&redis)).await;
    }
}

#[tokio::test]
async fn the_letter_of_the_plans_is_a_setting() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let tenant = Stack::tenant(&database, "Acme").await;
    set_plan(database.connect().await, text(&tenant, "tenantId").parse().expect("an id"), "business").await;
    let api = Stack::api(&database).env("TENON_RATE_LIMIT_PROFILE", "plan-literal").start().await;
    let client = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
    let first = client.get("/me").await.status(200);
    assert_eq!(first.header("ratelimit-policy"), r#""org";q=10000;w=60, "read";q=100;w=900"#);
    let answers = ask(&client, "/me", 105).await;
    let refusal = answers.iter().find(|answer| answer.status == 429).expect("over the limit").clone();
    assert_eq!(refusal.refused(429, "RATE_LIMITED").json()["details"], json!({"policy": "read"}));
    let written = client.post("/connection/contacts", json!({"name": "Grace"})).await.status(201);
    assert_eq!(written.header("ratelimit-policy"), r#""org";q=10000;w=60, "write";q=1000;w=900"#);
}
