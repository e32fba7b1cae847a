//! Tenants: organisations whose data nobody else sees.

mod changes;
mod draft;
mod files;
mod founding;
mod purge;
mod restoration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::change::{self, Change};
use crate::db::record::record;
use crate::db::{Db, TenantTx};
use crate::entity::EntityKind;
use crate::error::{Conflict, ConflictCode, Error, FieldError, Result, broken_constraint};
use crate::event::EventType;
use crate::id::{TenantId, UserId};
use crate::wire;

pub use changes::{RETENTION, delete, reset_limits, restore, set_plan, update};
pub use draft::{MOST_SETTINGS, REQUIRE_IF_MATCH, TenantDraft, merge};
pub use files::remove_files;
pub use founding::{Founders, MOST_FOUNDED, found};
pub use purge::{Purged, purge_batch, purge_due, purge_one};
pub use restoration::ResumeTenant;

/// What a tenant pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Plan {
    /// The default.
    Free,
    /// For a team.
    Team,
    /// For a business.
    Business,
    /// For the operator's own.
    Unlimited,
}

impl Plan {
    /// Every plan.
    pub const ALL: [Self; 4] = [Self::Free, Self::Team, Self::Business, Self::Unlimited];

    /// The stored name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Team => "team",
            Self::Business => "business",
            Self::Unlimited => "unlimited",
        }
    }

    /// The plan of a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|plan| plan.name() == name)
            .ok_or("expected free, team, business or unlimited".to_owned())
    }
}

/// What a tenant's requests are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many are allowed.
    pub plan: Plan,
    /// Raised to let the count begin anew.
    pub epoch: i64,
}

impl From<Plan> for Allowance {
    /// Of a count that never began anew.
    fn from(plan: Plan) -> Self {
        Self { plan, epoch: 0 }
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// 1–100 characters.
    pub name: String,
    /// DNS-safe, unique, never re-issued.
    pub slug: String,
    /// See [`Plan`].
    pub plan: String,
    /// The tenant's own settings.
    pub settings: Value,
    /// Counts changes, from 1.
    pub version: i64,
    /// When it was created.
    #[serde(serialize_with = "wire::serialize")]
    pub created_at: DateTime<Utc>,
    /// When it was last changed.
    #[serde(serialize_with = "wire::serialize")]
    pub updated_at: DateTime<Utc>,
    /// When it was deleted.
    #[serde(serialize_with = "wire::serialize_option")]
    pub deleted_at: Option<DateTime<Utc>>,
}

record!(Tenant { id, name, slug, plan, settings, version, created_at, updated_at, deleted_at });
use columns;

/// Names that would be taken for something of the installation's own.
const RESERVED: &[&str] = &[
    "admin",
    "api",
    "app",
    "auth",
    "billing",
    "cdn",
    "dashboard",
    "docs",
    "help",
    "internal",
    "login",
    "mail",
    "metrics",
    "root",
    "static",
    "status",
    "support",
    "system",
    "tenon",
    "webhooks",
    "www",
];

/// Whether a slug has the form `^[a-z](?:[a-z0-9-]{1,61}[a-z0-9])$` without `--`, and is not reserved.
pub fn check_slug(slug: &str) -> Result<(), FieldError> {
    let bytes = slug.as_bytes();
    let formed = (3..=63).contains(&bytes.len())
        && bytes[0].is_ascii_lowercase()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
        && !slug.ends_with('-')
        && !slug.contains("--");
    match (formed, RESERVED.contains(&slug)) {
        (true, false) => Ok(()),
        (true, true) => Err(FieldError::new("slug", "RESERVED", "This slug is reserved")),
        (false, _) => Err(FieldError::new(
            "slug",
            "INVALID_SLUG",
            "Slug must have 3 to 63 characters of a-z, 0-9 and single dashes, begin with a letter and not end with a dash",
        )),
    }
}

/// A slug made from a name: lower case, everything else a dash. May still be reserved or taken.
pub fn slug_of(name: &str) -> String {
    let mut slug = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' => slug.push_str("ae"),
            'ö' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            _ if slug.ends_with('-') || slug.is_empty() => {}
            _ => slug.push('-'),
        }
    }
    let slug = slug.trim_matches('-').trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
    let slug: String = slug.chars().take(58).collect();
    let slug = slug.trim_end_matches('-');
    if slug.len() < 3 || RESERVED.contains(&slug) {
        format!("org-{slug}").trim_end_matches('-').to_owned()
    } else {
        slug.to_owned()
    }
}

/// Creates the tenant that the transaction's actor is of.
pub async fn create(tx: &mut TenantTx<'_>, name: &str, slug: &str, plan: Plan) -> Result<Tenant> {
    insert(tx, name, slug, plan, Map::new(), None).await
}

async fn insert(
    tx: &mut TenantTx<'_>,
    name: &str,
    slug: &str,
    plan: Plan,
    settings: Map<String, Value>,
    founder: Option<UserId>,
) -> Result<Tenant> {
    check_slug(slug).map_err(|error| Error::Invalid(vec![error]))?;
    let name = crate::rules::text(name, "Name", 100)
        .map_err(|(code, message)| Error::Invalid(vec![FieldError::new("name", code, message)]))?;
    let now = wire::now();
    let tenant: Tenant = sqlx::query_as(concat!(
        "insert into tenon.tenants (id, name, slug, plan, settings, founded_by, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $7) returning ",
        columns!()
    ))
    .bind(tx.actor().tenant)
    .bind(name)
    .bind(slug)
    .bind(plan.name())
    .bind(Value::Object(settings))
    .bind(founder)
    .bind(now)
    .fetch_one(tx.conn())
    .await
    .map_err(collision)?;
    change::record(tx, &[changed(EventType::TENANT_CREATED, None, &tenant)?]).await?;
    Ok(tenant)
}

fn collision(error: sqlx::Error) -> Error {
    match broken_constraint(&error) {
        Some("tenants_slug_key") => Error::Conflict(Conflict {
            code: ConflictCode::SlugTaken,
            message: "Another organization has or had this slug".to_owned(),
            field: Some("slug"),
            with: None,
        }),
        _ => error.into(),
    }
}

fn changed(event: EventType, before: Option<&Tenant>, after: &Tenant) -> Result<Change> {
    let show = |tenant: &Tenant| serde_json::to_value(tenant).map_err(Error::internal);
    Ok(Change {
        event,
        object: after.id.0,
        version: after.version,
        at: after.updated_at,
        before: before.map(show).transpose()?,
        after: show(after)?,
    })
}

/// The tenant with a slug, deleted or not.
pub async fn find(db: &Db, slug: &str) -> Result<Option<TenantId>> {
    let mut connection = db.lookup().await?;
    Ok(sqlx::query_scalar("select tenon.find_tenant($1)").bind(slug).fetch_one(&mut *connection).await?)
}

/// The tenant that has this slug and is not deleted, for an attempt to log in.
pub async fn find_active(db: &Db, slug: &str) -> Result<Option<TenantId>> {
    // PostgreSQL text cannot hold it, and no slug does.
    if slug.contains('\0') {
        return Ok(None);
    }
    let mut connection = db.lookup().await?;
    Ok(sqlx::query_scalar("select tenon.find_active_tenant($1)")
        .bind(slug)
        .fetch_one(&mut *connection)
        .await?)
}

/// The tenant of the transaction.
pub async fn get(tx: &mut TenantTx<'_>) -> Result<Tenant> {
    sqlx::query_as(concat!("select ", columns!(), " from tenon.tenants where id = $1 and deleted_at is null"))
        .bind(tx.actor().tenant)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(Error::NotFound(EntityKind::Tenant))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slugs_are_made_from_names() {
        assert_eq!(slug_of("Acme Corp."), "acme-corp");
        assert_eq!(slug_of("Müller & Söhne"), "mueller-soehne");
        assert_eq!(slug_of("42"), "org");
        assert_eq!(slug_of("API"), "org-api");
        assert!(check_slug("a--b").is_err());
        assert!(check_slug("api").is_err());
    }

    proptest! {
        #[test]
        fn a_made_slug_has_the_form(name in "\\PC{0,100}") {
            prop_assert!(check_slug(&slug_of(&name)).is_ok(), "{}", slug_of(&name));
        }
    }
}
