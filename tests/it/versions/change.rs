//! The change of these tests, and the versions around it. A real one is made the same way: `openapi/versions.md`.

use std::sync::LazyLock;

use chrono::NaiveDate;
use serde_json::{Map, Value};
use tenon_common::filter::{Filter, Placed, Predicate};
use tenon_common::version::{Change, Deprecation, Query, Version, Versions};

/// The version that only these tests know.
pub(super) const OLD: &str = "2025-06-01";
/// The product's.
pub(super) const NEWEST: &str = "2026-01-01";

static VERSIONS: LazyLock<Versions> = LazyLock::new(|| {
    let day = |year| NaiveDate::from_ymd_opt(year, 6, 1).expect("a day");
    let deprecation =
        Deprecation { since: day(2026), sunset: Some(day(2027)), link: "https://tenon.example/versions" };
    Versions::new(vec![
        Version::new(OLD).deprecated(deprecation),
        Version::new(NEWEST).with(ContactsHaveNames),
    ])
});

pub(super) fn versions() -> &'static Versions {
    &VERSIONS
}

/// `fullName` of contacts is called `name`.
#[derive(Debug)]
struct ContactsHaveNames;

const BEFORE: &str = "fullName";
const SINCE: &str = "name";

impl Change for ContactsHaveNames {
    fn says(&self) -> &'static str {
        "A contact's `fullName` is called `name`."
    }

    fn concerns(&self, operation: &str) -> bool {
        let others = ["association", "timeline", "history", "import", "export"];
        operation.contains("contact") && !others.iter().any(|other| operation.contains(other))
    }

    fn query(&self, _operation: &str, query: &mut Query) {
        for (name, value) in query {
            match name.as_str() {
                BEFORE => *name = SINCE.to_owned(),
                "fields" | "sort" => *value = since_in_list(value),
                "filter" => {
                    // What cannot be read is refused with its place.
                    if let Ok(placed) = Placed::parse(value) {
                        *value = since_in_filter(placed.filter).to_string();
                    }
                }
                _ => {}
            }
        }
    }

    fn request(&self, operation: &str, body: &mut Value) {
        if operation == "search_contacts" {
            return since_in_search(body);
        }
        match body.get_mut("items").and_then(Value::as_array_mut) {
            Some(items) => {
                for item in items {
                    rename(item, BEFORE, SINCE);
                    item.get_mut("changes").into_iter().for_each(|changes| rename(changes, BEFORE, SINCE));
                }
            }
            None => rename(body, BEFORE, SINCE),
        }
    }

    fn answer(&self, _operation: &str, body: &mut Value) {
        match body.get_mut("data") {
            Some(Value::Array(records)) => {
                records.iter_mut().for_each(|record| rename(record, SINCE, BEFORE));
            }
            Some(record) => rename(record, SINCE, BEFORE),
            None => {}
        }
    }

    fn event(&self, kind: &str, body: &mut Value) {
        if !kind.starts_with("contact.") {
            return;
        }
        for part in ["data", "previous"] {
            body.get_mut(part).into_iter().for_each(|part| rename(part, SINCE, BEFORE));
        }
        let changed = body.get_mut("changedFields").and_then(Value::as_array_mut);
        for field in changed.into_iter().flatten().filter(|field| *field == SINCE) {
            *field = BEFORE.into();
        }
    }

    fn place(&self, _operation: &str, pointer: &str) -> Option<String> {
        let before = pointer.strip_suffix("/name")?;
        Some(format!("{before}/{BEFORE}"))
    }
}

/// In place: the order of the others stays, so that the same body is made of the same one.
fn rename(object: &mut Value, from: &str, to: &str) {
    let Value::Object(members) = object else { return };
    let renamed = std::mem::take(members).into_iter().map(|(name, value)| {
        let name = if name == from { to.to_owned() } else { name };
        (name, value)
    });
    *members = renamed.collect::<Map<_, _>>();
}

/// `-fullName,email`.
fn since_in_list(list: &str) -> String {
    let since = |part: &str| match part.strip_prefix('-') {
        Some(BEFORE) => format!("-{SINCE}"),
        None if part == BEFORE => SINCE.to_owned(),
        _ => part.to_owned(),
    };
    list.split(',').map(since).collect::<Vec<_>>().join(",")
}

fn since_in_filter(filter: Filter) -> Filter {
    let each = |filters: Vec<Filter>| filters.into_iter().map(since_in_filter).collect();
    match filter {
        Filter::And(filters) => Filter::And(each(filters)),
        Filter::Or(filters) => Filter::Or(each(filters)),
        Filter::Not(filter) => Filter::Not(Box::new(since_in_filter(*filter))),
        Filter::Predicate(predicate) if predicate.field == BEFORE => {
            Filter::Predicate(Predicate { field: SINCE.to_owned(), ..predicate })
        }
        other => other,
    }
}

/// Names in `fields` and `sort`, and the `field` of each predicate.
fn since_in_search(body: &mut Value) {
    for part in ["fields", "sort"] {
        for name in body.get_mut(part).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(text) = name.as_str() {
                *name = since_in_list(text).into();
            }
        }
    }
    if let Some(filter) = body.get_mut("filter") {
        since_in_json(filter);
    }
}

fn since_in_json(filter: &mut Value) {
    match filter {
        Value::Array(filters) => filters.iter_mut().for_each(since_in_json),
        Value::Object(members) => {
            if members.get("field").is_some_and(|field| field == BEFORE) {
                members.insert("field".to_owned(), SINCE.into());
            }
            members.values_mut().for_each(since_in_json);
        }
        _ => {}
    }
}
