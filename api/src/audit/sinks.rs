//! `/audit-sinks`: where the audit trail is streamed to.

mod body;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use tenon_common::TenantTx;
use tenon_common::audit::sink::{self, Sink, SinkDraft};
use tenon_common::entity::EntityKind;
use tenon_common::id::AuditSinkId;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{AuditManage, Caller, Identity};
use crate::calls::kept;
use crate::calls::once::{Answered, Once};
use crate::http::addresses;
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Listed, Shown};
use crate::openapi::tags::Tags;

pub use body::{AuditSinkBody, AuditSinkInput, AuditSinkKind, AuditSinkPatch, AuditSinkReplacement};

/// Refuses an address whose name resolves to where nothing may be sent; a name that does not resolve is a warning. Looked up before the
/// transaction.
async fn look_up(app: &App, url: Option<&str>) -> Result<Vec<String>, ApiError> {
    let Some(url) = url else { return Ok(Vec::new()) };
    let found = match (app.addresses.check_url(url), app.addresses.stream_target(url)) {
        (Ok(url), _) => app.addresses.resolve(&url).await,
        (Err(_), Ok(target)) => app.addresses.resolve_stream(&target).await,
        // Refused with the other fields.
        (Err(_), Err(_)) => return Ok(Vec::new()),
    };
    addresses::warnings(
        found,
        "The URL's host name does not resolve to a public address yet; nothing is delivered until it does",
    )
}

const LIST: &str = "audit sinks sort=-createdAt";

/// The operations.
pub struct AuditSinksApi;

#[OpenApi(prefix_path = "/api/v1/audit-sinks", tag = "Tags::Audit")]
impl AuditSinksApi {
    /// List audit sinks
    ///
    /// Newest first. Needs `audit:manage`.
    #[oai(path = "/", method = "get", operation_id = "list_audit_sinks")]
    async fn list(
        &self,
        caller: Caller<AuditManage>,
        app: Data<&Arc<App>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Sinks on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Sinks at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<AuditSinkBody>, ApiError> {
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        kept::list::<Sink, _>(&app, &caller, LIST, &asked).await
    }

    /// Create an audit sink
    ///
    /// It gets every entry of the audit trail once it is sealed, in the order of the positions, at least once, at most 500 in a delivery.
    /// What cannot be delivered is tried again, after 5 seconds first and an hour at most, and nothing overtakes it; a sink is
    /// never disabled for that. An `http` sink gets POSTs of NDJSON, signed as webhooks are; the answer is the only one that shows its
    /// secret. A `syslog` sink gets RFC 5424 messages over TLS, with octet counting. A `file` sink gets an object for each
    /// delivery, in the storage of the installation under `audit/<organization>/<prefix>`. At most 10 sinks. It is
    /// shown all that changed, so that who sends it there must be able to read all of it: contacts, API keys, settings and whatever else
    /// there is. Needs `audit:manage`.
    #[oai(path = "/", method = "post", operation_id = "create_audit_sink")]
    async fn create(
        &self,
        caller: Caller<AuditManage>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<AuditSinkInput>,
    ) -> Result<Answered<Created<AuditSinkBody>>, ApiError> {
        reads_all(&caller)?;
        let input = body.0;
        let warnings = look_up(&app, input.url.as_deref()).await?;
        let from_beginning = input.from_beginning.unwrap_or_default();
        let draft = SinkDraft {
            name: Some(input.name),
            kind: Some(input.kind.into()),
            url: input.url,
            prefix: input.prefix,
            active: input.active,
            secret: input.secret,
        };
        let create = async |tx: &mut TenantTx<'_>| {
            let (sink, secret) = sink::create(tx, draft, from_beginning, &app.addresses, &app.master).await?;
            let location = format!("/api/v1/audit-sinks/{}", sink.id);
            let version = Some(sink.version);
            let secret = secret.map(|secret| secret.reveal().to_string());
            Ok(Created { data: AuditSinkBody { secret, warnings, ..sink.into() }, location, version })
        };
        once.write(&app, &caller, prefer.in_full(), create).await
    }

    /// Get an audit sink
    ///
    /// Without its secret; with how far it is, and why it is no further. Needs `audit:manage`.
    #[oai(path = "/:id", method = "get", operation_id = "get_audit_sink")]
    async fn get(
        &self,
        caller: Caller<AuditManage>,
        app: Data<&Arc<App>>,
        /// The sink's id.
        id: Path<Uuid>,
    ) -> Result<Shown<AuditSinkBody>, ApiError> {
        let sink = app.db.read(&caller.actor, async |tx| sink::get(tx, AuditSinkId(id.0)).await).await?;
        let version = sink.version;
        Ok(Shown::versioned(sink.into(), version))
    }

    /// Replace an audit sink
    ///
    /// `url` and `secret` are kept where they are absent; the rest is replaced, but the kind, which stays. What has failed is tried
    /// again at once. Who does so must be able to read all that the trail tells of. Needs `audit:manage`.
    #[oai(path = "/:id", method = "put", operation_id = "replace_audit_sink")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<AuditManage>,
        app: Data<&Arc<App>>,
        /// The sink's id.
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
        body: Body<AuditSinkReplacement>,
    ) -> Result<Answered<Shown<AuditSinkBody>>, ApiError> {
        reads_all(&caller)?;
        let input = body.0;
        let warnings = look_up(&app, input.url.as_deref()).await?;
        let edit = |draft: SinkDraft| SinkDraft {
            name: Some(input.name),
            url: input.url.or(draft.url),
            prefix: input.prefix,
            active: Some(input.active.unwrap_or(true)),
            secret: input.secret,
            ..draft
        };
        let asked =
            Change { id: AuditSinkId(id.0), expected: params::if_match(if_match.as_deref())?, warnings };
        asked.make(&app, &caller, &once, prefer, edit).await
    }

    /// Change an audit sink
    ///
    /// JSON merge patch (RFC 7396). Its kind stays. What has failed is tried again at once. Who does so must be able to
    /// read all that the trail tells of. Needs `audit:manage`.
    #[oai(path = "/:id", method = "patch", operation_id = "update_audit_sink")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<AuditManage>,
        app: Data<&Arc<App>>,
        /// The sink's id.
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
        body: Body<AuditSinkPatch>,
    ) -> Result<Answered<Shown<AuditSinkBody>>, ApiError> {
        reads_all(&caller)?;
        let input = body.0;
        let warnings = look_up(&app, input.url.as_deref()).await?;
        let edit = |draft: SinkDraft| SinkDraft {
            name: input.name.or(draft.name),
            url: input.url.or(draft.url),
            prefix: input.prefix.or(draft.prefix),
            active: input.active.or(draft.active),
            secret: input.secret,
            kind: draft.kind,
        };
        let asked =
            Change { id: AuditSinkId(id.0), expected: params::if_match(if_match.as_deref())?, warnings };
        asked.make(&app, &caller, &once, prefer, edit).await
    }

    /// Delete an audit sink
    ///
    /// What it has not got it never gets. Objects of a `file` sink stay. Needs `audit:manage`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_audit_sink")]
    async fn delete(
        &self,
        caller: Caller<AuditManage>,
        app: Data<&Arc<App>>,
        /// The sink's id.
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
    ) -> Result<Answered<Deleted<AuditSinkBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let sink = sink::delete(tx, AuditSinkId(id.0), expected).await?;
            Ok(Deleted::preferring(prefer, || sink.into()))
        };
        once.write(&app, &caller, prefer, delete).await
    }
}

/// Which sink to change, and what to say beside it.
struct Change {
    id: AuditSinkId,
    expected: Option<i64>,
    warnings: Vec<String>,
}

impl Change {
    async fn make(
        self,
        app: &App,
        caller: &Caller<AuditManage>,
        once: &Once,
        prefer: Prefer,
        edit: impl FnOnce(SinkDraft) -> SinkDraft + Send,
    ) -> Result<Answered<Shown<AuditSinkBody>>, ApiError> {
        let Self { id, expected, warnings } = self;
        let update = async |tx: &mut TenantTx<'_>| {
            let sink = sink::update(tx, id, expected, &app.addresses, &app.master, edit).await?;
            let version = sink.version;
            Ok(Shown::versioned(AuditSinkBody { warnings, ..sink.into() }, version))
        };
        once.write(app, caller, prefer, update).await
    }
}

/// A sink hands out all that the trail tells of.
fn reads_all(caller: &Identity) -> tenon_common::Result<()> {
    caller.allow_all(EntityKind::ALL.iter().flat_map(|kind| kind.reading().iter().copied()))
}
