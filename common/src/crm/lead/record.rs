//! What is a lead's own among the records of the CRM.

use std::sync::LazyLock;

use crate::change::Change;
use crate::crm::lead::{LIST, Lead, LeadDraft, LeadFields, Status, place};
use crate::crm::record::{
    Birth, Column, Draft, Events, Link, Plan, Record, Reference, Statements, Target, Unique, changed, head,
    unknown,
};
use crate::crm::{linked, money};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{Error, FieldError, Result};
use crate::event::EventType;
use crate::id::UserId;
use crate::list::Listing;
use crate::rules;

head!(Lead);

static STATEMENTS: LazyLock<Statements> = LazyLock::new(Statements::of::<Lead>);

impl Draft for LeadDraft {
    type Fields = LeadFields;

    fn check(self) -> Result<LeadFields, Vec<FieldError>> {
        Self::check(self)
    }

    fn replacing(self, now: &Self) -> Self {
        let names_currency =
            now.currency.as_deref().is_some_and(|currency| currency != money::DEFAULT_CURRENCY);
        Self { names_currency, ..self }
    }

    fn keep_owner(self, now: &Self) -> Self {
        Self { owner_id: self.owner_id.or(now.owner_id), ..self }
    }
}

impl Record for Lead {
    type Draft = LeadDraft;

    const KIND: EntityKind = EntityKind::Lead;
    const OWN: &'static [Column<Self>] = &[
        Column::text("external_id", |lead| lead.external_id.as_deref()),
        Column::text("title", |lead| Some(&lead.title)),
        Column::text("status", |lead| Some(lead.status.name())),
        Column::bigint("value_minor", |lead| lead.value_minor),
        Column::text("currency", |lead| lead.currency.as_deref()),
        Column::uuid("owner_id", |lead| lead.owner_id.map(|id| id.0)),
        Column::uuid("contact_id", |lead| lead.contact_id.map(|id| id.0)),
        Column::uuid("company_id", |lead| lead.company_id.map(|id| id.0)),
        Column::uuid("pipeline_id", |lead| lead.pipeline_id.map(|id| id.0)),
        Column::uuid("stage_id", |lead| lead.stage_id.map(|id| id.0)),
        Column::date("expected_close_date", |lead| lead.expected_close_date),
    ];
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        constraint: "leads_external_id",
        field: "externalId",
        column: "external_id",
        value: |lead| lead.external_id.clone(),
        parse: rules::external_id_key,
        draft: |draft| &mut draft.external_id,
    }];
    const REFERENCES: &'static [Reference<Self>] = &[
        Reference {
            field: "ownerId",
            target: Target::MEMBER,
            constraint: "leads_owner",
            id: |lead| lead.owner_id.map(|id| id.0),
        },
        Reference {
            field: "contactId",
            target: Target::CONTACT,
            constraint: "leads_contact",
            id: |lead| lead.contact_id.map(|id| id.0),
        },
        Reference {
            field: "companyId",
            target: Target::COMPANY,
            constraint: "leads_company",
            id: |lead| lead.company_id.map(|id| id.0),
        },
    ];
    const LINKS: &'static [Link] = linked::OF_LEAD;
    const EVENTS: Events = Events {
        created: EventType::LEAD_CREATED,
        updated: EventType::LEAD_UPDATED,
        deleted: EventType::LEAD_DELETED,
        restored: EventType::LEAD_RESTORED,
        purged: EventType::LEAD_PURGED,
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
            title: String::new(),
            status: Status::New,
            value_minor: None,
            currency: None,
            owner_id: None,
            contact_id: None,
            company_id: None,
            pipeline_id: None,
            stage_id: None,
            expected_close_date: None,
            version: 1,
            created_at: birth.at,
            created_by: birth.by,
            updated_at: birth.at,
            updated_by: birth.by,
            deleted_at: None,
        }
    }

    fn apply(&mut self, fields: LeadFields) -> Result<()> {
        self.title = fields.title;
        self.external_id = fields.external_id;
        self.status = fields.status;
        self.value_minor = fields.value_minor;
        self.currency = fields.currency;
        self.owner_id = fields.owner_id;
        self.contact_id = fields.contact_id;
        self.company_id = fields.company_id;
        self.pipeline_id = fields.pipeline_id;
        self.stage_id = fields.stage_id;
        self.expected_close_date = fields.expected_close_date;
        Ok(())
    }

    fn owner(&self) -> Option<UserId> {
        self.owner_id
    }

    fn set_owner(&mut self, owner: UserId) {
        self.owner_id = Some(owner);
    }

    fn refusal(constraint: &str) -> Option<Error> {
        (constraint == "leads_stage").then(|| unknown("stageId", "stage"))
    }

    async fn settle(tx: &mut TenantTx<'_>, plans: &mut [Result<Plan<Self>>], _each: bool) -> Result<()> {
        place::settle(tx, plans).await
    }

    /// A lead comes back without a stage where that was removed meanwhile.
    async fn revive(&mut self, tx: &mut TenantTx<'_>) -> Result<()> {
        if let Some(stage) = self.stage_id
            && !place::is_there(tx, stage).await?
        {
            (self.pipeline_id, self.stage_id) = (None, None);
        }
        Ok(())
    }

    /// One event for what is the lead's own, one for its place: receivers may listen to either.
    fn changes(before: &Self, after: &Self) -> Result<Vec<Change>> {
        let placed = |lead: &Self, of: &Self| Self {
            pipeline_id: of.pipeline_id,
            stage_id: of.stage_id,
            ..lead.clone()
        };
        let own = placed(before, after);
        let mut changes = Vec::new();
        if !own.says_the_same(after) {
            changes.push(changed(EventType::LEAD_UPDATED, Some(&own), after)?);
        }
        if before.place() != after.place() {
            let elsewhere = placed(after, before);
            changes.push(changed(EventType::LEAD_MOVED_TO_STAGE, Some(&elsewhere), after)?);
        }
        Ok(changes)
    }
}
