//! `/webhooks/{id}/events`: what was delivered to a webhook, every attempt, and sending it again.

mod body;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use tenon_common::event::EventType;
use tenon_common::id::{EventId, WebhookId};
use tenon_common::role::Permission;
use tenon_common::webhook::delivery::{self, Delivery};
use tenon_common::webhook::matching::{self, Meant};
use tenon_common::webhook::resends;
use tenon_common::{Error, TenantTx};
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, WebhooksRead, WebhooksWrite};
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;
use crate::http::response::{Listed, Paging, Shown};
use crate::openapi::tags::Tags;

use body::{AttemptBody, DeliveryBody, DeliveryStatus, ResendInput, ResentBody};

/// What it takes to have the body of a delivery.
fn reading(delivery: &Delivery) -> Vec<Permission> {
    EventType::reading_all(std::slice::from_ref(&delivery.event_type)).collect()
}

fn event_id(text: &str) -> Result<EventId, Refusal> {
    EventId::parse(text)
        .ok_or_else(|| Refusal::new(Code::InvalidId).detail("eventId", "Expected evt_ and 26 characters"))
}

/// An instant of a query.
fn instant(name: &str, text: Option<String>) -> Result<Option<DateTime<Utc>>, Refusal> {
    let parse = |text: String| DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc());
    text.map(parse).transpose().map_err(|_| {
        Refusal::new(Code::ValidationError).detail(name, "Expected an instant, such as 2026-01-31T12:00:00Z")
    })
}

/// The operations.
pub struct DeliveriesApi;

#[OpenApi(prefix_path = "/api/v1/webhooks", tag = "Tags::Webhooks")]
impl DeliveriesApi {
    /// List deliveries
    ///
    /// The events that were or will be delivered to the webhook, newest first. What is asked for is combined: with `status=failed`,
    /// `type=contact.*` and `since` it is what failed of all contacts since then. Needs `webhooks:read`.
    #[oai(path = "/:id/events", method = "get", operation_id = "list_deliveries")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn list(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// Only those that stand so.
        status: Query<Option<DeliveryStatus>>,
        /// Types of events, parted by commas: `contact.created`, or `contact.*` for all of an object. All if absent.
        #[oai(name = "type")]
        types: Query<Option<String>>,
        /// Only events of things of this type, such as `contact`.
        #[oai(name = "objectType")]
        object_type: Query<Option<String>>,
        /// Only events of this thing.
        #[oai(name = "objectId")]
        object_id: Query<Option<Uuid>>,
        /// Only of events from this time on, RFC 3339.
        since: Query<Option<String>>,
        /// Only of events before this time, RFC 3339.
        until: Query<Option<String>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Deliveries on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Deliveries at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before, with the same filters.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<DeliveryBody>, ApiError> {
        let status = status.0.map(DeliveryStatus::name);
        let names = |types: String| types.split(',').map(|name| name.trim().to_owned()).collect();
        let meant = Meant {
            events: types.0.map(names),
            object_type: object_type.0,
            object_id: object_id.0,
            since: instant("since", since.0)?,
            until: instant("until", until.0)?,
        };
        let matching = meant.check_query()?;
        let query = format!("deliveries webhook={} status={} {matching:?}", id.0, status.unwrap_or("any"));
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        let window = Paging::window(&app.cursors, &query, &asked)?;
        let list = async |tx: &mut TenantTx<'_>| {
            matching::list(tx, WebhookId(id.0), status, &matching, &window).await
        };
        let page = app.db.read(&caller.actor, list).await?;
        let paging = Paging { cursors: &app.cursors, query: &query, window: &window };
        Ok(paging.list(page, Delivery::sort_key, DeliveryBody::from))
    }

    /// Get a delivery
    ///
    /// With the body as it is sent. Needs `webhooks:read`, and to read what the event tells of, such as `contacts:read`.
    #[oai(path = "/:id/events/:eventId", method = "get", operation_id = "get_delivery")]
    async fn get(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The event's id, `evt_…`.
        #[oai(name = "eventId")]
        event: Path<String>,
    ) -> Result<Shown<DeliveryBody>, ApiError> {
        let event = event_id(&event)?;
        let get = async |tx: &mut TenantTx<'_>| delivery::get(tx, WebhookId(id.0), event).await;
        let delivery = app.db.read(&caller.actor, get).await?;
        caller.allow_all(reading(&delivery))?;
        Ok(Shown::plain(delivery.as_sent(app.versions).into()))
    }

    /// List the attempts of a delivery
    ///
    /// First to last. Needs `webhooks:read`.
    #[oai(path = "/:id/events/:eventId/attempts", method = "get", operation_id = "list_attempts")]
    async fn attempts(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The event's id, `evt_…`.
        #[oai(name = "eventId")]
        event: Path<String>,
    ) -> Result<Shown<Vec<AttemptBody>>, ApiError> {
        let event = event_id(&event)?;
        let read = async |tx: &mut TenantTx<'_>| {
            delivery::get(tx, WebhookId(id.0), event).await?;
            delivery::attempts(tx, WebhookId(id.0), event).await
        };
        let attempts = app.db.read(&caller.actor, read).await?;
        Ok(Shown::plain(attempts.into_iter().map(AttemptBody::from).collect()))
    }

    /// Send a delivery again
    ///
    /// Now, with the schedule from its beginning, and under the same `webhook-id`: a receiver that has already handled it and
    /// skips repeats skips this one too. One that is pending has its next attempt now, and goes on with its schedule; 409 while an
    /// attempt is under way. Of a webhook whose `ordering` is `object` it waits for earlier events of its object, and later ones that have
    /// not begun wait for it. Needs `webhooks:write`, and to read what the event tells of, such as `contacts:read`.
    #[oai(path = "/:id/events/:eventId/resend", method = "post", operation_id = "resend_delivery")]
    async fn resend(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The event's id, `evt_…`.
        #[oai(name = "eventId")]
        event: Path<String>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<DeliveryBody>>, ApiError> {
        let event = event_id(&event)?;
        let resend = async |tx: &mut TenantTx<'_>| {
            let delivery = resends::resend(tx, WebhookId(id.0), event).await?;
            caller.allow_all(reading(&delivery))?;
            Ok(Shown::plain(DeliveryBody::from(delivery.as_sent(app.versions))))
        };
        once.write(&app, &caller, prefer, resend).await
    }
    /// Send many deliveries again
    ///
    /// Those that are meant, each as by itself: all of them or none. At most 1,000; where more match the answer is 409, and a replay is
    /// what you want, which keeps a rate and tells how far it is. Without a `status` those that have failed. Needs `webhooks:write`, and
    /// to read what the events tell of, such as `contacts:read`.
    #[oai(path = "/:id/events/resend", method = "post", operation_id = "resend_deliveries")]
    async fn resend_all(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<ResendInput>,
    ) -> Result<Answered<Shown<ResentBody>>, ApiError> {
        let status = body.0.status.unwrap_or(DeliveryStatus::Failed).name();
        let matching = body.0.meant().check()?;
        let resend = async |tx: &mut TenantTx<'_>| {
            let resent = resends::resend_all(tx, WebhookId(id.0), Some(status), &matching).await?;
            caller.allow_all(EventType::reading_all(&resent.types))?;
            let resent = i64::try_from(resent.count).map_err(Error::internal)?;
            Ok(Shown::plain(ResentBody { resent }))
        };
        once.write(&app, &caller, prefer, resend).await
    }
}
