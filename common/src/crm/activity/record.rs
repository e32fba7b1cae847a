//! What is an activity's own among the records of the CRM.

use std::sync::LazyLock;

use uuid::Uuid;

use crate::crm::activity::{Activity, ActivityDraft, ActivityFields, ActivityKind, LIST, links};
use crate::crm::record::{
    Birth, Column, Draft, Events, Plan, Record, Reference, Statements, Target, Unique, head,
};
use crate::db::TenantTx;
use crate::entity::EntityKind;
use crate::error::{FieldError, Result};
use crate::event::EventType;
use crate::id::UserId;
use crate::list::Listing;
use crate::rules;

head!(Activity);

static STATEMENTS: LazyLock<Statements> = LazyLock::new(Statements::of::<Activity>);

impl Draft for ActivityDraft {
    type Fields = ActivityFields;

    fn check(self) -> Result<ActivityFields, Vec<FieldError>> {
        Self::check(self)
    }

    fn keep_owner(self, now: &Self) -> Self {
        Self { owner_id: self.owner_id.or(now.owner_id), ..self }
    }
}

impl Record for Activity {
    type Draft = ActivityDraft;

    const KIND: EntityKind = EntityKind::Activity;
    const OWN: &'static [Column<Self>] = &[
        Column::text("external_id", |activity| activity.external_id.as_deref()),
        Column::text("kind", |activity| Some(activity.kind.name())),
        Column::text("subject", |activity| activity.subject.as_deref()),
        Column::text("body", |activity| activity.body.as_deref()),
        Column::instant("occurred_at", |activity| activity.occurred_at),
        Column::instant("due_at", |activity| activity.due_at),
        Column::instant("completed_at", |activity| activity.completed_at),
        Column::uuid("owner_id", |activity| activity.owner_id.map(|id| id.0)),
    ];
    const UNIQUE: &'static [Unique<Self>] = &[Unique {
        constraint: "activities_external_id",
        field: "externalId",
        column: "external_id",
        value: |activity| activity.external_id.clone(),
        parse: rules::external_id_key,
        draft: |draft| &mut draft.external_id,
    }];
    const REFERENCES: &'static [Reference<Self>] = &[Reference {
        field: "ownerId",
        target: Target::MEMBER,
        constraint: "activities_owner",
        id: |activity| activity.owner_id.map(|id| id.0),
    }];
    const EVENTS: Events = Events {
        created: EventType::ACTIVITY_CREATED,
        updated: EventType::ACTIVITY_UPDATED,
        deleted: EventType::ACTIVITY_DELETED,
        restored: EventType::ACTIVITY_RESTORED,
        purged: EventType::ACTIVITY_PURGED,
    };
    const FILLED: bool = true;

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
            kind: ActivityKind::Note,
            subject: None,
            body: None,
            occurred_at: None,
            due_at: None,
            completed_at: None,
            links: Vec::new(),
            owner_id: None,
            version: 1,
            created_at: birth.at,
            created_by: birth.by,
            updated_at: birth.at,
            updated_by: birth.by,
            deleted_at: None,
        }
    }

    fn apply(&mut self, fields: ActivityFields) -> Result<()> {
        // A task is to be done; all else happened, when it was noted if nobody says otherwise.
        let otherwise = (fields.kind != ActivityKind::Task).then_some(self.created_at);
        self.kind = fields.kind;
        self.subject = fields.subject;
        self.body = fields.body;
        self.occurred_at = fields.occurred_at.or(otherwise);
        self.due_at = fields.due_at;
        self.completed_at = fields.completed_at;
        self.links = fields.links;
        self.external_id = fields.external_id;
        self.owner_id = fields.owner_id;
        Ok(())
    }

    fn owner(&self) -> Option<UserId> {
        self.owner_id
    }

    fn set_owner(&mut self, owner: UserId) {
        self.owner_id = Some(owner);
    }

    async fn fill(tx: &mut TenantTx<'_>, activities: &mut [Self]) -> Result<()> {
        links::fill(tx, activities).await
    }

    async fn settle(tx: &mut TenantTx<'_>, plans: &mut [Result<Plan<Self>>], _each: bool) -> Result<()> {
        links::settle(tx, plans).await
    }

    async fn written(tx: &mut TenantTx<'_>, plans: &[&Plan<Self>]) -> Result<()> {
        links::write(tx, plans).await
    }

    async fn release(tx: &mut TenantTx<'_>, ids: &[Uuid]) -> Result<()> {
        links::purge(tx, ids).await
    }

    fn says_the_same(&self, other: &Self) -> bool {
        ActivityDraft::from(self) == ActivityDraft::from(other)
    }
}
