//! Receivers that hang, trickle, flood and refuse: whose concern they are, and what they cost.

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, Cluster, Receiver, Reply, TestDatabase, eventually};

/// A stack whose worker has further settings.
pub(super) async fn stack_with(schedule: &str, settings: &[(&str, &str)]) -> Stack {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).start().await;
    let worker = settings
        .iter()
        .fold(Stack::worker(&database, schedule), |worker, (name, value)| worker.env(name, value))
        .start()
        .await;
    let tenant = Stack::tenant(&database, "Acme").await;
    let owner = Client::new(&format!("{}/api/v1", api.url())).with_bearer(text(&tenant, "apiKey"));
    Stack { api, worker, owner, tenant, database }
}

/// A number that the administrator sees.
async fn count(stack: &Stack, query: &'static str) -> i64 {
    sqlx::query_scalar(query).fetch_one(&mut stack.database.connect().await).await.expect("a number")
}

fn distinct(receiver: &Receiver) -> usize {
    let mut ids: Vec<String> =
        receiver.all().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.len()
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_neither_its_tenants_other_webhooks_nor_other_tenants() {
    // Nobody dies here, and nothing is tried twice: a worker that has to wait for its processor is not to be taken for dead.
    let patient = [("TENON_WEBHOOK_TIMEOUT", "300"), ("TENON_WORKER_DEAD_AFTER", "300")];
    let stack = stack_with("0,60", &patient).await;
    let other = Stack::tenant(&stack.database, "Other").await;
    let other = Client::new(stack.owner.base()).with_bearer(text(&other, "apiKey"));
    let (hanging, healthy, others) =
        (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    hanging.always(|_| Reply::hang());
    stack.webhook(&hanging, &["contact.created"]).await;
    stack.webhook(&healthy, &["contact.created"]).await;
    let body = json!({"url": others.url("/hook"), "events": ["contact.created"]});
    other.post("/webhooks", body).await.status(201);

    for n in 0..600 {
        stack.contact(&format!("Contact {n}")).await;
        if n % 30 == 29 {
            other.post("/connection/contacts", json!({"name": "Grace"})).await.status(201);
        }
    }
    eventually::within(
        Duration::from_secs(120),
        "all the others have arrived, and are written",
        async || {
            let arrived = (distinct(&healthy), distinct(&others));
            let delivered =
                count(&stack, "select count(*) from tenon.deliveries where status = 'delivered'").await;
            if (arrived, delivered) == ((600, 20), 620) {
                Ok(())
            } else {
                Err(format!("{arrived:?}, {delivered}"))
            }
        },
    )
    .await;
    // All of it while the first ten hang: whatever is still to be delivered is for who hangs.
    assert_eq!(hanging.count(), 10);
    let waiting = "select count(*) from tenon.deliveries where status = 'pending' and attempts = 0";
    assert_eq!(count(&stack, waiting).await, 600, "what was put off has had no attempt");
    assert_eq!(count(&stack, "select max(attempts)::bigint from apalis.jobs").await, 0);
}

#[tokio::test]
async fn no_transaction_is_open_while_a_receiver_is_waited_for() {
    let stack = Stack::start().await;
    let mut receiver = Receiver::start().await;
    receiver.always(|_| Reply::hang());
    stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Grace").await;
    receiver.next().await;
    let mut connection = stack.database.connect().await;
    let asked: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("select clock_timestamp()").fetch_one(&mut connection).await.expect("the time");
    eventually("no transaction is from before the request", async || {
        let older: Vec<String> = sqlx::query_scalar(
            "select query from pg_stat_activity
             where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' and xact_start < $1",
        )
        .bind(asked)
        .fetch_all(&mut stack.database.connect().await)
        .await
        .expect("the backends");
        if older.is_empty() { Ok(()) } else { Err(format!("{older:?}")) }
    })
    .await;
    assert_eq!(count(&stack, "select count(*) from tenon.delivery_attempts").await, 0, "it still hangs");
}

#[tokio::test]
async fn a_2xx_is_delivered_although_its_body_trickles_or_breaks_off() {
    let stack = stack_with("0,60", &[]).await;
    let receiver = Receiver::start().await;
    // For a minute: much longer than a worker is silent until it is dead.
    receiver.then([Reply::trickle(600, Duration::from_millis(100)), Reply::cut()]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    for n in 1..=2 {
        stack.contact("Grace").await;
        let delivered = "select count(*) from tenon.deliveries where status = 'delivered'";
        eventually("it is delivered", async || count(&stack, delivered).await == n).await;
        let path = format!(
            "/webhooks/{}/events/{}/attempts",
            text(&webhook, "id"),
            text(&stack.newest(&webhook).await, "id")
        );
        let attempts: Vec<Value> = stack.owner.get(&path).await.ok();
        let outcomes: Vec<_> = attempts.iter().map(|attempt| text(attempt, "outcome")).collect();
        assert_eq!(outcomes, ["success"]);
    }
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn a_pause_that_an_address_asked_for_ends_with_it() {
    let stack = stack_with("0,60", &[]).await;
    let (mut unwell, mut healthy) = (Receiver::start().await, Receiver::start().await);
    unwell.always(|_| Reply::status(503).header("retry-after", "600"));
    let webhook = stack.webhook(&unwell, &["contact.created"]).await;
    let path = format!("/webhooks/{}", text(&webhook, "id"));
    stack.contact("Met the pause").await;
    unwell.next().await;
    let waits = async || {
        let waiting = "select count(*) from apalis.jobs where kind = 'deliver-webhook' and run_at > now() + interval '5 minutes'";
        count(&stack, waiting).await == 1
    };
    eventually("it waits", waits).await;

    // Another address: what waits is sent there, and so is what is new.
    let _: Value = stack.owner.patch(&path, json!({"url": healthy.url("/hook")})).await.ok();
    healthy.next().await;
    stack.contact("New").await;
    healthy.next().await;
    let delivered =
        "select count(*) from tenon.deliveries where status = 'delivered' and next_attempt_at is null";
    eventually("both are delivered", async || count(&stack, delivered).await == 2).await;

    // The same address: to disable and enable is to forget.
    healthy.then([Reply::status(503).header("retry-after", "600")]);
    stack.contact("Met the second pause").await;
    healthy.next().await;
    eventually("it waits", waits).await;
    let _: Value = stack.owner.patch(&path, json!({"active": false})).await.ok();
    stack.owner.post(&format!("{path}/enable"), json!({})).await.status(200);
    healthy.next().await;
    stack.contact("New again").await;
    healthy.next().await;
    eventually("all are delivered", async || count(&stack, delivered).await == 4).await;
    assert_eq!((unwell.count(), healthy.count()), (1, 5));
}

#[tokio::test]
async fn enabling_an_active_webhook_ends_its_pause_in_every_worker() {
    let stack = stack_with("0,60,60", &[]).await;
    let _other = Stack::worker(&stack.database, "0,60,60").start().await;
    let mut receiver = Receiver::start().await;
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    let enable = format!("/webhooks/{}/enable", text(&webhook, "id"));
    let waiting = "select count(*) from apalis.jobs where kind = 'deliver-webhook' and run_at > now() + interval '5 minutes'";
    // Whichever worker has met the pause, and whichever comes to send what waited: no worker holds it against the webhook.
    for name in ["Grace", "Ada", "Alan", "Emmy"] {
        receiver.then([Reply::status(503).header("retry-after", "600")]);
        stack.contact(name).await;
        receiver.next().await;
        eventually("it waits", async || count(&stack, waiting).await == 1).await;
        let enabled: Value = stack.owner.post(&enable, Value::Null).await.ok();
        assert_eq!((&enabled["version"], &enabled["warnings"]), (&webhook["version"], &json!([])));
        receiver.next().await;
        stack.contact("New").await;
        receiver.next().await;
    }
    let delivered = "select count(*) from tenon.deliveries where status = 'delivered'";
    eventually("all are delivered", async || count(&stack, delivered).await == 8).await;
}

#[tokio::test]
async fn a_pause_after_failures_counts_no_attempt() {
    let stack = stack_with("0,60", &[]).await;
    let receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(503));
    stack.webhook(&receiver, &["contact.created"]).await;
    for n in 0..100 {
        stack.contact(&format!("Contact {n}")).await;
    }
    eventually("the webhook is paused, and nothing of it is held", async || {
        let waiting = "select count(*) from apalis.jobs where kind = 'deliver-webhook' and lock_by is null";
        let attempts = "select count(*) from tenon.delivery_attempts";
        count(&stack, attempts).await >= 10 && count(&stack, waiting).await == 100
    })
    .await;
    let attempts = count(&stack, "select sum(attempts)::bigint from tenon.deliveries").await;
    // Ten failures pause it; as many again may have been under way by then, and a probe may have come since.
    assert!((10..=30).contains(&attempts), "{attempts}");
    let untouched = "select count(*) from tenon.deliveries where attempts = 0 and schedule_attempts = 0";
    assert!(count(&stack, untouched).await >= 70);
    eventually("every request is an attempt, and nothing else is", async || {
        let attempts = count(&stack, "select count(*) from tenon.delivery_attempts").await;
        attempts == receiver.count() as i64
    })
    .await;
}

/// The database does not take what came of one of many attempts.
#[tokio::test]
async fn an_attempt_that_cannot_be_written_is_nobody_elses_concern() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    let statement = "alter table tenon.delivery_attempts add check (status_code <> 418)";
    sqlx::raw_sql(statement).execute(&mut stack.database.connect().await).await.expect("a check");
    receiver.always(|request| {
        let status = if request.json()["data"]["name"] == "Contact 20" { 418 } else { 204 };
        Reply::status(status).after(Duration::from_millis(100))
    });
    stack.webhook(&receiver, &["contact.created"]).await;
    for n in 0..40 {
        stack.contact(&format!("Contact {n}")).await;
    }
    eventually("the others are delivered", async || {
        count(&stack, "select count(*) from tenon.deliveries where status = 'delivered'").await == 39
    })
    .await;
    eventually("the one has failed, and is kept", async || {
        let failed = "select count(*) from tenon.deliveries d join apalis.jobs j on j.id = d.job_id
                      where d.status = 'failed' and d.last_error like '%cannot be written%' and j.status = 'Killed'";
        count(&stack, failed).await == 1
    })
    .await;
    assert_eq!((receiver.count(), distinct(&receiver)), (40, 40));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn answers_of_200_mib_leave_the_workers_memory_flat() {
    let stack = Stack::start().await;
    let receiver = Receiver::start().await;
    receiver.always(|_| Reply::large(200 << 20));
    for _ in 0..8 {
        stack.webhook(&receiver, &["contact.created"]).await;
    }
    for n in 0..3 {
        stack.contact(&format!("Contact {n}")).await;
    }
    eventually::within(Duration::from_secs(60), "all are delivered", async || {
        count(&stack, "select count(*) from tenon.deliveries where status = 'delivered'").await == 24
    })
    .await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", stack.worker.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let peak: u64 = peak.expect("the peak of its memory").parse().expect("a number");
    assert!(peak < 128 * 1024, "{peak} KiB");
}

#[tokio::test]
async fn attempts_latencies_and_what_is_given_up_are_measured() {
    let stack = Stack::with("0,0.1", Cluster::shared().await).await;
    let receiver = Receiver::start().await;
    receiver.then_statuses([500, 204, 400, 400]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    for status in ["delivered", "failed"] {
        stack.contact(status).await;
        eventually("it has ended", async || stack.newest(&webhook).await["status"] == status).await;
    }
    let operations = Client::new(&stack.worker.operations_url());
    for line in [
        "tenon_webhook_attempts_total{outcome=\"http_5xx\",attempt=\"1\"} 1",
        "tenon_webhook_attempts_total{outcome=\"success\",attempt=\"2\"} 1",
        "tenon_webhook_attempts_total{outcome=\"http_4xx\",attempt=\"2\"} 1",
        "tenon_webhook_exhausted_total 1",
        "tenon_webhook_delivery_latency_seconds_count{first_attempt=\"false\"} 1",
    ] {
        // What the database says already, the worker counts a moment later.
        eventually(line, async || operations.get("/metrics").await.text().contains(line)).await;
    }
}

/// A pause leaves a job behind; it may be claimed together with the one that enabling makes.
#[tokio::test]
async fn a_job_that_was_left_behind_takes_nothing_from_the_one_that_counts() {
    let mut stack = stack_with("0,60", &[]).await;
    let mut receiver = Receiver::start().await;
    receiver.then_statuses([500]);
    let webhook = stack.webhook(&receiver, &["contact.created"]).await;
    stack.contact("Ada").await;
    receiver.next().await;
    let waits = "select count(*) from apalis.jobs where kind = 'deliver-webhook' and run_at > now()";
    eventually("the attempt is written", async || count(&stack, waits).await == 1).await;
    stack.worker.kill9().await;
    let path = format!("/webhooks/{}", text(&webhook, "id"));
    stack.owner.patch(&path, json!({"active": false})).await.status(200);
    stack.owner.patch(&path, json!({"active": true})).await.status(200);
    let due = "update apalis.jobs set run_at = now() where kind = 'deliver-webhook'";
    let both = sqlx::raw_sql(due).execute(&mut stack.database.connect().await).await.expect("due");
    assert_eq!(both.rows_affected(), 2, "the one that was left behind, and the one that counts");
    stack.worker.start_again().await;
    receiver.next().await;
    eventually("it is delivered", async || stack.newest(&webhook).await["status"] == "delivered").await;
}
