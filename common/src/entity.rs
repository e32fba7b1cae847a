//! The kinds of records, by the names they have in events, permissions, audit and messages.

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntityKind {
    /// A tenant.
    Tenant,
    /// A user.
    User,
    /// An API key.
    ApiKey,
    /// A contact.
    Contact,
    /// A company.
    Company,
    /// A pipeline.
    Pipeline,
    /// A stage of a pipeline.
    Stage,
    /// A lead.
    Lead,
    /// An activity.
    Activity,
    /// An association of two records.
    Association,
    /// An import.
    Import,
    /// A template of imports.
    ImportTemplate,
    /// A file that comes in pieces.
    Upload,
    /// A webhook.
    Webhook,
    /// The delivery of an event to a webhook.
    Delivery,
    /// A replay of events to a webhook.
    WebhookReplay,
    /// An entry of the audit trail.
    AuditEvent,
    /// A sink of the audit trail.
    AuditSink,
    /// An export.
    Export,
}

impl EntityKind {
    /// Every kind.
    pub const ALL: [Self; 19] = [
        Self::Tenant,
        Self::User,
        Self::ApiKey,
        Self::Contact,
        Self::Company,
        Self::Pipeline,
        Self::Stage,
        Self::Lead,
        Self::Activity,
        Self::Association,
        Self::Import,
        Self::ImportTemplate,
        Self::Upload,
        Self::Webhook,
        Self::Delivery,
        Self::WebhookReplay,
        Self::AuditEvent,
        Self::AuditSink,
        Self::Export,
    ];

    /// The kind of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The name in event types and in `object.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::User => "user",
            Self::ApiKey => "api_key",
            Self::Contact => "contact",
            Self::Company => "company",
            Self::Pipeline => "pipeline",
            Self::Stage => "stage",
            Self::Lead => "lead",
            Self::Activity => "activity",
            Self::Association => "association",
            Self::Import => "import",
            Self::ImportTemplate => "import_template",
            Self::Upload => "upload",
            Self::Webhook => "webhook",
            Self::Delivery => "delivery",
            Self::WebhookReplay => "webhook_replay",
            Self::AuditEvent => "audit_event",
            Self::AuditSink => "audit_sink",
            Self::Export => "export",
        }
    }

    /// The name at the beginning of a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tenant => "Organization",
            Self::User => "User",
            Self::ApiKey => "API key",
            Self::Contact => "Contact",
            Self::Company => "Company",
            Self::Pipeline => "Pipeline",
            Self::Stage => "Stage",
            Self::Lead => "Lead",
            Self::Activity => "Activity",
            Self::Association => "Association",
            Self::Import => "Import",
            Self::ImportTemplate => "Import template",
            Self::Upload => "Upload",
            Self::Webhook => "Webhook",
            Self::Delivery => "Event",
            Self::WebhookReplay => "Webhook replay",
            Self::AuditEvent => "Audit event",
            Self::AuditSink => "Audit sink",
            Self::Export => "Export",
        }
    }
}
