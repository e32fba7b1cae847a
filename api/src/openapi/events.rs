//! The types of events in the document: what `data` is, with an example.

use poem_openapi::types::ToJSON;
use serde_json::json;
use tenon_common::entity::EntityKind;
use tenon_common::event::{CATALOGUE, EventType};

use super::EventDescription;

/// The schema of the document that describes `data` of a kind's events.
pub fn schema_of(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Contact => "Contact",
        EntityKind::Company => "Company",
        EntityKind::Pipeline => "Pipeline",
        EntityKind::Stage => "Stage",
        EntityKind::Lead => "Lead",
        EntityKind::Activity => "Activity",
        EntityKind::Association => "Association",
        EntityKind::ApiKey => "ApiKey",
        EntityKind::Import => "Import",
        EntityKind::ImportTemplate => "ImportTemplate",
        EntityKind::Upload => "Upload",
        EntityKind::Webhook => "Webhook",
        EntityKind::Delivery => "WebhookDelivery",
        EntityKind::WebhookReplay => "WebhookReplay",
        EntityKind::AuditEvent => "AuditEvent",
        EntityKind::AuditSink => "AuditSink",
        EntityKind::Export => "Export",
        EntityKind::User => "UserSummary",
        EntityKind::Tenant => "Organization",
    }
}

/// All types of events, described.
pub fn events() -> Vec<EventDescription> {
    let describe = |event: &EventType| EventDescription {
        name: event.name,
        summary: event.description.trim_end_matches('.'),
        data_schema_ref: schema_of(event.object),
        example: example(event.object),
    };
    CATALOGUE.iter().map(describe).collect()
}

fn example(kind: EntityKind) -> serde_json::Value {
    let id = "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f";
    let tenant = "0192f0c1-0000-7000-8000-000000000001";
    let at = "2025-11-02T10:00:00.000Z";
    let by = json!({"type": "system", "id": null}).to_json();
    match kind {
        EntityKind::Contact => json!({
            "id": id, "tenantId": tenant, "externalId": null, "name": "John Doe", "email": "john@example.com",
            "phone": "+1234567890", "phoneOriginal": "+1 234 567 890", "company": "ACME Corp", "companyId": null, "title": null, "lifecycle": null,
            "ownerId": null, "userId": null, "version": 1, "createdAt": at, "createdBy": by, "updatedAt": at, "updatedBy": by,
            "deletedAt": null
        }),
        EntityKind::Company => json!({
            "id": id, "tenantId": tenant, "externalId": null, "name": "ACME Corp", "industry": "Technology",
            "website": "https://acme.example", "employees": 250, "domain": "acme.example", "ownerId": null, "version": 1,
            "createdAt": at, "createdBy": by, "updatedAt": at, "updatedBy": by, "deletedAt": null
        }),
        EntityKind::Pipeline => json!({
            "id": id, "tenantId": tenant, "externalId": null, "name": "Sales",
            "stages": [{
                "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e60", "name": "Qualified", "displayOrder": 1, "probability": 20
            }],
            "version": 1, "createdAt": at, "createdBy": by, "updatedAt": at, "updatedBy": by, "deletedAt": null
        }),
        EntityKind::Lead => json!({
            "id": id, "tenantId": tenant, "externalId": null, "title": "New website", "status": "new", "value": 1250.5,
            "currency": "EUR", "ownerId": null, "contactId": null, "companyId": null, "pipelineId": null, "stageId": null,
            "expectedCloseDate": "2025-12-31", "version": 1, "createdAt": at, "createdBy": by, "updatedAt": at, "updatedBy": by,
            "deletedAt": null
        }),
        EntityKind::Activity => json!({
            "id": id, "tenantId": tenant, "externalId": null, "kind": "call", "subject": "Asked for a quote", "body": null,
            "occurredAt": at, "dueAt": null, "completedAt": null,
            "links": [{"type": "contact", "id": "0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e60"}], "ownerId": null, "version": 1,
            "createdAt": at, "createdBy": by, "updatedAt": at, "updatedBy": by, "deletedAt": null
        }),
        EntityKind::ApiKey => json!({
            "id": id, "tenantId": tenant, "name": "Newsletter", "key": null, "prefix": "tenon_live_3f9KpQ2mXa7B", "last4": "x7Qe",
            "role": "ADMIN", "scopes": ["contacts:read"], "expiresAt": null, "ipAllowlist": [], "apiVersion": "2026-01-01",
            "userId": null, "lastUsedAt": null, "lastUsedIp": null, "revokedAt": null, "revokedReason": null, "rotatedFrom": null,
            "version": 1, "createdAt": at, "createdBy": by, "updatedAt": at, "updatedBy": by
        }),
        EntityKind::Webhook => json!({
            "id": id, "tenantId": tenant, "url": "https://example.com/webhook", "events": ["contact.created"], "filter": null,
            "skipOwn": false, "payload": "full", "headerNames": [], "description": null, "active": false, "disabledReason": "failing",
            "maxPerSecond": null, "maxConcurrency": null, "retrySchedule": null, "ordering": "none", "secret": null,
            "apiVersion": "2026-01-01", "publicKey": null, "warnings": [], "version": 2, "createdAt": at, "createdBy": by,
            "updatedAt": at, "updatedBy": by
        }),
        EntityKind::Import => json!({
            "id": id, "tenantId": tenant, "object": "contacts", "mode": "upsert", "matchOn": ["externalId", "email"],
            "onDuplicate": "fail", "bulkEvents": "summary", "dryRun": false, "state": "partial", "fileName": "contacts.csv",
            "fileBytes": 2048, "columns": [{"name": "E-Mail", "field": "email", "guessed": true, "decimalSign": null, "dateFormat": null}],
            "reading": {
                "format": "csv", "encoding": "UTF-8", "delimiter": ";", "backslash": false, "sheet": null, "otherSheets": [], "ignored": []
            },
            "total": 20, "processed": 20,
            "created": 17, "updated": 1, "unchanged": 1, "skipped": 0, "failed": 1, "reverted": 0, "kept": 0, "failure": null,
            "failureMessage": null, "rowsPerSecond": 400.0, "secondsLeft": null, "startedAt": at, "finishedAt": at, "revertUntil": at,
            "expiredAt": null,
            "version": 4, "createdAt": at, "createdBy": by, "updatedAt": at, "updatedBy": by
        }),
        EntityKind::Tenant => json!({
            "id": tenant, "name": "ACME Corp", "slug": "acme-corp", "plan": "team", "settings": {"timeZone": "Europe/Vienna"},
            "version": 4, "createdAt": at, "updatedAt": at, "deletedAt": null
        }),
        _ => json!({"id": id, "name": "Ada Lovelace", "email": "ada@example.com"}),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tenon_common::webhook::wish;

    use super::*;

    /// The paths to all values of an example.
    fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    paths(member, &format!("{path}.{name}"), found);
                }
            }
            Value::Array(items) if items.first().is_some_and(Value::is_object) => {
                paths(&items[0], path, found);
            }
            _ => found.push(path.to_owned()),
        }
    }

    #[test]
    fn filters_of_webhooks_may_name_all_that_events_have() {
        for event in CATALOGUE {
            let mut found = Vec::new();
            paths(&example(event.object), "data", &mut found);
            paths(&example(event.object), "previous", &mut found);
            assert!(found.len() >= 6, "{}", event.name);
            for path in found {
                assert!(wish::has_field(event, &path), "{}: {path}", event.name);
            }
            assert!(!wish::has_field(event, "data.noSuchField"), "{}", event.name);
        }
    }
}
