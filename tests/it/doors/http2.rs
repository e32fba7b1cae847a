//! HTTP/2 by hand: many streams on one connection, whose answers nobody takes.

use tenon_tests::stack::Stack;
use tenon_tests::{Cluster, TestDatabase, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{address, sample};

/// A connection that asks for a path so many times, and lets nothing of the answers' bodies come: each stream's window is closed.
pub(super) async fn ask_and_take_nothing(address: &str, path: &str, times: u32) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.expect("the API accepts");
    // SETTINGS_INITIAL_WINDOW_SIZE (4) is 0.
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0".to_vec();
    // :method GET, :scheme http, and as literals :path and :authority.
    let mut block = vec![0x82, 0x86, 0x04, u8::try_from(path.len()).expect("short")];
    block.extend_from_slice(path.as_bytes());
    block.extend_from_slice(b"\x01\x01a");
    for number in 0..times {
        // HEADERS with END_STREAM and END_HEADERS.
        bytes.extend_from_slice(&[0, 0, u8::try_from(block.len()).expect("short"), 1, 5]);
        bytes.extend_from_slice(&(2 * number + 1).to_be_bytes());
        bytes.extend_from_slice(&block);
    }
    stream.write_all(&bytes).await.expect("it is read");
    stream
}

#[tokio::test]
async fn a_hundred_streams_whose_answers_are_not_taken_are_ended() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).env("TENON_CLIENT_STALL_DEADLINE", "0.5").start().await;
    let mut stream = ask_and_take_nothing(&address(&api), "/docs", 100).await;
    let mut answers = Vec::new();
    // Whether by an end or by a reset.
    let _ = stream.read_to_end(&mut answers).await;
    let refused =
        answers.windows(13).filter(|frame| frame[..4] == [0, 0, 4, 3] && frame[9..] == [0, 0, 0, 7]);
    assert_eq!(refused.count(), 68, "32 streams at once");
    eventually("it was ended", async || {
        match sample(&api, "tenon_http_connections_ended_total{reason=\"stalled\"}").await {
            1.0 => Ok(()),
            other => Err(format!("{other}")),
        }
    })
    .await;
}

/// "Rapid reset": streams that are taken back at once are not counted as open ones.
#[tokio::test]
async fn streams_that_are_taken_back_at_once_end_the_connection() {
    let database = TestDatabase::create(Cluster::shared().await).await;
    let api = Stack::api(&database).start().await;
    let mut stream = TcpStream::connect(address(&api)).await.expect("the API accepts");
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_vec();
    for number in 0..2_000u32 {
        let id = (2 * number + 1).to_be_bytes();
        bytes.extend_from_slice(&[0, 0, 6, 1, 5]);
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(b"\x82\x86\x84\x01\x01a");
        bytes.extend_from_slice(&[0, 0, 4, 3, 0]);
        bytes.extend_from_slice(&id);
        bytes.extend_from_slice(&[0, 0, 0, 8]);
    }
    // It may be ended before all of it is written.
    let _ = stream.write_all(&bytes).await;
    let mut answers = Vec::new();
    let _ = stream.read_to_end(&mut answers).await;
    // GOAWAY with ENHANCE_YOUR_CALM.
    let calm = |frame: &[u8]| frame[3..9] == [7, 0, 0, 0, 0, 0] && frame[13..] == [0, 0, 0, 11];
    assert!(answers.windows(17).any(calm), "{answers:?}");
}
