//! `Idempotency-Key`: one change, however often it is asked for.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use sqlx::PgConnection;
use tenon_tests::{Answer, Client, Person, TestApp, eventually, factory};

use super::CONTACTS;

/// An administrator of a new tenant, and the same with an idempotency key.
async fn start() -> (TestApp, Person, Client) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let keyed = admin.with_header("idempotency-key", "\"first-of-march\"");
    (app, admin, keyed)
}

async fn count(behind: &mut PgConnection, table: &str) -> i64 {
    let statement = format!("select count(*) from tenon.{table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(behind).await.expect("counted")
}

fn assert_replays(answer: &Answer, first: &Answer) {
    assert_eq!((answer.status, &answer.body), (first.status, &first.body), "{answer}");
    assert_eq!(answer.header("idempotent-replayed"), "true");
    assert!(!first.headers.contains_key("idempotent-replayed"), "{first}");
    for name in ["content-type", "etag", "location", "preference-applied"] {
        assert_eq!(answer.headers.get(name), first.headers.get(name), "{name}");
    }
    assert_ne!(answer.header("x-request-id"), first.header("x-request-id"));
}

/// The headers of an answer that are not about this one request: neither its id, nor its time, nor what is left of limits.
fn lasting(answer: &Answer) -> Vec<(String, String)> {
    let of_the_request = ["date", "x-request-id", "idempotent-replayed", "ratelimit", "ratelimit-policy"];
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), format!("{value:?}")));
    let mut headers: Vec<_> = headers
        .filter(|(name, _)| !of_the_request.contains(&name.as_str()) && !name.starts_with("x-ratelimit-"))
        .collect();
    headers.sort_unstable();
    headers
}

#[tokio::test]
async fn the_same_request_under_a_key_is_done_once() {
    let (app, admin, keyed) = start().await;
    let first = keyed.post(CONTACTS, factory::contact(1)).await.status(201);
    for written in ["\"first-of-march\"", "first-of-march"] {
        let again = admin.with_header("idempotency-key", written).post(CONTACTS, factory::contact(1)).await;
        assert_replays(&again, &first);
    }
    let mut behind = app.connect().await;
    assert_eq!(count(&mut behind, "contacts").await, 1);
    let contact: Value = first.data();
    assert_eq!(crate::log::events(&mut behind, factory::id(&contact)).await.len(), 1);
}

#[tokio::test]
async fn of_many_at_once_one_is_done_and_all_get_its_answer() {
    let (app, _, keyed) = start().await;
    let answered = AtomicBool::new(false);
    // No unique value: nothing but the key stands in the way of sixteen contacts.
    let asking = (0..16).map(|_| {
        let (keyed, answered) = (keyed.clone(), &answered);
        async move {
            loop {
                let is_over = answered.load(Ordering::SeqCst);
                let answer = keyed.post(CONTACTS, json!({"name": "Grace Hopper"})).await;
                if answer.status == 201 {
                    answered.store(true, Ordering::SeqCst);
                    return answer;
                }
                let refused = answer.refused(409, "IDEMPOTENCY_IN_PROGRESS");
                assert_eq!(refused.header("retry-after"), "1");
                assert!(!is_over, "the first had been answered before this was asked: {refused}");
            }
        }
    });
    let answers = futures::future::join_all(asking).await;
    for answer in &answers {
        assert_eq!(answer.body, answers[0].body);
        assert_eq!(lasting(answer), lasting(&answers[0]));
    }
    let replayed = answers.iter().filter(|answer| answer.headers.contains_key("idempotent-replayed")).count();
    assert_eq!(replayed, 15);
    assert_eq!(count(&mut app.connect().await, "contacts").await, 1);
}

#[tokio::test]
async fn while_the_first_is_under_way_the_second_does_not_wait() {
    let (app, admin, keyed) = start().await;
    let mut behind = app.connect().await;
    sqlx::raw_sql("begin; lock table tenon.contacts in share mode")
        .execute(&mut behind)
        .await
        .expect("locked");
    let first = tokio::spawn(keyed.post(CONTACTS, factory::contact(1)));
    let mut watching = app.connect().await;
    eventually("the first waits for the lock", async || {
        let waiting: i64 = sqlx::query_scalar("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
            .fetch_one(&mut watching)
            .await
            .expect("asked");
        waiting == 1
    })
    .await;
    keyed.post(CONTACTS, factory::contact(1)).await.refused(409, "IDEMPOTENCY_IN_PROGRESS");
    sqlx::raw_sql("rollback").execute(&mut behind).await.expect("unlocked");
    let first = first.await.expect("answered").status(201);
    assert_replays(&keyed.post(CONTACTS, factory::contact(1)).await, &first);
    admin.post(CONTACTS, factory::contact(2)).await.status(201);
}

#[tokio::test]
async fn another_request_under_the_key_is_refused() {
    let (_app, _, keyed) = start().await;
    keyed.post(CONTACTS, factory::contact(1)).await.status(201);
    keyed.post(CONTACTS, factory::contact(2)).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
    keyed.post(&format!("{CONTACTS}?a=b"), factory::contact(1)).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test]
async fn a_key_belongs_to_a_caller_a_method_and_a_path() {
    let (app, admin, keyed) = start().await;
    let contact: Value = keyed.post(CONTACTS, json!({"name": "A"})).await.created();
    let path = format!("{CONTACTS}/{}", factory::id(&contact));
    keyed.patch(&path, json!({"name": "B"})).await.status(200);
    keyed.put(&path, json!({"name": "C"})).await.status(200);
    let webhook = json!({"url": "http://127.0.0.1:9/hook", "events": ["*"]});
    keyed.post("/webhooks", webhook).await.status(201);

    let other: Value = admin.post("/api-keys", json!({"name": "A", "scopes": ["*"]})).await.created();
    let other = app.with(other["key"].as_str().expect("a key"));
    let key = |client: &Client| client.with_header("idempotency-key", "first-of-march");
    let theirs: Value = key(&other).post(CONTACTS, json!({"name": "A"})).await.created();
    assert_ne!(theirs["id"], contact["id"]);
    let globex = app.tenant("globex").await.admin();
    key(&globex).post(CONTACTS, json!({"name": "B"})).await.status(201);
}

#[tokio::test]
async fn every_change_of_a_contact_is_made_once() {
    let (_app, admin, keyed) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let path = format!("{CONTACTS}/{}", factory::id(&contact));
    let guarded = keyed.with_header("if-match", "\"v1\"");
    let patched = guarded.patch(&path, json!({"title": "Director"})).await.status(200);
    // The version is another one by now: what was done is told all the same.
    assert_replays(&guarded.patch(&path, json!({"title": "Director"})).await, &patched);
    let deleted = keyed.delete(&path).await.no_content();
    assert_replays(&keyed.delete(&path).await, &deleted);
    let restored = keyed.post(&format!("{path}/restore"), json!({})).await.status(200);
    assert_replays(&keyed.post(&format!("{path}/restore"), json!({})).await, &restored);
    let now: Value = admin.get(&path).await.ok();
    assert_eq!(now["version"], 4);
}

#[tokio::test]
async fn what_was_refused_can_be_tried_again_under_its_key() {
    let (app, admin, keyed) = start().await;
    let first: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    keyed.post(CONTACTS, factory::contact(1)).await.refused(409, "DUPLICATE");
    keyed.post(CONTACTS, json!({"name": ""})).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(count(&mut app.connect().await, "idempotency_keys").await, 0);
    admin.delete(&format!("{CONTACTS}/{}", factory::id(&first))).await.no_content();
    keyed.post(CONTACTS, factory::contact(1)).await.status(201);
}

#[tokio::test]
async fn a_commit_that_fails_leaves_neither_change_nor_answer() {
    let (app, _, keyed) = start().await;
    let mut behind = app.connect().await;
    // Fires at the commit, when everything has been written.
    sqlx::raw_sql(
        "create function public.break_commit() returns trigger language plpgsql as $$ begin raise exception 'broken'; end $$;
         grant execute on function public.break_commit() to public;
         create constraint trigger broken after insert on tenon.idempotency_keys deferrable initially deferred
             for each row execute function public.break_commit()",
    )
    .execute(&mut behind)
    .await
    .expect("set");
    let before = crate::log::counts(&mut behind).await;
    keyed.post(CONTACTS, factory::contact(1)).await.refused(500, "INTERNAL");
    assert_eq!(count(&mut behind, "contacts").await, 0);
    assert_eq!(count(&mut behind, "idempotency_keys").await, 0);
    assert_eq!(crate::log::counts(&mut behind).await, before);
    sqlx::raw_sql("drop trigger broken on tenon.idempotency_keys").execute(&mut behind).await.expect("gone");
    let first = keyed.post(CONTACTS, factory::contact(1)).await.status(201);
    assert!(!first.headers.contains_key("idempotent-replayed"), "{first}");
}

#[tokio::test]
async fn a_killed_transaction_leaves_neither_change_nor_answer_nor_lock() {
    let (app, _, keyed) = start().await;
    let mut behind = app.connect().await;
    sqlx::raw_sql("begin; lock table tenon.idempotency_keys in share mode")
        .execute(&mut behind)
        .await
        .expect("locked");
    let first = tokio::spawn(keyed.post(CONTACTS, factory::contact(1)));
    let mut killer = app.connect().await;
    eventually("the transaction is killed where its answer is saved", async || {
        let killed: Vec<bool> = sqlx::query_scalar(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock' and query like 'insert into tenon.idempotency_keys%'",
        )
        .fetch_all(&mut killer)
        .await
        .expect("asked");
        !killed.is_empty()
    })
    .await;
    let answer = first.await.expect("answered");
    assert!(answer.status.is_server_error(), "{answer}");
    sqlx::raw_sql("rollback").execute(&mut behind).await.expect("unlocked");
    assert_eq!(count(&mut behind, "contacts").await, 0);
    assert_eq!(count(&mut behind, "idempotency_keys").await, 0);
    let first = keyed.post(CONTACTS, factory::contact(1)).await.status(201);
    assert!(!first.headers.contains_key("idempotent-replayed"), "{first}");
}

#[tokio::test]
async fn secrets_are_replayed_and_do_not_lie_in_the_table() {
    let (app, _, keyed) = start().await;
    let webhook = json!({"url": "http://127.0.0.1:9/hook", "events": ["*"]});
    let mut secrets = Vec::new();
    for (path, body, field) in
        [("/api-keys", json!({"name": "A", "scopes": ["*"]}), "key"), ("/webhooks", webhook, "secret")]
    {
        // The only answer that shows a secret is not shortened.
        let keyed = keyed.with_header("prefer", "return=minimal");
        let first = keyed.post(path, body.clone()).await.status(201);
        assert_replays(&keyed.post(path, body).await, &first);
        let shown: Value = first.data();
        secrets.push(shown[field].as_str().unwrap_or_else(|| panic!("no {field}: {first}")).to_owned());
    }
    let rows: Vec<Vec<u8>> = sqlx::query_scalar("select answer from tenon.idempotency_keys")
        .fetch_all(&mut app.connect().await)
        .await
        .expect("rows");
    assert_eq!(rows.len(), 2);
    for row in rows {
        let text = String::from_utf8_lossy(&row).into_owned();
        assert!(secrets.iter().all(|secret| !text.contains(secret)) && !text.contains("success"), "{text}");
    }
}

#[tokio::test]
async fn after_a_day_a_key_is_new_again() {
    let (app, _, keyed) = start().await;
    let mut behind = app.connect().await;
    keyed.post(CONTACTS, json!({"name": "A"})).await.status(201);
    let kept: f64 = sqlx::query_scalar(
        "select extract(epoch from expires_at - now())::float8 from tenon.idempotency_keys",
    )
    .fetch_one(&mut behind)
    .await
    .expect("a row");
    assert!((86_000.0..=86_400.0).contains(&kept), "{kept}");
    let expire = "update tenon.idempotency_keys set expires_at = now() - interval '1 second'";
    sqlx::raw_sql(expire).execute(&mut behind).await.expect("expired");
    let second = keyed.post(CONTACTS, json!({"name": "B"})).await.status(201);
    assert!(!second.headers.contains_key("idempotent-replayed"), "{second}");
    assert_replays(&keyed.post(CONTACTS, json!({"name": "B"})).await, &second);
    assert_eq!(count(&mut behind, "contacts").await, 2);
}

#[tokio::test]
async fn what_has_expired_is_removed_in_batches() {
    let (app, admin, keyed) = start().await;
    let mut behind = app.connect().await;
    for number in 0..5 {
        let keyed = admin.with_header("idempotency-key", &number.to_string());
        keyed.post(CONTACTS, factory::contact(number)).await.status(201);
    }
    let expire = "update tenon.idempotency_keys set expires_at = now() - interval '1 second'";
    sqlx::raw_sql(expire).execute(&mut behind).await.expect("expired");
    keyed.post(CONTACTS, factory::contact(5)).await.status(201);
    let worker = tenon_tests::app::connect(app.database().worker_url());
    let mut removed = Vec::new();
    for _ in 0..4 {
        removed.push(tenon_common::idempotency::remove_expired(&worker, 2).await.expect("removed"));
    }
    assert_eq!(removed, [2, 2, 1, 0]);
    assert_eq!(count(&mut behind, "idempotency_keys").await, 1, "what has not expired is kept");
}

#[tokio::test]
async fn a_wrong_key_is_named() {
    let (_app, admin, _) = start().await;
    for wrong in ["", "\"open", &"x".repeat(256)] {
        let refused = admin.with_header("idempotency-key", wrong).post(CONTACTS, factory::contact(1)).await;
        let refused = refused.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"]["Idempotency-Key"].is_string(), "{refused}");
    }
}
