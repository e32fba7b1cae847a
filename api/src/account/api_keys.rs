//! `/api-keys`.

use std::sync::Arc;

use chrono::Duration;
use poem::web::Data;
use poem_openapi::param::{Header, Path, Query};
use poem_openapi::types::{Example, MaybeUndefined};
use poem_openapi::{Enum, Object, OpenApi};
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::account::api_key::{self, ApiKey, ApiKeyDraft, KeySecret, Mode};
use tenon_common::account::role::Role;
use tenon_common::actor::Principal;
use tenon_common::id::ApiKeyId;
use uuid::Uuid;

use crate::app::App;
use crate::http::actor::ActorBody;
use crate::http::body::Body;
use crate::http::caller::{ApiKeysManage, Authenticated, Caller};
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::once::{Answered, Once};
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::refusal::Refusal;
use crate::http::response::{Created, Deleted, Fetched, Listed, Paging, Shown};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

/// A role.
#[derive(Enum, Serialize, Debug, Clone, Copy)]
#[oai(rename = "Role", rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RoleName {
    /// Sees itself and what is shared with it.
    Client,
    /// Works on the records that it owns.
    Agent,
    /// Sees and manages all of the organization.
    Admin,
    /// An operator of the installation.
    SuperAdmin,
    /// A developer of the installation.
    Developer,
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Client => Self::Client,
            RoleName::Agent => Self::Agent,
            RoleName::Admin => Self::Admin,
            RoleName::SuperAdmin => Self::SuperAdmin,
            RoleName::Developer => Self::Developer,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> Self {
        match role {
            Role::Client => Self::Client,
            Role::Agent => Self::Agent,
            Role::Admin => Self::Admin,
            Role::SuperAdmin => Self::SuperAdmin,
            Role::Developer => Self::Developer,
        }
    }
}

/// For what an API key is meant.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename_all = "lowercase")]
pub enum KeyMode {
    /// Real data.
    Live,
    /// Trials.
    Test,
}

/// A credential for a program.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "ApiKey", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyBody {
    /// The key's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// For people.
    pub name: String,
    /// The whole key; shown once, when it is created or rotated.
    #[oai(nullable)]
    pub key: Option<String>,
    /// What the key begins with.
    pub prefix: String,
    /// The last four characters of the key.
    pub last4: String,
    /// What it may do at most.
    pub role: RoleName,
    /// What it may do of that: `contacts:read`, `*:read`, `*`.
    pub scopes: Vec<String>,
    /// When it ends by itself.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// The networks it may be used from; empty for all.
    pub ip_allowlist: Vec<String>,
    /// The user on whose behalf it acts.
    #[oai(nullable)]
    pub user_id: Option<Uuid>,
    /// When it was last used, to the minute.
    #[oai(nullable)]
    pub last_used_at: Option<Timestamp>,
    /// The address it was last used from.
    #[oai(nullable)]
    pub last_used_ip: Option<String>,
    /// When it was revoked.
    #[oai(nullable)]
    pub revoked_at: Option<Timestamp>,
    /// Why it was revoked.
    #[oai(nullable)]
    pub revoked_reason: Option<String>,
    /// The key that it replaces.
    #[oai(nullable)]
    pub rotated_from: Option<Uuid>,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
}

/// An API key to create.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyInput", rename_all = "camelCase", example)]
pub struct ApiKeyInput {
    /// 1 to 100 characters.
    pub name: String,
    /// What it may do: `<resource>:<read|write|delete>`, `<area>:manage`, a `*` in either place, or `*`; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub scopes: Vec<String>,
    /// What it may do at most; yours if absent, never above it.
    pub role: Option<RoleName>,
    /// Live if absent.
    pub mode: Option<KeyMode>,
    /// When it ends by itself; if absent never, or with the key that creates it.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// Addresses or networks in CIDR form that it may be used from, at most 100; if absent all, or those of the key that creates it.
    pub ip_allowlist: Option<Vec<String>>,
}

/// What replaces an API key: all but its mode and the key itself.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyReplacement", rename_all = "camelCase", example)]
pub struct ApiKeyReplacement {
    /// 1 to 100 characters.
    pub name: String,
    /// What it may do; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub scopes: Vec<String>,
    /// What it may do at most; yours if absent, never above it.
    pub role: Option<RoleName>,
    /// When it ends by itself; if absent never, or with the key that replaces it.
    #[oai(nullable)]
    pub expires_at: Option<Timestamp>,
    /// Addresses or networks that it may be used from, at most 100; if absent all, or those of the key that replaces it.
    pub ip_allowlist: Option<Vec<String>>,
}

impl Example for ApiKeyReplacement {
    fn example() -> Self {
        let ApiKeyInput { name, scopes, role, expires_at, ip_allowlist, .. } = ApiKeyInput::example();
        Self { name, scopes, role, expires_at, ip_allowlist }
    }
}

impl Example for ApiKeyInput {
    fn example() -> Self {
        Self {
            name: "Newsletter".to_owned(),
            scopes: vec!["contacts:read".to_owned()],
            role: None,
            mode: None,
            expires_at: None,
            ip_allowlist: None,
        }
    }
}

/// Changes to an API key (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyPatch", rename_all = "camelCase")]
pub struct ApiKeyPatch {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// What it may do; at least one, at most 100.
    #[oai(validator(max_items = 100))]
    pub scopes: Option<Vec<String>>,
    /// What it may do at most; never above yours.
    pub role: Option<RoleName>,
    /// When it ends by itself.
    #[oai(nullable)]
    pub expires_at: MaybeUndefined<Timestamp>,
    /// Addresses or networks that it may be used from; empty for all.
    pub ip_allowlist: Option<Vec<String>>,
}

/// How a key is rotated.
#[derive(Object, Debug)]
#[oai(rename = "ApiKeyRotation", rename_all = "camelCase")]
pub struct RotationInput {
    /// How long the old key works beside the new one, in seconds: 0 to 604,800 (a week); 86,400 (a day) if absent.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    pub overlap_seconds: Option<i64>,
}

impl TryFrom<ApiKey> for ApiKeyBody {
    type Error = tenon_common::Error;

    fn try_from(key: ApiKey) -> Result<Self, tenon_common::Error> {
        Ok(Self {
            id: key.id.0,
            tenant_id: key.tenant_id.0,
            name: key.name,
            key: None,
            prefix: key.prefix,
            last4: key.last4,
            role: Role::parse(&key.role)?.into(),
            scopes: key.scopes,
            expires_at: key.expires_at.map(Timestamp),
            ip_allowlist: key.ip_allowlist,
            user_id: key.user_id.map(|id| id.0),
            last_used_at: key.last_used_at.map(Timestamp),
            last_used_ip: key.last_used_ip,
            revoked_at: key.revoked_at.map(Timestamp),
            revoked_reason: key.revoked_reason,
            rotated_from: key.rotated_from.map(|id| id.0),
            version: key.version,
            created_at: key.created_at.into(),
            created_by: key.created_by.into(),
            updated_at: key.updated_at.into(),
            updated_by: key.updated_by.into(),
        })
    }
}

fn created(key: ApiKey, secret: &KeySecret) -> tenon_common::Result<Created<ApiKeyBody>> {
    let location = format!("/api/v1/api-keys/{}", key.id);
    let version = Some(key.version);
    let data = ApiKeyBody { key: Some(secret.reveal().to_owned()), ..key.try_into()? };
    Ok(Created { data, location, version })
}

fn shown(key: ApiKey) -> tenon_common::Result<Shown<ApiKeyBody>> {
    let version = key.version;
    Ok(Shown::versioned(key.try_into()?, version))
}

const LIST: &str = "api-keys sort=-createdAt";

/// The operations.
pub struct ApiKeysApi;

#[OpenApi(prefix_path = "/api/v1/api-keys", tag = "Tags::ApiKeys")]
impl ApiKeysApi {
    /// List API keys
    ///
    /// Newest first, revoked and expired ones too. Needs `api-keys:manage`.
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
        let window = Paging::window(&app.cursors, LIST, &asked)?;
        let page = app.db.read(&caller.actor, async |tx| api_key::list(tx, &window).await).await?;
        let paging = Paging { cursors: &app.cursors, query: LIST, window: &window };
        paging.try_list(page, ApiKey::sort_key, ApiKeyBody::try_from)
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
        let input = body.0;
        let mode = if input.mode == Some(KeyMode::Test) { Mode::Test } else { Mode::Live };
        let draft = ApiKeyDraft {
            name: Some(input.name),
            scopes: Some(input.scopes),
            role: input.role.map(Role::from),
            expires_at: input.expires_at.map(|at| at.0),
            ip_allowlist: input.ip_allowlist.unwrap_or_default(),
        };
        let grantor = caller.grantor();
        let create = async |tx: &mut TenantTx<'_>| {
            let (key, secret) = api_key::create(tx, draft, mode, &grantor).await?;
            created(key, &secret)
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
        Ok(Fetched::unless(if_none_match.as_deref(), key.try_into()?, version))
    }

    /// Replace an API key
    ///
    /// All of it but its mode and the key itself: what is absent is as of a new key. In force within 5 seconds. What comes out must not
    /// be wider than your own key. Needs `api-keys:manage`.
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
        let (grantor, input) = (caller.grantor(), body.0);
        let draft = ApiKeyDraft {
            name: Some(input.name),
            scopes: Some(input.scopes),
            role: input.role.map(Role::from),
            expires_at: input.expires_at.map(|at| at.0),
            ip_allowlist: input.ip_allowlist.unwrap_or_default(),
        };
        let draft = draft.within(&grantor);
        let replace = async |tx: &mut TenantTx<'_>| {
            shown(api_key::update(tx, ApiKeyId(id.0), expected, &grantor, |_| draft).await?)
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
        let grantor = caller.grantor();
        let patch = body.0;
        let edit = |mut draft: ApiKeyDraft| {
            patch.expires_at.map_value(|at| at.0).update_to(&mut draft.expires_at);
            ApiKeyDraft {
                name: patch.name.or(draft.name),
                scopes: patch.scopes.or(draft.scopes),
                role: patch.role.map(Role::from).or(draft.role),
                expires_at: draft.expires_at,
                ip_allowlist: patch.ip_allowlist.unwrap_or(draft.ip_allowlist),
            }
        };
        let update = async |tx: &mut TenantTx<'_>| {
            shown(api_key::update(tx, ApiKeyId(id.0), expected, &grantor, edit).await?)
        };
        once.write(&app, &caller, prefer, update).await
    }

    /// Revoke an API key
    ///
    /// It stays in the list, and is refused everywhere within 5 seconds. Needs `api-keys:manage`. Emits `api_key.revoked`.
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
            let key: ApiKeyBody = key.try_into()?;
            Ok(Deleted::preferring(prefer, || key))
        };
        once.write(&app, &caller, prefer, revoke).await
    }

    /// Rotate an API key
    ///
    /// Answers a new key with the same rights; the old one works for the overlap. A key that is wider than your own is not rotated. Needs `api-keys:manage`. Emits
    /// `api_key.rotated`.
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
        let grantor = caller.grantor();
        let rotate = async |tx: &mut TenantTx<'_>| {
            let (key, secret) = api_key::rotate(tx, ApiKeyId(id.0), overlap, &grantor).await?;
            created(key, &secret)
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
        let key = app.db.write(&caller.actor, revoke).await?;
        let version = key.version;
        Ok(Shown::versioned(key.try_into()?, version))
    }
}
