//! Connections that break, and handlers that do.

use std::sync::Arc;

use poem::endpoint::make;
use poem::{EndpointExt, Response};
use serde_json::json;
use tenon_api::calls::layers::{Outermost, Routes};
use tenon_tests::{Client, Served, TestApp};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{CONTACTS, start};
use crate::raw;

#[tokio::test]
async fn hanging_up_within_a_body_harms_nobody() {
    let (app, admin) = start().await;
    let head = format!(
        "POST /api/v1{CONTACTS} HTTP/1.1\r\nHost: tenon\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n",
        admin.credential
    );
    let hang_up = async |sent: &[u8]| {
        let mut stream = TcpStream::connect(app.address()).await.expect("the API accepts");
        stream.write_all(sent).await.expect("the API reads");
    };
    let bytes = [head.as_bytes(), b"{\"name\": \"half a na"].concat();
    for length in (0..bytes.len()).step_by(7) {
        hang_up(&bytes[..length]).await;
    }
    let chunked = head.replace("Content-Length: 1000", "Transfer-Encoding: chunked") + "5\r\n{\"nam\r\n";
    hang_up(chunked.as_bytes()).await;
    // More of them than there are connections to the database, and all is as before.
    let contacts = futures::future::join_all((0..16).map(|_| admin.get(CONTACTS))).await;
    for contacts in contacts {
        assert_eq!(contacts.status(200).json()["pagination"]["total"], 0);
    }
}

#[tokio::test]
async fn what_is_no_http_is_refused() {
    let app = TestApp::start().await;
    for nonsense in [
        "\r\n\r\nnonsense\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /api/v1/me HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        assert_eq!(raw::exchange(&app.address(), nonsense.as_bytes()).await.status, 400, "{nonsense:?}");
    }
    app.anonymous().get("/errors").await.status(200);
}

/// A stand-in for a handler with a bug, in the same layers as the API.
#[tokio::test]
async fn a_panic_ends_one_request() {
    let app = TestApp::start().await;
    let buggy = make(async |request| match request.uri().path() {
        "/panic" => panic!("a bug, on purpose"),
        _ => Response::builder().body("fine"),
    });
    let layers = Outermost::new(buggy.boxed(), Arc::clone(app.state()), Routes::of(&json!({"paths": {}})));
    let served = Served::start(layers).await;
    let client = Client::new(&served.url()).with_header("x-request-id", "request-of-test");
    for _ in 0..3 {
        let answer = client.get("/panic").await.refused(500, "INTERNAL");
        assert_eq!(answer.json()["success"], false);
        assert_eq!(answer.json()["metadata"]["requestId"], "request-of-test");
        assert_eq!(answer.header("x-request-id"), "request-of-test");
        assert!(!answer.text().contains("on purpose"), "what went wrong is for the log: {answer}");
        client.get("/").await.status(200);
    }
}
