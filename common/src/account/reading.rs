//! What it takes to read what is told of a kind of thing: in events, in the audit trail, by webhooks.

use crate::entity::EntityKind;
use crate::event::EventType;
use crate::role::Permission;

impl EntityKind {
    /// The permissions without which nothing that such a thing says is shown: all of them are needed.
    pub fn reading(self) -> &'static [Permission] {
        match self {
            Self::Contact => &[Permission::CONTACTS_READ],
            Self::Company => &[Permission::COMPANIES_READ],
            Self::Pipeline | Self::Stage => &[Permission::PIPELINES_READ],
            Self::Lead => &[Permission::LEADS_READ],
            Self::Activity => &[Permission::ACTIVITIES_READ],
            // It names two records, of whichever kinds.
            Self::Association => {
                &[Permission::CONTACTS_READ, Permission::COMPANIES_READ, Permission::LEADS_READ]
            }
            Self::Import | Self::ImportTemplate | Self::Upload => &[Permission::IMPORTS_READ],
            Self::Export => &[Permission::EXPORTS_READ],
            Self::Webhook | Self::Delivery | Self::WebhookReplay => &[Permission::WEBHOOKS_READ],
            Self::ApiKey => &[Permission::API_KEYS_MANAGE],
            Self::Tenant | Self::User => &[Permission::ORGANIZATIONS_READ],
            Self::AuditEvent => &[Permission::AUDIT_READ],
            Self::AuditSink => &[Permission::AUDIT_MANAGE],
        }
    }
}

impl EventType {
    /// What it takes to get events of this type.
    pub fn reading(&self) -> &'static [Permission] {
        self.object.reading()
    }

    /// What it takes to get the events of a subscription: names of the catalogue, `contact.*`, or `*`. Names that are none take nothing.
    pub fn reading_all(names: &[String]) -> impl Iterator<Item = Permission> {
        EventType::subscribed(names).flat_map(|event| event.reading().iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscription_takes_what_its_events_tell_of() {
        let takes = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut takes: Vec<&str> = EventType::reading_all(&names).map(Permission::name).collect();
            takes.sort_unstable();
            takes.dedup();
            takes
        };
        assert_eq!(takes(&["contact.created", "contact.updated"]), ["contacts:read"]);
        assert_eq!(takes(&["lead.converted", "user.joined"]), ["leads:read", "organizations:read"]);
        assert_eq!(takes(&["contact.*"]), ["contacts:read"]);
        assert_eq!(takes(&["pipeline.*", "user.*"]), ["organizations:read", "pipelines:read"]);
        assert_eq!(takes(&["no.such"]), [""; 0]);
        let all = takes(&["*"]);
        for kind in ["contacts", "companies", "leads", "activities", "pipelines"] {
            assert!(all.contains(&format!("{kind}:read").as_str()), "{kind}: {all:?}");
        }
    }
}
