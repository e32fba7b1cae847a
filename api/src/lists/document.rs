//! The parameters of lists in the document. They follow from what each list declares, so that no handler repeats them.

use serde_json::{Value, json};
use tenon_common::crm::{company, contact, lead, pipeline};
use tenon_common::filter::MAX_BYTES;
use tenon_common::list::{Field, Kind, Listing};

/// The operations that are lists, and of what. A new one is a line here.
const LISTS: &[(&str, &Listing)] = &[
    ("list_contacts", &contact::LIST),
    ("list_companies", &company::LIST),
    ("list_leads", &lead::LIST),
    ("list_pipelines", &pipeline::LIST),
];

/// The text of poem's document with the parameters of lists.
pub fn with_parameters(spec: &str) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(spec) else { return spec.to_owned() };
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    for (_, operation) in operations {
        let listing = LISTS.iter().find(|(id, _)| operation["operationId"] == *id);
        if let (Some((_, listing)), Some(operation)) = (listing, operation.as_object_mut()) {
            let known = operation.entry("parameters").or_insert_with(|| json!([]));
            known.as_array_mut().into_iter().for_each(|known| known.extend(parameters(listing)));
        }
    }
    document.to_string()
}

fn parameters(listing: &Listing) -> Vec<Value> {
    let text = json!({"type": "string"});
    let number = json!({"type": "integer", "format": "uint32"});
    let fields = listing.filterable().join("`, `");
    let sortable = listing.sortable().join("`, `");
    let members = listing.members.join("`, `");
    let mut all = vec![
        parameter(
            "filter",
            &format!(
                "A condition such as `name startsWith \"J\" and not (email is null)`; its grammar is in `openapi/filters.md`. Fields: `{fields}`."
            ),
            json!({"type": "string", "maxLength": MAX_BYTES}),
        ),
        parameter(
            "q",
            "Words that all stand somewhere in the record's texts, regardless of case.",
            text.clone(),
        ),
        parameter(
            "sort",
            &format!(
                "Fields parted by commas, each with `-` before it for descending; `{}` if absent. Records without a value come last when ascending and first when descending. Fields: `{sortable}`.",
                listing.default_sort
            ),
            text.clone(),
        ),
        parameter(
            "fields",
            &format!(
                "Members of the records to answer, parted by commas; the others are absent. Members: `{members}`."
            ),
            text.clone(),
        ),
        parameter("page", "The page's number, from 1.", number.clone()),
        parameter("pageSize", "Records on a page, 1 to 200; 20 if absent.", number.clone()),
        parameter("limit", "Records at most, 1 to 200, when paging by cursor.", number),
        parameter(
            "cursor",
            "`pagination.nextCursor` of the page before, with the same filters and sort.",
            text,
        ),
        parameter(
            "count",
            "How `pagination.total` is told. If absent: with `page` counted up to 100,000 and estimated beyond, with `cursor` not at all.",
            json!({"type": "string", "enum": ["none", "estimated", "exact"]}),
        ),
        parameter(
            "deleted",
            "Whether deleted records are shown: not, too, or only these. `exclude` if absent.",
            json!({"type": "string", "enum": ["exclude", "include", "only"]}),
        ),
        parameter(
            "updatedSince",
            "Records that were changed at that instant or later.",
            json!({"type": "string", "format": "date-time"}),
        ),
    ];
    all.extend(listing.fields.iter().map(shorthand));
    all
}

fn shorthand(field: &Field) -> Value {
    let description = match field.kind {
        Kind::Many { .. } => format!("Records with this value among their `{}`.", field.name),
        _ => format!("Records with this `{}`.", field.name),
    };
    let schema = match field.kind {
        Kind::Text | Kind::Folded | Kind::Many { .. } => json!({"type": "string"}),
        Kind::Uuid => json!({"type": "string", "format": "uuid"}),
        Kind::Instant => json!({"type": "string", "format": "date-time"}),
        Kind::Date => json!({"type": "string", "format": "date"}),
        Kind::Integer => json!({"type": "integer", "format": "int64"}),
        Kind::Thousandths => json!({"type": "number", "format": "double"}),
        Kind::Boolean => json!({"type": "boolean"}),
    };
    parameter(field.name, &description, schema)
}

fn parameter(name: &str, description: &str, schema: Value) -> Value {
    json!({"name": name, "schema": schema, "in": "query", "description": description, "required": false})
}
