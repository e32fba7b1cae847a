//! Sinks as records: what is refused, what changes, where they begin.

use serde_json::{Value, json};
use tenon_common::audit::sink::stream::{self, Leased};
use tenon_common::secret::MasterKey;
use tenon_tests::TestApp;
use tenon_tests::stack::{SECRET_KEY, text};

use super::sinks::{SINKS, sink};
use super::{entries, number, seal_all};

#[tokio::test]
async fn what_is_wrong_with_a_sink_is_refused_field_by_field() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let url = "http://127.0.0.1:9/audit";
    for (input, field) in [
        (json!({"name": "", "kind": "http", "url": url}), "name"),
        (json!({"name": "A", "kind": "http"}), "url"),
        (json!({"name": "A", "kind": "http", "url": url, "prefix": "a"}), "prefix"),
        (json!({"name": "A", "kind": "http", "url": url, "secret": "x"}), "secret"),
        (json!({"name": "A", "kind": "syslog"}), "url"),
        (json!({"name": "A", "kind": "file", "url": url}), "url"),
        (json!({"name": "A", "kind": "file", "prefix": "../a"}), "prefix"),
        (json!({"name": "A", "kind": "carrier pigeon"}), "kind"),
    ] {
        let refusal = admin.post(SINKS, input.clone()).await.refused(400, "VALIDATION_ERROR").json();
        assert!(refusal["details"][field].is_string(), "{input}: {refusal}");
    }
    for (kind, url, reason) in [
        ("http", "http://10.0.0.1/", "private_address"),
        ("http", "tcp://127.0.0.1:514", "not_https"),
        ("syslog", "tcp://10.0.0.1:514", "private_address"),
        ("syslog", "https://example.com", "not_tls"),
        ("syslog", "tls://example.com", "invalid_url"),
    ] {
        let input = json!({"name": "A", "kind": kind, "url": url});
        let refusal = admin.post(SINKS, input).await.refused(422, "WEBHOOK_URL_REJECTED").json();
        assert_eq!(refusal["details"]["reason"], reason, "{url}");
    }
    let made = sink(&admin, json!({"name": "A", "kind": "http", "url": url})).await;
    let path = format!("{SINKS}/{}", text(&made, "id"));
    assert!(text(&made, "secret").starts_with("whsec_"));
    let shown: Value = admin.get(&path).await.ok();
    assert_eq!(shown["secret"], Value::Null);
    let stale = admin.with_header("if-match", "\"v9\"");
    stale.patch(&path, json!({"name": "B"})).await.refused(412, "VERSION_CONFLICT");
    let patched: Value = admin.patch(&path, json!({"name": "B"})).await.ok();
    assert_eq!(
        (&patched["name"], &patched["url"], &patched["version"]),
        (&json!("B"), &shown["url"], &json!(2))
    );
    let replaced: Value = admin.put(&path, json!({"name": "C", "active": false})).await.ok();
    assert_eq!((&replaced["url"], &replaced["active"]), (&shown["url"], &json!(false)));
    admin.patch(&path, json!({"prefix": "a"})).await.refused(400, "VALIDATION_ERROR");
    let listed: Vec<Value> = admin.get(SINKS).await.ok();
    assert_eq!(listed, [replaced]);
    for number in 1..10 {
        sink(&admin, json!({"name": format!("N{number}"), "kind": "file"})).await;
    }
    admin.post(SINKS, json!({"name": "Z", "kind": "file"})).await.refused(429, "QUOTA_EXCEEDED");
    let kept = "select count(*) from tenon.audit_sinks where kind = 'http' and position('whsec'::bytea in secret) > 0";
    assert_eq!(number(&mut app.connect().await, kept).await, 0);
}

#[tokio::test]
async fn a_sink_begins_with_what_is_sealed_after_it_or_with_all_that_is_there() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    entries(&app, &acme, 3).await;
    seal_all(&app).await;
    let admin = acme.admin();
    let from_now = sink(&admin, json!({"name": "A", "kind": "file"})).await;
    let from_beginning = sink(&admin, json!({"name": "B", "kind": "file", "fromBeginning": true})).await;
    assert_eq!((&from_now["position"], &from_beginning["position"]), (&json!(3), &json!(0)));
}

#[tokio::test]
async fn a_worker_that_is_at_a_sink_that_changes_sends_no_further_batch_to_where_it_was() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    entries(&app, &acme, 3).await;
    let worker = seal_all(&app).await;
    let (admin, master) = (acme.admin(), MasterKey::parse(SECRET_KEY).expect("the key of the tests"));
    let made = sink(&admin, json!({"name": "A", "kind": "file", "fromBeginning": true})).await;
    let path = format!("{SINKS}/{}", text(&made, "id"));
    let take = async || -> Option<Leased> {
        let due = stream::due(&worker).await.expect("looked").pop()?;
        stream::lease(&worker, &master, due).await.expect("leased")
    };
    for change in [json!({"prefix": "elsewhere"}), json!({"name": "B"})] {
        let mut leased = take().await.expect("it is due");
        let batch = leased.batch(&worker).await.expect("a batch");
        assert_eq!(batch.entries.len(), 3);
        admin.patch(&path, change).await.status(200);
        assert!(
            !leased.delivered(&worker, &batch).await.expect("asked"),
            "it is to be sent to where the sink is now"
        );
        let now: Value = admin.get(&path).await.ok();
        assert_eq!(now["position"], 0);
    }
    let leased = take().await.expect("it is due");
    admin.delete(&path).await.no_content();
    leased.failed(&worker, "gone", std::time::Duration::ZERO).await.expect("nothing is written");
    assert!(take().await.is_none());
}
