//! `/organizations`.

mod body;
mod founding;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use poem_openapi::param::{Header, Path};
use tenon_common::account::membership;
use tenon_common::account::tenant::{self, Tenant, TenantDraft};
use tenon_common::actor::Principal;
use tenon_common::entity::EntityKind;
use tenon_common::id::TenantId;
use tenon_common::role::Role;
use tenon_common::{Actor, Error, TenantTx};
use uuid::Uuid;

use crate::account::auth::OrganizationSummary;
use crate::app::App;
use crate::calls::caller::{
    Authenticated, Caller, Identity, OrganizationsDelete, OrganizationsRead, OrganizationsWrite,
};
use crate::calls::once::{Answered, Once};
use crate::http::body::Body;
use crate::http::error::ApiError;
use crate::http::params;
use crate::http::prefer::Prefer;
use crate::http::response::{Created, Deleted, Fetched, Shown};
use crate::openapi::tags::Tags;
use body::object;

pub use body::{OrganizationBody, OrganizationInput, OrganizationPatch, OrganizationRules};
pub use founding::FoundingInput;

/// A credential sees its own organization; another one is not there.
fn own(actor: &Actor, id: Uuid) -> Result<(), Error> {
    match actor.tenant.0 == id {
        true => Ok(()),
        false => Err(Error::NotFound(EntityKind::Tenant)),
    }
}

/// The operations.
pub struct OrganizationsApi;

#[OpenApi(prefix_path = "/api/v1/organizations", tag = "Tags::Organizations")]
impl OrganizationsApi {
    /// List your organizations
    ///
    /// Those that the user is a member of, by slug: log in to another one with its slug as `organization`. An API key has one. Needs no
    /// permission.
    #[oai(path = "/", method = "get", operation_id = "list_organizations")]
    async fn list(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
    ) -> Result<Shown<Vec<OrganizationSummary>>, ApiError> {
        if let Principal::User(user) = caller.actor.principal {
            let organizations = membership::of_user(&app.db, user).await?.into_iter();
            let summary = |of: membership::Membership| OrganizationSummary {
                id: of.id.0,
                name: of.name,
                slug: of.slug,
                plan: of.plan,
            };
            return Ok(Shown::plain(organizations.map(summary).collect()));
        }
        let tenant = app.db.read(&caller.actor, async |tx| tenant::get(tx).await).await?;
        let Tenant { id, name, slug, plan, .. } = tenant;
        Ok(Shown::plain(vec![OrganizationSummary { id: id.0, name, slug, plan }]))
    }

    /// Found an organization
    ///
    /// Another one, on the plan `free`, of which you are an ADMIN at once: log in with its slug as `organization` to enter it. Takes an access
    /// token of a user who is an ADMIN of some organization; API keys found nothing. A user founds 5 at most, then the answer is 429
    /// `QUOTA_EXCEEDED`. A slug that another organization has or had is 409 `SLUG_TAKEN`. The operator of an installation may have switched
    /// it off. Needs no permission in this organization.
    #[oai(path = "/", method = "post", operation_id = "create_organization")]
    async fn create(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone; `handling=lenient` to have unknown fields ignored.
        #[oai(name = "Prefer")]
        prefer: Prefer,
        body: Body<FoundingInput, OrganizationRules>,
    ) -> Result<Answered<Created<OrganizationBody>>, ApiError> {
        founding::found(&app, &caller, &once, prefer, body.0).await
    }

    /// Get an organization
    ///
    /// That of the credential, with its settings; another one is not found. Needs `organizations:read`.
    #[oai(path = "/:id", method = "get", operation_id = "get_organization")]
    async fn get(
        &self,
        caller: Caller<OrganizationsRead>,
        app: Data<&Arc<App>>,
        /// The organization's id.
        id: Path<Uuid>,
        /// The `ETag` that you have.
        #[oai(name = "If-None-Match")]
        if_none_match: Header<Option<String>>,
    ) -> Result<Fetched<OrganizationBody>, ApiError> {
        own(&caller.actor, id.0)?;
        let tenant = app.db.read(&caller.actor, async |tx| tenant::get(tx).await).await?;
        let version = tenant.version;
        Ok(Fetched::unless(if_none_match.as_deref(), tenant.into(), version))
    }

    /// Replace an organization
    ///
    /// Settings that are absent are cleared. A slug that another organization has or had is refused with 409 `SLUG_TAKEN`; one that
    /// this organization had can be taken again. Needs `organizations:write`. Emits `tenant.settings.updated` where the settings
    /// differ.
    #[oai(path = "/:id", method = "put", operation_id = "replace_organization")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn replace(
        &self,
        caller: Caller<OrganizationsWrite>,
        app: Data<&Arc<App>>,
        /// The organization's id.
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
        body: Body<OrganizationInput, OrganizationRules>,
    ) -> Result<Answered<Shown<OrganizationBody>>, ApiError> {
        own(&caller.actor, id.0)?;
        let expected = params::if_match(if_match.as_deref())?;
        let OrganizationInput { name, slug, settings } = body.0;
        let settings = settings.map(object).unwrap_or_default();
        let draft = TenantDraft { name: Some(name), slug: Some(slug), settings: Some(settings) };
        let replace = async |tx: &mut TenantTx<'_>| Ok(shown(tenant::update(tx, expected, |_| draft).await?));
        once.write(&app, &caller, prefer, replace).await
    }

    /// Change an organization
    ///
    /// JSON merge patch (RFC 7396), of the settings too. Needs `organizations:write`. Emits `tenant.settings.updated` where the settings
    /// differ.
    #[oai(path = "/:id", method = "patch", operation_id = "update_organization")]
    #[expect(clippy::too_many_arguments, reason = "parameters of the operation, each documented")]
    async fn update(
        &self,
        caller: Caller<OrganizationsWrite>,
        app: Data<&Arc<App>>,
        /// The organization's id.
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
        body: Body<OrganizationPatch, OrganizationRules>,
    ) -> Result<Answered<Shown<OrganizationBody>>, ApiError> {
        own(&caller.actor, id.0)?;
        let expected = params::if_match(if_match.as_deref())?;
        let patch = body.0;
        let merge = |draft| patch.merge(draft);
        let update = async |tx: &mut TenantTx<'_>| Ok(shown(tenant::update(tx, expected, merge).await?));
        once.write(&app, &caller, prefer, update).await
    }

    /// Delete an organization
    ///
    /// Hides it with all that it has: within 5 seconds its access tokens and API keys are refused, those of this request too, and its
    /// webhooks get nothing more. For 30 days, unless the installation's operator keeps it for longer or shorter, it can be restored;
    /// then all that it had is removed for good. Its slug stays its own. Needs `organizations:delete`.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_organization")]
    async fn delete(
        &self,
        caller: Caller<OrganizationsDelete>,
        app: Data<&Arc<App>>,
        /// The organization's id.
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
    ) -> Result<Answered<Deleted<OrganizationBody>>, ApiError> {
        own(&caller.actor, id.0)?;
        let expected = params::if_match(if_match.as_deref())?;
        let delete = async |tx: &mut TenantTx<'_>| {
            let tenant = tenant::delete(tx, expected).await?;
            Ok(Deleted::preferring(prefer, || tenant.into()))
        };
        once.write(&app, &caller, prefer, delete).await
    }

    /// Restore an organization
    ///
    /// Brings an organization back that was deleted within 30 days, with its members and API keys; deliveries that were pending for its
    /// webhooks go on. Its own credentials are refused by
    /// then: this takes an access token of a user who is an ADMIN of it, got through another organization. The installation's operator
    /// can restore it for those who have none. Needs no permission in the other organization.
    #[oai(path = "/:id/restore", method = "post", operation_id = "restore_organization")]
    async fn restore(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
        /// The organization's id.
        id: Path<Uuid>,
        /// A key of your own: the same request under it within 24 hours is done once, and answered the same.
        #[oai(name = "Idempotency-Key")]
        once: Once,
        /// `return=minimal` for the headers alone.
        #[oai(name = "Prefer")]
        prefer: Prefer,
    ) -> Result<Answered<Shown<OrganizationBody>>, ApiError> {
        let missing = || Error::NotFound(EntityKind::Tenant);
        let Principal::User(user) = caller.actor.principal else { return Err(missing().into()) };
        let id = TenantId(id.0);
        let role = membership::role_in(&app.db, user, id).await?.filter(|role| *role >= Role::Admin);
        let actor = Actor { tenant: id, role: role.ok_or_else(missing)?, ..caller.actor.clone() };
        let there = Identity { actor, ..(*caller).clone() };
        let kept_for = app.tenant_retention;
        let restore = async |tx: &mut TenantTx<'_>| Ok(shown(tenant::restore(tx, kept_for).await?));
        once.write(&app, &there, prefer, restore).await
    }
}

fn shown(tenant: Tenant) -> Shown<OrganizationBody> {
    let version = tenant.version;
    Shown::versioned(tenant.into(), version)
}
