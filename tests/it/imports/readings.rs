//! How files are read, and how that is told: numbers, days, names of columns, and the preview.

use serde_json::{Value, json};
use tenon_tests::stack::{Stack, text};

use super::{contacts, counts, ended, import, rows};

#[tokio::test]
async fn numbers_and_days_are_read_as_their_columns_tell() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let leads = "Deal name;Amount;Close date;Currency\n\
                 A;1.250,50 €;28/11/2026;EUR\n\
                 B;1.000;05/11/2026;EUR\n\
                 C;€ 5;;USD\n";
    let options = json!({"object": "leads", "defaults": {"status": "new"}});
    let leads = import(owner, options, leads).await;
    assert_eq!(counts(&leads), json!([2, 0, 0, 0, 1]), "{leads}");
    let columns = &leads["columns"];
    assert_eq!(
        (&columns[1]["decimalSign"], &columns[2]["dateFormat"]),
        (&json!("comma"), &json!("DD-MM-YYYY"))
    );
    let made: Vec<Value> = owner.get("/connection/leads?limit=10&sort=title").await.ok();
    let of =
        |lead: &Value| (lead["value"].clone(), lead["currency"].clone(), lead["expectedCloseDate"].clone());
    assert_eq!(of(&made[0]), (json!(1250.5), json!("EUR"), json!("2026-11-28")));
    assert_eq!(of(&made[1]), (json!(1000.0), json!("EUR"), json!("2026-11-05")));
    let failed = rows(owner, &leads, "failed").await;
    assert_eq!(
        (&failed[0]["errors"][0]["code"], &failed[0]["errors"][0]["value"]),
        (&json!("CURRENCY_MISMATCH"), &json!("€ 5"))
    );

    let companies = "Account Name,Employees\nAcme,\"1,000\"\n";
    let open = import(owner, json!({"object": "companies"}), companies).await;
    let failed = rows(owner, &open, "failed").await;
    let error = &failed[0]["errors"][0];
    assert!(error["code"] == "AMBIGUOUS_NUMBER" && text(error, "message").contains("decimalSign"), "{error}");
    let said = import(owner, json!({"object": "companies", "decimalSign": "point"}), companies).await;
    assert_eq!(counts(&said), json!([1, 0, 0, 0, 0]), "{said}");
    let made: Vec<Value> = owner.get("/connection/companies").await.ok();
    assert_eq!(made[0]["employees"], 1000);
}

#[tokio::test]
async fn a_file_that_is_refused_says_how_it_was_read() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let leads = || json!({"object": "leads", "defaults": {"status": "new", "currency": "EUR"}});
    let open = "Deal name;Amount;Close date;Shoes\nK\u{f6}ln;1,5;28/11/2026;x\n\"Open;1;;\n";
    let open: Vec<u8> = open.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
    let open = import(owner, leads(), open).await;
    assert_eq!((text(&open, "state"), text(&open, "failure")), ("failed", "OPEN_QUOTE"), "{open}");
    let reading = &open["reading"];
    assert_eq!(
        (&reading["format"], &reading["encoding"], &reading["delimiter"], &reading["ignored"]),
        (&json!("csv"), &json!("windows-1252"), &json!(";"), &json!([{"column": "Shoes", "values": 1}])),
        "{reading}"
    );
    let columns = &open["columns"];
    assert_eq!(
        (&columns[1]["decimalSign"], &columns[2]["dateFormat"]),
        (&json!("comma"), &json!("DD-MM-YYYY")),
        "{columns}"
    );

    let unmapped = import(owner, leads(), "{\"a\": 1, \"b\": 2}\n").await;
    assert_eq!(text(&unmapped, "failure"), "IMPORT_MAPPING_INVALID", "{unmapped}");
    let names: Vec<&str> =
        unmapped["columns"].as_array().expect("columns").iter().map(|column| text(column, "name")).collect();
    assert_eq!((&unmapped["reading"]["format"], names), (&json!("ndjson"), vec!["a", "b"]));
    let said = json!({"object": "contacts", "encoding": "utf-8"});
    let wrong = import(owner, said, b"name\nJ\xfcrgen\n").await;
    assert_eq!((text(&wrong, "failure"), &wrong["reading"]["encoding"]), ("WRONG_ENCODING", &json!("UTF-8")));
}

#[tokio::test]
async fn a_preview_says_how_a_file_was_read_and_it_is_imported_again_without_being_sent() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let file = "First Name,Last Name,Work email,Account Name,Shoe size\n\
                Ada,Lovelace,ADA@example.com,Acme,38\n\
                Grace,Hopper,grace@@example,,\n";
    let tried = import(owner, json!({"object": "contacts", "dryRun": true}), file).await;
    let path = format!("/imports/{}/preview", text(&tried, "id"));
    let preview: Value = owner.get(&path).await.ok();
    let fields: Vec<&Value> =
        preview["columns"].as_array().expect("columns").iter().map(|column| &column["field"]).collect();
    assert_eq!(json!(fields), json!(["firstName", "lastName", "email", "company", null]));
    assert_eq!(preview["reading"]["ignored"], json!([{"column": "Shoe size", "values": 1}]));
    let record = json!({"name": "Ada Lovelace", "email": "ADA@example.com", "company": "Acme"});
    let shown = &preview["rows"][0]["record"];
    for (field, value) in record.as_object().expect("fields") {
        assert_eq!(&shown[field], value, "{shown}");
    }
    let error = &preview["rows"][1]["errors"][0];
    assert_eq!((&error["column"], &error["code"]), (&json!("Work email"), &json!("INVALID_EMAIL")));
    assert_eq!(contacts(owner, "").await, Vec::<Value>::new());

    let options = json!({"object": "contacts", "mapping": {"Shoe size": "title"}});
    let again = json!({"options": options, "importId": tried["id"]});
    let sent: Value = owner.post("/imports", again.clone()).await.status(202).json()["data"].clone();
    let made = ended(owner, &sent).await;
    assert_eq!((counts(&made), &made["fileName"]), (json!([1, 0, 0, 0, 1]), &tried["fileName"]), "{made}");
    let found = contacts(owner, "").await;
    assert_eq!((text(&found[0], "name"), text(&found[0], "title")), ("Ada Lovelace", "38"));
    let both = json!({"options": {"object": "contacts"}, "importId": tried["id"], "rows": [{"name": "x"}]});
    owner.post("/imports", both).await.refused(400, "VALIDATION_ERROR");
    let mut unknown = again;
    unknown["importId"] = json!(uuid::Uuid::now_v7());
    owner.post("/imports", unknown).await.refused(404, "NOT_FOUND");
}

/// The codes of the rows that an import has refused, in their order.
async fn refused(owner: &tenon_tests::Client, import: &Value) -> Vec<String> {
    let rows = rows(owner, import, "failed").await;
    rows.iter().map(|row| text(&row["errors"][0], "code").to_owned()).collect()
}

#[tokio::test]
async fn what_a_cell_says_and_nobody_meant_is_refused_by_name() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let file = "External ID,Name,Company\n\
                X1,Ada,#N/A\n\
                External ID,Name,Company\n\
                \u{feff}X2\u{200b},Grace,N/A\n\
                X3,\u{200b},Acme\n";
    let table = import(owner, json!({"object": "contacts"}), file).await;
    assert_eq!(counts(&table), json!([1, 0, 0, 0, 3]), "{table}");
    assert_eq!(refused(owner, &table).await, ["CELL_ERROR", "REPEATED_HEADER", "REQUIRED"]);
    let made = contacts(owner, "").await;
    assert_eq!((text(&made[0], "externalId"), text(&made[0], "company")), ("X2", "N/A"));

    let lines = "{\"name\":{\"first\":\"Ada\"}}\n\
                 {\"name\":\"Ada\",\"name\":\"Grace\"}\n\
                 {\"name\":\"Ada\",\"externalId\":12345678901234567890123}\n\
                 {\"name\":\"Jean\",\"externalId\":12345678901234567890}\n";
    let lines = import(owner, json!({"object": "contacts"}), lines).await;
    assert_eq!(counts(&lines), json!([1, 0, 0, 0, 3]), "{lines}");
    assert_eq!(refused(owner, &lines).await, ["NESTED_VALUE", "MALFORMED_JSON", "INEXACT_NUMBER"]);
    let made = contacts(owner, "&filter=name%20%3D%20Jean").await;
    assert_eq!(text(&made[0], "externalId"), "12345678901234567890");
}

#[tokio::test]
async fn days_and_times_are_read_as_other_programs_write_them() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let leads = "Deal name,Status,Close date\n\
                 A,new,2026-11-28 14:30\n\
                 B,new,2026-11-28T00:00:00Z\n\
                 C,new,2026-11-28T23:00:00Z\n";
    let leads = import(owner, json!({"object": "leads"}), leads).await;
    assert_eq!(refused(owner, &leads).await, ["INVALID_DATE"]);
    let made: Vec<Value> = owner.get("/connection/leads?limit=10&sort=title").await.ok();
    assert!(made.iter().all(|lead| lead["expectedCloseDate"] == "2026-11-28") && made.len() == 2, "{made:?}");

    let activities = "kind,subject,Date\n\
                      note,A,\"11/28/2026, 2:30 PM\"\n\
                      note,B,11/28/2026 12:30 AM\n\
                      note,C,2026-11-28T10:00:00+0200\n\
                      note,D,11/28/2026 10:00-12:00\n";
    let activities = import(owner, json!({"object": "activities"}), activities).await;
    assert_eq!(refused(owner, &activities).await, ["INVALID_TIME"]);
    let mut made: Vec<Value> = owner.get("/connection/activities?limit=10").await.ok();
    made.sort_by_key(|activity| text(activity, "subject").to_owned());
    let times: Vec<&str> = made.iter().map(|activity| text(activity, "occurredAt")).collect();
    assert_eq!(times, ["2026-11-28T14:30:00.000Z", "2026-11-28T00:30:00.000Z", "2026-11-28T08:00:00.000Z"]);
}

#[tokio::test]
async fn defaults_that_cannot_be_read_are_refused_at_once() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let defaults = json!({"status": "newish", "value": "1.250", "expectedCloseDate": "28.11.2026"});
    let body = json!({"options": {"object": "leads", "defaults": defaults}, "rows": [{"title": "Deal"}]});
    let refused = owner.post("/imports", body).await.refused(400, "VALIDATION_ERROR").json();
    let codes: Vec<(&str, &str)> = refused["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|error| (text(error, "pointer"), text(error, "code")))
        .collect();
    let named = |field: &str| format!("/options/defaults/{field}");
    assert_eq!(
        codes,
        [
            (named("expectedCloseDate").as_str(), "INVALID_DATE"),
            (named("status").as_str(), "INVALID_VALUE"),
            (named("value").as_str(), "AMBIGUOUS_NUMBER"),
        ]
    );
}
