//! The receiver of webhooks, by a client of its own.

use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use tenon_tests::{Client, Receiver, Reply};

#[tokio::test]
async fn it_remembers_what_came_and_answers_as_told() {
    let mut receiver = Receiver::start().await;
    let client = Client::new(&receiver.url("")).with_header("X-Webhook-Attempt", "1");
    receiver.then_statuses([500, 410]);
    receiver.then([Reply::retry_after(7), Reply::redirect("http://127.0.0.1:1/")]);

    let body = json!({"type": "contact.created", "data": {"id": "1"}});
    client.post("/hook?x=1", body.clone()).await.status(500);
    client.get("/").await.status(410);
    assert_eq!(client.get("/").await.status(503).header("retry-after"), "7");
    let to_nowhere = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    assert_eq!(to_nowhere.get(receiver.url("/")).send().await.unwrap().status(), 302);
    client.get("/").await.status(200);

    let first = receiver.next().await;
    assert_eq!((first.method.as_str(), first.path.as_str()), ("POST", "/hook?x=1"));
    assert_eq!(first.header("x-webhook-attempt"), "1");
    assert_eq!(first.body, body.to_string().into_bytes());
    first.assert_event("contact.created", "1");
    assert_eq!(receiver.next().await.path, "/");
    assert_eq!(receiver.all().len(), 5);
}

#[tokio::test]
async fn a_closure_decides() {
    let receiver = Receiver::start().await;
    receiver
        .always(|request| Reply::status(if request.path == "/good" { 204 } else { 404 }).body(Vec::new()));
    let client = Client::new(&receiver.url(""));
    client.get("/good").await.no_content();
    client.get("/bad").await.status(404);
}

#[tokio::test]
async fn next_gives_up_in_time() {
    let mut receiver = Receiver::start().await;
    assert!(receiver.next_within(Duration::from_millis(30)).await.is_none());
    Client::new(&receiver.url("")).get("/").await.status(200);
    assert!(receiver.next_within(Duration::from_secs(5)).await.is_some());
}

#[tokio::test]
async fn it_is_away_and_back_on_the_same_port() {
    let mut receiver = Receiver::start().await;
    let client = Client::new(&receiver.url(""));
    client.get("/before").await.status(200);
    receiver.stop().await;
    client.try_send(reqwest::Method::GET, "/", None).await.unwrap_err();
    receiver.start_again().await;
    client.get("/after").await.status(200);
    assert_eq!(receiver.count(), 2);
}

#[tokio::test]
async fn it_hangs_trickles_breaks_and_floods() {
    let mut receiver = Receiver::start().await;
    let http = reqwest::Client::new();

    receiver.then([Reply::hang()]);
    let hanging = tokio::spawn(http.get(receiver.url("/")).send());
    receiver.next().await;
    receiver.stop().await;
    assert!(hanging.await.unwrap().is_err(), "stopping ends what hangs");
    receiver.start_again().await;

    receiver.then([Reply::trickle(3, Duration::from_millis(20)), Reply::cut(), Reply::large(200 << 20)]);
    let trickling = http.get(receiver.url("/")).send().await.unwrap();
    let chunks: Vec<_> = trickling.bytes_stream().map(|chunk| chunk.unwrap()).collect().await;
    assert_eq!(chunks.concat(), b"...");
    let cut = http.get(receiver.url("/")).send().await.unwrap().bytes().await;
    assert!(cut.is_err(), "{cut:?}");
    let mut flood = http.get(receiver.url("/")).send().await.unwrap().bytes_stream();
    let mut total = 0;
    while let Some(chunk) = flood.next().await {
        total += chunk.unwrap().len();
    }
    assert_eq!(total, 200 << 20);
}
