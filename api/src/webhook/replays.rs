//! `/webhooks/{id}/replay` and `/webhooks/{id}/replays`: what a webhook did not get is sent to it, as a job that says how far it is.

mod answer;
mod body;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use tenon_common::TenantTx;
use tenon_common::event::EventType;
use tenon_common::id::{WebhookId, WebhookReplayId};
use tenon_common::webhook::replay::{self, Progress, Replay};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, WebhooksRead, WebhooksWrite};
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Listed, Paging, Shown};
use crate::openapi::tags::Tags;

use answer::{Accepted, PreviewBody};
use body::{ReplayBody, ReplayInput};

/// The operations.
pub struct ReplaysApi;

#[OpenApi(prefix_path = "/api/v1/webhooks", tag = "Tags::Webhooks")]
impl ReplaysApi {
    /// Replay events to a webhook
    ///
    /// Sends what the webhook did not get, under the same `webhook-id`s, with the header `X-Webhook-Replay: true` and the schedule from
    /// its beginning. Which events is decided when you ask: those of `since` to `until` whose delivery has failed, or was brought by a
    /// replay and taken back; with `onlyFailed: false` those that were delivered too; with `includeNeverAttempted` those that there is no
    /// delivery for, because the webhook was disabled, was not subscribed to them, or was not there, and that it wants as it is now. What
    /// is pending is on its way, and not replayed. `POST …/replay/preview` says beforehand which these are.
    ///
    /// 202 answers the replay, which goes on by itself, oldest event first, `ratePerSecond` at most: `GET` of its `Location` says how far
    /// it is. It ends when all that it sent has been delivered or has failed again. One that somebody sends again meanwhile is passed
    /// over, and so is one whose event is kept no longer. While the webhook is disabled it waits. A webhook has one replay at a time, of
    /// 500,000 events at most; while one has not ended the answer is 409. Needs `webhooks:write`, and to read what the events tell of,
    /// such as `contacts:read`.
    #[oai(path = "/:id/replay", method = "post", operation_id = "replay_webhook")]
    async fn replay(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<ReplayInput>,
    ) -> Result<Answered<Accepted>, ApiError> {
        let (webhook, new) = (WebhookId(id.0), body.0.draft().check()?);
        let make = async |tx: &mut TenantTx<'_>| {
            let (replay, chosen) = replay::create(tx, webhook, &new).await?;
            caller.allow_all(EventType::reading_all(&chosen.types()))?;
            Ok(Accepted((replay, Progress::default()).into()))
        };
        once.write(&app, &caller, prefer, make).await
    }

    /// Preview a replay
    ///
    /// Which events a replay of the same body would bring now, by type and by where their deliveries stand; nothing is done. Needs
    /// `webhooks:write`, and to read what the events tell of, as for the replay.
    #[oai(path = "/:id/replay/preview", method = "post", operation_id = "preview_webhook_replay")]
    async fn preview(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        body: Body<ReplayInput>,
    ) -> Result<Shown<PreviewBody>, ApiError> {
        let (webhook, new) = (WebhookId(id.0), body.0.draft().check()?);
        let preview = async |tx: &mut TenantTx<'_>| replay::preview(tx, webhook, &new).await;
        let preview = app.db.read(&caller.actor, preview).await?;
        caller.allow_all(EventType::reading_all(&preview.types()))?;
        Ok(Shown::plain(preview.into()))
    }

    /// List the replays of a webhook
    ///
    /// Newest first. Needs `webhooks:read`.
    #[oai(path = "/:id/replays", method = "get", operation_id = "list_webhook_replays")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Replays on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Replays at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ReplayBody>, ApiError> {
        let query = format!("replays webhook={}", id.0);
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| replay::list(tx, WebhookId(id.0), &window).await;
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        let key = |(replay, _): &(Replay, Progress)| replay.sort_key();
        Ok(paging.list(page, key, ReplayBody::from))
    }

    /// Get a replay
    ///
    /// Where it stands: how many events were chosen, how many of them are sent, and what has become of those so far. Needs
    /// `webhooks:read`.
    #[oai(path = "/:id/replays/:replayId", method = "get", operation_id = "get_webhook_replay")]
    async fn get(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The replay's id.
        #[oai(name = "replayId")]
        replay: Path<Uuid>,
    ) -> Result<Shown<ReplayBody>, ApiError> {
        let (webhook, replay) = (WebhookId(id.0), WebhookReplayId(replay.0));
        let get = async |tx: &mut TenantTx<'_>| replay::get(tx, webhook, replay).await;
        Ok(Shown::plain(app.db.read(&caller.actor, get).await?.into()))
    }

    /// Cancel a replay
    ///
    /// What it has not brought yet stays as it is. What it has brought and what was not delivered is taken back to what it was before;
    /// events that there was no delivery for have a cancelled one then. What is being sent just now may still arrive. Needs
    /// `webhooks:write`.
    #[oai(path = "/:id/replays/:replayId/cancel", method = "post", operation_id = "cancel_webhook_replay")]
    async fn cancel(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The replay's id.
        #[oai(name = "replayId")]
        replay: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<ReplayBody>>, ApiError> {
        let (webhook, replay) = (WebhookId(id.0), WebhookReplayId(replay.0));
        let cancel = || {
            async |tx: &mut TenantTx<'_>| {
                Ok(Shown::plain(ReplayBody::from(replay::cancel(tx, webhook, replay).await?)))
            }
        };
        once.write_again(&app, &caller, prefer, cancel).await
    }
}
