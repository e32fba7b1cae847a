//! Reading a page, and waiting for one.

use std::sync::Arc;
use std::time::Duration;

use tenon_common::TenantTx;
use tenon_common::event::EventType;
use tenon_common::feed::{self, Page, Portion, Start, Types};
use tenon_common::version::ApiVersion;
use tokio::time::{Instant, sleep_until};

use crate::app::App;
use crate::calls::caller::{Identity, Pass};
use crate::http::refusal::Refusal;
use crate::http::request;

/// Who reads, and what.
pub(super) struct Reader {
    pub(super) app: Arc<App>,
    pub(super) pass: Pass,
    pub(super) types: Types,
    /// The version of the API in which it reads, from the beginning to the end.
    pub(super) version: ApiVersion,
}

impl Reader {
    /// What follows a place, of what the caller may read by now.
    pub(super) async fn read(
        &self,
        caller: &Identity,
        start: Start,
        portion: Portion,
    ) -> Result<Page, Refusal> {
        let may = |event: &EventType| caller.allow_all(event.reading().iter().copied());
        let types = self.types.clone().for_reader(may)?;
        let read = async |tx: &mut TenantTx<'_>| feed::read(tx, start, &types, portion).await;
        Ok(self.app.db.read(&caller.actor, read).await?)
    }

    /// What follows a place, as soon as there is something and after `wait` at the latest. While it waits it holds no connection.
    pub(super) async fn poll(
        &self,
        caller: &Identity,
        start: Start,
        portion: Portion,
        wait: Duration,
    ) -> Result<Page, Refusal> {
        let mut page = self.read(caller, start, portion).await?;
        if wait.is_zero() || !page.is_empty() {
            return Ok(page);
        }
        let changes = &self.app.changes;
        let _seat = changes.seats.seat(caller.actor.tenant)?;
        let mut following = changes.tail.follow(caller.actor.tenant);
        let (began, mut pause) = (Instant::now(), Pause::default());
        while page.is_empty() {
            let come = async {
                pause.wait().await;
                following.beyond(page.next).await;
            };
            tokio::select! {
                () = come => {}
                () = sleep_until(began + wait) => break,
                () = changes.ended.cancelled() => break,
            }
            let caller = self.pass.check(&self.app).await?;
            page = self.read(&caller, Start::After(page.next), portion).await?;
            pause.after(&page);
        }
        request::waited(began.elapsed());
        Ok(page)
    }
}

/// Between readings that found nothing of what is wanted: longer each time, for as long as there is nothing.
#[derive(Debug, Default)]
pub(super) struct Pause {
    length: Duration,
    until: Option<Instant>,
}

const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

impl Pause {
    /// A page was read.
    pub(super) fn after(&mut self, page: &Page) {
        self.length = match page.is_empty() {
            true => (self.length * 2).clamp(SHORTEST, LONGEST),
            false => Duration::ZERO,
        };
        self.until = Some(Instant::now() + self.length);
    }

    /// Waits until the next one may be read.
    pub(super) async fn wait(&self) {
        if let Some(until) = self.until {
            sleep_until(until).await;
        }
    }
}
