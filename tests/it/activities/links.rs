//! The links of activities: which are taken, what becomes of them when a record is deleted, restored or purged.

use serde_json::{Value, json};
use tenon_tests::{TestApp, factory};
use uuid::Uuid;

use super::{ACTIVITIES, COMPANIES, CONTACTS, LEADS, link, path, pointers, start};

#[tokio::test]
async fn an_activity_is_linked_with_any_number_of_records() {
    let (_app, admin) = start().await;
    let contacts = factory::contacts(&admin, 3).await;
    let companies = factory::companies(&admin, 2).await;
    let leads = factory::leads(&admin, 2).await;
    let mut links: Vec<Value> = contacts.iter().map(|contact| link("contact", contact)).collect();
    links.extend(companies.iter().map(|company| link("company", company)));
    links.extend(leads.iter().map(|lead| link("lead", lead)));
    let body = json!({"kind": "meeting", "subject": "Everybody", "links": links});
    let meeting: Value = admin.post(ACTIVITIES, body).await.created();
    assert_eq!(meeting["links"], json!(links), "by kind and id");

    // A patch says all of them, or none of them.
    let fewer = json!([link("lead", &leads[1]), link("contact", &contacts[0])]);
    let patched: Value = admin.patch(&path(&meeting), json!({"links": fewer})).await.ok();
    assert_eq!(patched["links"], json!([link("contact", &contacts[0]), link("lead", &leads[1])]));
    let kept: Value = admin.patch(&path(&meeting), json!({"subject": "Two"})).await.ok();
    assert_eq!(kept["links"], patched["links"]);
    assert_eq!(admin.get(&path(&meeting)).await.ok::<Value>(), kept);
    let cleared: Value =
        admin.put(&path(&meeting), json!({"kind": "meeting", "subject": "Nobody"})).await.ok();
    assert_eq!(cleared["links"], json!([]));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_linked() {
    let app = TestApp::start().await;
    let (acme, globex) = (app.tenant("acme").await, app.tenant("globex").await);
    let admin = acme.admin();
    let contacts = factory::contacts(&admin, 2).await;
    let theirs = factory::contacts(&globex.admin(), 1).await;
    admin.delete(&format!("{CONTACTS}/{}", factory::id(&contacts[1]))).await.no_content();
    let note: Value = admin.post(ACTIVITIES, factory::activity(1)).await.created();
    let unknown = |place: usize| (format!("/links/{place}/id"), "UNKNOWN_RECORD".to_owned());
    for wrong in [
        link("contact", &contacts[1]),
        link("contact", &theirs[0]),
        link("company", &contacts[0]),
        link("lead", &json!({"id": Uuid::now_v7()})),
    ] {
        for answer in [
            admin.post(ACTIVITIES, json!({"kind": "note", "body": "x", "links": [wrong]})).await,
            admin.patch(&path(&note), json!({"links": [wrong]})).await,
            admin.put(&path(&note), json!({"kind": "note", "body": "x", "links": [wrong]})).await,
        ] {
            assert_eq!(pointers(&answer.refused(400, "VALIDATION_ERROR")), [unknown(0)], "{wrong}");
        }
    }
    let many: Vec<Value> = (0..501).map(|_| json!({"type": "contact", "id": Uuid::now_v7()})).collect();
    let refused = admin.patch(&path(&note), json!({"links": many})).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(pointers(&refused), [("/links".to_owned(), "TOO_MANY".to_owned())]);
    // Nor by a row: the foreign keys have the tenant in them.
    let crossed = sqlx::query(
        "insert into tenon.activity_links (tenant_id, activity_id, contact_id, at) values ($1, $2::uuid, $3::uuid, now())",
    )
    .bind(acme.id.0)
    .bind(factory::id(&note))
    .bind(factory::id(&theirs[0]))
    .execute(&mut app.connect().await)
    .await;
    let constraint = crossed
        .as_ref()
        .err()
        .and_then(|error| error.as_database_error())
        .and_then(|error| error.constraint());
    assert_eq!(constraint, Some("activity_links_contact"));
}

#[tokio::test]
async fn a_link_is_hidden_and_shown_with_its_record_and_goes_with_it() {
    let (app, admin) = start().await;
    let contact: Value = admin.post(CONTACTS, factory::contact(1)).await.created();
    let company: Value = admin.post(COMPANIES, factory::company(1)).await.created();
    let lead: Value = admin.post(LEADS, factory::lead(1)).await.created();
    let all = [("contact", CONTACTS, &contact), ("company", COMPANIES, &company), ("lead", LEADS, &lead)];
    let links: Vec<Value> = all.iter().map(|(kind, _, record)| link(kind, record)).collect();
    let body = json!({"kind": "meeting", "subject": "All", "links": links});
    let meeting: Value = admin.post(ACTIVITIES, body).await.created();
    for (kind, of, record) in all {
        let record_path = format!("{of}/{}", factory::id(record));
        admin.delete(&record_path).await.no_content();
        let left: Value = admin.get(&path(&meeting)).await.ok();
        let expected: Vec<Value> = links.iter().filter(|link| link["type"] != kind).cloned().collect();
        assert_eq!(left["links"], json!(expected), "{kind} is deleted");
        // A change of the activity leaves what is hidden alone.
        admin.patch(&path(&meeting), json!({"subject": format!("Without a {kind}")})).await.status(200);
        admin.post(&format!("{record_path}/restore"), json!({})).await.status(200);
        let back: Value = admin.get(&path(&meeting)).await.ok();
        assert_eq!(back["links"], json!(links), "{kind} is restored");
    }
    // The activity's own deletion hides no link: it comes back with those whose records are there.
    admin.delete(&path(&meeting)).await.no_content();
    admin.delete(&format!("{CONTACTS}/{}", factory::id(&contact))).await.no_content();
    let restored: Value = admin.post(&super::restore(&meeting), json!({})).await.ok();
    assert_eq!(restored["links"], json!(links[1..]));
    admin.post(&format!("{CONTACTS}/{}/purge", factory::id(&contact)), json!({})).await.no_content();
    admin.delete(&format!("{LEADS}/{}", factory::id(&lead))).await.no_content();
    admin.post(&format!("{LEADS}/{}/purge", factory::id(&lead)), json!({})).await.no_content();
    let left: Value = admin.get(&path(&meeting)).await.ok();
    assert_eq!(left["links"], json!([link("company", &company)]));
    let rows: i64 = sqlx::query_scalar("select count(*) from tenon.activity_links")
        .fetch_one(&mut app.connect().await)
        .await
        .expect("counted");
    assert_eq!(rows, 1);
}
