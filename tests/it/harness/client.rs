//! Failed assertions say what came and where they stand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use tenon_tests::eventually::{equal, within};
use tenon_tests::{Client, Receiver, Reply};

#[tokio::test]
async fn an_unexpected_answer_is_shown() {
    let receiver = Receiver::start().await;
    receiver.always(|_| Reply::status(400).header("x-request-id", "r-1").body(r#"{"code":"INVALID_ID"}"#));
    let client = Client::new(&receiver.url("/api/v1"));
    let answer = client.get("/contacts/1").await;
    answer.clone().refused(400, "INVALID_ID");
    let panic = catch_unwind(AssertUnwindSafe(|| answer.ok::<serde_json::Value>())).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    for part in [
        "expected 200",
        "GET http://127.0.0.1:",
        "/api/v1/contacts/1",
        "400",
        "x-request-id: r-1",
        "INVALID_ID",
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

#[tokio::test]
async fn the_envelopes_data_are_typed() {
    let receiver = Receiver::start().await;
    receiver.then([Reply::status(201).body(r#"{"success":true,"data":{"name":"Grace"}}"#)]);
    let client = Client::new(&receiver.url(""));
    let created: std::collections::BTreeMap<String, String> =
        client.post("/", serde_json::json!({})).await.created();
    assert_eq!(created["name"], "Grace");
}

#[tokio::test]
async fn an_assertion_is_repeated_until_it_holds() {
    let mut attempts = 0;
    let value = within(Duration::from_secs(5), "the third attempt", async || {
        attempts += 1;
        equal(attempts, 3)
    })
    .await;
    assert_eq!(value, 3);
}

#[tokio::test]
async fn an_assertion_that_never_holds_says_where_it_stands() {
    let failing = tokio::spawn(within(Duration::from_millis(50), "one is two", async || equal(1, 2)));
    let panic = failing.await.unwrap_err().into_panic();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("one is two") && message.contains("found 1, expected 2"), "{message}");
    assert!(message.contains("harness/client.rs"), "{message}");
}
