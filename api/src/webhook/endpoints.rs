//! `/webhooks`: receivers. Their deliveries are in `deliveries.rs`.

mod body;
mod shape;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use tenon_common::TenantTx;
use tenon_common::event::EventType;
use tenon_common::id::WebhookId;
use tenon_common::webhook::endpoint::{
    self, Changed, PaceDraft, ShapeDraft, SigningDraft, Webhook, WebhookDraft,
};
use tenon_common::webhook::switching::NotGathered;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{Caller, WebhooksDelete, WebhooksRead, WebhooksWrite};
use crate::calls::kept;
use crate::calls::once::{Answered, Once};
use crate::http::addresses;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Fetched, Listed, Shown};
use crate::openapi::tags::Tags;

pub use body::{WebhookBody, WebhookInput, WebhookPatch, WebhookReplacement};
pub use shape::PayloadForm;

/// Refuses an address whose name resolves to where deliveries may not go; a name that does not resolve is a warning. Looked up
/// before the transaction: nothing waits for a name server with one open.
async fn look_up(app: &App, url: Option<&str>) -> Result<Vec<String>, ApiError> {
    let Some(url) = url.and_then(|url| app.addresses.check_url(url).ok()) else { return Ok(Vec::new()) };
    let found = app.addresses.resolve(&url).await;
    addresses::warnings(
        found,
        "The URL's host name does not resolve to a public address yet; deliveries fail until it does",
    )
}

const LIST: &str = "webhooks sort=-createdAt";

/// The operations.
pub struct WebhooksApi;

#[OpenApi(prefix_path = "/api/v1/webhooks", tag = "Tags::Webhooks")]
impl WebhooksApi {
    /// List webhooks
    ///
    /// Newest first. Needs `webhooks:read`.
    #[oai(path = "/", method = "get", operation_id = "list_webhooks")]
    async fn list(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Webhooks on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Webhooks at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<WebhookBody>, ApiError> {
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        kept::list::<Webhook, _>(&app, &caller, LIST, &asked).await
    }

    /// Create a webhook
    ///
    /// It gets the events that are committed after it. The answer is the only one that shows the secret. Deliveries are signed
    /// as Standard Webhooks says: verify them with its library for your language. Needs `webhooks:write`, and to read what its events
    /// tell of, such as `contacts:read` for `contact.created`; for `*` all of it.
    #[oai(path = "/", method = "post", operation_id = "create_webhook")]
    async fn create(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<WebhookInput>,
    ) -> Result<Answered<Created<WebhookBody>>, ApiError> {
        let input = body.0;
        caller.allow_all(EventType::reading_all(&input.events))?;
        let warnings = look_up(&app, Some(&input.url)).await?;
        let draft = WebhookDraft {
            url: Some(input.url),
            events: Some(input.events),
            description: input.description,
            active: input.active,
            secret: input.secret,
            shape: ShapeDraft {
                filter: input.filter,
                skip_own: input.skip_own,
                payload: input.payload.map(PayloadForm::name),
                headers: shape::replaced(input.headers.as_ref()),
            },
            pace: PaceDraft {
                max_per_second: input.max_per_second,
                max_concurrency: input.max_concurrency,
                retry_schedule: input.retry_schedule,
                ordering: input.ordering.map(|ordering| ordering.name().to_owned()),
            },
            signing: SigningDraft {
                api_version: input.api_version,
                ed25519: input.ed25519,
                version: caller.version(app.versions),
                versions: app.versions,
            },
        };
        let create = async |tx: &mut TenantTx<'_>| {
            let (webhook, secret) = endpoint::create(tx, draft, &app.addresses, &app.master).await?;
            let location = format!("/api/v1/webhooks/{}", webhook.id);
            let version = Some(webhook.version);
            let data = WebhookBody { secret: Some(secret.reveal().to_string()), warnings, ..webhook.into() };
            Ok(Created { data, location, version })
        };
        once.write(&app, &caller, prefer.in_full(), create).await
    }

    /// Get a webhook
    ///
    /// Without its secret. Needs `webhooks:read`.
    #[oai(path = "/:id", method = "get", operation_id = "get_webhook")]
    async fn get(
        &self,
        caller: Caller<WebhooksRead>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<WebhookBody>, ApiError> {
        let webhook = app.db.read(&caller.actor, async |tx| endpoint::get(tx, WebhookId(id.0)).await).await?;
        let version = webhook.version;
        Ok(Fetched::unless(if_none_match.as_deref(), webhook.into(), version))
    }

    /// Replace a webhook
    ///
    /// `url`, `headers`, `secret`, `ed25519` and `apiVersion` are kept where they are absent; the rest is replaced. Needs
    /// `webhooks:write`, and to read what its events tell of, as for creating it.
    #[oai(path = "/:id", method = "put", operation_id = "replace_webhook")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<WebhookReplacement>,
    ) -> Result<Answered<Shown<WebhookBody>>, ApiError> {
        let input = body.0;
        let warnings = look_up(&app, input.url.as_deref()).await?;
        let edit = |draft: WebhookDraft| WebhookDraft {
            url: input.url.clone().or(draft.url),
            events: Some(input.events.clone()),
            description: input.description.clone(),
            active: Some(input.active.unwrap_or(true)),
            secret: input.secret.clone(),
            shape: ShapeDraft {
                filter: input.filter.clone(),
                skip_own: input.skip_own,
                payload: input.payload.map(PayloadForm::name),
                headers: shape::replaced(input.headers.as_ref()),
            },
            pace: PaceDraft {
                max_per_second: input.max_per_second,
                max_concurrency: input.max_concurrency,
                retry_schedule: input.retry_schedule.clone(),
                ordering: input.ordering.map(|ordering| ordering.name().to_owned()),
            },
            signing: SigningDraft {
                api_version: input.api_version.clone(),
                ed25519: input.ed25519,
                versions: app.versions,
                ..draft.signing
            },
        };
        let expected = params::if_match(if_match.as_deref())?;
        let asked = Change { id: WebhookId(id.0), expected, only_stops: false, warnings };
        asked.make(&app, &caller, &once, prefer, edit).await
    }

    /// Change a webhook
    ///
    /// JSON merge patch (RFC 7396). `active`, `events`, `filter` and `skipOwn` count for what is committed from then on: a webhook gets
    /// the events that it was active and subscribed for, and that it wanted, when they were committed. Needs `webhooks:write`, and to
    /// read what its events tell of, as for creating it, unless `active` is set to false and nothing else is given but `description` and
    /// `secret`.
    #[oai(path = "/:id", method = "patch", operation_id = "update_webhook")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<WebhooksWrite>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<WebhookPatch>,
    ) -> Result<Answered<Shown<WebhookBody>>, ApiError> {
        let input = body.0;
        let only_stops = input.only_stops();
        let warnings = look_up(&app, input.url.as_deref()).await?;
        let edit = |mut draft: WebhookDraft| {
            input.description.clone().update_to(&mut draft.description);
            input.filter.clone().update_to(&mut draft.shape.filter);
            input.max_per_second.update_to(&mut draft.pace.max_per_second);
            input.max_concurrency.update_to(&mut draft.pace.max_concurrency);
            input.retry_schedule.clone().update_to(&mut draft.pace.retry_schedule);
            draft.pace.ordering =
                input.ordering.map(|ordering| ordering.name().to_owned()).or(draft.pace.ordering);
            WebhookDraft {
                url: input.url.clone().or(draft.url),
                events: input.events.clone().or(draft.events),
                description: draft.description,
                active: input.active.or(draft.active),
                secret: input.secret.clone(),
                shape: ShapeDraft {
                    filter: draft.shape.filter,
                    skip_own: input.skip_own.or(draft.shape.skip_own),
                    payload: input.payload.map(PayloadForm::name).or(draft.shape.payload),
                    headers: input.headers.as_ref().map(shape::merged).unwrap_or_default(),
                },
                pace: draft.pace,
                signing: SigningDraft {
                    api_version: input.api_version.clone(),
                    ed25519: input.ed25519,
                    versions: app.versions,
                    ..draft.signing
                },
            }
        };
        let expected = params::if_match(if_match.as_deref())?;
        let asked = Change { id: WebhookId(id.0), expected, only_stops, warnings };
        asked.make(&app, &caller, &once, prefer, edit).await
    }

    /// Delete a webhook
    ///
    /// What is pending is cancelled. Needs `webhooks:delete`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_webhook")]
    async fn delete(
        &self,
        caller: Caller<WebhooksDelete>,
        app: Data<&Arc<App>>,
        /// The webhook's id.
        id: Path<Uuid>,
        /// The `ETag` that you have; another version is refused with 412.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=representation` for the last state in a 200.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Deleted<WebhookBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let delete = || {
            async |tx: &mut TenantTx<'_>| {
                let webhook = endpoint::delete(tx, WebhookId(id.0), expected).await?;
                Ok(Deleted::preferring(prefer, || webhook.into()))
            }
        };
        once.write_again(&app, &caller, prefer, delete).await
    }
}

/// What to say of the events that a webhook did not gather.
pub(super) fn warnings_of(NotGathered { events, or_more, or_fewer }: NotGathered) -> Vec<String> {
    let (about, unasked) = match (or_more, or_fewer) {
        (false, false) => ("", ""),
        (true, false) => ("At least ", ""),
        (false, true) => ("At most ", " (what it leaves out of its types is among them)"),
        (true, true) => (
            "More or less than ",
            " (what it leaves out of its types is among them, and not all were looked at)",
        ),
    };
    let warning = || {
        format!(
            "{about}{events} events happened while the webhook was disabled and were not gathered{unasked}; a replay with \
             includeNeverAttempted brings them"
        )
    };
    if events > 0 || or_more { vec![warning()] } else { Vec::new() }
}

/// Which webhook to change, and what to say beside it.
struct Change {
    id: WebhookId,
    expected: Option<i64>,
    /// Whether it sends nothing to anybody that was not sent there before.
    only_stops: bool,
    warnings: Vec<String>,
}

impl Change {
    async fn make(
        self,
        app: &App,
        caller: &Caller<WebhooksWrite>,
        once: &Once,
        prefer: Prefer,
        edit: impl Fn(WebhookDraft) -> WebhookDraft + Send + Sync,
    ) -> Result<Answered<Shown<WebhookBody>>, ApiError> {
        let Self { id, expected, only_stops, warnings } = self;
        let update = || {
            async |tx: &mut TenantTx<'_>| {
                let Changed { webhook, not_gathered } =
                    endpoint::update(tx, id, expected, &app.addresses, &app.master, &edit).await?;
                if !only_stops {
                    caller.allow_all(EventType::reading_all(&webhook.events))?;
                }
                let version = webhook.version;
                let warnings = [warnings.clone(), warnings_of(not_gathered)].concat();
                Ok(Shown::versioned(WebhookBody { warnings, ..webhook.into() }, version))
            }
        };
        once.write_again(app, caller, prefer, update).await
    }
}
