//! Who gets what.

use serde_json::{Value, json};
use tenon_tests::{Client, factory};

use super::{Setting, exported, path};
use crate::exports::CONTACTS;

/// The names in a file of NDJSON.
fn names(file: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(file);
    let name =
        |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["name"].as_str().map(str::to_owned);
    text.lines().filter_map(name).collect()
}

#[tokio::test]
async fn an_agents_file_has_its_own_records_and_is_its_own() {
    let setting = Setting::start().await;
    let (acme, admin) = (&setting.acme, &setting.admin);
    let globex = setting.app.tenant("globex").await;
    factory::contacts(&globex.admin(), 2).await;
    factory::contacts(admin, 2).await;
    let (agent, other) = (acme.agent().await, acme.agent().await);
    let mine: Value = agent.post(CONTACTS, json!({"name": "Mine"})).await.created();
    let theirs: Value = other.post(CONTACTS, json!({"name": "Theirs"})).await.created();
    let asked = json!({"object": "contacts", "format": "ndjson", "sort": ["name"]});
    let (export, file) = exported(&agent, asked.clone()).await;
    assert_eq!(names(&file), ["Mine"]);
    let (whole, file) = exported(admin, asked.clone()).await;
    assert_eq!(names(&file), ["Contact 0", "Contact 1", "Mine", "Theirs"]);
    let (_, file) = exported(&globex.admin(), asked.clone()).await;
    assert_eq!(names(&file), ["Contact 0", "Contact 1"]);
    // Words are looked for by a function of its own.
    let (_, file) = exported(&agent, json!({"object": "contacts", "format": "ndjson", "q": "mine"})).await;
    assert_eq!(names(&file), ["Mine"]);
    let (_, file) = exported(&agent, json!({"object": "contacts", "format": "ndjson", "q": "theirs"})).await;
    assert_eq!(names(&file), [""; 0]);

    // An activity is somebody's, and so are its links.
    for (who, contact) in [(&agent, &mine), (&other, &theirs)] {
        let body = json!({"kind": "note", "subject": contact["name"], "links": [{"type": "contact", "id": contact["id"]}]});
        who.post("/connection/activities", body).await.status(201);
    }
    let (_, file) = exported(&agent, json!({"object": "activities", "format": "ndjson"})).await;
    let lines: Vec<Value> =
        file.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), 1);
    assert_eq!(
        (&lines[0]["subject"], lines[0]["links"][0]["id"].clone()),
        (&json!("Mine"), mine["id"].clone())
    );

    let hidden = async |who: &Client, export: &Value| {
        who.get(&path(export)).await.refused(404, "NOT_FOUND");
        who.get(&format!("{}/download", path(export))).await.refused(404, "NOT_FOUND");
        who.post(&format!("{}/cancel", path(export)), Value::Null).await.refused(404, "NOT_FOUND");
    };
    hidden(&other, &export).await;
    hidden(&agent, &whole).await;
    hidden(&globex.admin(), &export).await;
    hidden(&globex.admin(), &whole).await;
    admin.get(&format!("{}/download", path(&export))).await.status(200);
    let seen: Vec<Value> = other.get("/exports").await.ok();
    assert!(seen.is_empty(), "{seen:?}");
    acme.client().await.post("/exports", asked).await.refused(403, "ROLE_TOO_LOW");
}

#[tokio::test]
async fn what_is_exported_needs_its_own_permission() {
    let setting = Setting::start().await;
    let acme = &setting.acme;
    let (contacts, leads) =
        (acme.key(&["exports:*", "contacts:read"]).await, acme.key(&["exports:*", "leads:read"]).await);
    let (export, _) = exported(&contacts, json!({"object": "contacts"})).await;
    let refused =
        leads.post("/exports", json!({"object": "contacts"})).await.refused(403, "INSUFFICIENT_SCOPE");
    assert_eq!(refused.json()["details"], json!({"required": "contacts:read"}));
    leads.get(&path(&export)).await.status(200);
    let refused = leads.get(&format!("{}/download", path(&export))).await.refused(403, "INSUFFICIENT_SCOPE");
    assert_eq!(refused.json()["details"], json!({"required": "contacts:read"}));
}

#[tokio::test]
async fn a_file_is_not_for_who_may_do_less_than_whom_it_was_made_for() {
    let setting = Setting::start().await;
    let (acme, admin) = (&setting.acme, &setting.admin);
    factory::contacts(admin, 2).await;
    let (export, _) = exported(admin, json!({"object": "contacts"})).await;
    let download = format!("{}/download", path(&export));
    // A key of the same user with a lower role, and the user after being given one.
    let narrow = json!({"name": "A", "scopes": ["*"], "role": "AGENT"});
    let narrow: Value = admin.post("/api-keys", narrow).await.created();
    let narrow = setting.app.with(narrow["key"].as_str().expect("a key"));
    narrow.get(&download).await.refused(403, "FORBIDDEN");
    // As it stands once who made it was given another role.
    let demoted = acme.agent().await;
    sqlx::query("update tenon.exports set owner_id = $1 where id = $2::uuid")
        .bind(demoted.id.0)
        .bind(factory::id(&export))
        .execute(&mut setting.app.connect().await)
        .await
        .expect("an owner");
    demoted.get(&path(&export)).await.status(200);
    demoted.get(&download).await.refused(403, "FORBIDDEN");
    admin.get(&download).await.status(200);
}
