//! Filters say what a simple model of them says, and nothing that is sent or stored makes them panic.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{all, body, judged};
use crate::entity::EntityKind;
use crate::filter::{self, Operator, Placed, Predicate};
use crate::webhook::filter::path::Path;
use crate::webhook::filter::{Body, Filter};

/// A company, some of whose members are null, of another kind, or not there.
fn company() -> impl Strategy<Value = Json> {
    let member = |value: BoxedStrategy<Json>| prop_oneof![4 => value.prop_map(Some), 1 => Just(Some(Json::Null)), 1 => Just(None)];
    let name = member("[ab]{0,2}".prop_map(Json::from).boxed());
    let employees = member(prop_oneof![4 => (0..4i64).prop_map(Json::from), 1 => Just(json!("2"))].boxed());
    let fields = member(proptest::collection::vec("[ab]", 0..3).prop_map(Json::from).boxed());
    (name, employees, fields).prop_map(|(name, employees, fields)| {
        let mut body = json!({"data": {}});
        body["data"].as_object_mut().expect("an object").extend(
            [("name", name), ("employees", employees)]
                .into_iter()
                .filter_map(|(key, value)| Some((key.to_owned(), value?))),
        );
        if let Some(fields) = fields {
            body["changedFields"] = fields;
        }
        body
    })
}

/// A filter over it.
fn filter() -> impl Strategy<Value = String> {
    let order = prop_oneof![Just("="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")];
    let many = prop_oneof![Just("any"), Just("all"), Just("none")];
    let null = prop_oneof![Just("is null"), Just("is not null")];
    let field = prop_oneof![Just("data.name"), Just("data.employees"), Just("changedFields")];
    let leaf = prop_oneof![
        (order.clone(), 0..4i64).prop_map(|(sign, value)| format!("data.employees {sign} {value}")),
        (order, "[ab]{1,2}").prop_map(|(sign, value)| format!("data.name {sign} {value}")),
        (0..4i64, 0..4i64).prop_map(|(low, high)| format!("data.employees between {low} and {high}")),
        ("[ab]", "[ab]").prop_map(|(one, other)| format!("data.name not in ({one}, {other})")),
        "[abAB]".prop_map(|part| format!("data.name contains {part}")),
        (many, "[ab]", "[ab]")
            .prop_map(|(word, one, other)| format!("changedFields {word} ({one}, {other})")),
        (field, null).prop_map(|(field, word)| format!("{field} {word}")),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let parts = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            (parts, any::<bool>())
                .prop_map(|(parts, both)| format!("({})", parts.join(if both { " and " } else { " or " }))),
            inner.prop_map(|inner| format!("not {inner}")),
        ]
    })
}

/// The model: false, not known and true are 0, 1 and 2; `and` is the least, `or` the most.
fn model(filter: &filter::Filter, body: &Json) -> u8 {
    match filter {
        filter::Filter::And(parts) => parts.iter().map(|part| model(part, body)).min().unwrap_or(2),
        filter::Filter::Or(parts) => parts.iter().map(|part| model(part, body)).max().unwrap_or(0),
        filter::Filter::Not(inner) => 2 - model(inner, body),
        filter::Filter::Predicate(predicate) => model_of(predicate, body),
    }
}

fn model_of(predicate: &Predicate, body: &Json) -> u8 {
    let pointer = format!("/{}", predicate.field.replace('.', "/"));
    let Some(found) = body.pointer(&pointer) else { return 1 };
    let truth = |holds: bool| if holds { 2 } else { 0 };
    let texts: Vec<String> = predicate.values.iter().map(crate::list::written::text).collect();
    let has = |text: &String| found.as_array().is_some_and(|items| items.iter().any(|item| item == text));
    match (predicate.operator, found) {
        (Operator::IsNull, found) => truth(found.is_null()),
        (Operator::IsNotNull, found) => truth(!found.is_null()),
        (Operator::NotEqual | Operator::NotIn | Operator::None, Json::Null) => 2,
        (_, Json::Null) => 0,
        (Operator::Any, _) => truth(texts.iter().any(has)),
        (Operator::All, _) => truth(texts.iter().all(has)),
        (Operator::None, _) => truth(!texts.iter().any(has)),
        (Operator::Contains, found) => {
            truth(found.as_str().unwrap_or_default().contains(&texts[0].to_ascii_lowercase()))
        }
        (operator, found) => {
            let of = |text: &String| match (found, text.parse::<i64>()) {
                (Json::String(found), Err(_)) => Some(found.as_str().cmp(text.as_str())),
                (Json::Number(found), Ok(value)) => found.as_i64().map(|found| found.cmp(&value)),
                _ => None,
            };
            let orders: Option<Vec<_>> = texts.iter().map(of).collect();
            let Some(orders) = orders else { return 1 };
            truth(match operator {
                Operator::Equal => orders[0].is_eq(),
                Operator::NotEqual => orders[0].is_ne(),
                Operator::Less => orders[0].is_lt(),
                Operator::LessOrEqual => orders[0].is_le(),
                Operator::Greater => orders[0].is_gt(),
                Operator::GreaterOrEqual => orders[0].is_ge(),
                Operator::Between => orders[0].is_ge() && orders[1].is_le(),
                Operator::NotIn => orders.iter().all(|order| order.is_ne()),
                other => unreachable!("{other:?}"),
            })
        }
    }
}

/// Any JSON, not too large.
fn anything() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let names = "(data|previous|actor|bulk|object|settings|name|value|links|id|type|changedFields)";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map(names, inner, 0..6)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn it_says_what_the_model_says(filter in filter(), body in company()) {
        let Ok(placed) = Placed::parse(&filter) else { return Ok(()) };
        let expected = match model(&placed.filter, &body) { 0 => Some(false), 2 => Some(true), _ => None };
        prop_assert_eq!(judged(&filter, &body), expected, "{} of {}", filter, body);
    }

    #[test]
    fn a_filter_is_unjudged_only_where_a_field_is(filter in filter(), json in company()) {
        let Ok(read) = Filter::check(&filter, &all(&["*"])) else { return Ok(()) };
        if read.judge(&body(&json)).is_none() {
            prop_assert!(read.unjudged(&body(&json)).is_some());
        }
    }

    #[test]
    fn no_text_and_no_body_panics(text in "\\PC{0,120}", json in anything()) {
        let words = [
            "data.name = a", "data.settings.x >= 3", "data.links.id any (a)", "previous.value between 1 and 2",
            "bulk is null", "data.settings.x.y none (1, true)",
            "not (actor.type startsWith a or changedFields all (a))",
        ];
        for filter in words.into_iter().chain([text.as_str()]) {
            let body = Body::read(json.to_string().as_bytes());
            if let (Ok(filter), Some(body)) = (Filter::check(filter, &all(&["*"])), body) {
                filter.judge(&body);
                filter.unjudged(&body);
            }
        }
        Body::read(text.as_bytes());
    }

    #[test]
    fn no_path_panics(path in "(data|previous|object|bulk)?[.a-z]{0,20}", kind in 0..EntityKind::ALL.len()) {
        let _ = Path::of(&path, &[EntityKind::ALL[kind]]);
    }
}
