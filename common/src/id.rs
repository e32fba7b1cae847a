//! Typed identifiers. All are UUIDv7: they sort by the time they were made and tell tenants nothing about each other.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id; later ones of this process sort after it.
            #[expect(clippy::new_without_default, reason = "a default that differs at every call would surprise")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

ids! {
    /// A tenant: one organisation's data.
    TenantId,
    /// A person, who may be a member of many tenants.
    UserId,
    /// An API key.
    ApiKeyId,
    /// A contact.
    ContactId,
    /// A company.
    CompanyId,
    /// A pipeline.
    PipelineId,
    /// A stage of a pipeline.
    StageId,
    /// A lead.
    LeadId,
    /// An activity.
    ActivityId,
    /// An association of two records.
    AssociationId,
    /// An import: a file whose rows become records.
    ImportId,
    /// A sink of the audit trail.
    AuditSinkId,
    /// A template of imports.
    ImportTemplateId,
    /// A file that comes in pieces.
    UploadId,
    /// A webhook: a receiver's address and what it subscribed to.
    WebhookId,
    /// The delivery of one event to one webhook.
    DeliveryId,
    /// A replay of events to a webhook.
    WebhookReplayId,
    /// An export.
    ExportId,
    /// An event, as the database keeps it. On the wire: see [`EventId::wire`].
    EventId,
}

impl EventId {
    const PREFIX: &str = "evt_";

    /// `evt_` and the id in Crockford's base32, 26 characters, as ULIDs are written. Sorts like the id; has no dot, which
    /// the signed content of Standard Webhooks uses as a separator.
    pub fn wire(self) -> String {
        format!("{}{}", Self::PREFIX, ulid::Ulid::from(self.0.as_u128()))
    }

    /// The id that [`EventId::wire`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let ulid: ulid::Ulid = text.strip_prefix(Self::PREFIX)?.parse().ok()?;
        Some(Self(Uuid::from_u128(ulid.into())))
    }

    /// The smallest id of an event of that millisecond: 48 bits of it, the rest zero.
    pub fn first_of(at: DateTime<Utc>) -> Self {
        let millis = u128::try_from(at.timestamp_millis()).unwrap_or_default().min((1 << 48) - 1);
        Self(Uuid::from_u128(millis << 80))
    }

    /// When it was made: a UUIDv7 begins with its milliseconds.
    pub fn instant(self) -> DateTime<Utc> {
        let millis = i64::try_from(self.0.as_u128() >> 80).unwrap_or_default();
        DateTime::from_timestamp_millis(millis).unwrap_or_default()
    }

    /// The id's hexadecimal digits: `sequence` in the body. Sorts by time.
    pub fn sequence(self) -> String {
        self.0.simple().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_survives_the_wire() {
        let id = EventId::new();
        assert_eq!(id.wire().len(), 30);
        assert_eq!(EventId::parse(&id.wire()), Some(id));
    }

    #[test]
    fn ids_of_a_millisecond_are_not_below_its_first() {
        let id = EventId::new();
        let first = EventId::first_of(id.instant());
        assert!(first <= id && first.instant() == id.instant());
        assert!(id < EventId::first_of(id.instant() + chrono::TimeDelta::milliseconds(1)));
        assert_eq!(EventId::first_of(DateTime::<Utc>::MIN_UTC).0, Uuid::nil());
    }

    #[test]
    fn what_is_not_an_event_id_is_refused() {
        for text in ["", "evt_", "01JCF0Q6M8R2W9Z4T7K3N5P1XV", "evt_01JCF0Q6M8R2W9Z4T7K3N5P1X", "evt_ÄÄ"] {
            assert_eq!(EventId::parse(text), None, "{text}");
        }
    }
}
