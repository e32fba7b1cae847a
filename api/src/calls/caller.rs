//! Who calls: a security scheme for the document, an extractor for the handlers. It is each handler's first argument, so that a
//! missing credential is 401 and a missing permission 403 before anything else of the request is looked at.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use poem::http::{HeaderMap, Method, header};
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaSecurityScheme, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tenon_common::account::access::{Admitted, Ended};
use tenon_common::account::access_token::{Claims, Refused};
use tenon_common::account::api_key::{Bounds, Checked, Grantor, KeyRefused, KeySecret};
use tenon_common::account::tenant::Allowance;
use tenon_common::actor::{Actor, Origin, Principal};
use tenon_common::audit::Act;
use tenon_common::entity::EntityKind;
use tenon_common::error::Error;
use tenon_common::id::TenantId;
use tenon_common::role::{Permission, scope_covers};
use tenon_common::version::{ApiVersion, Versions};

use crate::app::App;
use crate::http::characters::refuse_nul;
use crate::http::code::Code;
use crate::http::limits::class::Class;
use crate::http::refusal::Refusal;
use crate::http::request::{self, Facts};

/// Who calls, and what they may do.
#[derive(Clone, Debug)]
pub struct Identity {
    /// For the domain: tenant, principal, role, origin.
    pub actor: Actor,
    /// The scopes, where it is an API key.
    pub scopes: Option<Arc<[String]>>,
    /// What the tenant's requests are counted by.
    pub allowance: Allowance,
    /// Whether changes of a record must name its version: the tenant's setting `requireIfMatch`.
    pub require_if_match: bool,
    /// What bounds it where it is an API key: its end, and where it may be used from.
    pub bounds: Bounds,
    /// The version of the API that the request names, or else its key is kept with; none where neither is, which is the newest.
    pub chosen: Option<ApiVersion>,
    /// What it is known by, to be asked again where an answer takes long.
    pub(crate) proof: Proof,
}

/// A credential that was good.
#[derive(Clone, Debug)]
pub(crate) enum Proof {
    Key(KeySecret, IpAddr),
    Token(Arc<Claims>),
}

impl Identity {
    /// Refuses a caller who lacks the permission: by its role, or by its key's scopes.
    pub fn require(&self, permission: Permission) -> Result<(), Refusal> {
        Ok(self.allow(permission)?)
    }

    /// The same within a transaction, where what is needed is known only once something was read.
    pub fn allow(&self, permission: Permission) -> tenon_common::Result<()> {
        let lacks = |by_scope| Err(Error::Lacks { permission, by_scope });
        if !self.actor.role.allows(permission) {
            return lacks(false);
        }
        match &self.scopes {
            Some(scopes) if !scopes.iter().any(|scope| scope_covers(scope, permission)) => lacks(true),
            _ => Ok(()),
        }
    }

    /// Refuses a caller who lacks one of the permissions.
    pub fn allow_all(&self, permissions: impl IntoIterator<Item = Permission>) -> tenon_common::Result<()> {
        permissions.into_iter().try_for_each(|permission| self.allow(permission))
    }

    /// Whether the caller may read what a thing of this kind says.
    pub fn reads(&self, kind: EntityKind) -> bool {
        self.allow_all(kind.reading().iter().copied()).is_ok()
    }

    /// Refuses a change that names no version, where the tenant's settings ask for one.
    fn require_version(&self, request: &Request) -> Result<(), Refusal> {
        // What is between two records has no version, and neither has an upload.
        let path = request.original_uri().path();
        let versioned = !path.contains("/associations/") && !path.starts_with("/api/v1/uploads/");
        let changes = versioned && matches!(*request.method(), Method::PUT | Method::PATCH | Method::DELETE);
        if !self.require_if_match || !changes || request.headers().contains_key(header::IF_MATCH) {
            return Ok(());
        }
        // An upsert that may only create overwrites nothing.
        let upserts = request.method() == Method::PUT && request.original_uri().path().contains("/by/");
        match upserts && request.headers().contains_key(header::IF_NONE_MATCH) {
            true => Ok(()),
            false => Err(Refusal::new(Code::PreconditionRequired)),
        }
    }

    /// Who it is now, by the same credential, if that is still good. A token may have come to the end of its time meanwhile.
    pub async fn again(&self, app: &App) -> Result<Self, Refusal> {
        let origin = self.actor.origin.clone();
        let again = match &self.proof {
            Proof::Key(key, from) => by_key(app, key, *from, origin).await,
            Proof::Token(claims) => by_claims(app, claims, origin).await,
        };
        Ok(Self { chosen: self.chosen, ..again? })
    }

    /// The version of the API in which it speaks.
    pub fn version(&self, versions: &Versions) -> ApiVersion {
        let known = self.chosen.map_or_else(|| versions.newest(), |chosen| versions.kept(chosen));
        known.date
    }

    /// What the caller may hand on.
    pub fn grantor(&self, versions: &'static Versions) -> Grantor {
        Grantor {
            versions,
            version: self.version(versions),
            role: self.actor.role,
            scopes: self.scopes.as_ref().map(|scopes| scopes.to_vec()),
            expires_at: self.bounds.expires_at,
            networks: self.bounds.networks.clone(),
        }
    }
}

/// What an operation asks for.
pub trait Needs: Send + Sync + 'static {
    /// The permission; none for operations that any authenticated caller may use.
    const PERMISSION: Option<Permission>;
}

macro_rules! needs {
    ($($(#[$doc:meta])* $name:ident = $permission:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Needs for $name {
            const PERMISSION: Option<Permission> = $permission;
        }
    )+};
}

needs! {
    /// Any authenticated caller.
    Authenticated = None;
    /// `contacts:read`.
    ContactsRead = Some(Permission::CONTACTS_READ);
    /// `contacts:write`.
    ContactsWrite = Some(Permission::CONTACTS_WRITE);
    /// `contacts:delete`.
    ContactsDelete = Some(Permission::CONTACTS_DELETE);
    /// `companies:read`.
    CompaniesRead = Some(Permission::COMPANIES_READ);
    /// `companies:write`.
    CompaniesWrite = Some(Permission::COMPANIES_WRITE);
    /// `companies:delete`.
    CompaniesDelete = Some(Permission::COMPANIES_DELETE);
    /// `pipelines:read`.
    PipelinesRead = Some(Permission::PIPELINES_READ);
    /// `pipelines:write`.
    PipelinesWrite = Some(Permission::PIPELINES_WRITE);
    /// `pipelines:delete`.
    PipelinesDelete = Some(Permission::PIPELINES_DELETE);
    /// `leads:read`.
    LeadsRead = Some(Permission::LEADS_READ);
    /// `leads:write`.
    LeadsWrite = Some(Permission::LEADS_WRITE);
    /// `leads:delete`.
    LeadsDelete = Some(Permission::LEADS_DELETE);
    /// `activities:read`.
    ActivitiesRead = Some(Permission::ACTIVITIES_READ);
    /// `activities:write`.
    ActivitiesWrite = Some(Permission::ACTIVITIES_WRITE);
    /// `activities:delete`.
    ActivitiesDelete = Some(Permission::ACTIVITIES_DELETE);
    /// `imports:read`.
    ImportsRead = Some(Permission::IMPORTS_READ);
    /// `imports:write`.
    ImportsWrite = Some(Permission::IMPORTS_WRITE);
    /// `exports:read`.
    ExportsRead = Some(Permission::EXPORTS_READ);
    /// `exports:write`.
    ExportsWrite = Some(Permission::EXPORTS_WRITE);
    /// `webhooks:read`.
    WebhooksRead = Some(Permission::WEBHOOKS_READ);
    /// `webhooks:write`.
    WebhooksWrite = Some(Permission::WEBHOOKS_WRITE);
    /// `webhooks:delete`.
    WebhooksDelete = Some(Permission::WEBHOOKS_DELETE);
    /// `api-keys:manage`.
    ApiKeysManage = Some(Permission::API_KEYS_MANAGE);
    /// `audit:read`.
    AuditRead = Some(Permission::AUDIT_READ);
    /// `audit:manage`.
    AuditManage = Some(Permission::AUDIT_MANAGE);
    /// `organizations:read`.
    OrganizationsRead = Some(Permission::ORGANIZATIONS_READ);
    /// `organizations:write`.
    OrganizationsWrite = Some(Permission::ORGANIZATIONS_WRITE);
    /// `organizations:delete`.
    OrganizationsDelete = Some(Permission::ORGANIZATIONS_DELETE);
    /// `changes:read`.
    ChangesRead = Some(Permission::CHANGES_READ);
}

/// The caller of an operation, with the permission that it needs.
pub struct Caller<N: Needs> {
    identity: Identity,
    _needs: PhantomData<N>,
}

impl<N: Needs> Deref for Caller<N> {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl<'a, N: Needs> ApiExtractor<'a> for Caller<N> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            "bearer",
            MetaSecurityScheme {
                ty: "http",
                description: Some("An access token of `POST /api/v1/auth/login`, or an API key."),
                scheme: Some("bearer"),
                name: None,
                key_in: None,
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
        registry.create_security_scheme(
            "apiKey",
            MetaSecurityScheme {
                ty: "apiKey",
                description: Some("An API key."),
                name: Some("X-Api-Key"),
                key_in: Some("header"),
                scheme: None,
                bearer_format: None,
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec!["bearer", "apiKey"]
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let app = request.data::<Arc<App>>().ok_or_else(|| Refusal::new(Code::Internal))?;
        let facts = request::FACTS.get();
        let identity = authenticate(app, request.headers(), &facts).await?;
        let class = facts.class.unwrap_or_else(|| Class::of_method(request.method()));
        app.limits.request(&identity.actor, identity.allowance, class).await?;
        if let Some(permission) = N::PERMISSION {
            identity.require(permission)?;
        }
        facts.named.check(app.versions)?;
        refuse_nul(request, facts.route)?;
        identity.require_version(request)?;
        Ok(Self { identity, _needs: PhantomData })
    }
}

/// Asks again, while an answer lasts, whether its caller may still have it. Counts nothing.
#[derive(Clone, Debug)]
pub struct Pass {
    headers: HeaderMap,
    facts: Facts,
    tenant: TenantId,
    permission: Option<Permission>,
}

impl Pass {
    /// The caller's, with what was sent to name it.
    pub fn of<N: Needs>(caller: &Caller<N>, request: &Request) -> Self {
        let headers = request.headers().clone();
        Self { headers, facts: request::FACTS.get(), tenant: caller.actor.tenant, permission: N::PERMISSION }
    }

    /// The caller as it is let in now, or why it is not any more. What it may do is believed for 5 seconds.
    pub async fn check(&self, app: &App) -> Result<Identity, Refusal> {
        let identity = identify(app, credential(&self.headers), &self.headers, &self.facts).await?;
        if identity.actor.tenant != self.tenant {
            return Err(Refusal::new(Code::Unauthenticated));
        }
        if let Some(permission) = self.permission {
            identity.require(permission)?;
        }
        Ok(identity)
    }
}

enum Credential {
    Key(KeySecret),
    Token(String),
}

async fn authenticate(app: &App, headers: &HeaderMap, facts: &Facts) -> Result<Identity, Refusal> {
    let credential = credential(headers);
    let method = match &credential {
        Some(Credential::Key(_)) => "api_key",
        Some(Credential::Token(_)) => "access_token",
        None => "none",
    };
    let identity = identify(app, credential, headers, facts).await;
    let outcome = if identity.is_ok() { "succeeded" } else { "failed" };
    metrics::counter!("tenon_auth_attempts_total", "method" => method, "outcome" => outcome).increment(1);
    if let Ok(Identity { actor, .. }) = &identity
        && let Principal::ApiKey(..) = actor.principal
    {
        let used = Act::key_used(actor.tenant, actor.principal, facts.ip);
        app.recorder.note(used, || actor.origin.clone());
    }
    match identity {
        // Guessing is limited per address; who has a good credential never meets this limit.
        Err(refusal) if refusal.code.status() == 401 => {
            app.limits.public(facts.ip).await?;
            Err(refusal)
        }
        other => other,
    }
}

async fn identify(
    app: &App,
    credential: Option<Credential>,
    headers: &HeaderMap,
    facts: &Facts,
) -> Result<Identity, Refusal> {
    let identity = match credential {
        Some(Credential::Key(key)) => by_key(app, &key, facts.ip, origin(headers, facts)).await?,
        Some(Credential::Token(token)) => by_token(app, &token, origin(headers, facts)).await?,
        None => return Err(Refusal::new(Code::Unauthenticated)),
    };
    let named = facts.named.one().map(|version| version.date);
    Ok(Identity { chosen: named.or(identity.chosen), ..identity })
}

/// The API key that a request comes with, whether it is good or not.
pub(crate) fn key(headers: &HeaderMap) -> Option<KeySecret> {
    match credential(headers)? {
        Credential::Key(key) => Some(key),
        Credential::Token(_) => None,
    }
}

fn credential(headers: &HeaderMap) -> Option<Credential> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(key) = text(header::HeaderName::from_static("x-api-key")) {
        return KeySecret::parse(key.trim()).map(Credential::Key);
    }
    let (scheme, credential) = text(header::AUTHORIZATION)?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let credential = credential.trim();
    match credential.starts_with("tenon_") {
        true => KeySecret::parse(credential).map(Credential::Key),
        false => Some(Credential::Token(credential.to_owned())),
    }
}

async fn by_key(app: &App, key: &KeySecret, from: IpAddr, origin: Origin) -> Result<Identity, Refusal> {
    let known = |checked: &Checked| {
        let principal = Principal::ApiKey(checked.id, checked.user);
        request::called_by(checked.tenant, principal);
        principal
    };
    let checked = app.keys.check(key, from).await?.map_err(|refused| {
        Refusal::new(match refused {
            KeyRefused::Unknown => Code::Unauthenticated,
            KeyRefused::Expired => Code::ApiKeyExpired,
            KeyRefused::Suspended(checked) => {
                known(&checked);
                Code::AccountSuspended
            }
            KeyRefused::Address(checked) => {
                known(&checked);
                Code::IpNotAllowed
            }
        })
    })?;
    let actor = Actor { tenant: checked.tenant, principal: known(&checked), role: checked.role, origin };
    Ok(Identity {
        actor,
        scopes: Some(checked.scopes),
        allowance: checked.allowance,
        require_if_match: checked.require_if_match,
        bounds: checked.bounds,
        chosen: Some(checked.version),
        proof: Proof::Key(key.clone(), from),
    })
}

async fn by_token(app: &App, token: &str, origin: Origin) -> Result<Identity, Refusal> {
    let claims = app.tokens.verify(token).map_err(|refused| {
        Refusal::new(match refused {
            Refused::Expired => Code::TokenExpired,
            Refused::Invalid => Code::Unauthenticated,
        })
    })?;
    by_claims(app, &Arc::new(claims), origin).await
}

async fn by_claims(app: &App, claims: &Arc<Claims>, origin: Origin) -> Result<Identity, Refusal> {
    let principal = Principal::User(claims.sub);
    request::called_by(claims.org, principal);
    let admitted = app.access.check(claims).await?.map_err(|ended| {
        Refusal::new(match ended {
            Ended::Revoked => Code::TokenRevoked,
            Ended::Suspended => Code::AccountSuspended,
        })
    })?;
    let actor = Actor { tenant: claims.org, principal, role: admitted.role, origin };
    let Admitted { allowance, require_if_match, .. } = admitted;
    let proof = Proof::Token(claims.clone());
    let bounds = Bounds::default();
    Ok(Identity { actor, scopes: None, allowance, require_if_match, bounds, chosen: None, proof })
}

/// Where a request comes from.
pub(crate) fn origin(headers: &HeaderMap, facts: &Facts) -> Origin {
    let text = |name: &str, most: usize| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.chars().take(most).collect::<String>())
    };
    Origin {
        request_id: Some(facts.id.to_string()),
        ip: Some(facts.ip),
        user_agent: text("user-agent", 200),
        traceparent: text("traceparent", 55).filter(|value| is_traceparent(value)),
    }
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (W3C Trace Context).
fn is_traceparent(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [2, 32, 16, 2]
        && parts.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
}
