//! What is written can be read, in both forms; what cannot be read says why and where.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[^\0]{0,12}".prop_map(Value::Text),
        any::<i64>().prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
    ]
}

/// Keywords are read in any case.
fn is_keyword(field: &str) -> bool {
    ["and", "or", "not", "null"].iter().any(|keyword| keyword.eq_ignore_ascii_case(field))
}

fn predicate() -> impl Strategy<Value = Filter> {
    let values = proptest::collection::vec(value(), 1..4);
    ("[a-z][A-Za-z0-9.]{0,8}", 0..Operator::ALL.len(), values, value())
        .prop_filter("not a keyword", |(field, ..)| !is_keyword(field))
        .prop_map(|(field, operator, mut values, second)| {
            let operator = Operator::ALL[operator];
            match operator.arity() {
                Arity::Zero => values.clear(),
                Arity::One => values.truncate(1),
                Arity::Two => {
                    values.truncate(1);
                    values.push(second);
                }
                Arity::Many => {}
            }
            Filter::Predicate(Predicate { field, operator, values })
        })
}

/// Any filter within the limits.
fn filter() -> impl Strategy<Value = Filter> {
    predicate().prop_recursive(5, 16, 3, |inner| {
        let parts = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(Filter::And),
            parts.prop_map(Filter::Or),
            inner.prop_map(|inner| Filter::Not(Box::new(inner))),
        ]
    })
}

fn fits(filter: &Filter) -> bool {
    filter.to_string().len() <= MAX_BYTES && count(filter) <= MAX_PREDICATES
}

fn count(filter: &Filter) -> usize {
    match filter {
        Filter::Predicate(_) => 1,
        Filter::Not(inner) => count(inner),
        Filter::And(parts) | Filter::Or(parts) => parts.iter().map(count).sum(),
    }
}

proptest! {
    #[test]
    fn a_printed_filter_reads_back_as_itself(filter in filter().prop_filter("within the limits", fits)) {
        let text = filter.to_string();
        let read = Placed::parse(&text);
        prop_assert_eq!(read.as_ref().map(|read| &read.filter), Ok(&filter), "{}", text);
        prop_assert_eq!(read.map(|read| read.places.len()), Ok(count(&filter)));
    }

    #[test]
    fn text_and_json_say_the_same(filter in filter().prop_filter("within the limits", fits)) {
        let from_json = Placed::from_json(&filter.to_json()).map(|read| read.filter);
        prop_assert_eq!(from_json.as_ref(), Ok(&filter));
        prop_assert_eq!(from_json, Placed::parse(&filter.to_string()).map(|read| read.filter));
        prop_assert_eq!(serde_json::to_value(&filter).ok(), Some(filter.to_json()));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = Placed::parse(&text);
    }

    #[test]
    fn no_text_of_its_own_words_panics(words in proptest::collection::vec(
        prop_oneof![
            Just("and"), Just("or"), Just("not"), Just("in"), Just("is"), Just("null"), Just("("), Just(")"), Just(","),
            Just("="), Just("!="), Just("!"), Just("<"), Just("between"), Just("contains"), Just("any"), Just("name"),
            Just("\"a\""), Just("\""), Just("\\"), Just("7"), Just("ü"), Just("'"),
        ], 0..40)) {
        let text = words.join(" ");
        if let Err(error) = Placed::parse(&text) {
            let Place::Character(at) = error.place else { panic!("{error:?}") };
            prop_assert!((1..=text.chars().count() + 1).contains(&at), "{} of {:?}", at, text);
        }
        let _ = Placed::parse(&words.concat());
    }
}

fn parsed(text: &str) -> Filter {
    Placed::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}")).filter
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    let filter = parsed("not a = 1 and b = 2 or c = 3 AND (d is null OR NOT e IS NOT NULL)");
    assert_eq!(
        filter.to_json(),
        json!({"or": [
            {"and": [{"not": {"field": "a", "op": "=", "value": 1}}, {"field": "b", "op": "=", "value": 2}]},
            {"and": [
                {"field": "c", "op": "=", "value": 3},
                {"or": [{"field": "d", "op": "is null"}, {"not": {"field": "e", "op": "is not null"}}]},
            ]},
        ]})
    );
}

#[test]
fn words_without_quotes_are_what_they_look_like() {
    let value = |text: &str| match parsed(&format!("a = {text}")) {
        Filter::Predicate(predicate) => predicate.values[0].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(value("-12"), Value::Integer(-12));
    assert_eq!(value("true"), Value::Boolean(true));
    for text in
        ["007", "1.5", "2026-01-01T00:00:00Z", "ada@acme.example", "Zoë", "+49", "99999999999999999999"]
    {
        assert_eq!(value(text), Value::Text(text.to_owned()));
    }
    assert_eq!(value("\"a \\\"b\\\" \\u00fc\""), Value::Text("a \"b\" ü".to_owned()));
    assert_eq!(value("\"null\""), Value::Text("null".to_owned()));
}

#[test]
fn a_wrong_filter_says_where_and_what_was_expected() {
    for (text, at, says) in [
        ("", 1, "a field"),
        ("name", 5, "an operator"),
        ("name =", 7, "a value"),
        ("name = and", 8, "a value"),
        ("name = null", 8, "is null"),
        ("name like \"x\"", 6, "an operator"),
        ("name is empty", 9, "\"null\" or \"not null\""),
        ("name in lead", 9, "'('"),
        ("name in ()", 10, "a value"),
        ("name in (a b)", 12, "',' or ')'"),
        ("name not a", 10, "\"in\""),
        ("n between 1", 12, "\"and\""),
        ("(name = a", 10, "')'"),
        ("name = a b = c", 10, "\"and\", \"or\" or the end"),
        ("name = 'a'", 8, "double quotes"),
        ("ü = \"a", 5, "closing quote"),
        ("name = \"\\x\"", 8, "JSON string"),
        ("name ! a", 6, "!="),
        ("name = \"\\u0000\"", 8, "U+0000"),
    ] {
        let error = Placed::parse(text).expect_err(text);
        assert_eq!(error.place, Place::Character(at), "{text}: {error}");
        assert!(error.message.contains(says), "{text}: {error}");
    }
}

#[test]
fn a_wrong_json_filter_says_where() {
    for (filter, pointer, says) in [
        (json!([]), "", "and, or, not"),
        (json!({}), "", "and, or, not"),
        (json!({"and": []}), "/and", "at least one"),
        (json!({"and": [{"field": "a", "op": "~", "value": 1}]}), "/and/0/op", "is not null"),
        (json!({"not": {"field": 1, "op": "=", "value": 1}}), "/not/field", "name of a field"),
        (json!({"field": "a", "op": "in", "value": 1}), "/value", "an array"),
        (json!({"field": "a", "op": "in", "value": [1, null]}), "/value/1", "is null"),
        (json!({"field": "a", "op": "between", "value": [1]}), "/value", "two values"),
        (json!({"field": "a", "op": "is null", "value": 1}), "/value", "no value"),
        (json!({"field": "a", "op": "=", "value": {"b": 1}}), "/value", "a string"),
        (json!({"field": "a", "op": "="}), "/value", "takes a value"),
        (json!({"field": "a", "op": "=", "value": 1, "values": 2}), "", "values"),
        (json!({"and": [{"field": "a", "op": "is null"}], "or": []}), "", "and, or, not"),
    ] {
        let error = Placed::from_json(&filter).expect_err(&filter.to_string());
        assert_eq!(error.place, Place::Pointer(pointer.to_owned()), "{filter}: {error}");
        assert!(error.message.contains(says), "{filter}: {error}");
    }
}

#[test]
fn limits_hold_in_both_forms() {
    let many = |n: usize| vec!["a = 1"; n].join(" or ");
    assert!(Placed::parse(&many(MAX_PREDICATES)).is_ok());
    assert!(Placed::parse(&many(MAX_PREDICATES + 1)).is_err());
    let deep = |n: usize| format!("{}a = 1", "not ".repeat(n));
    assert!(Placed::parse(&deep(MAX_DEPTH)).is_ok());
    assert!(Placed::parse(&deep(MAX_DEPTH + 1)).is_err());
    assert!(Placed::parse(&format!("{}a = 1{}", "(".repeat(20), ")".repeat(20))).is_ok());
    for text in [deep(1000), format!("{}a = 1", "(".repeat(4000)), format!("a = {}", "b".repeat(MAX_BYTES))] {
        assert!(Placed::parse(&text).is_err());
    }
    let nested =
        |n: usize| (0..n).fold(json!({"field": "a", "op": "is null"}), |inner, _| json!({"not": inner}));
    assert!(Placed::from_json(&nested(MAX_DEPTH)).is_ok());
    assert!(Placed::from_json(&nested(MAX_DEPTH + 1)).is_err());
    assert!(Placed::from_json(&nested(100)).is_err());
    let values = |n: usize| json!({"field": "a", "op": "in", "value": vec![1; n]});
    assert!(Placed::from_json(&values(MAX_VALUES)).is_ok());
    assert!(Placed::from_json(&values(MAX_VALUES + 1)).is_err());
}
