//! What goes out and comes in again: exports that are imported change nothing, in every form and of every kind of record.

mod records;

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::eventually::within;
use tenon_tests::stack::{Stack, text};
use tenon_tests::{Client, factory};

use crate::imports::{counts, import, rows};
use records::{Linkable, Values};

/// How long an export may take: tests that run beside it fill the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Records of each kind: enough for texts of all sorts, and few enough for every run. `TENON_ROUND_TRIPS` asks for another number.
fn number_of_records() -> usize {
    std::env::var("TENON_ROUND_TRIPS").ok().and_then(|number| number.parse().ok()).unwrap_or(200)
}

/// Creates records, none of which is refused.
async fn create(client: &Client, object: &str, items: Vec<Value>) -> Vec<Value> {
    let mut made = Vec::new();
    for items in items.chunks(50) {
        let answer =
            client.post(&format!("/connection/{object}/batch/create"), json!({"items": items})).await;
        let results = answer.status(200).json();
        for (result, item) in results["data"]["results"].as_array().expect("results").iter().zip(items) {
            assert_eq!(result["status"], 201, "{item}: {result}");
            made.push(json!({"id": result["id"]}));
        }
    }
    made
}

async fn streamed(client: &Client, object: &str, format: &str) -> Vec<u8> {
    let path = format!("/connection/{object}/export?format={format}&sort=createdAt,id");
    client.get(&path).await.status(200).body.to_vec()
}

async fn workbook(client: &Client, object: &str) -> Vec<u8> {
    let asked = client.post("/exports", json!({"object": object, "format": "xlsx"})).await.status(202);
    let path = format!("/exports/{}", text(&asked.json()["data"], "id"));
    within(PATIENCE, "the export has ended", async || {
        let now: Value = client.get(&path).await.ok();
        if now["state"] == "succeeded" { Ok(()) } else { Err(now.to_string()) }
    })
    .await;
    client.get(&format!("{path}/download")).await.status(200).body.to_vec()
}

async fn exported(client: &Client, object: &str, format: &str) -> Vec<u8> {
    match format {
        "xlsx" => workbook(client, object).await,
        _ => streamed(client, object, format).await,
    }
}

/// Exports and imports, and holds what is there against what was.
async fn goes_round(client: &Client, object: &str, number: usize) {
    let before = streamed(client, object, "ndjson").await;
    for format in ["csv", "ndjson", "xlsx"] {
        let file = exported(client, object, format).await;
        let imported = import(client, json!({"object": object, "mode": "upsert"}), &file).await;
        if counts(&imported) != json!([0, 0, number, 0, 0]) {
            let failed = rows(client, &imported, "failed").await;
            let updated = rows(client, &imported, "updated").await;
            panic!("{object} {format}: {imported}\n{failed:?}\n{updated:?}");
        }
        assert!(streamed(client, object, "ndjson").await == before, "{object} {format} changed something");
        if format == "csv" {
            assert!(exported(client, object, format).await == file, "{object} is exported in another way");
        }
    }
}

#[tokio::test]
async fn what_was_exported_changes_nothing_when_it_is_imported() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let number = number_of_records();
    let mut values = Values::new();
    let mut linkable = Linkable::default();
    for (object, kind) in [("contacts", "contact"), ("companies", "company"), ("leads", "lead")] {
        let made = create(owner, object, values.records(object, number, &linkable)).await;
        linkable.add(kind, &made);
        goes_round(owner, object, number).await;
    }
    create(owner, "activities", values.records("activities", number, &linkable)).await;
    goes_round(owner, "activities", number).await;
}

#[tokio::test]
async fn amounts_of_three_decimals_come_back_and_those_of_a_file_from_elsewhere_are_asked_about() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let lead =
        |title: &str, value: f64| json!({"title": title, "status": "new", "value": value, "currency": "KWD"});
    let made = create(owner, "leads", vec![lead("A", 1.234), lead("B", 12.345), lead("C", 7.0)]).await;
    goes_round(owner, "leads", made.len()).await;
    let some = "/connection/leads/export?format=csv&fields=id,value";
    let file = owner.get(some).await.status(200).body.to_vec();
    let imported = import(owner, json!({"object": "leads", "mode": "upsert"}), &file).await;
    assert_eq!(counts(&imported), json!([0, 0, 3, 0, 0]), "{imported}");

    // Of a currency with two decimals no export writes such an amount; and these are not written as exports write theirs.
    for (file, code) in [
        ("title,status,value,currency\nD,new,1.234,EUR\n", "TOO_PRECISE"),
        ("title,status,value,currency\nD,new,1.250,KWD\n", "AMBIGUOUS_NUMBER"),
        ("title,status,value,currency\nD,new,\"1,234\",KWD\n", "AMBIGUOUS_NUMBER"),
        ("Title,Status,Value,Currency\nD,new,1.234,KWD\n", "AMBIGUOUS_NUMBER"),
        ("title;status;value;currency\nD;new;1.234;KWD\n", "AMBIGUOUS_NUMBER"),
    ] {
        let imported = import(owner, json!({"object": "leads"}), file).await;
        let failed = rows(owner, &imported, "failed").await;
        assert_eq!(failed[0]["errors"][0]["code"], code, "{file}: {failed:?}");
    }
}

#[tokio::test]
async fn contacts_of_one_tenant_are_the_same_in_another() {
    let stack = Stack::start().await;
    let globex = Stack::tenant(&stack.database, "Globex").await;
    let globex = Client::new(&format!("{}/api/v1", stack.api.url())).with_bearer(text(&globex, "apiKey"));
    let mut values = Values::new();
    create(&stack.owner, "contacts", values.records("contacts", 50, &Linkable::default())).await;
    let file = streamed(&stack.owner, "contacts", "csv").await;
    let imported = import(&globex, json!({"object": "contacts", "mode": "upsert"}), &file).await;
    let ids_of_nobody = imported["failed"].as_i64().expect("a number");
    assert_eq!(counts(&imported), json!([50 - ids_of_nobody, 0, 0, 0, ids_of_nobody]));
    assert!((1..50).contains(&ids_of_nobody), "those without another key alone: {imported}");
    let imported = import(
        &globex,
        json!({"object": "contacts"}),
        "name,phone,phoneOriginal\nA,+4930901820,030 901820\n",
    )
    .await;
    assert_eq!(counts(&imported), json!([1, 0, 0, 0, 0]), "{imported}");
    let said = |contact: &Value| {
        let fields =
            ["externalId", "name", "email", "phone", "phoneOriginal", "company", "title", "lifecycle"];
        fields.map(|field| contact[field].clone())
    };
    let all = async |client: &Client| {
        let lines = streamed(client, "contacts", "ndjson").await;
        let lines = String::from_utf8(lines).expect("UTF-8");
        lines.lines().map(|line| said(&serde_json::from_str(line).expect("JSON"))).collect::<Vec<_>>()
    };
    let (here, there) = (all(&stack.owner).await, all(&globex).await);
    for contact in there {
        assert!(contact[4] == "030 901820" || here.contains(&contact), "{contact:?}");
    }
}

#[tokio::test]
async fn a_row_whose_id_is_nobodys_is_refused_unless_it_has_another_key() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let ada: Value = owner.post("/connection/contacts", factory::contact(1)).await.created();
    let nobody = uuid::Uuid::now_v7();
    let file = format!(
        "id,name,externalId\n{},Ada,\n{nobody},Grace,\n{nobody},Alan,crm-9\n17,Emmy,\n,Kurt,\n",
        factory::id(&ada)
    );
    let imported = import(owner, json!({"object": "contacts", "mode": "upsert"}), &file).await;
    assert_eq!(counts(&imported), json!([2, 1, 0, 0, 2]), "{imported}");
    let failed = rows(owner, &imported, "failed").await;
    let told = |row: usize| {
        (
            failed[row]["row"].clone(),
            failed[row]["errors"][0]["code"].clone(),
            failed[row]["errors"][0]["column"].clone(),
        )
    };
    assert_eq!(told(0), (json!(2), json!("NOT_FOUND"), json!("id")));
    assert_eq!(told(1), (json!(4), json!("INVALID_ID"), json!("id")));
    let refused = owner
        .upload(
            "/imports",
            &json!({"object": "leads", "mode": "upsert"}),
            "leads.csv",
            b"title,status\nDeal,new\n",
        )
        .await;
    refused.refused(422, "IMPORT_MAPPING_INVALID");
}

#[tokio::test]
async fn links_to_what_was_deleted_are_named_and_none_is_lost_in_silence() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let contacts = factory::contacts(owner, 2).await;
    for contact in &contacts {
        let links = json!([{"type": "contact", "id": contact["id"]}]);
        let call = json!({"kind": "call", "subject": "Asked", "links": links});
        owner.post("/connection/activities", call).await.created::<Value>();
    }
    let file = streamed(owner, "activities", "csv").await;
    owner.delete(&format!("/connection/contacts/{}", factory::id(&contacts[0]))).await.no_content();
    let imported = import(owner, json!({"object": "activities", "mode": "upsert"}), &file).await;
    assert_eq!(counts(&imported), json!([0, 0, 1, 0, 1]), "{imported}");
    let failed = rows(owner, &imported, "failed").await;
    let error = &failed[0]["errors"][0];
    assert_eq!((&error["code"], &error["column"]), (&json!("UNKNOWN_RECORD"), &json!("links")), "{error}");
}

#[tokio::test]
async fn a_dry_run_tells_texts_apart_as_the_real_one_does() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let between: String = (0..4_999).map(|number| format!("crm-{number},Name\n")).collect();
    let file = format!("externalId,name\n\u{c9},Ada\n{between}E\u{301},Grace\n");
    let tried = import(owner, json!({"object": "contacts", "dryRun": true}), &file).await;
    let made = import(owner, json!({"object": "contacts"}), &file).await;
    assert_eq!(counts(&made), json!([5_000, 0, 0, 0, 1]), "{made}");
    assert_eq!(counts(&tried), counts(&made), "{tried}");
}

#[tokio::test]
async fn a_dry_run_says_of_rows_what_the_real_one_does_however_far_apart_they_mean_one_record() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let ada = json!({"name": "Ada", "externalId": "A", "email": "ada@example.com"});
    owner.post("/connection/contacts", ada).await.status(201);
    let between: String = (0..4_998).map(|number| format!("crm-{number},Name,,\n")).collect();
    // The second chunk begins with row 5,001.
    let file = format!(
        "externalId,name,email,title\n\
         A,Ada,countess@example.com,Countess\nB,Bob,bob@example.com,\n{between}\
         A,Ada,countess@example.com,Countess\n\
         B,Bob,bob@example.com,Clerk\n\
         B,Bob,bob@example.com,Clerk\n\
         C,Cy,ada@example.com,\n\
         D,Di,bob@example.com,\n\
         ,Ada King,COUNTESS@example.com,\n\
         crm-7,Name,,\n"
    );
    let options = |dry: bool| json!({"object": "contacts", "mode": "upsert", "dryRun": dry});
    let tried = import(owner, options(true), &file).await;
    let made = import(owner, options(false), &file).await;
    assert_eq!(counts(&made), json!([5_000, 3, 3, 0, 1]), "{made}");
    assert_eq!(counts(&tried), counts(&made), "{tried}");
    for (outcome, numbers) in [
        ("updated", vec![1, 5_002, 5_006]),
        ("unchanged", vec![5_001, 5_003, 5_007]),
        ("failed", vec![5_005]),
    ] {
        for import in [&made, &tried] {
            let found: Vec<i64> = rows(owner, import, outcome)
                .await
                .iter()
                .map(|row| row["row"].as_i64().expect("a number"))
                .collect();
            assert_eq!(found, numbers, "{outcome}");
        }
    }
    let refused = rows(owner, &tried, "failed").await;
    assert_eq!(
        (&refused[0]["errors"][0]["code"], &refused[0]["id"]),
        (&json!("DUPLICATE"), &Value::Null),
        "the record that is in the way would be new"
    );
}
