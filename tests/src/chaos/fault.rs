//! What receivers do that they should not.

use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::sleep;

use super::wire::Wire;

/// Lets what was sent arrive before the connection breaks.
const BREATH: Duration = Duration::from_millis(50);
/// Longer than any deadline of an attempt here.
const LONG: Duration = Duration::from_secs(60);
const FLOOD: usize = 200 << 20;
const CHUNK: usize = 64 * 1024;
const LONG_HEAD: usize = 4 << 20;

/// A way to answer a request, or not to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// 503.
    Unavailable,
    /// Nothing, for as long as the client waits.
    Hangs,
    /// The connection is closed before the request is read.
    ClosesAtOnce,
    /// The connection is reset when the request has come.
    ResetsBeforeHead,
    /// A head of which a byte comes now and then, beyond the deadline.
    TricklesHead,
    /// What is no HTTP.
    NoHttp,
    /// Four megabytes of headers.
    LongHead,
    /// 103 without end.
    EndlessHints,
    /// 101.
    SwitchesProtocols,
    /// 204 after a number of 100 and 103.
    Hints,
    /// 200, and a reset.
    ResetsAfterHead,
    /// 200, a part of the body, and a reset.
    ResetsInBody,
    /// 200, and a body of which a byte comes now and then, beyond the deadline.
    TricklesBody,
    /// 200 with a length, and behind so many bytes another answer, to a request that was never made.
    LengthTooShort,
    /// 200 with a length that never comes.
    LengthTooLong,
    /// 200, and chunks that are none.
    ChunkedGarbage,
    /// 200, and 200 MiB.
    Floods,
}

impl Fault {
    /// Whether a 2xx head comes in time: then the event is delivered, whatever becomes of the body.
    pub(super) fn is_taken(self) -> bool {
        use Fault::{
            ChunkedGarbage, Floods, Hints, LengthTooLong, LengthTooShort, ResetsAfterHead, ResetsInBody,
            TricklesBody,
        };
        matches!(
            self,
            Hints
                | ResetsAfterHead
                | ResetsInBody
                | TricklesBody
                | LengthTooShort
                | LengthTooLong
                | ChunkedGarbage
                | Floods
        )
    }

    /// Does it, on a connection on which a request has come; whether the connection may go on. Errors are the client's, which has had enough.
    pub(super) async fn play(self, stream: &mut impl Wire) -> std::io::Result<bool> {
        let head = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}\r\n");
        match self {
            Self::Unavailable => {
                stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await?;
                return Ok(true);
            }
            Self::Hangs => sleep(LONG).await,
            Self::ClosesAtOnce => {}
            Self::ResetsBeforeHead => stream.reset_when_dropped(),
            Self::TricklesHead => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nx-slow: ").await?;
                trickle(stream).await?;
            }
            Self::NoHttp => stream.write_all(b"\x00\xff\xfe no answer at all\r\n\r\n\r\n").await?,
            Self::LongHead => long_head(stream).await?,
            Self::EndlessHints => {
                for _ in 0..LONG.as_millis() / BREATH.as_millis() {
                    stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await?;
                    sleep(BREATH).await;
                }
            }
            Self::SwitchesProtocols => {
                let answer =
                    b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n";
                stream.write_all(answer).await?;
                sleep(BREATH).await;
            }
            Self::Hints => {
                for _ in 0..20 {
                    stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await?;
                }
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n").await?;
                return Ok(true);
            }
            Self::ResetsAfterHead => break_after(stream, &head("content-length: 100\r\n")).await?,
            Self::ResetsInBody => {
                break_after(stream, &(head("content-length: 100\r\n") + "some of it")).await?;
            }
            Self::TricklesBody => {
                stream.write_all(head("content-length: 1000\r\n").as_bytes()).await?;
                trickle(stream).await?;
            }
            Self::LengthTooShort => {
                let more = "okHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all((head("content-length: 2\r\n") + more).as_bytes()).await?;
                return Ok(true);
            }
            Self::LengthTooLong => {
                stream.write_all((head("content-length: 1000\r\n") + "little").as_bytes()).await?;
                sleep(LONG).await;
            }
            Self::ChunkedGarbage => {
                let garbage = head("transfer-encoding: chunked\r\n") + "zz;\r\nno chunk\r\n-5\r\n";
                stream.write_all(garbage.as_bytes()).await?;
                sleep(BREATH).await;
            }
            Self::Floods => flood(stream, &head(&format!("content-length: {FLOOD}\r\n"))).await?,
        }
        Ok(false)
    }
}

/// A byte now and then.
async fn trickle(stream: &mut impl Wire) -> std::io::Result<()> {
    for _ in 0..LONG.as_millis() / BREATH.as_millis() {
        stream.write_all(b".").await?;
        sleep(BREATH).await;
    }
    Ok(())
}

async fn break_after(stream: &mut impl Wire, text: &str) -> std::io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await?;
    sleep(BREATH).await;
    stream.reset_when_dropped();
    Ok(())
}

async fn long_head(stream: &mut impl Wire) -> std::io::Result<()> {
    stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
    let line = format!("x-long: {}\r\n", "a".repeat(1000));
    for _ in 0..LONG_HEAD / line.len() {
        stream.write_all(line.as_bytes()).await?;
    }
    stream.write_all(b"content-length: 0\r\n\r\n").await
}

async fn flood(stream: &mut impl Wire, head: &str) -> std::io::Result<()> {
    stream.write_all(head.as_bytes()).await?;
    let chunk = vec![b'x'; CHUNK];
    for _ in 0..FLOOD / CHUNK {
        stream.write_all(&chunk).await?;
    }
    Ok(())
}
