//! What is a company's own among the records of the CRM.

use std::collections::HashSet;
use std::sync::LazyLock;

use uuid::Uuid;

use crate::crm::company::{Company, CompanyDraft, CompanyFields, LIST};
use crate::crm::record::{
    Birth, Column, Draft, Events, Link, Plan, Record, Reference, Statements, Target, Unique, head,
};
use crate::crm::{linked, release};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, FieldError, Result};
use crate::event::EventType;
use crate::id::UserId;
use crate::list::Listing;
use crate::rules;

head!(Company);

static STATEMENTS: LazyLock<Statements> = LazyLock::new(Statements::of::<Company>);

impl Draft for CompanyDraft {
    type Fields = CompanyFields;

    fn check(self) -> Result<CompanyFields, Vec<FieldError>> {
        Self::check(self)
    }

    fn keep_owner(self, now: &Self) -> Self {
        Self { owner_id: self.owner_id.or(now.owner_id), ..self }
    }
}

impl Record for Company {
    type Draft = CompanyDraft;

    const KIND: EntityKind = EntityKind::Company;
    const OWN: &'static [Column<Self>] = &[
        Column::text("external_id", |company| company.external_id.as_deref()),
        Column::text("name", |company| Some(&company.name)),
        Column::text("industry", |company| company.industry.as_deref()),
        Column::text("website", |company| company.website.as_deref()),
        Column::integer("employees", |company| company.employees),
        Column::text("domain", |company| company.domain.as_deref()),
        Column::uuid("owner_id", |company| company.owner_id.map(|id| id.0)),
    ];
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        constraint: "companies_external_id",
        field: "externalId",
        column: "external_id",
        value: |company| company.external_id.clone(),
        parse: rules::external_id_key,
        draft: |draft| &mut draft.external_id,
    }];
    const REFERENCES: &'static [Reference<Self>] = &[Reference {
        field: "ownerId",
        target: Target::MEMBER,
        constraint: "companies_owner",
        id: |company| company.owner_id.map(|id| id.0),
    }];
    const LINKS: &'static [Link] = linked::OF_COMPANY;
    const EVENTS: Events = Events {
        created: EventType::COMPANY_CREATED,
        updated: EventType::COMPANY_UPDATED,
        deleted: EventType::COMPANY_DELETED,
        restored: EventType::COMPANY_RESTORED,
        purged: EventType::COMPANY_PURGED,
    };

    fn listing() -> &'static Listing {
        &LIST
    }

    fn statements() -> &'static Statements {
        &STATEMENTS
    }

    fn blank(birth: Birth) -> Self {
        Self {
            id: birth.id.into(),
            tenant_id: birth.tenant,
            external_id: None,
            name: String::new(),
            industry: None,
            website: None,
            employees: None,
            domain: None,
            owner_id: None,
            version: 1,
            created_at: birth.at,
            created_by: birth.by,
            updated_at: birth.at,
            updated_by: birth.by,
            deleted_at: None,
        }
    }

    fn apply(&mut self, fields: CompanyFields) -> Result<()> {
        self.name = fields.name;
        self.external_id = fields.external_id;
        self.industry = fields.industry;
        self.website = fields.website;
        self.employees = fields.employees;
        self.domain = fields.domain;
        self.owner_id = fields.owner_id;
        Ok(())
    }

    fn owner(&self) -> Option<UserId> {
        self.owner_id
    }

    fn set_owner(&mut self, owner: UserId) {
        self.owner_id = Some(owner);
    }

    fn refusal(constraint: &str) -> Option<Error> {
        (constraint == "companies_industry").then(unknown_industry)
    }

    /// Industries. The foreign key says it too, for one company.
    async fn settle(tx: &mut TenantTx<'_>, plans: &mut [Result<Plan<Self>>], each: bool) -> Result<()> {
        let named: HashSet<&str> = plans.iter().flatten().filter_map(industry).collect();
        if !each || named.is_empty() {
            return Ok(());
        }
        let found: Vec<String> =
            sqlx::query_scalar("select name from tenon.industries where tenant_id = $1 and name = any ($2)")
                .bind(tx.actor().tenant)
                .bind(named.into_iter().collect::<Vec<_>>())
                .fetch_all(tx.conn())
                .await?;
        let found: HashSet<String> = found.into_iter().collect();
        for plan in plans {
            let unknown =
                |plan: &Plan<Self>| industry(plan).is_some_and(|industry| !found.contains(industry));
            if plan.as_ref().is_ok_and(unknown) {
                *plan = Err(unknown_industry());
            }
        }
        Ok(())
    }

    async fn release(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<()> {
        release::company(tx, ids).await
    }
}

/// The industry that a company did not have before.
fn industry(plan: &Plan<Company>) -> Option<&str> {
    let before = plan.before.as_ref().and_then(|before| before.industry.as_deref());
    plan.after.industry.as_deref().filter(|industry| before != Some(industry))
}

fn unknown_industry() -> Error {
    Error::Invalid(vec![FieldError::new(
        "industry",
        "UNKNOWN_INDUSTRY",
        "Must be one of the organization's industries, which GET /api/v1/meta/industries lists",
    )])
}
