//! Imports: from a file to its records, through the real binaries.

mod files;
mod gauge;
mod kills;
mod lifecycle;
mod outcomes;
mod readings;
mod reverts;
mod uploads;

use std::time::Duration;

use serde_json::{Value, json};
use tenon_tests::Client;
use tenon_tests::eventually::within;
use tenon_tests::stack::{Stack, text};

/// How long an import may take: tests that run beside it fill the machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Sends a file; the import as it was accepted.
async fn send(client: &Client, options: Value, file: impl AsRef<[u8]>) -> Value {
    let answer = client.upload("/imports", &options, "contacts.csv", file.as_ref()).await.status(202);
    let import = answer.json()["data"].clone();
    assert_eq!(answer.header("location"), format!("/api/v1/imports/{}", text(&import, "id")));
    import
}

/// Sends a file and waits for its end.
pub(crate) async fn import(client: &Client, options: Value, file: impl AsRef<[u8]>) -> Value {
    let sent = send(client, options, file).await;
    ended(client, &sent).await
}

/// The import once no worker has anything to do for it.
async fn ended(client: &Client, import: &Value) -> Value {
    let path = format!("/imports/{}", text(import, "id"));
    within(PATIENCE, "the import has ended", async || {
        let now: Value = client.get(&path).await.ok();
        let state = text(&now, "state").to_owned();
        let tried = state == "ready" && now["dryRun"] == true && !now["finishedAt"].is_null();
        match tried || !["validating", "ready", "running", "reverting"].contains(&state.as_str()) {
            true => Ok(now),
            false => Err(now.to_string()),
        }
    })
    .await
}

/// The rows of an import with an outcome.
pub(crate) async fn rows(client: &Client, import: &Value, outcome: &str) -> Vec<Value> {
    client.get(&format!("/imports/{}/rows?outcome={outcome}&limit=200", text(import, "id"))).await.ok()
}

/// Counts, in short.
pub(crate) fn counts(import: &Value) -> Value {
    let all = ["created", "updated", "unchanged", "skipped", "failed"];
    Value::Array(all.map(|count| import[count].clone()).to_vec())
}

/// All contacts by the name that is asked for.
async fn contacts(client: &Client, query: &str) -> Vec<Value> {
    client.get(&format!("/connection/contacts?limit=200&sort=name{query}")).await.ok()
}

#[tokio::test]
async fn a_file_becomes_contacts_and_bad_rows_are_named() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let file = "Full name,E-Mail,Phone,Shoe size\n\
                Ada Lovelace,ada@example.com,+1 415 555 0100,38\n\
                ,nobody@example.com,,\n\
                Grace Hopper,grace@@example,12,\n\
                Jean Bartik,jean@example.com,,40\n\
                Too,many,,,cells\n\
                Ada Again,ADA@example.com,,\n";
    let sent = send(owner, json!({"object": "contacts"}), file).await;
    assert_eq!((text(&sent, "state"), text(&sent, "fileName")), ("validating", "contacts.csv"));
    assert_eq!(
        sent["columns"][1],
        json!({"name": "E-Mail", "field": "email", "guessed": true, "decimalSign": null, "dateFormat": null})
    );
    assert_eq!(sent["columns"][3]["field"], Value::Null);

    let import = ended(owner, &sent).await;
    assert_eq!((text(&import, "state"), counts(&import)), ("partial", json!([2, 0, 0, 0, 4])));
    assert_eq!((import["total"].as_i64(), import["processed"].as_i64()), (Some(6), Some(6)));
    let made = contacts(owner, "").await;
    assert_eq!(
        made.iter().map(|contact| text(contact, "name")).collect::<Vec<_>>(),
        ["Ada Lovelace", "Jean Bartik"]
    );
    assert_eq!(made[0]["createdBy"], json!({"type": "import", "id": import["id"]}));
    assert_eq!(made[0]["phone"], "+14155550100");

    let failed = rows(owner, &import, "failed").await;
    let errors = |row: &Value| {
        let all = row["errors"].as_array().expect("errors").iter();
        all.map(|error| format!("{} {}", error["field"].as_str().unwrap_or("-"), text(error, "code")))
            .collect::<Vec<_>>()
    };
    let named: Vec<_> =
        failed.iter().map(|row| (row["row"].as_i64().expect("a number"), errors(row))).collect();
    assert_eq!(
        named,
        [
            (2, vec!["name REQUIRED".to_owned()]),
            (3, vec!["email INVALID_EMAIL".to_owned(), "phone INVALID_PHONE".to_owned()]),
            (5, vec!["- WRONG_CELL_COUNT".to_owned()]),
            (6, vec!["email DUPLICATE".to_owned()]),
        ]
    );
    assert_eq!(failed[1]["errors"][0]["value"], "grace@@example");
    assert_eq!(failed[1]["errors"][0]["column"], "E-Mail");
    assert_eq!(failed[3]["id"], made[0]["id"], "the record that is in the way");
    let created = rows(owner, &import, "created").await;
    assert_eq!(
        created.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(),
        [made[0]["id"].clone(), made[1]["id"].clone()]
    );
    let all: Vec<Value> =
        owner.get(&format!("/imports/{}/rows?page=2&pageSize=4", text(&import, "id"))).await.ok();
    assert_eq!(all.iter().map(|row| row["row"].clone()).collect::<Vec<_>>(), [json!(5), json!(6)]);
}

#[tokio::test]
async fn the_file_of_errors_is_mended_and_imported_again() {
    let stack = Stack::start().await;
    let owner = &stack.owner;
    let file =
        "Name;Email;Title\nAda;ada@example.com;\"=1+1; or \"\"so\"\"\"\nGrace;grace;'=5\n;;x\nEve;;y;z\n";
    let import = import(owner, json!({"object": "contacts"}), file).await;
    assert_eq!(counts(&import), json!([1, 0, 0, 0, 3]));
    let answer = owner.get(&format!("/imports/{}/errors.csv", text(&import, "id"))).await.status(200);
    assert!(answer.header("content-type").starts_with("text/csv"), "{answer}");
    let errors = answer.text();
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines[0], "Name,Email,Title,_row,_code,_message");
    assert_eq!(lines[1], "Grace,grace,'=5,2,INVALID_EMAIL,Email: Invalid email format");
    assert!(lines[2].starts_with(",,x,3,REQUIRED,"), "{errors}");
    assert!(lines[3].starts_with("Eve,,y,4,WRONG_CELL_COUNT,") && lines[3].ends_with(",z"), "{errors}");
    let errors = errors.split_inclusive('\n').take(3).collect::<String>();
    let mended = errors.replace("Grace,grace,", "Grace,grace@example.com,").replace(",,x,", "Jean,,x,");
    let again = super::imports::import(owner, json!({"object": "contacts"}), mended).await;
    assert_eq!((text(&again, "state"), counts(&again)), ("succeeded", json!([2, 0, 0, 0, 0])));
    let made = contacts(owner, "").await;
    let titles: Vec<&str> = made.iter().map(|contact| text(contact, "title")).collect();
    assert_eq!(titles, ["=1+1; or \"so\"", "=5", "x"]);
}
