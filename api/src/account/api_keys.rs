//! `/api-keys`.

mod body;

use std::sync::Arc;

use chrono::Duration;
use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path, Query};
use tenon_common::TenantTx;
use tenon_common::account::api_key::{self, ApiKey, ApiKeyDraft, KeySecret, Mode};
use tenon_common::actor::Principal;
use tenon_common::id::ApiKeyId;
use uuid::Uuid;

use crate::app::App;
use crate::calls::caller::{ApiKeysManage, Authenticated, Caller};
use crate::calls::kept;
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;
use crate::http::response::{Created, Deleted, Fetched, Listed, Shown};
use crate::openapi::tags::Tags;

pub use body::{ApiKeyBody, ApiKeyInput, ApiKeyPatch, ApiKeyReplacement, KeyMode, RotationInput};

fn created(key: ApiKey, secret: &KeySecret) -> Created<ApiKeyBody> {
    let location = format!("/api/v1/api-keys/{}", key.id);
    let version = Some(key.version);
    Created { data: ApiKeyBody { key: Some(secret.reveal().to_owned()), ..key.into() }, location, version }
}

fn shown(key: ApiKey) -> Shown<ApiKeyBody> {
    let version = key.version;
    Shown::versioned(key.into(), version)
}

const LIST: &str = "api-keys sort=-createdAt";

/// The operations.
pub struct ApiKeysApi;

#[OpenApi(prefix_path = "/api/v1/api-keys", tag = "Tags::ApiKeys")]
impl ApiKeysApi {
    /// List API keys
    ///
    /// Newest first; revoked and expired ones too, for 30 days at least. Needs `api-keys:manage`.
    #[oai(path = "/", method = "get", operation_id = "list_api_keys")]
    async fn list(
        &self,
        caller: Caller<ApiKeysManage>,
        app: Data<&Arc<App>>,
        /// The page's number, from 1.
        page: Query<Option<u32>>,
        /// Keys on a page, 1 to 200; 20 if absent.
        #[oai(name = "pageSize")]
        page_size: Query<Option<u32>>,
        /// Keys at most, 1 to 200, when paging by cursor.
        limit: Query<Option<u32>>,
        /// `pagination.nextCursor` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Listed<ApiKeyBody>, ApiError> {
        let asked = params::paging(page.0, page_size.0, limit.0, cursor.0);
        kept::list::<ApiKey, _>(&app, &caller, LIST, &asked).await
    }

    /// Create an API key
    ///
    /// The answer is the only one that shows the key. Nobody can give a key more than they hold: a key that creates another gives it no
    /// scope, role, end or network beyond its own. Needs `api-keys:manage`. Emits `api_key.created`.
    #[oai(path = "/", method = "post", operation_id = "create_api_key")]
    async fn create(
        &self,
        caller: Caller<ApiKeysManage>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<ApiKeyInput>,
    ) -> Result<Answered<Created<ApiKeyBody>>, ApiError> {
        let mode = body.0.mode.map_or(Mode::Live, Mode::from);
        let draft = ApiKeyDraft::from(ApiKeyReplacement::from(body.0));
        let grantor = caller.grantor(app.versions);
        let create = async |tx: &mut TenantTx<'_>| {
            let (key, secret) = api_key::create(tx, draft, mode, &grantor).await?;
            Ok(created(key, &secret))
        };
        once.write(&app, &caller, prefer.in_full(), create).await
    }

    /// Get an API key
    ///
    /// Without the key itself. Needs `api-keys:manage`.
    #[oai(path = "/:id", method = "get", operation_id = "get_api_key")]
    async fn get(
        &self,
        caller: Caller<ApiKeysManage>,
        app: Data<&Arc<App>>,
        /// The key's id.
        id: Path<Uuid>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<ApiKeyBody>, ApiError> {
        let key = app.db.read(&caller.actor, async |tx| api_key::get(tx, ApiKeyId(id.0)).await).await?;
        let version = key.version;
        Ok(Fetched::unless(if_none_match.as_deref(), key.into(), version))
    }

    /// Replace an API key
    ///
    /// All of it but its mode and the key itself: what is absent is as of a new key, but for `apiVersion`, which is kept. In force within
    /// 5 seconds. What comes out must not be wider than your own key. Needs `api-keys:manage`.
    #[oai(path = "/:id", method = "put", operation_id = "replace_api_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<ApiKeysManage>,
        app: Data<&Arc<App>>,
        /// The key's id.
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
        body: Body<ApiKeyReplacement>,
    ) -> Result<Answered<Shown<ApiKeyBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let grantor = caller.grantor(app.versions);
        let draft = ApiKeyDraft::from(body.0).within(&grantor);
        let replace = async |tx: &mut TenantTx<'_>| {
            Ok(shown(api_key::update(tx, ApiKeyId(id.0), expected, &grantor, |_| draft).await?))
        };
        once.write(&app, &caller, prefer, replace).await
    }

    /// Change an API key
    ///
    /// JSON merge patch (RFC 7396). In force within 5 seconds. What comes out must not be wider than your own key. Needs
    /// `api-keys:manage`.
    #[oai(path = "/:id", method = "patch", operation_id = "update_api_key")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<ApiKeysManage>,
        app: Data<&Arc<App>>,
        /// The key's id.
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
        body: Body<ApiKeyPatch>,
    ) -> Result<Answered<Shown<ApiKeyBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let grantor = caller.grantor(app.versions);
        let patch = body.0;
        let edit = |draft| patch.over(draft);
        let update = async |tx: &mut TenantTx<'_>| {
            Ok(shown(api_key::update(tx, ApiKeyId(id.0), expected, &grantor, edit).await?))
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Revoke an API key
    ///
    /// It stays in the list for 30 days at least, and is refused everywhere within 5 seconds. Needs `api-keys:manage`. Emits
    /// `api_key.revoked`.
    #[oai(path = "/:id", method = "delete", operation_id = "revoke_api_key")]
    async fn revoke(
        &self,
        caller: Caller<ApiKeysManage>,
        app: Data<&Arc<App>>,
        /// The key's id.
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
    ) -> Result<Answered<Deleted<ApiKeyBody>>, ApiError> {
        let expected = params::if_match(if_match.as_deref())?;
        let revoke = async |tx: &mut TenantTx<'_>| {
            let key = api_key::revoke(tx, ApiKeyId(id.0), expected, "revoked by an administrator").await?;
            Ok(Deleted::preferring(prefer, || key.into()))
        };
        once.write(&app, &caller, prefer, revoke).await
    }

    /// Rotate an API key
    ///
    /// Answers a new key with the same rights; the old one works for the overlap. A key that is wider than your own is not rotated.
    /// Needs `api-keys:manage`. Emits `api_key.rotated`.
    #[oai(path = "/:id/rotate", method = "post", operation_id = "rotate_api_key")]
    async fn rotate(
        &self,
        caller: Caller<ApiKeysManage>,
        app: Data<&Arc<App>>,
        /// The key's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<RotationInput>,
    ) -> Result<Answered<Created<ApiKeyBody>>, ApiError> {
        let overlap = Duration::seconds(body.0.overlap_seconds.unwrap_or(86_400));
        let grantor = caller.grantor(app.versions);
        let rotate = async |tx: &mut TenantTx<'_>| {
            let (key, secret) = api_key::rotate(tx, ApiKeyId(id.0), overlap, &grantor).await?;
            Ok(created(key, &secret))
        };
        once.write(&app, &caller, prefer.in_full(), rotate).await
    }

    /// Revoke the calling API key
    ///
    /// For a key that may have leaked: whoever has it can end it. Needs no permission.
    #[oai(path = "/self-revoke", method = "post", operation_id = "revoke_own_api_key")]
    async fn self_revoke(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
    ) -> Result<Shown<ApiKeyBody>, ApiError> {
        let Principal::ApiKey(id, _) = caller.actor.principal else {
            return Err(Refusal::because(Code::StateConflict, "The caller is not an API key").into());
        };
        let revoke = async |tx: &mut TenantTx<'_>| api_key::revoke(tx, id, None, "revoked by itself").await;
        Ok(shown(app.db.write(&caller.actor, revoke).await?))
    }
}
