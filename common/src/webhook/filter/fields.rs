//! What is in the body of an event: the documented members, and what their values are.

use crate::crm::{activity, company, contact, lead, pipeline};
use crate::entity::EntityKind;
use crate::list::{self, Listing};

/// What a value is, and how it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, compared as it is.
    Text,
    /// Text, compared regardless of case.
    Folded,
    /// A telephone number, however it is written with its country.
    Phone,
    /// A UUID.
    Id,
    /// An instant.
    Instant,
    /// A day.
    Date,
    /// A whole number.
    Whole,
    /// A number with at most three digits after the point.
    Decimal,
    /// Yes or no.
    Boolean,
    /// Whatever is there.
    Any,
}

impl Kind {
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Folded | Self::Phone | Self::Any)
    }
}

/// Members of an object, by their names.
pub(super) type Members = &'static [(&'static str, Form)];

/// What is at a place of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A value, or null.
    One(Kind),
    /// Many values.
    Many(Kind),
    /// An object with these members, or null.
    Object(Members),
    /// Many of them.
    Objects(Members),
    /// Whatever a client has put there.
    Free,
}

impl Form {
    /// The kind of its values.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::One(kind) | Self::Many(kind) => kind,
            Self::Object(_) | Self::Objects(_) | Self::Free => Kind::Any,
        }
    }

    /// The members of what is one object or many.
    pub(super) fn members(self) -> Option<Members> {
        match self {
            Self::Object(members) | Self::Objects(members) => Some(members),
            Self::One(_) | Self::Many(_) | Self::Free => None,
        }
    }

    /// The same, of each of many.
    pub(super) fn many(self) -> Self {
        match self {
            Self::One(kind) | Self::Many(kind) => Self::Many(kind),
            Self::Object(members) | Self::Objects(members) => Self::Objects(members),
            Self::Free => Self::Free,
        }
    }
}

const TEXT: Form = Form::One(Kind::Text);
const TEXTS: Form = Form::Many(Kind::Text);
const ID: Form = Form::One(Kind::Id);
const INSTANT: Form = Form::One(Kind::Instant);
const WHOLE: Form = Form::One(Kind::Whole);
const BOOLEAN: Form = Form::One(Kind::Boolean);
const ACTOR: Form = Form::Object(&[("type", TEXT), ("id", ID)]);
const LINKS: Form = Form::Objects(&[("type", TEXT), ("id", ID)]);
const STAGES: Form =
    Form::Objects(&[("id", ID), ("name", TEXT), ("displayOrder", WHOLE), ("probability", WHOLE)]);

/// What all bodies have beside `data` and `previous`.
pub(super) const ENVELOPE: Members = &[
    ("id", TEXT),
    ("type", TEXT),
    ("event", TEXT),
    ("timestamp", INSTANT),
    ("tenantId", ID),
    ("apiVersion", TEXT),
    ("sequence", TEXT),
    ("object", Form::Object(&[("type", TEXT), ("id", ID), ("version", WHOLE)])),
    ("actor", ACTOR),
    ("changedFields", TEXTS),
    ("bulk", Form::Object(&[("importId", ID)])),
];

/// The members of `data` in events of a kind of thing.
pub(super) fn data(kind: EntityKind) -> Vec<(&'static str, Form)> {
    match kind {
        EntityKind::Contact => of_listing(&contact::LIST),
        EntityKind::Company => of_listing(&company::LIST),
        EntityKind::Pipeline => of_listing(&pipeline::LIST),
        EntityKind::Lead => of_listing(&lead::LIST),
        EntityKind::Activity => of_listing(&activity::LIST),
        EntityKind::ApiKey => [KEPT, API_KEY].concat(),
        EntityKind::Import => [KEPT, IMPORT].concat(),
        EntityKind::Webhook => [KEPT, WEBHOOK].concat(),
        EntityKind::Tenant => TENANT.to_vec(),
        EntityKind::User => USER.to_vec(),
        // Nobody can subscribe to events of these.
        EntityKind::Stage
        | EntityKind::Association
        | EntityKind::ImportTemplate
        | EntityKind::Upload
        | EntityKind::Delivery
        | EntityKind::AuditEvent
        | EntityKind::AuditSink
        | EntityKind::WebhookReplay
        | EntityKind::Export => Vec::new(),
    }
}

/// What a record shows, of the kinds that its list knows.
fn of_listing(listing: &'static Listing) -> Vec<(&'static str, Form)> {
    let form = |name: &str| match (name, listing.field(name)) {
        ("phone", _) => Form::One(Kind::Phone),
        ("createdBy" | "updatedBy", _) => ACTOR,
        ("stages", _) => STAGES,
        ("links", _) => LINKS,
        ("tenantId", _) => ID,
        (_, Some(field)) => of_kind(field.kind),
        (_, None) => TEXT,
    };
    listing.members.iter().map(|name| (*name, form(name))).collect()
}

fn of_kind(kind: list::Kind) -> Form {
    Form::One(match kind {
        list::Kind::Text => Kind::Text,
        list::Kind::Folded => Kind::Folded,
        list::Kind::Uuid => Kind::Id,
        list::Kind::Instant => Kind::Instant,
        list::Kind::Date => Kind::Date,
        list::Kind::Integer => Kind::Whole,
        list::Kind::Thousandths => Kind::Decimal,
        list::Kind::Boolean => Kind::Boolean,
        list::Kind::Many { .. } => return TEXTS,
        list::Kind::ManyIds { .. } => return Form::Many(Kind::Id),
    })
}

const KEPT: Members = &[
    ("id", ID),
    ("tenantId", ID),
    ("version", WHOLE),
    ("createdAt", INSTANT),
    ("createdBy", ACTOR),
    ("updatedAt", INSTANT),
    ("updatedBy", ACTOR),
];

const API_KEY: Members = &[
    ("name", TEXT),
    ("key", TEXT),
    ("prefix", TEXT),
    ("last4", TEXT),
    ("role", TEXT),
    ("scopes", TEXTS),
    ("expiresAt", INSTANT),
    ("ipAllowlist", TEXTS),
    ("apiVersion", TEXT),
    ("userId", ID),
    ("lastUsedAt", INSTANT),
    ("lastUsedIp", TEXT),
    ("revokedAt", INSTANT),
    ("revokedReason", TEXT),
    ("rotatedFrom", ID),
];

const IMPORT: Members = &[
    ("object", TEXT),
    ("mode", TEXT),
    ("matchOn", TEXTS),
    ("onDuplicate", TEXT),
    ("bulkEvents", TEXT),
    ("dryRun", BOOLEAN),
    ("state", TEXT),
    ("fileName", TEXT),
    ("fileBytes", WHOLE),
    ("columns", Form::Free),
    ("reading", Form::Free),
    ("total", WHOLE),
    ("processed", WHOLE),
    ("created", WHOLE),
    ("updated", WHOLE),
    ("unchanged", WHOLE),
    ("skipped", WHOLE),
    ("failed", WHOLE),
    ("reverted", WHOLE),
    ("kept", WHOLE),
    ("failure", TEXT),
    ("failureMessage", TEXT),
    ("rowsPerSecond", Form::One(Kind::Decimal)),
    ("secondsLeft", WHOLE),
    ("startedAt", INSTANT),
    ("finishedAt", INSTANT),
    ("revertUntil", INSTANT),
    ("expiredAt", INSTANT),
];

const WEBHOOK: Members = &[
    ("url", TEXT),
    ("events", TEXTS),
    ("description", TEXT),
    ("active", BOOLEAN),
    ("disabledReason", TEXT),
    ("filter", TEXT),
    ("skipOwn", BOOLEAN),
    ("payload", TEXT),
    ("headerNames", TEXTS),
    ("maxPerSecond", WHOLE),
    ("maxConcurrency", WHOLE),
    ("retrySchedule", TEXT),
    ("ordering", TEXT),
    ("apiVersion", TEXT),
    ("publicKey", TEXT),
    ("secret", TEXT),
    ("warnings", TEXTS),
];

const TENANT: Members = &[
    ("id", ID),
    ("name", TEXT),
    ("slug", TEXT),
    ("plan", TEXT),
    ("settings", Form::Free),
    ("version", WHOLE),
    ("createdAt", INSTANT),
    ("updatedAt", INSTANT),
    ("deletedAt", INSTANT),
];

const USER: Members = &[
    ("id", ID),
    ("tenantId", ID),
    ("email", Form::One(Kind::Folded)),
    ("name", TEXT),
    ("role", TEXT),
    ("status", TEXT),
    ("version", WHOLE),
    ("createdAt", INSTANT),
    ("updatedAt", INSTANT),
];
