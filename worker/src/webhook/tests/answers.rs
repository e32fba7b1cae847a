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

/// What was written of a body when the connection was closed.
async fn receiver_that_writes(head: &'static str, chunk: &'static [u8]) -> (Receiver, mpsc::Receiver<()>) {
    let (cut_off, is_cut_off) = mpsc::channel(1);
    let receiver = Receiver::start(move |mut stream, _| {
        let cut_off = cut_off.clone();
        async move {
            request(&mut stream).await;
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(chunk).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            let _ = cut_off.send(()).await;
        }
    })
    .await;
    (receiver, is_cut_off)
}

#[tokio::test]
async fn a_2xx_whose_body_never_ends_is_delivered_and_cut_off_long_before_the_deadline() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n",
        "HTTP/1.1 202 Accepted\r\n\r\n",
    ] {
        let (receiver, mut cut_off) = receiver_that_writes(head, b".").await;
        let result = send(&local(), &receiver.url()).await;
        assert_eq!((result.outcome, result.error), (Outcome::Success, None), "{head}");
        assert!(result.response_excerpt.is_some_and(|excerpt| excerpt.starts_with('.')), "{head}");
        // The receiver learns of it: nothing holds the connection for the rest of the 30 s.
        cut_off.recv().await.expect("the connection is closed");
        assert!(result.duration < PATIENT, "{:?}", result.duration);
    }
}

#[tokio::test]
async fn a_2xx_whose_body_reaches_the_deadline_is_delivered() {
    let (receiver, _) = receiver_that_writes("HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b".").await;
    let result = send_within(&local(), &receiver.url(), SHORT).await;
    assert_eq!((result.outcome, result.status), (Outcome::Success, Some(200)));
}

#[tokio::test]
async fn a_2xx_that_breaks_off_or_lies_about_its_length_is_delivered() {
    for (rest, kept) in [
        ("content-length: 100\r\n\r\nhalf", Some("half")),
        ("content-length: 100\r\n\r\n", None),
        ("content-length: 2\r\n\r\nmore than two", Some("mo")),
        ("content-length: 9007199254740991\r\n\r\n", None),
        ("content-length: 2\r\ncontent-length: 2\r\n\r\nok", Some("ok")),
        ("transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", Some("half")),
        ("transfer-encoding: chunked\r\n\r\nno length", None),
        ("transfer-encoding: gzip\r\n\r\nrest", Some("rest")),
    ] {
        let receiver = Receiver::start(move |mut stream, _| async move {
            request(&mut stream).await;
            let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n{rest}").as_bytes()).await;
        })
        .await;
        let result = send(&local(), &receiver.url()).await;
        assert_eq!(
            (result.outcome, result.status, result.error),
            (Outcome::Success, Some(200), None),
            "{rest}"
        );
        assert_eq!(result.response_excerpt.as_deref(), kept, "{rest}");
    }
}

#[tokio::test]
async fn headers_that_are_many_or_badly_written_do_not_matter() {
    let many = (0..120).map(|n| format!("X-Header-{n}: {n}\r\n")).collect::<String>();
    let thousand = "Set-Cookie: a=b\r\n".repeat(1000);
    for headers in [
        many.as_str(),
        thousand.as_str(),
        "X-Thing : true\r\n",
        "X-Thing\t: true\r\n",
        "X-Folded: one\r\n two\r\n\tthree\r\n",
        "X-Empty:\r\n",
        "no colon at all\r\n",
        ": no name\r\n",
        "X Thing: a blank in its name\r\n",
        "X-Thing: caf\u{e9}\r\n",
        "X-Thing: a\u{1}b\r\n",
        "Connection: keep-alive, nonsense\r\nconnection: \r\n",
        "Retry-After: \r\nWebhook-Delivery: \u{fffd}\r\nDate: yesterday\r\n",
    ] {
        let receiver =
            Receiver::answering(format!("HTTP/1.1 200 OK\r\n{headers}content-length: 2\r\n\r\nok")).await;
        let result = send(&local(), &receiver.url()).await;
        let start = headers.get(..20).unwrap_or(headers);
        assert_eq!(
            (result.outcome, result.status, result.error),
            (Outcome::Success, Some(200), None),
            "{start}"
        );
        assert_eq!(result.response_excerpt.as_deref(), Some("ok"), "{start}");
    }
    for head in [
        "HTTP/1.1 204\r\n\r\n",
        "HTTP/1.0 200 OK\n\n",
        "HTTP/1.1 299 \u{fc}\r\n\r\n",
        "\r\nHTTP/1.1 204 No\r\n\r\n",
    ] {
        let receiver = Receiver::start(move |mut stream, _| async move {
            request(&mut stream).await;
            let _ = stream.write_all(head.as_bytes()).await;
        })
        .await;
        let result = send(&local(), &receiver.url()).await;
        assert_eq!((result.outcome, result.error), (Outcome::Success, None), "{head}");
    }
}

#[tokio::test]
async fn what_badly_written_answers_ask_for_is_still_read() {
    let many = (0..120).map(|n| format!("X-Header-{n}: {n}\r\n")).collect::<String>();
    for headers in ["Retry-After : 7\r\n", "Retry-After:\r\n 7\r\n", &format!("{many}Retry-After: 7\r\n")] {
        let receiver =
            Receiver::answering(format!("HTTP/1.1 503 No\r\n{headers}content-length: 0\r\n\r\n")).await;
        let result = send(&local(), &receiver.url()).await;
        assert_eq!(result.retry_after, Some(Duration::from_secs(7)), "{headers}");
    }
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

/// One header without an end, and headers without an end: both meet the bound of 400 KiB, which is all that is held of them.
#[tokio::test]
async fn endless_headers_are_cut_off() {
    let lines = b"x-line: y\r\n".repeat(700);
    for chunk in [vec![b'y'; 8192], lines] {
        let written = Arc::new(AtomicUsize::new(0));
        let counter = written.clone();
        let (done, mut finished) = mpsc::channel(1);
        let receiver = Receiver::start(move |mut stream, _| {
            let (chunk, counter, done) = (chunk.clone(), counter.clone(), done.clone());
            async move {
                request(&mut stream).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ").await;
                while stream.write_all(&chunk).await.is_ok() {
                    counter.fetch_add(chunk.len(), Ordering::SeqCst);
                }
                let _ = done.send(()).await;
            }
        })
        .await;
        let result = send(&local(), &receiver.url()).await;
        assert_eq!((result.outcome, result.status), (Outcome::Connect, None));
        finished.recv().await.expect("the receiver was cut off");
        // With what the kernel's buffers hold.
        assert!(written.load(Ordering::SeqCst) < 32 << 20, "{written:?} bytes were taken");
    }
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
async fn what_is_not_http_is_no_answer() {
    let receiver = Receiver::answering("SSH-2.0-OpenSSH_9.9\r\n\r\n").await;
    let result = send(&local(), &receiver.url()).await;
    assert_eq!((result.outcome, result.status), (Outcome::Connect, None));
}
