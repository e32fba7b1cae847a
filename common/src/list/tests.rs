//! What is asked for becomes the SQL that was meant, and nothing that was sent becomes part of it.

use super::compile::Condition;
use super::statement::Statement;
use super::value::Values;
use super::*;
use crate::filter::{Placed, Value};

static LIST: Listing = Listing {
    name: "things",
    table: "tenon.things",
    columns: "id, name, created_at",
    members: &["id", "name"],
    fields: &[
        Field::new("id", "id", Kind::Uuid).required().sortable(),
        Field::new("name", "name", Kind::Text).required().sortable().searched(),
        Field::new("email", "email_key", Kind::Folded).sortable(),
        Field::new("day", "day", Kind::Date),
        Field::new("open", "open", Kind::Boolean).required(),
        Field::new("amount", "amount_minor", Kind::Integer).sortable(),
        Field::new("price", "price_thousandths", Kind::Thousandths).sortable(),
        Field::new("createdAt", "created_at", Kind::Instant).required().sortable(),
        Field::new("tags", "tag", Kind::Many { rows: "tenon.tags where tags.thing_id = things.id" }),
    ],
    search: Some("select id from tenon.search_things"),
    default_sort: "-createdAt",
};

fn compiled(filter: &str) -> Result<String, String> {
    let placed = Placed::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error:?}"));
    let condition = Condition::of(&LIST, &placed).map_err(|error| error.message)?;
    let mut statement = Statement::new("");
    condition.write(&LIST, &mut statement);
    Ok(statement.sql())
}

#[test]
fn each_operator_becomes_its_sql_and_its_negation() {
    for (filter, sql, negated) in [
        ("name = a", "name = $1", "name <> $1"),
        ("email = A", "email_key = $1", "email_key is distinct from $1"),
        ("email != a", "email_key is distinct from $1", "email_key = $1"),
        ("amount < 1", "amount_minor < $1", "(amount_minor >= $1 or amount_minor is null)"),
        ("price >= 12.5", "price_thousandths >= $1", "(price_thousandths < $1 or price_thousandths is null)"),
        ("createdAt >= 2026-01-01", "created_at >= $1", "created_at < $1"),
        ("email in (a, b)", "email_key = any($1)", "(email_key <> all($1) or email_key is null)"),
        ("email not in (a)", "(email_key <> all($1) or email_key is null)", "email_key = any($1)"),
        (
            "day between 2026-01-01 and 2026-02-01",
            "day between $1 and $2",
            "(day not between $1 and $2 or day is null)",
        ),
        ("email is null", "email_key is null", "email_key is not null"),
        ("open = true", "open = $1", "open <> $1"),
        (
            "name contains abc",
            "(tenon.folded(name) like (select tenon.folded($1)))",
            "(tenon.folded(name) not like (select tenon.folded($1)))",
        ),
        (
            "tags any (a, b)",
            "exists (select from tenon.tags where tags.thing_id = things.id and tag = any($1))",
            "not exists (select from tenon.tags where tags.thing_id = things.id and tag = any($1))",
        ),
        (
            "tags none (a)",
            "not exists (select from tenon.tags where tags.thing_id = things.id and tag = any($1))",
            "exists (select from tenon.tags where tags.thing_id = things.id and tag = any($1))",
        ),
        (
            "tags all (a, b)",
            "(exists (select from tenon.tags where tags.thing_id = things.id and tag = any($1)) and exists (select from tenon.tags where tags.thing_id = things.id and tag = any($2)))",
            "(not exists (select from tenon.tags where tags.thing_id = things.id and tag = any($1)) or not exists (select from tenon.tags where tags.thing_id = things.id and tag = any($2)))",
        ),
        (
            "name = a and (email = b or not open = true)",
            "(name = $1 and (email_key = $2 or open <> $3))",
            "(name <> $1 or (email_key is distinct from $2 and open = $3))",
        ),
    ] {
        assert_eq!(compiled(filter).as_deref(), Ok(sql), "{filter}");
        assert_eq!(compiled(&format!("not ({filter})")).as_deref(), Ok(negated), "not {filter}");
        assert_eq!(compiled(&format!("not (not ({filter}))")).as_deref(), Ok(sql), "not not {filter}");
    }
}

#[test]
fn what_is_sent_is_bound() {
    let evil = "\"x' or 1=1; drop table tenon.contacts --\"";
    for operator in ["=", "!=", "<", "contains", "startsWith"] {
        let sql = compiled(&format!("name {operator} {evil}")).expect("a filter");
        assert!(!sql.contains("drop") && !sql.contains('\''), "{sql}");
    }
    assert!(compiled("nothing = 1").is_err_and(|says| says.contains("createdAt")));
}

#[test]
fn what_does_not_go_with_a_field_is_refused() {
    for (filter, says) in [
        ("id = x", "an id"),
        ("id < 0192f0c1-7b7a-7c3e-9d55-0a1b2c3d4e5f", "an order"),
        ("open > true", "an order"),
        ("open = perhaps", "true or false"),
        ("amount = 1.5", "a whole number"),
        ("price = 1.2345", "at most 3 digits"),
        ("price = 1e3", "a number"),
        ("price > cheap", "a number"),
        ("price = 99999999999999999999", "a number"),
        ("createdAt > yesterday", "an instant"),
        ("createdAt > 9999-01-01", "an instant"),
        ("day = 2026-02-30", "a day"),
        ("email contains a", "for texts: name"),
        ("name contains \"\"", "not empty"),
        ("name any (a)", "many values"),
        ("tags = a", "any, all or none"),
        ("tags is null", "any, all or none"),
    ] {
        let refused = compiled(filter).expect_err(filter);
        assert!(refused.contains(says), "{filter}: {refused}");
    }
}

#[test]
fn the_index_of_texts_is_asked_for_what_every_record_that_is_meant_has() {
    for (filter, asked) in [
        ("name contains abc", "search_things($1)"),
        ("name contains abc and name contains xyz and open = true", "search_things($1)"),
        (
            "name contains abc or name startsWith x",
            "search_things($1) union all select id from tenon.search_things($2)",
        ),
        ("email is null and (name contains abc or name contains xyz)", "union all"),
        ("name contains ab", ""),
        ("name contains abc or open = true", ""),
        ("not (name contains abc)", ""),
        ("name = abc", ""),
    ] {
        let placed = Placed::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error:?}"));
        let condition = Condition::of(&LIST, &placed).unwrap_or_else(|error| panic!("{filter}: {error:?}"));
        let mut statement = Statement::new("");
        let alternatives = compile::joint_alternatives(&LIST, &[condition]);
        if !alternatives.is_empty() {
            pattern::by_index(&LIST, &mut statement, alternatives);
        }
        let sql = statement.sql();
        assert!(sql.contains(asked) && sql.is_empty() == asked.is_empty(), "{filter}: {sql}");
    }
}

#[test]
fn numbers_with_a_fraction_are_exact() {
    for (text, thousandths) in [
        ("0", 0),
        ("12", 12_000),
        ("12.5", 12_500),
        ("0.001", 1),
        ("-1.25", -1_250),
        ("9999999999999.99", 9_999_999_999_999_990),
    ] {
        let values = Values::of(Kind::Thousandths, &[Value::Text(text.to_owned())]);
        assert_eq!(values, Ok(Values::Integer(vec![thousandths])), "{text}");
    }
    for wrong in ["", "-", ".", ".5", "5.", "1.2.3", "+1", "1,5", "--1", "1.-2", "٣"] {
        assert!(Values::of(Kind::Thousandths, &[Value::Text(wrong.to_owned())]).is_err(), "{wrong}");
    }
}
