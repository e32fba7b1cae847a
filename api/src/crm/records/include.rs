//! `include`: records that the records of an answer name, beside them.

use std::collections::HashSet;

use poem_openapi::Object;
use serde::Serialize;
use tenon_common::TenantTx;
use tenon_common::account::user;
use tenon_common::crm::company::Company;
use tenon_common::crm::contact::Contact;
use tenon_common::crm::pipeline::Pipeline;
use tenon_common::crm::record::{Record, batch};
use tenon_common::id::UserId;
use tenon_common::role::Permission;
use uuid::Uuid;

use crate::calls::caller::Identity;
use crate::crm::companies::CompanyBody;
use crate::crm::contacts::ContactBody;
use crate::crm::pipelines::PipelineBody;
use crate::http::code::Code;
use crate::http::refusal::Refusal;
use crate::shown::user::UserSummary;

/// What an answer's records name: each record once, and only what the caller sees and is not deleted. A kind that was not asked for is
/// absent.
#[derive(Object, Serialize, Debug, Default)]
#[oai(skip_serializing_if_is_none)]
pub struct Included {
    /// Companies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub companies: Option<Vec<CompanyBody>>,
    /// Contacts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contacts: Option<Vec<ContactBody>>,
    /// Pipelines, with their stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pipelines: Option<Vec<PipelineBody>>,
    /// Users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<UserSummary>>,
}

/// What can be included. A kind is read by one statement, whatever the number of relations and records that name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Companies.
    Companies,
    /// Contacts.
    Contacts,
    /// Pipelines.
    Pipelines,
    /// Users of the organization.
    Users,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Companies, Self::Contacts, Self::Pipelines, Self::Users];

    /// What it takes to read them; none for users, whom everybody sees who sees what is theirs.
    fn permission(self) -> Option<Permission> {
        match self {
            Self::Companies => Some(Permission::COMPANIES_READ),
            Self::Contacts => Some(Permission::CONTACTS_READ),
            Self::Pipelines => Some(Permission::PIPELINES_READ),
            Self::Users => None,
        }
    }
}

/// A field by which records name another one.
#[derive(Debug)]
pub struct Relation<D: 'static> {
    /// What `include` calls it: `owner`.
    pub name: &'static str,
    /// What it names.
    pub kind: Kind,
    /// Which.
    pub id: fn(&D) -> Option<Uuid>,
}

/// The relations that were asked for.
#[derive(Debug)]
pub struct Include<D: 'static>(Vec<&'static Relation<D>>);

impl<D> Include<D> {
    /// Of a URL: names parted by commas.
    pub fn of_text(
        relations: &'static [Relation<D>],
        text: Option<&str>,
        caller: &Identity,
    ) -> Result<Self, Refusal> {
        Self::of_names(relations, text.into_iter().flat_map(|text| text.split(',')), caller)
    }

    /// Refuses a name that the resource does not have, and a relation to what the caller may not read.
    pub fn of_names(
        relations: &'static [Relation<D>],
        names: impl IntoIterator<Item: AsRef<str>>,
        caller: &Identity,
    ) -> Result<Self, Refusal> {
        let named = |name: &str| {
            let relation = relations.iter().find(|relation| relation.name == name.trim());
            let relation = relation.ok_or_else(|| unknown(relations, name))?;
            relation.kind.permission().map_or(Ok(()), |permission| caller.require(permission))?;
            Ok(relation)
        };
        names.into_iter().map(|name| named(name.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// What the records name; none where nothing was asked for.
    pub async fn load(&self, tx: &mut TenantTx<'_>, records: &[D]) -> tenon_common::Result<Option<Included>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut included = Included::default();
        for kind in Kind::ALL {
            let Some(ids) = self.ids(kind, records) else { continue };
            match kind {
                Kind::Companies => included.companies = Some(read::<Company, _>(tx, &ids).await?),
                Kind::Contacts => included.contacts = Some(read::<Contact, _>(tx, &ids).await?),
                Kind::Pipelines => included.pipelines = Some(read::<Pipeline, _>(tx, &ids).await?),
                Kind::Users => included.users = Some(users(tx, ids).await?),
            }
        }
        Ok(Some(included))
    }

    /// The ids of a kind that the records name, each once; none where the kind was not asked for.
    fn ids(&self, kind: Kind, records: &[D]) -> Option<Vec<Uuid>> {
        let mut relations = self.0.iter().filter(|relation| relation.kind == kind).peekable();
        relations.peek()?;
        let relations: Vec<_> = relations.collect();
        let mut seen = HashSet::new();
        let named = records.iter().flat_map(|record| relations.iter().filter_map(|by| (by.id)(record)));
        Some(named.filter(|id| seen.insert(*id)).collect())
    }
}

fn unknown<D>(relations: &[Relation<D>], name: &str) -> Refusal {
    let shown: String = name.chars().take(60).collect();
    let known: Vec<&str> = relations.iter().map(|relation| relation.name).collect();
    let message = match known.is_empty() {
        true => "There is nothing to include here".to_owned(),
        false => format!("There is no relation {shown:?}; there are: {}", known.join(", ")),
    };
    Refusal::new(Code::ValidationError).detail("include", message)
}

async fn read<R: Record, B: From<R>>(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> tenon_common::Result<Vec<B>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = batch::get_each::<R>(tx, ids).await?;
    Ok(found.into_iter().flatten().map(B::from).collect())
}

async fn users(tx: &mut TenantTx<'_>, ids: Vec<Uuid>) -> tenon_common::Result<Vec<UserSummary>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<UserId> = ids.into_iter().map(UserId).collect();
    let names = user::names(tx, &ids).await?.into_iter();
    Ok(names.map(|user| UserSummary { id: user.id.0, name: user.name, email: user.email }).collect())
}
