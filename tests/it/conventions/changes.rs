//! Idempotency keys, preferences and preconditions of changes.

use reqwest::Method;
use serde_json::{Value, json};
use tenon_tests::{Answer, Client};

use super::{ALL, Resource, header, start};

/// All that can be asked of one record, from its creation to its end: the method, the path, the body.
fn life(of: Resource, record: &Value) -> Vec<(Method, String, Option<Value>)> {
    vec![
        (Method::PUT, of.of(record), Some(of.short(1, "Another"))),
        (Method::PATCH, of.of(record), Some(json!({of.text: "A third"}))),
        (Method::PATCH, of.by(record), Some(json!({of.text: "A fourth"}))),
        (Method::PUT, of.by(record), Some(of.short(1, "A fifth"))),
        (Method::DELETE, of.by(record), None),
        (Method::POST, of.act(record, "restore"), None),
        (Method::DELETE, of.of(record), None),
        (Method::POST, of.act(record, "purge"), None),
    ]
}

#[tokio::test]
async fn every_change_under_a_key_is_made_once() {
    let (app, admin) = start().await;
    for of in ALL {
        let keyed = |key: &str| admin.with_header("idempotency-key", key);
        let create = async || keyed("create").post(&of.path(), (of.body)(1)).await.status(201);
        let (first, again) = (create().await, create().await);
        let record: Value = first.data();
        same(&first, &again);
        assert_eq!(first.header("location"), format!("/api/v1{}", of.of(&record)));
        for (step, (method, path, body)) in life(of, &record).into_iter().enumerate() {
            let keyed = keyed(&format!("step {step}"));
            let ask = async |client: &Client| client.send(method.clone(), &path, body.clone()).await;
            let first = ask(&keyed).await;
            assert!(first.status.is_success(), "{of:?} {method} {path}: {first}");
            let events = of.events(&app, &record).await;
            same(&first, &ask(&keyed).await);
            assert_eq!(of.events(&app, &record).await, events, "{of:?} {method} {path}");
        }
        let body = of.short(1, "Something else");
        keyed("create").post(&of.path(), body).await.refused(422, "IDEMPOTENCY_KEY_REUSED");
        let left = admin.get(&format!("{}?deleted=include", of.path())).await.json();
        assert_eq!(left["pagination"]["total"], 0, "{of:?}: purged, and created once");
    }
}

fn same(first: &Answer, again: &Answer) {
    assert_eq!((first.status, first.text()), (again.status, again.text()));
    for name in ["etag", "location", "content-type"] {
        assert_eq!(header(first, name), header(again, name), "{name}");
    }
    assert_eq!(header(first, "idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), "true");
}

#[tokio::test]
async fn every_change_is_answered_as_it_is_preferred() {
    let (_app, admin) = start().await;
    let minimal = admin.with_header("prefer", "return=minimal");
    let whole = admin.with_header("prefer", "return=representation");
    for of in ALL {
        let created = minimal.post(&of.path(), (of.body)(1)).await.status(201);
        assert_eq!((created.text().as_str(), created.header("preference-applied")), ("", "return=minimal"));
        let path = created.header("location").trim_start_matches("/api/v1").to_owned();
        let record: Value = admin.get(&path).await.ok();
        for (method, path, body) in life(of, &record) {
            let silent = minimal.send(method.clone(), &path, body.clone()).await.no_content();
            assert_eq!(silent.header("preference-applied"), "return=minimal", "{of:?} {method} {path}");
        }
        let record = of.create(&admin, 1).await;
        for (method, path, body) in life(of, &record) {
            let shown = whole.send(method.clone(), &path, body).await.status(200);
            assert_eq!(shown.header("preference-applied"), "return=representation", "{of:?} {method} {path}");
            assert_eq!(shown.data::<Value>()["id"], record["id"], "{of:?} {method} {path}");
        }
    }
}

#[tokio::test]
async fn unknown_fields_are_refused_or_passed_over() {
    let (_app, admin) = start().await;
    for of in ALL {
        let mut body = (of.body)(1);
        body["colour"] = json!("red");
        let refused = admin.post(&of.path(), body.clone()).await.refused(400, "UNKNOWN_FIELD").json();
        assert!(refused["details"]["colour"].is_string(), "{of:?}: {refused}");
        admin.with_header("prefer", "handling=lenient").post(&of.path(), body).await.status(201);
    }
}

#[tokio::test]
async fn every_change_is_made_to_the_expected_version_only() {
    let (_app, admin) = start().await;
    for of in ALL {
        let record = of.create(&admin, 1).await;
        let conditional = [Method::PUT, Method::PATCH, Method::DELETE];
        for (method, path, body) in life(of, &record) {
            let version = match admin.get(&of.of(&record)).await {
                answer if answer.status == 200 => answer.data::<Value>()["version"].as_i64(),
                _ => None,
            };
            if let Some(version) = version.filter(|_| conditional.contains(&method)) {
                let stale = admin.with_header("if-match", &format!("\"v{}\"", version + 1));
                let refused = stale.send(method.clone(), &path, body.clone()).await;
                let refused = refused.refused(412, "VERSION_CONFLICT").json();
                assert_eq!(
                    refused["details"]["currentVersion"],
                    version.to_string(),
                    "{of:?} {method} {path}"
                );
                let right = admin.with_header("if-match", &format!("\"v{version}\""));
                let done = right.send(method.clone(), &path, body).await;
                assert!(done.status.is_success(), "{of:?} {method} {path}: {done}");
            } else {
                let done = admin.send(method.clone(), &path, body).await;
                assert!(done.status.is_success(), "{of:?} {method} {path}: {done}");
            }
        }
    }
}

#[tokio::test]
async fn every_record_is_answered_again_only_where_it_has_changed() {
    let (_app, admin) = start().await;
    for of in ALL {
        let record = of.create(&admin, 1).await;
        for path in [of.of(&record), of.by(&record)] {
            let answer = admin.get(&path).await.status(200);
            assert_eq!(answer.header("etag"), "\"v1\"", "{of:?}");
            assert_eq!(answer.data::<Value>(), record, "{of:?}");
            let known = admin.with_header("if-none-match", "\"v1\"").get(&path).await.status(304);
            assert_eq!((known.text().as_str(), known.header("etag")), ("", "\"v1\""), "{of:?}");
            admin.with_header("if-none-match", "\"v2\"").get(&path).await.status(200);
        }
    }
}
