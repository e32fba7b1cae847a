//! Organizations that people found by themselves: who is ADMIN of one may found another.

use serde_json::{Map, Value};

use super::{Plan, Tenant, TenantDraft, insert, slug_of};
use crate::account::user;
use crate::actor::{Actor, Principal};
use crate::db::TenantTx;
use crate::error::{Error, Result};
use crate::id::{TenantId, UserId};
use crate::role::Role;

/// Organizations that a user founds at most; those that were deleted within 30 days count.
pub const MOST_FOUNDED: i64 = 5;

/// Who may found organizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Founders {
    /// Users who are ADMIN of an organization.
    Admins,
    /// Nobody but the operator.
    Nobody,
}

impl Founders {
    /// Those of a name.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "admins" => Ok(Self::Admins),
            "nobody" => Ok(Self::Nobody),
            _ => Err("expected admins or nobody".to_owned()),
        }
    }

    /// Refuses where nobody may.
    pub fn check(self) -> Result<()> {
        match self {
            Self::Admins => Ok(()),
            Self::Nobody => Err(Error::Forbidden(
                "The operator alone makes organizations in this installation".to_owned(),
            )),
        }
    }
}

/// Makes another organization in the transaction of one, of which the user who asks is ADMIN at once.
///
/// # Errors
/// `Forbidden` for an API key and for who is ADMIN nowhere, `Quota` for one organization more than a user founds.
pub async fn found(
    tx: &mut TenantTx<'_>,
    name: &str,
    slug: Option<String>,
    settings: Map<String, Value>,
) -> Result<Tenant> {
    let Principal::User(founder) = tx.actor().principal else {
        return Err(Error::Forbidden(
            "An organization is founded by a person, with an access token".to_owned(),
        ));
    };
    let slug = slug.unwrap_or_else(|| slug_of(name));
    let draft = TenantDraft {
        name: Some(name.to_owned()),
        slug: Some(slug.clone()),
        settings: Some(settings.clone()),
    };
    match draft.broken() {
        broken if broken.is_empty() => {}
        broken => return Err(Error::Invalid(broken)),
    }
    check_founder(tx, founder).await?;
    let actor = Actor { tenant: TenantId::new(), role: Role::Admin, ..tx.actor().clone() };
    let own = tx.become_another(actor).await?;
    let tenant = insert(tx, name, &slug, Plan::Free, settings, Some(founder)).await?;
    user::join(tx, founder, Role::Admin).await?;
    tx.become_another(own).await?;
    Ok(tenant)
}

async fn check_founder(tx: &mut TenantTx<'_>, founder: UserId) -> Result<()> {
    let (is_admin, founded): (bool, i64) =
        sqlx::query_as("select is_admin, founded from tenon.may_found($1)")
            .bind(founder)
            .fetch_one(tx.conn())
            .await?;
    if !is_admin {
        return Err(Error::Forbidden("Who is ADMIN of an organization may found another one".to_owned()));
    }
    if founded >= MOST_FOUNDED {
        let message = format!("A user founds at most {MOST_FOUNDED} organizations");
        return Err(Error::Quota { quota: "foundedOrganizations", most: MOST_FOUNDED, message });
    }
    Ok(())
}
