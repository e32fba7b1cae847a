//! The feed as a stream: a task of its own, which ends with its client, its credential or the server.

use std::time::Duration;

use bytes::Bytes;
use poem::Response;
use tenon_common::feed::{Following, Page, Portion, Start};
use tenon_common::id::TenantId;
use tokio::sync::mpsc::{self, Sender};
use tokio::time::{sleep, timeout};

use super::poll::{Pause, Reader};
use crate::calls::caller::Identity;
use crate::http::refusal::Refusal;
use crate::http::seats::Seat;
use crate::http::sse;

/// What is read at once. A slow client holds no more than this in memory, and what the socket takes.
const PORTION: Portion = Portion { events: 200, bytes: 256 << 10 };
/// How long a client may take to read a portion.
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// After a failure that may pass.
const PUT_OFF: Duration = Duration::from_secs(1);
/// How long a client that was cut off waits before it comes back, in milliseconds.
const RETRY: &str = "retry: 1000\n\n";

/// 200 with the stream, whose first portion is read before: a place that is expired is refused.
pub(super) async fn open(reader: Reader, caller: &Identity, start: Start) -> Result<Response, Refusal> {
    let tenant = caller.actor.tenant;
    let seat = reader.app.changes.seats.seat(tenant)?;
    let first = reader.read(caller, start, PORTION).await?;
    let (chunks, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let stream = Stream { reader, tenant, chunks, _seat: seat };
        // Whatever ends it, the client sees the end.
        let _ = stream.run(first).await;
    });
    Ok(sse::stream(receiver))
}

struct Stream {
    reader: Reader,
    tenant: TenantId,
    chunks: Sender<Bytes>,
    _seat: Seat,
}

/// It is over.
struct Over;

impl Stream {
    async fn run(self, mut page: Page) -> Result<(), Over> {
        let mut following = self.reader.app.changes.tail.follow(self.tenant);
        let mut pause = Pause::default();
        self.send(RETRY.to_owned()).await?;
        loop {
            if !page.is_empty() {
                self.send(self.written(&page)).await?;
            }
            if !page.has_more {
                self.wait(&page, &pause, &mut following).await?;
            }
            page = self.next(&page).await?;
            pause.after(&page);
        }
    }

    /// Waits until something comes behind a page. The client hears meanwhile that the stream lasts.
    async fn wait(&self, page: &Page, pause: &Pause, following: &mut Following) -> Result<(), Over> {
        let come = async {
            pause.wait().await;
            following.beyond(page.next).await;
        };
        tokio::pin!(come);
        loop {
            tokio::select! {
                () = &mut come => return Ok(()),
                () = sleep(self.reader.app.changes.heartbeat) => {
                    drop(self.caller().await?);
                    self.send(self.place(page)).await?;
                }
                () = self.ended() => return Err(Over),
            }
        }
    }

    /// What follows a page. What fails and may pass is tried again; what does not ends the stream.
    async fn next(&self, page: &Page) -> Result<Page, Over> {
        loop {
            let caller = self.caller().await?;
            match self.reader.read(&caller, Start::After(page.next), PORTION).await {
                Ok(page) => return Ok(page),
                Err(refusal) => self.put_off(&refusal).await?,
            }
        }
    }

    /// The caller as it is let in now.
    async fn caller(&self) -> Result<Identity, Over> {
        loop {
            match self.reader.pass.check(&self.reader.app).await {
                Ok(caller) => return Ok(caller),
                Err(refusal) => self.put_off(&refusal).await?,
            }
        }
    }

    async fn put_off(&self, refusal: &Refusal) -> Result<(), Over> {
        if !refusal.code.status().is_server_error() {
            return Err(Over);
        }
        tokio::select! {
            () = sleep(PUT_OFF) => Ok(()),
            () = self.ended() => Err(Over),
        }
    }

    /// The client is gone, or the server is on its way out.
    async fn ended(&self) {
        tokio::select! {
            () = self.chunks.closed() => {}
            () = self.reader.app.changes.ended.cancelled() => {}
        }
    }

    async fn send(&self, text: String) -> Result<(), Over> {
        tokio::select! {
            sent = timeout(STALLED_AFTER, self.chunks.send(text.into())) => match sent {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(Over),
            },
            () = self.reader.app.changes.ended.cancelled() => Err(Over),
        }
    }

    fn written(&self, page: &Page) -> String {
        let Reader { app, version, .. } = &self.reader;
        let mut text = String::new();
        for event in &page.events {
            let turned = app.versions.event(*version, event.body.as_bytes());
            let body = turned.as_deref().unwrap_or(&event.body);
            sse::write_event(&mut text, &event.place.cursor(&app.cursors, self.tenant), &event.r#type, body);
        }
        if page.events.is_empty() {
            text = self.place(page);
        }
        text
    }

    fn place(&self, page: &Page) -> String {
        let mut text = String::new();
        sse::write_place(&mut text, &page.next.cursor(&self.reader.app.cursors, self.tenant));
        text
    }
}
