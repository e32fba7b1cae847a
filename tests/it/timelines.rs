//! Timelines: activities and events of a contact, company or lead, newest first.

mod scope;

use serde_json::{Value, json};
use tenon_tests::{Client, Person, TestApp, factory};

const ACTIVITIES: &str = "/connection/activities";
const CONTACTS: &str = "/connection/contacts";
const COMPANIES: &str = "/connection/companies";
const LEADS: &str = "/connection/leads";

fn path(of: &str, record: &Value) -> String {
    format!("{of}/{}", factory::id(record))
}

fn timeline(of: &str, record: &Value) -> String {
    format!("{}/timeline", path(of, record))
}

async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

async fn link(client: &Client, kind: &str, record: &Value, subject: &str, occurred_at: &str) -> Value {
    let body = json!({
        "kind": "call", "subject": subject, "occurredAt": occurred_at, "links": [{"type": kind, "id": record["id"]}],
    });
    client.post(ACTIVITIES, body).await.created()
}

/// What an entry is: the subject of an activity, the type of an event.
fn says(entry: &Value) -> String {
    let text = entry["activity"]["subject"].as_str().or(entry["event"]["type"].as_str());
    text.unwrap_or_else(|| panic!("neither: {entry}")).to_owned()
}

async fn read(client: &Client, path: &str) -> Vec<String> {
    client.get(path).await.ok::<Vec<Value>>().iter().map(says).collect()
}

#[tokio::test]
async fn a_timeline_has_activities_and_events_newest_first() {
    let (_app, admin) = start().await;
    let lead: Value = admin.post(LEADS, factory::lead(1)).await.created();
    let old = link(&admin, "lead", &lead, "long ago", "2020-01-01T00:00:00Z").await;
    admin.patch(&path(LEADS, &lead), json!({"title": "Renamed", "value": 9})).await.status(200);
    let pipeline: Value = admin.post("/connection/pipelines", factory::pipeline(1)).await.created();
    let stage = json!({"stageId": pipeline["stages"][1]["id"]});
    admin.post(&format!("{}/move", path(LEADS, &lead)), stage).await.status(200);
    link(&admin, "lead", &lead, "to come", "2100-01-01T00:00:00Z").await;
    admin.post(&format!("{}/convert", path(LEADS, &lead)), json!({})).await.status(200);
    admin.delete(&path(LEADS, &lead)).await.no_content();
    admin.get(&timeline(LEADS, &lead)).await.refused(404, "NOT_FOUND");
    admin.post(&format!("{}/restore", path(LEADS, &lead)), json!({})).await.status(200);

    let entries: Vec<Value> = admin.get(&timeline(LEADS, &lead)).await.ok();
    let told: Vec<String> = entries.iter().map(says).collect();
    let expected = [
        "to come",
        "lead.restored",
        "lead.deleted",
        "lead.converted",
        "lead.moved_to_stage",
        "lead.updated",
        "lead.created",
        "long ago",
    ];
    assert_eq!(told, expected);
    let updated = &entries[5];
    assert_eq!((&updated["type"], &updated["activity"]), (&json!("event"), &Value::Null));
    assert_eq!(updated["event"]["changedFields"], json!(["title", "value"]));
    assert_eq!(updated["event"]["actor"]["type"], "apiKey");
    assert!(updated["id"].as_str().is_some_and(|id| id.starts_with("evt_")), "{updated}");
    let activity = &entries[7];
    assert_eq!((&activity["type"], &activity["event"]), (&json!("activity"), &Value::Null));
    assert_eq!((&activity["id"], &activity["at"]), (&old["id"], &json!("2020-01-01T00:00:00.000Z")));
    assert_eq!(activity["activity"], old);
    let times: Vec<&str> = entries.iter().filter_map(|entry| entry["at"].as_str()).collect();
    assert!(times.windows(2).all(|pair| pair[0] >= pair[1]), "{times:?}");
}

#[tokio::test]
async fn an_activity_stands_in_the_timeline_of_each_record_that_it_is_linked_with() {
    let (_app, admin) = start().await;
    let contacts = factory::contacts(&admin, 2).await;
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let both = json!({"kind": "meeting", "subject": "both", "links": [
        {"type": "contact", "id": contacts[0]["id"]}, {"type": "company", "id": company["id"]},
    ]});
    let both: Value = admin.post(ACTIVITIES, both).await.created();
    let activities = async |of: &str, record: &Value| {
        read(&admin, &format!("{}?types=activity", timeline(of, record))).await
    };
    assert_eq!(activities(CONTACTS, &contacts[0]).await, ["both"]);
    assert_eq!(activities(COMPANIES, &company).await, ["both"]);
    assert_eq!(activities(CONTACTS, &contacts[1]).await, Vec::<String>::new());

    // It moves with its links and its time, and is gone while it is deleted.
    link(&admin, "contact", &contacts[1], "other", "2026-01-02T00:00:00Z").await;
    let moved = json!({"occurredAt": "2026-01-01T00:00:00Z", "links": [{"type": "contact", "id": contacts[1]["id"]}]});
    admin.patch(&path(ACTIVITIES, &both), moved).await.status(200);
    assert_eq!(activities(CONTACTS, &contacts[0]).await, Vec::<String>::new());
    assert_eq!(activities(CONTACTS, &contacts[1]).await, ["other", "both"]);
    admin.patch(&path(ACTIVITIES, &both), json!({"occurredAt": "2026-01-03T00:00:00Z"})).await.status(200);
    assert_eq!(activities(CONTACTS, &contacts[1]).await, ["both", "other"]);
    admin.delete(&path(ACTIVITIES, &both)).await.no_content();
    assert_eq!(activities(CONTACTS, &contacts[1]).await, ["other"]);
    admin.post(&format!("{}/restore", path(ACTIVITIES, &both)), json!({})).await.status(200);
    // With its record it is hidden and shown.
    admin.delete(&path(CONTACTS, &contacts[1])).await.no_content();
    admin.post(&format!("{}/restore", path(CONTACTS, &contacts[1])), json!({})).await.status(200);
    assert_eq!(activities(CONTACTS, &contacts[1]).await, ["both", "other"]);
}

#[tokio::test]
async fn a_walk_by_cursor_sees_every_entry_once() {
    let (app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    for number in 0..4 {
        admin.patch(&path(CONTACTS, &contact), json!({"title": format!("{number}")})).await.status(200);
        link(&admin, "contact", &contact, &format!("call {number}"), &chrono::Utc::now().to_rfc3339()).await;
    }
    // Activities of one instant, and of the instant of an event.
    for subject in ["same a", "same b", "same c"] {
        link(&admin, "contact", &contact, subject, contact["createdAt"].as_str().expect("an instant")).await;
    }
    let all = read(&admin, &format!("{}?limit=200", timeline(CONTACTS, &contact))).await;
    assert_eq!(all.len(), 12);
    for limit in [1, 2, 5, 11, 12] {
        let (mut walked, mut query) = (Vec::new(), format!("?types=event%2Cactivity&limit={limit}"));
        loop {
            let answer = admin.get(&format!("{}{query}", timeline(CONTACTS, &contact))).await.status(200);
            let page = answer.json();
            assert_eq!(
                (&page["pagination"]["total"], &page["pagination"]["page"]),
                (&Value::Null, &Value::Null)
            );
            walked.extend(page["data"].as_array().expect("a list").iter().map(says));
            let Some(cursor) = page["pagination"]["nextCursor"].as_str() else { break };
            query = format!("?types=event%2Cactivity&limit={limit}&cursor={cursor}");
            assert_eq!(answer.header("link"), format!("<{query}>; rel=\"next\""));
        }
        assert_eq!(walked, all, "{limit} at a time");
    }
    // What comes meanwhile does not disturb.
    let first = admin.get(&format!("{}?limit=5", timeline(CONTACTS, &contact))).await.json();
    let cursor = first["pagination"]["nextCursor"].as_str().expect("more follow");
    link(&admin, "contact", &contact, "new", "2100-01-01T00:00:00Z").await;
    let rest = read(&admin, &format!("{}?limit=50&cursor={cursor}", timeline(CONTACTS, &contact))).await;
    assert_eq!(rest, all[5..]);
    let other: Value = admin.post(CONTACTS, factory::contact(2)).await.created();
    for elsewhere in [
        format!("{}?cursor={cursor}", timeline(CONTACTS, &other)),
        format!("{}?cursor={cursor}&types=event", timeline(CONTACTS, &contact)),
    ] {
        admin.get(&elsewhere).await.refused(400, "CURSOR_MISMATCH");
    }
    drop(app);
}

#[tokio::test]
async fn types_choose_what_is_shown() {
    let (_app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    admin.patch(&path(CONTACTS, &contact), json!({"title": "x"})).await.status(200);
    link(&admin, "contact", &contact, "call", "2020-01-01T00:00:00Z").await;
    let note = json!({"kind": "note", "subject": "note", "occurredAt": "2019-01-01T00:00:00Z",
                      "links": [{"type": "contact", "id": contact["id"]}]});
    admin.post(ACTIVITIES, note).await.status(201);
    for (types, expected) in [
        ("activity,event", ["contact.updated", "contact.created", "call", "note"].as_slice()),
        ("event", &["contact.updated", "contact.created"]),
        ("activity", &["call", "note"]),
        ("note", &["note"]),
        ("call,contact.created", &["contact.created", "call"]),
        ("contact.deleted", &[]),
    ] {
        assert_eq!(
            read(&admin, &format!("{}?types={types}", timeline(CONTACTS, &contact))).await,
            expected,
            "{types}"
        );
    }
    for (query, field) in [
        ("types=", "types"),
        ("types=calls", "types"),
        ("types=lead.created", "types"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
    ] {
        let refused = admin
            .get(&format!("{}?{query}", timeline(CONTACTS, &contact)))
            .await
            .refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"][field].is_string(), "{query}: {refused}");
    }
    admin.get(&format!("{}?cursor=x", timeline(CONTACTS, &contact))).await.refused(400, "INVALID_CURSOR");
}
