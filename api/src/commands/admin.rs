//! `tenon-api admin`: what an operator does that no tenant can.

use chrono::TimeDelta;
use rand::RngExt;
use serde_json::json;
use tenon_common::account::api_key::{self, ApiKeyDraft, Grantor, Mode};
use tenon_common::account::user::NewMember;
use tenon_common::account::{tenant, user};
use tenon_common::actor::Principal;
use tenon_common::error::Error;
use tenon_common::id::TenantId;
use tenon_common::role::Role;
use tenon_common::{Actor, Db, TenantTx};

use crate::cli::{AdminCommand, Cli, TenantCommand, UserCommand};

use super::{audit, say};

pub(super) async fn run(cli: &Cli, command: &AdminCommand) -> Result<(), String> {
    let db = || Db::connect_lazy(&cli.database.config("tenon-api admin")?).map_err(|error| error.to_string());
    let answer = match command {
        AdminCommand::Tenant(TenantCommand::Create {
            name,
            slug,
            plan,
            owner_email,
            owner_name,
            owner_password,
            with_api_key,
        }) => {
            let slug = slug.clone().unwrap_or_else(|| tenant::slug_of(name));
            let (password, made) = password(owner_password.as_deref());
            let owner = NewMember {
                email: owner_email.clone(),
                name: owner_name.clone(),
                password,
                role: Role::Admin,
            };
            let new = NewTenant { name, slug: &slug, plan: *plan, owner, with_api_key: *with_api_key };
            create_tenant(&db()?, new, made).await
        }
        AdminCommand::Tenant(TenantCommand::Plan { tenant, plan }) => {
            let actor = Actor::system(TenantId(*tenant));
            db()?.write(&actor, async |tx| tenant::set_plan(tx, *plan).await).await.map(shown)
        }
        AdminCommand::Tenant(TenantCommand::Restore { tenant }) => {
            let actor = Actor::system(TenantId(*tenant));
            let within = cli.retention.tenants();
            db()?.write(&actor, async |tx| tenant::restore(tx, within).await).await.map(shown)
        }
        // By a login of its own: the API's may not.
        AdminCommand::Tenant(TenantCommand::Purge { tenant, slug, now, migrate_database_url }) => {
            let retention = if *now { TimeDelta::zero() } else { cli.retention.tenants() };
            let purged = tenant::purge_one(migrate_database_url, TenantId(*tenant), slug, retention).await;
            purged.map(|purged| json!({"tenantId": tenant, "slug": slug, "rows": purged.rows}))
        }
        AdminCommand::Tenant(TenantCommand::ResetLimits { tenant }) => {
            let actor = Actor::system(TenantId(*tenant));
            db()?.write(&actor, async |tx| tenant::reset_limits(tx).await).await.map(shown)
        }
        AdminCommand::Audit(command) => return audit::run(&db()?, command).await,
        AdminCommand::User(UserCommand::Create { tenant, email, name, role, password: given }) => {
            let (password, made) = password(given.as_deref());
            let new = NewMember { email: email.clone(), name: name.clone(), password, role: *role };
            create_user(&db()?, TenantId(*tenant), new, made).await
        }
    };
    say(&answer.map_err(explain)?.to_string());
    Ok(())
}

fn shown(tenant: tenant::Tenant) -> serde_json::Value {
    json!({"tenantId": tenant.id, "slug": tenant.slug, "name": tenant.name, "plan": tenant.plan})
}

struct NewTenant<'a> {
    name: &'a str,
    slug: &'a str,
    plan: tenant::Plan,
    owner: NewMember,
    with_api_key: bool,
}

async fn create_tenant(
    db: &Db,
    new: NewTenant<'_>,
    made: Option<String>,
) -> Result<serde_json::Value, Error> {
    let id = TenantId::new();
    let create = async |tx: &mut TenantTx<'_>| {
        let tenant = tenant::create(tx, new.name, new.slug, new.plan).await?;
        let owner = user::create(tx, new.owner).await?;
        Ok((tenant, owner))
    };
    let (tenant, owner) = db.write(&Actor::system(id), create).await?;
    let mut api_key = None;
    if new.with_api_key {
        let actor = Actor { principal: Principal::User(owner.id), role: Role::Admin, ..Actor::system(id) };
        let draft = ApiKeyDraft {
            name: Some("Owner".to_owned()),
            scopes: Some(vec!["*".to_owned()]),
            ..ApiKeyDraft::default()
        };
        let grantor = Grantor::of_role(Role::Admin);
        let (_, secret) =
            db.write(&actor, async |tx| api_key::create(tx, draft, Mode::Live, &grantor).await).await?;
        api_key = Some(secret.reveal().to_owned());
    }
    Ok(json!({
        "tenantId": tenant.id, "slug": tenant.slug, "userId": owner.id, "email": owner.email, "password": made, "apiKey": api_key
    }))
}

async fn create_user(
    db: &Db,
    tenant: TenantId,
    new: NewMember,
    made: Option<String>,
) -> Result<serde_json::Value, Error> {
    let create = async |tx: &mut TenantTx<'_>| {
        refuse_missing(tx).await?;
        user::create(tx, new).await
    };
    let member = db.write(&Actor::system(tenant), create).await?;
    Ok(
        json!({"tenantId": tenant, "userId": member.id, "email": member.email, "role": member.role, "password": made}),
    )
}

/// The tenant, or that there is none.
async fn refuse_missing(tx: &mut TenantTx<'_>) -> Result<(), Error> {
    tenant::get(tx).await.map(|_| ())
}

/// The password that was given, or a new one that is printed.
fn password(given: Option<&str>) -> (String, Option<String>) {
    if let Some(given) = given {
        return (given.to_owned(), None);
    }
    // 20 of 32 characters that are not mistaken for each other: 100 bits.
    let alphabet = b"abcdefghjkmnpqrstuvwxyz23456789-";
    let mut rng = rand::rng();
    let made: String = (0..20).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect();
    (made.clone(), Some(made))
}

pub(super) fn explain(error: Error) -> String {
    match error {
        Error::Invalid(fields) => fields
            .iter()
            .map(|field| format!("{}: {}", field.field(), field.message))
            .collect::<Vec<_>>()
            .join("; "),
        Error::Internal(cause) => format!("internal error: {cause}"),
        Error::Unavailable(cause) => format!("the database is not available: {cause}"),
        other => other.to_string(),
    }
}
