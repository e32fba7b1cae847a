//! From pages to the body of an answer. A task reads the next page while the last one is sent, and waits when that takes its time:
//! without a connection to the database, and with two pages in memory at most, however long the list is and however slowly it is read.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, stream};
use poem::Body;
use tenon_common::crm::record::Record;
use tenon_common::export::{Aborted, Export, Format, Told};
use tenon_common::id::ExportId;
use tenon_common::list::Asked;
use tenon_common::role::Permission;
use tenon_common::wire;
use tokio::sync::mpsc::{self, Permit, Receiver, Sender};

use crate::app::App;
use crate::calls::caller::Identity;
use crate::http::export::{ExportAnswer, ExportQuery, Slot, break_off};
use crate::http::refusal::Refusal;

/// What is handed to the connection at once; it copies what it is handed.
const CHUNK: usize = 64 * 1024;

/// An export that is sent as it is read.
pub struct Streamed<R> {
    app: Arc<App>,
    caller: Identity,
    permission: Option<Permission>,
    export: Export<R>,
    format: Format,
    asked: Asked,
    started_at: DateTime<Utc>,
    /// Given back when all is over.
    _slot: Slot,
}

/// What goes from the task to the answer.
enum Piece {
    /// A page.
    Page(Bytes),
    /// When this is taken, all pages were handed to the connection.
    Last,
    /// It is complete. Without this the answer breaks off, so that nobody takes a part for the whole.
    End,
}

type Cut<T> = Result<T, Aborted>;

impl<R: Record> Streamed<R> {
    /// Reads the first page, so that what goes wrong there is an answer of its own, and has a task read the others.
    pub async fn begin(
        app: &Arc<App>,
        caller: &Identity,
        permission: Option<Permission>,
        query: ExportQuery,
    ) -> Result<ExportAnswer, Refusal> {
        let ExportQuery { style, walk, asked } = query;
        let slot = app.exports.begin(caller.actor.tenant)?;
        let started_at = wire::now();
        let mut export = Export::<R>::new(walk, style);
        let first = export.next(&app.db, &caller.actor).await?;
        let (sender, receiver) = mpsc::channel(1);
        let streamed = Self {
            app: app.clone(),
            caller: caller.clone(),
            permission,
            export,
            format: style.format,
            asked,
            started_at,
            _slot: slot,
        };
        tokio::spawn(streamed.run(first, sender));
        let name =
            format!("{}-{}.{}", R::listing().name, started_at.format("%Y%m%dT%H%M%SZ"), style.format.name());
        Ok(ExportAnswer { format: style.format, name, body: Body::from_bytes_stream(chunks(receiver)) })
    }

    async fn run(mut self, first: Option<Vec<u8>>, sender: Sender<Piece>) {
        let sent = self.send(first, &sender).await;
        let recorded = self.record(sent.as_ref().err().copied()).await;
        let outcome = match sent {
            // What is complete is so only when it was recorded.
            Ok(end) if recorded => {
                end.send(Piece::End);
                "completed"
            }
            _ => "aborted",
        };
        metrics::counter!("tenon_exports_total", "format" => self.format.name(), "outcome" => outcome)
            .increment(1);
    }

    /// Sends all pages; the place of the end, once the connection has them.
    async fn send<'s>(
        &mut self,
        first: Option<Vec<u8>>,
        sender: &'s Sender<Piece>,
    ) -> Cut<Permit<'s, Piece>> {
        let mut page = first;
        let mut place = self.room(sender).await?;
        while let Some(bytes) = page {
            let sent = metrics::counter!("tenon_export_bytes_total", "format" => self.format.name());
            sent.increment(bytes.len() as u64);
            place.send(Piece::Page(bytes.into()));
            place = self.room(sender).await?;
            self.ask_again().await?;
            page = self.export.next(&self.app.db, &self.caller.actor).await.map_err(failed)?;
        }
        place.send(Piece::Last);
        self.room(sender).await
    }

    /// Waits until the page before was taken.
    async fn room<'s>(&self, sender: &'s Sender<Piece>) -> Cut<Permit<'s, Piece>> {
        match tokio::time::timeout(self.app.exports.stall_deadline, sender.reserve()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Aborted::ClientGone),
        }
    }

    /// An export may take long; it ends where its credential does.
    async fn ask_again(&self) -> Cut<()> {
        let now = self.caller.again(&self.app).await;
        let allowed = now.and_then(|now| {
            self.permission.map_or(Ok(()), |permission| now.require(permission))?;
            Ok(now.actor.role >= self.caller.actor.role)
        });
        match allowed {
            Ok(true) => Ok(()),
            Err(refusal) if refusal.code.status().is_server_error() => Err(Aborted::Failed),
            _ => Err(Aborted::Revoked),
        }
    }

    /// Writes the event; whether it was written.
    async fn record(&self, aborted: Option<Aborted>) -> bool {
        let told = Told {
            id: ExportId::new(),
            object: R::listing().name,
            format: self.format,
            asked: self.asked.clone(),
            rows: self.export.count(),
            bytes: self.export.bytes(),
            started_at: self.started_at,
            completed_at: wire::now(),
            aborted,
        };
        let written = self.app.db.write(&self.caller.actor, async |tx| told.record(tx).await).await;
        let request_id = self.caller.actor.origin.request_id.as_deref();
        let Told { object, rows, bytes, .. } = told;
        match (&written, aborted) {
            (Err(error), _) => {
                tracing::error!(request_id, %error, object, rows, bytes, "an export was not recorded");
            }
            (Ok(()), Some(why)) => {
                tracing::warn!(request_id, object, rows, bytes, why = why.name(), "an export was aborted");
            }
            (Ok(()), None) => tracing::info!(request_id, object, rows, bytes, "an export is complete"),
        }
        written.is_ok()
    }
}

fn failed(error: tenon_common::Error) -> Aborted {
    tracing::error!(%error, "an export cannot go on");
    Aborted::Failed
}

/// The body: pages in chunks. It breaks off where the task does.
fn chunks(receiver: Receiver<Piece>) -> impl Stream<Item = io::Result<Bytes>> {
    stream::unfold((receiver, Bytes::new()), async |(mut receiver, mut page)| {
        while page.is_empty() {
            match receiver.recv().await {
                Some(Piece::Page(next)) => page = next,
                Some(Piece::Last) => {}
                Some(Piece::End) => return None,
                None => break_off(),
            }
        }
        let chunk = page.split_to(page.len().min(CHUNK));
        Some((Ok(chunk), (receiver, page)))
    })
}
