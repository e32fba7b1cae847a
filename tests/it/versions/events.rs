//! Events for readers of an older version: webhooks, the feed, the stream.

use std::time::Duration;

use clap::Parser;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use tenon_common::Db;
use tenon_common::db::DbConfig;
use tenon_tests::stack::{SECRET_KEY, text};
use tenon_tests::{Client, Receiver, TestApp, eventually};
use tenon_worker::cli::Cli;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::change::{NEWEST, OLD, versions};
use super::{CONTACTS, HEADER, path, start};

/// A worker in this process, which knows the versions of these tests.
struct Working {
    stop: oneshot::Sender<()>,
    working: JoinHandle<()>,
}

impl Working {
    fn start(app: &TestApp) -> Self {
        let url = app.database().worker_url();
        let files = app.database().files();
        let arguments =
            ["tenon-worker", "--database-url", url, "--secret-key", SECRET_KEY, "--storage-url", files];
        let cli = Cli::try_parse_from(arguments.into_iter().chain(["--allow-local-webhooks", "run"]));
        let config = DbConfig {
            url: url.to_owned(),
            max_connections: 4,
            acquire_timeout: Duration::from_secs(20),
            application_name: "versions",
        };
        let db = Db::connect_lazy(&config).expect("a pool");
        let worker = tenon_worker::run::build_for(db, &cli.expect("a command line"), versions());
        let (stop, stopped) = oneshot::channel();
        let working = tokio::spawn(worker.expect("a worker").run(async move {
            stopped.await.ok();
        }));
        Self { stop, working }
    }

    async fn end(self) {
        self.stop.send(()).expect("it works");
        self.working.await.expect("it stops");
    }
}

async fn webhook(client: &Client, receiver: &Receiver, more: Value) -> Value {
    let mut body = json!({"url": receiver.url("/hook"), "events": ["contact.created"]});
    body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    client.post("/webhooks", body).await.created()
}

#[tokio::test]
async fn a_webhook_gets_events_in_the_version_that_it_is_kept_in() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let old = admin.with_header(HEADER, OLD);
    let (mut older, mut newer) = (Receiver::start().await, Receiver::start().await);
    let pinned = webhook(&old, &older, json!({})).await;
    let current = webhook(&old, &newer, json!({"apiVersion": NEWEST})).await;
    assert_eq!((&pinned["apiVersion"], &current["apiVersion"]), (&json!(OLD), &json!(NEWEST)));
    let worker = Working::start(&app);
    let created: Value = admin.post(CONTACTS, json!({"name": "Zoë"})).await.created();

    let first = older.next().await;
    let body = first.json();
    assert_eq!((&body["apiVersion"], &body["data"]["fullName"]), (&json!(OLD), &json!("Zoë")));
    assert_eq!((body["data"].get("name"), &body["data"]["id"]), (None, &created["id"]));
    let verifier = Webhook::new(text(&pinned, "secret")).expect("a secret");
    verifier.verify(&first.body, &crate::delivery::headers(&first)).expect("what is sent is what is signed");
    let stored: String = sqlx::query_scalar("select body from tenon.events where type = 'contact.created'")
        .fetch_one(&mut app.connect().await)
        .await
        .expect("one event");
    assert_eq!(newer.next().await.body, stored.as_bytes(), "the newest gets what is stored");
    assert!(stored.contains("\"name\":\"Zoë\""), "{stored}");

    // It is shown as it was sent, and sent again byte for byte.
    let event = format!("/webhooks/{}/events/{}", text(&pinned, "id"), text(&body, "id"));
    let delivered = async |attempts: i64| {
        eventually("it is delivered", async || {
            let delivery: Value = admin.get(&event).await.ok();
            delivery["status"] == "delivered" && delivery["attempts"] == attempts
        })
        .await;
    };
    delivered(1).await;
    assert_eq!(admin.get(&event).await.ok::<Value>()["payload"], body);
    let resent: Value = admin.post(&format!("{event}/resend"), Value::Null).await.ok();
    assert_eq!(resent["payload"], body);
    assert_eq!(older.next().await.body, first.body);
    delivered(2).await;
    // A test is in the webhook's version too.
    let tested: Value =
        admin.post(&format!("/webhooks/{}/test", text(&pinned, "id")), Value::Null).await.ok();
    assert_eq!(tested["delivered"], true);
    assert_eq!(older.next().await.json()["apiVersion"], OLD);

    // Another version holds for what is sent from then on, what was there before too.
    let hook = format!("/webhooks/{}", text(&pinned, "id"));
    let patched: Value = admin.patch(&hook, json!({"apiVersion": NEWEST})).await.ok();
    assert_eq!(patched["apiVersion"], NEWEST);
    admin.post(&format!("{event}/resend"), Value::Null).await.status(200);
    assert_eq!(older.next().await.body, stored.as_bytes());
    worker.end().await;
}

#[tokio::test]
async fn the_version_of_a_webhook_is_one_that_there_is_and_kept_where_nothing_is_said() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let receiver = Receiver::start().await;
    let made = webhook(&admin, &receiver, json!({"apiVersion": OLD})).await;
    let hook = format!("/webhooks/{}", text(&made, "id"));
    let wrong = json!({"url": receiver.url("/"), "events": ["contact.exploded"], "apiVersion": "2099-01-01"});
    for refused in [admin.post("/webhooks", wrong.clone()).await, admin.put(&hook, wrong).await] {
        let errors = refused.refused(400, "VALIDATION_ERROR").json()["errors"].clone();
        let pointers: Vec<&str> =
            errors.as_array().expect("a list").iter().filter_map(|error| error["pointer"].as_str()).collect();
        assert_eq!(pointers, ["/events/0", "/apiVersion"]);
    }
    admin.patch(&hook, json!({"apiVersion": "2026-1-1"})).await.refused(400, "VALIDATION_ERROR");
    let replaced: Value = admin.put(&hook, json!({"events": ["contact.updated"]})).await.ok();
    assert_eq!(replaced["apiVersion"], OLD);
    assert_eq!(admin.patch(&hook, json!({"description": "Ours"})).await.ok::<Value>()["apiVersion"], OLD);
    assert_eq!(admin.post(&format!("{hook}/enable"), Value::Null).await.ok::<Value>()["apiVersion"], OLD);
}

#[tokio::test]
async fn the_feed_and_the_stream_are_in_the_readers_version() {
    let app = start().await;
    let admin = app.tenant("acme").await.admin();
    let old = admin.with_header(HEADER, OLD);
    let grace: Value = admin.post(CONTACTS, json!({"name": "Grace"})).await.created();
    let _: Value = admin.patch(&path(&grace), json!({"name": "Hopper"})).await.ok();

    let page = async |client: &Client| {
        let feed = "/changes?types=contact.*";
        eventually("both are below the watermark", async || {
            let page = client.get(feed).await.status(200).json();
            (page["data"].as_array().map(Vec::len) == Some(2)).then_some(page).ok_or("not yet")
        })
        .await
    };
    let (newest, older) = (page(&admin).await, page(&old).await);
    assert_eq!(newest["data"][1]["previous"], json!({"name": "Grace"}));
    let updated = &older["data"][1];
    assert_eq!((&updated["apiVersion"], &updated["data"]["fullName"]), (&json!(OLD), &json!("Hopper")));
    assert_eq!(updated["previous"], json!({"fullName": "Grace"}));
    assert_eq!(updated["changedFields"], json!(["fullName"]));

    let mut stream = old.events("/changes?types=contact.*").await.unwrap_or_else(|answer| panic!("{answer}"));
    assert_eq!(stream.header(HEADER), OLD);
    for event in older["data"].as_array().expect("a list") {
        assert_eq!(&stream.next().await.expect("an event").json(), event);
    }
}
