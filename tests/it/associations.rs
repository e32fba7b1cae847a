//! Associations: labelled links between contacts, companies and leads, seen from both ends.

mod ends;
mod scope;

use serde_json::{Value, json};
use tenon_tests::{Client, Person, TestApp, eventually, factory};
use uuid::Uuid;

use crate::log;

const CONTACTS: &str = "/connection/contacts";
const COMPANIES: &str = "/connection/companies";
const LEADS: &str = "/connection/leads";

/// A contact, a company and a lead of one tenant.
struct Records {
    contact: Value,
    company: Value,
    lead: Value,
}

async fn records(client: &Client) -> Records {
    Records {
        contact: client.post(CONTACTS, json!({"name": "Ada"})).await.created(),
        company: client.post(COMPANIES, json!({"name": "ACME Corp"})).await.created(),
        lead: client.post(LEADS, json!({"title": "New website", "status": "new"})).await.created(),
    }
}

/// An app with one tenant, its administrator, and one record of each kind.
async fn start() -> (TestApp, Person, Records) {
    let app = TestApp::start().await;
    let admin = app.tenant("acme").await.admin();
    let records = records(&admin).await;
    (app, admin, records)
}

/// The associations of a record.
fn path(of: &str, record: &Value) -> String {
    format!("{of}/{}/associations", factory::id(record))
}

/// The association of a record with another one.
fn to(of: &str, record: &Value, kind: &str, other: &Value) -> String {
    format!("{}/{kind}/{}", path(of, record), factory::id(other))
}

async fn list(client: &Client, of: &str, record: &Value) -> Vec<Value> {
    client.get(&path(of, record)).await.ok()
}

/// Kind, id, name and labels of an association.
fn seen(association: &Value) -> Value {
    let shown = |field: &str| association[field].clone();
    json!([shown("type"), shown("id"), shown("name"), shown("label"), shown("inverseLabel")])
}

#[tokio::test]
async fn an_association_is_seen_from_both_of_its_ends() {
    let (_app, admin, Records { contact, company, lead }) = start().await;
    let employer =
        format!("{}?label=employer&inverseLabel=employee", to(CONTACTS, &contact, "company", &company));
    let answer = admin.put(&employer, Value::Null).await.status(201);
    let made: Value = answer.data();
    assert_eq!(seen(&made), json!(["company", company["id"], "ACME Corp", "employer", "employee"]));
    assert_eq!(made["createdBy"]["type"], "apiKey");
    assert!(made["createdAt"].is_string());
    let location = format!("/api/v1{}?label=employer", to(CONTACTS, &contact, "company", &company));
    assert_eq!(answer.header("location"), location);
    admin.put(&to(CONTACTS, &contact, "lead", &lead), Value::Null).await.status(201);

    let of_contact = list(&admin, CONTACTS, &contact).await;
    let expected = [
        json!(["lead", lead["id"], "New website", null, null]),
        json!(["company", company["id"], "ACME Corp", "employer", "employee"]),
    ];
    assert_eq!(of_contact.iter().map(seen).collect::<Vec<_>>(), expected, "newest first");
    let of_company = list(&admin, COMPANIES, &company).await;
    assert_eq!(of_company.len(), 1);
    assert_eq!(seen(&of_company[0]), json!(["contact", contact["id"], "Ada", "employee", "employer"]));
    assert_eq!(of_company[0]["createdAt"], made["createdAt"]);
    let of_lead = list(&admin, LEADS, &lead).await;
    assert_eq!(seen(&of_lead[0]), json!(["contact", contact["id"], "Ada", null, null]));

    // Names are those of now.
    admin.patch(&format!("{COMPANIES}/{}", factory::id(&company)), json!({"name": "ACME"})).await.status(200);
    assert_eq!(list(&admin, CONTACTS, &contact).await[1]["name"], "ACME");
}

#[tokio::test]
async fn the_same_again_changes_nothing() {
    let (app, admin, Records { contact, company, .. }) = start().await;
    let mut behind = app.connect().await;
    let there = to(CONTACTS, &contact, "company", &company);
    let back = to(COMPANIES, &company, "contact", &contact);
    let first: Value =
        admin.put(&format!("{there}?label=employer&inverseLabel=employee"), Value::Null).await.created();
    let before = log::counts(&mut behind).await;
    for again in [
        format!("{there}?label=employer&inverseLabel=employee"),
        format!("{there}?label=employer"),
        format!("{there}?label=%20employer%20"),
    ] {
        assert_eq!(admin.put(&again, Value::Null).await.ok::<Value>(), first, "{again}");
    }
    let from_there: Value = admin.put(&format!("{back}?label=employee"), Value::Null).await.ok();
    assert_eq!(seen(&from_there), json!(["contact", contact["id"], "Ada", "employee", "employer"]));
    assert_eq!(log::counts(&mut behind).await, before);

    // One of the labels with another one in the other direction is another association's.
    for other in [
        format!("{there}?label=employer&inverseLabel=founder"),
        format!("{there}?label=customer&inverseLabel=employee"),
        format!("{back}?label=employee&inverseLabel=customer"),
    ] {
        let refused = admin.put(&other, Value::Null).await.refused(409, "DUPLICATE");
        assert!(refused.json()["details"]["inverseLabel"].is_string(), "{refused}");
    }
    // Another label is another association, and so is none.
    admin.put(&format!("{there}?label=customer"), Value::Null).await.status(201);
    admin.put(&there, Value::Null).await.status(201);
    admin.put(&format!("{there}?label="), Value::Null).await.status(200);
    let labels: Vec<Value> =
        list(&admin, COMPANIES, &company).await.iter().map(|one| one["label"].clone()).collect();
    assert_eq!(labels, [Value::Null, json!("customer"), json!("employee")]);
}

#[tokio::test]
async fn an_association_is_ended_by_its_label_from_either_end() {
    let (_app, admin, Records { contact, company, .. }) = start().await;
    let there = to(CONTACTS, &contact, "company", &company);
    let back = to(COMPANIES, &company, "contact", &contact);
    for query in ["", "?label=employer&inverseLabel=employee", "?label=customer"] {
        admin.put(&format!("{there}{query}"), Value::Null).await.status(201);
    }
    for unknown in [
        format!("{there}?label=employee"),
        format!("{back}?label=employer"),
        to(CONTACTS, &contact, "lead", &company),
        to(CONTACTS, &contact, "company", &json!({"id": Uuid::now_v7()})),
    ] {
        let refused = admin.delete(&unknown).await.refused(404, "NOT_FOUND");
        assert_eq!(refused.json()["error"], "Association not found", "{unknown}");
    }
    admin.delete(&format!("{back}?label=employee")).await.no_content();
    admin.delete(&format!("{there}?label=employer")).await.refused(404, "NOT_FOUND");
    let last = admin.with_header("prefer", "return=representation").delete(&there).await.ok::<Value>();
    assert_eq!(seen(&last), json!(["company", company["id"], "ACME Corp", null, null]));
    for (of, record) in [(CONTACTS, &contact), (COMPANIES, &company)] {
        let left = list(&admin, of, record).await;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0]["label"], "customer");
    }
    // What was ended can be made anew.
    admin.put(&format!("{there}?label=employer&inverseLabel=founder"), Value::Null).await.status(201);
}

#[tokio::test]
async fn what_cannot_be_associated_is_refused_by_name() {
    let (_app, admin, Records { contact, company, lead }) = start().await;
    let there = to(CONTACTS, &contact, "company", &company);
    let long = "x".repeat(101);
    for (query, field) in [
        (format!("label={long}"), "label"),
        ("label=%20".to_owned(), "label"),
        ("label=a%00b".to_owned(), "label"),
        (format!("label=a&inverseLabel={long}"), "inverseLabel"),
    ] {
        let refused =
            admin.put(&format!("{there}?{query}"), Value::Null).await.refused(400, "VALIDATION_ERROR");
        assert!(refused.json()["details"][field].is_string(), "{query}: {refused}");
    }
    let itself = admin.put(&to(CONTACTS, &contact, "contact", &contact), Value::Null).await;
    assert!(itself.refused(400, "VALIDATION_ERROR").json()["details"]["toId"].is_string());
    for wrong in ["pipeline", "contacts", "x"] {
        let refused = admin.put(&to(CONTACTS, &contact, wrong, &company), Value::Null).await;
        assert!(refused.refused(400, "VALIDATION_ERROR").json()["details"]["type"].is_string());
    }
    admin
        .put(&format!("{}/company/x", path(CONTACTS, &contact)), Value::Null)
        .await
        .refused(400, "INVALID_ID");
    admin.get(&format!("{}?type=x", path(CONTACTS, &contact))).await.refused(400, "VALIDATION_ERROR");

    let nobody = json!({"id": Uuid::now_v7()});
    admin.delete(&format!("{LEADS}/{}", factory::id(&lead))).await.no_content();
    for (unknown, what) in [
        (to(CONTACTS, &contact, "company", &nobody), "Company not found"),
        (to(CONTACTS, &contact, "lead", &lead), "Lead not found"),
        (to(CONTACTS, &contact, "company", &contact), "Company not found"),
        (to(CONTACTS, &nobody, "company", &company), "Contact not found"),
        (to(LEADS, &lead, "company", &company), "Lead not found"),
    ] {
        assert_eq!(admin.put(&unknown, Value::Null).await.refused(404, "NOT_FOUND").json()["error"], what);
    }
    admin.get(&path(LEADS, &lead)).await.refused(404, "NOT_FOUND");
    assert_eq!(list(&admin, CONTACTS, &contact).await, Vec::<Value>::new());
}

#[tokio::test]
async fn associations_are_paged_and_told_apart_by_kind() {
    let (_app, admin, Records { contact, lead, .. }) = start().await;
    let companies = factory::companies(&admin, 4).await;
    for company in &companies {
        admin.put(&to(CONTACTS, &contact, "company", company), Value::Null).await.status(201);
    }
    admin.put(&to(LEADS, &lead, "contact", &contact), Value::Null).await.status(201);
    let mut expected: Vec<&str> = companies.iter().rev().map(factory::id).collect();
    expected.insert(0, factory::id(&lead));
    let ids = |list: &Value| -> Vec<String> {
        list["data"].as_array().expect("a list").iter().map(|one| factory::id(one).to_owned()).collect()
    };
    let page = admin.get(&format!("{}?page=2&pageSize=2", path(CONTACTS, &contact))).await.status(200).json();
    assert_eq!(ids(&page), expected[2..4]);
    assert_eq!((&page["pagination"]["total"], &page["pagination"]["pages"]), (&json!(5), &json!(3)));

    for (of, expected) in
        [("", &expected[..]), ("type=company&", &expected[1..]), ("type=lead&", &expected[..1])]
    {
        let (mut walked, mut query) = (Vec::new(), format!("?{of}limit=2"));
        loop {
            let answer = admin.get(&format!("{}{query}", path(CONTACTS, &contact))).await.status(200);
            let page = answer.json();
            walked.extend(ids(&page));
            let Some(cursor) = page["pagination"]["nextCursor"].as_str() else { break };
            query = format!("?{of}limit=2&cursor={cursor}");
            assert_eq!(answer.header("link"), format!("<{query}>; rel=\"next\""));
        }
        assert_eq!(walked, expected, "{of}");
    }
    let first = admin.get(&format!("{}?limit=2", path(CONTACTS, &contact))).await.json();
    let cursor = first["pagination"]["nextCursor"].as_str().expect("more follow");
    for elsewhere in [
        format!("{}?limit=2&type=company&cursor={cursor}", path(CONTACTS, &contact)),
        format!("{}?limit=2&cursor={cursor}", path(LEADS, &lead)),
    ] {
        admin.get(&elsewhere).await.refused(400, "CURSOR_MISMATCH");
    }
}

#[tokio::test]
async fn every_change_writes_one_event_and_keys_make_it_once() {
    let (app, admin, Records { contact, company, .. }) = start().await;
    let mut behind = app.connect().await;
    let before = log::counts(&mut behind).await;
    let there =
        format!("{}?label=employer&inverseLabel=employee", to(CONTACTS, &contact, "company", &company));
    let keyed = admin.with_header("idempotency-key", "once");
    let made: Value = keyed.put(&there, Value::Null).await.created();
    let replayed = keyed.put(&there, Value::Null).await.status(201);
    assert_eq!(replayed.header("idempotent-replayed"), "true");
    let back = format!("{}?label=employee", to(COMPANIES, &company, "contact", &contact));
    admin.delete(&back).await.no_content();
    let after = log::counts(&mut behind).await;
    assert_eq!((after.0 - before.0, after.1 - before.1), (2, 2));

    let association: Uuid =
        sqlx::query_scalar("select object_id from tenon.events where type = 'association.created'")
            .fetch_one(&mut behind)
            .await
            .expect("an event");
    let events = log::events(&mut behind, &association.to_string()).await;
    let types: Vec<&str> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(types, ["association.created", "association.deleted"]);
    let created = events[0].json();
    assert_eq!(created["object"], json!({"type": "association", "id": association, "version": 1}));
    assert_eq!(created["data"]["from"], json!({"type": "contact", "id": contact["id"]}));
    assert_eq!(created["data"]["to"], json!({"type": "company", "id": company["id"]}));
    assert_eq!(
        (&created["data"]["label"], &created["data"]["inverseLabel"]),
        (&json!("employer"), &json!("employee"))
    );
    assert_eq!(created["data"]["createdAt"], made["createdAt"]);
    let deleted = events[1].json();
    assert_eq!(deleted["data"]["from"], json!({"type": "company", "id": company["id"]}));
    assert_eq!(deleted["data"]["label"], "employee");
    // They are read, and not subscribed to.
    for event in ["association.created", "association.deleted"] {
        let webhook = json!({"url": "http://127.0.0.1:9/hook", "events": [event]});
        admin.post("/webhooks", webhook).await.status(400);
    }
}

#[tokio::test]
async fn an_association_has_no_version_to_ask_for() {
    let app = TestApp::start().await;
    let acme = app.tenant("acme").await;
    let admin = acme.admin();
    let Records { contact, company, .. } = records(&admin).await;
    let settings = json!({"settings": {"requireIfMatch": true}});
    admin.patch(&format!("/organizations/{}", acme.id), settings).await.status(200);
    eventually("the setting takes effect", async || {
        let unguarded =
            admin.patch(&format!("{CONTACTS}/{}", factory::id(&contact)), json!({"name": "x"})).await;
        unguarded.status == 428
    })
    .await;
    let there = to(CONTACTS, &contact, "company", &company);
    admin.put(&there, Value::Null).await.status(201);
    admin.delete(&there).await.no_content();
}
