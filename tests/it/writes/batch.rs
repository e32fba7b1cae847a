//! Batches: many records in one request, each with an outcome of its own.

use serde_json::{Value, json};
use tenon_tests::{Answer, Client, Person, TestApp, factory};
use uuid::Uuid;

use super::CONTACTS;

const BATCH: &str = "/connection/contacts/batch";

async fn start() -> (TestApp, Person) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    (app, admin)
}

async fn batch(client: &Client, operation: &str, items: Value) -> Answer {
    client.post(&format!("{BATCH}/{operation}"), json!({"items": items})).await
}

/// The status of each item, in the order of the items.
#[track_caller]
fn statuses(answer: &Answer) -> Vec<u64> {
    let data: Value = answer.data();
    let results = data["results"].as_array().unwrap_or_else(|| panic!("no results: {answer}"));
    for (at, result) in results.iter().enumerate() {
        assert_eq!(result["index"], at, "{answer}");
        let done = result["status"].as_u64().is_some_and(|status| status < 300);
        assert_eq!((result["code"].is_null(), result["error"].is_null()), (done, done), "{answer}");
    }
    let statuses: Vec<u64> = results.iter().filter_map(|result| result["status"].as_u64()).collect();
    let succeeded = statuses.iter().filter(|status| **status < 300).count();
    assert_eq!(
        (&data["succeeded"], &data["failed"]),
        (&json!(succeeded), &json!(statuses.len() - succeeded))
    );
    let expected = if succeeded == statuses.len() { 200 } else { 207 };
    assert_eq!(answer.status.as_u16(), expected, "{answer}");
    statuses
}

fn result(answer: &Answer, at: usize) -> Value {
    answer.data::<Value>()["results"][at].clone()
}

fn path(id: &Value) -> String {
    format!("{CONTACTS}/{}", id.as_str().unwrap_or_else(|| panic!("no id: {id}")))
}

#[tokio::test]
async fn what_is_wrong_with_one_does_not_spoil_the_others() {
    let (app, admin) = start().await;
    let taken: Value = admin.post(CONTACTS, factory::contact(0)).await.created();
    let items = json!([
        factory::contact(1),
        {"name": "A", "email": "nobody"},
        {"name": "B", "email": taken["email"]},
        {"name": "C", "email": "Contact.1@EXAMPLE.com"},
        {"name": "D", "externalId": "crm-0"},
        {"name": "E", "ownerId": Uuid::now_v7()},
        {"name": 7},
        {"name": "F", "nickname": "f"},
        {"name": "G"},
    ]);
    let answer = batch(&admin, "create", items).await;
    assert_eq!(statuses(&answer), [201, 400, 409, 409, 409, 400, 400, 400, 201]);
    let codes: Vec<Value> = (0..9).map(|at| result(&answer, at)["code"].clone()).collect();
    let expected = [
        Value::Null,
        json!("VALIDATION_ERROR"),
        json!("DUPLICATE"),
        json!("DUPLICATE"),
        json!("DUPLICATE"),
        json!("VALIDATION_ERROR"),
        json!("VALIDATION_ERROR"),
        json!("UNKNOWN_FIELD"),
        Value::Null,
    ];
    assert_eq!(codes, expected, "{answer}");
    assert_eq!(result(&answer, 1)["details"], json!({"email": "Invalid email format"}));
    assert_eq!(result(&answer, 2)["details"]["conflictId"], taken["id"]);
    assert_eq!(result(&answer, 3)["details"]["conflictId"], result(&answer, 0)["id"]);
    assert_eq!(result(&answer, 4)["details"]["conflictId"], taken["id"]);
    assert!(result(&answer, 4)["details"]["externalId"].is_string(), "{answer}");
    assert!(result(&answer, 5)["details"]["ownerId"].is_string(), "{answer}");
    assert_eq!(admin.get(CONTACTS).await.json()["pagination"]["total"], 3);
    let mut behind = app.connect().await;
    for at in [0, 8] {
        let id = result(&answer, at)["id"].clone();
        let read: Value = admin.get(&path(&id)).await.ok();
        assert_eq!((&read["version"], &result(&answer, at)["version"]), (&json!(1), &json!(1)));
        let events = crate::log::events(&mut behind, id.as_str().expect("an id")).await;
        assert_eq!(events.iter().map(|event| event.r#type.as_str()).collect::<Vec<_>>(), ["contact.created"]);
    }
}

#[tokio::test]
async fn five_hundred_are_one_transaction_and_more_are_refused() {
    let (app, admin) = start().await;
    let items: Vec<Value> = (0..500).map(factory::contact).collect();
    let answer = batch(&admin, "create", json!(items)).await;
    assert!(statuses(&answer).iter().all(|status| *status == 201));
    let mut behind = app.connect().await;
    let (contacts, transactions, jobs): (i64, i64, i64) = sqlx::query_as(
        "select count(*), count(distinct xmin::text),
                (select count(*) from apalis.jobs j where convert_from(j.job, 'UTF8') like '%' || (select max(e.id::text) from tenon.events e) || '%')
         from tenon.contacts",
    )
    .fetch_one(&mut behind)
    .await
    .expect("counted");
    assert_eq!((contacts, transactions, jobs), (500, 1, 1));
    for wrong in [json!([]), json!(vec![json!({"name": "A"}); 501])] {
        let refused = batch(&admin, "create", wrong).await.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"]["items"].is_string(), "{refused}");
    }
}

#[tokio::test]
async fn all_or_nothing() {
    let (app, admin) = start().await;
    let taken: Value = admin.post(CONTACTS, factory::contact(0)).await.created();
    let before = crate::log::counts(&mut app.connect().await).await;
    let atomic = "create?atomic=true";
    let refused = batch(&admin, atomic, json!([{"name": "A"}, {"name": "B", "email": "x"}])).await;
    let refused = refused.refused(400, "VALIDATION_ERROR").json();
    assert_eq!(refused["errors"][0]["pointer"], "/items/1/email");
    assert_eq!(refused["details"]["index"], "1");
    let refused = batch(&admin, atomic, json!([{"name": "A"}, {"name": "B", "email": taken["email"]}])).await;
    let refused = refused.refused(409, "DUPLICATE").json();
    assert_eq!(
        (&refused["details"]["index"], &refused["details"]["conflictId"]),
        (&json!("1"), &taken["id"])
    );
    let changes =
        json!([{"id": taken["id"], "changes": {"title": "x"}}, {"id": Uuid::now_v7(), "changes": {}}]);
    let refused = batch(&admin, "update?atomic=true", changes).await.refused(404, "NOT_FOUND");
    assert_eq!(refused.json()["details"]["index"], "1");
    let refused =
        batch(&admin, "delete?atomic=true", json!([{"id": taken["id"]}, {"id": taken["id"], "version": 9}]))
            .await;
    refused.refused(400, "VALIDATION_ERROR");
    assert_eq!(crate::log::counts(&mut app.connect().await).await, before, "nothing was done");
    let kept: Value = admin.get(&path(&taken["id"])).await.ok();
    assert_eq!(kept, taken);
    let done = batch(&admin, atomic, json!([{"name": "A"}, {"name": "B"}])).await;
    assert_eq!(statuses(&done), [201, 201]);
}

#[tokio::test]
async fn changes_have_outcomes_of_their_own() {
    let (app, admin) = start().await;
    let contacts = factory::contacts(&admin, 6).await;
    let id = |at: usize| contacts[at]["id"].clone();
    let items = json!([
        {"id": id(0), "version": 1, "changes": {"title": "Director"}},
        {"id": id(1), "version": 2, "changes": {"title": "x"}},
        {"id": Uuid::now_v7(), "changes": {"title": "x"}},
        {"id": id(0), "changes": {"title": "x"}},
        {"id": id(2), "changes": {"email": contacts[3]["email"]}},
        {"id": id(3), "changes": {"title": contacts[3]["title"]}},
        {"id": id(4), "changes": {"phone": "x"}},
        {"id": id(5), "changes": {"ownerId": Uuid::now_v7()}},
        {"id": id(5), "changes": {"wrong": 1}},
    ]);
    let answer = batch(&admin, "update", items).await;
    assert_eq!(statuses(&answer), [200, 412, 404, 400, 409, 200, 400, 400, 400]);
    assert_eq!(result(&answer, 1)["details"]["currentVersion"], "1");
    assert_eq!(result(&answer, 4)["details"]["conflictId"], id(3));
    let versions: Vec<Value> = [0, 5].map(|at| result(&answer, at)["version"].clone()).to_vec();
    assert_eq!(versions, [2, 1], "what changes nothing is no change");
    let mut behind = app.connect().await;
    for (at, contact) in contacts.iter().enumerate() {
        let now: Value = admin.get(&path(&contact["id"])).await.ok();
        let events = crate::log::events(&mut behind, factory::id(contact)).await.len();
        match at {
            0 => assert_eq!((&now["title"], events), (&json!("Director"), 2)),
            _ => assert_eq!((&now, events), (contact, 1)),
        }
    }
    // Without a collision it is one statement for all; the outcome is the same.
    let items = json!([{"id": id(0), "changes": {"email": null}}, {"id": id(1), "changes": {"name": "B"}}]);
    assert_eq!(statuses(&batch(&admin, "update", items).await), [200, 200]);
    let now: Value = admin.get(&path(&id(0))).await.ok();
    assert_eq!((&now["email"], &now["version"]), (&Value::Null, &json!(3)));
}

#[tokio::test]
async fn upserts_create_and_replace() {
    let (app, admin) = start().await;
    let contacts = factory::contacts(&admin, 2).await;
    let items = json!([
        {"name": "A", "externalId": "crm-0"},
        {"name": "B", "externalId": "crm-9", "email": "b@example.com"},
        {"name": "C", "externalId": "crm-9"},
        {"name": "D"},
        {"name": "E", "externalId": "crm-8", "email": contacts[1]["email"]},
    ]);
    let answer = batch(&admin, "upsert?key=externalId", items).await;
    assert_eq!(statuses(&answer), [200, 201, 400, 400, 409]);
    assert_eq!(result(&answer, 0)["id"], contacts[0]["id"]);
    assert_eq!(result(&answer, 4)["details"]["conflictId"], contacts[1]["id"]);
    assert!(result(&answer, 3)["details"]["externalId"].is_string(), "{answer}");
    let replaced: Value = admin.get(&path(&contacts[0]["id"])).await.ok();
    assert_eq!((&replaced["name"], &replaced["email"]), (&json!("A"), &Value::Null));
    let by_email = json!([{"name": "F", "email": "B@Example.com"}, {"name": "G", "email": "g@example.com"}]);
    let second = batch(&admin, "upsert?key=email", by_email).await;
    assert_eq!(statuses(&second), [200, 201]);
    assert_eq!(result(&second, 0)["id"], result(&answer, 1)["id"]);
    let events =
        crate::log::events(&mut app.connect().await, result(&second, 0)["id"].as_str().expect("an id")).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["contact.created", "contact.updated"]);
    let refused = batch(&admin, "upsert?key=phone", json!([{"name": "A"}])).await;
    assert!(refused.refused(400, "VALIDATION_ERROR").json()["details"]["key"].is_string());
}

#[tokio::test]
async fn of_concurrent_upserts_of_the_same_each_is_created_once() {
    let (_app, admin) = start().await;
    let upserts = (0..8).map(|lane| {
        let admin = admin.clone();
        async move {
            let mut items: Vec<Value> = (0..40)
                .map(|number| json!({"name": format!("by {lane}"), "externalId": format!("crm-{number}")}))
                .collect();
            items.rotate_left(lane * 5);
            batch(&admin, "upsert?key=externalId", json!(items)).await
        }
    });
    let answers = futures::future::join_all(upserts).await;
    let all: Vec<u64> = answers.iter().flat_map(statuses).collect();
    let created = all.iter().filter(|status| **status == 201).count();
    let replaced = all.iter().filter(|status| **status == 200).count();
    assert_eq!((created, replaced), (40, 280), "{all:?}");
    assert_eq!(admin.get(CONTACTS).await.json()["pagination"]["total"], 40);
}

#[tokio::test]
async fn deletions_and_reads() {
    let (_app, admin) = start().await;
    let contacts = factory::contacts(&admin, 4).await;
    let id = |at: usize| contacts[at]["id"].clone();
    let items = json!([{"id": id(0)}, {"id": id(1), "version": 7}, {"id": id(2), "version": 1}, {"id": id(0)}, {"id": "x"}]);
    let answer = batch(&admin, "delete", items).await;
    assert_eq!(statuses(&answer), [204, 412, 204, 400, 400]);

    let read = batch(&admin, "read", json!([{"id": id(3)}, {"id": id(0)}, {"id": id(1)}])).await;
    assert_eq!(statuses(&read), [200, 404, 200]);
    assert_eq!(result(&read, 0)["data"], contacts[3]);
    assert_eq!(result(&read, 1)["data"], Value::Null);
    assert_eq!(result(&read, 2)["data"], contacts[1]);

    // What a batch deleted is brought back one by one.
    let restored: Value = admin.post(&format!("{}/restore", path(&id(0))), json!({})).await.ok();
    assert_eq!((&restored["id"], &restored["version"]), (&id(0), &json!(3)));
    admin.get(&path(&id(2))).await.refused(404, "NOT_FOUND");
}

#[tokio::test]
async fn another_tenants_records_are_not_there() {
    let (app, admin) = start().await;
    let globex = app.tenant("globex").await.admin();
    let theirs: Value = globex.post(CONTACTS, factory::contact(0)).await.created();
    for (operation, item) in [
        ("read", json!({"id": theirs["id"]})),
        ("update", json!({"id": theirs["id"], "changes": {"title": "x"}})),
        ("delete", json!({"id": theirs["id"]})),
    ] {
        let answer = batch(&admin, operation, json!([item])).await;
        assert_eq!(statuses(&answer), [404], "{operation}");
        assert_eq!(result(&answer, 0)["code"], "NOT_FOUND");
    }
    let upserted =
        batch(&admin, "upsert?key=externalId", json!([{"name": "ours", "externalId": "crm-0"}])).await;
    assert_eq!(statuses(&upserted), [201]);
    let untouched: Value = globex.get(&path(&theirs["id"])).await.ok();
    assert_eq!(untouched, theirs);
}

#[tokio::test]
async fn an_agents_batch_is_of_its_own() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let (ada, grace) = (acme.agent().await, acme.agent().await);
    let hidden: Value = grace.post(CONTACTS, factory::contact(0)).await.created();
    let items =
        json!([{"name": "A"}, {"name": "B", "ownerId": grace.id}, {"name": "C", "email": hidden["email"]}]);
    let answer = batch(&ada, "create", items).await;
    assert_eq!(statuses(&answer), [201, 403, 409]);
    assert!(!answer.text().contains(factory::id(&hidden)), "{answer}");
    let own = result(&answer, 0)["id"].clone();
    // One is given away, another collides with what must not be seen.
    let second: Value = ada.post(CONTACTS, json!({"name": "D"})).await.created();
    let items = json!([
        {"id": own, "changes": {"ownerId": grace.id}},
        {"id": second["id"], "changes": {"email": hidden["email"]}},
        {"id": hidden["id"], "changes": {"title": "x"}},
    ]);
    let answer = batch(&ada, "update", items).await;
    assert_eq!(statuses(&answer), [200, 409, 404]);
    assert!(!answer.text().contains(factory::id(&hidden)), "{answer}");
    ada.get(&path(&own)).await.refused(404, "NOT_FOUND");
    grace.get(&path(&own)).await.status(200);
}

#[tokio::test]
async fn a_batch_under_a_key_is_done_once() {
    let (_app, admin) = start().await;
    let keyed = admin.with_header("idempotency-key", "batch");
    let items = json!([{"name": "A"}, {"name": ""}]);
    let first = batch(&keyed, "create", items.clone()).await;
    assert_eq!(statuses(&first), [201, 400]);
    let again = batch(&keyed, "create", items.clone()).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    batch(&keyed, "create?atomic=true", items).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(admin.get(CONTACTS).await.json()["pagination"]["total"], 1);
}
