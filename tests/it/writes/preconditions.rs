//! `If-Match`: what sixteen clients do to one record with it, and without.

use serde_json::{Value, json};
use tenon_tests::{TestApp, factory};

use super::CONTACTS;

const CLIENTS: usize = 16;

/// Each client adds its letter to the title, four times, by reading and writing.
async fn append(client: tenon_tests::Client, path: String, letter: char, guarded: bool) {
    for _ in 0..4 {
        loop {
            let read = client.get(&path).await.status(200);
            let contact: Value = read.data();
            let title = format!("{}{letter}", contact["title"].as_str().unwrap_or_default());
            let client = match guarded {
                true => client.with_header("if-match", read.header("etag")),
                false => client.clone(),
            };
            let written = client.patch(&path, json!({"title": title})).await;
            if written.status == 200 {
                break;
            }
            written.refused(412, "VERSION_CONFLICT");
            assert!(guarded);
        }
    }
}

#[tokio::test]
async fn with_if_match_no_change_is_lost_and_without_the_last_one_stands() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    for guarded in [true, false] {
        let contact: Value = admin.post(CONTACTS, json!({"name": "Grace"})).await.created();
        let path = format!("{CONTACTS}/{}", factory::id(&contact));
        let client: &tenon_tests::Client = &admin;
        let letters = ('a'..).take(CLIENTS);
        let appending = letters.map(|letter| append(client.clone(), path.clone(), letter, guarded));
        futures::future::join_all(appending).await;
        let now: Value = admin.get(&path).await.ok();
        let title = now["title"].as_str().expect("a title").to_owned();
        let events = crate::log::events(&mut app.connect().await, factory::id(&contact)).await;
        let versions: Vec<i64> = events
            .iter()
            .map(|event| event.json()["object"]["version"].as_i64().expect("a version"))
            .collect();
        // Whoever wins: versions have no gap, and each has its event.
        assert_eq!(versions, (1..=now["version"].as_i64().expect("a version")).collect::<Vec<_>>());
        // In the events every change stands in order, each upon the one before.
        for pair in events.windows(2) {
            let (before, after) = (pair[0].json(), pair[1].json());
            assert_eq!(after["changedFields"], json!(["title"]));
            assert_eq!(after["previous"], json!({"title": before["data"]["title"]}));
        }
        if guarded {
            assert_eq!(title.len(), 4 * CLIENTS, "{title}");
            assert_eq!(now["version"], 1 + 4 * CLIENTS);
            assert!(('a'..).take(CLIENTS).all(|letter| title.matches(letter).count() == 4), "{title}");
        } else {
            assert!(title.len() < 4 * CLIENTS, "somebody's letters were written over: {title}");
            let last = events.last().expect("an event").json();
            assert_eq!(last["data"]["title"], json!(title));
        }
    }
}

#[tokio::test]
async fn webhooks_and_api_keys_have_versions_too() {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let webhook = factory::webhook(&admin).await;
    let key: Value = admin.post("/api-keys", json!({"name": "A", "scopes": ["*"]})).await.created();
    let stale = admin.with_header("if-match", "\"v9\"");
    let (webhook, key) =
        (format!("/webhooks/{}", factory::id(&webhook)), format!("/api-keys/{}", factory::id(&key)));
    for answer in [
        stale.put(&webhook, json!({"events": ["*"]})).await,
        stale.patch(&webhook, json!({"description": "x"})).await,
        stale.delete(&webhook).await,
        stale.patch(&key, json!({"name": "B"})).await,
        stale.delete(&key).await,
    ] {
        let refused = answer.refused(412, "VERSION_CONFLICT");
        assert_eq!(refused.json()["details"]["currentVersion"], "1", "{refused}");
    }
    let current = admin.with_header("if-match", "\"v1\"");
    let patched = current.patch(&webhook, json!({"description": "x"})).await.status(200);
    assert_eq!(patched.header("etag"), "\"v2\"");
    let patched = current.patch(&key, json!({"name": "B"})).await.status(200);
    assert_eq!(patched.header("etag"), "\"v2\"");
}
