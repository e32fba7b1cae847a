//! `/auth/login` and `/me`.

mod recorded;

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::types::Example;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use tenon_common::account::access_token::LIFETIME;
use tenon_common::account::login::{self, Login};
use tenon_common::account::{tenant, user};
use tenon_common::actor::Principal;
use tenon_common::role::Permission;
use uuid::Uuid;

use crate::account::roles::RoleName;
use crate::app::App;
use crate::calls::caller::{self, Authenticated, Caller};
use crate::http::body::Body;
use crate::http::code::Code;
use crate::http::error::ApiError;
use crate::http::refusal::Refusal;
use crate::http::request;
use crate::http::response::Shown;
use crate::openapi::tags::Tags;
use crate::shown::user::UserSummary;

/// Who wants to log in.
#[derive(Object)]
#[oai(rename = "LoginInput", rename_all = "camelCase", example)]
pub struct LoginInput {
    /// The login address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The slug of the organization, for a member of several.
    pub organization: Option<String>,
}

impl Example for LoginInput {
    fn example() -> Self {
        Self {
            email: "ada@example.com".to_owned(),
            password: "correct horse battery".to_owned(),
            organization: None,
        }
    }
}

/// An access token.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "AccessToken", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct TokenBody {
    /// Send it as `Authorization: Bearer …`.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until it expires.
    pub expires_in: i64,
}

/// Who calls.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Me", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct MeBody {
    /// The organization.
    pub organization: OrganizationSummary,
    /// The user; null for an API key that acts for nobody.
    #[oai(nullable)]
    pub user: Option<UserSummary>,
    /// The API key's id; null for an access token.
    #[oai(nullable)]
    pub api_key_id: Option<Uuid>,
    /// The role.
    pub role: RoleName,
    /// What the caller may do, scopes applied.
    pub permissions: Vec<String>,
}

/// An organization, in short.
#[derive(Object, Serialize, Debug)]
#[oai(rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct OrganizationSummary {
    /// Its id: the `tenantId` of its records.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Its slug.
    pub slug: String,
    /// free, team, business or unlimited.
    pub plan: String,
}

/// The operations.
pub struct AuthApi;

#[OpenApi(prefix_path = "/api/v1", tag = "Tags::Authentication")]
impl AuthApi {
    /// Log in
    ///
    /// Answers an access token for 10 minutes. A member of several organizations who names none gets 409 `TENANT_REQUIRED` with
    /// the choices. In 15 minutes there are five attempts for an account and network, 20 for an account from networks where nobody has
    /// logged in to it, 100 from an address and 400 from a network; the answer does not tell whether an account exists.
    #[oai(path = "/auth/login", method = "post", operation_id = "create_login")]
    async fn login(
        &self,
        request: &Request,
        app: Data<&Arc<App>>,
        body: Body<LoginInput>,
    ) -> Result<Shown<TokenBody>, ApiError> {
        let LoginInput { email, password, organization } = body.0;
        let facts = request::FACTS.get();
        app.limits.login(facts.ip, &email).await?;
        let attempt = login::attempt(&app.db, &email, &password, organization.as_deref()).await?;
        let outcome = attempt.outcome.clone();
        let counted = if matches!(outcome, Login::In(_) | Login::Choose(_)) { "succeeded" } else { "failed" };
        metrics::counter!("tenon_auth_attempts_total", "method" => "password", "outcome" => counted)
            .increment(1);
        let origin = caller::origin(request.headers(), &facts);
        if counted == "failed" {
            recorded::failed(&app, attempt, email, organization, facts.ip, origin.clone());
        } else {
            app.limits.logged_in(facts.ip, &email);
        }
        match outcome {
            Login::In(member) => {
                let session = Uuid::now_v7();
                let token =
                    app.tokens.issue(member.user, member.tenant, member.role, member.epochs, session)?;
                recorded::succeeded(&app, &member, origin).await;
                Ok(Shown::plain(TokenBody {
                    access_token: token,
                    token_type: "Bearer".to_owned(),
                    expires_in: LIFETIME,
                }))
            }
            Login::Refused => Err(Refusal::new(Code::InvalidCredentials).into()),
            Login::Suspended => Err(Refusal::new(Code::AccountSuspended).into()),
            Login::Choose(choices) => {
                let details: BTreeMap<_, _> = choices.into_iter().collect();
                Err(Refusal { details, ..Refusal::new(Code::TenantRequired) }.into())
            }
        }
    }

    /// Who am I
    ///
    /// The organization, the user and what the caller may do. Needs no permission.
    #[oai(path = "/me", method = "get", operation_id = "get_me")]
    async fn me(
        &self,
        caller: Caller<Authenticated>,
        app: Data<&Arc<App>>,
    ) -> Result<Shown<MeBody>, ApiError> {
        let principal = caller.actor.principal;
        let read = async |tx: &mut tenon_common::TenantTx<'_>| {
            let tenant = tenant::get(tx).await?;
            let member = match principal.user() {
                Some(id) => Some(user::get(tx, id).await?),
                None => None,
            };
            Ok((tenant, member))
        };
        let (tenant, member) = app.db.read(&caller.actor, read).await?;
        let allowed = Permission::ALL.into_iter().filter(|permission| caller.require(*permission).is_ok());
        Ok(Shown::plain(MeBody {
            organization: OrganizationSummary {
                id: tenant.id.0,
                name: tenant.name,
                slug: tenant.slug,
                plan: tenant.plan,
            },
            user: member.map(|member| UserSummary {
                id: member.id.0,
                name: member.name,
                email: member.email,
            }),
            api_key_id: match principal {
                Principal::ApiKey(id, _) => Some(id.0),
                _ => None,
            },
            role: caller.actor.role.into(),
            permissions: allowed.map(|permission| permission.name().to_owned()).collect(),
        }))
    }
}
