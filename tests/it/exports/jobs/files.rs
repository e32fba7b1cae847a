//! What is in the files: what the list has.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use serde_json::{Value, json};
use tenon_tests::{Client, factory};

use super::{Setting, exported, path, stands};
use crate::conventions::ALL;
use crate::exports::files::AWKWARD;
use crate::exports::{CONTACTS, export, fill, listed, told};

/// The sheet of a workbook.
fn sheet(bytes: Vec<u8>, name: &str) -> Vec<Vec<Data>> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("a workbook");
    assert_eq!(workbook.sheet_names(), [name]);
    let formulas = workbook.worksheet_formula(name).expect("a sheet");
    assert!(formulas.rows().flatten().all(String::is_empty), "there is no formula");
    workbook.worksheet_range(name).expect("a sheet").rows().map(<[Data]>::to_vec).collect()
}

/// What a cell says, as JSON; a date as it is written on the wire.
fn said(cell: &Data) -> Value {
    match cell {
        Data::Empty => Value::Null,
        Data::Float(number) => json!(number),
        Data::Bool(value) => json!(value),
        Data::String(text) => json!(text),
        Data::DateTime(at) => {
            let (year, month, day, hour, minute, second, milli) = at.to_ymd_hms_milli();
            match (hour, minute, second, milli) {
                (0, 0, 0, 0) => json!(format!("{year:04}-{month:02}-{day:02}")),
                _ => json!(format!(
                    "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z"
                )),
            }
        }
        other => panic!("{other:?}"),
    }
}

/// What a cell is to say of a member.
fn expected(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(_) | Value::Object(_) => json!(value.to_string()),
        other => other.clone(),
    }
}

async fn same_rows(client: &Client, name: &str, listed: &[String]) {
    let (export, bytes) = exported(client, json!({"object": name, "format": "xlsx", "raw": true})).await;
    let rows = sheet(bytes, name);
    assert_eq!((export["rows"].as_u64(), rows.len()), (Some(listed.len() as u64), listed.len() + 1));
    let names: Vec<Value> = rows[0].iter().map(said).collect();
    for (row, record) in rows[1..].iter().zip(listed) {
        let record: Value = serde_json::from_str(record).expect("JSON");
        let members = record.as_object().expect("a record");
        assert_eq!(names, members.keys().map(|name| json!(name)).collect::<Vec<_>>());
        assert_eq!(
            row.iter().map(said).collect::<Vec<_>>(),
            members.values().map(expected).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn every_kind_of_record_is_written_as_its_list_shows_it() {
    let setting = Setting::start().await;
    let admin = &setting.admin;
    let contact: Value = admin.post(CONTACTS, factory::contact(0)).await.created();
    for of in ALL.into_iter().filter(|of| of.records != "pipelines") {
        for number in 1..4 {
            let mut body = (of.body)(number);
            if of.records == "activities" {
                body["links"] = json!([{"type": "contact", "id": contact["id"]}]);
                body["body"] = json!("=1\n\"two\", three\r\n\tfour");
            }
            if of.records == "leads" {
                body["expectedCloseDate"] = json!("2026-02-28");
            }
            admin.post(&of.path(), body).await.status(201);
        }
        let listed = listed(admin, &of.path(), &[]).await;
        for format in ["csv", "ndjson"] {
            let (_, file) = exported(admin, json!({"object": of.records, "format": format})).await;
            let streamed = export(admin, &of.path(), &[("format", format)]).await.status(200);
            assert_eq!(String::from_utf8_lossy(&file), streamed.text(), "{of:?} {format}");
        }
        same_rows(admin, of.records, &listed).await;
    }
}

#[tokio::test]
async fn awkward_texts_are_texts_in_a_workbook() {
    let setting = Setting::start().await;
    let admin = &setting.admin;
    let item =
        |number: usize| json!({"name": AWKWARD[number], "title": format!("{} _x0041_ <&>", AWKWARD[number])});
    let items: Vec<Value> = (0..AWKWARD.len()).map(item).collect();
    admin.post(&format!("{CONTACTS}/batch/create"), json!({"items": items})).await.status(200);
    let asked = json!({"object": "contacts", "format": "xlsx", "fields": ["title", "name"], "sort": ["createdAt"], "raw": true});
    let (_, bytes) = exported(admin, asked).await;
    let rows = sheet(bytes, "contacts");
    assert_eq!(rows[0].iter().map(said).collect::<Vec<_>>(), [json!("name"), json!("title")]);
    let listed = listed(admin, CONTACTS, &[("sort", "createdAt")]).await;
    assert_eq!(rows.len(), listed.len() + 1);
    for (row, record) in rows[1..].iter().zip(&listed) {
        let record: Value = serde_json::from_str(record).expect("JSON");
        assert_eq!(
            row.iter().map(said).collect::<Vec<_>>(),
            [record["name"].clone(), record["title"].clone()]
        );
    }
    // For an import, which takes one apostrophe off.
    let (_, bytes) = exported(
        admin,
        json!({"object": "contacts", "format": "xlsx", "filter": "name = \"'=1+1\"", "fields": ["name"]}),
    )
    .await;
    assert_eq!(said(&sheet(bytes, "contacts")[1][0]), "''=1+1");
}

#[tokio::test]
async fn what_was_asked_for_is_in_the_file_and_told() {
    let setting = Setting::start().await;
    let admin = setting.admin.with_header("x-request-id", "asked-once");
    fill(&mut setting.app.connect().await, setting.acme.id.0, 12_000).await;
    let asked = json!({
        "object": "contacts", "format": "csv", "filter": "title = \"Veteran\" and company != \"Company 3\"", "q": "example",
        "sort": ["-name"], "fields": ["id", "name"], "bom": true,
    });
    let (exported, file) = exported(&admin, asked).await;
    let parameters = [
        ("filter", "title = \"Veteran\" and company != \"Company 3\""),
        ("q", "example"),
        ("sort", "-name"),
        ("fields", "id,name"),
        ("bom", "true"),
    ];
    let streamed = export(&admin, CONTACTS, &parameters).await.status(200);
    assert!(file == streamed.body, "{} and {} bytes", file.len(), streamed.body.len());
    let rows = streamed.text().lines().count() - 1;
    assert!(rows > 3000 && exported["rows"] == json!(rows), "{exported}");
    let known: Value = admin.get(&path(&exported)).await.ok();
    assert_eq!(known["filter"], "title = \"Veteran\" and company != \"Company 3\"");
    assert_eq!(
        (&known["bom"], &known["raw"], &known["deleted"]),
        (&json!(true), &json!(false), &Value::Null)
    );
    assert!(known["startedAt"].as_str() <= known["finishedAt"].as_str());
    assert!(known["finishedAt"].as_str() < known["expiresAt"].as_str());

    let mut connection = setting.app.connect().await;
    let events = told(&mut connection).await;
    assert_eq!((events[0]["type"].as_str(), events.len()), (Some("export.completed"), 2), "{events:?}");
    assert_eq!(events[0]["object"]["id"], exported["id"]);
    assert_eq!(events[0]["actor"], exported["createdBy"]);
    let data = &events[0]["data"];
    assert_eq!((&data["rows"], &data["bytes"]), (&exported["rows"], &exported["bytes"]));
    assert_eq!((&data["filter"], &data["aborted"]), (&exported["filter"], &Value::Null));
    let context: String = sqlx::query_scalar(
        "select context from tenon.events where type = 'export.completed' order by id limit 1",
    )
    .fetch_one(&mut connection)
    .await
    .expect("its context");
    assert!(context.contains("asked-once"), "{context}");
}

#[tokio::test]
async fn a_file_says_what_it_is() {
    let setting = Setting::start().await;
    let admin = &setting.admin;
    factory::contacts(admin, 2).await;
    for (format, content_type) in [
        ("csv", "text/csv; charset=utf-8; header=present"),
        ("ndjson", "application/x-ndjson"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ] {
        let export = super::ask(admin, json!({"object": "contacts", "format": format})).await;
        let export = stands(admin, &export, "succeeded").await;
        let answer = admin.get(&format!("{}/download", path(&export))).await.status(200);
        assert_eq!(answer.header("content-type"), content_type);
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        let name = answer.header("content-disposition");
        assert!(
            name.starts_with("attachment; filename=\"contacts-20") && name.ends_with(&format!(".{format}\"")),
            "{name}"
        );
    }
    let (_, file) = exported(admin, json!({"object": "leads", "format": "ndjson"})).await;
    assert_eq!(file, b"");
    let (_, file) = exported(admin, json!({"object": "leads", "format": "xlsx"})).await;
    assert_eq!(sheet(file, "leads").len(), 1, "names without rows");
}
