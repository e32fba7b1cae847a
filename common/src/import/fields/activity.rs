//! Columns of activities.

use super::{Field, Importable, field, id, text};
use crate::crm::activity::{Activity, ActivityDraft};
use crate::crm::linked::{Linked, LinkedKind};
use crate::crm::rules::Broken;
use crate::import::Object;
use crate::import::fields::read;
use crate::wire;

/// A column with the ids of linked records of a kind, parted by semicolons, commas or blanks.
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
        links!("contactIds", Contact, ["contactid", "contacts"]),
        links!("companyIds", Company, ["companyid", "companies"]),
        links!("leadIds", Lead, ["leadid", "leads"]),
        id!("ownerId", owner_id, []),
    ];
}

fn set_links(draft: &mut ActivityDraft, kind: LinkedKind, value: Option<&str>) -> Result<(), Broken> {
    let ids = value.unwrap_or_default().split([';', ',', ' ', '\n']).filter(|id| !id.is_empty());
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
