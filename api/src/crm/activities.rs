//! `/connection/activities`.

use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::{Map, Value};
use tenon_common::crm::activity::{Activity, ActivityDraft, ActivityKind};
use tenon_common::crm::linked::Linked;
use tenon_common::id::UserId;
use uuid::Uuid;

use crate::calls::caller::{ActivitiesDelete, ActivitiesRead, ActivitiesWrite};
use crate::crm::linked::LinkedType;
use crate::crm::records::{Kind, Patch, Relation, Resource};
use crate::http::actor::ActorBody;
use crate::http::body::{FieldError, Rules};
use crate::http::timestamp::Timestamp;
use crate::openapi::tags::Tags;

/// What an activity is.
#[derive(Enum, Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[oai(rename = "ActivityKind", rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ActivityType {
    /// Somebody was called, or called.
    Call,
    /// An e-mail went to and fro.
    Email,
    /// People met.
    Meeting,
    /// Something to remember.
    Note,
    /// Something to do.
    Task,
    /// A message of another kind.
    Message,
}

impl From<ActivityKind> for ActivityType {
    fn from(kind: ActivityKind) -> Self {
        match kind {
            ActivityKind::Call => Self::Call,
            ActivityKind::Email => Self::Email,
            ActivityKind::Meeting => Self::Meeting,
            ActivityKind::Note => Self::Note,
            ActivityKind::Task => Self::Task,
            ActivityKind::Message => Self::Message,
        }
    }
}

impl From<ActivityType> for ActivityKind {
    fn from(kind: ActivityType) -> Self {
        match kind {
            ActivityType::Call => Self::Call,
            ActivityType::Email => Self::Email,
            ActivityType::Meeting => Self::Meeting,
            ActivityType::Note => Self::Note,
            ActivityType::Task => Self::Task,
            ActivityType::Message => Self::Message,
        }
    }
}

/// A record that an activity is about.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Link")]
pub struct LinkBody {
    /// The record's kind.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    pub kind: LinkedType,
    /// The record's id.
    pub id: Uuid,
}

/// A record that an activity is to be about. You must see it, and it must not be deleted.
#[derive(Object, Debug, Clone)]
#[oai(rename = "LinkInput")]
pub struct LinkInput {
    /// The record's kind.
    #[oai(rename = "type")]
    pub kind: LinkedType,
    /// The record's id.
    pub id: Uuid,
}

impl From<Linked> for LinkBody {
    fn from(link: Linked) -> Self {
        Self { kind: link.kind.into(), id: link.id }
    }
}

impl From<LinkInput> for Linked {
    fn from(link: LinkInput) -> Self {
        Self::new(link.kind.into(), link.id)
    }
}

/// What was done with contacts, companies and leads, or is to be done.
#[derive(Object, Serialize, Debug)]
#[oai(rename = "Activity", rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub struct ActivityBody {
    /// The activity's id.
    pub id: Uuid,
    /// The organization's id.
    pub tenant_id: Uuid,
    /// The activity's key in another system; unique among activities that are not deleted.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// What it is.
    pub kind: ActivityType,
    /// What it is about, on one line. Subject, body or both are there.
    #[oai(nullable)]
    pub subject: Option<String>,
    /// What was said or is to be done, at length.
    #[oai(nullable)]
    pub body: Option<String>,
    /// When it happened. Null for a task that nobody has dated.
    #[oai(nullable)]
    pub occurred_at: Option<Timestamp>,
    /// When it should be done.
    #[oai(nullable)]
    pub due_at: Option<Timestamp>,
    /// When it was done.
    #[oai(nullable)]
    pub completed_at: Option<Timestamp>,
    /// The contacts, companies and leads that it is about, by kind and id. One that is deleted is left out until it is restored.
    pub links: Vec<LinkBody>,
    /// The user who is responsible. An AGENT sees its own activities.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
    /// Counts changes, from 1. The `ETag` is made of it.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub created_by: ActorBody,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: ActorBody,
    /// When it was deleted; null for what is not.
    #[oai(nullable)]
    pub deleted_at: Option<Timestamp>,
}

/// An activity to create, or what one is replaced with. A subject or a body is required.
#[derive(Object, Debug, Clone)]
#[oai(rename = "ActivityInput", rename_all = "camelCase", example)]
pub struct ActivityInput {
    /// What it is.
    pub kind: ActivityType,
    /// What it is about, 1 to 200 characters after trimming.
    #[oai(nullable)]
    pub subject: Option<String>,
    /// What was said or is to be done, 1 to 20,000 characters after trimming; lines may break.
    #[oai(nullable)]
    pub body: Option<String>,
    /// When it happened, in the years 1900 to 2199. If absent: when the activity was created; of a task nothing.
    #[oai(nullable)]
    pub occurred_at: Option<Timestamp>,
    /// When it should be done.
    #[oai(nullable)]
    pub due_at: Option<Timestamp>,
    /// When it was done.
    #[oai(nullable)]
    pub completed_at: Option<Timestamp>,
    /// The contacts, companies and leads that it is about, at most 500 of them; each counts once.
    #[oai(nullable)]
    pub links: Option<Vec<LinkInput>>,
    /// The activity's key in another system, 1 to 255 characters.
    #[oai(nullable)]
    pub external_id: Option<String>,
    /// The user who is responsible. What an AGENT creates is its own.
    #[oai(nullable)]
    pub owner_id: Option<Uuid>,
}

impl poem_openapi::types::Example for ActivityInput {
    fn example() -> Self {
        Self {
            kind: ActivityType::Call,
            subject: Some("Asked for a quote".to_owned()),
            body: Some("Wants the new website before December.".to_owned()),
            occurred_at: "2026-10-01T09:30:00Z".parse().ok().map(Timestamp),
            due_at: None,
            completed_at: None,
            links: None,
            external_id: Some("crm-1001".to_owned()),
            owner_id: None,
        }
    }
}

/// Changes to an activity (RFC 7396): absent keeps a field, null clears it.
#[derive(Object, Debug)]
#[oai(rename = "ActivityPatch", rename_all = "camelCase")]
pub struct ActivityPatch {
    /// What it is. Cannot be cleared.
    pub kind: Option<ActivityType>,
    /// What it is about, 1 to 200 characters after trimming.
    #[oai(nullable)]
    pub subject: MaybeUndefined<String>,
    /// What was said or is to be done, 1 to 20,000 characters after trimming; lines may break.
    #[oai(nullable)]
    pub body: MaybeUndefined<String>,
    /// When it happened, in the years 1900 to 2199. Cleared it is when the activity was created; of a task nothing.
    #[oai(nullable)]
    pub occurred_at: MaybeUndefined<Timestamp>,
    /// When it should be done.
    #[oai(nullable)]
    pub due_at: MaybeUndefined<Timestamp>,
    /// When it was done.
    #[oai(nullable)]
    pub completed_at: MaybeUndefined<Timestamp>,
    /// The contacts, companies and leads that it is about, at most 500 of them: all of them, in place of those that it had.
    #[oai(nullable)]
    pub links: MaybeUndefined<Vec<LinkInput>>,
    /// The activity's key in another system, 1 to 255 characters.
    #[oai(nullable)]
    pub external_id: MaybeUndefined<String>,
    /// The user who is responsible. Another one: giving an activity away.
    #[oai(nullable)]
    pub owner_id: MaybeUndefined<Uuid>,
}

impl From<Activity> for ActivityBody {
    fn from(activity: Activity) -> Self {
        Self {
            id: activity.id.0,
            tenant_id: activity.tenant_id.0,
            external_id: activity.external_id,
            kind: activity.kind.into(),
            subject: activity.subject,
            body: activity.body,
            occurred_at: activity.occurred_at.map(Timestamp),
            due_at: activity.due_at.map(Timestamp),
            completed_at: activity.completed_at.map(Timestamp),
            links: activity.links.into_iter().map(LinkBody::from).collect(),
            owner_id: activity.owner_id.map(|id| id.0),
            version: activity.version,
            created_at: activity.created_at.into(),
            created_by: activity.created_by.into(),
            updated_at: activity.updated_at.into(),
            updated_by: activity.updated_by.into(),
            deleted_at: activity.deleted_at.map(Timestamp),
        }
    }
}

fn linked(links: Vec<LinkInput>) -> Vec<Linked> {
    links.into_iter().map(Linked::from).collect()
}

impl From<ActivityInput> for ActivityDraft {
    fn from(input: ActivityInput) -> Self {
        Self {
            kind: Some(input.kind.into()),
            subject: input.subject,
            body: input.body,
            occurred_at: input.occurred_at.map(|at| at.0),
            due_at: input.due_at.map(|at| at.0),
            completed_at: input.completed_at.map(|at| at.0),
            links: linked(input.links.unwrap_or_default()),
            external_id: input.external_id,
            owner_id: input.owner_id.map(UserId),
        }
    }
}

impl Patch<ActivityDraft> for ActivityPatch {
    fn merge(self, mut draft: ActivityDraft) -> ActivityDraft {
        draft.kind = self.kind.map(ActivityKind::from).or(draft.kind);
        self.subject.update_to(&mut draft.subject);
        self.body.update_to(&mut draft.body);
        self.occurred_at.map_value(|at| at.0).update_to(&mut draft.occurred_at);
        self.due_at.map_value(|at| at.0).update_to(&mut draft.due_at);
        self.completed_at.map_value(|at| at.0).update_to(&mut draft.completed_at);
        if !self.links.is_undefined() {
            draft.links = linked(self.links.take().unwrap_or_default());
        }
        self.external_id.update_to(&mut draft.external_id);
        self.owner_id.map_value(UserId).update_to(&mut draft.owner_id);
        draft
    }
}

/// The rules of an activity's fields.
pub struct ActivityRules;

impl Rules for ActivityRules {
    fn broken(body: &Map<String, Value>) -> Vec<FieldError> {
        let text = |field: &str| body.get(field).and_then(Value::as_str).map(str::to_owned);
        let instant = |field: &str| text(field).and_then(|at| at.parse().ok());
        let draft = ActivityDraft {
            // Whether they have to be there, the schema and the change say.
            kind: Some(ActivityKind::Note),
            subject: text("subject").or_else(|| Some("-".to_owned())),
            body: text("body"),
            occurred_at: instant("occurredAt"),
            due_at: instant("dueAt"),
            completed_at: instant("completedAt"),
            external_id: text("externalId"),
            ..ActivityDraft::default()
        };
        let errors = draft.check().err().unwrap_or_default();
        errors.into_iter().map(FieldError::from).collect()
    }
}

/// Activities.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activities;

impl Resource for Activities {
    type Record = Activity;
    type Body = ActivityBody;
    type Input = ActivityInput;
    type Patch = ActivityPatch;
    type Rules = ActivityRules;
    type Read = ActivitiesRead;
    type Write = ActivitiesWrite;
    type Delete = ActivitiesDelete;

    const PATH: &'static str = "/api/v1/connection/activities";
    const TAG: Tags = Tags::Activities;
    const RELATIONS: &'static [Relation<Activity>] =
        &[Relation { name: "owner", kind: Kind::Users, id: |activity| activity.owner_id.map(|id| id.0) }];
    const NOTES: &'static [(&'static str, &'static str)] = &[
        (
            "create_activity",
            "It is linked with any contacts, companies and leads that you see, and stands in the timeline of each.",
        ),
        ("list_activities", "Of one contact, company or lead with `contactId`, `companyId` or `leadId`."),
    ];
}
