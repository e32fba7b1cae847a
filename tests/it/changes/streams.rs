//! The feed as Server-Sent Events.

use std::time::Duration;

use serde_json::json;
use tenon_tests::stack::Stack;
use tenon_tests::{EventStream, TestApp, eventually, factory};

use super::{CONTACTS, Reader, kept, settle};

/// So many events of a stream: ids of cursors, and bodies.
async fn take(stream: &mut EventStream, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        let event = stream.next().await.expect("an event");
        assert_eq!(event.json()["type"], event.kind, "{event:?}");
        bodies.push(event.data);
    }
    bodies
}

#[tokio::test]
async fn a_stream_has_what_is_there_and_what_comes() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    factory::contacts(&admin, 3).await;
    let mut stream = admin.events("/changes").await.unwrap_or_else(|answer| panic!("{answer}"));
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-store");
    assert!((8..=64).contains(&stream.header("x-request-id").len()));
    let there = kept(&mut app.connect().await, &acme).await;
    assert_eq!(take(&mut stream, there.len()).await, there);
    admin.post("/connection/leads", factory::lead(1)).await.status(201);
    let next = stream.next().await.expect("an event");
    assert_eq!((next.kind.as_str(), next.json()["data"]["title"].as_str()), ("lead.created", Some("Lead 1")));
    // Its id is a cursor of the pages too.
    let mut reader = Reader::new(&admin, "");
    reader.after = Some(next.id);
    admin.post("/connection/leads", factory::lead(2)).await.status(201);
    let page = reader.next(1).await;
    assert_eq!(page[0]["data"]["title"], "Lead 2");
    assert_eq!(stream.next().await.expect("an event").json(), page[0]);
}

#[tokio::test]
async fn a_client_that_comes_back_goes_on_behind_the_last_event() {
    let mut stack = Stack::start().await;
    let mut stream =
        stack.owner.events("/changes?types=contact.*").await.unwrap_or_else(|answer| panic!("{answer}"));
    let mut told = Vec::new();
    for name in ["one", "two"] {
        stack.contact(name).await;
        told.push(stream.next().await.expect("an event").json()["data"]["name"].clone());
    }
    // A comment before the end may have moved the place on, over what is left out.
    stack.owner.post("/connection/leads", factory::lead(1)).await.status(201);
    stack.contact("three").await;
    let third = stream.next().await.expect("an event");
    stack.api.kill9().await;
    while stream.next().await.is_some() {}
    assert_eq!(stream.last_id, third.id);
    stack.api.start_again().await;
    stack.contact("four").await;
    // `after` is what the first request of an EventSource had; the header of the later ones counts.
    let back = stack.owner.with_header("last-event-id", &stream.last_id);
    let mut stream =
        back.events("/changes?types=contact.*&after=now").await.unwrap_or_else(|answer| panic!("{answer}"));
    stack.contact("five").await;
    for name in ["four", "five"] {
        assert_eq!(stream.next().await.expect("an event").json()["data"]["name"], name);
    }
    assert_eq!(told, ["one", "two"]);
}

#[tokio::test]
async fn a_place_that_is_none_is_refused_before_the_stream() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let refused = admin.with_header("last-event-id", "x").events("/changes").await.expect_err("refused");
    let refused = refused.refused(400, "INVALID_CURSOR");
    assert!(refused.json()["details"]["Last-Event-ID"].is_string(), "{refused}");
    // Pages take no notice of the header.
    admin.with_header("last-event-id", "x").get("/changes").await.status(200);
    app.anonymous().events("/changes").await.expect_err("refused").refused(401, "UNAUTHENTICATED");
    let agent = acme.agent().await;
    agent.events("/changes").await.expect_err("refused").refused(403, "ROLE_TOO_LOW");
}

#[tokio::test]
async fn a_silent_stream_is_heard_of_and_its_place_moves_on() {
    let app = TestApp::start_as(|app| app.changes.heartbeat = Duration::from_millis(100)).await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    settle(&admin).await;
    let mut stream =
        admin.events("/changes?after=now&types=lead.*").await.unwrap_or_else(|answer| panic!("{answer}"));
    assert_eq!(stream.block().await.as_deref(), Some("retry: 1000"));
    admin.post(CONTACTS, factory::contact(1)).await.status(201);
    // Blocks that are no events, each with a place.
    let mut reader = Reader::new(&admin, "");
    eventually("its place is behind the contact", async || {
        let block = stream.block().await.expect("a comment");
        let place = block.strip_prefix(":\nid: ").unwrap_or_else(|| panic!("{block}"));
        reader.after = Some(place.to_owned());
        reader.page().await.is_empty()
    })
    .await;
    let mut fresh = Reader::new(&admin, "types=contact.*");
    assert_eq!(fresh.next(1).await.len(), 1, "the contact can be read by now");
}

#[tokio::test]
async fn a_stream_is_not_held_back_by_compression() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let client = acme.admin().with_header("accept-encoding", "gzip, br");
    settle(&acme.admin()).await;
    let mut stream = client.events("/changes?after=now").await.unwrap_or_else(|answer| panic!("{answer}"));
    assert_eq!(stream.header("content-encoding"), "");
    acme.admin().post(CONTACTS, json!({"name": "Grace"})).await.status(201);
    assert_eq!(stream.next().await.expect("an event").kind, "contact.created");
}

#[tokio::test]
async fn a_stream_of_many_events_is_in_order_and_whole() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let items: Vec<_> = (0..500).map(|number| json!({"name": format!("Contact {number}")})).collect();
    admin.post("/connection/contacts/batch/create", json!({"items": items})).await.status(200);
    let all = kept(&mut app.connect().await, &acme).await;
    let mut stream = admin.events("/changes").await.unwrap_or_else(|answer| panic!("{answer}"));
    assert_eq!(take(&mut stream, all.len()).await, all);
}
