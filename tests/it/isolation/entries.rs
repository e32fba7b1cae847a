//! The operations of the document: what each needs, and a body that fits. A new one is a line here; those that all resources have
//! follow from `conventions`.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tenon_common::entity::EntityKind;
use tenon_common::event::CATALOGUE;

use crate::conventions::{ALL, Resource};

/// What an operation asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Needs {
    /// No credential.
    Nothing,
    /// Any credential.
    Credential,
    /// A permission.
    Scope(&'static str),
}

use Needs::{Credential, Nothing, Scope};

/// In a body: the stage of the records.
pub(super) const STAGE: &str = "the stage";

/// Every operation, what it needs, and a body that fits; null for none.
pub(super) fn entries() -> Vec<(String, Needs, Value)> {
    let stage = json!({"name": "Won", "displayOrder": 9});
    let webhook = json!({"url": "http://127.0.0.1:9/hook", "events": ["contact.created"]});
    let rows = json!({"options": {"object": "contacts"}, "rows": [{"name": "Grace"}]});
    let template = |name: &str| json!({"name": name, "options": {"object": "contacts"}});
    let key = json!({"name": "A", "scopes": ["contacts:read"]});
    let others = vec![
        ("create_login", Nothing, json!({"email": "nobody@example.com", "password": "incorrect horse"})),
        ("list_error_codes", Nothing, Value::Null),
        ("list_event_types", Nothing, Value::Null),
        ("get_key_set", Nothing, Value::Null),
        ("get_me", Credential, Value::Null),
        ("get_limits", Credential, Value::Null),
        ("list_industries", Credential, Value::Null),
        ("list_stages", Scope("pipelines:read"), Value::Null),
        ("create_stage", Scope("pipelines:write"), stage.clone()),
        ("get_stage", Scope("pipelines:read"), Value::Null),
        ("replace_stage", Scope("pipelines:write"), stage.clone()),
        ("update_stage", Scope("pipelines:write"), stage),
        ("delete_stage", Scope("pipelines:write"), Value::Null),
        ("move_lead", Scope("leads:write"), json!({"stageId": STAGE})),
        ("convert_lead", Scope("leads:write"), json!({})),
        ("list_contact_associations", Scope("contacts:read"), Value::Null),
        ("create_contact_association", Scope("contacts:write"), Value::Null),
        ("delete_contact_association", Scope("contacts:write"), Value::Null),
        ("get_contact_timeline", Scope("contacts:read"), Value::Null),
        ("list_company_associations", Scope("companies:read"), Value::Null),
        ("create_company_association", Scope("companies:write"), Value::Null),
        ("delete_company_association", Scope("companies:write"), Value::Null),
        ("get_company_timeline", Scope("companies:read"), Value::Null),
        ("list_lead_associations", Scope("leads:read"), Value::Null),
        ("create_lead_association", Scope("leads:write"), Value::Null),
        ("delete_lead_association", Scope("leads:write"), Value::Null),
        ("get_lead_timeline", Scope("leads:read"), Value::Null),
        ("create_import", Scope("imports:write"), rows.clone()),
        ("import_contacts", Scope("imports:write"), rows),
        ("list_imports", Scope("imports:read"), Value::Null),
        ("get_import", Scope("imports:read"), Value::Null),
        ("preview_import", Scope("imports:read"), Value::Null),
        ("list_import_rows", Scope("imports:read"), Value::Null),
        ("list_import_errors", Scope("imports:read"), Value::Null),
        ("download_import_errors", Scope("imports:read"), Value::Null),
        ("cancel_import", Scope("imports:write"), Value::Null),
        ("resume_import", Scope("imports:write"), Value::Null),
        ("revert_import", Scope("imports:write"), Value::Null),
        ("create_upload", Scope("imports:write"), json!({"bytes": 10})),
        ("get_upload", Scope("imports:write"), Value::Null),
        ("append_upload", Scope("imports:write"), Value::Null),
        ("delete_upload", Scope("imports:write"), Value::Null),
        ("list_import_templates", Scope("imports:read"), Value::Null),
        ("create_import_template", Scope("imports:write"), template("A")),
        ("get_import_template", Scope("imports:read"), Value::Null),
        ("replace_import_template", Scope("imports:write"), template("B")),
        ("delete_import_template", Scope("imports:write"), Value::Null),
        ("create_export", Scope("exports:write"), json!({"object": "contacts"})),
        ("list_exports", Scope("exports:read"), Value::Null),
        ("get_export", Scope("exports:read"), Value::Null),
        ("download_export", Scope("exports:read"), Value::Null),
        ("cancel_export", Scope("exports:write"), Value::Null),
        ("list_webhooks", Scope("webhooks:read"), Value::Null),
        ("create_webhook", Scope("webhooks:write"), webhook.clone()),
        ("get_webhook", Scope("webhooks:read"), Value::Null),
        ("replace_webhook", Scope("webhooks:write"), json!({"events": ["*"]})),
        ("update_webhook", Scope("webhooks:write"), webhook),
        ("delete_webhook", Scope("webhooks:delete"), Value::Null),
        ("test_webhook", Scope("webhooks:write"), Value::Null),
        (
            "preview_webhook",
            Scope("webhooks:read"),
            json!({"events": ["contact.*"], "filter": "data.name = Grace"}),
        ),
        ("get_webhook_stats", Scope("webhooks:read"), Value::Null),
        ("get_webhook_secret", Scope("webhooks:write"), Value::Null),
        ("rotate_webhook_secret", Scope("webhooks:write"), json!({})),
        ("retire_webhook_secret", Scope("webhooks:write"), Value::Null),
        ("enable_webhook", Scope("webhooks:write"), Value::Null),
        ("list_deliveries", Scope("webhooks:read"), Value::Null),
        ("get_delivery", Scope("webhooks:read"), Value::Null),
        ("list_attempts", Scope("webhooks:read"), Value::Null),
        ("resend_delivery", Scope("webhooks:write"), Value::Null),
        ("resend_deliveries", Scope("webhooks:write"), json!({})),
        ("replay_webhook", Scope("webhooks:write"), json!({"since": "2020-01-01T00:00:00Z"})),
        ("preview_webhook_replay", Scope("webhooks:write"), json!({"since": "2020-01-01T00:00:00Z"})),
        ("list_webhook_replays", Scope("webhooks:read"), Value::Null),
        ("get_webhook_replay", Scope("webhooks:read"), Value::Null),
        ("cancel_webhook_replay", Scope("webhooks:write"), Value::Null),
        ("list_changes", Scope("changes:read"), Value::Null),
        ("list_organizations", Credential, Value::Null),
        ("create_organization", Credential, json!({"name": "New"})),
        ("get_organization", Scope("organizations:read"), Value::Null),
        ("replace_organization", Scope("organizations:write"), json!({"name": "A", "slug": "a-new-name"})),
        ("update_organization", Scope("organizations:write"), json!({"settings": {"a": 1}})),
        ("delete_organization", Scope("organizations:delete"), Value::Null),
        ("restore_organization", Credential, Value::Null),
        ("list_audit_events", Scope("audit:read"), Value::Null),
        ("export_audit_events", Scope("audit:read"), Value::Null),
        ("verify_audit_events", Scope("audit:read"), Value::Null),
        ("get_audit_event", Scope("audit:read"), Value::Null),
        ("list_audit_sinks", Scope("audit:manage"), Value::Null),
        ("create_audit_sink", Scope("audit:manage"), json!({"name": "A", "kind": "file"})),
        ("get_audit_sink", Scope("audit:manage"), Value::Null),
        ("replace_audit_sink", Scope("audit:manage"), json!({"name": "B"})),
        ("update_audit_sink", Scope("audit:manage"), json!({"name": "C"})),
        ("delete_audit_sink", Scope("audit:manage"), Value::Null),
        ("list_api_keys", Scope("api-keys:manage"), Value::Null),
        ("create_api_key", Scope("api-keys:manage"), key.clone()),
        ("get_api_key", Scope("api-keys:manage"), Value::Null),
        ("replace_api_key", Scope("api-keys:manage"), key.clone()),
        ("update_api_key", Scope("api-keys:manage"), key),
        ("revoke_api_key", Scope("api-keys:manage"), Value::Null),
        ("rotate_api_key", Scope("api-keys:manage"), json!({})),
        ("revoke_own_api_key", Credential, Value::Null),
    ];
    let others = others.into_iter().map(|(id, needs, body)| (id.to_owned(), needs, body));
    others.chain(ALL.into_iter().flat_map(of_resource)).collect()
}

/// What an operation takes beside its own permission, with the body of its entry: it acts on contacts, or hands out all there is.
pub(super) fn beside(id: &str) -> Vec<&'static str> {
    match id {
        "create_import" | "import_contacts" | "resume_import" => vec!["contacts:write"],
        "revert_import" => vec!["contacts:write", "contacts:delete"],
        "preview_import" | "list_import_rows" | "list_import_errors" | "download_import_errors" => {
            vec!["contacts:read"]
        }
        "create_export" | "download_export" => vec!["contacts:read"],
        "create_webhook"
        | "update_webhook"
        | "preview_webhook"
        | "get_delivery"
        | "resend_delivery"
        | "resend_deliveries"
        | "replay_webhook"
        | "preview_webhook_replay" => vec!["contacts:read"],
        // They are subscribed to all events.
        "replace_webhook" | "enable_webhook" => readings(CATALOGUE.iter().map(|event| event.object)),
        "create_audit_sink" | "replace_audit_sink" | "update_audit_sink" => readings(EntityKind::ALL),
        _ => Vec::new(),
    }
}

fn readings(kinds: impl IntoIterator<Item = EntityKind>) -> Vec<&'static str> {
    let permissions = kinds.into_iter().flat_map(EntityKind::reading).map(|permission| permission.name());
    permissions.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The operations that all resources have.
fn of_resource(of: Resource) -> Vec<(String, Needs, Value)> {
    let Resource { record, records, .. } = of;
    let scope = |verb: &str| Scope(format!("{records}:{verb}").leak());
    let entry = |id: String, verb: &str, body: Value| (id, scope(verb), body);
    let (body, unknown) = ((of.body)(9), uuid::Uuid::now_v7());
    let change = json!({of.text: "Changed"});
    let mut entries = vec![
        entry(format!("list_{records}"), "read", Value::Null),
        entry(format!("search_{records}"), "read", json!({"q": "grace"})),
        entry(format!("export_{records}"), "read", Value::Null),
        entry(format!("create_{record}"), "write", body.clone()),
        entry(format!("get_{record}"), "read", Value::Null),
        entry(format!("replace_{record}"), "write", body.clone()),
        entry(format!("update_{record}"), "write", change.clone()),
        entry(format!("delete_{record}"), "delete", Value::Null),
        entry(format!("restore_{record}"), "write", Value::Null),
        entry(format!("purge_{record}"), "delete", Value::Null),
        entry(format!("get_{record}_by_key"), "read", Value::Null),
        entry(format!("get_{record}_history"), "read", Value::Null),
        entry(format!("upsert_{record}_by_key"), "write", of.required("Upserted")),
        entry(format!("update_{record}_by_key"), "write", change.clone()),
        entry(format!("delete_{record}_by_key"), "delete", Value::Null),
    ];
    if of.batches {
        entries.extend([
            entry(format!("read_{records}"), "read", json!({"items": [{"id": unknown}]})),
            entry(format!("create_{records}"), "write", json!({"items": [body]})),
            entry(
                format!("update_{records}"),
                "write",
                json!({"items": [{"id": unknown, "changes": change}]}),
            ),
            entry(format!("upsert_{records}"), "write", json!({"items": [body]})),
            entry(format!("delete_{records}"), "delete", json!({"items": [{"id": unknown}]})),
        ]);
    }
    entries
}
