//! Columns of activities.

use serde::Deserialize;
use uuid::Uuid;

use super::{Field, Importable, field, id, text};
use crate::crm::activity::{Activity, ActivityDraft};
use crate::crm::linked::{Linked, LinkedKind};
use crate::import::Object;
use crate::import::fields::read;
use crate::rules::Broken;
use crate::wire;

/// A column with the ids of linked records of a kind, parted by semicolons, commas or blanks, or a list of them.
macro_rules! links {
    ($name:literal, $kind:ident, [$($also:literal),*]) => {
        Field {
            name: $name,
            also: &[$($also),*],
            set: |draft, value, _| set_links(draft, LinkedKind::$kind, value),
            get: |draft| links(draft, LinkedKind::$kind),
        }
    };
}

impl Importable for Activity {
    const OBJECT: Object = Object::Activities;
    const FIELDS: &'static [Field<Self>] = &[
        text!("externalId", external_id, ["activityid", "crmid", "recordid", "reference"]),
        field!(
            "kind",
            kind,
            |value, _| read::kind(value),
            |kind| kind.name().to_owned(),
            ["type", "activitytype"]
        ),
        text!("subject", subject, ["title", "summary", "activitysubject", "activitytitle"]),
        text!(
            "body",
            body,
            ["notes", "note", "description", "comments", "comment", "fullcomments", "text", "content"]
        ),
        field!(
            "occurredAt",
            occurred_at,
            read::instant,
            |at| wire::instant(*at),
            ["date", "when", "time", "activitydate"]
        ),
        field!(
            "dueAt",
            due_at,
            read::instant,
            |at| wire::instant(*at),
            ["due", "duedate", "deadline", "activityduedate"]
        ),
        field!(
            "completedAt",
            completed_at,
            read::instant,
            |at| wire::instant(*at),
            ["completed", "done", "doneat"]
        ),
        Field {
            name: "links",
            also: &[],
            set: |draft, value, _| set_all_links(draft, value),
            get: all_links,
        },
        links!("contactIds", Contact, ["contactid", "contacts"]),
        links!("companyIds", Company, ["companyid", "companies"]),
        links!("leadIds", Lead, ["leadid", "leads"]),
        id!("ownerId", owner_id, []),
    ];
}

/// As exports write them.
#[derive(Deserialize)]
struct Named {
    r#type: String,
    id: Uuid,
}

fn set_all_links(draft: &mut ActivityDraft, value: Option<&str>) -> Result<(), Broken> {
    let invalid = || {
        let message =
            "Must be links such as [{\"type\":\"contact\",\"id\":\"0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f\"}]";
        ("INVALID_LINKS", message.to_owned())
    };
    let named: Vec<Named> = serde_json::from_str(value.unwrap_or("[]")).map_err(|_| invalid())?;
    let linked = |named: Named| {
        let kind = LinkedKind::ALL.into_iter().find(|kind| kind.name() == named.r#type)?;
        Some(Linked::new(kind, named.id))
    };
    draft.links = named.into_iter().map(linked).collect::<Option<_>>().ok_or_else(invalid)?;
    Ok(())
}

fn all_links(draft: &ActivityDraft) -> Option<String> {
    // Kinds and ids: it cannot fail.
    (!draft.links.is_empty()).then(|| serde_json::to_string(&draft.links).unwrap_or_default())
}

fn set_links(draft: &mut ActivityDraft, kind: LinkedKind, value: Option<&str>) -> Result<(), Broken> {
    // A list of a JSON document has brackets and quotes around them.
    let ids =
        value.unwrap_or_default().split([';', ',', ' ', '\n', '[', ']', '"']).filter(|id| !id.is_empty());
    let named = ids.map(|id| read::id(id).map(|id| Linked::new(kind, id))).collect::<Result<Vec<_>, _>>()?;
    draft.links.retain(|link| link.kind != kind);
    draft.links.extend(named);
    Ok(())
}

fn links(draft: &ActivityDraft, kind: LinkedKind) -> Option<String> {
    let of_kind = draft.links.iter().filter(|link| link.kind == kind);
    let ids: Vec<String> = of_kind.map(|link| link.id.to_string()).collect();
    (!ids.is_empty()).then(|| ids.join(";"))
}
