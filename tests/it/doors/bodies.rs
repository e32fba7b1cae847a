//! Bodies that nobody wants: the client gets to its refusal.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tenon_tests::TestApp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BODY: usize = 12_000_000;

/// As Python's http.client and many others: all that there is to send, and only then a look at the answer; and once more.
fn refused(address: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the API accepts");
    let mut seen = String::new();
    for _ in 0..2 {
        write!(stream, "{head}host: a\r\ncontent-length: {BODY}\r\n\r\n").expect("the head is taken");
        stream.write_all(&vec![b'{'; BODY]).expect("all of the body is taken");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("an answer");
        seen.push_str(&String::from_utf8_lossy(&answer));
        // The rest of it, so that the next one comes first.
        let mut rest = Vec::new();
        while !rest.ends_with(b"}") {
            let mut some = [0; 4096];
            let read = stream.read(&mut some).expect("more of it");
            rest.extend_from_slice(&some[..read]);
        }
    }
    seen
}

#[tokio::test]
async fn a_client_that_sends_everything_before_it_reads_gets_to_its_refusal() {
    let app = TestApp::start().await;
    for (path, media_type, status) in [
        ("/api/v1/auth/login", "application/json", 413),
        ("/api/v1/auth/login", "text/plain", 415),
        ("/api/v1/connection/contacts", "application/json", 401),
        ("/api/v1/nothing", "application/json", 404),
    ] {
        let (address, head) =
            (app.address(), format!("POST {path} HTTP/1.1\r\ncontent-type: {media_type}\r\n"));
        let seen = tokio::task::spawn_blocking(move || refused(&address, &head)).await.expect("it ends");
        assert_eq!(seen, format!("HTTP/1.1 {status}").repeat(2), "{path}");
    }
}

#[tokio::test]
async fn a_client_that_is_too_slow_to_send_its_request_is_told_so() {
    let app = TestApp::start_as(|app| app.request_deadline = Duration::from_millis(300)).await;
    let mut stream = tokio::net::TcpStream::connect(app.address()).await.expect("the API accepts");
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 1000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.expect("it is taken");
    let mut answer = Vec::new();
    while !answer.ends_with(b"}") {
        assert_ne!(stream.read_buf(&mut answer).await.expect("an answer"), 0, "it ends before its end");
    }
    let answer = String::from_utf8(answer).expect("text");
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("\"code\":\"REQUEST_TIMEOUT\""), "{answer}");
}

#[tokio::test]
async fn a_client_of_http2_gets_to_its_refusal_too() {
    let app = TestApp::start().await;
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().expect("a client");
    for (media_type, status) in [("application/json", 413), ("text/plain", 415)] {
        let request =
            client.post(format!("{}/api/v1/auth/login", app.url())).header("content-type", media_type);
        let answer = request.body(vec![b'{'; BODY]).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), status);
        assert!(answer.text().await.expect("the body").contains("\"success\":false"));
    }
}
