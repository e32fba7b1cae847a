//! What receivers answer, well-behaved or not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::receiver::{Receiver, request};
use super::*;
use crate::webhook::Outcome;

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn a_2xx_is_success_and_the_body_arrives_as_it_is() {
    let (seen, mut requests) = mpsc::unbounded_channel();
    let receiver = Receiver::start(move |mut stream, _| {
        let seen = seen.clone();
        async move {
            seen.send(request(&mut stream).await.expect("a request")).expect("the test listens");
            stream.write_all(OK.as_bytes()).await.expect("written");
        }
    })
    .await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!((result.outcome, result.status, result.error), (Outcome::Success, Some(200), None));
    assert_eq!(result.response_excerpt.as_deref(), Some("ok"));
    let request = requests.recv().await.expect("a request");
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("\r\n\r\n{\"id\":1}"), "{request}");
    assert!(request.contains("content-length: 8\r\n"), "{request}");
    assert!(request.contains(&format!("host: {}\r\n", receiver.address)), "{request}");
    assert!(!request.contains("accept-encoding"), "{request}");
}

#[tokio::test]
async fn refusals_by_status_with_what_they_ask_for() {
    let cases = [
        ("400 Bad Request", "", Outcome::Http4xx),
        ("410 Gone", "", Outcome::Http4xx),
        ("429 Too Many Requests", "retry-after: 7\r\n", Outcome::Http4xx),
        ("500 Oops", "webhook-delivery: abort-message\r\n", Outcome::Http5xx),
        ("999 Strange", "", Outcome::Http5xx),
    ];
    for (status, header, outcome) in cases {
        let receiver =
            Receiver::answering(format!("HTTP/1.1 {status}\r\n{header}content-length: 0\r\n\r\n")).await;
        let result = send(&local(), &receiver.url()).await;
        assert_eq!(result.outcome, outcome, "{status}");
        assert_eq!(result.status.map(|code| code.to_string()).as_deref(), status.get(..3), "{status}");
        assert_eq!(result.disable_requested, status.starts_with("410"), "{status}");
        assert_eq!(result.abort_requested, status.starts_with("500"), "{status}");
        assert_eq!(
            result.retry_after,
            status.starts_with("429").then_some(Duration::from_secs(7)),
            "{status}"
        );
    }
}

#[tokio::test]
async fn redirections_are_not_followed() {
    let target = Receiver::answering(OK).await;
    for status in [301, 302, 303, 307, 308] {
        let answer =
            format!("HTTP/1.1 {status} Go\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url());
        let receiver = Receiver::answering(answer).await;
        let result = send(&local(), &receiver.url()).await;
        assert_eq!((result.outcome, result.status), (Outcome::Http3xx, Some(status)));
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_trickling_body_meets_the_deadline() {
    let receiver = Receiver::start(|mut stream, _| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n").await;
        while stream.write_all(b".").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let result = send_within(&local(), &receiver.url(), SHORT).await;
    assert_eq!((result.outcome, result.status), (Outcome::Timeout, Some(200)));
    assert!(result.response_excerpt.is_some_and(|excerpt| excerpt.starts_with('.')));
}

#[tokio::test]
async fn trickling_headers_meet_the_deadline() {
    let receiver = Receiver::start(|mut stream, _| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(b"y").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let result = send_within(&local(), &receiver.url(), SHORT).await;
    assert_eq!((result.outcome, result.status), (Outcome::Timeout, None));
}

#[tokio::test]
async fn a_refusal_that_trickles_stays_a_refusal() {
    let receiver = Receiver::start(|mut stream, _| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 503 No\r\nretry-after: 9\r\ncontent-length: 9\r\n\r\nbusy").await;
        std::future::pending::<()>().await;
    })
    .await;
    let result = send_within(&local(), &receiver.url(), SHORT).await;
    assert_eq!((result.outcome, result.status), (Outcome::Http5xx, Some(503)));
    assert_eq!(result.retry_after, Some(Duration::from_secs(9)));
    assert_eq!(result.response_excerpt.as_deref(), Some("busy"));
}

#[tokio::test]
async fn of_a_200_mib_answer_little_is_read() {
    const ANSWER: usize = 200 * 1024 * 1024;
    let written = Arc::new(AtomicUsize::new(0));
    let (counter, (done, mut finished)) = (written.clone(), mpsc::channel(1));
    let receiver = Receiver::start(move |mut stream, _| {
        let (counter, done) = (counter.clone(), done.clone());
        async move {
            request(&mut stream).await;
            let _ = stream
                .write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {ANSWER}\r\n\r\n").as_bytes())
                .await;
            let chunk = vec![b'x'; 64 * 1024];
            while counter.load(Ordering::SeqCst) < ANSWER && stream.write_all(&chunk).await.is_ok() {
                counter.fetch_add(chunk.len(), Ordering::SeqCst);
            }
            done.send(()).await.expect("the test waits");
        }
    })
    .await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!(result.outcome, Outcome::Success);
    assert_eq!(result.response_excerpt.map(|excerpt| excerpt.len()), Some(1024));
    finished.recv().await.expect("the receiver was cut off");
    // What the kernel's two socket buffers hold was written too, though never read.
    assert!(written.load(Ordering::SeqCst) < ANSWER / 4, "{written:?} bytes were taken");
}

#[tokio::test]
async fn endless_headers_are_cut_off() {
    let receiver = Receiver::start(|mut stream, _| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
        while stream.write_all(&[b'y'; 8192]).await.is_ok() {}
    })
    .await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!((result.outcome, result.status), (Outcome::Connect, None));
}

#[tokio::test]
async fn a_compressed_answer_is_not_unpacked() {
    let packed = b"\x1f\x8b\x08\0rest";
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", packed.len());
    let receiver = Receiver::answering([head.as_bytes(), packed].concat()).await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!(result.outcome, Outcome::Success);
    assert_eq!(result.response_excerpt.as_deref(), Some("\u{1f}\u{fffd}\u{8}\u{fffd}rest"));
}

#[tokio::test]
async fn a_2xx_that_breaks_off_is_no_success() {
    let receiver = Receiver::start(|mut stream, _| async move {
        request(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    })
    .await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!((result.outcome, result.status), (Outcome::Connect, Some(200)));
    assert_eq!(result.response_excerpt.as_deref(), Some("half"));
}

#[tokio::test]
async fn what_is_not_http_is_no_answer() {
    let receiver = Receiver::answering("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!((result.outcome, result.status), (Outcome::Connect, None));
}
