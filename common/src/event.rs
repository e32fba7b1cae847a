//! The catalogue of events that webhooks can subscribe to, and the body that receivers get.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::actor::ActorReference;
use crate::db::Db;
use crate::entity::EntityKind;
use crate::error::Result;
use crate::id::TenantId;

/// The `apiVersion` of the bodies, the newest of [`Versions`](crate::version::Versions): the schema of an event never changes within one.
pub const API_VERSION: &str = "2026-01-01";

/// A type of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventType {
    /// `contact.created`.
    pub name: &'static str,
    /// When it happens.
    pub description: &'static str,
    /// What `data` is.
    pub object: EntityKind,
}

macro_rules! catalogue {
    ($($constant:ident = $name:literal, $object:ident, $description:literal;)+) => {
        impl EventType {
            $(#[doc = $description] pub const $constant: Self =
                Self { name: $name, description: $description, object: EntityKind::$object };)+
        }

        /// Every type that can be subscribed to.
        pub const CATALOGUE: &[EventType] = &[$(EventType::$constant),+];
    };
}

catalogue! {
    CONTACT_CREATED = "contact.created", Contact, "A contact was created.";
    CONTACT_UPDATED = "contact.updated", Contact, "A contact was changed; `changedFields` and `previous` say what.";
    CONTACT_DELETED = "contact.deleted", Contact, "A contact was deleted; `data` is its last state.";
    CONTACT_RESTORED = "contact.restored", Contact, "A deleted contact was brought back.";
    CONTACT_PURGED = "contact.purged", Contact, "A deleted contact was removed for good; `data` is its last state.";
    COMPANY_CREATED = "company.created", Company, "A company was created.";
    COMPANY_UPDATED = "company.updated", Company, "A company was changed; `changedFields` and `previous` say what.";
    COMPANY_DELETED = "company.deleted", Company, "A company was deleted; `data` is its last state.";
    COMPANY_RESTORED = "company.restored", Company, "A deleted company was brought back.";
    COMPANY_PURGED = "company.purged", Company, "A deleted company was removed for good; `data` is its last state.";
    PIPELINE_CREATED = "pipeline.created", Pipeline, "A pipeline was created, with its stages.";
    PIPELINE_UPDATED = "pipeline.updated", Pipeline, "A pipeline's own fields were changed; `changedFields` and `previous` say what.";
    PIPELINE_STAGE_UPDATED = "pipeline.stage.updated", Pipeline, "Stages of a pipeline were added, changed or removed; `data` is the pipeline, `previous.stages` its stages before.";
    PIPELINE_DELETED = "pipeline.deleted", Pipeline, "A pipeline was deleted with its stages; `data` is its last state.";
    PIPELINE_RESTORED = "pipeline.restored", Pipeline, "A deleted pipeline was brought back with its stages.";
    LEAD_CREATED = "lead.created", Lead, "A lead was created.";
    LEAD_UPDATED = "lead.updated", Lead, "A lead's own fields were changed; `changedFields` and `previous` say what.";
    LEAD_MOVED_TO_STAGE = "lead.moved_to_stage", Lead, "A lead came into another stage or pipeline, or left it; `previous` says where it was.";
    LEAD_CONVERTED = "lead.converted", Lead, "A lead was converted; `data` names the contact and the company that it became.";
    LEAD_DELETED = "lead.deleted", Lead, "A lead was deleted; `data` is its last state.";
    LEAD_RESTORED = "lead.restored", Lead, "A deleted lead was brought back.";
    LEAD_PURGED = "lead.purged", Lead, "A deleted lead was removed for good; `data` is its last state.";
    ACTIVITY_CREATED = "activity.created", Activity, "An activity was created, with its links.";
    ACTIVITY_UPDATED = "activity.updated", Activity, "An activity was changed, or its links were; `changedFields` and `previous` say what.";
    ACTIVITY_DELETED = "activity.deleted", Activity, "An activity was deleted; `data` is its last state.";
    ACTIVITY_RESTORED = "activity.restored", Activity, "A deleted activity was brought back.";
    ACTIVITY_PURGED = "activity.purged", Activity, "A deleted activity was removed for good; `data` is its last state.";
    API_KEY_CREATED = "api_key.created", ApiKey, "An API key was created. The key itself is never in an event.";
    API_KEY_ROTATED = "api_key.rotated", ApiKey, "An API key was rotated; `data` is the new one.";
    API_KEY_REVOKED = "api_key.revoked", ApiKey, "An API key was revoked.";
    IMPORT_COMPLETED = "import.completed", Import, "An import has ended, all or some of its rows done; `data` says how many.";
    IMPORT_FAILED = "import.failed", Import, "An import has failed as a whole; `data.failure` says why.";
    IMPORT_REVERTED = "import.reverted", Import, "What an import did was taken back.";
    TENANT_SETTINGS_UPDATED = "tenant.settings.updated", Tenant, "The organization's settings were changed.";
    USER_JOINED = "user.joined", User, "A user became a member.";
    WEBHOOK_TEST = "webhook.test", Webhook, "Somebody asked for a test; sent to that webhook alone, whatever it subscribed to.";
    WEBHOOK_ENDPOINT_FAILING = "webhook.endpoint.failing", Webhook, "A webhook has failed for half, or for nine tenths, of what disables it.";
    WEBHOOK_ENDPOINT_DISABLED = "webhook.endpoint.disabled", Webhook, "A webhook was disabled; `data.disabledReason` says why.";
}

/// Types that are recorded and cannot be subscribed to: the affairs of the webhooks themselves, those of the tenant,
/// and what links records.
impl EventType {
    /// A tenant was created.
    pub const TENANT_CREATED: Self = Self::internal("tenant.created", EntityKind::Tenant);
    /// A tenant's name, slug or plan was changed.
    pub const TENANT_UPDATED: Self = Self::internal("tenant.updated", EntityKind::Tenant);
    /// A tenant was deleted.
    pub const TENANT_DELETED: Self = Self::internal("tenant.deleted", EntityKind::Tenant);
    /// A deleted tenant was brought back.
    pub const TENANT_RESTORED: Self = Self::internal("tenant.restored", EntityKind::Tenant);
    /// Two records were associated.
    pub const ASSOCIATION_CREATED: Self = Self::internal("association.created", EntityKind::Association);
    /// An association of two records was ended.
    pub const ASSOCIATION_DELETED: Self = Self::internal("association.deleted", EntityKind::Association);
    /// A deleted pipeline was removed for good.
    pub const PIPELINE_PURGED: Self = Self::internal("pipeline.purged", EntityKind::Pipeline);
    /// An API key was changed.
    pub const API_KEY_UPDATED: Self = Self::internal("api_key.updated", EntityKind::ApiKey);
    /// An import has ended that tells no webhook.
    pub const IMPORT_ENDED: Self = Self::internal("import.ended", EntityKind::Import);
    /// A template of imports was made.
    pub const IMPORT_TEMPLATE_CREATED: Self =
        Self::internal("import_template.created", EntityKind::ImportTemplate);
    /// A template of imports was changed.
    pub const IMPORT_TEMPLATE_UPDATED: Self =
        Self::internal("import_template.updated", EntityKind::ImportTemplate);
    /// A template of imports was removed.
    pub const IMPORT_TEMPLATE_DELETED: Self =
        Self::internal("import_template.deleted", EntityKind::ImportTemplate);
    /// A webhook was created.
    pub const WEBHOOK_CREATED: Self = Self::internal("webhook.created", EntityKind::Webhook);
    /// A webhook was changed.
    pub const WEBHOOK_UPDATED: Self = Self::internal("webhook.updated", EntityKind::Webhook);
    /// A webhook was deleted.
    pub const WEBHOOK_DELETED: Self = Self::internal("webhook.deleted", EntityKind::Webhook);

    /// Somebody has events sent to a webhook again.
    pub const WEBHOOK_REPLAY_STARTED: Self =
        Self::internal("webhook_replay.started", EntityKind::WebhookReplay);
    /// A replay was stopped before it was over.
    pub const WEBHOOK_REPLAY_CANCELLED: Self =
        Self::internal("webhook_replay.cancelled", EntityKind::WebhookReplay);
    /// All that a replay has sent has ended, or it was given up.
    pub const WEBHOOK_REPLAY_ENDED: Self = Self::internal("webhook_replay.ended", EntityKind::WebhookReplay);

    /// A sink of the audit trail was created.
    pub const AUDIT_SINK_CREATED: Self = Self::internal("audit_sink.created", EntityKind::AuditSink);
    /// A sink of the audit trail was changed.
    pub const AUDIT_SINK_UPDATED: Self = Self::internal("audit_sink.updated", EntityKind::AuditSink);
    /// A sink of the audit trail was deleted.
    pub const AUDIT_SINK_DELETED: Self = Self::internal("audit_sink.deleted", EntityKind::AuditSink);

    /// An export is complete.
    pub const EXPORT_COMPLETED: Self = Self::internal("export.completed", EntityKind::Export);
    /// An export ended before it was complete.
    pub const EXPORT_ABORTED: Self = Self::internal("export.aborted", EntityKind::Export);

    const fn internal(name: &'static str, object: EntityKind) -> Self {
        Self { name, description: "", object }
    }

    /// All of them.
    pub const INTERNAL: &[Self] = &[
        Self::TENANT_CREATED,
        Self::TENANT_UPDATED,
        Self::TENANT_DELETED,
        Self::TENANT_RESTORED,
        Self::ASSOCIATION_CREATED,
        Self::ASSOCIATION_DELETED,
        Self::PIPELINE_PURGED,
        Self::API_KEY_UPDATED,
        Self::IMPORT_ENDED,
        Self::IMPORT_TEMPLATE_CREATED,
        Self::IMPORT_TEMPLATE_UPDATED,
        Self::IMPORT_TEMPLATE_DELETED,
        Self::WEBHOOK_CREATED,
        Self::WEBHOOK_UPDATED,
        Self::WEBHOOK_DELETED,
        Self::WEBHOOK_REPLAY_STARTED,
        Self::WEBHOOK_REPLAY_CANCELLED,
        Self::WEBHOOK_REPLAY_ENDED,
        Self::AUDIT_SINK_CREATED,
        Self::AUDIT_SINK_UPDATED,
        Self::AUDIT_SINK_DELETED,
        Self::EXPORT_COMPLETED,
        Self::EXPORT_ABORTED,
    ];

    /// Every type that is recorded: those that can be subscribed to, and the others.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        CATALOGUE.iter().chain(Self::INTERNAL)
    }

    /// Whether webhooks can subscribe to it.
    pub fn is_subscribable(name: &str) -> bool {
        CATALOGUE.iter().any(|event| event.name == name)
    }

    /// Whether a subscription is one to something: a type's name, `contact.*` for all that begin so, `*` for all.
    pub fn is_subscription(subscription: &str) -> bool {
        CATALOGUE.iter().any(|event| event.is_in(subscription))
    }

    /// Whether a subscription has events of this type. `tenon.subscriptions_to` says the same.
    pub fn is_in(&self, subscription: &str) -> bool {
        let begins_so =
            |prefix: &str| self.name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        subscription == "*"
            || subscription == self.name
            || subscription.strip_suffix(".*").is_some_and(|prefix| !prefix.is_empty() && begins_so(prefix))
    }

    /// The types that subscriptions have, those that can be subscribed to.
    pub fn subscribed(subscriptions: &[String]) -> impl Iterator<Item = &'static Self> {
        CATALOGUE.iter().filter(|event| subscriptions.iter().any(|subscription| event.is_in(subscription)))
    }
}

/// The names of all types that webhooks can subscribe to.
pub(crate) fn subscribable() -> Vec<&'static str> {
    CATALOGUE.iter().map(|event| event.name).collect()
}

/// What a receiver gets, in this order of keys; serialised once, stored, signed and sent byte for byte.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body<'a> {
    pub(crate) id: String,
    pub(crate) r#type: &'static str,
    /// The plans' name of the type.
    pub(crate) event: &'static str,
    pub(crate) timestamp: String,
    pub(crate) tenant_id: TenantId,
    pub(crate) api_version: &'static str,
    pub(crate) sequence: String,
    pub(crate) object: ObjectReference,
    pub(crate) actor: ActorReference,
    pub(crate) changed_fields: &'a [String],
    pub(crate) previous: &'a Value,
    /// The import or batch that it was part of.
    pub(crate) bulk: Option<&'a Value>,
    pub(crate) data: &'a Value,
}

#[derive(Serialize)]
pub(crate) struct ObjectReference {
    pub(crate) r#type: &'static str,
    pub(crate) id: Uuid,
    pub(crate) version: i64,
}

/// Makes the partitions of this month and the two after it that are not there yet; how many it made.
pub async fn ensure_partitions(db: &Db) -> Result<i32> {
    let mut connection = db.lookup().await?;
    Ok(sqlx::query_scalar("select tenon.ensure_event_partitions()").fetch_one(&mut *connection).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::version::Versions;

    /// The list is not made by the declarations.
    #[test]
    fn no_type_is_left_out_of_all() {
        let declared = include_str!("event.rs").matches("Self::internal(\"").count();
        assert_eq!(EventType::INTERNAL.len(), declared);
        assert!(EventType::INTERNAL.iter().all(|event| !EventType::is_subscribable(event.name)));
    }

    #[test]
    fn events_are_stored_in_the_newest_version() {
        let newest = Versions::product().newest();
        assert_eq!((newest.name, &*newest.date.to_string()), (API_VERSION, API_VERSION));
    }

    #[test]
    fn a_subscription_is_a_name_or_a_beginning_or_all() {
        let of = |subscription: &str| {
            let subscriptions = [subscription.to_owned()];
            EventType::subscribed(&subscriptions).map(|event| event.name).collect::<Vec<_>>()
        };
        assert_eq!(of("contact.created"), ["contact.created"]);
        assert_eq!(of("contact.*").len(), 5);
        assert!(of("contact.*").iter().all(|name| name.starts_with("contact.")));
        assert!(of("pipeline.*").contains(&"pipeline.stage.updated"));
        assert_eq!(of("pipeline.stage.*"), ["pipeline.stage.updated"]);
        assert_eq!(of("webhook.*").len(), 3);
        assert_eq!(of("*").len(), CATALOGUE.len());
        for none in [
            "",
            ".*",
            "**",
            "contact",
            "contact.",
            "contact*",
            "con.*",
            "contact.created.*",
            "Contact.*",
            "*.created",
        ] {
            assert!(!EventType::is_subscription(none), "{none}");
        }
    }

    #[test]
    fn names_are_of_the_documented_form() {
        for event in CATALOGUE {
            // As many as `tenon.subscriptions_to` knows of.
            assert!((2..=3).contains(&event.name.split('.').count()), "{}", event.name);
            assert!(
                event.name.chars().all(|c| c.is_ascii_lowercase() || matches!(c, '.' | '_')),
                "{}",
                event.name
            );
            assert!(!event.description.is_empty());
        }
    }
}
