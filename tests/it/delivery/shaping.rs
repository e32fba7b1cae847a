//! What webhooks want of the events, and in which form: filters, own changes, headers, thin bodies; through the real binaries.

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use standardwebhooks::Webhook;
use tenon_tests::receiver::Received;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Receiver, eventually};

fn path(webhook: &Value, rest: &str) -> String {
    format!("/webhooks/{}{rest}", text(webhook, "id"))
}

async fn create(stack: &Stack, receiver: &Receiver, wishes: Value) -> Value {
    let mut body = json!({"url": receiver.url("/hook"), "events": ["contact.created"]});
    body.as_object_mut().expect("an object").extend(wishes.as_object().cloned().unwrap_or_default());
    stack.owner.post("/webhooks", body).await.created()
}

async fn set(stack: &Stack, webhook: &Value, fields: Value) -> Value {
    stack.owner.patch(&path(webhook, ""), fields).await.ok()
}

/// No fan-out is left to be done, and nothing waits to be sent.
async fn all_is_sent(stack: &Stack) {
    eventually("all is sent", async || {
        let left: i64 = sqlx::query_scalar(
            "select (select count(*) from apalis.jobs where kind = 'fan-out-event')
                    + (select count(*) from tenon.deliveries where status = 'pending')",
        )
        .fetch_one(&mut stack.database.connect().await)
        .await
        .expect("a number");
        left == 0
    })
    .await;
}

/// The types and names that came, in their order.
fn told(requests: &[Received]) -> Vec<String> {
    let of = |request: &Received| {
        let body = request.json();
        format!("{} {}", text(&body, "type"), text(&body["data"], "name"))
    };
    let mut told: Vec<String> = requests.iter().map(of).collect();
    told.sort_unstable();
    told
}

#[tokio::test]
async fn a_webhook_gets_what_it_wanted_when_the_event_was_committed_however_late_it_is_fanned_out() {
    let mut stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let wishes = json!({"events": ["contact.*", "pipeline.*"], "filter": "data.name startsWith a"});
    let webhook = create(&stack, &receiver, wishes).await;
    stack.worker.kill9().await;
    for name in ["Ada", "Grace"] {
        stack.contact(name).await;
    }
    stack.owner.post("/connection/companies", json!({"name": "Acme"})).await.status(201);
    set(&stack, &webhook, json!({"filter": "data.name startsWith g"})).await;
    for name in ["Alan", "Grete"] {
        stack.contact(name).await;
    }
    set(&stack, &webhook, json!({"filter": null, "skipOwn": true})).await;
    stack.contact("Own").await;
    let other: Value =
        stack.owner.post("/api-keys", json!({"name": "Other", "scopes": ["contacts:*"]})).await.created();
    let other = Client::new(&format!("{}/api/v1", stack.api.url())).with_bearer(text(&other, "key"));
    let others: Value = other.post("/connection/contacts", json!({"name": "Another's"})).await.created();
    set(&stack, &webhook, json!({"skipOwn": false})).await;
    stack.owner.delete(&format!("/connection/contacts/{}", text(&others, "id"))).await.no_content();
    stack.worker.start_again().await;

    all_is_sent(&stack).await;
    let expected = [
        "contact.created Ada",
        "contact.created Another's",
        "contact.created Grete",
        "contact.deleted Another's",
    ];
    assert_eq!(told(&receiver.all()), expected);
    let stats: Value = stack.owner.get(&path(&webhook, "/stats")).await.ok();
    assert_eq!((&stats["delivered"], &stats["unjudged"]), (&json!(4), &json!(0)));
}

#[tokio::test]
async fn what_a_filter_cannot_judge_is_delivered_and_counted_and_a_filter_is_not_asked_of_what_is_not_gathered()
 {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let wishes = json!({"events": ["*"], "filter": "data.status = lost"});
    let webhook = create(&stack, &receiver, wishes).await;
    let contact = stack.contact("Without a status").await;
    receiver.next().await.assert_event("contact.created", text(&contact, "id"));
    stack.owner.post("/connection/leads", json!({"title": "New", "status": "new"})).await.status(201);
    all_is_sent(&stack).await;
    let stats: Value = stack.owner.get(&path(&webhook, "/stats")).await.ok();
    assert_eq!((&stats["delivered"], &stats["unjudged"]), (&json!(1), &json!(1)));

    let operations = Client::new(&stack.worker.operations_url());
    for verdict in ["unjudged\"} 1", "left_out\"} 1", "own\"} 0"] {
        let line = format!("tenon_webhook_filter_verdicts_total{{verdict=\"{verdict}");
        eventually(&line, async || operations.get("/metrics").await.text().contains(&line)).await;
    }

    let kinds = "object.type = lead and data.status = lost";
    set(&stack, &webhook, json!({"filter": kinds, "active": false})).await;
    stack.contact("Not gathered, and not wanted").await;
    let enabled = set(&stack, &webhook, json!({"active": true})).await;
    let warning = enabled["warnings"][0].as_str().unwrap_or_default();
    assert!(warning.starts_with("At most 1 events"), "{enabled}");
    stack.contact("Not wanted").await;
    let lost = json!({"title": "Lost", "status": "lost"});
    let lost: Value = stack.owner.post("/connection/leads", lost).await.created();
    receiver.next().await.assert_event("lead.created", text(&lost, "id"));
    all_is_sent(&stack).await;
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn a_key_is_the_same_one_however_often_it_is_rotated() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let at = format!("{}/api/v1", stack.api.url());
    let scopes = json!({"name": "Sync", "scopes": ["contacts:*", "webhooks:*"]});
    let mut key: Value = stack.owner.post("/api-keys", scopes).await.created();
    let mut clients = Vec::new();
    for _ in 0..3 {
        clients.push(Client::new(&at).with_bearer(text(&key, "key")));
        let rotate = format!("/api-keys/{}/rotate", text(&key, "id"));
        key = stack.owner.post(&rotate, json!({"overlapSeconds": 3600})).await.created();
    }
    // Of the second of them; the first and the last two are of the same line.
    let body = json!({"url": receiver.url("/hook"), "events": ["contact.created"], "skipOwn": true});
    let webhook: Value = clients[1].post("/webhooks", body).await.created();
    assert_eq!(webhook["skipOwn"], true);
    for client in &clients {
        client.post("/connection/contacts", json!({"name": "Own"})).await.status(201);
    }
    stack.contact("Another's").await;
    all_is_sent(&stack).await;
    assert_eq!(told(&receiver.all()), ["contact.created Another's"]);
}

/// The tables in which a text is, as it stands or as bytes.
async fn tables_with(stack: &Stack, text: &str) -> Vec<String> {
    let mut admin = stack.database.connect().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('tenon', 'apalis') order by 1",
    )
    .fetch_all(&mut admin)
    .await
    .expect("tables");
    assert!(tables.len() > 30, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let statement =
            format!("select exists (select from {table} t where t::text like $1 or t::text like $2)");
        let is_there: bool = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(format!("%{text}%"))
            .bind(format!("%{}%", hex::encode(text)))
            .fetch_one(&mut admin)
            .await
            .expect("a table");
        found.extend(is_there.then_some(table));
    }
    found
}

#[tokio::test]
async fn a_webhooks_own_headers_are_sent_and_shown_nowhere() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    let mut elsewhere = Receiver::start().await;
    let once = stack.owner.with_header("idempotency-key", "the same");
    let headers = json!({"Authorization": "Bearer zq7xOne", "X-Api-Key": "zq7xTwo"});
    let body = json!({"url": receiver.url("/hook"), "events": ["contact.created"], "headers": headers});
    let created = once.post("/webhooks", body).await.status(201);
    let webhook: Value = created.data();
    assert_eq!(webhook["headerNames"], json!(["authorization", "x-api-key"]));
    stack.contact("Grace").await;
    let delivery = receiver.next().await;
    assert_eq!(
        (delivery.header("authorization"), delivery.header("x-api-key")),
        ("Bearer zq7xOne", "zq7xTwo")
    );
    let verifier = Webhook::new(text(&webhook, "secret")).expect("a secret");
    verifier.verify(&delivery.body, &super::headers(&delivery)).expect("it is signed as ever");

    // What is not named stays, though nobody who changes it knows it.
    let changed =
        set(&stack, &webhook, json!({"headers": {"X-API-KEY": null, "X-Third": "zq7xThree"}})).await;
    assert_eq!(changed["headerNames"], json!(["authorization", "x-third"]));
    let replaced = json!({"events": ["contact.created"], "description": "Ours"});
    let kept: Value = stack.owner.put(&path(&webhook, ""), replaced).await.ok();
    assert_eq!(kept["headerNames"], changed["headerNames"]);
    stack.contact("Ada").await;
    let delivery = receiver.next().await;
    assert_eq!(
        (delivery.header("authorization"), delivery.header("x-third")),
        ("Bearer zq7xOne", "zq7xThree")
    );
    assert!(!delivery.headers.contains_key("x-api-key"));

    // They do not go to another place by themselves.
    let moved = json!({"url": elsewhere.url("/hook"), "headers": {"X-Third": "zq7xThree"}});
    let refused = stack.owner.patch(&path(&webhook, ""), moved).await.refused(400, "VALIDATION_ERROR").json();
    assert_eq!(refused["errors"][0]["pointer"], "/headers");
    assert!(
        refused["details"]["headers"].as_str().is_some_and(|why| why.ends_with("authorization")),
        "{refused}"
    );
    let moved =
        json!({"url": elsewhere.url("/hook"), "headers": {"authorization": null, "x-third": "zq7xFour"}});
    set(&stack, &webhook, moved).await;
    stack.contact("Alan").await;
    let delivery = elsewhere.next().await;
    assert_eq!(delivery.header("x-third"), "zq7xFour");
    assert!(!delivery.headers.contains_key("authorization"));

    // With that the changes are in the audit trail, too.
    all_is_sent(&stack).await;
    let mut shown = created.text();
    for of in ["", "/events", "/stats", "/secret"] {
        shown += &stack.owner.get(&path(&webhook, of)).await.status(200).text();
    }
    shown += &stack.owner.get("/webhooks").await.status(200).text();
    shown += &stack.owner.get("/changes?limit=1000").await.status(200).text();
    shown += &stack.owner.get("/audit-events?limit=200").await.status(200).text();
    assert!(shown.contains("x-third") && !shown.contains("zq7x"), "{shown}");
    assert!(!(stack.api.log() + &stack.worker.log()).contains("zq7x"));
    assert_eq!(tables_with(&stack, "zq7x").await, [""; 0]);
    assert!(
        tables_with(&stack, "x-third").await.contains(&"tenon.webhooks".to_owned()),
        "what is there is found"
    );
}

#[tokio::test]
async fn thin_bodies_have_ids_and_too_large_ones_are_thin_the_same_at_each_attempt() {
    let mut stack = Stack::start().await;
    let [mut thin, mut full] = [Receiver::start().await, Receiver::start().await];
    let asked = create(&stack, &thin, json!({"events": ["contact.*"], "payload": "thin"})).await;
    let whole = create(&stack, &full, json!({"events": ["contact.*"]})).await;
    assert_eq!((&asked["payload"], &whole["payload"]), (&json!("thin"), &json!("full")));
    full.then_statuses([500]);
    stack.worker.kill9().await;
    let contact = stack.contact("Grace").await;
    // No contact can be as large: the event is made so.
    let padded = "update tenon.events set body = replace(body, '\"data\":{', '\"data\":{\"padding\":\"' || repeat('x', 300000) || '\",')
                  where type = 'contact.created'";
    sqlx::raw_sql(padded).execute(&mut stack.database.connect().await).await.expect("a large event");
    stack.worker.start_again().await;

    let by_wish = thin.next().await;
    by_wish.assert_event("contact.created", text(&contact, "id"));
    let body = by_wish.json();
    assert_eq!((&body["data"], &body["previous"]), (&json!({"id": contact["id"]}), &Value::Null));
    assert_eq!((&body["object"]["version"], body.get("truncated")), (&json!(1), None));
    let verifier = Webhook::new(text(&asked, "secret")).expect("a secret");
    verifier.verify(&by_wish.body, &super::headers(&by_wish)).expect("what is sent is signed");

    let [first, second] = [full.next().await, full.next().await];
    assert_eq!(first.body, second.body, "each attempt sends the same");
    let body = second.json();
    assert_eq!((&body["data"], &body["truncated"]), (&json!({"id": contact["id"]}), &json!(true)));

    // What is sent is what is shown.
    let shown: Value =
        stack.owner.get(&path(&asked, &format!("/events/{}", by_wish.header("webhook-id")))).await.ok();
    assert_eq!(shown["payload"], by_wish.json());
    let at = format!("/connection/contacts/{}", text(&contact, "id"));
    let _: Value = stack.owner.patch(&at, json!({"email": "new@example.com"})).await.ok();
    let [by_wish, whole] = [thin.next().await.json(), full.next().await.json()];
    assert_eq!((&by_wish["changedFields"], &by_wish["previous"]), (&json!(["email"]), &Value::Null));
    assert_eq!(
        (&whole["previous"], &whole["data"]["email"]),
        (&json!({"email": null}), &json!("new@example.com"))
    );
}
