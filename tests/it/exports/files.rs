//! What is written: rows out equal rows in.

use serde_json::{Value, json};
use tenon_common::formula;
use tenon_tests::{Person, factory};

use super::{CONTACTS, export, lines, listed, start, table};
use crate::conventions::ALL;

/// Texts that break what is not written with care.
pub(super) const AWKWARD: [&str; 24] = [
    "Ada \"the Countess\" Lovelace",
    "a,b;c|d",
    "=HYPERLINK(\"http://example.com\",\"click\")",
    "+A1+B1",
    "-2+3",
    "@SUM(A1:A9)",
    "'=1+1",
    "''=1+1",
    "' =1+1",
    "\"=1+1\"",
    "\u{feff}=1+1",
    "＝1+1",
    "'tis",
    "\"",
    "\"\"",
    ",",
    "Zoë Ωμέγα 中文 😀 e\u{301}",
    "\u{202e}reversed",
    "\\N",
    "\\\"",
    "NULL",
    "null",
    "1e5",
    "007",
];

/// A member of a record as a cell has it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number
            .as_f64()
            .filter(|_| number.is_f64())
            .map_or(number.to_string(), |number| number.to_string()),
        other => other.to_string(),
    }
}

async fn create(admin: &Person, number: usize) {
    let text = |step: usize| AWKWARD[(number + step) % AWKWARD.len()];
    let items: Vec<Value> = (0..500)
        .map(|item| {
            let number = number * 500 + item;
            json!({
                "name": AWKWARD[item % AWKWARD.len()],
                "externalId": format!("{}{number}", text(item)),
                "company": text(item + 1),
                "title": if item % 3 == 0 { Value::Null } else { json!(text(item + 2)) },
                "phone": if item % 2 == 0 { Value::Null } else { json!(format!("+49 151 {number:07}")) },
            })
        })
        .collect();
    admin.post(&format!("{CONTACTS}/batch/create"), json!({"items": items})).await.status(200);
}

#[tokio::test]
async fn thousands_of_awkward_rows_come_out_as_they_went_in() {
    let (_app, _, admin) = start().await;
    for number in 0..7 {
        create(&admin, number).await;
    }
    let listed = listed(&admin, CONTACTS, &[]).await;
    assert_eq!(listed.len(), 3500);
    assert_eq!(lines(&admin, CONTACTS, &[]).await, listed);
    let records: Vec<Value> =
        listed.iter().map(|record| serde_json::from_str(record).expect("JSON")).collect();
    let members: Vec<&String> = records[0].as_object().expect("a record").keys().collect();
    let whole =
        |record: &Value| members.iter().map(|member| cell(&record[member.as_str()])).collect::<Vec<_>>();
    let expected: Vec<Vec<String>> = records.iter().map(whole).collect();

    let (names, rows) = table(&admin, CONTACTS, &[("raw", "true")]).await;
    assert_eq!(names.iter().collect::<Vec<_>>(), members);
    assert_eq!(rows, expected);

    let (_, guarded) = table(&admin, CONTACTS, &[]).await;
    let mut differ = 0;
    for (guarded, expected) in guarded.iter().flatten().zip(expected.iter().flatten()) {
        assert_eq!(formula::bare(guarded), expected);
        let begins = guarded.trim_start_matches(['"', '\u{feff}', ' ']).chars().next();
        let is_number = guarded.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b' '));
        assert!(is_number || !begins.is_some_and(|sign| "=+-@＝\t\r\n".contains(sign)), "{guarded:?}");
        differ += usize::from(guarded != expected);
    }
    assert!(differ > 3500, "{differ} cells are guarded");
}

#[tokio::test]
async fn every_kind_of_record_is_written_as_its_list_shows_it() {
    let (_app, _, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(0)).await.created();
    for of in ALL {
        for number in 1..4 {
            let mut body = (of.body)(number);
            if of.records == "activities" {
                body["links"] = json!([{"type": "contact", "id": contact["id"]}]);
                body["body"] = json!("=1\n\"two\", three\r\n\tfour");
            }
            admin.post(&of.path(), body).await.status(201);
        }
        let listed = listed(&admin, &of.path(), &[]).await;
        assert_eq!(lines(&admin, &of.path(), &[]).await, listed, "{of:?}");
        let (names, rows) = table(&admin, &of.path(), &[("raw", "true")]).await;
        for (row, record) in rows.iter().zip(&listed) {
            let record: Value = serde_json::from_str(record).expect("JSON");
            let members = record.as_object().expect("a record");
            assert_eq!(names.iter().collect::<Vec<_>>(), members.keys().collect::<Vec<_>>(), "{of:?}");
            assert_eq!(*row, members.values().map(cell).collect::<Vec<_>>(), "{of:?}");
        }
        assert_eq!(rows.len(), listed.len(), "{of:?}");
    }
}

#[tokio::test]
async fn some_members_can_be_asked_for() {
    let (_app, _, admin) = start().await;
    factory::contacts(&admin, 3).await;
    admin.post(CONTACTS, json!({"name": "Nobody"})).await.status(201);
    let cut = [("fields", "email,name"), ("sort", "name")];
    assert_eq!(lines(&admin, CONTACTS, &cut).await, listed(&admin, CONTACTS, &cut).await);
    let (names, rows) = table(&admin, CONTACTS, &cut).await;
    assert_eq!((names, rows.len()), (vec!["name".to_owned(), "email".to_owned()], 4));
    assert_eq!(rows[3], ["Nobody", ""]);
    // A row of nothing is a row all the same.
    let (names, rows) = table(&admin, CONTACTS, &[("fields", "email")]).await;
    assert_eq!((names, rows.len()), (vec!["email".to_owned()], 4));
    assert_eq!(rows[0], [""]);
}

#[tokio::test]
async fn the_form_is_the_one_that_was_asked_for() {
    let (_app, _, admin) = start().await;
    factory::contacts(&admin, 1).await;
    let asked = async |accept: &str, parameters: &[(&str, &str)]| {
        let answer = export(&admin.with_header("accept", accept), CONTACTS, parameters).await.status(200);
        let header = |name: &str| answer.headers[name].to_str().expect("a text").to_owned();
        assert_eq!(
            (header("cache-control"), header("transfer-encoding")),
            ("no-store".to_owned(), "chunked".to_owned())
        );
        let name = header("content-disposition");
        let ending = name.trim_end_matches('"').rsplit('.').next().unwrap_or_default();
        assert!(name.starts_with("attachment; filename=\"contacts-20"), "{name}");
        (header("content-type"), ending.to_owned(), answer.text())
    };
    let csv = ("text/csv; charset=utf-8; header=present", "csv");
    let ndjson = ("application/x-ndjson", "ndjson");
    for (accept, parameters, (content_type, ending)) in [
        ("*/*", vec![], csv),
        ("application/json", vec![], csv),
        ("text/csv", vec![], csv),
        ("application/x-ndjson", vec![], ndjson),
        ("text/html, application/x-ndjson;q=0.9, text/csv", vec![], ndjson),
        ("text/csv", vec![("format", "ndjson")], ndjson),
        ("application/x-ndjson", vec![("format", "csv")], csv),
    ] {
        let (found, name, text) = asked(accept, &parameters).await;
        assert_eq!((found.as_str(), name.as_str()), (content_type, ending), "{accept} {parameters:?}");
        assert!(text.starts_with(if ending == "csv" { "id,tenantId," } else { "{\"id\":" }), "{text}");
        assert!(text.ends_with(if ending == "csv" { "\r\n" } else { "}\n" }), "{text}");
    }
    let (_, _, text) = asked("*/*", &[("bom", "true")]).await;
    assert!(text.starts_with("\u{feff}id,"), "{text}");
    let (_, _, text) = asked("*/*", &[("name", "nobody")]).await;
    assert_eq!(text.lines().count(), 1, "names without rows: {text}");
    let (_, _, text) = asked("*/*", &[("name", "nobody"), ("format", "ndjson")]).await;
    assert_eq!(text, "");
}

#[tokio::test]
async fn what_an_export_does_not_know_is_named() {
    let (app, _, admin) = start().await;
    for (parameter, value, code, field) in [
        ("format", "pdf", "VALIDATION_ERROR", "format"),
        ("bom", "perhaps", "VALIDATION_ERROR", "bom"),
        ("raw", "1", "VALIDATION_ERROR", "raw"),
        ("page", "1", "VALIDATION_ERROR", "page"),
        ("pageSize", "1", "VALIDATION_ERROR", "pageSize"),
        ("limit", "1", "VALIDATION_ERROR", "limit"),
        ("cursor", "x", "VALIDATION_ERROR", "cursor"),
        ("count", "exact", "VALIDATION_ERROR", "count"),
        ("include", "company", "VALIDATION_ERROR", "include"),
        ("colour", "red", "VALIDATION_ERROR", "colour"),
        ("filter", "colour = red", "INVALID_FILTER", "filter"),
        ("sort", "colour", "INVALID_SORT", "sort"),
        ("fields", "colour", "VALIDATION_ERROR", "fields"),
        ("deleted", "maybe", "VALIDATION_ERROR", "deleted"),
    ] {
        let refused = export(&admin, CONTACTS, &[(parameter, value)]).await.refused(400, code).json();
        assert!(refused["details"][field].is_string(), "{parameter}: {refused}");
    }
    export(&app.anonymous(), CONTACTS, &[]).await.refused(401, "UNAUTHENTICATED");
    assert_eq!(super::told(&mut app.connect().await).await, [Value::Null; 0]);
}
